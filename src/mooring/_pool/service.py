"""The decisions of the pool: who is served with what, and what gives way.

Inputs come in through ``core``. Whatever frees capacity ends in ``_hand_on`` (a
connection) or ``_pump`` (a slot) here.
"""

from __future__ import annotations

from collections.abc import Iterable

from .effects import Wake
from .ledger import DETACHED, DIALING, DRAINING, HTTP1, HTTP2, LEASABLE, NOT_SERVING
from .model import PRIORITY_STEP, Connection, Host, Reason, Ticket
from .turns import Turns


class Service(Turns):
    """What to do next, given what the books say."""

    __slots__ = ()

    # -- who is served -----------------------------------------------

    def _admit(self, ticket: Ticket, now: float) -> None:
        """Serve *ticket*, in no queue, with what is free, or let it wait."""
        if now >= self.due:
            self._expire(now)
        host = self._host_for(ticket)
        ticket.rank = ticket.seq - ticket.priority * PRIORITY_STEP
        connection = host.idle.last
        if connection is not None and ticket.distrusts_idle:
            self._trade_in(host)
            connection = None
        if connection is None:
            connection = host.offer.first
            if connection is None or not self._may_overtake(connection, ticket):
                self._join(ticket, now)
                self._recover(host, now)
                return
        self._lease(connection, ticket, now)
        if connection.state is DRAINING:  # somebody may wait for another one now
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
        while connection.state in LEASABLE and connection.room > 0:
            ticket = self._next_in_line(host)
            if ticket is None or not self._may_overtake(connection, ticket):
                break
            self._leave(ticket, now)
            self._lease(connection, ticket, now)
            self._note_wait(ticket, now)
            self._effects.append(Wake(ticket))
            if connection.protocol is HTTP1:
                return  # it is full
        if connection.state in LEASABLE:
            self._rest(connection, now)
        if connection.state in NOT_SERVING:
            self._recover(host, now)

    def _may_overtake(self, connection: Connection, ticket: Ticket) -> bool:
        """Say whether *ticket* may be served by *connection*, of its own host.

        It may unless a ticket of another host that goes before it waits for a slot
        and was overtaken often enough; then *connection* makes room for that one.
        """
        rival = self._oldest_blocked()
        if rival is None or rival is connection.host:
            return True
        oldest = rival.waiting.first
        assert oldest is not None
        if ticket.rank < oldest.rank:
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
        if connection.tickets:
            self._place(connection, now)
            return
        host, limits = connection.host, self.limits
        if self._oldest_blocked() is not None:
            self._close(connection, Reason.EVICTED)
            return
        if limits.keepalive_expiry <= 0 and host.idle.length >= limits.min_idle:
            self._close(connection, Reason.SURPLUS)
            return
        self._place(connection, now)
        oldest = host.idle.first
        if oldest is not None and host.idle.length > limits.min_idle > 0:
            # One that was kept beyond its time need not be any more.
            reason = self._overdue(oldest, now)
            if reason is not None:
                self._close(oldest, reason)
        self._trim()

    def _trim(self) -> None:
        """Close what has been idle longest, until no more are than may be."""
        while self.idle_order.length > self.limits.max_keepalive:
            oldest = self.idle_order.first
            assert oldest is not None
            self._close(oldest, Reason.SURPLUS)
            self._tidy(oldest.host)

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

    # -- whose turn it is to dial ------------------------------------

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
        while (parked := host.parked.first) is not None and (
            host.count >= host.limit or host.shared >= limits.max_shared_per_host
        ):
            self._close(parked, Reason.EVICTED)
        while self.total >= limits.max_connections:
            oldest, spare = self.idle_order.first, self.spare_order.first
            if oldest is not None:
                self._close(oldest, Reason.EVICTED)
                self._tidy(oldest.host)
            elif spare is not None:
                self._abort_dial(spare)
                self._tidy(spare.host)
            else:
                return False
        return True

    # -- what becomes of things left behind --------------------------

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
            self.total <= limits.max_connections
            and dial.host.count <= dial.host.limit
            and now < dial.since + dial.connect_timeout
            and limits.keepalive_expiry > 0
            and len(self.idle_order) + len(self.spare_order) <= limits.max_keepalive
            and self._oldest_blocked() is None
        )

    def _give_back(self, ticket: Ticket, now: float) -> None:
        """End a lease whose connection can go on."""
        connection = ticket.connection
        assert connection is not None
        if connection.state is DRAINING:
            self._end_lease(ticket, connection.leaving or Reason.DRAINED)
            self._recover(connection.host, now)
            return
        self._unlease(connection, ticket)
        self._hand_on(connection, now)

    def _break_off(self, ticket: Ticket, reason: Reason, now: float) -> None:
        """End a lease in the middle of its exchange."""
        connection = ticket.connection
        assert connection is not None
        if connection.protocol is HTTP2:
            self._add_zombie(connection)  # only the stream is reset
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

    def _add_zombie(self, connection: Connection) -> None:
        """A stream was given up; it takes room until the peer confirms."""
        connection.zombies += 1
        self._zombies += 1

    def _retire_now(self, connection: Connection, reason: Reason) -> None:
        """Close *connection*, or drain it while requests are on it."""
        if not connection.tickets:
            self._close(connection, reason)
        elif connection.state is not DRAINING:
            self._drain(connection, reason)

    def _expire(self, now: float) -> None:
        """Retire the connections whose time is over."""
        while True:
            connection = self.idle_order.first
            if connection is None or now < connection.idle_since + self._rest_time:
                connection = self._alarms.rung(now)
            if connection is None:
                break
            if connection.state not in LEASABLE:
                continue
            reason = self._overdue(connection, now)
            if reason is None:
                self._watch(connection, now)
            else:
                self._retire_now(connection, reason)
                self._recover(connection.host, now)
        self.due = self._next_due()

    def _shed(self, connections: Iterable[Connection], limit: float) -> None:
        """Have so many of *connections* go that at most *limit* are left.

        Nothing is taken from anybody: what is in use may end, and a dial that
        somebody waits for is used once.
        """
        staying = [c for c in connections if not _is_leaving(c)]
        excess = len(staying) - limit
        for connection in sorted(staying, key=_usefulness) if excess > 0 else ():
            if excess <= 0:
                break
            if connection.state is DETACHED:
                continue  # the caller's
            if connection.state is not DIALING:
                self._retire_now(connection, Reason.TRIMMED)
            elif connection.sponsor is None:
                self._abort_dial(connection)
            else:
                connection.quota = 1
            excess -= 1


def _is_leaving(connection: Connection) -> bool:
    """Say whether *connection* will go when the requests it has or was made for do."""
    if connection.state is DIALING:
        return connection.sponsor is not None and connection.quota <= 1
    return connection.state is DRAINING


def _usefulness(connection: Connection) -> tuple[int, float]:
    """What is of least use comes first: idle, spare, busy, waited for."""
    if connection.state is DIALING:
        return (1 if connection.sponsor is None else 3), connection.since
    return (2 if connection.tickets else 0), connection.idle_since
