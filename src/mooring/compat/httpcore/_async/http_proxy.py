"""A pool whose requests go through an HTTP proxy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from mooring.compat.httpcore._async.connection_pool import AsyncConnectionPool
from mooring.compat.httpcore._models import URL, Proxy

if TYPE_CHECKING:
    import ssl

    from mooring.compat.httpcore._async.backends import AsyncNetworkBackend
    from mooring.compat.httpcore._types import SOCKET_OPTION, HeaderTypes

__all__ = ["AsyncHTTPProxy"]


class AsyncHTTPProxy(AsyncConnectionPool):
    """As ``AsyncConnectionPool``, through the proxy at *proxy_url*."""

    def __init__(
        self,
        proxy_url: URL | bytes | str,
        proxy_auth: tuple[bytes | str, bytes | str] | None = None,
        proxy_headers: HeaderTypes = None,
        ssl_context: ssl.SSLContext | None = None,
        proxy_ssl_context: ssl.SSLContext | None = None,
        max_connections: int | None = 10,
        max_keepalive_connections: int | None = None,
        keepalive_expiry: float | None = None,
        http1: bool = True,
        http2: bool = False,
        retries: int = 0,
        local_address: str | None = None,
        uds: str | None = None,
        network_backend: AsyncNetworkBackend | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> None:
        proxy = Proxy(proxy_url, proxy_auth, proxy_headers, proxy_ssl_context)
        self._proxy_url = proxy.url
        self._proxy_headers = proxy.headers
        super().__init__(
            ssl_context=ssl_context,
            proxy=proxy,
            max_connections=max_connections,
            max_keepalive_connections=max_keepalive_connections,
            keepalive_expiry=keepalive_expiry,
            http1=http1,
            http2=http2,
            retries=retries,
            local_address=local_address,
            uds=uds,
            network_backend=network_backend,
            socket_options=socket_options,
        )
