"""PoolCore: the decisions of the connection pool, as a pure state machine.

Tell it what happened and when; it answers with effects to carry out, in order.
It never waits, does no I/O, reads no clock and calls nobody. Not thread-safe:
callers hold their lock around each call *and* around performing its effects.

1. Ownership moves by assignment. A ticket that is woken has its connection;
   nobody is ever told to try again.
2. A dial is not a request. Its result goes to the oldest ticket that can take it.
3. Whatever frees capacity ends in ``_hand_on`` (a connection) or ``_pump`` (a
   slot), so no waiter stays beside something it could have.
4. At the limit, the oldest ticket that needs a connection made gets the next
   slot. Younger tickets may reuse their own host's connections meanwhile, at
   most ``bypass_budget`` times; then one is closed for the old one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from .effects import Close, Effect, Rearm
from .ledger import (
    ACTIVE,
    ASSIGNED,
    BUSY,
    CLOSED,
    DETACHED,
    DIALING,
    DONE,
    DRAINING,
    HTTP1,
    HTTP2,
    IDLE,
    LEASABLE,
    NOTHING,
    QUEUED,
)
from .limits import limit_for
from .model import (
    Connection,
    PoolLimits,
    Protocol,
    Reason,
    Refusal,
    Ticket,
    TicketState,
)
from .retry import Facts, may_retry
from .service import Service


class PoolCore(Service):
    """Who gets which connection; see the module's text for the rules."""

    __slots__ = ()

    # -- what tickets do ----------------------------------------------------

    def requested(self, ticket: Ticket, *, now: float) -> Sequence[Effect]:
        """*ticket* asks for a connection. It is ASSIGNED, QUEUED or FAILED after.

        It must not have asked before. The straight way, an idle connection to the
        same host, is that of nearly every request: ``_admit`` and ``_lease`` in one,
        in half of the time (``benchmarks/lease.py``).
        """
        ticket.asked_at = now
        self._last_seq = ticket.seq = self._last_seq + 1
        host = self.hosts.get(ticket.key)
        if host is not None and now < self.due:
            idle = host.idle
            if idle.length:
                end = idle.end
                spot = end.prev
                connection = spot.owner
                served = connection.served
                if served and connection.exclusive:
                    end.prev = before = spot.prev
                    before.next = end
                    spot.chain = None
                    idle.length -= 1
                    spot = connection.age
                    before = spot.prev
                    before.next = after = spot.next
                    after.prev = before
                    spot.chain = None
                    self.idle_order.length -= 1
                    connection.state = BUSY
                    connection.tickets.add(ticket)
                    connection.served = served = served + 1
                    if served >= connection.quota:
                        self._drain(connection, Reason.WORN)
                    ticket.host = host
                    ticket.connection = connection
                    ticket.generation = 1
                    ticket.reused = True
                    ticket.granted_at = now
                    ticket.state = ASSIGNED  # last: see _lease
                    return NOTHING
        self._more_leases -= 1
        if self.is_closing or self.is_closed:
            self._finish(ticket, TicketState.FAILED, Refusal.POOL_CLOSED)
            return NOTHING
        self._admit(ticket, now)
        return self._flush()

    def activated(self, ticket: Ticket) -> bool:
        """The owner is about to write. False if the lease is gone meanwhile."""
        if ticket.state is ASSIGNED:
            ticket.state = ACTIVE
        return ticket.state is ACTIVE

    def hesitated(self, ticket: Ticket) -> None:
        """The owner has not written after all, and looks at the connection first."""
        if ticket.state is ACTIVE:
            ticket.state = ASSIGNED

    def cancelled(
        self, ticket: Ticket, *, now: float, reason: Reason = Reason.CANCELLED
    ) -> Sequence[Effect]:
        """The owner gave up, at whatever stage. Never fails, never repeats.

        *reason* is what an HTTP/1.1 connection in the middle of an exchange is
        closed with.
        """
        if now >= self.due:
            self._expire(now)
        state = ticket.state
        if state is QUEUED:
            self._leave(ticket, now)
        elif state is ASSIGNED:
            assert ticket.connection is not None
            ticket.connection.served -= 1  # it never was used
            self._give_back(ticket, now)
        elif state is ACTIVE:
            self._break_off(ticket, reason, now)
        else:
            return self._flush()
        self._finish(ticket, TicketState.CANCELLED)
        self._counts["cancelled"] += reason is Reason.CANCELLED
        return self._flush()

    def timed_out(self, ticket: Ticket, *, now: float) -> Sequence[Effect]:
        """The owner's clock says that ``ticket.deadline`` is over.

        Nothing happens when the ticket was served, or its deadline moved.
        """
        if ticket.state is not QUEUED or now < ticket.deadline:
            return NOTHING
        host = ticket.host
        assert host is not None
        dial = host.dialing.first
        if dial is not None and ticket.dial is None and self._shares_dials(host):
            # The pool is not what it waits for: that dial is, with all others.
            self._cover(ticket, dial, now)
            if now < ticket.deadline:
                return self._flush()
        ticket.timed_out_dialling = ticket.dial is not None
        self._leave(ticket, now)
        self._finish(ticket, TicketState.TIMED_OUT)
        self._counts["timeouts"] += 1
        return self._flush()

    def released(
        self,
        ticket: Ticket,
        generation: int,
        *,
        now: float,
        reason: Reason | None = None,
        zombie: bool = False,
        keepalive: float | None = None,
        remaining: int | None = None,
    ) -> Sequence[Effect]:
        """The exchange is over and the lease ends. A second call does nothing.

        Args:
            reason: why the connection cannot be used again; ``None`` if it can.
            zombie: HTTP/2: the stream was reset and the peer must confirm.
            keepalive: seconds of rest that the peer allows from now on.
            remaining: how many more requests it allows.
        """
        connection = ticket.connection
        if connection is None or ticket.generation != generation:
            return NOTHING
        if keepalive is not None or remaining is not None:
            reason = reason or self._heed_peer(connection, keepalive, remaining)
        host = connection.host
        if (
            # Nobody waits for it, and nothing is to be seen to: the way of nearly
            # every response outside a storm.
            (connection.simple or connection.is_watched_for(now))
            and connection.state is BUSY
            and reason is None
            and not host.queued
            and not self._blocked
            and self.idle_order.length < self._straight_idle
            and now < self.due
        ):
            connection.tickets.clear()
            ticket.connection = None
            ticket.state = DONE
            connection.state = IDLE
            connection.idle_since = now
            spot = connection.spot
            spot.chain = idle = host.idle
            idle.length += 1
            spot.next = end = idle.end
            spot.prev = before = end.prev
            before.next = end.prev = spot
            spot = connection.age
            spot.chain = idle = self.idle_order
            idle.length += 1
            spot.next = end = idle.end
            spot.prev = before = end.prev
            before.next = end.prev = spot
            due = now + self._rest_time
            if due < self.due:
                self.due = due
            return NOTHING
        if now >= self.due:
            self._expire(now)
        if zombie:
            self._add_zombie(connection)
        if reason is None:
            self._give_back(ticket, now)
        else:
            self._end_lease(ticket, reason)
            self._recover(host, now)
        self._finish(ticket, DONE)
        return self._flush()

    def _heed_peer(
        self, connection: Connection, keepalive: float | None, remaining: int | None
    ) -> Reason | None:
        """Note for how long the peer keeps *connection*; say if that is over."""
        if keepalive is None:
            keepalive = connection.keepalive
        allowed = connection.allowed
        if remaining is not None:
            allowed = connection.served + remaining
        if keepalive != connection.keepalive or allowed != connection.allowed:
            connection.keepalive, connection.allowed = keepalive, allowed
            self._judge(connection)
        if connection.served >= connection.quota:
            return Reason.WORN
        return Reason.EXPIRED if connection.keepalive <= 0 else None

    def found_dead(
        self, ticket: Ticket, generation: int, *, now: float
    ) -> Sequence[Effect]:
        """The connection proved dead before anything was written.

        It is closed and the ticket asks again, with its age.
        """
        if ticket.generation != generation or ticket.state not in (ASSIGNED, ACTIVE):
            return NOTHING
        connection = self._end_lease(ticket, Reason.DEAD)
        if self.is_closing:
            self._finish(ticket, TicketState.FAILED, Refusal.POOL_CLOSED)
        else:
            self._admit(ticket, now)
        self._recover(connection.host, now)
        return self._flush()

    def failed(
        self, ticket: Ticket, generation: int, facts: Facts, *, now: float
    ) -> Sequence[Effect]:
        """The connection broke under the exchange.

        After it the ticket is FAILED, or asks again: QUEUED or ASSIGNED.
        """
        if ticket.generation != generation or ticket.state not in (ASSIGNED, ACTIVE):
            return NOTHING
        again = not self.is_closing and may_retry(
            facts, reused=ticket.reused, attempts=ticket.attempts
        )
        connection = self._end_lease(ticket, Reason.BROKEN)
        if again:
            ticket.attempts += 1
            ticket.distrusts_idle = not facts.promised
            self._counts["retries"] += 1
            self._admit(ticket, now)
        else:
            self._finish(ticket, TicketState.FAILED)
        # Last, so that the ticket, back with its age, is not passed over.
        self._recover(connection.host, now)
        return self._flush()

    def detached(self, ticket: Ticket, generation: int) -> Connection | None:
        """The connection was upgraded and is the caller's until ``detached_closed``."""
        if ticket.generation != generation or ticket.state is not ACTIVE:
            return None
        connection = ticket.connection
        assert connection is not None
        self._unlease(connection, ticket)
        self._draining -= connection.state is DRAINING
        self._detached += 1
        connection.state = DETACHED
        self._finish(ticket, DONE)
        return connection

    # -- what connections do --------------------------------------------------

    def dialled(
        self, connection: Connection, protocol: Protocol, *, cap: int = 1, now: float
    ) -> Sequence[Effect]:
        """The dial succeeded. *cap*: requests it can carry at once."""
        if connection.state is not DIALING:
            return [Close(connection, Reason.CALLED_OFF)]
        if cap < 1:
            self._effects.append(Close(connection, Reason.UNUSABLE))
            return self.dial_failed(connection, Refusal.NO_STREAMS, now=now)
        host = connection.host
        cohort = self._end_dial(connection, now)
        if host.hint is not protocol:
            self._learn(host, protocol)
        self._counts["ok"] += 1
        connection.state = BUSY  # in hand, until it is given away or put to rest
        connection.protocol = protocol
        connection.cap = cap
        connection.opened_at = now
        quota = connection.quota  # may be less than usual by now: see _shed
        self._judge(connection)
        connection.quota = quota
        self._watch(connection, now)
        if protocol is HTTP2:
            host.shared += 1
        self._hand_on(connection, now)
        self._recover(host, now)
        for ticket in cohort:
            if ticket.state is QUEUED:
                self._effects.append(Rearm(ticket))
        return self._flush()

    def dial_failed(
        self,
        connection: Connection,
        failure: object,
        *,
        now: float,
        timed_out: bool = False,
    ) -> Sequence[Effect]:
        """The dial failed: so does its sponsor, or all who shared it.

        *timed_out*: its own time was over, which is that of the ticket it began for.
        Who allows more than that, having taken it over, has another one made.
        """
        if connection.state is not DIALING:
            return NOTHING
        self._counts["failed"] += 1
        host = connection.host
        host.last_failure = (failure, now)
        self.last_failure = (host.key, failure, now)
        cohort = self._end_dial(connection, now)
        self._gone(connection)
        depended = host.hint is not HTTP1 and not host.shared
        if depended and not host.dialing:
            # All of its host depended on it: no ladder of redials.
            cohort = list(host.waiting)
        patient = []
        for ticket in cohort:
            if timed_out and ticket.connect_timeout > connection.connect_timeout:
                patient.append(ticket)
            else:
                self._fail_queued(ticket, failure)
        self._recover(host, now)
        self._effects += map(Rearm, patient)
        return self._flush()

    def died(self, connection: Connection, *, now: float) -> Sequence[Effect]:
        """The peer closed it, or sent what nobody asked for."""
        return self._retire(connection, Reason.DEAD, now)

    def retired(self, connection: Connection, *, now: float) -> Sequence[Effect]:
        """The connection takes no new requests: GOAWAY, or ids nearly used up."""
        return self._retire(connection, Reason.DRAINED, now)

    def cap_changed(
        self, connection: Connection, cap: int, *, now: float
    ) -> Sequence[Effect]:
        """HTTP/2: the peer allows *cap* streams from now on. Revokes nothing."""
        if now >= self.due:
            self._expire(now)
        if connection.state not in LEASABLE:
            return self._flush()
        connection.cap = cap
        self._hand_on(connection, now)
        self._recover(connection.host, now)
        return self._flush()

    def stream_confirmed(
        self, connection: Connection, *, now: float
    ) -> Sequence[Effect]:
        """HTTP/2: the peer confirmed the end of one stream we had reset."""
        connection.zombies -= 1
        if connection.state is CLOSED:
            return NOTHING
        self._zombies -= 1
        if now >= self.due:
            self._expire(now)
        if connection.state not in LEASABLE:
            return self._flush()
        self._hand_on(connection, now)
        self._recover(connection.host, now)
        return self._flush()

    def detached_closed(
        self, connection: Connection, *, now: float
    ) -> Sequence[Effect]:
        """The caller closed an upgraded connection."""
        if connection.state is not DETACHED:
            return NOTHING
        self._close(connection, Reason.UNUSABLE)
        self._recover(connection.host, now)
        return self._flush()

    def _retire(
        self, connection: Connection, reason: Reason, now: float
    ) -> Sequence[Effect]:
        if connection.state not in LEASABLE:
            return NOTHING
        self._retire_now(connection, reason)
        self._recover(connection.host, now)
        return self._flush()

    # -- what the pool's owner does -------------------------------------------

    def ticked(self, *, now: float) -> Sequence[Effect]:
        """Close what has been idle for too long, retire what is too old."""
        self._expire(now)
        return self._flush()

    def set_limits(self, limits: PoolLimits, *, now: float) -> Sequence[Effect]:
        """Keep to *limits* from now on. Who had to wait for less is served at once.

        What is over a lowered limit is closed if idle, else when it comes free.
        """
        self._heed(limits)
        for host in self.hosts.values():
            host.limit = limit_for(limits, host.key)
        self._alarms.clear()
        for connection in list(self.connections.values()):
            self._apply_limits(connection, now)
        for host in list(self.hosts.values()):
            if host.count > host.limit:
                mine = [c for c in self.connections.values() if c.host is host]
                self._shed(mine, host.limit)
        self._shed(self.connections.values(), limits.max_connections)
        self._trim()
        self._expire(now)
        for host in list(self.hosts.values()):
            self._recover(host, now)
        return self._flush()

    def _apply_limits(self, connection: Connection, now: float) -> None:
        """Hold *connection* to limits that have changed."""
        self._judge(connection)
        if connection.state not in LEASABLE:
            return
        if connection.served >= connection.quota:
            self._retire_now(connection, Reason.WORN)
            return
        self._watch(connection, now)
        if connection.age.chain is not None:
            self._alarms.set(connection, now)  # it may be one that was kept

    def closing(self, *, now: float) -> Sequence[Effect]:
        """Take no more tickets, and let the requests under way end.

        Who waits fails, dials are called off, idle connections closed. ``Emptied``
        says when the last connection is gone; ``closed`` cuts what is left.
        """
        if self.is_closing or self.is_closed:
            return NOTHING
        self.is_closing = True
        self._turn_away()
        for connection in list(self.connections.values()):
            if connection.state is DIALING:
                self._abort_dial(connection)
            elif connection.state in LEASABLE:
                self._retire_now(connection, Reason.POOL_CLOSED)
        for host in list(self.hosts.values()):
            self._tidy(host)
        self.due = math.inf  # what drains has no time of its own
        return self._flush()

    def closed(self) -> Sequence[Effect]:
        """Fail every waiter, call off every dial, close every connection."""
        self.is_closed = True
        self._turn_away()
        for connection in list(self.connections.values()):
            if connection.state is DIALING:
                self._abort_dial(connection)
                continue
            for ticket in connection.tickets:
                self._finish(ticket, TicketState.FAILED, Refusal.POOL_CLOSED)
            self._close(connection, Reason.POOL_CLOSED)
        self.hosts.clear()
        self.due = math.inf
        return self._flush()

    def _turn_away(self) -> None:
        """Fail every ticket that waits."""
        for host in self.hosts.values():
            for queue in (host.covered, host.waiting):
                for ticket in queue:
                    self._fail_queued(ticket, Refusal.POOL_CLOSED)
        self._blocked.clear()
