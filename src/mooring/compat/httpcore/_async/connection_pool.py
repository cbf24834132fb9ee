"""httpcore's pool as a view of our transport, and our transport by way of that pool.

Mocking libraries replace ``AsyncConnectionPool.handle_async_request`` to get hold of
what a client sends. ``go_through_pool`` makes our transport look whether somebody did.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable
from functools import wraps
from typing import TYPE_CHECKING, Self, cast

from mooring._body.streams import AsyncByteStream, AsyncIteratorByteStream
from mooring._config import Limits
from mooring._config import Proxy as OurProxy
from mooring._messages.request import Request as OurRequest
from mooring._messages.response import Response as OurResponse
from mooring._transports._async.http import AsyncHTTPTransport
from mooring._url import URL as OurURL
from mooring.compat.httpcore._async.interfaces import AsyncRequestInterface
from mooring.compat.httpcore._models import URL, Origin, Proxy, Request, Response

if TYPE_CHECKING:
    import ssl
    from types import TracebackType

    from mooring.compat.httpcore._async.backends import AsyncNetworkBackend
    from mooring.compat.httpcore._async.interfaces import AsyncConnectionInterface
    from mooring.compat.httpcore._types import SOCKET_OPTION

__all__ = ["AsyncConnectionPool", "go_through_pool"]

# As it was before anybody replaced it.
_straight = AsyncHTTPTransport.handle_async_request


class AsyncConnectionPool(AsyncRequestInterface):
    """Send httpcore's requests over our pool.

    The arguments are httpcore's. *network_backend* is not supported: sockets are the
    business of mooring's own backends.
    """

    _transport: AsyncHTTPTransport

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
        network_backend: AsyncNetworkBackend | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> None:
        if network_backend is not None:
            raise ValueError(
                "network_backend: mooring stands in for httpcore here, and its pools"
                " make their own connections"
            )
        self._transport = AsyncHTTPTransport(
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
    def connections(self) -> list[AsyncConnectionInterface]:
        """Nothing: who wants to know asks ``client.pool.snapshot()``."""
        return []

    async def handle_async_request(self, request: Request) -> Response:
        """Carry out one exchange, up to the head of the response."""
        answer = await _straight(self._transport, _our_request(request))
        return Response(
            answer.status_code,
            headers=answer.headers.raw,
            content=cast("AsyncByteStream", answer.stream),
            extensions=answer.extensions,
        )

    def create_connection(self, origin: Origin) -> AsyncConnectionInterface:
        """Refuse: connections are made by the pool, for its own use.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError("mooring's pool makes its connections itself")

    async def aclose(self) -> None:
        """Close every connection."""
        await self._transport.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self.aclose()


_own = AsyncConnectionPool.handle_async_request


def go_through_pool() -> None:
    """Let a replacement of ``AsyncConnectionPool.handle_async_request`` be asked.

    From now on our transport looks, at each request, whether somebody put another
    function there. Doing this twice changes nothing.
    """
    if AsyncHTTPTransport.handle_async_request is not _straight:
        return

    @wraps(_straight)
    async def handle_async_request(
        self: AsyncHTTPTransport, request: OurRequest
    ) -> OurResponse:
        if AsyncConnectionPool.handle_async_request is _own:
            return await _straight(self, request)
        pool = AsyncConnectionPool.__new__(AsyncConnectionPool)
        pool._transport = self
        return _our_response(await pool.handle_async_request(_their_request(request)))

    AsyncHTTPTransport.handle_async_request = handle_async_request  # type: ignore[method-assign]


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
        stream=cast("AsyncByteStream", request.stream),
        # The target may be anything that httpcore lets pass, "*" for example.
        extensions={**request.extensions, "target": url.target},
    )


def _our_response(answer: Response) -> OurResponse:
    stream = answer.stream
    if isinstance(stream, AsyncIterable) and not hasattr(stream, "aclose"):
        stream = AsyncIteratorByteStream(stream)
    return OurResponse(
        answer.status,
        headers=answer.headers,
        stream=cast("AsyncByteStream", stream),
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
