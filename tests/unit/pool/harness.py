"""A shell without sockets: performs the effects of a core and objects to nonsense.

Every input of the core is a method here. After each, the effects are carried
out in order, what happened is shown to the monitors, and the invariants are
recomputed.
"""

from __future__ import annotations

import gc
import math
import sys
from collections.abc import Callable, Hashable, Iterator, Sequence
from types import FrameType
from typing import NoReturn

from mooring._pool.core import PoolCore
from mooring._pool.effects import Abort, Close, Dial, Effect, Emptied, Rearm, Wake
from mooring._pool.limits import limit_for
from mooring._pool.model import (
    Connection,
    ConnectionState,
    PoolLimits,
    Protocol,
    Reason,
    Ticket,
    TicketState,
)
from mooring._pool.retry import Facts

from .invariants import BOOKS, DIALING, LEASED, QUEUED, Broken, check
from .monitors import MONITORS, Before, Event

SILENT = Facts(sent=True, answered=False, idempotent=True, replayable=True)


def tell(effect: Effect) -> str:
    """*effect* as ``Kind(what)``."""
    name = type(effect).__name__
    if isinstance(effect, Emptied):
        return name
    if isinstance(effect, Wake | Rearm):
        return f"{name}({effect.ticket.seq})"
    return f"{name}({effect.connection.host.key})"


class Harness:
    """One pool, its clock and its make-believe sockets."""

    def __init__(
        self,
        limits: PoolLimits | None = None,
        *,
        inline: bool = False,
        core: Callable[..., PoolCore] = PoolCore,
        checked: bool = True,
        metered: bool = False,
    ) -> None:
        self.limits = limits or PoolLimits()
        self.core = core(self.limits, inline_dials=inline)
        self.checked = checked
        """Whether what happens is compared with what may."""
        self.stately = checked
        """Whether each state is looked at, too. (A search does it once for each.)"""
        self.metered = metered
        self.work: int | None = None
        """Calls made by the last input, where they are counted."""
        self.now = 0.0
        self.went_back = False
        self.lowered = False
        """A limit was, while more than that was in use."""
        self.is_closing = self.is_closed = False
        """What the core was told, whatever it thinks."""
        self.emptied = 0
        self.tickets: list[Ticket] = []
        self.sockets: set[Connection] = set()
        """All that hold a descriptor: dials in progress and open connections."""
        self.answered: set[Connection] = set()
        self.graves: set[Connection] = set()
        """Connections that are closed, or were never made."""
        self.late: list[Connection] = []
        """Dials called off, whose result may come all the same."""
        self.sleeping: set[Ticket] = set()
        self.overtaken: dict[Ticket, int] = {}
        """How often each was, while it was the first of those without a slot."""
        self.granted = self.ended = 0
        self.log: list[str] = []
        self.effects: Sequence[Effect] = ()
        self.stats = self.core.stats()
        """The books after the last event."""

    def begin_checks(self) -> None:
        """Check from here on, taking what happened so far for granted."""
        self.stats = stats = self.core.stats()
        self.granted = stats.leases_new + stats.leases_reused
        self.ended = self.granted - stats.leases
        self.checked = True

    def forget(self) -> None:
        """Let go of all that is over, so that a long history stays small."""
        self.tickets = self.alive()
        self.answered &= self.sockets
        self.graves.clear()
        self.late.clear()
        self.effects = ()
        for ticket in [t for t in self.overtaken if t.state is not QUEUED]:
            del self.overtaken[ticket]
        self.log.clear()

    # -- questions --------------------------------------------------------

    def alive(self) -> list[Ticket]:
        """Tickets that are not over."""
        return [t for t in self.tickets if t.state is QUEUED or t.state in LEASED]

    def happened(self) -> list[str]:
        """The effects of the last input, as ``Kind(what)``."""
        return [tell(effect) for effect in self.effects]

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
        priority: int = 0,
    ) -> Ticket:
        ticket = Ticket(
            key,
            multiplex=multiplex,
            priority=priority,
            pool_timeout=pool_timeout,
            connect_timeout=connect_timeout,
        )
        self._tell(
            Event("request", ticket),
            lambda: self.core.requested(ticket, now=self.now),
        )
        return ticket

    def activate(self, ticket: Ticket) -> bool:
        was = ticket.state
        result: list[bool] = []

        def call() -> Sequence[Effect]:
            result.append(self.core.activated(ticket))
            return ()

        self._tell(Event("activate", ticket), call)
        if result != [was in LEASED]:
            self._fail(15, f"activated() says {result} of {ticket}")
        return result[0]

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
            Event("cancel", ticket),
            lambda: self.core.cancelled(ticket, now=self.now, reason=reason),
        )
        if ticket.state is QUEUED or ticket.state in LEASED:
            self._fail(15, f"{ticket} was cancelled and lives")

    def time_out(self, ticket: Ticket) -> None:
        self._tell(
            Event("time out", ticket),
            lambda: self.core.timed_out(ticket, now=self.now),
        )

    def release(
        self,
        ticket: Ticket,
        reason: Reason | None = None,
        *,
        zombie: bool = False,
        keepalive: float | None = None,
        remaining: int | None = None,
    ) -> None:
        self.release_as(
            ticket,
            ticket.generation,
            reason,
            zombie=zombie,
            keepalive=keepalive,
            remaining=remaining,
        )
        if ticket.state in LEASED:
            self._fail(15, f"{ticket} was released and has a lease")

    def release_as(
        self,
        ticket: Ticket,
        generation: int,
        reason: Reason | None = None,
        *,
        zombie: bool = False,
        keepalive: float | None = None,
        remaining: int | None = None,
    ) -> None:
        stale = ticket.generation != generation or ticket.state not in LEASED
        self._tell(
            Event("release", ticket, zombie=zombie, stale=stale),
            lambda: self.core.released(
                ticket,
                generation,
                now=self.now,
                reason=reason,
                zombie=zombie,
                keepalive=keepalive,
                remaining=remaining,
            ),
        )

    def found_dead(self, ticket: Ticket) -> None:
        generation = ticket.generation
        self._tell(
            Event("found dead", ticket),
            lambda: self.core.found_dead(ticket, generation, now=self.now),
        )

    def fail(self, ticket: Ticket, facts: Facts) -> None:
        generation = ticket.generation
        self._tell(
            Event("fail", ticket, facts=facts),
            lambda: self.core.failed(ticket, generation, facts, now=self.now),
        )

    def detach(self, ticket: Ticket) -> Connection | None:
        result: list[Connection | None] = []

        def call() -> Sequence[Effect]:
            result.append(self.core.detached(ticket, ticket.generation))
            return ()

        self._tell(Event("detach", ticket), call)
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
            Event("dial ok", connection=connection, stale=late),
            lambda: self.core.dialled(connection, protocol, cap=seats, now=self.now),
        )

    def dial_fail(
        self,
        connection: Connection,
        failure: object = "refused",
        *,
        timed_out: bool = False,
    ) -> None:
        late = connection in self.late
        if late:
            self.late.remove(connection)
        self._tell(
            Event(
                "dial fail",
                connection=connection,
                failure=failure,
                stale=late,
                timed_out=timed_out,
            ),
            lambda: self.core.dial_failed(
                connection, failure, now=self.now, timed_out=timed_out
            ),
            closed=connection,  # a failed dial has closed its socket
        )

    def die(self, connection: Connection) -> None:
        self._tell(
            Event("die", connection=connection),
            lambda: self.core.died(connection, now=self.now),
        )

    def retire(self, connection: Connection) -> None:
        self._tell(
            Event("retire", connection=connection),
            lambda: self.core.retired(connection, now=self.now),
        )

    def change_cap(self, connection: Connection, cap: int) -> None:
        self._tell(
            Event("cap", connection=connection),
            lambda: self.core.cap_changed(connection, cap, now=self.now),
        )

    def confirm(self, connection: Connection) -> None:
        self._tell(
            Event("confirm", connection=connection),
            lambda: self.core.stream_confirmed(connection, now=self.now),
        )

    def close_detached(self, connection: Connection) -> None:
        self._tell(
            Event("close detached", connection=connection),
            lambda: self.core.detached_closed(connection, now=self.now),
        )

    # -- inputs: the owner ------------------------------------------------

    def tick(self) -> None:
        self._tell(Event("tick"), lambda: self.core.ticked(now=self.now))
        due = self.core.next_expiry
        if due is not None and due <= self.now and not self.went_back:
            self._fail(32, "an expired connection outlives a tick")

    def move_clock(self, seconds: float) -> None:
        self.went_back |= seconds < 0
        self.now += seconds

    def set_limits(self, limits: PoolLimits) -> None:
        self.lowered = True
        self._tell(
            Event("set limits"), lambda: self.core.set_limits(limits, now=self.now)
        )

    def drain(self) -> None:
        """Close gracefully: what is under way may end."""
        self._tell(Event("drain"), lambda: self.core.closing(now=self.now))

    def close(self) -> None:
        self._tell(Event("close"), self.core.closed)

    # -- inputs that come too late ----------------------------------------

    def say_again(self) -> None:
        """Tell the core everything once more about all that is over (18, 19, 20).

        None of it may do anything, but close what was opened in vain.
        """
        stats = self.stats if self.checked else self.core.stats()
        for ticket in self.tickets:
            was = vars(ticket).copy()
            for law, verb, effects in self._repeated(ticket):
                if effects or vars(ticket) != was:
                    self._fail(law, f"{verb} of {ticket}, once more, does {effects}")
        for connection in self.graves:
            for verb, effects in self._posthumous(connection):
                if effects:
                    self._fail(19, f"{verb} of {connection}, closed, does {effects}")
        for connection in self.late:
            effects = self.core.dialled(connection, Protocol.HTTP1, now=self.now)
            closed = [e.connection for e in effects if isinstance(e, Close)]
            if len(effects) != 1 or closed != [connection]:
                self._fail(20, f"{connection} came late and is not closed")
        if self.core.stats() != stats:
            self._fail(18, "what is over still changes the books")

    def _repeated(self, ticket: Ticket) -> Iterator[tuple[int, str, object]]:
        core, now, last = self.core, self.now, ticket.generation
        old = last - 1
        state = ticket.state
        yield 18, "release", core.released(ticket, old, now=now)
        yield 18, "failure", core.failed(ticket, old, SILENT, now=now)
        yield 18, "death", core.found_dead(ticket, old, now=now)
        if state is QUEUED:
            if now < ticket.deadline:
                yield 32, "timing out", core.timed_out(ticket, now=now)
        else:
            yield 15, "timing out", core.timed_out(ticket, now=now)
        if state is not QUEUED and state not in LEASED:
            yield 18, "release", core.released(ticket, last, now=now)
            broken = core.released(ticket, last, now=now, reason=Reason.BROKEN)
            yield 18, "breaking", broken
            yield 18, "failure", core.failed(ticket, last, SILENT, now=now)
            yield 18, "death", core.found_dead(ticket, last, now=now)
            if now < core.due:  # else it would look after what has expired
                yield 15, "cancelling", core.cancelled(ticket, now=now)
            yield 15, "activating", core.activated(ticket)
            yield 19, "detaching", core.detached(ticket, last)

    def _posthumous(self, connection: Connection) -> Iterator[tuple[str, object]]:
        core, now = self.core, self.now
        yield "failure", core.dial_failed(connection, "refused", now=now)
        yield "death", core.died(connection, now=now)
        yield "retiring", core.retired(connection, now=now)
        if now < core.due:
            yield "new cap", core.cap_changed(connection, 2, now=now)
        yield "closing", core.detached_closed(connection, now=now)

    # -- the shell's part -------------------------------------------------

    def _fail(self, number: int, sentence: str) -> NoReturn:
        raise self._broken(Broken(number, sentence))

    def _broken(self, broken: Broken) -> Broken:
        for line in self.log[-40:]:
            broken.add_note(line)
        return broken

    def _tell(
        self,
        event: Event,
        call: Callable[[], Sequence[Effect]],
        *,
        closed: Connection | None = None,
    ) -> None:
        actor = event.ticket
        before = Before(self) if self.checked else None
        self.is_closing |= event.verb == "drain" and not self.is_closed
        self.is_closed |= event.verb == "close"
        if event.verb == "request":
            assert actor is not None
            self.tickets.append(actor)
        if closed is not None and closed in self.sockets:
            self.sockets.discard(closed)
            self.graves.add(closed)
        self.effects = self._metered(call) if self.metered else call()
        if before is not None and self.stately:
            self.log.append(f"{event.verb} {actor or event.connection or ''}")
            self.log.append(f"    -> {list(self.effects)}")
        self._perform(self.effects)
        self._fall_asleep(actor)
        if before is not None:
            self._compare(before, event)

    def _compare(self, before: Before, event: Event) -> None:
        self.stats = self.core.stats()
        for number, monitor in MONITORS:
            for sentence in monitor(self, before, event):
                if number in BOOKS:
                    self._check_state()  # which may say it more clearly
                self._fail(number, sentence)
        if self.stately:
            self._check_state()
        else:  # a search keeps no totals apart, so they are looked at each time
            check(self.core, self.tickets, only=BOOKS)

    def _check_state(self) -> None:
        try:
            self.check()
        except Broken as broken:
            raise self._broken(broken) from None

    def check(self) -> None:
        """Look at the state as it is."""
        check(self.core, self.tickets, went_back=self.went_back, lowered=self.lowered)

    def _metered(self, call: Callable[[], Sequence[Effect]]) -> Sequence[Effect]:
        """Count what *call* calls, our functions and built-in ones."""
        count = 0

        def note(frame: FrameType, event: str, argument: object) -> None:
            nonlocal count
            count += event in ("call", "c_call")

        # The collector's callbacks, Hypothesis has one, would be counted too.
        was_on = gc.isenabled()
        gc.disable()
        sys.setprofile(note)
        try:
            return call()
        finally:
            sys.setprofile(None)
            if was_on:
                gc.enable()
            self.work = count

    def _perform(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            match effect:
                case Wake(ticket=ticket):
                    self._perform_wake(ticket)
                case Dial(connection=connection):
                    self._perform_dial(connection)
                case Abort(connection=connection):
                    if connection not in self.sockets or connection in self.answered:
                        self._fail(19, f"{connection} is aborted and no dial")
                    self._bury(connection)
                    self.late.append(connection)
                case Close(connection=connection, reason=reason):
                    known = connection in self.sockets and connection in self.answered
                    if not known and reason is not Reason.CALLED_OFF:
                        self._fail(19, f"{connection} is closed and not open")
                    self._bury(connection)
                case Emptied():
                    self.emptied += 1
                case Rearm():
                    pass  # who is out already need not mind
        if self.checked:
            odd = self.sockets.symmetric_difference(self.core.connections.values())
            if odd:
                self._fail(4, f"pool and sockets differ by {odd}")

    def _perform_wake(self, ticket: Ticket) -> None:
        if ticket not in self.sleeping:
            self._fail(15, f"{ticket} is woken for nothing")
        if ticket.state is QUEUED:
            self._fail(15, f"{ticket} is woken early")
        self.sleeping.discard(ticket)

    def _perform_dial(self, connection: Connection) -> None:
        if any(connection in s for s in (self.sockets, self.graves, self.answered)):
            self._fail(19, f"{connection} is dialled twice")
        if self.is_closed or self.is_closing:
            self._fail(20, "a closed pool dials")
        self.sockets.add(connection)
        if self.checked:
            self._require_limits(connection)

    def _bury(self, connection: Connection) -> None:
        self.sockets.discard(connection)
        self.graves.add(connection)

    def _require_limits(self, connection: Connection) -> None:
        """No prefix of the effects may exceed the limits (24)."""
        limits, host = self.core.limits, connection.host
        if len(self.sockets) > limits.max_connections:
            self._fail(24, "too many sockets, for a moment")
        if sum(c.host is host for c in self.sockets) > limit_for(limits, host.key):
            self._fail(24, "too many sockets to one host, for a moment")

    def _fall_asleep(self, actor: Ticket | None) -> None:
        """Who reports is awake, and sleeps afterwards only if it must wait."""
        if actor is not None and actor.state is QUEUED:
            self.sleeping.add(actor)
        elif actor is not None:
            self.sleeping.discard(actor)

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
        if self.alive():
            self._fail(12, f"{self.alive()} are left waiting")
        held = self.of_state(ConnectionState.BUSY, ConnectionState.DRAINING)
        if held:
            self._fail(23, f"{held} are busy with nothing")
