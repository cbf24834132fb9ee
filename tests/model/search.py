"""Breadth first through every state of a small pool, with the shortest way to a fault.

From each state every possible event is made once. What follows is compared with what
was before (``monitors``), told everything a second time that is over, looked at
(``invariants``), and, if it is a new state, left to itself: answering every dial and
ending every lease must empty the queue.
"""

from __future__ import annotations

import gc
import math
import pickle
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from mooring._pool.core import PoolCore
from mooring._pool.model import PoolLimits
from tests.unit.pool.harness import Harness
from tests.unit.pool.invariants import Broken, check_memory
from tests.unit.pool.walk import Alphabet, Move, make, moves

from .canon import Canon
from .memento import Memento


@dataclass(frozen=True)
class Bounds:
    """How far a search goes: which pool, which events, how many tickets at once."""

    name: str
    limits: PoolLimits
    alphabet: Alphabet
    inline: bool = False
    """Whether each ticket's own thread dials."""
    depth: float = math.inf
    """Events in a row; without a limit the search ends when nothing new is found."""

    def start(self, core: Callable[..., PoolCore] = PoolCore) -> Harness:
        return Harness(self.limits, inline=self.inline, core=core)

    def canon(self) -> Canon:
        kinds = dict.fromkeys(self.alphabet.keys, 0)
        kinds |= dict.fromkeys(self.alphabet.shared_keys, 1)
        if self.alphabet.unlike:
            kinds = {key: n for n, key in enumerate(kinds)}
        limits = (self.limits, *self.alphabet.limits)
        ages = [each.max_connection_age for each in limits]
        spans = [
            *ages,
            *(each.keepalive_expiry for each in limits),
            *self.alphabet.keepalive,
            self.alphabet.pool_timeout,
            self.alphabet.connect_timeout,
            *self.alphabet.patient,
        ]
        horizon = max((s for s in spans if s < math.inf), default=0.0)
        return Canon(
            kinds,
            horizon,
            aging=min(ages) < math.inf,
            back=1.0 if "back" in self.alphabet.events else 0.0,
        )


@dataclass(frozen=True)
class Violation:
    """What broke, and the shortest way there."""

    number: int
    """Of the invariant; 0 if the core itself raised an error."""
    law: str
    sentence: str
    moves: tuple[Move, ...]

    def __str__(self) -> str:
        steps = [f"  {n}. {move}" for n, move in enumerate(self.moves, 1)]
        return "\n".join([f"{self.law}: {self.sentence}", *steps])


class TooLarge(Exception):
    """A search found more states than it was to find."""


@dataclass
class Result:
    """What a search has seen."""

    bounds: Bounds
    states: int = 0
    transitions: int = 0
    depth: int = 0
    seconds: float = 0.0
    violation: Violation | None = None
    reached: dict[bytes, int] = field(default_factory=dict)
    """The number of each state, by its key."""


def search(
    bounds: Bounds,
    core: Callable[..., PoolCore] = PoolCore,
    *,
    max_states: float = math.inf,
) -> Result:
    """Visit every state within *bounds*, until the first violation."""
    began = time.perf_counter()
    gc.collect()
    gc.disable()  # it would walk through the same few objects over and over
    try:
        result = _Search(bounds, core, max_states).run()
    finally:
        gc.enable()
    result.seconds = time.perf_counter() - began
    return result


class _Search:
    def __init__(
        self, bounds: Bounds, core: Callable[..., PoolCore], max_states: float
    ) -> None:
        self.bounds, self.core, self.max_states = bounds, core, max_states
        self.canon = bounds.canon()
        self.result = Result(bounds)
        self.todo: deque[tuple[int, int, bytes]] = deque()
        self.ways: list[tuple[int, Move | None]] = []
        """For each state: the one it was reached from, and by which move."""

    def run(self) -> Result:
        result = self.result
        h = self.bounds.start(self.core)
        h.stately = False
        self._enter(h, self.canon.key(h), (-1, None), 0)
        while self.todo and result.violation is None:
            number, depth, frozen = self.todo.popleft()
            if depth < self.bounds.depth:
                self._expand(number, depth, thaw(frozen))
            if number % 256 == 0:
                gc.collect()
        return result

    def _expand(self, number: int, depth: int, h: Harness) -> None:
        """Make every move from the state *number*, which *h* is in."""
        result = self.result
        before = Memento(h)
        for move in list(moves(h, self.bounds.alphabet)):
            before.restore()
            result.transitions += 1
            try:
                make(h, move)
                h.say_again()
                key = self.canon.key(h)
                if key not in result.reached:
                    self._enter(h, key, (number, move), depth + 1)
            except TooLarge:
                raise
            except Exception as error:
                result.violation = self._violation(error, number, move)
                return

    def _enter(
        self, h: Harness, key: bytes, way: tuple[int, Move | None], depth: int
    ) -> None:
        """Look at a new state and keep it for later; *h* is of no use afterwards."""
        result = self.result
        number = result.reached[key] = len(result.reached)
        result.states, result.depth = number + 1, depth
        if result.states > self.max_states:
            raise TooLarge(f"more than {self.max_states} states")
        self.ways.append(way)
        h.check()
        h.forget()
        check_memory(h.core)
        self.todo.append((number, depth, freeze(h)))
        h.checked = False
        h.drain_out()

    # -- the way to a fault -----------------------------------------------

    def _violation(self, error: Exception, number: int, last: Move) -> Violation:
        path = [*self._path(number), last]
        if isinstance(error, Broken):
            return Violation(error.number, error.law, error.sentence, tuple(path))
        sentence = f"{type(error).__name__}: {error}"
        return Violation(0, "the core itself objects", sentence, tuple(path))

    def _path(self, number: int) -> list[Move]:
        path = []
        while number > 0:
            number, move = self.ways[number]
            assert move is not None
            path.append(move)
        return path[::-1]


def freeze(h: Harness) -> bytes:
    return zlib.compress(pickle.dumps(h, pickle.HIGHEST_PROTOCOL), 1)


def thaw(frozen: bytes) -> Harness:
    h = pickle.loads(zlib.decompress(frozen))
    assert isinstance(h, Harness)
    return h


def replay(
    bounds: Bounds, path: tuple[Move, ...], core: Callable[..., PoolCore] = PoolCore
) -> Iterator[str]:
    """Make the moves of *path* again; tell each, what it made the pool do."""
    h = bounds.start(core)
    h.checked = h.stately = False
    for n, move in enumerate(path, 1):
        try:
            make(h, move)
        except Exception as error:
            yield f"  {n}. {move}  !! {error}"
            return
        yield f"  {n}. {move}  {list(h.effects) or ''}".rstrip()
        h.forget()
