"""The pool's shell: asks PoolCore under the lock and performs its effects.

Waiting happens here, deciding does not. The lock is held around a call of the core
and around performing what it answers, none of which ever waits.
"""

from __future__ import annotations

import math
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from threading import get_ident
from typing import TYPE_CHECKING, TypeVar, TypeVarTuple, Unpack, cast

from mooring._errors import ConnectError, TransportError
from mooring._io.base import AsyncBackend
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
from mooring._pool.retry import Facts
from mooring._protocol.http1_write import HeadEncoder
from mooring._shell import failures
from mooring._shell._async.dial import AsyncDialer
from mooring._shell._async.http1 import AsyncHTTP1Driver
from mooring._shell.options import DialProgress

if TYPE_CHECKING:
    from mooring._io.base import Cancellable
    from mooring._pool.route import Route
    from mooring._pool.stats import PoolStats

QUEUED = TicketState.QUEUED
ASSIGNED = TicketState.ASSIGNED
T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class AsyncPool:
    """Connections of one transport in one event loop."""

    def __init__(
        self, backend: AsyncBackend, limits: PoolLimits, dialer: AsyncDialer
    ) -> None:
        self.backend = backend
        self._core = PoolCore(limits, inline_dials=backend.inline_dials)
        self._dialer = dialer
        self._mutex = backend.mutex()
        self._inside = 0
        """The thread in the critical section, 0 when nobody is."""
        self.encoder = HeadEncoder()
        self._now = backend.now
        self._reaper: Cancellable | None = None
        self._left_behind: deque[tuple[Ticket, int | None, Reason | None]] = deque()
        """Leases that are over, for whoever is in the critical section."""
        self._open: dict[Connection, AsyncHTTP1Driver] = {}
        self._dialling: set[Connection] = set()
        self._waiting: set[Ticket] = set()
        """What there is, known without asking the core: see ``_start_over``."""

    def __repr__(self) -> str:
        stats = self.stats()
        return (
            f"<{type(self).__name__} {stats.connections} connections "
            f"({stats.idle} idle), {stats.queued} waiting>"
        )

    def stats(self) -> PoolStats:
        """Account of the pool as it is now."""
        if self._inside == get_ident():
            return self._core.stats()  # asked by a signal handler, in a finalizer
        return self._alone(self._core.stats)

    def dial_time(self, timeout: float) -> float:
        """Seconds to allow for a connection if each attempt may take *timeout*."""
        return self._dialer.time_for(timeout)

    # -- the critical section -------------------------------------------------

    def _alone(self, action: Callable[[Unpack[Ts]], T], *args: *Ts) -> T:
        """Run *action* with nobody else at the core."""
        me = get_ident()
        if self._inside == me:
            raise failures.pool_reentered()
        with self._mutex:
            self._inside = me
            try:
                result = action(*args)
            except BaseException:
                self._start_over()
                raise
            finally:
                self._inside = 0
        if self._left_behind:
            self._sweep()
        return result

    def _sweep(self) -> None:
        """Do what was left behind, unless the caller interrupted a critical section.

        Who is there looks again after leaving it.
        """
        while self._left_behind and self._inside != get_ident():
            self._alone(self._end_left_behind)

    def _sweep_if_free(self) -> None:
        """The same without ever waiting: for finalizers.

        They run in the middle of anything, maybe in the section of another pool.
        """
        while self._left_behind and self._mutex.acquire(blocking=False):
            self._inside = get_ident()
            try:
                self._end_left_behind()
            finally:
                self._inside = 0
                self._mutex.release()

    def _end_left_behind(self) -> None:
        while self._left_behind:
            ticket, generation, reason = self._left_behind.popleft()
            if generation is not None:
                self._end_lease(ticket, generation, reason)
            elif ticket.core is self._core:
                assert reason is not None
                now = self._now()
                self._perform(self._core.cancelled(ticket, now=now, reason=reason))

    def _start_over(self) -> None:
        """Forget a core that was interrupted in the middle of a move, and all it had.

        KeyboardInterrupt can strike between any two bytecodes. Half a move is not to
        be trusted: better to close every connection and to tell every waiter than to
        lose a slot for good.
        """
        broken = self._core
        self._core = PoolCore(broken.limits, inline_dials=broken.inline_dials)
        self._core.is_closed = broken.is_closed
        waiting, self._waiting = self._waiting, set()
        for ticket in waiting:
            ticket.state = TicketState.FAILED
            ticket.connection = ticket.dial = None
            ticket.failure = Refusal.POOL_INTERRUPTED
            ticket.waiter.wake()
        dialling, self._dialling = self._dialling, set()
        for connection in dialling:
            connection.state = ConnectionState.CLOSED
            connection.task.cancel()
        drivers, self._open = self._open, {}
        for connection, driver in drivers.items():
            connection.state = ConnectionState.CLOSED
            driver.abort()

    # -- a ticket's way -------------------------------------------------------

    def request(self, ticket: Ticket) -> AsyncHTTP1Driver | None:
        """Let *ticket* ask for a connection; return it if it is fit for use at once."""
        lease = self._alone(self._request, ticket)
        if lease is None:
            return None
        driver = cast("AsyncHTTP1Driver", lease.driver)
        if ticket.reused and not driver.stream.looks_quiet():
            return None
        return driver

    def _request(self, ticket: Ticket) -> Connection | None:
        core = ticket.core = self._core
        effects = core.requested(ticket, now=self._now())
        if ticket.state is ASSIGNED:
            core.activated(ticket)
        else:
            self._expect(ticket)
        if effects:
            self._perform(effects)
        return ticket.connection

    async def granted(self, ticket: Ticket) -> AsyncHTTP1Driver:
        """Wait until *ticket* has a connection that is fit for use, and ACTIVE.

        The next thing the caller does is write.

        Raises:
            PoolTimeout, ConnectTimeout, ConnectError
        """
        while True:
            if ticket.state is QUEUED:
                await self._wait(ticket)
            lease = ticket.connection
            if lease is None or ticket.core is not self._core:
                raise self._refusal(ticket)
            connection = lease.driver
            assert isinstance(connection, AsyncHTTP1Driver)
            if ticket.reused and not await connection.is_quiet():
                self._alone(self._found_dead, ticket)
            elif self._alone(self._activate, ticket):
                return connection

    async def _wait(self, ticket: Ticket) -> None:
        waiter = ticket.waiter
        assert waiter is not None
        try:
            while ticket.state is QUEUED:
                deadline = ticket.deadline
                await waiter.wait(None if deadline == math.inf else deadline)
                if ticket.state is QUEUED and self._now() >= ticket.deadline:
                    self._time_out(ticket)
        finally:
            self._waiting.discard(ticket)

    def _time_out(self, ticket: Ticket) -> None:
        """The deadline of *ticket* is over.

        Raises:
            ConnectTimeout: it was that of a dial which is under way.
        """
        dial = ticket.dial
        self._alone(self._timed_out, ticket)
        if dial is not None and ticket.timed_out_dialling:
            progress = dial.driver
            assert isinstance(progress, DialProgress)
            route = cast("Route", ticket.key)
            limit = ticket.connect_timeout
            raise failures.connect_timed_out(route, progress.doing, limit)

    def _timed_out(self, ticket: Ticket) -> None:
        if ticket.core is self._core:
            self._perform(self._core.timed_out(ticket, now=self._now()))

    def _activate(self, ticket: Ticket) -> bool:
        return ticket.core is self._core and self._core.activated(ticket)

    def _found_dead(self, ticket: Ticket) -> None:
        if ticket.core is self._core:
            now = self._now()
            effects = self._core.found_dead(ticket, ticket.generation, now=now)
            self._expect(ticket)
            self._perform(effects)

    def _expect(self, ticket: Ticket) -> None:
        """Make ready for *ticket* to wait, if it must."""
        if ticket.state is QUEUED:
            if ticket.waiter is None:
                ticket.waiter = self.backend.waiter()
            self._waiting.add(ticket)

    def retry(self, ticket: Ticket, generation: int, facts: Facts) -> bool:
        """Report a connection that broke. True if the request may be sent again."""
        return self._alone(self._retry, ticket, generation, facts)

    def _retry(self, ticket: Ticket, generation: int, facts: Facts) -> bool:
        if ticket.core is not self._core:
            return False
        effects = self._core.failed(ticket, generation, facts, now=self._now())
        self._expect(ticket)
        self._perform(effects)
        return ticket.state in (QUEUED, ASSIGNED)

    def cancel(self, ticket: Ticket, reason: Reason) -> None:
        """Give up, at whatever stage; does nothing once the ticket is done."""
        self._left_behind.append((ticket, None, reason))
        self._sweep()

    def release(
        self,
        ticket: Ticket,
        generation: int,
        connection: AsyncHTTP1Driver,
        reason: Reason | None,
    ) -> None:
        """End a lease. *reason*: why the connection cannot be used again, if so."""
        # From now on it should receive nothing.
        connection.stream.on_noise(connection.on_noise)
        if self._inside == get_ident():
            # The collector struck there, and somebody's finalizer closes a response.
            self._left_behind.append((ticket, generation, reason))
        else:
            self._alone(self._end_lease, ticket, generation, reason)

    def _end_lease(
        self, ticket: Ticket, generation: int, reason: Reason | None
    ) -> None:
        core = self._core
        if ticket.core is not core:
            return
        effects = core.released(ticket, generation, now=self._now(), reason=reason)
        if effects:
            self._perform(effects)
        if self._reaper is None:
            self._arm_reaper()

    def release_soon(self, ticket: Ticket, generation: int) -> None:
        """End the lease of an abandoned response, from wherever that is noticed.

        A finalizer can run inside the pool's own critical section, and in a thread
        that is not the loop's.
        """
        self._left_behind.append((ticket, generation, Reason.ABANDONED))
        self.backend.call_soon(self._sweep_if_free)

    def _refusal(self, ticket: Ticket) -> TransportError:
        """Say why *ticket* did not get a connection."""
        route = cast("Route", ticket.key)  # this shell's tickets have no other
        if ticket.core is not self._core:
            return failures.pool_interrupted(route)
        if ticket.state is TicketState.TIMED_OUT:
            waited = self._now() - ticket.asked_at
            if ticket.timed_out_dialling:
                doing = "waiting for a connection to be made"
                return failures.connect_timed_out(route, doing, ticket.connect_timeout)
            limit = self._core.limits.max_connections
            return failures.pool_timed_out(route, waited, limit, self.stats())
        if ticket.failure is Refusal.POOL_CLOSED:
            return failures.pool_closed(route)
        assert isinstance(ticket.failure, TransportError)
        return failures.copied(ticket.failure)

    # -- effects ----------------------------------------------------------------

    def _perform(self, effects: Sequence[Effect]) -> None:
        """Carry out *effects* in order. Nothing here waits or calls users' code."""
        for effect in effects:
            # By exact type: a union would be made anew for each effect.
            if type(effect) is Wake or type(effect) is Rearm:
                waiter = effect.ticket.waiter
                if waiter is not None:
                    waiter.wake()
            elif type(effect) is Dial:
                self._start_dial(effect.connection)
            elif type(effect) is Close:
                connection = effect.connection
                self._open.pop(connection, None)
                connection.driver.abort()
            elif type(effect) is Abort:
                task = effect.connection.task
                if task is not None:
                    task.cancel()

    def _start_dial(self, connection: Connection) -> None:
        sponsor = connection.sponsor
        if sponsor is None:
            return  # called off further down in the same list
        if sponsor.waiter is None:
            sponsor.waiter = self.backend.waiter()
        connection.driver = DialProgress()
        connection.task = self.backend.start_dial(
            self._dial, connection, sponsor.waiter, self._dial_dropped
        )
        self._dialling.add(connection)

    async def _dial(self, connection: Connection) -> None:
        """Make *connection* and tell the core how it went."""
        try:
            route = cast("Route", connection.host.key)
            driver = await self._dialer.dial(
                route, connection.connect_timeout, connection.driver
            )
        except BaseException as error:
            self._dial_failed(connection, error)
            if not isinstance(error, Exception):
                raise
            return
        try:
            self._alone(self._dialled, connection, driver)
        except BaseException:
            if connection not in self._open:
                driver.abort()  # interrupted before the pool had it
            raise

    def _dialled(self, connection: Connection, driver: AsyncHTTP1Driver) -> None:
        self._dialling.discard(connection)
        self._open[connection] = driver
        driver.on_noise = partial(self._heard_noise, connection)
        connection.driver = driver
        self._perform(self._core.dialled(connection, Protocol.HTTP1, now=self._now()))

    def _dial_dropped(self, connection: Connection) -> None:
        """The dial will never begin; without a word here it would seem under way."""
        text = "the connection attempt was cancelled before it began"
        self._dial_failed(connection, ConnectError(text))

    def _dial_failed(self, connection: Connection, error: BaseException) -> None:
        if isinstance(error, TransportError):
            failure = error
        else:
            # Ours or the interpreter's fault; the waiters must still hear of it.
            failure = ConnectError(
                f"the connection attempt was broken off by {type(error).__name__}"
            )
            failure.__cause__ = error
        self._alone(self._not_dialled, connection, failure)

    def _not_dialled(self, connection: Connection, failure: TransportError) -> None:
        self._dialling.discard(connection)
        self._perform(self._core.dial_failed(connection, failure, now=self._now()))

    def _heard_noise(self, connection: Connection) -> None:
        """An idle connection received something: it cannot be used any more."""
        self._alone(self._retire_noisy, connection)

    def _retire_noisy(self, connection: Connection) -> None:
        if connection.state is ConnectionState.IDLE:
            self._perform(self._core.died(connection, now=self._now()))

    # -- expiry and closing -------------------------------------------------------

    def _arm_reaper(self) -> None:
        """Have the oldest idle connection closed when its time comes."""
        due = self._core.next_expiry
        if due is not None:
            self._reaper = self.backend.call_at(due, _reap_later(self))

    def reap(self) -> None:
        """Close what has expired, and sleep until the next is due."""
        self._alone(self._reap)

    def _reap(self) -> None:
        self._reaper = None
        self._perform(self._core.ticked(now=self._now()))
        self._arm_reaper()

    async def aclose(self) -> None:
        """Turn every waiter away, close every connection. Idempotent."""
        self._alone(self._close)

    def _close(self) -> None:
        self._perform(self._core.closed())
        reaper, self._reaper = self._reaper, None
        if reaper is not None:
            reaper.cancel()

    def abandon(self) -> None:
        """Drop everything: the loop or the process this pool belonged to is over.

        In a forked child the lock may be taken for ever, by a thread that is gone;
        then it was half way through a move, too.
        """
        self._reaper = None
        if self._inside:
            self._start_over()
        else:
            self._perform(self._core.closed())


def _reap_later(pool: AsyncPool) -> Callable[[], None]:
    """Return a callback that does not keep *pool* alive."""
    reference = weakref.ref(pool)

    def reap() -> None:
        alive = reference()
        if alive is not None:
            alive.reap()

    return reap
