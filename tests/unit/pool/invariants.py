"""What must be true of a pool core at every moment, recomputed from its objects.

Numbers and names are those of docs/concepts/proof.md. Nothing here trusts a counter
or a list of the core that it can derive from something else. What can only be said of
two moments is in ``monitors``.
"""

from __future__ import annotations

import gc
import math
from collections import Counter, OrderedDict
from collections.abc import Callable, Container, Iterable, Iterator
from functools import cached_property

from mooring._pool.alarms import Alarms
from mooring._pool.chain import Chain, Link
from mooring._pool.core import PoolCore
from mooring._pool.ledger import MAX_HINTS
from mooring._pool.limits import lifetime, limit_for
from mooring._pool.model import (
    PRIORITY_STEP,
    Connection,
    ConnectionState,
    Host,
    Protocol,
    Ticket,
    TicketState,
)
from mooring._pool.queue import Queue
from mooring._pool.stats import PoolStats

DIALING = ConnectionState.DIALING
IDLE = ConnectionState.IDLE
BUSY = ConnectionState.BUSY
PARKED = ConnectionState.PARKED
DRAINING = ConnectionState.DRAINING
DETACHED = ConnectionState.DETACHED
CLOSED = ConnectionState.CLOSED
QUEUED = TicketState.QUEUED
ASSIGNED = TicketState.ASSIGNED
ACTIVE = TicketState.ACTIVE
LEASED = (ASSIGNED, ACTIVE)

LAWS = {
    1: "limit",
    2: "host limit",
    3: "idle limit",
    4: "list agreement",
    5: "lease bijection",
    6: "exclusive HTTP/1.1",
    7: "stream cap",
    8: "no waiter beside a free connection",
    9: "no waiter beside a free slot",
    10: "cover",
    11: "progress",
    12: "drain-out",
    13: "first come, first served",
    14: "bounded overtaking",
    15: "single outcome",
    16: "terminal tickets own nothing",
    17: "cancel neutrality",
    18: "idempotent release",
    19: "no resurrection",
    20: "closed pool",
    21: "no dead lease",
    22: "no over-dial",
    23: "ghost freedom",
    24: "effect order",
    25: "failure scope",
    26: "GOAWAY",
    27: "retry bound",
    28: "monotone idle order",
    29: "conservation",
    30: "bounded memory",
    31: "bounded work",
    32: "clock",
    33: "metrics",
}


class Broken(AssertionError):
    """An invariant does not hold; the text says which one and how."""

    def __init__(self, number: int, sentence: str) -> None:
        super().__init__(number, sentence)
        self.number = number
        self.law = f"{number} {LAWS[number]}"
        self.sentence = sentence

    def __str__(self) -> str:
        return f"invariant {self.law}: {self.sentence}"


class Picture:
    """The raw objects of a core, gathered without its counters."""

    def __init__(
        self, core: PoolCore, tickets: Iterable[Ticket], *, lowered: bool = False
    ) -> None:
        self.core = core
        self.lowered = lowered
        self.tickets = list(tickets)
        self.connections = list(core.connections.values())
        self.hosts = list(core.hosts.values())
        self.queued = [t for h in self.hosts for q in queues(h) for t in q]
        self.leases = [(c, t) for c in self.connections for t in c.tickets]
        self.dialing = [c for c in self.connections if c.state is DIALING]
        self.resting = [c for c in self.connections if c.state in (IDLE, PARKED)]
        self._of_host: dict[Host, list[Connection]] = {}
        for c in self.connections:
            self._of_host.setdefault(c.host, []).append(c)

    @cached_property
    def stats(self) -> PoolStats:
        return self.core.stats()

    def of_state(self, *states: ConnectionState) -> list[Connection]:
        return [c for c in self.connections if c.state in states]

    def counted(self, connections: list[Connection]) -> int:
        """How many of *connections* a limit must cover."""
        if self.lowered:
            return sum(not is_leaving(c) for c in connections)
        return len(connections)

    def of_host(self, host: Host) -> list[Connection]:
        return self._of_host.get(host, [])


def queues(host: Host) -> tuple[Queue, Queue]:
    return host.covered, host.waiting


def rank(ticket: Ticket) -> int:
    """Its place among those that wait: by priority, then by age."""
    return ticket.seq - ticket.priority * PRIORITY_STEP


def is_leaving(connection: Connection) -> bool:
    """Say whether it goes when those who are on it, or wait for it, are done."""
    if connection.state is DIALING:
        return connection.quota <= 1
    return connection.state in (DRAINING, DETACHED)


def overdue(core: PoolCore, now: float) -> list[Connection]:
    """The open connections whose time is over at *now*, from the facts alone."""
    limits = core.limits
    late = []
    kept: Counter[Host] = Counter()
    for c in reversed([*core.connections.values()]):
        age = lifetime(limits, c.number, core.seed)
        if c.state in (IDLE, BUSY, PARKED) and now >= c.opened_at + age:
            late.append(c)
    for c in reversed([*core.idle_order]):
        kept[c.host] += c.state is IDLE
        rested = now - c.idle_since
        spared = c.state is IDLE and kept[c.host] <= limits.min_idle
        expired = rested >= limits.keepalive_expiry and not spared
        if (expired or rested >= c.keepalive) and c not in late:
            late.append(c)
    return late


def seats(connection: Connection) -> int:
    """Room on *connection*, from the facts alone."""
    return connection.cap - connection.zombies - len(connection.tickets)


def wanting(core: PoolCore, host: Host) -> Ticket | None:
    """The ticket of *host* that should get the next slot, if one should.

    A connection nobody can use (parked) does not count against limits of its
    own host: it can be closed for a better one.
    """
    first = host.waiting.first
    if first is None:
        return None
    mine = [c for c in core.connections.values() if c.host is host]
    parked = sum(c.state is PARKED for c in mine)
    if len(mine) - parked >= limit_for(core.limits, host.key):
        return None
    if host.hint is Protocol.HTTP1:
        return first
    if any(c.state is DIALING and c.sponsor is not None for c in mine):
        return None
    shared = sum(c.protocol is Protocol.HTTP2 and c.state in (IDLE, BUSY) for c in mine)
    return first if shared < core.limits.max_shared_per_host else None


MONOTONE_IDLE_ORDER = 28
BOOKS = (29, 33)
"""Laws of the accounts. Most faults upset them, too, so they are asked last."""
Check = Callable[[Picture], Iterator[str]]
INVARIANTS: list[tuple[int, Check]] = []
"""Each law that can be read off one moment; some take several functions."""


def invariant(number: int) -> Callable[[Check], Check]:
    def enter(check: Check) -> Check:
        INVARIANTS.append((number, check))
        return check

    return enter


def check(
    core: PoolCore,
    tickets: Iterable[Ticket] = (),
    *,
    went_back: bool = False,
    lowered: bool = False,
    only: Container[int] = LAWS,
) -> None:
    """Raise ``Broken`` if any invariant fails.

    Args:
        tickets: all there ever were.
        went_back: the clock did; the order of ages means nothing any more.
        lowered: a limit was, and what is over it may still be on its way out.
        only: the numbers of those to be looked at.
    """
    picture = Picture(core, tickets, lowered=lowered)
    for number, holds in INVARIANTS:
        if number not in only or (went_back and number == MONOTONE_IDLE_ORDER):
            continue
        for sentence in holds(picture):
            raise Broken(number, sentence)


@invariant(1)
def _limit(p: Picture) -> Iterator[str]:
    count, allowed = p.counted(p.connections), p.core.limits.max_connections
    if count > allowed:
        yield f"{count} connections, {allowed} allowed"
    if p.core.total != len(p.connections):
        yield f"total says {p.core.total}, there are {len(p.connections)}"


@invariant(2)
def _host_limit(p: Picture) -> Iterator[str]:
    for host in p.hosts:
        mine, allowed = p.of_host(host), limit_for(p.core.limits, host.key)
        if p.counted(mine) > allowed:
            yield f"{host.key} has {p.counted(mine)} of {allowed}"
        if host.count != len(mine):
            yield f"{host.key} says it has {host.count}, there are {len(mine)}"
        if host.limit != allowed:
            yield f"{host.key} says it may have {host.limit}, not {allowed}"


@invariant(3)
def _idle_limit(p: Picture) -> Iterator[str]:
    if len(p.resting) > p.core.limits.max_keepalive:
        allowed = p.core.limits.max_keepalive
        yield f"{len(p.resting)} at rest, {allowed} may be kept"


@invariant(4)
def _chains(p: Picture) -> Iterator[str]:
    """Each chain is linked both ways, counts right and knows its links."""
    chains: list[Chain[Ticket] | Chain[Connection]] = [
        p.core.idle_order,
        p.core.spare_order,
    ]
    for h in p.hosts:
        chains += [h.idle, h.offer, h.parked, h.dialing, h.spare, *queues(h)]
    for chain in chains:
        end = chain.end
        link, length = end.next, 0
        while link is not end and length <= chain.length:
            if link.chain is not chain or link.next.prev is not link:
                yield f"{link.owner!r} is linked wrongly"
            link, length = link.next, length + 1
        if length != chain.length or end.next.prev is not end:
            yield f"a chain says it has {chain.length}, it has {length} or more"


@invariant(4)
def _levels(p: Picture) -> Iterator[str]:
    """Each queue knows the last ticket of each priority."""
    for host in p.hosts:
        for queue in queues(host):
            last = {-t.priority: t for t in queue}
            if queue._last != last or queue._levels != sorted(last):
                yield f"a queue of {host.key} has lost count of its priorities"


@invariant(4)
def _membership(p: Picture) -> Iterator[str]:
    """A connection is in exactly the chains that its facts imply."""
    for c in p.connections:
        spot, age = _places(p, c)
        if c.spot.chain is not spot:
            yield f"{c!r} is in the wrong chain of its host"
        if c.age.chain is not age:
            yield f"{c!r} is in the wrong chain of the pool"
        if p.core.hosts.get(c.host.key) is not c.host:
            yield f"{c!r} belongs to a host that the pool forgot"
        if p.core.connections.get(c.number) is not c:
            yield f"{c!r} is entered under another number"


def _places(
    p: Picture, c: Connection
) -> tuple[Chain[Connection] | None, Chain[Connection] | None]:
    """Where *c* belongs: in a chain of its host, and in one of the pool."""
    host, core = c.host, p.core
    if c.state is IDLE:
        return host.idle, core.idle_order
    if c.state is PARKED:
        return host.parked, core.idle_order
    if c.state is BUSY:
        return host.offer if seats(c) > 0 else None, None
    if c.state is not DIALING:
        return None, None
    return (host.spare, core.spare_order) if c.sponsor is None else (host.dialing, None)


@invariant(4)
def _state(p: Picture) -> Iterator[str]:
    """The state of a connection says what is on it."""
    for c in p.connections:
        if c.state in (BUSY, DRAINING):
            if not c.tickets:
                yield f"{c!r} has no lease"
        elif c.tickets:
            yield f"{c!r} has leases"
        if c.state is IDLE and seats(c) < 1:
            yield f"{c!r} has no room"
        if c.state is PARKED and seats(c) > 0:
            yield f"{c!r} has room"


@invariant(5)
def _leases(p: Picture) -> Iterator[str]:
    for c, t in p.leases:
        if t.connection is not c or t.state not in LEASED:
            yield f"{c!r} has a lease of {t!r}, which does not know of it"
    holders = Counter(t for _, t in p.leases)
    for t in p.tickets:
        expected = 1 if t.state in LEASED else 0
        if holders[t] != expected:
            yield f"{t!r} has {holders[t]} leases"


@invariant(6)
def _exclusive(p: Picture) -> Iterator[str]:
    for c in p.connections:
        if c.protocol is not Protocol.HTTP2 and len(c.tickets) > 1:
            yield f"{c!r} has {len(c.tickets)} leases"


@invariant(7)
def _zombies(p: Picture) -> Iterator[str]:
    """(The cap itself is looked at when a lease is granted.)"""
    for c in p.connections:
        if c.zombies < 0:
            yield f"{c!r} has {c.zombies} zombies"


@invariant(13)
def _age_order(p: Picture) -> Iterator[str]:
    for host in p.hosts:
        for queue in queues(host):
            ages = [t.rank for t in queue]
            if ages != sorted({rank(t) for t in queue}):
                yield f"a queue of {host.key} is out of order: {ages}"


@invariant(8)
def _waiter_beside_connection(p: Picture) -> Iterator[str]:
    for c in p.of_state(IDLE, BUSY):
        if seats(c) < 1:
            continue
        waiting = list(c.host.waiting)
        if not p.core.inline_dials:
            waiting += list(c.host.covered)
        if c.state is IDLE:
            waiting = [t for t in waiting if not t.distrusts_idle]
        if waiting:
            yield f"{waiting[0]!r} waits beside {c!r}"


@invariant(9)
def _waiter_beside_slot(p: Picture) -> Iterator[str]:
    for host in p.hosts:
        ticket = wanting(p.core, host)
        if ticket is None:
            continue
        if len(p.connections) < p.core.limits.max_connections:
            yield f"{ticket!r} waits beside a free slot"
        for c in p.resting + [c for c in p.dialing if c.sponsor is None]:
            yield f"{ticket!r} waits while nobody needs {c!r}"
        entries = {at for at, _, blocked in p.core._blocked if blocked is host}
        if host.enlisted_rank not in entries or host.enlisted_rank > rank(ticket):
            yield f"{host.key} is not on the list of the blocked"


@invariant(10)
def _cover(p: Picture) -> Iterator[str]:
    """A waiter without a dial has a reason: its own host is busy, or all is."""
    for host in p.hosts:
        first = host.waiting.first
        if first is None or wanting(p.core, host) is not None:
            continue
        states = {c.state for c in p.of_host(host)}
        if not states & {DIALING, BUSY, DRAINING, DETACHED}:
            yield f"nothing will ever serve {first!r}"


@invariant(10)
def _covered(p: Picture) -> Iterator[str]:
    """A dial that a ticket waits for is under way, and knows of it."""
    covered: Counter[Connection] = Counter()
    for host in p.hosts:
        for t in host.covered:
            if t.dial is None or t.dial.state is not DIALING or t.dial.host is not host:
                yield f"{t!r} is covered by {t.dial!r}"
            elif t.dial.sponsor is None:
                yield f"{t!r} waits for {t.dial!r}, which is said to be spare"
            else:
                covered[t.dial] += 1
        for t in host.waiting:
            if t.dial is not None:
                yield f"{t!r} waits without a dial, yet has {t.dial!r}"
    for c in p.connections:
        if c.cover != covered[c]:
            yield f"{c!r} says {c.cover} wait for it, {covered[c]} do"


@invariant(11)
def _progress(p: Picture) -> Iterator[str]:
    if p.queued and not p.of_state(DIALING, BUSY, DRAINING, DETACHED):
        yield f"{p.queued[0]!r} waits and no event can come"


@invariant(16)
def _terminal(p: Picture) -> Iterator[str]:
    queued = set(p.queued)
    for t in p.tickets:
        is_queued = t.state is QUEUED
        if is_queued != (t in queued) or is_queued != hasattr(t, "place"):
            yield f"{t!r} is in a queue or not, against its state"
        if not is_queued and t.dial is not None:
            yield f"{t!r} still has {t.dial!r}"
        if t.state not in LEASED and t.connection is not None:
            yield f"{t!r} still has {t.connection!r}"
        if not is_queued and t.deadline != math.inf:
            yield f"{t!r} still has a deadline"


@invariant(20)
def _closed(p: Picture) -> Iterator[str]:
    if p.core.is_closed and (p.queued or p.connections or p.hosts):
        yield "something is left in the closed pool"
    if p.core.is_closing and not p.core.is_closed and (p.queued or p.dialing):
        yield "the closing pool still waits for something"
    if p.core.is_closing and p.resting:
        yield f"the closing pool keeps {p.resting}"


@invariant(22)
def _over_dial(p: Picture) -> Iterator[str]:
    """Each wanted dial has a waiting sponsor of its own, and spares no one waits."""
    for host in p.hosts:
        wanted = [c for c in p.of_host(host) if c.state is DIALING and c.sponsor]
        for c in wanted:
            assert c.sponsor is not None
            if c.sponsor.dial is not c or c.sponsor.place.chain is not host.covered:
                yield f"{c!r} is said to be made for {c.sponsor!r}"
        exclusive = host.hint is Protocol.HTTP1 or p.core.inline_dials
        if exclusive and len(wanted) != len(host.covered):
            yield f"{host.key}: {len(wanted)} dials for {len(host.covered)} tickets"
        if host.spare and host.waiting:
            yield f"{host.waiting.first!r} waits beside a spare dial"
        if host.spare and p.core.inline_dials:
            yield f"{host.spare.first!r} has no thread"


@invariant(23)
def _ghosts(p: Picture) -> Iterator[str]:
    if p.tickets and not any(t.state is QUEUED or t.state in LEASED for t in p.tickets):
        for c in p.of_state(BUSY, DRAINING):
            yield f"{c!r} is held by nobody"
        for c in p.dialing:
            if c.sponsor is not None:
                yield f"{c!r} is made for nobody"


@invariant(28)
def _idle_order(p: Picture) -> Iterator[str]:
    since = [c.idle_since for c in p.core.idle_order]
    if since != sorted(since):
        yield f"idle since {since}, oldest first"
    for host in p.hosts:
        since = [c.idle_since for c in host.idle]
        if since != sorted(since):
            yield f"{host.key}: idle since {since}, oldest first"


@invariant(29)
def _conservation(p: Picture) -> Iterator[str]:
    stats = p.stats
    ended = stats.dials_ok + stats.dials_failed + stats.dials_aborted
    if stats.dials != ended + len(p.dialing):
        yield f"{stats.dials} dials, {ended} ended, {len(p.dialing)} go on"
    closed = sum(stats.closed.values())
    alive = len(p.connections) - len(p.dialing)
    if stats.dials_ok != closed + alive:
        yield f"{stats.dials_ok} opened, {closed} closed, {alive} open"


@invariant(30)
def _memory(p: Picture) -> Iterator[str]:
    for host in p.hosts:
        if not p.of_host(host) and not any(queues(host)):
            yield f"{host.key} is remembered for nothing"
    # Swept when it grows, so hosts that just left may still be in it.
    if len(p.core._blocked) > 2 * len(p.hosts) + 24:
        yield f"{len(p.core._blocked)} blocked of {len(p.hosts)} hosts"
    if len(p.core._alarms) > 2 * len(p.connections) + 24:
        yield f"{len(p.core._alarms)} alarms for {len(p.connections)} connections"
    if len(p.core._hints) > MAX_HINTS:
        yield f"{len(p.core._hints)} hosts are remembered for their protocol"


@invariant(33)
def _metrics(p: Picture) -> Iterator[str]:
    stats = p.stats
    expected = {
        "connections": len(p.connections),
        "dialing": len(p.dialing),
        "idle": len(p.resting),
        "busy": len(p.of_state(BUSY, DRAINING)),
        "draining": len(p.of_state(DRAINING)),
        "detached": len(p.of_state(DETACHED)),
        "queued": len(p.queued),
        "leases": len(p.leases),
        "streams": sum(
            len(c.tickets) + c.zombies
            for c in p.connections
            if c.protocol is Protocol.HTTP2
        ),
    }
    for name, number in expected.items():
        if getattr(stats, name) != number:
            yield f"{name} is {getattr(stats, name)}, should be {number}"
    for host in p.hosts:
        shared = sum(
            c.protocol is Protocol.HTTP2 and c.state in (IDLE, BUSY, PARKED)
            for c in p.of_host(host)
        )
        if host.shared != shared:
            yield f"{host.key} says {host.shared} shared, there are {shared}"
        queued = sum(len(queue) for queue in queues(host))
        if host.queued != queued:
            yield f"{host.key} says {host.queued} wait, there are {queued}"


PARTS = (PoolCore, Host, Connection, Ticket, Chain, Queue, Link, Alarms)
FOLLOWED = frozenset((*PARTS, dict, list, tuple, set, OrderedDict))
"""What a core is made of; all else (numbers, names, the shell's things) is a leaf."""


def remembered(core: PoolCore) -> list[object]:
    """Everything that *core* keeps alive."""
    found: list[object] = []
    seen = {id(core)}
    layer: list[object] = [core]
    while layer:
        found += layer
        layer = [
            item
            for item in gc.get_referents(*layer)
            if type(item) in FOLLOWED
            and id(item) not in seen
            # (add() returns None, so this enters each once.)
            and not seen.add(id(item))  # type: ignore[func-returns-value]
        ]
    return found


def check_memory(core: PoolCore) -> None:
    """Raise ``Broken`` if *core* can still reach much that is over.

    A link that left its chain may still point at its old neighbours. When those are
    closed they must not point further, or the dead would keep each other alive.
    """
    dead, links = 0, 0
    for item in remembered(core):
        if isinstance(item, Ticket) and item.state not in (QUEUED, *LEASED):
            raise Broken(16, f"{item!r} is over and remembered")
        if not isinstance(item, Connection):
            continue
        if item.state is not CLOSED:
            links += 2
            continue
        dead += 1
        for link in (item.spot, item.age):
            for side in ("prev", "next"):
                if getattr(link, side, link) is not link:
                    raise Broken(30, f"{item!r} is closed and keeps its neighbour")
    if dead > 2 * links:
        raise Broken(30, f"{dead} connections are closed and remembered")
