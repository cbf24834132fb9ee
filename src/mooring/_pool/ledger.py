"""The books of the pool: every list, counter and state change, no policy.

Each method keeps the books consistent on its own. Who gets what, and when, is
decided in ``core``.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Hashable, Sequence

from .alarms import Alarms
from .chain import Chain, Link
from .effects import Abort, Close, Dial, Effect, Emptied, Rearm, Wake
from .limits import lifetime, limit_for
from .model import (
    Connection,
    ConnectionState,
    Host,
    PoolLimits,
    Protocol,
    Reason,
    Ticket,
    TicketState,
)
from .stats import PoolStats

# Bound once: reading a member off its Enum class is a descriptor call.
IDLE = ConnectionState.IDLE
BUSY = ConnectionState.BUSY
PARKED = ConnectionState.PARKED
DIALING = ConnectionState.DIALING
DRAINING = ConnectionState.DRAINING
DETACHED = ConnectionState.DETACHED
CLOSED = ConnectionState.CLOSED

HTTP1 = Protocol.HTTP1
HTTP2 = Protocol.HTTP2

QUEUED = TicketState.QUEUED
ASSIGNED = TicketState.ASSIGNED
ACTIVE = TicketState.ACTIVE
DONE = TicketState.DONE

NOT_SERVING = (PARKED, DRAINING, CLOSED)
LEASABLE = (IDLE, BUSY, PARKED)
"""Open and, when there is room, able to take a lease."""
NOTHING: Sequence[Effect] = ()
MAX_HINTS = 1024
"""Hosts whose protocol is remembered after their last connection is gone."""


class Ledger:
    """State of the pool and the moves that keep it consistent."""

    # Not for memory: CPython 3.11 slows down objects of more than 30 attributes.
    __slots__ = (
        "_alarms",
        "_closed",
        "_counts",
        "_detached",
        "_draining",
        "_effects",
        "_hints",
        "_last_number",
        "_last_seq",
        "_longest_wait",
        "_more_leases",
        "_rest_time",
        "_said_emptied",
        "_shared_busy",
        "_shared_leases",
        "_straight_idle",
        "_waited",
        "_zombies",
        "connections",
        "due",
        "hosts",
        "idle_order",
        "inline_dials",
        "is_closed",
        "is_closing",
        "last_failure",
        "limits",
        "seed",
        "spare_order",
        "total",
    )

    def __init__(
        self, limits: PoolLimits, *, inline_dials: bool = False, seed: int = 0
    ) -> None:
        self.inline_dials = inline_dials
        """A ticket whose own thread is dialling cannot take anything else."""
        self.seed = seed
        """Decides how the ends of connections are spread."""
        self.is_closing = False
        """It takes no more tickets; what is leased may go on."""
        self.is_closed = False
        self.total = 0
        self.hosts: dict[Hashable, Host] = {}
        self.connections: dict[int, Connection] = {}
        self.idle_order: Chain[Connection] = Chain()
        """Idle and parked connections of all hosts, oldest first."""
        self.spare_order: Chain[Connection] = Chain()
        """Dials that nobody waits for, oldest first."""
        self.due = math.inf
        """There is nothing to expire before."""
        self.last_failure: tuple[Hashable, object, float] | None = None
        """Of all dials: to where, what it failed of, and when."""
        self._alarms = Alarms(self.connections)
        self._hints: OrderedDict[Hashable, Protocol] = OrderedDict()
        self._effects: list[Effect] = []
        self._last_seq = 0
        self._last_number = 0
        self._counts = dict.fromkeys(
            ("dialing", "queued", "most", "dials", "ok", "failed", "aborted", "new",
             "retries", "timeouts", "cancelled", "waits"), 0,
        )  # fmt: skip
        self._more_leases = 0
        """Leases granted, less requests: most requests get one lease, at once, and
        are not counted twice."""
        self._shared_leases = 0
        self._shared_busy = 0
        """Multiplexing connections with leases. The others have one each."""
        self._zombies = 0
        self._draining = 0
        """Connections on their way out whose slots will serve the blocked."""
        self._detached = 0
        self._waited = 0.0
        self._longest_wait = 0.0
        self._closed = dict.fromkeys(Reason, 0)
        self._said_emptied = False
        self._heed(limits)

    def _heed(self, limits: PoolLimits) -> None:
        """Work out what *limits* mean for each step."""
        self.limits = limits
        by_order = limits.min_idle < 1
        self._rest_time = limits.keepalive_expiry if by_order else math.inf
        """Seconds after which the first in ``idle_order`` expires, whichever it is."""
        can_rest = by_order and limits.keepalive_expiry > 0
        self._straight_idle = limits.max_keepalive if can_rest else 0
        """While fewer are idle, one more can rest without further thought."""

    # -- effects ----------------------------------------------------------

    def _flush(self) -> Sequence[Effect]:
        if self.is_closing and not self._said_emptied and not self.connections:
            self._said_emptied = True
            self._effects.append(Emptied())
        effects = self._effects
        if not effects:
            return NOTHING
        self._effects = []
        return effects

    # -- hosts ------------------------------------------------------------

    def _host_for(self, ticket: Ticket) -> Host:
        key = ticket.key
        host = self.hosts.get(key)
        if host is None:
            hint = HTTP1
            if ticket.multiplex:
                hint = self._hints.get(key, Protocol.UNKNOWN)
            self._last_number += 1
            limit = limit_for(self.limits, key)
            host = self.hosts[key] = Host(key, self._last_number, hint, limit)
        ticket.host = host
        return host

    def _learn(self, host: Host, protocol: Protocol) -> None:
        host.hint = protocol
        self._hints[host.key] = protocol
        self._hints.move_to_end(host.key)
        if len(self._hints) > MAX_HINTS:
            self._hints.popitem(last=False)

    def _tidy(self, host: Host) -> None:
        """Forget a host that has neither connections nor tickets."""
        # Not by key alone: it may have been forgotten before and come back anew.
        if host.is_empty and self.hosts.get(host.key) is host:
            del self.hosts[host.key]

    # -- the queue --------------------------------------------------------

    def _join(self, ticket: Ticket, now: float) -> None:
        """Let *ticket* into the queue of its host."""
        host = ticket.host
        assert host is not None
        ticket.place = Link(ticket)
        ticket.queued_at = now
        host.queued += 1
        self._counts["queued"] += 1
        self._wait(ticket, host, now)

    def _quit(self, ticket: Ticket) -> None:
        """Take *ticket* out of the queue, and off the dial it waited for."""
        host = ticket.host
        assert host is not None
        host.queued -= 1
        self._counts["queued"] -= 1
        dial = ticket.dial
        if dial is None:
            host.waiting.remove(ticket)
        else:
            host.covered.remove(ticket)
            ticket.dial = None
            dial.cover -= 1
            if dial.sponsor is ticket:
                dial.sponsor = None
        del ticket.place  # or ticket and link would keep each other alive
        ticket.deadline = math.inf

    def _wait(self, ticket: Ticket, host: Host, now: float) -> None:
        """Put *ticket* among those without a dial; its pool clock runs."""
        ticket.state = QUEUED
        ticket.deadline = now + ticket.patience
        host.waiting.add(ticket)

    def _cover(self, ticket: Ticket, dial: Connection, now: float) -> None:
        """Let *ticket* wait for *dial*: its pool clock stops.

        The wait is now for a connection that is being made, so the connect
        timeout bounds it, counted from the beginning of that dial.
        """
        host = dial.host
        before = ticket.deadline
        host.waiting.remove(ticket)
        ticket.patience = max(0.0, ticket.deadline - now)
        host.covered.add(ticket)
        ticket.dial = dial
        dial.cover += 1
        ticket.deadline = dial.since + ticket.connect_timeout
        if ticket.deadline < before:
            self._effects.append(Rearm(ticket))

    def _sponsor(self, ticket: Ticket, dial: Connection, now: float) -> None:
        """Make *dial* the one of *ticket*, which waits without one."""
        host = dial.host
        if dial.spot.chain is host.spare:
            dial.spot.unlink()
            dial.age.unlink()
            host.dialing.append(dial.spot)
        dial.sponsor = ticket
        self._cover(ticket, dial, now)

    def _uncover(self, ticket: Ticket, dial: Connection, now: float) -> None:
        """The dial *ticket* waited for is over: back among the uncovered."""
        dial.host.covered.remove(ticket)
        ticket.dial = None
        dial.cover -= 1
        self._wait(ticket, dial.host, now)

    def _next_in_line(self, host: Host) -> Ticket | None:
        """The first ticket of *host* that can take a connection now."""
        waiting = host.waiting.first
        if self.inline_dials:
            return waiting
        covered = host.covered.first
        if waiting is None or covered is None:
            return waiting or covered
        return waiting if waiting.rank < covered.rank else covered

    # -- leases -----------------------------------------------------------

    def _lease(self, connection: Connection, ticket: Ticket, now: float) -> None:
        """Give *ticket*, which is in no queue, a seat on *connection*."""
        if connection.state is not BUSY:
            connection.age.unlink()
            connection.spot.unlink()
            connection.state = BUSY
        connection.tickets.add(ticket)
        self._more_leases += 1
        if not connection.served:
            self._counts["new"] += 1
        ticket.host = connection.host
        ticket.connection = connection
        ticket.generation += 1
        ticket.reused = connection.served > 0
        ticket.granted_at = now
        connection.served += 1
        if connection.protocol is HTTP2:
            self._shared_leases += 1
            self._shared_busy += len(connection.tickets) == 1
            self._place(connection, now)
        if connection.served >= connection.quota:
            self._drain(connection, Reason.WORN)
        ticket.state = ASSIGNED  # last: its owner may look without the lock

    def _unlease(self, connection: Connection, ticket: Ticket) -> None:
        """End a lease; the caller decides what becomes of the connection."""
        connection.tickets.discard(ticket)
        ticket.connection = None
        if connection.protocol is HTTP2:
            self._shared_leases -= 1
            self._shared_busy -= not connection.tickets

    def _note_wait(self, ticket: Ticket, now: float) -> None:
        """*ticket* was given a connection after it had waited for one."""
        waited = max(0.0, now - ticket.queued_at)
        self._counts["waits"] += 1
        self._waited += waited
        self._longest_wait = max(self._longest_wait, waited)

    def _place(self, connection: Connection, now: float) -> None:
        """Put an open connection into the chains that its facts imply."""
        host = connection.host
        room = connection.room
        if connection.tickets:
            state, chain = BUSY, host.offer if room > 0 else None
        elif room > 0:
            state, chain = IDLE, host.idle
        else:
            state, chain = PARKED, host.parked
        if connection.spot.chain is not chain:
            connection.spot.unlink()
            if chain is not None:
                chain.append(connection.spot)
        if state is connection.state:
            return
        connection.state = state
        # Also from PARKED to IDLE: its peer has just given a sign of life.
        connection.age.unlink()
        connection.idle_since = now
        self.idle_order.append(connection.age)
        self._watch(connection, now)

    # -- expiry -----------------------------------------------------------

    def _watch(self, connection: Connection, now: float) -> None:
        """See to it that *connection*, which is open, is looked at in time."""
        at = connection.retire_at
        if connection.age.chain is not None:
            rested = connection.idle_since
            self.due = min(self.due, rested + self._rest_time)
            at = min(at, rested + connection.keepalive)
            expiry = rested + self.limits.keepalive_expiry
            if self._rest_time == math.inf and expiry > now:  # else it is kept on
                at = min(at, expiry)
        if at < connection.alarm:
            self._alarms.set(connection, at)
            self.due = min(self.due, at)

    def _overdue(self, connection: Connection, now: float) -> Reason | None:
        """Say why *connection* may not be used any more, if its time is over."""
        if now >= connection.retire_at:
            return Reason.AGED
        if connection.age.chain is None:
            return None
        if now >= connection.idle_since + connection.keepalive:
            return Reason.EXPIRED
        if now < connection.idle_since + self.limits.keepalive_expiry:
            return None
        kept = connection.state is IDLE
        kept &= connection.host.idle.length <= self.limits.min_idle
        return None if kept else Reason.EXPIRED

    @property
    def next_expiry(self) -> float | None:
        """When something is to be closed for its age; ``None`` if nothing is."""
        due = self._next_due()
        return None if due == math.inf else due

    def _next_due(self) -> float:
        due = self._alarms.next
        oldest = self.idle_order.first
        if oldest is not None:
            due = min(due, oldest.idle_since + self._rest_time)
        return due

    def _judge(self, connection: Connection) -> None:
        """Work out what the limits and its peer allow *connection*."""
        limits = self.limits
        connection.quota = min(connection.allowed, limits.max_requests_per_connection)
        connection.retire_at = connection.opened_at + lifetime(
            limits, connection.number, self.seed
        )
        connection.exclusive = connection.protocol is HTTP1
        connection.simple = (
            connection.exclusive and connection.keepalive >= limits.keepalive_expiry
        )

    # -- connections ------------------------------------------------------

    def _dial(self, ticket: Ticket, now: float) -> None:
        """Begin a connection for *ticket*, the first that waits at its host."""
        host = ticket.host
        assert host is not None
        self._last_number += 1
        connection = Connection(self._last_number, host, now)
        self.connections[connection.number] = connection
        connection.connect_timeout = ticket.connect_timeout
        connection.quota = self.limits.max_requests_per_connection
        host.count += 1
        self.total += 1
        counts = self._counts
        counts["dialing"] += 1
        counts["dials"] += 1
        counts["most"] = max(counts["most"], self.total)
        host.dialing.append(connection.spot)
        self._sponsor(ticket, connection, now)
        self._effects.append(Dial(connection))

    def _end_dial(self, connection: Connection, now: float) -> list[Ticket]:
        """Take a dial off the books; return the tickets that waited for it.

        They are uncovered and, sponsor or not, in the queue again.
        """
        host = connection.host
        connection.spot.unlink()
        connection.age.unlink()
        self._counts["dialing"] -= 1
        sponsor = connection.sponsor
        connection.sponsor = None
        if sponsor is None:
            return []
        cohort = [sponsor]
        if connection.cover > 1:
            cohort = [t for t in host.covered if t.dial is connection]
        for ticket in cohort:
            self._uncover(ticket, connection, now)
        return cohort

    def _gone(self, connection: Connection) -> None:
        """The connection is closed: its slot is free."""
        host = connection.host
        self._draining -= connection.state is DRAINING
        self._detached -= connection.state is DETACHED
        self._zombies -= connection.zombies
        connection.spot.leave_for_good()
        connection.age.leave_for_good()
        if connection.protocol is HTTP2 and connection.state in LEASABLE:
            host.shared -= 1
        connection.state = CLOSED
        host.count -= 1
        self.total -= 1
        del self.connections[connection.number]
        self._alarms.sweep()

    def _close(self, connection: Connection, reason: Reason) -> None:
        """Close an open connection; its leases, if any, are void."""
        self._gone(connection)
        self._closed[reason] += 1
        for ticket in list(connection.tickets):
            self._unlease(connection, ticket)
        self._effects.append(Close(connection, reason))

    def _abort_dial(self, connection: Connection) -> None:
        """Call off a dial that no ticket waits for any more."""
        assert connection.sponsor is None
        self._end_dial(connection, connection.since)
        self._gone(connection)
        self._counts["aborted"] += 1
        self._effects.append(Abort(connection))

    def _drain(self, connection: Connection, reason: Reason) -> None:
        """Let what is on the connection end, and nothing new begin."""
        self._draining += 1
        connection.leaving = reason
        if connection.protocol is HTTP2:
            connection.host.shared -= 1
        connection.spot.unlink()
        connection.state = DRAINING

    def _finish(
        self, ticket: Ticket, state: TicketState, failure: object = None
    ) -> None:
        """Give a ticket, which is in no queue and has no lease, its outcome."""
        ticket.failure = failure
        ticket.state = state  # last: its owner may look without the lock

    def _fail_queued(self, ticket: Ticket, failure: object) -> None:
        """Take a waiting ticket out with *failure* and wake its owner."""
        self._quit(ticket)
        self._finish(ticket, TicketState.FAILED, failure)
        self._effects.append(Wake(ticket))

    # -- questions --------------------------------------------------------

    def _wants_dial(self, host: Host) -> bool:
        """Say whether a ticket of *host* should have a connection made now."""
        if not host.waiting:
            return False
        useless = len(host.parked)  # closed for a new one, if they are in its way
        if host.count - useless >= host.limit:
            return False
        if host.hint is HTTP1:
            return True
        # One at a time where streams may come of it (RFC 9113 section 9.1).
        shared = host.shared - useless
        return not host.dialing and shared < self.limits.max_shared_per_host

    def _shares_dials(self, host: Host) -> bool:
        """Say whether tickets of *host* wait together for one dial."""
        return host.hint is not HTTP1 and not self.inline_dials

    def _is_overdue(self, dial: Connection, ticket: Ticket, now: float) -> bool:
        """Say whether *dial* has no time left, by its own limit or by *ticket*'s."""
        limit = min(dial.connect_timeout, ticket.connect_timeout)
        return now >= dial.since + limit

    @property
    def is_empty(self) -> bool:
        """Whether there is no connection, not even one that is being made."""
        return not self.connections

    def stats(self) -> PoolStats:
        """Account of the pool, in constant time."""
        counts = self._counts
        idle = self.idle_order.length
        busy = self.total - counts["dialing"] - idle - self._detached
        granted = self._last_seq + self._more_leases
        return PoolStats(
            connections=self.total,
            dialing=counts["dialing"],
            idle=idle,
            busy=busy,
            draining=self._draining,
            detached=self._detached,
            queued=counts["queued"],
            leases=busy - self._shared_busy + self._shared_leases,
            streams=self._shared_leases + self._zombies,
            most_connections=counts["most"],
            waits=counts["waits"],
            waited=self._waited,
            longest_wait=self._longest_wait,
            dials=counts["dials"],
            dials_ok=counts["ok"],
            dials_failed=counts["failed"],
            dials_aborted=counts["aborted"],
            leases_new=counts["new"],
            leases_reused=granted - counts["new"],
            retries=counts["retries"],
            timeouts=counts["timeouts"],
            cancelled=counts["cancelled"],
            closed={r.name.lower(): n for r, n in self._closed.items() if n},
        )
