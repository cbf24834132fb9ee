"""What ``client.pool`` is: the pool, to look at and to set."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from mooring._config import Limits
from mooring._pool.dump import summary
from mooring._pool.model import Ticket
from mooring._transports.settings import NothingYet, fits, pool_limits
from mooring._url import URL

if TYPE_CHECKING:
    from mooring._pool.snapshot import PoolSnapshot
    from mooring._pool.stats import PoolStats
    from mooring._shell._async.pool import AsyncPool


class AsyncClientPool:
    """The connection pool of a client, as ``client.pool`` gives it.

    It can be asked from anywhere, also while requests wait::

        print(client.pool)  # one line of counts
        print(client.pool.snapshot())  # who holds what, since when
        client.pool.stats().queued  # a number, in constant time
    """

    def __init__(self, limits: Limits, made: Callable[[URL], AsyncPool]) -> None:
        self._limits = limits
        self._made = made
        self._pool: AsyncPool | None = None
        self._watch: tuple[float, float] | None = None

    def __repr__(self) -> str:
        snapshot = self.snapshot()
        return summary("AsyncClientPool", len(snapshot.hosts), snapshot.stats)

    @property
    def limits(self) -> Limits:
        """The limits in force; see ``set_limits``."""
        return self._limits

    def stats(self) -> PoolStats:
        """Return counts of now and totals since the first request. Constant time."""
        pool = self._pool
        return NothingYet(self._limits).stats() if pool is None else pool.stats()

    def snapshot(self) -> PoolSnapshot:
        """Return every connection and waiter, with who holds what and since when.

        Takes time in proportion to them: milliseconds for thousands.
        """
        pool = self._pool
        if pool is not None:
            return pool.snapshot()
        return NothingYet(self._limits).snapshot()

    def set_limits(self, limits: Limits) -> None:
        """Keep to other limits from now on, also for what is there already.

        Idle connections over the new limits are closed at once, busy ones when they
        are given back; room that appears is used at once::

            client.pool.set_limits(client.pool.limits.replace(max_connections=10))
        """
        self._limits = limits
        if self._pool is not None:
            self._pool.set_limits(pool_limits(limits))

    async def warm(self, url: URL | str, n: int = 1, *, timeout: float = 5.0) -> None:
        """Open connections until *n* to the host of *url* are ready.

        Args:
            url: Any URL of that host; nothing is requested.
            n: How many connections, those that are idle already included.
            timeout: Seconds for making each of them.

        Raises:
            ValueError: The limits do not allow *n* connections, or not to keep them.
            ConnectError, ConnectTimeout, PoolTimeout: One could not be made.
        """
        url = URL(url)
        fits(self._limits, n)
        pool = self._made(url)

        def ticket() -> Ticket:
            asked = Ticket(url._pool_key)
            asked.patience = timeout
            asked.connect_timeout = pool.dial_time(timeout)
            return asked

        await pool.warm(ticket, n)

    def watchdog(self, after: float | None = 5.0, *, held: float | None = None) -> None:
        """Say in the log ``mooring.pool`` when something takes too long.

        A warning with the whole snapshot comes once for a request that waits for a
        connection longer than *after* seconds, and, if *held* is given, once for a
        connection that one request has had for more than *held* seconds. A timer
        runs only while there is something to watch. ``None`` for both ends it.
        """
        waiting = math.inf if after is None else after
        holding = math.inf if held is None else held
        self._watch = (waiting, holding)
        if self._pool is not None:
            self._set_watchdog(self._pool)

    # -- what the transport calls ----------------------------------------------

    def attach(self, pool: AsyncPool) -> None:
        """Look at *pool* from now on."""
        self._pool = pool
        self._set_watchdog(pool)

    def _set_watchdog(self, pool: AsyncPool) -> None:
        if pool.watchdog is not None:
            pool.watchdog.stop()
            pool.watchdog = None
        if self._watch is not None and min(self._watch) < math.inf:
            # Late: it brings the logging module along.
            from mooring._shell.watchdog import Watchdog

            waiting, held = self._watch
            pool.watchdog = Watchdog(pool, waiting=waiting, held=held)
            pool.watchdog.expect()  # somebody may wait already
