"""What must be true of a pool core at every moment, recomputed from its objects.

Numbers are those of the pool's design. Nothing here trusts a counter or a list
of the core that it can derive from something else.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from mooring._pool.chain import Chain
from mooring._pool.core import PoolCore
from mooring._pool.model import (
    Connection,
    ConnectionState,
    Host,
    Protocol,
    Ticket,
    TicketState,
)

DIALING = ConnectionState.DIALING
IDLE = ConnectionState.IDLE
BUSY = ConnectionState.BUSY
PARKED = ConnectionState.PARKED
DRAINING = ConnectionState.DRAINING
DETACHED = ConnectionState.DETACHED
LEASED = (TicketState.ASSIGNED, TicketState.ACTIVE)


class Broken(AssertionError):
    """An invariant does not hold; the text says which one and how."""


class Picture:
    """The raw objects of a core, gathered without its counters."""

    def __init__(self, core: PoolCore, tickets: Iterable[Ticket]) -> None:
        self.core = core
        self.tickets = list(tickets)
        self.connections = list(core.connections.values())
        self.hosts = list(core.hosts.values())
        self.queued = [t for h in self.hosts for q in queues(h) for t in q]
        self.leases = [(c, t) for c in self.connections for t in c.tickets]

    def of_state(self, *states: ConnectionState) -> list[Connection]:
        return [c for c in self.connections if c.state in states]

    def of_host(self, host: Host) -> list[Connection]:
        return [c for c in self.connections if c.host is host]


def queues(host: Host) -> tuple[Chain[Ticket], Chain[Ticket]]:
    return host.covered, host.waiting


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
    if len(mine) - parked >= core.limits.max_per_host:
        return None
    if host.hint is Protocol.HTTP1:
        return first
    if any(c.state is DIALING and c.sponsor is not None for c in mine):
        return None
    shared = sum(c.protocol is Protocol.HTTP2 and c.state in (IDLE, BUSY) for c in mine)
    return first if shared < core.limits.max_shared_per_host else None


Check = Callable[[Picture], Iterator[str]]
INVARIANTS: dict[str, Check] = {}


def invariant(name: str) -> Callable[[Check], Check]:
    def enter(check: Check) -> Check:
        INVARIANTS[name] = check
        return check

    return enter


def check(core: PoolCore, tickets: Iterable[Ticket] = ()) -> None:
    """Raise ``Broken`` if any invariant fails. *tickets*: all there ever were."""
    picture = Picture(core, tickets)
    for name, holds in INVARIANTS.items():
        for sentence in holds(picture):
            raise Broken(f"invariant {name}: {sentence}")


@invariant("1 limit")
def _limit(p: Picture) -> Iterator[str]:
    if len(p.connections) > p.core.limits.max_connections:
        allowed = p.core.limits.max_connections
        yield f"{len(p.connections)} connections, {allowed} allowed"
    if p.core.total != len(p.connections):
        yield f"total says {p.core.total}, there are {len(p.connections)}"


@invariant("2 host limit")
def _host_limit(p: Picture) -> Iterator[str]:
    for host in p.hosts:
        count = len(p.of_host(host))
        if count > p.core.limits.max_per_host:
            yield f"{host.key} has {count} of {p.core.limits.max_per_host}"
        if host.count != count:
            yield f"{host.key} says it has {host.count}, there are {count}"


@invariant("3 idle limit")
def _idle_limit(p: Picture) -> Iterator[str]:
    resting = len(p.of_state(IDLE, PARKED))
    if resting > p.core.limits.max_keepalive:
        yield f"{resting} at rest, {p.core.limits.max_keepalive} may be kept"


@invariant("4 chains")
def _chains(p: Picture) -> Iterator[str]:
    """Each chain is linked both ways, counts right and knows its links."""
    chains: list[Chain[Ticket] | Chain[Connection]] = [
        p.core.idle_order,
        p.core.spare_order,
    ]
    for h in p.hosts:
        chains += [h.idle, h.offer, h.parked, h.dialing, h.spare, *queues(h)]
    for chain in chains:
        end = chain._end
        link, length = end.next, 0
        while link is not end and length <= chain.length:
            if link.chain is not chain or link.next.prev is not link:
                yield f"{link.owner!r} is linked wrongly"
            link, length = link.next, length + 1
        if length != chain.length or end.next.prev is not end:
            yield f"a chain says it has {chain.length}, it has {length} or more"


@invariant("4 membership")
def _membership(p: Picture) -> Iterator[str]:
    """A connection is in exactly the chains that its facts imply."""
    for c in p.connections:
        h = c.host
        expected = {
            DIALING: h.dialing if c.sponsor is not None else h.spare,
            IDLE: h.idle,
            PARKED: h.parked,
            BUSY: h.offer if seats(c) > 0 else None,
        }.get(c.state)
        if c.spot.chain is not expected:
            yield f"{c!r} is in the wrong chain of its host"
        age = p.core.idle_order if c.state in (IDLE, PARKED) else None
        if c.state is DIALING and c.sponsor is None:
            age = p.core.spare_order
        if c.age.chain is not age:
            yield f"{c!r} is in the wrong chain of the pool"
        if p.core.hosts.get(h.key) is not h:
            yield f"{c!r} belongs to a host that the pool forgot"
    for host in p.hosts:
        for chain in (host.idle, host.offer, host.parked, host.dialing, host.spare):
            for c in chain:
                if p.core.connections.get(c.number) is not c:
                    yield f"{c!r} is dead and in a chain"


@invariant("4 state")
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


@invariant("5 lease bijection")
def _leases(p: Picture) -> Iterator[str]:
    for c, t in p.leases:
        if t.connection is not c or t.state not in LEASED:
            yield f"{c!r} has a lease of {t!r}, which does not know of it"
    holders = Counter(id(t) for _, t in p.leases)
    for t in p.tickets:
        expected = 1 if t.state in LEASED else 0
        if holders[id(t)] != expected:
            yield f"{t!r} has {holders[id(t)]} leases"


@invariant("6 exclusive HTTP/1.1")
def _exclusive(p: Picture) -> Iterator[str]:
    for c in p.connections:
        if c.protocol is not Protocol.HTTP2 and len(c.tickets) > 1:
            yield f"{c!r} has {len(c.tickets)} leases"


@invariant("7 stream cap")
def _zombies(p: Picture) -> Iterator[str]:
    """(The cap itself is checked by the harness, when a lease is granted.)"""
    for c in p.connections:
        if c.zombies < 0:
            yield f"{c!r} has {c.zombies} zombies"


@invariant("8 no waiter beside a free connection")
def _waiter_beside_connection(p: Picture) -> Iterator[str]:
    for c in p.of_state(IDLE, BUSY):
        waiting = list(c.host.waiting)
        if not p.core.inline_dials:
            waiting += list(c.host.covered)
        if c.state is IDLE:
            waiting = [t for t in waiting if not t.distrusts_idle]
        if seats(c) > 0 and waiting:
            yield f"{waiting[0]!r} waits beside {c!r}"


@invariant("9 no waiter beside a free slot")
def _waiter_beside_slot(p: Picture) -> Iterator[str]:
    for host in p.hosts:
        ticket = wanting(p.core, host)
        if ticket is None:
            continue
        if len(p.connections) < p.core.limits.max_connections:
            yield f"{ticket!r} waits beside a free slot"
        spare = [c for c in p.of_state(DIALING) if c.sponsor is None]
        for c in p.of_state(IDLE, PARKED) + spare:
            yield f"{ticket!r} waits while nobody needs {c!r}"
        if host.enlisted_seq == 0:
            yield f"{host.key} is not on the list of the blocked"


@invariant("10 cover")
def _cover(p: Picture) -> Iterator[str]:
    """A waiter without a dial has a reason: its own host is busy, or all is."""
    for host in p.hosts:
        first = host.waiting.first
        if first is None or wanting(p.core, host) is not None:
            continue
        states = {c.state for c in p.of_host(host)}
        if not states & {DIALING, BUSY, DRAINING, DETACHED}:
            yield f"nothing will ever serve {first!r}"


@invariant("10 covered by a live dial")
def _covered(p: Picture) -> Iterator[str]:
    for host in p.hosts:
        for t in host.covered:
            if t.dial is None or t.dial.state is not DIALING or t.dial.host is not host:
                yield f"{t!r} is covered by {t.dial!r}"
            elif t.dial.sponsor is None:
                yield f"{t!r} waits for {t.dial!r}, which is said to be spare"
        for t in host.waiting:
            if t.dial is not None:
                yield f"{t!r} waits without a dial, yet has {t.dial!r}"


@invariant("11 progress")
def _progress(p: Picture) -> Iterator[str]:
    if p.queued and not p.of_state(DIALING, BUSY, DRAINING, DETACHED):
        yield f"{p.queued[0]!r} waits and no event can come"


@invariant("13 queues by age")
def _age_order(p: Picture) -> Iterator[str]:
    for host in p.hosts:
        for queue in queues(host):
            ages = [t.seq for t in queue]
            if ages != sorted(set(ages)):
                yield f"a queue of {host.key} is out of order: {ages}"


@invariant("16 terminal tickets own nothing")
def _terminal(p: Picture) -> Iterator[str]:
    queued = {id(t) for t in p.queued}
    for t in p.tickets:
        is_queued = t.state is TicketState.QUEUED
        if is_queued != (id(t) in queued) or is_queued != hasattr(t, "place"):
            yield f"{t!r} is in a queue or not, against its state"
        if not is_queued and t.dial is not None:
            yield f"{t!r} still has {t.dial!r}"
        if t.state not in LEASED and t.connection is not None:
            yield f"{t!r} still has {t.connection!r}"
        if not is_queued and t.deadline != math.inf and t.state not in LEASED:
            yield f"{t!r} still has a deadline"


@invariant("20 closed pool")
def _closed(p: Picture) -> Iterator[str]:
    if p.core.is_closed and (p.queued or p.connections or p.hosts):
        yield "something is left in the closed pool"


@invariant("22 no over-dial")
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


@invariant("23 ghost freedom")
def _ghosts(p: Picture) -> Iterator[str]:
    if p.tickets and not any(
        t.state in (TicketState.QUEUED, *LEASED) for t in p.tickets
    ):
        for c in p.of_state(BUSY, DRAINING):
            yield f"{c!r} is held by nobody"
        for c in p.of_state(DIALING):
            if c.sponsor is not None:
                yield f"{c!r} is made for nobody"


@invariant("29 conservation")
def _conservation(p: Picture) -> Iterator[str]:
    stats = p.core.stats()
    ended = stats.dials_ok + stats.dials_failed + stats.dials_aborted
    if stats.dials != ended + len(p.of_state(DIALING)):
        yield f"{stats.dials} dials, {ended} ended, {len(p.of_state(DIALING))} go on"
    closed = sum(stats.closed.values())
    alive = len(p.connections) - len(p.of_state(DIALING))
    if stats.dials_ok != closed + alive:
        yield f"{stats.dials_ok} opened, {closed} closed, {alive} open"


@invariant("30 bounded memory")
def _memory(p: Picture) -> Iterator[str]:
    for host in p.hosts:
        if not p.of_host(host) and not any(queues(host)):
            yield f"{host.key} is remembered for nothing"
    # Swept when it grows, so hosts that just left may still be in it.
    if len(p.core._blocked) > 2 * len(p.hosts) + 24:
        yield f"{len(p.core._blocked)} blocked of {len(p.hosts)} hosts"


@invariant("33 metrics")
def _metrics(p: Picture) -> Iterator[str]:
    stats = p.core.stats()
    expected = {
        "connections": len(p.connections),
        "dialing": len(p.of_state(DIALING)),
        "idle": len(p.of_state(IDLE, PARKED)),
        "busy": len(p.of_state(BUSY, DRAINING)),
        "queued": len(p.queued),
        "leases": len(p.leases),
    }
    for name, number in expected.items():
        if getattr(stats, name) != number:
            yield f"{name} is {getattr(stats, name)}, should be {number}"
    if p.core._draining != len(p.of_state(DRAINING)):
        yield f"{p.core._draining} said to drain, {len(p.of_state(DRAINING))} do"
    for host in p.hosts:
        shared = sum(
            c.protocol is Protocol.HTTP2 and c.state in (IDLE, BUSY, PARKED)
            for c in p.of_host(host)
        )
        if host.shared != shared:
            yield f"{host.key} says {host.shared} shared, there are {shared}"
