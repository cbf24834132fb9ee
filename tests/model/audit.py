"""Is the merging right? States of one key must have the same futures.

A search keeps one state of each key and drops the others. Here some of the others are
kept, too: each must allow as many moves as the one that stands for it, and they must
lead to states of the same keys. Where that is so, nothing is lost by the merging.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator

from tests.unit.pool.harness import Harness
from tests.unit.pool.walk import make, moves

from .canon import Canon
from .memento import Memento
from .search import Bounds, freeze, thaw


class NotTheSame(AssertionError):
    """Two states of one key have different futures."""


def audit(bounds: Bounds, *, canon: Canon | None = None, samples: int = 2) -> int:
    """Compare *samples* more states of each key with the first; count comparisons."""
    canon = canon or bounds.canon()
    futures: dict[bytes, Counter[tuple[str, bytes]]] = {}
    entered: Counter[bytes] = Counter()
    comparisons = 0
    start = bounds.start()
    start.stately = False
    todo = deque([(canon.key(start), freeze(start))])
    while todo:
        key, frozen = todo.popleft()
        future: Counter[tuple[str, bytes]] = Counter()
        h = thaw(frozen)
        for verb, following in _steps(bounds, canon, h):
            future[verb, following] += 1
            if entered[following] <= samples:
                entered[following] += 1
                todo.append((following, freeze(h)))
        if futures.setdefault(key, future) != future:
            differences = (futures[key] - future) + (future - futures[key])
            raise NotTheSame(f"by {sorted({verb for verb, _ in differences})}")
        comparisons += 1
    return comparisons - len(futures)


def _steps(bounds: Bounds, canon: Canon, h: Harness) -> Iterator[tuple[str, bytes]]:
    """Make each move from the state of *h*; yield what it was and led to."""
    before = Memento(h)
    for move in list(moves(h, bounds.alphabet)):
        before.restore()
        make(h, move)
        h.forget()
        yield move.verb, canon.key(h)
