"""Old bugs, put back one by one: each a production core with one thing done wrong.

Most are modelled on what broke other pools. A check that no known bug can fail proves
nothing about unknown ones.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from mooring._pool.core import PoolCore
from mooring._pool.effects import Close, Effect, Emptied, Wake
from mooring._pool.ledger import (
    ACTIVE,
    ASSIGNED,
    BUSY,
    CLOSED,
    DIALING,
    DRAINING,
    LEASABLE,
)
from mooring._pool.model import (
    Connection,
    Host,
    PoolLimits,
    Protocol,
    Reason,
    Ticket,
    TicketState,
)
from mooring._pool.retry import Facts

Effects = Sequence[Effect]

# -- who gives up ---------------------------------------------------------


class ForgetsTheLease(PoolCore):
    """A cancelled ticket keeps the connection that it was just given."""

    def cancelled(
        self, ticket: Ticket, *, now: float, reason: Reason = Reason.CANCELLED
    ) -> Effects:
        if ticket.state is ASSIGNED:
            self._finish(ticket, TicketState.CANCELLED)
            return ()
        return super().cancelled(ticket, now=now, reason=reason)


class KeepsTheSlot(PoolCore):
    """What a cancelled ticket gives back is put to rest, whoever waits for it."""

    def cancelled(
        self, ticket: Ticket, *, now: float, reason: Reason = Reason.CANCELLED
    ) -> Effects:
        connection = ticket.connection
        if connection is None or connection.state is DRAINING:
            return super().cancelled(ticket, now=now, reason=reason)
        self._unlease(connection, ticket)
        self._place(connection, now)
        self._finish(ticket, TicketState.CANCELLED)
        return self._flush()


class CancelsTheSharedDial(PoolCore):
    """The dial ends with the ticket that it was begun for, others wait or not."""

    def _pass_on(self, dial: Connection, now: float) -> None:
        for ticket in [t for t in dial.host.covered if t.dial is dial]:
            self._uncover(ticket, dial, now)
        self._abort_dial(dial)
        self._recover(dial.host, now)


class DropsTheOrphan(PoolCore):
    """A dial whose ticket left is forgotten, and its slot with it."""

    def _pass_on(self, dial: Connection, now: float) -> None:
        dial.spot.unlink()


class KeepsTheSurplusDial(PoolCore):
    """A dial that nobody waits for is not called off for one who needs its slot."""

    def _make_room(self, host: Host, now: float) -> bool:
        full = self.total >= self.limits.max_connections
        if full and self.spare_order and not self.idle_order:
            return False
        return super()._make_room(host, now)


class TimesOutTheServed(PoolCore):
    """A timer that fires in the moment of the hand-over still counts."""

    def timed_out(self, ticket: Ticket, *, now: float) -> Effects:
        if ticket.state is ASSIGNED:
            self._finish(ticket, TicketState.TIMED_OUT)
            return ()
        return super().timed_out(ticket, now=now)


class TimesOutEarly(PoolCore):
    """A deadline that moved while its old timer was on the way is not looked at."""

    def timed_out(self, ticket: Ticket, *, now: float) -> Effects:
        return super().timed_out(ticket, now=max(now, ticket.deadline))


# -- what frees capacity and tells nobody ---------------------------------


class Deaf(PoolCore):
    """After one of its inputs it helps nobody who waits."""

    deaf = False

    def _recover(self, host: Host, now: float) -> None:
        if not self.deaf:
            super()._recover(host, now)
        else:
            self._tidy(host)

    def _flush(self) -> Effects:
        self.deaf = False
        return super()._flush()


class LosesTheFailedSlot(Deaf):
    """A failed dial wakes nobody but its own ticket."""

    def dial_failed(
        self,
        connection: Connection,
        failure: object,
        *,
        now: float,
        timed_out: bool = False,
    ) -> Effects:
        self.deaf = connection.state is DIALING
        return super().dial_failed(connection, failure, now=now, timed_out=timed_out)


class LosesTheDeadSlot(Deaf):
    """The slot of a connection that died while idle serves nobody."""

    def found_dead(self, ticket: Ticket, generation: int, *, now: float) -> Effects:
        self.deaf = ticket.generation == generation and ticket.connection is not None
        return super().found_dead(ticket, generation, now=now)


class LosesTheBrokenSlot(Deaf):
    """The slot of a connection that cannot be used again serves nobody."""

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
    ) -> Effects:
        connection = ticket.connection
        fits = ticket.generation == generation and connection is not None
        self.deaf = fits and reason is not None
        return super().released(
            ticket,
            generation,
            now=now,
            reason=reason,
            zombie=zombie,
            keepalive=keepalive,
            remaining=remaining,
        )


class LosesTheDetachedSlot(Deaf):
    """An upgraded connection was closed, and its slot serves nobody."""

    def detached_closed(self, connection: Connection, *, now: float) -> Effects:
        self.deaf = True
        effects = super().detached_closed(connection, now=now)
        self.deaf = False
        return effects


class IgnoresTheRaise(PoolCore):
    """A raised stream limit is noted, and those who wait for it wait on."""

    def cap_changed(self, connection: Connection, cap: int, *, now: float) -> Effects:
        if connection.state in LEASABLE:
            connection.cap = cap
            self._place(connection, now)
        return self._flush()


class IgnoresTheConfirmation(PoolCore):
    """A reset stream is confirmed, and those who wait for its room wait on."""

    def stream_confirmed(self, connection: Connection, *, now: float) -> Effects:
        connection.zombies -= 1
        if connection.state is not CLOSED:
            self._zombies -= 1
        if connection.state in LEASABLE:
            self._place(connection, now)
        return self._flush()


class IgnoresRaisedLimits(Deaf):
    """Limits are raised at run time, and those who wait wait on."""

    def set_limits(self, limits: PoolLimits, *, now: float) -> Effects:
        self.deaf = True
        return super().set_limits(limits, now=now)


class RestsBesideWaiters(PoolCore):
    """A connection that comes free is put to rest before the queue is looked at."""

    def _hand_on(self, connection: Connection, now: float) -> None:
        self._place(connection, now)


# -- who is served --------------------------------------------------------


class OvertakesForEver(PoolCore):
    """The young reuse their connections, however long the old have waited."""

    def _may_overtake(self, connection: Connection, ticket: Ticket) -> bool:
        return True


class ServesTheYoungest(PoolCore):
    """Last come, first served."""

    def _next_in_line(self, host: Host) -> Ticket | None:
        return host.waiting.last or super()._next_in_line(host)


class LetsTheNewcomerBarge(PoolCore):
    """A new ticket takes the connection in hand before those who wait for it."""

    def _hand_on(self, connection: Connection, now: float) -> None:
        host = connection.host
        last = host.waiting.last
        if last is not None and connection.room > 0 and host.waiting.length > 1:
            self._leave(last, now)
            self._lease(connection, last, now)
            self._effects.append(Wake(last))
        super()._hand_on(connection, now)


class RequeuesAtTheEnd(PoolCore):
    """A ticket that has to ask again loses its age."""

    def _join(self, ticket: Ticket, now: float) -> None:
        if ticket.generation:
            ticket.rank = self._last_seq + 1
        super()._join(ticket, now)


class ForgetsPriority(PoolCore):
    """All wait by age alone."""

    def _join(self, ticket: Ticket, now: float) -> None:
        ticket.rank = ticket.seq
        super()._join(ticket, now)


class SortsByTheClock(PoolCore):
    """The time of asking is taken for the age."""

    def _join(self, ticket: Ticket, now: float) -> None:
        ticket.rank = int(now * 1000) * 1000 + ticket.seq
        super()._join(ticket, now)


class WakesTwice(PoolCore):
    """A ticket that has its answer is woken again."""

    def dialled(
        self, connection: Connection, protocol: Protocol, *, cap: int = 1, now: float
    ) -> Effects:
        effects = super().dialled(connection, protocol, cap=cap, now=now)
        return [*effects, *effects[:1]]


class WakesNobody(PoolCore):
    """The ticket has its connection and is not told."""

    def dialled(
        self, connection: Connection, protocol: Protocol, *, cap: int = 1, now: float
    ) -> Effects:
        super().dialled(connection, protocol, cap=cap, now=now)
        return ()


# -- leases ---------------------------------------------------------------


class AssignsTwice(PoolCore):
    """A connection on its way to one ticket still looks idle to the next."""

    def _admit(self, ticket: Ticket, now: float) -> None:
        for connection in self.connections.values():
            if connection.host.key == ticket.key and connection.tickets:
                ticket.host = connection.host
                self._lease(connection, ticket, now)
                return
        super()._admit(ticket, now)


class HonoursStaleReleases(PoolCore):
    """Whoever gives a lease back, it was this one."""

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
    ) -> Effects:
        return super().released(
            ticket, ticket.generation, now=now, reason=reason, zombie=zombie
        )


class FreesTheZombies(PoolCore):
    """A stream that was reset takes no room, confirmed or not."""

    def _add_zombie(self, connection: Connection) -> None:
        pass


class OverfillsStreams(PoolCore):
    """A full connection takes one more."""

    def _admit(self, ticket: Ticket, now: float) -> None:
        for connection in self.connections.values():
            shared = connection.protocol is Protocol.HTTP2
            same = connection.host.key == ticket.key
            if same and shared and connection.state is BUSY:
                self._lease(connection, ticket, now)
                return
        super()._admit(ticket, now)


class RevokesByCap(PoolCore):
    """When the stream limit falls, what is over it is thrown out."""

    def cap_changed(self, connection: Connection, cap: int, *, now: float) -> Effects:
        if cap < len(connection.tickets):
            self._close(connection, Reason.SURPLUS)
            return self._flush()
        return super().cap_changed(connection, cap, now=now)


class LeasesTheExpired(PoolCore):
    """What has rested for too long is closed by the timer alone."""

    def _expire(self, now: float) -> None:
        self.due = math.inf


class UsesTheWorn(PoolCore):
    """How many requests a connection may carry is not counted."""

    def _judge(self, connection: Connection) -> None:
        super()._judge(connection)
        connection.quota = math.inf

    def _dial(self, ticket: Ticket, now: float) -> None:
        super()._dial(ticket, now)
        assert ticket.dial is not None
        ticket.dial.quota = math.inf


class NeverAges(PoolCore):
    """A connection in constant use lives for ever."""

    def _judge(self, connection: Connection) -> None:
        super()._judge(connection)
        connection.retire_at = math.inf


# -- limits ---------------------------------------------------------------


class CountsOnlyTheBusy(PoolCore):
    """Idle connections are free of charge."""

    def _make_room(self, host: Host, now: float) -> bool:
        busy = self.total - self.idle_order.length
        return busy < self.limits.max_connections or super()._make_room(host, now)


class ForgetsTheHostLimit(PoolCore):
    """Only the total is limited."""

    def _wants_dial(self, host: Host) -> bool:
        limit, host.limit = host.limit, math.inf
        try:
            return super()._wants_dial(host)
        finally:
            host.limit = limit


class KeepsTooMany(PoolCore):
    """The keep-alive limit is not looked at when one more comes to rest."""

    def _trim(self) -> None:
        pass


class EvictsTheLeased(PoolCore):
    """At the limit, the oldest connection goes, in use or not."""

    def _make_room(self, host: Host, now: float) -> bool:
        if self.total >= self.limits.max_connections:
            oldest = min(self.connections.values(), key=lambda c: c.number)
            if oldest.state is not DIALING:
                self._close(oldest, Reason.EVICTED)
                self._tidy(oldest.host)
                return True
        return super()._make_room(host, now)


class EvictsNothing(PoolCore):
    """An idle connection elsewhere keeps its slot, whoever needs it."""

    def _make_room(self, host: Host, now: float) -> bool:
        return self.total < self.limits.max_connections


class DialsBeforeClosing(PoolCore):
    """The new connection is opened first, the old one closed after it."""

    def _flush(self) -> Effects:
        effects = list(super()._flush())
        return sorted(effects, key=lambda effect: isinstance(effect, Close))


class LetsParkedHoldTheSlot(PoolCore):
    """A connection without streams keeps its own host from making another."""

    def _wants_dial(self, host: Host) -> bool:
        return not host.parked and super()._wants_dial(host)


class UncountsTheDetached(PoolCore):
    """What is upgraded is the caller's, and no longer counted."""

    def detached(self, ticket: Ticket, generation: int) -> Connection | None:
        connection = super().detached(ticket, generation)
        if connection is not None:
            self.total -= 1
            connection.host.count -= 1
        return connection


class RevokesByLimit(PoolCore):
    """When the limit is lowered, connections in use are closed."""

    def set_limits(self, limits: PoolLimits, *, now: float) -> Effects:
        for connection in list(self.connections.values()):
            if connection.tickets and self.total > limits.max_connections:
                self._close(connection, Reason.TRIMMED)
        return super().set_limits(limits, now=now)


# -- dials ----------------------------------------------------------------


class LeaksTheLateDial(PoolCore):
    """A dial that succeeds after it was called off is not closed."""

    def dialled(
        self, connection: Connection, protocol: Protocol, *, cap: int = 1, now: float
    ) -> Effects:
        if connection.state is CLOSED:
            return ()
        return super().dialled(connection, protocol, cap=cap, now=now)


class DialsForEach(PoolCore):
    """Each ticket has its own dial, also where one may serve them all."""

    def _wants_dial(self, host: Host) -> bool:
        hint, host.hint = host.hint, Protocol.HTTP1
        try:
            return super()._wants_dial(host)
        finally:
            host.hint = hint


class FailsTheWholeHost(PoolCore):
    """One failed dial fails all who wait for that host."""

    def dial_failed(
        self,
        connection: Connection,
        failure: object,
        *,
        now: float,
        timed_out: bool = False,
    ) -> Effects:
        if connection.state is DIALING:
            for ticket in connection.host.waiting:
                self._fail_queued(ticket, failure)
        return super().dial_failed(connection, failure, now=now, timed_out=timed_out)


class ClimbsTheLadder(PoolCore):
    """Who shared a dial that failed dials again, one after the other."""

    def dial_failed(
        self,
        connection: Connection,
        failure: object,
        *,
        now: float,
        timed_out: bool = False,
    ) -> Effects:
        sponsor = connection.sponsor
        for ticket in list(connection.host.covered):
            if ticket.dial is connection and ticket is not sponsor:
                self._uncover(ticket, connection, now)
        hint, connection.host.hint = connection.host.hint, Protocol.HTTP1
        try:
            return super().dial_failed(
                connection, failure, now=now, timed_out=timed_out
            )
        finally:
            connection.host.hint = hint


# -- goodbyes and retries -------------------------------------------------


class ForgetsTheGoaway(PoolCore):
    """A connection on its way out is still on offer."""

    def retired(self, connection: Connection, *, now: float) -> Effects:
        return ()


class GoesAwayAtOnce(PoolCore):
    """GOAWAY ends the requests that the peer still answers."""

    def retired(self, connection: Connection, *, now: float) -> Effects:
        if connection.state in LEASABLE:
            self._close(connection, Reason.DRAINED)
            self._recover(connection.host, now)
        return self._flush()


class RetriesOnTheSame(PoolCore):
    """The second try goes to the connection that failed the first."""

    def failed(
        self, ticket: Ticket, generation: int, facts: Facts, *, now: float
    ) -> Effects:
        fits = ticket.generation == generation and ticket.state is ACTIVE
        if fits and ticket.reused and not facts.answered:
            ticket.attempts += 1
            ticket.generation += 1
            ticket.state = ASSIGNED
            return ()
        return super().failed(ticket, generation, facts, now=now)


class RetriesForEver(PoolCore):
    """Tries are not counted."""

    def failed(
        self, ticket: Ticket, generation: int, facts: Facts, *, now: float
    ) -> Effects:
        if ticket.generation == generation and ticket.connection is not None:
            ticket.attempts = 0
        return super().failed(ticket, generation, facts, now=now)


class RetriesTheFresh(PoolCore):
    """A connection that dies on its first request is bad luck, too."""

    def failed(
        self, ticket: Ticket, generation: int, facts: Facts, *, now: float
    ) -> Effects:
        if ticket.generation == generation and ticket.connection is not None:
            ticket.reused = True
        return super().failed(ticket, generation, facts, now=now)


# -- closing --------------------------------------------------------------


class LeavesWaiters(PoolCore):
    """Closing the pool closes connections and forgets those who wait."""

    def _turn_away(self) -> None:
        pass


class DialsAfterClose(PoolCore):
    """A closed pool is as good as new."""

    def closed(self) -> Effects:
        effects = super().closed()
        self.is_closed = False
        return effects


class TakesNewWorkWhileDraining(PoolCore):
    """Draining, it still makes connections for whoever asks."""

    def closing(self, *, now: float) -> Effects:
        effects = super().closing(now=now)
        self.is_closing = False
        return effects


class CutsWhatDrains(PoolCore):
    """A graceful close is none."""

    def closing(self, *, now: float) -> Effects:
        for connection in list(self.connections.values()):
            if connection.tickets:
                self._close(connection, Reason.POOL_CLOSED)
        return super().closing(now=now)


class NeverSaysEmptied(PoolCore):
    """Who waits for the end of the draining waits for ever."""

    def _flush(self) -> Effects:
        return [e for e in super()._flush() if not isinstance(e, Emptied)]


# -- books ----------------------------------------------------------------


class RemembersHosts(PoolCore):
    """A host that was ever asked is never forgotten."""

    def _tidy(self, host: Host) -> None:
        pass


class RemembersConnections(PoolCore):
    """What is closed stays on a list."""

    def _gone(self, connection: Connection) -> None:
        super()._gone(connection)
        if not hasattr(self, "past"):
            self.past: list[Connection] = []
        self.past.append(connection)


class MiscountsTheQueue(PoolCore):
    """Who leaves the queue is still counted in it."""

    def _quit(self, ticket: Ticket) -> None:
        super()._quit(ticket)
        self._counts["queued"] += 1


class MiscountsFailures(PoolCore):
    """A dial that failed is counted as called off, too."""

    def _fail_queued(self, ticket: Ticket, failure: object) -> None:
        super()._fail_queued(ticket, failure)
        self._counts["aborted"] += 1
