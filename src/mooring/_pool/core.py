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

from collections.abc import Sequence

from .effects import Close, Effect, Rearm, Wake
from .ledger import (
    ACTIVE,
    ASSIGNED,
    BUSY,
    DETACHED,
    DIALING,
    DRAINING,
    LEASABLE,
    NOT_SERVING,
    NOTHING,
    QUEUED,
)
from .model import (
    Connection,
    Host,
    PoolLimits,
    Protocol,
    Reason,
    Refusal,
    Ticket,
    TicketState,
)
from .retry import Facts, may_retry
from .turns import Turns


class PoolCore(Turns):
    """Who gets which connection; see the module's text for the rules."""

    def __init__(self, limits: PoolLimits, *, inline_dials: bool = False) -> None:
        super().__init__(limits, inline_dials=inline_dials)
        self._draining = 0
        """Connections on their way out whose slots will serve the blocked."""

    # -- what tickets do ----------------------------------------------------

    def requested(self, ticket: Ticket, *, now: float) -> Sequence[Effect]:
        """*ticket* asks for a connection. It is ASSIGNED, QUEUED or FAILED after."""
        ticket.asked_at = now
        if self.is_closed:
            self._finish(ticket, TicketState.FAILED, Refusal.POOL_CLOSED)
            return NOTHING
        self._last_seq += 1
        ticket.seq = self._last_seq
        self._admit(ticket, now)
        return self._flush()

    def activated(self, ticket: Ticket) -> bool:
        """The owner is about to write. False if the lease is gone meanwhile."""
        if ticket.state is not ASSIGNED:
            return False
        ticket.state = ACTIVE
        return True

    def cancelled(
        self, ticket: Ticket, *, now: float, reason: Reason = Reason.CANCELLED
    ) -> Sequence[Effect]:
        """The owner gave up, at whatever stage. Never fails, never repeats.

        *reason* is what an HTTP/1.1 connection in the middle of an exchange is
        closed with.
        """
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
            return NOTHING
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
    ) -> Sequence[Effect]:
        """The exchange is over and the lease ends. A second call does nothing.

        Args:
            reason: why the connection cannot be used again; ``None`` if it can.
            zombie: HTTP/2: the stream was reset and the peer must confirm.
        """
        if ticket.generation != generation or ticket.state not in (ASSIGNED, ACTIVE):
            return NOTHING
        connection = ticket.connection
        assert connection is not None
        connection.zombies += zombie
        if reason is None:
            if not self._put_down(connection, ticket, now):
                self._give_back(ticket, now)
        else:
            self._end_lease(ticket, reason)
            self._recover(connection.host, now)
        self._finish(ticket, TicketState.DONE)
        return self._flush()

    def found_dead(
        self, ticket: Ticket, generation: int, *, now: float
    ) -> Sequence[Effect]:
        """The assigned connection proved dead before anything was written.

        It is closed and the ticket asks again, with its age.
        """
        if ticket.generation != generation or ticket.state is not ASSIGNED:
            return NOTHING
        connection = self._end_lease(ticket, Reason.DEAD)
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
        again = may_retry(facts, reused=ticket.reused, attempts=ticket.attempts)
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
        self._counts["busy"] -= 1
        self._draining -= connection.state is DRAINING
        connection.state = DETACHED
        self._finish(ticket, TicketState.DONE)
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
        self._counts["busy"] += 1
        connection.state = BUSY  # in hand, until it is given away or put to rest
        connection.protocol = protocol
        connection.cap = cap
        if protocol is Protocol.HTTP2:
            host.shared += 1
        self._hand_on(connection, now)
        self._recover(host, now)
        for ticket in cohort:
            if ticket.state is QUEUED:
                self._effects.append(Rearm(ticket))
        return self._flush()

    def dial_failed(
        self, connection: Connection, failure: object, *, now: float
    ) -> Sequence[Effect]:
        """The dial failed: so does its sponsor, or all who shared it."""
        if connection.state is not DIALING:
            return NOTHING
        self._counts["failed"] += 1
        host = connection.host
        cohort = self._end_dial(connection, now)
        self._gone(connection)
        depended = host.hint is not Protocol.HTTP1 and not host.shared
        if depended and not host.dialing:
            # All of its host depended on it: no ladder of redials.
            cohort = list(host.waiting)
        for ticket in cohort:
            self._fail_queued(ticket, failure)
        self._recover(host, now)
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
        if connection.state not in LEASABLE:
            return NOTHING
        connection.cap = cap
        self._hand_on(connection, now)
        self._recover(connection.host, now)
        return self._flush()

    def stream_confirmed(
        self, connection: Connection, *, now: float
    ) -> Sequence[Effect]:
        """HTTP/2: the peer confirmed the end of one stream we had reset."""
        connection.zombies -= 1
        if connection.state not in LEASABLE:
            return NOTHING
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

    # -- what the pool's owner does -------------------------------------------

    def ticked(self, *, now: float) -> Sequence[Effect]:
        """Close what has been idle for too long."""
        self._expire(now)
        return self._flush()

    def closed(self) -> Sequence[Effect]:
        """Fail every waiter, call off every dial, close every connection."""
        self.is_closed = True
        for host in list(self.hosts.values()):
            for queue in (host.covered, host.waiting):
                for ticket in queue:
                    self._fail_queued(ticket, Refusal.POOL_CLOSED)
        for connection in list(self.connections.values()):
            if connection.state is DIALING:
                self._abort_dial(connection)
                continue
            for ticket in connection.tickets:
                self._finish(ticket, TicketState.FAILED, Refusal.POOL_CLOSED)
            self._close(connection, Reason.POOL_CLOSED)
        self.hosts.clear()
        self._blocked.clear()
        self._draining = 0
        return self._flush()

    # -- decisions: who is served -----------------------------------------------

    def _admit(self, ticket: Ticket, now: float) -> None:
        """Serve *ticket*, in no queue, with what is free, or let it wait."""
        self._expire(now)
        host = self._host_for(ticket)
        connection = host.idle.last
        if connection is not None and ticket.distrusts_idle:
            self._trade_in(host)
        elif connection is not None:
            self._lease(connection, ticket, now)
            return
        connection = host.offer.first
        if connection is not None and self._may_overtake(connection, ticket):
            self._lease(connection, ticket, now)
            return
        self._join(ticket, now)
        self._recover(host, now)

    def _trade_in(self, host: Host) -> None:
        """Give up an idle connection so that one to the same host can be made.

        For a ticket that a kept connection failed without a word. When a server went
        away they are all dead, and trying them in turn would send the request once to
        each. What a release hands over has just proved alive, and is welcome.
        """
        suspect = host.idle.first
        assert suspect is not None
        self._close(suspect, Reason.SUSPECT)

    def _hand_on(self, connection: Connection, now: float) -> None:
        """Give free room on *connection* to the oldest waiters, or let it rest."""
        host = connection.host
        while connection.room > 0:
            ticket = self._next_in_line(host)
            if ticket is None or not self._may_overtake(connection, ticket):
                break
            self._leave(ticket, now)
            self._lease(connection, ticket, now)
            self._effects.append(Wake(ticket))
        if connection.state in LEASABLE:
            self._rest(connection, now)
        if connection.state in NOT_SERVING:
            self._recover(host, now)

    def _may_overtake(self, connection: Connection, ticket: Ticket) -> bool:
        """Say whether *ticket* may be served by *connection*, of its own host.

        It may unless an older ticket of another host waits for a slot and was
        overtaken often enough; then *connection* makes room for that one.
        """
        rival = self._oldest_blocked()
        if rival is None or rival is connection.host:
            return True
        oldest = rival.waiting.first
        assert oldest is not None
        if ticket.seq < oldest.seq:
            return True
        if connection.tickets and self._draining:
            return True  # a slot is on its way to the rival already
        if oldest.bypassed < self.limits.bypass_budget:
            oldest.bypassed += 1
            return True
        self._retire_now(connection, Reason.EVICTED)
        return False

    def _rest(self, connection: Connection, now: float) -> None:
        """Nobody of its own host needs the room: idle, or make room for others."""
        if not connection.tickets:
            blocked = self._oldest_blocked() is not None
            if blocked or self.limits.keepalive_expiry <= 0:
                self._close(connection, Reason.EVICTED if blocked else Reason.SURPLUS)
                return
        self._place(connection, now)
        if len(self.idle_order) > self.limits.max_keepalive:
            oldest = self.idle_order.first
            assert oldest is not None
            self._close(oldest, Reason.SURPLUS)
            self._tidy(oldest.host)

    def _put_down(self, connection: Connection, ticket: Ticket, now: float) -> bool:
        """Do what ``_give_back`` would, if nobody at all waits for anything.

        The way of nearly every response outside a storm, in a third of the time
        (``benchmarks/lease.py``).
        """
        host = connection.host
        if (
            connection.state is not BUSY
            or connection.protocol is not Protocol.HTTP1
            or host.waiting.length
            or host.covered.length
            or self._blocked
            or self.idle_order.length >= self.limits.max_keepalive
            or self.limits.keepalive_expiry <= 0
        ):
            return False
        self._unlease(connection, ticket)
        self._rest_idle(connection, now)
        return True

    def _recover(self, host: Host, now: float) -> None:
        """After a change at *host*: whoever can now be helped is."""
        if host.spare:
            self._adopt(host, now)
        self._enlist(host)
        self._pump(now)
        self._tidy(host)

    def _adopt(self, host: Host, now: float) -> None:
        """Give the dials that nobody waits for to those who wait without one."""
        while host.waiting and host.spare:
            ticket, spare = host.waiting.first, host.spare.first
            assert ticket is not None
            assert spare is not None
            if self._is_overdue(spare, ticket, now):
                self._abort_dial(spare)
            else:
                self._sponsor(ticket, spare, now)

    # -- decisions: whose turn it is to dial ------------------------------------

    def _pump(self, now: float) -> None:
        """Turn free slots into dials, for the oldest first."""
        while True:
            host = self._oldest_blocked()
            if host is None or not self._make_room(host, now):
                return
            ticket = host.waiting.first
            assert ticket is not None
            self._dial(ticket, now)

    def _make_room(self, host: Host, now: float) -> bool:
        """See to it that a connection for *host* can be made within the limits."""
        limits = self.limits
        parked = host.parked.first
        if parked is not None and (
            host.count >= limits.max_per_host
            or host.shared >= limits.max_shared_per_host
        ):
            self._close(parked, Reason.EVICTED)
        if self.total < limits.max_connections:
            return True
        oldest = self.idle_order.first
        if oldest is not None:
            self._close(oldest, Reason.EVICTED)
            self._tidy(oldest.host)
            return True
        spare = self.spare_order.first
        if spare is not None:
            self._abort_dial(spare)
            self._tidy(spare.host)
            return True
        return False

    # -- decisions: what becomes of things left behind --------------------------

    def _leave(self, ticket: Ticket, now: float) -> None:
        """Take *ticket* out of the queue and find its dial another purpose."""
        host = ticket.host
        assert host is not None
        if ticket.dial is None:
            ticket.patience = max(0.0, ticket.deadline - now)
        dial = ticket.dial
        self._quit(ticket)
        if dial is None or dial.sponsor is not None:
            self._tidy(host)
            return
        if self.inline_dials:
            # It was made by the very thread that leaves.
            self._abort_dial(dial)
            self._recover(host, now)
            return
        self._pass_on(dial, now)

    def _pass_on(self, dial: Connection, now: float) -> None:
        """Find a new ticket for a dial whose own has left."""
        host = dial.host
        if dial.cover:
            dial.sponsor = next(t for t in host.covered if t.dial is dial)
            return
        dial.spot.unlink()
        host.spare.append(dial.spot)
        self.spare_order.append(dial.age)
        self._adopt(host, now)
        if dial.sponsor is not None:
            return
        if dial.state is DIALING and not self._is_worth_keeping(dial, now):
            self._abort_dial(dial)
        self._recover(host, now)

    def _is_worth_keeping(self, dial: Connection, now: float) -> bool:
        """Say whether a spare dial has time left, room to rest, and no rival."""
        limits = self.limits
        return (
            now < dial.since + dial.connect_timeout
            and limits.keepalive_expiry > 0
            and len(self.idle_order) + len(self.spare_order) <= limits.max_keepalive
            and self._oldest_blocked() is None
        )

    def _give_back(self, ticket: Ticket, now: float) -> None:
        """End a lease whose connection can go on."""
        connection = ticket.connection
        assert connection is not None
        if connection.state is DRAINING:
            self._end_lease(ticket, Reason.DRAINED)
            self._recover(connection.host, now)
            return
        self._unlease(connection, ticket)
        self._hand_on(connection, now)

    def _break_off(self, ticket: Ticket, reason: Reason, now: float) -> None:
        """End a lease in the middle of its exchange."""
        connection = ticket.connection
        assert connection is not None
        if connection.protocol is Protocol.HTTP2:
            connection.zombies += 1  # only the stream is reset
            self._give_back(ticket, now)
            return
        self._end_lease(ticket, reason)
        self._recover(connection.host, now)

    def _end_lease(self, ticket: Ticket, reason: Reason) -> Connection:
        """End a lease; close its connection unless others are still on it."""
        connection = ticket.connection
        assert connection is not None
        self._unlease(connection, ticket)
        self._retire_now(connection, reason)
        return connection

    def _retire(
        self, connection: Connection, reason: Reason, now: float
    ) -> Sequence[Effect]:
        if connection.state not in LEASABLE:
            return NOTHING
        self._retire_now(connection, reason)
        self._recover(connection.host, now)
        return self._flush()

    def _retire_now(self, connection: Connection, reason: Reason) -> None:
        """Close *connection*, or drain it while requests are on it."""
        draining = connection.state is DRAINING
        if not connection.tickets:
            self._draining -= draining
            self._close(connection, reason)
        elif not draining:
            self._draining += 1
            self._drain(connection)

    def _expire(self, now: float) -> None:
        """Close the idle connections whose time is over; they stand in front."""
        expiry = self.limits.keepalive_expiry
        while True:
            oldest = self.idle_order.first
            if oldest is None or now < oldest.idle_since + expiry:
                return
            self._close(oldest, Reason.EXPIRED)
            self._recover(oldest.host, now)
