"""Says in the log that a request waits, or a connection is held, for too long.

A timer runs only while there is something to watch: a request in the queue, or, where
leases are watched too, one that is held.
"""

from __future__ import annotations

import logging
import math
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeVar, TypeVarTuple

from mooring._pool.report import why_waiting
from mooring._pool.snapshot import holder_snapshot, snapshot
from mooring._pool.watch import held_longer, waiting_longer

if TYPE_CHECKING:
    from mooring._io.base import Cancellable
    from mooring._pool.core import PoolCore
    from mooring._pool.model import Ticket
    from mooring._shell.telling import Teller

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_logger = logging.getLogger("mooring.pool")


class Watched(Protocol):
    """What the watchdog needs of a pool, of either colour."""

    teller: Teller | None

    @property
    def core(self) -> PoolCore: ...

    def now(self) -> float: ...

    def call_at(self, when: float, callback: Callable[[], None]) -> Cancellable: ...

    def alone(self, action: Callable[[*Ts], T], *args: *Ts) -> T: ...


class Watchdog:
    """Watches one pool. Times in seconds; ``math.inf`` switches a part of it off."""

    def __init__(self, pool: Watched, *, waiting: float, held: float) -> None:
        # Weakly: a timer must not keep a pool alive that nobody uses any more.
        self._pool = weakref.ref(pool)
        self._waiting = waiting
        self._held = held
        self._timer: Cancellable | None = None
        self._said: set[tuple[int, int]] = set()

    def expect(self) -> None:
        """A request asked for a connection: begin to watch, if need be."""
        if self._timer is None:
            pool = self._pool()
            if pool is not None:
                self._sleep(pool, min(self._waiting, self._held))

    def returned(self, ticket: Ticket) -> None:
        """*ticket* gives its connection back; say so if it was complained of."""
        if (ticket.seq, ticket.generation) in self._said:
            self._said.discard((ticket.seq, ticket.generation))
            pool = self._pool()
            if pool is None or ticket.connection is None:
                return
            if pool.teller is not None:
                pool.teller.returned(ticket)
            holder = holder_snapshot(ticket, pool.now())
            _logger.warning("the connection came back after all: %s", holder)

    def stop(self) -> None:
        """Watch no more."""
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _sleep(self, pool: Watched, seconds: float) -> None:
        if seconds < math.inf:
            # Twice per threshold, so that it is overstepped by half at most.
            self._timer = pool.call_at(pool.now() + max(seconds / 2, 0.01), self._look)

    def _look(self) -> None:
        pool = self._pool()
        if pool is None or self._timer is None:
            return
        self._timer = None
        for text in pool.alone(self._found, pool):
            _logger.warning("%s", text)

    def _found(self, pool: Watched) -> list[str]:
        """What is to be said now; inside the critical section."""
        core, now = pool.core, pool.now()
        texts = []
        fresh = [
            ticket
            for ticket in waiting_longer(core, self._waiting, now=now)
            if self._is_news(ticket)
        ]
        if fresh:
            diagnosis = why_waiting(core, fresh[0], now)
            dump = snapshot(core, now)
            lines = (diagnosis.message, *diagnosis.notes, str(dump))
            texts.append("a request waits for a connection: " + "\n".join(lines))
        for ticket in held_longer(core, self._held, now=now):
            if self._is_news(ticket):
                if pool.teller is not None:
                    pool.teller.held_long(ticket)
                holder = holder_snapshot(ticket, now)
                texts.append(f"a connection has been held for long: {holder}")
        stats = core.stats()
        if stats.queued or (self._held < math.inf and stats.leases):
            self._sleep(pool, min(self._waiting, self._held))
        else:
            self._said.clear()
        return texts

    def _is_news(self, ticket: Ticket) -> bool:
        key = (ticket.seq, ticket.generation)
        if key in self._said:
            return False
        self._said.add(key)
        return True
