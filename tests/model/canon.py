"""When two states of a pool are the same state: the key under which a search keeps it.

Two histories that differ only in names (which ticket is called 7, what the third
connection's number is, how long ago midnight was) have the same futures. A key leaves
such names out and keeps *everything else that hangs on the core*: an attribute that
this file does not know is taken as it is. Whether the merging is right is tested by
``audit``: states of one key must have successors of the same keys.
"""

from __future__ import annotations

import enum
import hashlib
import marshal
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from typing import Any

from mooring._pool import model
from mooring._pool.alarms import Alarms
from mooring._pool.chain import Chain, Link
from mooring._pool.core import PoolCore
from mooring._pool.model import Connection, Host, PoolLimits, Ticket
from mooring._pool.queue import Queue
from tests.unit.pool.harness import Harness
from tests.unit.pool.invariants import ASSIGNED, DIALING, IDLE, PARKED, rank

from .memento import slots

# fmt: off
OMITTED: dict[type, frozenset[str]] = {
    PoolCore: frozenset((
        # Counters: they are checked against each other at every move.
        "_counts", "_closed", "_waited", "_longest_wait", "_last_seq", "_last_number",
        "_more_leases",
        # Only shown.
        "last_failure",
    )),
    Ticket: frozenset((
        # Names: its place in the list of tickets, by age, stands for them.
        "seq", "rank", "key", "host",
        # Only ever compared with itself, and only shown.
        "generation", "asked_at", "queued_at", "granted_at",
        # The shell's.
        "waiter", "core", "holder",
    )),
    Connection: frozenset(("number", "driver", "task", "leaving")),
    Host: frozenset(("number", "key", "last_failure")),
}
# fmt: on
TIMES = {
    PoolCore: {"due"},
    Ticket: {"deadline"},
    Connection: {"retire_at", "alarm"},
}


class Canon:
    """Makes keys for the states of one search.

    Args:
        kinds: which keys of hosts may be exchanged for each other: those of one number.
        horizon: seconds after which more time makes no difference.
        aging: whether connections have a maximum age, or may be given one.
        back: seconds by which the clock may be set back, once.
    """

    def __init__(
        self,
        kinds: Mapping[Hashable, int],
        horizon: float = 0.0,
        *,
        aging: bool = False,
        back: float = 0.0,
    ) -> None:
        self.kinds = kinds
        self.horizon = horizon
        self.aging = aging
        self.back = back
        self._limits: dict[PoolLimits, int] = {}

    def number(self, limits: PoolLimits) -> int:
        """Short for all that *limits* say."""
        return self._limits.setdefault(limits, len(self._limits))

    def key(self, h: Harness) -> bytes:
        """What decides the future of *h*, as a digest of 128 bits."""
        facts: Any = Names(self, h).facts()
        # Version 2 knows no references: equal facts give equal bytes.
        return hashlib.blake2b(marshal.dumps(facts, 2), digest_size=16).digest()


class Names:
    """Names for the objects of one state that do not depend on how it came about."""

    def __init__(self, canon: Canon, h: Harness) -> None:
        self.canon, self.h, self.core = canon, h, h.core
        self.horizon = canon.horizon + (0.0 if h.went_back else canon.back)
        core = h.core
        self.tickets = sorted(h.alive(), key=lambda t: t.seq)
        self.places = sorted(map(rank, self.tickets))
        self.ranks = {t: n for n, t in enumerate(self.tickets)}
        self.connections = self._in_order(core)
        self.numbers = {c: n for n, c in enumerate(self.connections)}
        self.keys = self._keys(core)
        self.hosts = sorted(core.hosts.values(), key=lambda host: self.keys[host.key])
        self.chains: dict[int, int] = {}
        for n, owner in enumerate((core, *self.hosts)):
            for m, name in enumerate(chains(owner)):
                self.chains[id(getattr(owner, name))] = 1 + 100 * n + m

    def _in_order(self, core: PoolCore) -> list[Connection]:
        """All connections: by the tickets on them, then in the order of idleness."""
        found: dict[Connection, None] = {}
        for ticket in self.tickets:
            if ticket.connection is not None:
                found[ticket.connection] = None
            if ticket.dial is not None:
                found[ticket.dial] = None
        found |= dict.fromkeys(core.idle_order)
        found |= dict.fromkeys(core.spare_order)
        rest = [c for c in core.connections.values() if c not in found]
        rest.sort(key=lambda c: (str(c.host.key), c.state.value))
        return [*found, *rest]

    def _keys(self, core: PoolCore) -> dict[Hashable, int]:
        """Numbers for the keys, in order of appearance among those of their kind."""
        found: dict[Hashable, int] = {}
        kinds = self.canon.kinds
        seen = [0] * 10
        for key in self._mentioned(core):
            if key not in found:
                kind = kinds[key]
                found[key] = 10 * kind + seen[kind]
                seen[kind] += 1
        return found

    def _mentioned(self, core: PoolCore) -> Iterator[Hashable]:
        for ticket in self.tickets:
            yield ticket.key
        for connection in self.connections:
            yield connection.host.key
        yield from core.hosts
        yield from self.canon.kinds  # of what is left, any order is as good

    # -- facts ------------------------------------------------------------

    def facts(self) -> tuple[object, ...]:
        h = self.h
        return (
            h.went_back,
            h.lowered,
            h.is_closing,
            h.is_closed,
            h.emptied,
            [self._marks(t) for t in self.tickets],
            [self.all(t) for t in self.tickets],
            [self.all(c) for c in self.connections],
            [(self.keys[x.key], self.all(x)) for x in self.hosts],
            self.all(self.core),
        )

    def _marks(self, ticket: Ticket) -> object:
        """What the monitors remember of *ticket*, its age and its host."""
        return self.keys[ticket.key], self.h.overtaken.get(ticket, 0)

    def all(self, item: object) -> list[object]:
        """Every attribute of *item* that may matter, encoded."""
        facts: list[object] = []
        for name, special in plan(item):
            value = getattr(item, name, None)
            if special is not None:
                facts.append(special(self, item, value))
            elif type(value) in SIMPLE:
                facts.append(value)
            else:
                facts.append(self.encode(value))
        return facts

    def encode(self, value: Any) -> Any:
        cls = type(value)
        if cls in SIMPLE:
            return value
        encoder = ENCODERS.get(cls)
        if encoder is not None:
            return encoder(self, value)
        return (cls.__name__.encode(), self.all(value))

    def time(self, at: float) -> float:
        return max(at - self.h.now, -self.horizon) + 0.0  # never an int, never -0

    def place(self, rank: int) -> int:
        """Where *rank*, of a ticket that may be gone, stands among the living."""
        at = bisect_left(self.places, rank)
        return 2 * at + (at < len(self.places) and self.places[at] == rank)


# -- how things are encoded -----------------------------------------------

SIMPLE = frozenset((int, float, bool, type(None)))


def _all_of(names: Names, items: Iterable[object]) -> object:
    return [names.encode(item) for item in items]


def _set(names: Names, items: Iterable[object]) -> object:
    return sorted(map(names.encode, items))


def _map(names: Names, items: Mapping[object, object]) -> object:
    return sorted((names.encode(k), names.encode(v)) for k, v in items.items())


def _queue(names: Names, queue: Queue) -> object:
    last = [(level, names.ranks.get(t, -1)) for level, t in queue._last.items()]
    return [names.ranks.get(t, -1) for t in queue], sorted(last)


def _alarms(names: Names, alarms: Alarms) -> object:
    """Entries of what is closed, and older ones, ring for nobody."""
    found = []
    for at, number in alarms._heap:
        connection = names.core.connections.get(number)
        if connection is not None and connection.alarm == at:
            found.append((names.numbers[connection], names.time(at)))
    return sorted(found)


def _text(names: Names, text: str) -> int:
    if text in names.keys:
        return names.keys[text]
    return -int.from_bytes(text.encode(), "big")


ENCODERS: dict[type, Callable[[Names, Any], object]] = {
    Ticket: lambda names, t: names.ranks.get(t, -1),
    Connection: lambda names, c: names.numbers.get(c, -1),
    Host: lambda names, host: names.keys.get(host.key, -1),
    Link: lambda names, link: names.chains.get(id(link.chain), 0),
    PoolLimits: lambda names, x: names.canon.number(x),
    Chain: _all_of,
    Queue: _queue,
    Alarms: _alarms,
    str: _text,
    list: _all_of,
    tuple: _all_of,
    set: _set,
    dict: _map,
    OrderedDict: _map,
}


def _number_members() -> None:
    members = [
        member
        for cls in vars(model).values()
        if isinstance(cls, enum.EnumMeta)
        for member in list[enum.Enum](cls)
    ]
    codes = {id(member): n for n, member in enumerate(members)}
    for member in members:
        ENCODERS[type(member)] = lambda names, value: codes[id(value)]


_number_members()


# -- what is not taken as it is -------------------------------------------

Special = Callable[[Names, Any, Any], object]


def _time(names: Names, item: object, value: float) -> float:
    return names.time(value)


def _served(names: Names, c: Connection, value: int) -> object:
    """Only "never used" matters, and each lease that never began is taken off again.

    And how many more uses there may be, where that is limited.
    """
    unbegun = sum(t.state is ASSIGNED for t in c.tickets)
    return min(value, 1 + unbegun), c.quota - value


def _allowance(names: Names, c: Connection, value: float) -> float:
    """(A quota counts all uses since the beginning; what is left of it counts.)"""
    return value - c.served


def _while_dialing(names: Names, c: Connection, value: float) -> float:
    return names.time(value) if c.state is DIALING else 0.0


def _while_resting(names: Names, c: Connection, value: float) -> float:
    return names.time(value) if c.state in (IDLE, PARKED) else 0.0


def _if_aging(names: Names, c: Connection, value: float) -> float:
    """(What follows from it now stands in ``retire_at``.)"""
    return names.time(value) if names.canon.aging else 0.0


def _enlisted(names: Names, host: Host, value: int) -> int:
    """Where nobody waits, an entry among the blocked is only there to be dropped."""
    return names.place(value) if value and host.waiting.length else -1


def _blocked(names: Names, core: PoolCore, value: list[Any]) -> object:
    counting = {
        (names.place(rank), names.keys[host.key])
        for rank, _, host in value
        if host.waiting.length and rank == host.enlisted_rank
    }
    return bool(value), sorted(counting)


def _roll(names: Names, core: PoolCore, value: Mapping[Any, object]) -> object:
    """(Its members are encoded one by one.)"""
    return len(value)


SPECIAL: dict[type, dict[str, Special]] = {
    PoolCore: {"connections": _roll, "hosts": _roll, "_blocked": _blocked},
    Connection: {
        "served": _served,
        "quota": _allowance,
        "allowed": _allowance,
        "since": _while_dialing,
        "idle_since": _while_resting,
        "opened_at": _if_aging,
    },
    Host: {"enlisted_rank": _enlisted},
}
_plans: dict[type, list[tuple[str, Special | None]]] = {}
_known: dict[type, set[str]] = {}
_chains: dict[type, list[str]] = {}


def plan(item: object) -> list[tuple[str, Special | None]]:
    """The attributes of *item* that may matter, in a fixed order, and how."""
    cls = type(item)
    known = _plans.get(cls)
    if known is not None and not vars_of(item) <= _known[cls]:
        known = None  # it was given an attribute that none had before
    if known is None:
        base = PoolCore if issubclass(cls, PoolCore) else cls
        names = set(slots(cls)) | vars_of(item) | _known.get(cls, set())
        _known[cls] = names
        if base is Ticket:  # most stand on the class until they differ
            names |= set(Ticket.__annotations__)
            names |= {n for n in vars(Ticket) if not n.startswith("__")}
        ways: dict[str, Special] = dict.fromkeys(TIMES.get(base, ()), _time)
        ways |= SPECIAL.get(base, {})
        wanted = sorted(names - OMITTED.get(base, frozenset()))
        known = _plans[cls] = [(name, ways.get(name)) for name in wanted]
        _chains[cls] = [n for n in wanted if isinstance(getattr(item, n, None), Chain)]
    return known


def vars_of(item: object) -> set[str]:
    return set(getattr(item, "__dict__", ()))


def chains(item: object) -> list[str]:
    """Which attributes of *item* are chains."""
    plan(item)
    return _chains[type(item)]
