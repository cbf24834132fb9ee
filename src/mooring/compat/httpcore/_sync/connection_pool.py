"""httpcore's pool as a view of our transport, and our transport by way of that pool.

Mocking libraries replace ``ConnectionPool.handle_request`` to get hold of
what a client sends. ``go_through_pool`` makes our transport look whether somebody did.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterable
from functools import wraps
from typing import TYPE_CHECKING, Self, cast

from mooring._body.streams import SyncByteStream, IteratorByteStream
from mooring._config import Limits
from mooring._config import Proxy as OurProxy
from mooring._messages.request import Request as OurRequest
from mooring._messages.response import Response as OurResponse
from mooring._transports._sync.http import HTTPTransport
from mooring._url import URL as OurURL
from mooring.compat.httpcore._sync.interfaces import RequestInterface
from mooring.compat.httpcore._models import URL, Origin, Proxy, Request, Response

if TYPE_CHECKING:
    import ssl
    from types import TracebackType

    from mooring.compat.httpcore._sync.backends import NetworkBackend
    from mooring.compat.httpcore._sync.interfaces import ConnectionInterface
    from mooring.compat.httpcore._types import SOCKET_OPTION

__all__ = ["ConnectionPool", "go_through_pool"]

# As it was before anybody replaced it.
_straight = HTTPTransport.handle_request


class ConnectionPool(RequestInterface):
    """Send httpcore's requests over our pool.

    The arguments are httpcore's. *network_backend* is not supported: sockets are the
    business of mooring's own backends.
    """

    _transport: HTTPTransport

    def __init__(
        self,
        ssl_context: ssl.SSLContext | None = None,
        proxy: Proxy | None = None,
        max_connections: int | None = 10,
        max_keepalive_connections: int | None = None,
        keepalive_expiry: float | None = None,
        http1: bool = True,
        http2: bool = False,
        retries: int = 0,
        local_address: str | None = None,
        uds: str | None = None,
        network_backend: NetworkBackend | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> None:
        if network_backend is not None:
            raise ValueError(
                "network_backend: mooring stands in for httpcore here, and its pools"
                " make their own connections"
            )
        self._transport = HTTPTransport(
            verify=True if ssl_context is None else ssl_context,
            http1=http1,
            http2=http2,
            limits=Limits(
                max_connections=max_connections,
                max_keepalive_connections=max_keepalive_connections,
                keepalive_expiry=keepalive_expiry,
            ),
            proxy=None if proxy is None else _our_proxy(proxy),
            retries=retries,
            local_address=local_address,
            uds=uds,
            socket_options=socket_options,
        )

    @property
    def connections(self) -> list[ConnectionInterface]:
        """Nothing: who wants to know asks ``client.pool.snapshot()``."""
        return []

    def handle_request(self, request: Request) -> Response:
        """Carry out one exchange, up to the head of the response."""
        answer = _straight(self._transport, _our_request(request))
        return Response(
            answer.status_code,
            headers=answer.headers.raw,
            content=cast("SyncByteStream", answer.stream),
            extensions=answer.extensions,
        )

    def create_connection(self, origin: Origin) -> ConnectionInterface:
        """Refuse: connections are made by the pool, for its own use.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError("mooring's pool makes its connections itself")

    def close(self) -> None:
        """Close every connection."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        self.close()


_own = ConnectionPool.handle_request


def go_through_pool() -> None:
    """Let a replacement of ``ConnectionPool.handle_request`` be asked.

    From now on our transport looks, at each request, whether somebody put another
    function there. Doing this twice changes nothing.
    """
    if HTTPTransport.handle_request is not _straight:
        return

    @wraps(_straight)
    def handle_request(
        self: HTTPTransport, request: OurRequest
    ) -> OurResponse:
        if ConnectionPool.handle_request is _own:
            return _straight(self, request)
        pool = ConnectionPool.__new__(ConnectionPool)
        pool._transport = self
        return _our_response(pool.handle_request(_their_request(request)))

    HTTPTransport.handle_request = handle_request  # type: ignore[method-assign]


def _their_request(request: OurRequest) -> Request:
    url = request.url
    return Request(
        request.method,
        URL(
            scheme=url.raw_scheme,
            host=url.raw_host,
            port=url.port,
            target=url.raw_path,
        ),
        headers=request.headers.raw,
        content=request.stream,
        extensions=request.extensions,
    )


def _our_request(request: Request) -> OurRequest:
    url = request.url
    host = url.host.decode("ascii")
    return OurRequest(
        request.method.decode("ascii"),
        OurURL(scheme=url.scheme.decode("ascii"), host=host, port=url.port, path="/"),
        headers=request.headers,
        stream=cast("SyncByteStream", request.stream),
        # The target may be anything that httpcore lets pass, "*" for example.
        extensions={**request.extensions, "target": url.target},
    )


def _our_response(answer: Response) -> OurResponse:
    stream = answer.stream
    if isinstance(stream, Iterable) and not hasattr(stream, "close"):
        stream = IteratorByteStream(stream)
    return OurResponse(
        answer.status,
        headers=answer.headers,
        stream=cast("SyncByteStream", stream),
        extensions=answer.extensions,
    )


def _our_proxy(proxy: Proxy) -> OurProxy:
    url = proxy.url
    scheme, host = url.scheme.decode("ascii"), url.host.decode("ascii")
    auth = None
    if proxy.auth is not None and scheme.startswith("socks"):
        # For an HTTP proxy they are in its header fields already.
        auth = (proxy.auth[0].decode(), proxy.auth[1].decode())
    return OurProxy(
        OurURL(scheme=scheme, host=host, port=url.port),
        auth=auth,
        headers=proxy.headers,
        ssl_context=proxy.ssl_context,
    )
# Generated by tools/unasync.py from src/mooring/compat/httpcore/_async/connection_pool.py; do not edit.
