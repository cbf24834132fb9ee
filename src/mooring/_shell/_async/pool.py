"""The pool's shell: a ticket's way to a connection, and the life of connections.

Waiting happens here and deciding in ``PoolCore``, which is asked in the critical
section (``section.py``).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from threading import get_ident
from typing import TYPE_CHECKING, TypeVar, cast

from mooring._errors import ConnectError, ConnectTimeout, TransportError
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
from mooring._pool.report import Diagnosis, why_waiting
from mooring._pool.retry import Facts
from mooring._pool.snapshot import PoolSnapshot, snapshot
from mooring._protocol.http1_keep_alive import keep_alive_terms
from mooring._protocol.http1_write import HeadEncoder
from mooring._shell import failures
from mooring._shell._async.dial import AsyncDialer
from mooring._shell._async.http1 import AsyncHTTP1Driver
from mooring._shell._async.section import AsyncSection
from mooring._shell.options import DialProgress

if TYPE_CHECKING:
    from mooring._io.base import AsyncBackend
    from mooring._pool.route import Route
    from mooring._pool.stats import PoolStats
    from mooring._shell._async.network_stream import AsyncNetworkStream
    from mooring._shell.telling import Teller

QUEUED = TicketState.QUEUED
ASSIGNED = TicketState.ASSIGNED
T = TypeVar("T")
KEEP_ALIVE_MARGIN = 1.0
"""Seconds before the server's own limit at which a connection is given up."""


class AsyncPool(AsyncSection):
    """Connections of one transport in one event loop."""

    def __init__(
        self,
        backend: AsyncBackend,
        limits: PoolLimits,
        dialer: AsyncDialer,
        *,
        teller: Teller | None = None,
        debug: bool = False,
    ) -> None:
        super().__init__(backend, limits, teller)
        self._dialer = dialer
        self.encoder = HeadEncoder()
        self.debug = debug
        """Whether requests remember where in the code they were made."""

    def __repr__(self) -> str:
        stats = self.stats()
        return (
            f"<{type(self).__name__} {stats.connections} connections "
            f"({stats.idle} idle), {stats.queued} waiting>"
        )

    def stats(self) -> PoolStats:
        """Account of the pool as it is now."""
        return self._seen(self.core.stats)

    def snapshot(self) -> PoolSnapshot:
        """Return everything the pool holds now."""
        return self._seen(lambda: snapshot(self.core, self.now()))

    def _seen(self, look: Callable[[], T]) -> T:
        if self._inside == get_ident():
            return look()  # asked by a signal handler, in a finalizer
        return self.alone(look)

    def dial_time(self, timeout: float) -> float:
        """Seconds to allow for a connection if each attempt may take *timeout*."""
        return self._dialer.time_for(timeout)

    # -- a ticket's way -------------------------------------------------------

    def request(self, ticket: Ticket) -> AsyncHTTP1Driver | None:
        """Let *ticket* ask for a connection; return it if it is fit for use at once."""
        lease = self.alone(self._request, ticket)
        if lease is None:
            return None
        driver = cast("AsyncHTTP1Driver", lease.driver)
        if ticket.reused and not driver.stream.looks_quiet():
            self.alone(self._hesitate, ticket)
            return None
        return driver

    def _hesitate(self, ticket: Ticket) -> None:
        if ticket.core is self.core:
            self.core.hesitated(ticket)

    def _request(self, ticket: Ticket) -> Connection | None:
        core = ticket.core = self.core
        effects = core.requested(ticket, now=self.now())
        if ticket.state is ASSIGNED:
            core.activated(ticket)
        else:
            self._expect(ticket)
        if self.teller is not None:
            self.teller.asked(ticket)
        if self.watchdog is not None:
            self.watchdog.expect()
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
            if lease is None or ticket.core is not self.core:
                raise self._refusal(ticket)
            connection = lease.driver
            assert isinstance(connection, AsyncHTTP1Driver)
            if ticket.reused and not await connection.is_quiet():
                self.alone(self._found_dead, ticket)
            elif self.alone(self._activate, ticket):
                return connection

    async def _wait(self, ticket: Ticket) -> None:
        waiter = ticket.waiter
        assert waiter is not None
        try:
            while ticket.state is QUEUED:
                deadline = ticket.deadline
                await waiter.wait(None if deadline == math.inf else deadline)
                if ticket.state is QUEUED and self.now() >= ticket.deadline:
                    self._time_out(ticket)
        finally:
            self._waiting.discard(ticket)

    def _time_out(self, ticket: Ticket) -> None:
        """The deadline of *ticket* is over.

        Raises:
            ConnectTimeout: it was that of a dial which is under way.
        """
        dial = ticket.dial
        self.alone(self._timed_out, ticket)
        if dial is not None and ticket.timed_out_dialling:
            progress = dial.driver
            assert isinstance(progress, DialProgress)
            route = cast("Route", ticket.key)
            limit = ticket.connect_timeout
            raise failures.connect_timed_out(route, progress.doing, limit)

    def _timed_out(self, ticket: Ticket) -> None:
        core, now = self.core, self.now()
        if ticket.core is not core or ticket.state is not QUEUED:
            return
        # Before it leaves the queue: afterwards nobody stands in its way any more.
        diagnosis = None if ticket.dial else why_waiting(core, ticket, now)
        effects = core.timed_out(ticket, now=now)
        if ticket.state is TicketState.TIMED_OUT and not ticket.timed_out_dialling:
            ticket.failure = diagnosis
            if self.teller is not None and diagnosis is not None:
                self.teller.timed_out(ticket, diagnosis)
        self._perform(effects)

    def _activate(self, ticket: Ticket) -> bool:
        return ticket.core is self.core and self.core.activated(ticket)

    def _found_dead(self, ticket: Ticket) -> None:
        if ticket.core is self.core:
            now = self.now()
            effects = self.core.found_dead(ticket, ticket.generation, now=now)
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
        return self.alone(self._retry, ticket, generation, facts)

    def _retry(self, ticket: Ticket, generation: int, facts: Facts) -> bool:
        if ticket.core is not self.core:
            return False
        broken = ticket.connection
        effects = self.core.failed(ticket, generation, facts, now=self.now())
        self._expect(ticket)
        is_back = ticket.state in (QUEUED, ASSIGNED)
        if is_back and self.teller is not None and broken is not None:
            self.teller.retried(ticket, broken)
            self.teller.asked(ticket)
        self._perform(effects)
        return is_back

    def cancel(self, ticket: Ticket, reason: Reason) -> None:
        """Give up, at whatever stage; does nothing once the ticket is done."""
        self._left_behind.append(partial(self._cancel, ticket, reason))
        self._sweep()

    def _cancel(self, ticket: Ticket, reason: Reason) -> None:
        if ticket.core is self.core:
            now = self.now()
            self._perform(self.core.cancelled(ticket, now=now, reason=reason))

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
            end = partial(self._end_lease, ticket, generation, reason)
            self._left_behind.append(end)
        elif connection.protocol.keep_alive is not None:
            terms = connection.protocol.keep_alive
            self.alone(self._end_lease, ticket, generation, reason, terms)
        else:
            self.alone(self._end_lease, ticket, generation, reason)

    def _end_lease(
        self,
        ticket: Ticket,
        generation: int,
        reason: Reason | None,
        terms: bytes | None = None,
    ) -> None:
        core = self.core
        if ticket.core is not core:
            return
        if self.teller is not None or self.watchdog is not None:
            self._announce_release(ticket, generation, reason)
        if terms is None:
            effects = core.released(ticket, generation, now=self.now(), reason=reason)
        else:
            keepalive, remaining = keep_alive_terms(terms)
            if keepalive is not None:
                keepalive -= min(KEEP_ALIVE_MARGIN, keepalive / 2)
            effects = core.released(
                ticket,
                generation,
                now=self.now(),
                reason=reason,
                keepalive=keepalive,
                remaining=remaining,
            )
        if effects:
            self._perform(effects)

    def _announce_release(
        self, ticket: Ticket, generation: int, reason: Reason | None
    ) -> None:
        if ticket.connection is None or ticket.generation != generation:
            return
        if self.watchdog is not None:
            self.watchdog.returned(ticket)
        if self.teller is not None:
            if reason is Reason.ABANDONED and ticket.is_orphan:
                self.teller.leaked(ticket)
            self.teller.releasing(ticket, reason)

    def detach(
        self, ticket: Ticket, network_stream: AsyncNetworkStream, leading: bytes
    ) -> None:
        """Let the caller have the connection: another protocol has begun on it."""
        connection = self.alone(self._detach, ticket)
        if connection is not None:
            network_stream.hand_over(self, connection, leading)

    def _detach(self, ticket: Ticket) -> Connection | None:
        detached: Connection | None = None
        if ticket.core is self.core:
            detached = self.core.detached(ticket, ticket.generation)
        return detached

    def close_detached(self, connection: Connection) -> None:
        """The caller is done with a connection that was detached."""
        self.alone(self._close_detached, connection)

    def close_detached_soon(self, connection: Connection) -> None:
        """The same, from a finalizer."""
        self._left_behind.append(partial(self._close_detached, connection))
        self.backend.call_soon(self._sweep_if_free)

    def _close_detached(self, connection: Connection) -> None:
        if self.core.connections.get(connection.number) is connection:
            self._perform(self.core.detached_closed(connection, now=self.now()))

    def release_soon(self, ticket: Ticket, generation: int) -> None:
        """End the lease of an abandoned response, from wherever that is noticed.

        A finalizer can run inside the pool's own critical section, and in a thread
        that is not the loop's.
        """
        ticket.is_orphan = True
        end = partial(self._end_lease, ticket, generation, Reason.ABANDONED)
        self._left_behind.append(end)
        self.backend.call_soon(self._sweep_if_free)

    def _refusal(self, ticket: Ticket) -> TransportError:
        """Say why *ticket* did not get a connection."""
        route = cast("Route", ticket.key)  # this shell's tickets have no other
        if ticket.core is not self.core:
            return failures.pool_interrupted(route)
        if ticket.state is TicketState.TIMED_OUT:
            if ticket.timed_out_dialling:
                doing = "waiting for a connection to be made"
                return failures.connect_timed_out(route, doing, ticket.connect_timeout)
            assert isinstance(ticket.failure, Diagnosis)
            return failures.pool_timed_out(ticket.failure)
        if ticket.failure is Refusal.POOL_CLOSED:
            return failures.pool_closed(route)
        assert isinstance(ticket.failure, TransportError)
        return failures.copied(ticket.failure)

    # -- connections ------------------------------------------------------------

    def _start_dial(self, connection: Connection) -> None:
        sponsor = connection.sponsor
        if sponsor is None:
            return  # called off further down in the same list
        if sponsor.waiter is None:
            sponsor.waiter = self.backend.waiter()
        connection.driver = DialProgress()
        self._dialling.add(connection)  # first: it must not be under way unknown
        connection.task = self.backend.start_dial(
            self._dial, connection, sponsor.waiter, self._dial_dropped
        )

    async def _dial(self, connection: Connection) -> None:
        """Make *connection* and tell the core how it went."""
        progress = connection.driver
        try:
            route = cast("Route", connection.host.key)
            timeout = connection.connect_timeout
            driver = await self._dialer.dial(route, timeout, progress)
        except BaseException as error:
            if progress.stream is not None:
                progress.stream.abort()  # nobody else has it
            self._dial_failed(connection, error)
            if not isinstance(error, Exception):
                raise
            return
        try:
            self.alone(self._dialled, connection, driver)
        except BaseException:
            if connection not in self._open:
                driver.abort()  # interrupted before the pool had it
            raise

    def _dialled(self, connection: Connection, driver: AsyncHTTP1Driver) -> None:
        if self._is_foreign(connection):
            driver.abort()
            return
        self._dialling.discard(connection)
        self._open[connection] = driver
        driver.on_noise = partial(self._heard_noise, connection)
        connection.driver = driver
        effects = self.core.dialled(connection, Protocol.HTTP1, now=self.now())
        if self.teller is not None:
            self.teller.opened(connection)
        self._perform(effects)

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
            failure.__cause__ = error if isinstance(error, Exception) else None
        # It is kept, and must not keep the frames of whoever made the dial.
        failures.forget_frames(failure)
        self.alone(self._not_dialled, connection, failure)

    def _not_dialled(self, connection: Connection, failure: TransportError) -> None:
        if self._is_foreign(connection):
            return
        self._dialling.discard(connection)
        if self.teller is not None:
            self.teller.not_opened(connection, failure)
        timed_out = isinstance(failure, ConnectTimeout)
        self._perform(
            self.core.dial_failed(
                connection, failure, now=self.now(), timed_out=timed_out
            )
        )

    def _is_foreign(self, connection: Connection) -> bool:
        """Say whether *connection* is under way for a core that was given up."""
        if connection.state is not ConnectionState.DIALING:
            return False
        return self.core.connections.get(connection.number) is not connection

    def _heard_noise(self, connection: Connection) -> None:
        """An idle connection received something: it cannot be used any more."""
        self.alone(self._retire_noisy, connection)

    def _retire_noisy(self, connection: Connection) -> None:
        if connection.state is ConnectionState.IDLE:
            self._perform(self.core.died(connection, now=self.now()))

    # -- what the owner of the pool does -----------------------------------------

    async def warm(self, make_ticket: Callable[[], Ticket], count: int) -> None:
        """Have *count* connections at once, so that they are there when needed.

        All are held until the last one stands, or they would be one and the same.
        """
        tickets: list[Ticket] = []
        try:
            for _ in range(count):
                ticket = make_ticket()
                tickets.append(ticket)
                self.alone(self._ask_without_use, ticket)
            for ticket in tickets:
                if ticket.state is QUEUED:
                    await self._wait(ticket)
                if ticket.connection is None or ticket.core is not self.core:
                    raise self._refusal(ticket)
        finally:
            for ticket in tickets:
                self.cancel(ticket, Reason.CANCELLED)

    def _ask_without_use(self, ticket: Ticket) -> None:
        core = ticket.core = self.core
        effects = core.requested(ticket, now=self.now())
        self._expect(ticket)
        self._perform(effects)

    def set_limits(self, limits: PoolLimits) -> None:
        """Keep to other limits from now on; what is too much is given up first."""
        self.alone(self._set_limits, limits)

    def _set_limits(self, limits: PoolLimits) -> None:
        self._perform(self.core.set_limits(limits, now=self.now()))

    async def aclose(self, drain: float = 0.0) -> None:
        """Turn every waiter away, close every connection. Idempotent.

        For *drain* seconds at most, requests on their way may come to their end.
        """
        if drain > 0 and not self.alone(self._begin_to_close):
            until = self.now() + drain
            while not self.core.is_empty and self.now() < until:
                assert self._emptied is not None
                await self._emptied.wait(None if until == math.inf else until)
        self.alone(self._close)

    def _begin_to_close(self) -> bool:
        """Take nothing new; say whether nothing is left."""
        if self._emptied is None:
            self._emptied = self.backend.waiter()
        self._perform(self.core.closing(now=self.now()))
        return self.core.is_empty

    def _close(self) -> None:
        self._perform(self.core.closed())
        self._all_gone()
        self._stop_timers()

    def abandon(self) -> None:
        """Drop everything: the loop or the process this pool belonged to is over.

        In a forked child the lock may be taken for ever, by a thread that is gone;
        then it was half way through a move, too.
        """
        self._reaper = None
        if self._inside:
            self._start_over()
        else:
            self._perform(self.core.closed())
