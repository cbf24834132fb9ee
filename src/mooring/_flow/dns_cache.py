"""What names resolve to, remembered for a while, and asked for once at a time.

1. Everybody who asks while a lookup runs gets that lookup's outcome, kept or not.
2. The one who leads carries the lookup out; if it leaves, the next in line leads.
3. A lookup that runs by itself has no leader and outlives all who wait for it.
4. Failures are remembered too, for a shorter time.
5. A lookup that takes too long is joined by nobody: the next to ask starts anew.
6. Nothing here waits or wakes: the caller does, as told, under a lock of its own.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

__all__ = ["DNSCache", "Failed", "Found", "Lookup", "Outcome"]

# getaddrinfo does not tell how long its answer holds. Ten seconds spare nearly all
# lookups, and no switch of a service to another address goes unnoticed for long.
TTL = 10.0
FAILURE_TTL = 1.0
MAX_TTL = 300.0
MAX_NAMES = 1024
PATIENCE = 30.0  # about what resolvers take to give up on dead name servers

A = TypeVar("A")


@dataclass(frozen=True, slots=True)
class Found(Generic[A]):
    """The name has these addresses."""

    addresses: tuple[A, ...]


@dataclass(frozen=True, slots=True)
class Failed:
    """The lookup came to nothing.

    Many get to see *error*: raise another one from it, never itself.
    """

    error: Exception


Outcome: TypeAlias = Found[A] | Failed


class Lookup(Generic[A]):
    """One question that is being asked, and those who wait for the answer."""

    __slots__ = ("_askers", "_is_led", "began", "leader", "name", "outcome")

    def __init__(self, name: Hashable, asker: object, began: float) -> None:
        self.name = name
        self.began = began
        # Not a plain dict: its first key is slow to find once many have left.
        self._askers: OrderedDict[object, None] = OrderedDict({asker: None})
        self._is_led = True
        self.leader: object | None = asker
        """The asker who is to carry the lookup out; None if it runs by itself."""
        self.outcome: Outcome[A] | None = None
        """What came of it; None as long as it runs."""

    @property
    def askers(self) -> tuple[object, ...]:
        """Those who wait, the first first."""
        return tuple(self._askers)

    @property
    def is_dead(self) -> bool:
        """Nobody is left to carry it out."""
        return self._is_led and self.leader is None and self.outcome is None

    def runs_by_itself(self) -> None:
        """Take note that the lookup no longer depends on any asker."""
        self._is_led = False
        self.leader = None

    def _join(self, asker: object) -> None:
        self._askers[asker] = None

    def _leave(self, asker: object) -> object | None:
        self._askers.pop(asker, None)
        if self.leader is not asker:
            return None
        self.leader = next(iter(self._askers), None)
        return self.leader

    def _end(self, outcome: Outcome[A]) -> tuple[object, ...]:
        self.outcome = outcome
        self.leader = None
        waiting = self.askers
        self._askers.clear()
        return waiting


class DNSCache(Generic[A]):
    """Outcomes by name, and the lookups that are under way.

    *ttl* is for answers that do not tell their own, *failure_ttl* for failures that
    do not; *max_ttl* caps what they tell. 0 remembers nothing, and still asks once.
    Names not asked for in the longest time go when there are more than *max_names*.

    >>> cache = DNSCache[str]()
    >>> lookup = cache.ask("example.org", "alice", now=0.0)
    >>> cache.ask("example.org", "bob", now=0.5) is lookup, lookup.leader
    (True, 'alice')
    >>> cache.found(lookup, ["192.0.2.1"], now=1.0)
    ('alice', 'bob')
    >>> cache.ask("example.org", "carol", now=9.0)
    Found(addresses=('192.0.2.1',))
    """

    __slots__ = (
        "_failure_ttl",
        "_known",
        "_max_names",
        "_max_ttl",
        "_patience",
        "_running",
        "_ttl",
        "hits",
        "lookups",
    )

    def __init__(
        self,
        *,
        ttl: float = TTL,
        failure_ttl: float = FAILURE_TTL,
        max_ttl: float = MAX_TTL,
        max_names: int = MAX_NAMES,
        patience: float = PATIENCE,
    ) -> None:
        self._ttl = ttl
        self._failure_ttl = failure_ttl
        self._max_ttl = max_ttl
        self._max_names = max_names
        self._patience = patience
        # In the order in which names were last asked for.
        self._known: OrderedDict[Hashable, tuple[float, Outcome[A]]] = OrderedDict()
        self._running: dict[Hashable, Lookup[A]] = {}
        self.hits = 0
        """Questions answered from memory."""
        self.lookups = 0
        """Lookups begun."""

    def __len__(self) -> int:
        """Return how many names are remembered, some perhaps no longer valid."""
        return len(self._known)

    @property
    def running(self) -> int:
        """How many lookups are under way."""
        return len(self._running)

    def ask(
        self, name: Hashable, asker: object, *, now: float
    ) -> Outcome[A] | Lookup[A]:
        """Return what is known of *name*, or the lookup to lead or to wait for.

        *asker* stands for one wait and is not used for two at a time. It leads if
        it is ``lookup.leader``. Whoever stops waiting before there is an
        ``outcome`` says so by ``left``.
        """
        remembered = self._remembered(name, now)
        if remembered is not None:
            self.hits += 1
            return remembered
        lookup = self._running.get(name)
        if lookup is not None and now - lookup.began < self._patience:
            lookup._join(asker)
            return lookup
        self.lookups += 1
        lookup = self._running[name] = Lookup(name, asker, now)
        return lookup

    def found(
        self,
        lookup: Lookup[A],
        addresses: Iterable[A],
        *,
        now: float,
        ttl: float | None = None,
    ) -> tuple[object, ...]:
        """Take in the answer, and for how long it holds; return whom to wake."""
        lifetime = self._ttl if ttl is None else ttl
        return self._ended(lookup, Found(tuple(addresses)), now, lifetime)

    def failed(
        self,
        lookup: Lookup[A],
        error: Exception,
        *,
        now: float,
        ttl: float | None = None,
    ) -> tuple[object, ...]:
        """Take in that there is no answer; return whom to wake.

        *ttl* is 0 where the failure says nothing of the name, such as a name
        server that did not answer.
        """
        lifetime = self._failure_ttl if ttl is None else ttl
        return self._ended(lookup, Failed(error), now, lifetime)

    def left(self, lookup: Lookup[A], asker: object) -> object | None:
        """Take note that *asker* waits no longer; return whom to wake, if anybody.

        That one finds no outcome and itself in the lead. A lookup that was led and
        is left by all is forgotten. Idempotent.
        """
        heir = lookup._leave(asker)
        if lookup.is_dead:
            self.abandoned(lookup)
        return heir

    def abandoned(self, lookup: Lookup[A]) -> None:
        """Take note that a lookup nobody waits for is not carried to its end."""
        if self._running.get(lookup.name) is lookup:
            del self._running[lookup.name]

    def forget(self, name: Hashable) -> None:
        """Ask anew the next time, for instance when no address of *name* answers.

        A lookup under way is not joined any more; who waits for it still gets it.
        """
        self._known.pop(name, None)
        self._running.pop(name, None)

    def clear(self) -> None:
        """Forget all names, for instance when the network has changed."""
        self._known.clear()
        self._running.clear()

    def _remembered(self, name: Hashable, now: float) -> Outcome[A] | None:
        entry = self._known.get(name)
        if entry is None:
            return None
        until, outcome = entry
        if now >= until:
            del self._known[name]
            return None
        self._known.move_to_end(name)
        return outcome

    def _ended(
        self, lookup: Lookup[A], outcome: Outcome[A], now: float, ttl: float
    ) -> tuple[object, ...]:
        if lookup.outcome is not None:
            return ()
        # A lookup that was forgotten meanwhile has an answer that may be out of date.
        if self._running.get(lookup.name) is lookup:
            del self._running[lookup.name]
            if ttl > 0:
                self._remember(lookup.name, now + min(ttl, self._max_ttl), outcome)
        return lookup._end(outcome)

    def _remember(self, name: Hashable, until: float, outcome: Outcome[A]) -> None:
        self._known[name] = until, outcome
        self._known.move_to_end(name)
        if len(self._known) > self._max_names:
            self._known.popitem(last=False)
