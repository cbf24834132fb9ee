"""The pool's critical section: the one place where the core is asked.

Waiting happens elsewhere, deciding in the core. The lock is held around a call of the
core and around carrying out what it answers, none of which ever waits.
"""

from __future__ import annotations

import math
import os
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from threading import get_ident
from typing import TYPE_CHECKING, TypeVar, TypeVarTuple, Unpack

from mooring._io.base import Backend
from mooring._pool.core import PoolCore
from mooring._pool.effects import Abort, Close, Dial, Effect, Rearm, Wake
from mooring._pool.model import (
    Connection,
    ConnectionState,
    PoolLimits,
    Refusal,
    Ticket,
    TicketState,
)
from mooring._shell import failures
from mooring._shell._sync.http1 import HTTP1Driver

if TYPE_CHECKING:
    from mooring._io.base import Waiter, Cancellable
    from mooring._shell.telling import Teller
    from mooring._shell.watchdog import Watchdog

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Section:
    """One core, its lock, and what must not be lost when something strikes inside."""

    def __init__(
        self, backend: Backend, limits: PoolLimits, teller: Teller | None
    ) -> None:
        self.backend = backend
        self.core = self._new_core(limits)
        self.teller = teller
        self.watchdog: Watchdog | None = None
        self._mutex = backend.mutex()
        self._inside = 0
        """The thread in the critical section, 0 when nobody is."""
        self.now = backend.now
        self.call_at = backend.call_at
        self._left_behind: deque[Callable[[], None]] = deque()
        """What is to be done in the critical section, by whoever is there next."""
        self._open: dict[Connection, HTTP1Driver] = {}
        self._dialling: set[Connection] = set()
        self._waiting: set[Ticket] = set()
        """What there is, known without asking the core: see ``_start_over``."""
        self._emptied: Waiter | None = None
        self._reaper: Cancellable | None = None
        self._reaps_at = math.inf

    def _new_core(self, limits: PoolLimits) -> PoolCore:
        # Not the same in all processes, or all their connections would age in step.
        seed = int.from_bytes(os.urandom(8), "little")
        return PoolCore(limits, inline_dials=self.backend.inline_dials, seed=seed)

    def alone(self, action: Callable[[Unpack[Ts]], T], *args: *Ts) -> T:
        """Run *action* with nobody else at the core."""
        me = get_ident()
        if self._inside == me:
            raise failures.pool_reentered()
        with self._mutex:
            self._inside = me
            try:
                result = action(*args)
                if self.core.due < self._reaps_at:
                    self._arm_reaper()
            except BaseException:
                self._start_over()
                raise
            finally:
                self._inside = 0
        if self._left_behind:
            self._sweep()
        if self.teller is not None:
            self.teller.tell()
        return result

    def _sweep(self) -> None:
        """Do what was left behind, unless the caller interrupted a critical section.

        Who is there looks again after leaving it.
        """
        while self._left_behind and self._inside != get_ident():
            self.alone(self._end_left_behind)

    def _sweep_if_free(self) -> None:
        """The same without ever waiting: for finalizers.

        They run in the middle of anything, maybe in the section of another pool.
        """
        while self._left_behind and self._mutex.acquire(blocking=False):
            self._inside = get_ident()
            try:
                self._end_left_behind()
            except BaseException:
                self._start_over()
                raise
            finally:
                self._inside = 0
                self._mutex.release()

    def _end_left_behind(self) -> None:
        while self._left_behind:
            self._left_behind.popleft()()

    def _start_dial(self, connection: Connection) -> None:
        raise NotImplementedError

    def _start_over(self) -> None:
        """Forget a core that was interrupted in the middle of a move, and all it had.

        KeyboardInterrupt can strike between any two bytecodes. Half a move is not to
        be trusted: better to close every connection and to tell every waiter than to
        lose a slot for good.
        """
        broken = self.core
        self.core = self._new_core(broken.limits)
        self.core.is_closed = broken.is_closed or broken.is_closing
        waiting, self._waiting = self._waiting, set()
        for ticket in waiting:
            ticket.state = TicketState.FAILED
            ticket.connection = ticket.dial = None
            ticket.failure = Refusal.POOL_INTERRUPTED
            ticket.waiter.wake()
        dialling, self._dialling = self._dialling, set()
        for connection in dialling:
            connection.state = ConnectionState.CLOSED
            if connection.task is not None:
                connection.task.cancel()
        drivers, self._open = self._open, {}
        for connection, driver in drivers.items():
            connection.state = ConnectionState.CLOSED
            driver.abort()

    def _perform(self, effects: Sequence[Effect]) -> None:
        """Carry out *effects* in order. Nothing here waits or calls users' code."""
        teller = self.teller
        for effect in effects:
            # By exact type: a union would be made anew for each effect.
            if type(effect) is Wake or type(effect) is Rearm:
                ticket = effect.ticket
                if ticket.waiter is not None:
                    ticket.waiter.wake()
                if teller is not None and type(effect) is Wake:
                    teller.woken(ticket)
            elif type(effect) is Dial:
                self._start_dial(effect.connection)
            elif type(effect) is Close:
                connection = effect.connection
                self._open.pop(connection, None)
                connection.driver.abort()
                if teller is not None:
                    teller.closed(connection, effect.reason)
            elif type(effect) is Abort:
                connection = effect.connection
                self._dialling.discard(connection)
                if connection.task is not None:
                    connection.task.cancel()
            else:
                self._all_gone()

    def _all_gone(self) -> None:
        """The last connection of a pool that is being closed is gone."""
        if self._emptied is not None:
            self._emptied.wake()

    # -- expiry without traffic -----------------------------------------------

    def _arm_reaper(self) -> None:
        """Have what is due next closed when its time comes. One timer at a time."""
        if self._reaper is not None:
            self._reaper.cancel()
        self._reaps_at = self.core.due
        self._reaper = self.call_at(self._reaps_at, _reap_later(self))

    def reap(self) -> None:
        """Close what has expired, and sleep until the next is due."""
        self.alone(self._reap)

    def _reap(self) -> None:
        self._reaper = None
        self._reaps_at = math.inf
        self._perform(self.core.ticked(now=self.now()))

    def _stop_timers(self) -> None:
        reaper, self._reaper = self._reaper, None
        self._reaps_at = math.inf
        if reaper is not None:
            reaper.cancel()
        if self.watchdog is not None:
            self.watchdog.stop()


def _reap_later(pool: Section) -> Callable[[], None]:
    """Return a callback that does not keep *pool* alive."""
    reference = weakref.ref(pool)

    def reap() -> None:
        alive = reference()
        if alive is not None:
            alive.reap()

    return reap
# Generated by tools/unasync.py from src/mooring/_shell/_async/section.py; do not edit.
