"""A shell without sockets: performs the effects of a core and objects to nonsense.

Every input of the core is a method here. After each, the effects are carried
out in order, all tickets are compared with what they were, and the invariants
are recomputed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence

from mooring._pool.core import PoolCore
from mooring._pool.effects import Abort, Close, Dial, Effect, Rearm, Wake
from mooring._pool.model import (
    Connection,
    ConnectionState,
    PoolLimits,
    Protocol,
    Reason,
    Refusal,
    Ticket,
    TicketState,
)
from mooring._pool.retry import MAX_RETRIES, Facts

from .invariants import LEASED, Broken, check, wanting

QUEUED = TicketState.QUEUED
ASSIGNED = TicketState.ASSIGNED
ACTIVE = TicketState.ACTIVE
DIALING = ConnectionState.DIALING
OPEN = (
    ConnectionState.IDLE,
    ConnectionState.BUSY,
    ConnectionState.PARKED,
    ConnectionState.DRAINING,
)


class Before:
    """What the tickets were before an input."""

    def __init__(self, harness: Harness) -> None:
        core = harness.core
        self.states = {t: (t.state, t.deadline, t.dial) for t in harness.alive()}
        self.generations = {t: t.generation for t in harness.tickets}
        self.blocked = [
            t for h in core.hosts.values() if (t := wanting(core, h)) is not None
        ]
        self.is_draining = any(
            c.state is ConnectionState.DRAINING for c in core.connections.values()
        )
        self.is_closed = core.is_closed
        limit = harness.limits.keepalive_expiry
        self.expired = [
            c for c in core.idle_order if harness.now >= c.idle_since + limit
        ]


class Harness:
    """One pool, its clock and its make-believe sockets."""

    def __init__(
        self,
        limits: PoolLimits | None = None,
        *,
        inline: bool = False,
        core: Callable[..., PoolCore] = PoolCore,
        checked: bool = True,
    ) -> None:
        self.limits = limits or PoolLimits()
        self.core = core(self.limits, inline_dials=inline)
        self.checked = checked
        self.now = 0.0
        self.went_back = False
        self.tickets: list[Ticket] = []
        self.sockets: set[Connection] = set()
        """All that hold a descriptor: dials in progress and open connections."""
        self.dialled_ever: set[Connection] = set()
        self.answered: set[Connection] = set()
        self.late: list[Connection] = []
        """Dials called off, whose result may come all the same."""
        self.sleeping: set[Ticket] = set()
        self.overtaken: dict[Ticket, int] = {}
        self.elders: dict[Ticket, set[int]] = {}
        self.granted = self.ended = 0
        self.log: list[str] = []
        self.effects: Sequence[Effect] = ()

    def begin_checks(self) -> None:
        """Check from here on, taking what happened so far for granted."""
        stats = self.core.stats()
        self.granted = stats.leases_new + stats.leases_reused
        self.ended = self.granted - stats.leases
        self.checked = True

    # -- questions --------------------------------------------------------

    def alive(self) -> list[Ticket]:
        """Tickets that are not over."""
        return [t for t in self.tickets if t.state in (QUEUED, *LEASED)]

    def happened(self) -> list[str]:
        """The effects of the last input, as ``Kind(what)``."""
        return [
            f"{type(e).__name__}({e.ticket.seq})"
            if isinstance(e, Wake | Rearm)
            else f"{type(e).__name__}({e.connection.host.key})"
            for e in self.effects
        ]

    def in_state(self, *states: TicketState) -> list[Ticket]:
        return [t for t in self.tickets if t.state in states]

    def of_state(self, *states: ConnectionState) -> list[Connection]:
        return [c for c in self.core.connections.values() if c.state in states]

    def dials(self) -> list[Connection]:
        return self.of_state(DIALING)

    # -- inputs: tickets --------------------------------------------------

    def request(
        self,
        key: Hashable = "a",
        *,
        multiplex: bool = False,
        pool_timeout: float = math.inf,
        connect_timeout: float = math.inf,
    ) -> Ticket:
        ticket = Ticket(
            key,
            multiplex=multiplex,
            pool_timeout=pool_timeout,
            connect_timeout=connect_timeout,
        )
        self.tickets.append(ticket)
        self._tell(lambda: self.core.requested(ticket, now=self.now), ticket)
        return ticket

    def activate(self, ticket: Ticket) -> bool:
        was = ticket.state
        result = self.core.activated(ticket)
        self._require(result is (was is ASSIGNED), "activated() lies")
        self._tell(lambda: (), ticket)
        return result

    def active(self, key: Hashable = "a", *, multiplex: bool = False) -> Ticket:
        """A request that is served at once, for which a dial may be answered."""
        ticket = self.request(key, multiplex=multiplex)
        if ticket.state is QUEUED:
            assert ticket.dial is not None
            self.dial_ok(ticket.dial)
        self.activate(ticket)
        return ticket

    def active_shared(self, key: Hashable = "m", *, cap: int = 2) -> Ticket:
        """The same over HTTP/2, on a connection of *cap* streams."""
        ticket = self.request(key, multiplex=True)
        if ticket.state is QUEUED:
            assert ticket.dial is not None
            self.dial_ok(ticket.dial, Protocol.HTTP2, cap)
        self.activate(ticket)
        return ticket

    def idle(self, key: Hashable = "a") -> Connection:
        """A connection at rest."""
        ticket = self.active(key)
        connection = ticket.connection
        assert connection is not None
        self.release(ticket)
        return connection

    def cancel(self, ticket: Ticket, reason: Reason = Reason.CANCELLED) -> None:
        self._tell(
            lambda: self.core.cancelled(ticket, now=self.now, reason=reason), ticket
        )
        self._require(ticket.state not in (QUEUED, *LEASED), "cancelled, yet alive")

    def time_out(self, ticket: Ticket) -> None:
        self._tell(lambda: self.core.timed_out(ticket, now=self.now), ticket)
        over = ticket.state is QUEUED and self.now >= ticket.deadline
        self._require(not over, "a ticket outlived its deadline")

    def release(
        self, ticket: Ticket, reason: Reason | None = None, *, zombie: bool = False
    ) -> None:
        self.release_as(ticket, ticket.generation, reason, zombie=zombie)
        self._require(ticket.state not in LEASED, "released, yet leased")

    def release_as(
        self,
        ticket: Ticket,
        generation: int,
        reason: Reason | None = None,
        *,
        zombie: bool = False,
    ) -> None:
        is_stale = ticket.generation != generation or ticket.state not in LEASED
        self._tell(
            lambda: self.core.released(
                ticket, generation, now=self.now, reason=reason, zombie=zombie
            ),
            ticket,
        )
        self._require(not (is_stale and self.effects), "18: a stale release acts")

    def found_dead(self, ticket: Ticket) -> None:
        generation = ticket.generation
        self._tell(
            lambda: self.core.found_dead(ticket, generation, now=self.now), ticket
        )

    def fail(self, ticket: Ticket, facts: Facts) -> None:
        bad, generation = ticket.connection, ticket.generation
        self._tell(
            lambda: self.core.failed(ticket, generation, facts, now=self.now), ticket
        )
        self._require(ticket.attempts <= MAX_RETRIES, "27: retried too often")
        again = ticket.connection is not None and ticket.connection is bad
        self._require(not again, "27: retried on the connection that failed")

    def detach(self, ticket: Ticket) -> Connection | None:
        result: list[Connection | None] = []

        def call() -> Sequence[Effect]:
            result.append(self.core.detached(ticket, ticket.generation))
            return ()

        self._tell(call, ticket)
        return result[0]

    # -- inputs: connections ----------------------------------------------

    def dial_ok(
        self,
        connection: Connection,
        protocol: Protocol = Protocol.HTTP1,
        cap: int | None = None,
    ) -> None:
        seats = cap if cap is not None else 1
        late = connection in self.late
        if late:
            self.late.remove(connection)
        self.answered.add(connection)
        self._tell(
            lambda: self.core.dialled(connection, protocol, cap=seats, now=self.now)
        )
        if late:
            closed = [e.connection for e in self.effects if isinstance(e, Close)]
            self._require(closed == [connection], "20: a late dial is not closed")

    def dial_fail(self, connection: Connection, failure: object = "refused") -> None:
        self.sockets.discard(connection)  # a failed dial has closed its socket
        if connection in self.late:
            self.late.remove(connection)
        self._tell(lambda: self.core.dial_failed(connection, failure, now=self.now))

    def die(self, connection: Connection) -> None:
        self._tell(lambda: self.core.died(connection, now=self.now))

    def retire(self, connection: Connection) -> None:
        self._tell(lambda: self.core.retired(connection, now=self.now))

    def change_cap(self, connection: Connection, cap: int) -> None:
        self._tell(lambda: self.core.cap_changed(connection, cap, now=self.now))

    def confirm(self, connection: Connection) -> None:
        self._tell(lambda: self.core.stream_confirmed(connection, now=self.now))

    def close_detached(self, connection: Connection) -> None:
        self._tell(lambda: self.core.detached_closed(connection, now=self.now))

    # -- inputs: the owner ------------------------------------------------

    def tick(self) -> None:
        self._tell(lambda: self.core.ticked(now=self.now))
        if not self.went_back:
            stale = [
                c
                for c in self.core.idle_order
                if self.now >= c.idle_since + self.limits.keepalive_expiry
            ]
            self._require(not stale, "an expired connection outlives a tick")

    def move_clock(self, seconds: float) -> None:
        self.went_back |= seconds < 0
        self.now += seconds

    def close(self) -> None:
        self._tell(self.core.closed)
        self._require(not self.sockets, "20: a closed pool holds sockets")

    # -- the shell's part -------------------------------------------------

    def _require(self, holds: bool, sentence: str) -> None:
        if not holds:
            raise Broken(f"{sentence}\n" + "\n".join(self.log[-40:]))

    def _tell(
        self, call: Callable[[], Sequence[Effect]], actor: Ticket | None = None
    ) -> None:
        if not self.checked:
            self.effects = call()
            self._perform(self.effects)
            self._fall_asleep(actor)
            return
        before = Before(self)
        leases = self._lease_marks()
        self.effects = effects = call()
        self.log.append(f"{call.__code__.co_names} {actor} -> {list(effects)}")
        self._perform(effects)
        self._compare(before, actor)
        self._count_leases(leases)
        try:
            check(self.core, self.tickets)
        except Broken as broken:
            self._require(False, str(broken))

    def _perform(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            match effect:
                case Wake(ticket=ticket):
                    asleep = ticket in self.sleeping
                    self._require(asleep, f"{ticket} woken for nothing")
                    self._require(ticket.state is not QUEUED, f"{ticket} woken early")
                    self.sleeping.discard(ticket)
                case Rearm(ticket=ticket):
                    pass
                case Dial(connection=connection):
                    fresh = connection not in self.dialled_ever
                    self._require(fresh, f"{connection} is dialled twice")
                    self._require(not self.core.is_closed, "20: a closed pool dials")
                    self.dialled_ever.add(connection)
                    self.sockets.add(connection)
                    if self.checked:
                        self._require_limits(connection)
                case Abort(connection=connection):
                    self._require(
                        connection in self.sockets and connection not in self.answered,
                        f"{connection} is aborted and no dial",
                    )
                    self.sockets.discard(connection)
                    self.late.append(connection)
                case Close(connection=connection, reason=reason):
                    known = connection in self.sockets and connection in self.answered
                    known |= reason is Reason.CALLED_OFF
                    self._require(known, f"{connection} is closed and not open")
                    self.sockets.discard(connection)
        if self.checked:
            held = set(self.core.connections.values())
            odd = held ^ self.sockets
            self._require(not odd, f"pool and sockets differ by {odd}")

    def _require_limits(self, connection: Connection) -> None:
        """No prefix of the effects may exceed the limits (24)."""
        mine = sum(c.host.key == connection.host.key for c in self.sockets)
        self._require(
            len(self.sockets) <= self.limits.max_connections, "24: too many sockets"
        )
        self._require(mine <= self.limits.max_per_host, "24: too many to one host")

    def _fall_asleep(self, actor: Ticket | None) -> None:
        """Who reports is awake, and sleeps afterwards only if it must wait."""
        if actor is not None and actor.state is QUEUED:
            self.sleeping.add(actor)
        elif actor is not None:
            self.sleeping.discard(actor)

    # -- comparison with the state before ---------------------------------

    def _compare(self, before: Before, actor: Ticket | None) -> None:
        self._fall_asleep(actor)
        rearmed = {e.ticket for e in self.effects if isinstance(e, Rearm)}
        for ticket, (state, deadline, dial) in before.states.items():
            if ticket is actor:
                continue
            asleep = ticket in self.sleeping
            self._require(asleep is (ticket.state is QUEUED), f"{ticket} not woken")
            self._require_advance(ticket, state, before)
            if ticket.state is QUEUED:
                earlier = ticket.deadline < deadline and ticket not in rearmed
                self._require(not earlier, f"{ticket} has a deadline nobody watches")
                self._require_patience(ticket, dial)
        if actor is not None and actor not in before.states:
            self._require_patience(actor, None)
        self._compare_ages(before)

    def _require_patience(self, ticket: Ticket, dial: Connection | None) -> None:
        """Nobody is made to wait for a dial that is too old for it already."""
        if ticket.dial is None or ticket.dial is dial or self.went_back:
            return
        doomed = ticket.deadline <= self.now and ticket.connect_timeout > 0
        self._require(not doomed, f"{ticket} was given a dial it cannot wait for")

    def _require_advance(
        self, ticket: Ticket, was: TicketState, before: Before
    ) -> None:
        """What happens to others never sets a ticket back (15, 17)."""
        state = ticket.state
        allowed = {
            QUEUED: (QUEUED, ASSIGNED, TicketState.FAILED),
            ASSIGNED: (ASSIGNED,),
            ACTIVE: (ACTIVE,),
        }[was]
        closing = self.core.is_closed and not before.is_closed
        if closing:
            allowed = (TicketState.FAILED,)
            self._require(
                ticket.failure is Refusal.POOL_CLOSED, f"{ticket}: wrong failure"
            )
        self._require(state in allowed, f"{ticket} was {was.value}")

    def _compare_ages(self, before: Before) -> None:
        """First come, first served, within a key (13) and between them (14)."""
        served = [
            t
            for t in self.tickets
            if t.state is ASSIGNED and t.generation != before.generations.get(t, 0)
        ]
        started = [
            e.connection.sponsor
            for e in self.effects
            if isinstance(e, Dial) and e.connection.sponsor is not None
        ]
        waiting = self.in_state(QUEUED)
        for ticket in served:
            expired = ticket.connection in before.expired and not self.went_back
            self._require(not expired, f"21: {ticket} got an expired connection")
            for other in waiting:
                can = other.dial is None or not self.core.inline_dials
                if other.key == ticket.key and other.seq < ticket.seq and can:
                    self._require(False, f"13: {ticket} was served before {other}")
        for rival in before.blocked:
            self._count_overtaking(rival, served, started, before)

    def _count_overtaking(
        self,
        rival: Ticket,
        served: list[Ticket],
        started: list[Ticket],
        before: Before,
    ) -> None:
        host = rival.host
        assert host is not None
        if rival.state is not QUEUED or wanting(self.core, host) is not rival:
            return
        for ticket in started:
            jumped = ticket.seq > rival.seq and ticket.key != rival.key
            self._require(not jumped, f"14: {ticket} took the slot of {rival}")
        elders = self.elders.setdefault(rival, set())
        elders |= {t.seq for t in self.sleeping if t.seq < rival.seq}
        elders |= {t.seq for t in before.states if t.seq < rival.seq}
        if before.is_draining:
            return  # a slot is on its way to the oldest
        younger = sum(t.seq > rival.seq and t.key != rival.key for t in served)
        self.overtaken[rival] = self.overtaken.get(rival, 0) + younger
        bound = self.limits.bypass_budget * (1 + len(elders))
        self._require(
            self.overtaken[rival] <= bound,
            f"14: {rival} was overtaken {self.overtaken[rival]} times",
        )

    def _lease_marks(self) -> dict[Ticket, tuple[int, bool]]:
        return {t: (t.generation, t.state in LEASED) for t in self.tickets}

    def _count_leases(self, before: dict[Ticket, tuple[int, bool]]) -> None:
        """Leases granted and ended, seen from outside (7, 19, 21, 29)."""
        for ticket in self.tickets:
            generation, leased = before.get(ticket, (0, False))
            grants = ticket.generation - generation
            self._require(grants in (0, 1), f"{ticket} got {grants} leases at once")
            self.granted += grants
            self.ended += leased + grants - (ticket.state in LEASED)
            if grants and ticket.connection is not None:
                self._require_leasable(ticket.connection)
        stats = self.core.stats()
        granted = stats.leases_new + stats.leases_reused
        self._require(
            granted == self.granted and stats.leases == granted - self.ended,
            f"29: {granted} leases, {stats.leases} left, {self.ended} ended",
        )

    def _require_leasable(self, connection: Connection) -> None:
        self._require(connection in self.sockets, f"19: {connection} was leased dead")
        over = len(connection.tickets) + connection.zombies > connection.cap
        self._require(not over, f"7: {connection} was leased beyond its cap")
        is_open = connection.state in OPEN
        self._require(is_open, f"21: {connection} was leased")

    # -- drain-out --------------------------------------------------------

    def drain_out(self) -> None:
        """Answer each dial and end each lease: the queue must empty (12)."""
        bound = 2 * len(self.alive()) + len(self.sockets) + 4
        for _ in range(bound):
            if not self.alive():
                break
            for dial in self.dials():
                if dial.state is DIALING:
                    self.dial_ok(dial)
            for connection in self.of_state(ConnectionState.DETACHED):
                self.close_detached(connection)
            for ticket in self.in_state(*LEASED):
                self.release(ticket)
        self._require(not self.alive(), f"12: {self.alive()} are left waiting")
        self._require(
            not self.of_state(ConnectionState.BUSY, ConnectionState.DRAINING),
            "23: connections are busy with nothing",
        )
