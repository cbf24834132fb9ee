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
from typing import TYPE_CHECKING, cast

from mooring._errors import ConnectError, TransportError
from mooring._io.base import Backend
from mooring._pool.core import PoolCore
from mooring._pool.effects import Close, Dial, Effect, Rearm, Wake
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
from mooring._shell._sync.dial import Dialer
from mooring._shell._sync.http1 import HTTP1Driver
from mooring._shell.options import DialProgress

if TYPE_CHECKING:
    from mooring._io.base import Cancellable
    from mooring._pool.route import Route
    from mooring._pool.stats import PoolStats

QUEUED = TicketState.QUEUED
ASSIGNED = TicketState.ASSIGNED


class Pool:
    """Connections of one transport in one event loop."""

    def __init__(
        self, backend: Backend, limits: PoolLimits, dialer: Dialer
    ) -> None:
        self.backend = backend
        self._core = PoolCore(limits, inline_dials=backend.inline_dials)
        self._dialer = dialer
        self._mutex = backend.mutex()
        self.encoder = HeadEncoder()
        self._now = backend.now
        self._reaper: Cancellable | None = None
        self._left_behind: deque[tuple[Ticket, int, Reason | None]] = deque()
        """Leases that are over, for whoever holds the lock next or now."""

    def __repr__(self) -> str:
        stats = self.stats()
        return (
            f"<{type(self).__name__} {stats.connections} connections "
            f"({stats.idle} idle), {stats.queued} waiting>"
        )

    def stats(self) -> PoolStats:
        """Account of the pool as it is now."""
        with self._mutex:
            stats = self._core.stats()
        if self._left_behind:
            self._sweep()
        return stats

    def dial_time(self, timeout: float) -> float:
        """Seconds to allow for a connection if each attempt may take *timeout*."""
        return self._dialer.time_for(timeout)

    # -- a ticket's way -------------------------------------------------------

    def request(self, ticket: Ticket) -> None:
        """Let *ticket* ask for a connection."""
        with self._mutex:
            if self._left_behind:
                self._end_left_behind()
            effects = self._core.requested(ticket, now=self._now())
            if ticket.state is not ASSIGNED:
                ticket.waiter = self.backend.waiter()
            if effects:
                self._perform(effects)
        if self._left_behind:
            self._sweep()

    def granted(self, ticket: Ticket) -> HTTP1Driver:
        """Wait until *ticket* has a connection that is fit for use, and ACTIVE.

        The next thing the caller does is write.

        Raises:
            PoolTimeout, ConnectTimeout, ConnectError
        """
        while True:
            if ticket.state is QUEUED:
                self._wait(ticket)
            lease = ticket.connection
            if lease is None:
                raise self._refusal(ticket)
            connection = lease.driver
            assert isinstance(connection, HTTP1Driver)
            if not ticket.reused or connection.is_quiet():
                with self._mutex:
                    active = self._core.activated(ticket)
                if self._left_behind:
                    self._sweep()
                if active:
                    return connection
                continue  # the pool was closed meanwhile
            with self._mutex:
                if ticket.waiter is None:
                    ticket.waiter = self.backend.waiter()
                self._perform(
                    self._core.found_dead(ticket, ticket.generation, now=self._now())
                )
            if self._left_behind:
                self._sweep()

    def _wait(self, ticket: Ticket) -> None:
        waiter = ticket.waiter
        assert waiter is not None
        while ticket.state is QUEUED:
            deadline = ticket.deadline
            waiter.wait(None if deadline == math.inf else deadline)
            if ticket.state is QUEUED and self._now() >= ticket.deadline:
                self._time_out(ticket)

    def _time_out(self, ticket: Ticket) -> None:
        """The deadline of *ticket* is over.

        Raises:
            ConnectTimeout: it was that of a dial which is under way.
        """
        dial = ticket.dial
        with self._mutex:
            self._perform(self._core.timed_out(ticket, now=self._now()))
        if self._left_behind:
            self._sweep()
        if dial is not None and ticket.timed_out_dialling:
            progress = dial.driver
            assert isinstance(progress, DialProgress)
            route = cast("Route", ticket.key)
            limit = ticket.connect_timeout
            raise failures.connect_timed_out(route, progress.doing, limit)

    def retry(self, ticket: Ticket, generation: int, facts: Facts) -> bool:
        """Report a connection that broke. True if the request may be sent again."""
        with self._mutex:
            if ticket.waiter is None:
                ticket.waiter = self.backend.waiter()
            self._perform(self._core.failed(ticket, generation, facts, now=self._now()))
        if self._left_behind:
            self._sweep()
        return ticket.state in (QUEUED, ASSIGNED)

    def cancel(self, ticket: Ticket, reason: Reason) -> None:
        """Give up, at whatever stage; does nothing once the ticket is done."""
        with self._mutex:
            effects = self._core.cancelled(ticket, now=self._now(), reason=reason)
            if effects:
                self._perform(effects)
        if self._left_behind:
            self._sweep()

    def release(
        self,
        ticket: Ticket,
        generation: int,
        connection: HTTP1Driver,
        reason: Reason | None,
    ) -> None:
        """End a lease. *reason*: why the connection cannot be used again, if so."""
        connection.rest()
        if not self._mutex.acquire(blocking=False):
            # Not waited for: the holder can be this very thread, when the collector
            # strikes there and somebody's finalizer closes a response.
            self._left_behind.append((ticket, generation, reason))
            self._sweep()
            return
        try:
            self._end_lease(ticket, generation, reason)
        finally:
            self._mutex.release()
        if self._left_behind:
            self._sweep()

    def _end_lease(
        self, ticket: Ticket, generation: int, reason: Reason | None
    ) -> None:
        effects = self._core.released(
            ticket, generation, now=self._now(), reason=reason
        )
        if effects:
            self._perform(effects)
        if self._reaper is None:
            self._arm_reaper()

    def release_soon(self, ticket: Ticket, generation: int) -> None:
        """End the lease of an abandoned response, from wherever that is noticed.

        A finalizer can run inside the pool's own critical section, where its lock
        cannot be waited for, and in a thread that is not the loop's.
        """
        self._left_behind.append((ticket, generation, Reason.ABANDONED))
        self.backend.call_soon(self._sweep)

    def _sweep(self) -> None:
        """End the leases left behind, unless somebody is in the critical section.

        Who is there looks again after leaving it.
        """
        while self._left_behind and self._mutex.acquire(blocking=False):
            try:
                self._end_left_behind()
            finally:
                self._mutex.release()

    def _end_left_behind(self) -> None:
        while self._left_behind:
            self._end_lease(*self._left_behind.popleft())

    def _refusal(self, ticket: Ticket) -> TransportError:
        """Say why *ticket* did not get a connection."""
        route = cast("Route", ticket.key)  # this shell's tickets have no other
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
            if isinstance(effect, Wake | Rearm):
                waiter = effect.ticket.waiter
                assert waiter is not None
                waiter.wake()
            elif isinstance(effect, Dial):
                self._start_dial(effect.connection)
            elif isinstance(effect, Close):
                driver = effect.connection.driver
                assert isinstance(driver, HTTP1Driver)
                driver.abort()
            else:
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

    def _dial(self, connection: Connection) -> None:
        """Make *connection* and tell the core how it went."""
        try:
            route = cast("Route", connection.host.key)
            driver = self._dialer.dial(
                route, connection.connect_timeout, connection.driver
            )
        except BaseException as error:
            self._dial_failed(connection, error)
            if not isinstance(error, Exception):
                raise
            return
        driver.on_noise = partial(self._heard_noise, connection)
        connection.driver = driver
        with self._mutex:
            self._perform(
                self._core.dialled(connection, Protocol.HTTP1, now=self._now())
            )
        if self._left_behind:
            self._sweep()

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
        with self._mutex:
            self._perform(self._core.dial_failed(connection, failure, now=self._now()))
        if self._left_behind:
            self._sweep()

    def _heard_noise(self, connection: Connection) -> None:
        """An idle connection received something: it cannot be used any more."""
        with self._mutex:
            if connection.state is ConnectionState.IDLE:
                self._perform(self._core.died(connection, now=self._now()))
        if self._left_behind:
            self._sweep()

    # -- expiry and closing -------------------------------------------------------

    def _arm_reaper(self) -> None:
        """Have the oldest idle connection closed when its time comes."""
        due = self._core.next_expiry
        if due is not None:
            self._reaper = self.backend.call_at(due, _reap_later(self))

    def reap(self) -> None:
        """Close what has expired, and sleep until the next is due."""
        with self._mutex:
            self._reaper = None
            self._perform(self._core.ticked(now=self._now()))
            self._arm_reaper()
        if self._left_behind:
            self._sweep()

    def close(self) -> None:
        """Turn every waiter away, close every connection. Idempotent."""
        with self._mutex:
            self._perform(self._core.closed())
            reaper, self._reaper = self._reaper, None
        if self._left_behind:
            self._sweep()
        if reaper is not None:
            reaper.cancel()

    def abandon(self) -> None:
        """Drop everything: the loop or the process this pool belonged to is over."""
        # In a forked child a lock that is taken is never released: its thread is gone.
        if self._mutex.acquire(blocking=False):
            try:
                self._perform(self._core.closed())
                self._reaper = None
            finally:
                self._mutex.release()


def _reap_later(pool: Pool) -> Callable[[], None]:
    """Return a callback that does not keep *pool* alive."""
    reference = weakref.ref(pool)

    def reap() -> None:
        alive = reference()
        if alive is not None:
            alive.reap()

    return reap
# Generated by tools/unasync.py from src/mooring/_shell/_async/pool.py; do not edit.
