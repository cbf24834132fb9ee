"""The transport over our own connection pool."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from threading import Lock
from typing import TYPE_CHECKING

from mooring._config import DEFAULT_LIMITS, Limits
from mooring._io.current import current_sync_backend
from mooring._messages.request import Request
from mooring._messages.response import Response
from mooring._shell import failures
from mooring._shell._sync.dial import Dialer
from mooring._shell._sync.exchange import carry_out
from mooring._shell._sync.pool import Pool
from mooring._transports._sync.view import ClientPool
from mooring._transports.base import BaseTransport
from mooring._transports.settings import (
    HELD_FOR_LONG,
    dial_options,
    in_another_loop,
    is_debug,
    pool_limits,
    unsupported_scheme,
)

if TYPE_CHECKING:
    import ssl

    from mooring._io.base import Backend, SocketOption
    from mooring._pool.events import PoolEvent
    from mooring._pool.stats import PoolStats
    from mooring._types import CertTypes, ProxyTypes
    from mooring._url import URL


class HTTPTransport(BaseTransport):
    """Send requests over pooled connections.

    Give one to a client to set what the client itself has no argument for::

        transport = mooring.HTTPTransport(uds="/run/app.sock")
        client = mooring.Client(transport=transport)

    Args:
        verify: True for the platform's trust store, False for no check at all, or
            an ``ssl.SSLContext``.
        limits: size of the pool, see :class:`mooring.Limits`.
        uds: path of a Unix domain socket to connect to instead of TCP.
        local_address: address to connect from.
        retries: how often a failed *connect* is tried again.
        socket_options: passed to ``setsockopt`` before connecting.
        on_event: called with every event of the pool, see ``mooring.PoolEvent``.
        debug: remember where each request is made, for reports of the pool; ``None``
            asks the environment variable ``MOORING_DEBUG``.
    """

    def __init__(
        self,
        verify: ssl.SSLContext | str | bool = True,
        cert: CertTypes | None = None,
        trust_env: bool = True,
        http1: bool = True,
        http2: bool = False,
        limits: Limits = DEFAULT_LIMITS,
        proxy: ProxyTypes | None = None,
        uds: str | None = None,
        local_address: str | None = None,
        retries: int = 0,
        socket_options: Iterable[SocketOption] | None = None,
        *,
        on_event: Callable[[PoolEvent], object] | None = None,
        debug: bool | None = None,
        backend: Backend | None = None,
    ) -> None:
        self._options = dial_options(
            verify=verify,
            cert=cert,
            trust_env=trust_env,
            http1=http1,
            http2=http2,
            proxy=proxy,
            uds=uds,
            local_address=local_address,
            retries=retries,
            socket_options=socket_options,
        )
        self._backend = backend
        self._on_event = on_event
        self._debug = is_debug(debug)
        self.pool = ClientPool(limits, self._pool_here)
        """To look at and to set, see :class:`mooring.ClientPool`."""
        if self._debug:
            self.pool.watchdog(None, held=HELD_FOR_LONG)
        self._pool: Pool | None = None
        self._is_closed = False
        self._making_pool = Lock()

    def handle_request(self, request: Request) -> Response:
        """Send *request*; the response's body may still be on its way."""
        if request.url.scheme not in ("http", "https", "ws", "wss"):
            raise unsupported_scheme(request.url)
        pool = self._pool
        if pool is None or not pool.backend.is_current():
            pool = self._pool_here(request.url)
        return carry_out(pool, request)

    def stats(self) -> PoolStats | None:
        """Account of the pool; ``None`` before the first request."""
        return None if self._pool is None else self._pool.stats()

    def close(self, *, drain: float = 0.0) -> None:
        """Close every connection and fail what waits for one.

        Nothing new is taken from now on. For *drain* seconds at most, requests that
        have a connection may come to their end first.
        """
        with self._making_pool:
            self._is_closed = True
            pool = self._pool
        if pool is not None:
            pool.close(drain)

    def _pool_here(self, url: URL) -> Pool:
        """Return the pool for where this runs; made on first use.

        Connections belong to the loop they were made in. Those of a loop that is
        over are dropped; a loop that still runs is a mistake to be told of.
        """
        with self._making_pool:
            pool = self._pool
            if pool is not None:
                if pool.backend.is_current():
                    return pool
                if not pool.backend.is_over():
                    raise in_another_loop()
                pool.abandon()
            if self._is_closed:
                raise failures.pool_closed(url._pool_key)
            backend = self._backend or current_sync_backend()
            dialer = Dialer(backend, self._options)
            teller = None
            if self._on_event is not None:
                # A dozen dataclasses, which most programs never need.
                from mooring._shell.telling import Teller

                teller = Teller(self._on_event, backend.now)
            limits = pool_limits(self.pool.limits)
            pool = Pool(backend, limits, dialer, teller=teller, debug=self._debug)
            self.pool.attach(pool)
            self._pool = pool
            return pool
# Generated by tools/unasync.py from src/mooring/_transports/_async/http.py; do not edit.
