"""What must be true of two moments: before an event of the pool, and after it.

The laws of ``invariants`` that no single state can show broken. The harness looks
before each event (``Before``), and asks every monitor after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from mooring._pool.effects import Abort, Close, Dial, Emptied, Rearm, Wake
from mooring._pool.model import (
    Connection,
    ConnectionState,
    Protocol,
    Refusal,
    Ticket,
    TicketState,
)
from mooring._pool.retry import MAX_RETRIES, Facts

from .invariants import (
    ACTIVE,
    ASSIGNED,
    BUSY,
    CLOSED,
    DIALING,
    DRAINING,
    IDLE,
    LEASED,
    PARKED,
    QUEUED,
    overdue,
    rank,
    wanting,
)

if TYPE_CHECKING:
    from .harness import Harness

FAILED = TicketState.FAILED
DONE = TicketState.DONE
OPEN = (IDLE, BUSY, PARKED, DRAINING)


class Was(NamedTuple):
    """What a ticket was."""

    state: TicketState
    generation: int
    attempts: int
    seq: int
    deadline: float
    connection: Connection | None
    dial: Connection | None
    reused: bool


class Event(NamedTuple):
    """What the core is told: which input, about whom."""

    verb: str
    ticket: Ticket | None = None
    connection: Connection | None = None
    facts: Facts | None = None
    failure: object = None
    zombie: bool = False
    stale: bool = False
    """It comes too late: nothing may change."""
    timed_out: bool = False
    """Of a dial: its own time was over."""


class Before:
    """A pool before an event."""

    def __init__(self, h: Harness) -> None:
        core = h.core
        self.tickets = {
            t: Was(
                t.state,
                t.generation,
                t.attempts,
                t.seq,
                t.deadline,
                t.connection,
                t.dial,
                t.reused,
            )
            for t in h.tickets
        }
        self.connections = {c: (c.state, c.zombies) for c in h.sockets}
        self.blocked = blocked(h)
        self.is_draining = any(s is DRAINING for s, _ in self.connections.values())
        self.is_closed = h.is_closed
        self.now = h.now
        self.is_closing = h.is_closing
        self.expired = overdue(core, h.now)
        self.stats = h.stats

    def state(self, connection: Connection) -> ConnectionState | None:
        """What *connection* was, if it was."""
        state, _ = self.connections.get(connection, (None, 0))
        return state

    def alive(self) -> Iterator[tuple[Ticket, Was]]:
        for ticket, was in self.tickets.items():
            if was.state is QUEUED or was.state in LEASED:
                yield ticket, was


Monitor = Callable[["Harness", Before, Event], Iterator[str]]
MONITORS: list[tuple[int, Monitor]] = []


def monitor(number: int) -> Callable[[Monitor], Monitor]:
    def enter(monitor: Monitor) -> Monitor:
        MONITORS.append((number, monitor))
        return monitor

    return enter


def served(h: Harness, before: Before) -> Iterator[Ticket]:
    """Tickets that were given a lease."""
    for ticket in h.tickets:
        was = before.tickets.get(ticket)
        if ticket.generation != (was.generation if was else 0):
            yield ticket


# -- leases ---------------------------------------------------------------


@monitor(1)
def _limit(h: Harness, before: Before, event: Event) -> Iterator[str]:
    """Over a limit that was lowered, there are never more."""
    grown = len(h.sockets) - len(before.connections)
    if grown > 0 and len(h.sockets) > h.core.limits.max_connections:
        yield f"{grown} more than before, of {h.core.limits.max_connections}"


@monitor(7)
def _stream_cap(h: Harness, before: Before, event: Event) -> Iterator[str]:
    for ticket in served(h, before):
        c = ticket.connection
        if c is None or c.protocol is not Protocol.HTTP2:
            continue
        if len(c.tickets) + c.zombies > c.cap:
            yield f"{c} was leased beyond its cap"


@monitor(19)
def _no_resurrection(h: Harness, before: Before, event: Event) -> Iterator[str]:
    """CLOSED is final, and what stands outside the pool is never leased."""
    for ticket in served(h, before):
        if ticket.connection is not None and ticket.connection not in h.sockets:
            yield f"{ticket.connection} was leased dead"
    for c in h.graves:
        if c.state is not CLOSED:
            yield f"{c} was closed before"


@monitor(21)
def _no_dead_lease(h: Harness, before: Before, event: Event) -> Iterator[str]:
    for ticket in served(h, before):
        c = ticket.connection
        if c is None:
            continue
        if c.state not in (BUSY, DRAINING):  # (one that wore out goes at once)
            yield f"{c} was leased"
        if c.served > h.core.limits.max_requests_per_connection:
            yield f"{c} was leased {c.served} times"
        if c in before.expired and not h.went_back:
            yield f"{ticket} got {c}, which had expired"
        if before.state(c) is DRAINING:
            yield f"{ticket} got {c}, which was on its way out"


# -- what becomes of tickets ----------------------------------------------

ALIVE_AFTER = {
    "request": (QUEUED, ASSIGNED),
    "activate": (ACTIVE,),
    "cancel": (TicketState.CANCELLED,),
    "time out": (QUEUED, TicketState.TIMED_OUT),
    "release": (DONE,),
    "found dead": (QUEUED, ASSIGNED, FAILED),
    "fail": (QUEUED, ASSIGNED, FAILED),
    "detach": (DONE,),
}
"""What an event may make of the living ticket that it is about."""
FOR = {
    "activate": LEASED,
    "time out": (QUEUED,),
    "release": LEASED,
    "found dead": LEASED,
    "fail": LEASED,
    "detach": (ACTIVE,),
}
"""The states in which an event means something to its ticket."""
FAILS_OTHERS = ("dial ok", "dial fail", "close", "drain")
ADVANCES = {
    QUEUED: (QUEUED, ASSIGNED),
    ASSIGNED: (ASSIGNED,),
    ACTIVE: (ACTIVE,),
}


@monitor(15)
def _single_outcome(h: Harness, before: Before, event: Event) -> Iterator[str]:
    """Terminal is terminal, and each event moves its own ticket as it may."""
    for ticket, was in before.tickets.items():
        if ticket is event.ticket and not event.stale:
            continue
        if was.state not in ADVANCES and ticket.state is not was.state:
            yield f"{ticket} was {was.state.value}"
    actor = event.ticket
    if actor is None or event.stale:
        return
    state = before.tickets[actor].state if actor in before.tickets else QUEUED
    allowed: tuple[TicketState, ...] = (state,)
    if state in FOR.get(event.verb, (QUEUED, *LEASED)):
        allowed = ALIVE_AFTER[event.verb]
    if (before.is_closed or before.is_closing) and event.verb == "request":
        allowed = (FAILED,)
    if event.verb == "found dead" and not before.is_closing:
        allowed = tuple(s for s in allowed if s is not FAILED)
    if actor.state not in allowed:
        yield f"{actor} was {state.value} before {event.verb}"


@monitor(15)
def _nobody_is_set_back(h: Harness, before: Before, event: Event) -> Iterator[str]:
    """What happens to others moves a ticket on, or fails it for a reason."""
    closing = h.is_closed and not before.is_closed
    for ticket, was in before.alive():
        if ticket is event.ticket:
            continue
        if closing:
            if ticket.state is not FAILED or ticket.failure is not Refusal.POOL_CLOSED:
                yield f"{ticket} outlives the pool"
        elif ticket.state is FAILED and was.state is QUEUED:
            if event.verb not in FAILS_OTHERS:
                yield f"{ticket} fails by {event.verb}"
        elif ticket.state not in ADVANCES[was.state]:
            yield f"{ticket} was {was.state.value}"


@monitor(15)
def _sleepers(h: Harness, before: Before, event: Event) -> Iterator[str]:
    """Who waits sleeps, who left the queue was woken, who must hurry was told."""
    rearmed = {e.ticket for e in h.effects if isinstance(e, Rearm)}
    for ticket, was in before.alive():
        if ticket is event.ticket:
            continue
        if (ticket in h.sleeping) is not (ticket.state is QUEUED):
            yield f"{ticket} was not woken"
        earlier = ticket.state is QUEUED and ticket.deadline < was.deadline
        if earlier and ticket not in rearmed:
            yield f"{ticket} has a deadline that nobody watches"


@monitor(17)
def _cancel_neutrality(h: Harness, before: Before, event: Event) -> Iterator[str]:
    """When one gives up before it began, all others stand at least as well."""
    actor = event.ticket
    if event.verb not in ("cancel", "time out") or actor not in before.tickets:
        return
    if before.tickets[actor].state not in (QUEUED, ASSIGNED):
        return
    for ticket, was in before.alive():
        if ticket is actor:
            continue
        if ticket.state not in ADVANCES[was.state]:
            yield f"{ticket} was {was.state.value}"
        elif ticket.state is QUEUED and was.dial and ticket.dial is not was.dial:
            yield f"{ticket} lost its dial"
        elif was.connection and ticket.connection is not was.connection:
            yield f"{ticket} lost its connection"
    begun = {e.connection.host: e.connection for e in h.effects if isinstance(e, Dial)}
    for effect in h.effects:
        if not isinstance(effect, Abort) or h.core.inline_dials:
            continue
        dial, anew = effect.connection, begun.get(effect.connection.host)
        if anew is None:
            continue
        if h.now < dial.since + min(dial.connect_timeout, anew.connect_timeout):
            yield f"{dial} is called off and begun anew"


@monitor(18)
def _idempotent_release(h: Harness, before: Before, event: Event) -> Iterator[str]:
    if not event.stale:
        return
    if h.effects and event.verb != "dial ok":
        yield f"{event.verb} of what is over does {list(h.effects)}"
    if h.stats != before.stats:
        yield f"{event.verb} of what is over changes the books"
    for ticket, was in before.tickets.items():
        if ticket.state is not was.state or ticket.connection is not was.connection:
            yield f"{ticket} was {was.state.value}"


# -- who is served, and when ----------------------------------------------


@monitor(13)
def _first_come(h: Harness, before: Before, event: Event) -> Iterator[str]:
    """Of one host, the oldest that can take a connection gets it."""
    waiting = [t for t in h.tickets if t.state is QUEUED]
    if not waiting:
        return
    for ticket in served(h, before):
        taken = ticket.connection
        idle = taken is not None and before.state(taken) is IDLE
        for other in waiting:
            can = other.dial is None or not h.core.inline_dials
            can &= not (idle and other.distrusts_idle)
            if other.key == ticket.key and rank(other) < rank(ticket) and can:
                yield f"{ticket} was served before {other}"


@monitor(13)
def _age_is_kept(h: Harness, before: Before, event: Event) -> Iterator[str]:
    for ticket, was in before.tickets.items():
        if ticket.seq != was.seq:
            yield f"{ticket} had the age {was.seq}"


@monitor(14)
def _bounded_overtaking(h: Harness, before: Before, event: Event) -> Iterator[str]:
    """Nobody jumps the queue for slots; reuse overtakes its first at most B times."""
    for rival in before.blocked:
        host = rival.host
        assert host is not None
        if rival.state is not QUEUED or wanting(h.core, host) is not rival:
            continue
        for effect in h.effects:
            sponsor = effect.connection.sponsor if isinstance(effect, Dial) else None
            if sponsor is None or sponsor.key == rival.key:
                continue
            if rank(sponsor) > rank(rival):
                yield f"{sponsor} took the slot of {rival}"
    oldest = _oldest(before.blocked)
    if oldest is None or oldest is not _oldest(blocked(h)) or before.is_draining:
        return  # (If something drains, a slot is on its way to it.)
    younger = [t for t in served(h, before) if rank(t) > rank(oldest)]
    count = h.overtaken.get(oldest, 0) + sum(t.key != oldest.key for t in younger)
    h.overtaken[oldest] = count
    if count > h.core.limits.bypass_budget:
        yield f"{oldest}, the oldest without a slot, was overtaken {count} times"


def blocked(h: Harness) -> list[Ticket]:
    """The tickets that should get a slot and cannot, at most one of each host."""
    core = h.core
    hosts = [host for host in core.hosts.values() if host.waiting]
    return [t for host in hosts if (t := wanting(core, host)) is not None]


def _oldest(tickets: list[Ticket]) -> Ticket | None:
    return min(tickets, key=rank, default=None)


# -- dials ----------------------------------------------------------------


@monitor(20)
def _closed_pool(h: Harness, before: Before, event: Event) -> Iterator[str]:
    if event.verb == "dial ok" and event.stale:
        closed = [e.connection for e in h.effects if isinstance(e, Close)]
        if closed != [event.connection]:
            yield f"{event.connection} came late and is not closed"
    emptied = sum(isinstance(e, Emptied) for e in h.effects)
    if emptied and (h.sockets or not h.is_closing or h.emptied > 1):
        yield f"Emptied, the {h.emptied}. time, with {h.sockets}"
    if h.is_closing and not h.sockets and not h.emptied:
        yield "nobody is told that the closing pool is empty"
    if not h.is_closed and not before.is_closing:
        return
    if any(isinstance(e, Dial) for e in h.effects):
        yield "a closed pool dials"
    if h.is_closed and h.sockets:
        yield f"a closed pool holds {h.sockets}"


@monitor(22)
def _one_dial_for_all(h: Harness, before: Before, event: Event) -> Iterator[str]:
    """Where one dial may serve many, no second begins beside it."""
    for effect in h.effects:
        if not isinstance(effect, Dial) or effect.connection.state is not DIALING:
            continue
        host = effect.connection.host
        wanted = [c for c in h.sockets if c.host is host and c.state is DIALING]
        if host.hint is not Protocol.HTTP1 and len(wanted) > 1:
            yield f"{effect.connection} is one of {len(wanted)} dials"
        if effect.connection.sponsor is None:
            yield f"{effect.connection} is dialled for nobody"


@monitor(22)
def _patience(h: Harness, before: Before, event: Event) -> Iterator[str]:
    """Nobody is made to wait for a dial that is too old for it already."""
    if h.went_back:
        return
    for ticket in h.sleeping:
        was = before.tickets.get(ticket)
        if ticket.dial is None or (was is not None and was.dial is ticket.dial):
            continue
        if ticket.deadline <= h.now and ticket.connect_timeout > 0:
            yield f"{ticket} was given a dial it cannot wait for"


@monitor(25)
def _failure_scope(h: Harness, before: Before, event: Event) -> Iterator[str]:
    """A failed dial fails those who depended on it, with what failed it."""
    dial = event.connection
    if event.verb not in ("dial ok", "dial fail") or dial is None:
        return
    others = [
        c
        for c, (state, _) in before.connections.items()
        if c.host is dial.host and c is not dial and state is not DRAINING
    ]
    alone = dial.host.hint is not Protocol.HTTP1 and not any(
        c.protocol is Protocol.HTTP2 or c.state is DIALING for c in others
    )
    for ticket, was in before.alive():
        depended = was.dial is dial or (alone and ticket.host is dial.host)
        if ticket.state is not FAILED:
            over = event.timed_out and ticket.connect_timeout > dial.connect_timeout
            if over:
                continue  # it has time of its own left
            if depended and was.state is QUEUED and event.verb == "dial fail":
                yield f"{ticket} waited for {dial} and did not learn that it failed"
            continue
        if not depended:
            yield f"{ticket} fails with {dial}"
        if event.timed_out and ticket.connect_timeout > dial.connect_timeout:
            yield f"{ticket} fails with {dial} and had time of its own left"
        if event.verb == "dial fail" and ticket.failure is not event.failure:
            yield f"{ticket} fails with {ticket.failure}"


# -- goodbyes -------------------------------------------------------------


@monitor(26)
def _goaway(h: Harness, before: Before, event: Event) -> Iterator[str]:
    """Those who are on the connection stay, and nobody comes any more."""
    c = event.connection
    if event.verb not in ("retire", "die") or c is None or c not in before.connections:
        return
    for ticket, was in before.alive():
        if was.connection is c and ticket.connection is not c:
            yield f"{ticket} lost {c}"
    if c.state in (IDLE, BUSY, PARKED):
        yield f"{c} goes on"


@monitor(27)
def _retry_bound(h: Harness, before: Before, event: Event) -> Iterator[str]:
    ticket, facts = event.ticket, event.facts
    if event.verb != "fail" or ticket is None or facts is None:
        return
    was = before.tickets[ticket]
    if was.state not in LEASED:
        return
    silent = was.reused and not facts.answered
    safe = facts.promised or (silent and (facts.idempotent or not facts.sent))
    again = safe and facts.replayable and was.attempts < MAX_RETRIES
    again &= not before.is_closing
    if again is not (ticket.state is not FAILED):
        yield f"{ticket}: {facts}, reused: {was.reused}, {was.attempts} tries before"
    if ticket.attempts != was.attempts + again:
        yield f"{ticket}: {ticket.attempts} tries, {was.attempts} before"
    if was.connection is not None and ticket.connection is was.connection:
        yield f"{ticket} tries again on {was.connection}, which failed it"


# -- work -----------------------------------------------------------------

WORK = 120
"""Calls of functions that any event may make."""
WORK_EACH = 60
"""Calls for each connection it closes or begins, and each ticket it moves."""


@monitor(31)
def _bounded_work(h: Harness, before: Before, event: Event) -> Iterator[str]:
    """(Counted only where the harness was told to.)"""
    if h.work is None or event.verb == "close":
        return
    moved = sum(t.state is not w.state for t, w in before.tickets.items())
    allowed = WORK + WORK_EACH * (len(h.effects) + moved)
    if h.work > allowed:
        yield f"{event.verb} makes {h.work} calls, {allowed} are allowed"


# -- the clock ------------------------------------------------------------


@monitor(32)
def _expiry_only(h: Harness, before: Before, event: Event) -> Iterator[str]:
    """What the clock closes had rested for its whole time."""
    if event.verb != "tick":
        return
    for effect in h.effects:
        match effect:
            case Close(connection=c):
                if c not in before.expired:
                    yield f"{c} is closed before its time"
            case Abort() | Wake() | Rearm():
                yield f"{effect} by the clock alone"
            case Dial():
                pass


@monitor(32)
def _timely(h: Harness, before: Before, event: Event) -> Iterator[str]:
    """Who is over time leaves, who is not stays."""
    ticket = event.ticket
    if event.verb != "time out" or ticket is None or ticket not in before.tickets:
        return
    if before.tickets[ticket].state is not QUEUED:
        return
    if ticket.state is QUEUED and h.now >= ticket.deadline:
        yield f"{ticket} outlives its deadline"
    early = h.now < before.tickets[ticket].deadline
    if ticket.state is TicketState.TIMED_OUT and early:
        yield f"{ticket} is timed out before its time"


# -- the books ------------------------------------------------------------


@monitor(29)
def _conservation(h: Harness, before: Before, event: Event) -> Iterator[str]:
    """Leases and zombies, counted from outside."""
    for ticket in h.tickets:
        was = before.tickets.get(ticket)
        grants = ticket.generation - (was.generation if was else 0)
        if grants not in (0, 1):
            yield f"{ticket} got {grants} leases at once"
        leased = was is not None and was.state in LEASED
        h.granted += grants
        h.ended += leased + grants - (ticket.state in LEASED)
    stats = h.stats
    granted = stats.leases_new + stats.leases_reused
    if granted != h.granted or stats.leases != granted - h.ended:
        yield f"{h.granted} leases, {h.ended} ended; {granted} say the books"
    expected = {c: zombies for c, (_, zombies) in before.connections.items()}
    for c, change in _zombies(before, event):
        if c in expected:
            expected[c] += change
    for c, zombies in expected.items():
        if c.zombies != zombies:
            yield f"{c} has {c.zombies} zombies, {zombies} were made"


def _zombies(before: Before, event: Event) -> Iterator[tuple[Connection, int]]:
    """Where the event makes a zombie, or clears one."""
    if event.verb == "confirm" and event.connection is not None:
        yield event.connection, -1
    was = before.tickets.get(event.ticket) if event.ticket else None
    if was is None or was.connection is None or event.stale:
        return
    if event.verb == "release" and event.zombie:
        yield was.connection, +1
    shared = was.connection.protocol is Protocol.HTTP2
    if event.verb == "cancel" and was.state is ACTIVE and shared:
        yield was.connection, +1


@monitor(33)
def _monotone_counters(h: Harness, before: Before, event: Event) -> Iterator[str]:
    old, new = before.stats, h.stats
    for name in COUNTERS:
        if getattr(new, name) < getattr(old, name):
            yield f"{name} went from {getattr(old, name)} to {getattr(new, name)}"
    for reason, count in old.closed.items():
        if new.closed.get(reason, 0) < count:
            yield f"fewer are closed as {reason} than before"


COUNTERS = (
    "most_connections",
    "longest_wait",
    "waits",
    "waited",
    "dials",
    "dials_ok",
    "dials_failed",
    "dials_aborted",
    "leases_new",
    "leases_reused",
    "retries",
    "timeouts",
    "cancelled",
)
