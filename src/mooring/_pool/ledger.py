"""The books of the pool: every list, counter and state change, no policy.

Each method keeps the books consistent on its own. Who gets what, and when, is
decided in ``core``.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Hashable, Sequence

from .chain import Chain, Link
from .effects import Abort, Close, Dial, Effect, Rearm, Wake
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

QUEUED = TicketState.QUEUED
ASSIGNED = TicketState.ASSIGNED
ACTIVE = TicketState.ACTIVE

NOT_SERVING = (PARKED, DRAINING, CLOSED)
LEASABLE = (IDLE, BUSY, PARKED)
"""Open and, when there is room, able to take a lease."""
NOTHING: Sequence[Effect] = ()
MAX_HINTS = 1024
"""Hosts whose protocol is remembered after their last connection is gone."""


class Ledger:
    """State of the pool and the moves that keep it consistent."""

    def __init__(self, limits: PoolLimits, *, inline_dials: bool = False) -> None:
        self.limits = limits
        self.inline_dials = inline_dials
        """A ticket whose own thread is dialling cannot take anything else."""
        self.is_closed = False
        self.total = 0
        self.hosts: dict[Hashable, Host] = {}
        self.connections: dict[int, Connection] = {}
        self.idle_order: Chain[Connection] = Chain()
        """Idle and parked connections of all hosts, oldest first."""
        self.spare_order: Chain[Connection] = Chain()
        """Dials that nobody waits for, oldest first."""
        self._hints: OrderedDict[Hashable, Protocol] = OrderedDict()
        self._effects: list[Effect] = []
        self._last_seq = 0
        self._last_number = 0
        self._counts = dict.fromkeys(
            ("dialing", "queued", "ended", "most", "dials", "ok", "failed",
             "aborted", "new", "reused", "retries", "timeouts", "cancelled",
             "busy"), 0,
        )  # fmt: skip
        self._longest_wait = 0.0
        self._closed = dict.fromkeys(Reason, 0)

    # -- effects ----------------------------------------------------------

    def _flush(self) -> Sequence[Effect]:
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
            hint = Protocol.HTTP1
            if ticket.multiplex:
                hint = self._hints.get(key, Protocol.UNKNOWN)
            self._last_number += 1
            host = self.hosts[key] = Host(key, self._last_number, hint)
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
        if host.is_empty:
            self.hosts.pop(host.key, None)

    # -- the queue --------------------------------------------------------

    def _join(self, ticket: Ticket, now: float) -> None:
        """Let *ticket* into the queue of its host."""
        ticket.place = Link(ticket)
        self._counts["queued"] += 1
        self._wait(ticket, now)

    def _quit(self, ticket: Ticket) -> None:
        """Take *ticket* out of the queue, and off the dial it waited for."""
        ticket.place.unlink()
        del ticket.place  # or ticket and link would keep each other alive
        self._counts["queued"] -= 1
        dial = ticket.dial
        if dial is not None:
            ticket.dial = None
            dial.cover -= 1
            if dial.sponsor is ticket:
                dial.sponsor = None

    def _wait(self, ticket: Ticket, now: float) -> None:
        """Put *ticket* among those without a dial; its pool clock runs."""
        ticket.state = QUEUED
        ticket.deadline = now + ticket.patience
        host = ticket.host
        assert host is not None
        host.waiting.insert_sorted(ticket.place, ticket.seq, "seq")

    def _cover(self, ticket: Ticket, dial: Connection, now: float) -> None:
        """Let *ticket* wait for *dial*: its pool clock stops.

        The wait is now for a connection that is being made, so the connect
        timeout bounds it, counted from the beginning of that dial.
        """
        host = dial.host
        before = ticket.deadline
        ticket.place.unlink()
        ticket.patience = max(0.0, ticket.deadline - now)
        host.covered.insert_sorted(ticket.place, ticket.seq, "seq")
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
        ticket.place.unlink()
        ticket.dial = None
        dial.cover -= 1
        self._wait(ticket, now)

    def _next_in_line(self, host: Host) -> Ticket | None:
        """The oldest ticket of *host* that can take a connection now."""
        waiting = host.waiting.first
        if self.inline_dials:
            return waiting
        covered = host.covered.first
        if waiting is None or covered is None:
            return waiting or covered
        return waiting if waiting.seq < covered.seq else covered

    # -- leases -----------------------------------------------------------

    def _lease(self, connection: Connection, ticket: Ticket, now: float) -> None:
        """Give *ticket*, which is in no queue, a seat on *connection*."""
        if connection.state is IDLE:
            connection.age.unlink()
            connection.spot.unlink()
            connection.state = BUSY
            self._counts["busy"] += 1
        connection.tickets.add(ticket)
        ticket.connection = connection
        ticket.generation += 1
        ticket.reused = connection.served > 0
        ticket.state = ASSIGNED  # last: its owner may look without the lock
        connection.served += 1
        counts = self._counts
        counts["reused" if ticket.reused else "new"] += 1
        if connection.cap > 1:
            self._place(connection, now)
        waited = now - ticket.asked_at
        if waited > self._longest_wait:
            self._longest_wait = waited

    def _unlease(self, connection: Connection, ticket: Ticket) -> None:
        """End a lease; the caller decides what becomes of the connection."""
        connection.tickets.discard(ticket)
        ticket.connection = None
        self._counts["ended"] += 1

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
        before = connection.state
        if connection.spot.chain is not chain:
            connection.spot.unlink()
            if chain is not None:
                chain.append(connection.spot)
        if state is before:
            return
        connection.state = state
        if before is BUSY:
            self._counts["busy"] -= 1
        if state is BUSY:
            self._counts["busy"] += 1
            connection.age.unlink()
        elif connection.age.chain is None:
            connection.idle_since = now
            self.idle_order.append(connection.age)

    def _rest_idle(self, connection: Connection, now: float) -> None:
        """Put an HTTP/1.1 connection whose lease has ended among the idle."""
        connection.state = IDLE
        connection.idle_since = now
        connection.host.idle.append(connection.spot)
        self.idle_order.append(connection.age)
        self._counts["busy"] -= 1

    # -- connections ------------------------------------------------------

    def _dial(self, ticket: Ticket, now: float) -> None:
        """Begin a connection for *ticket*, the first that waits at its host."""
        host = ticket.host
        assert host is not None
        self._last_number += 1
        connection = Connection(self._last_number, host, now)
        self.connections[connection.number] = connection
        connection.connect_timeout = ticket.connect_timeout
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
        if connection.state in (BUSY, DRAINING):
            self._counts["busy"] -= 1
        connection.spot.unlink()
        connection.age.unlink()
        if connection.protocol is Protocol.HTTP2 and connection.state in LEASABLE:
            host.shared -= 1
        connection.state = CLOSED
        host.count -= 1
        self.total -= 1
        del self.connections[connection.number]

    def _close(self, connection: Connection, reason: Reason) -> None:
        """Close an open connection; its leases, if any, are void."""
        self._gone(connection)
        self._closed[reason] += 1
        for ticket in connection.tickets:
            ticket.connection = None
            self._counts["ended"] += 1
        connection.tickets.clear()
        self._effects.append(Close(connection, reason))

    def _abort_dial(self, connection: Connection) -> None:
        """Call off a dial that no ticket waits for any more."""
        assert connection.sponsor is None
        self._end_dial(connection, connection.since)
        self._gone(connection)
        self._counts["aborted"] += 1
        self._effects.append(Abort(connection))

    def _drain(self, connection: Connection) -> None:
        """Let what is on the connection end, and nothing new begin."""
        if connection.protocol is Protocol.HTTP2:
            connection.host.shared -= 1
        connection.spot.unlink()
        connection.state = DRAINING

    def _finish(
        self, ticket: Ticket, state: TicketState, failure: object = None
    ) -> None:
        """Give a ticket, which is in no queue and has no lease, its outcome."""
        ticket.failure = failure
        ticket.deadline = math.inf
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
        if host.count - useless >= self.limits.max_per_host:
            return False
        if host.hint is Protocol.HTTP1:
            return True
        # One at a time where streams may come of it (RFC 9113 section 9.1).
        shared = host.shared - useless
        return not host.dialing and shared < self.limits.max_shared_per_host

    def _shares_dials(self, host: Host) -> bool:
        """Say whether tickets of *host* wait together for one dial."""
        return host.hint is not Protocol.HTTP1 and not self.inline_dials

    def _is_overdue(self, dial: Connection, ticket: Ticket, now: float) -> bool:
        """Say whether *dial* has no time left, by its own limit or by *ticket*'s."""
        limit = min(dial.connect_timeout, ticket.connect_timeout)
        return now >= dial.since + limit

    @property
    def next_expiry(self) -> float | None:
        """When the oldest idle connection expires; ``None`` if none will."""
        oldest = self.idle_order.first
        if oldest is None or self.limits.keepalive_expiry == math.inf:
            return None
        return oldest.idle_since + self.limits.keepalive_expiry

    def stats(self) -> PoolStats:
        """Account of the pool, in constant time."""
        counts = self._counts
        return PoolStats(
            connections=self.total,
            dialing=counts["dialing"],
            idle=len(self.idle_order),
            busy=counts["busy"],
            queued=counts["queued"],
            leases=counts["new"] + counts["reused"] - counts["ended"],
            most_connections=counts["most"],
            longest_wait=self._longest_wait,
            dials=counts["dials"],
            dials_ok=counts["ok"],
            dials_failed=counts["failed"],
            dials_aborted=counts["aborted"],
            leases_new=counts["new"],
            leases_reused=counts["reused"],
            retries=counts["retries"],
            timeouts=counts["timeouts"],
            cancelled=counts["cancelled"],
            closed={r.name.lower(): n for r, n in self._closed.items() if n},
        )
