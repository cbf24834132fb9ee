"""A transport that calls an ASGI app instead of the network, and streams."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from .._body.streams import AsyncByteStream
from .._messages.response import Response
from .asgi_exchange import Exchange, Rules
from .base import AsyncBaseTransport

if TYPE_CHECKING:
    from .._messages.request import Request
    from .asgi_exchange import ASGIApp, Message

__all__ = ["ASGITransport"]


class ASGITransport(AsyncBaseTransport):
    """Let an ASGI app answer, in this process and without a socket.

    The app runs in a task of its own, so its response can be read while it is being
    written, even if it never ends::

        transport = mooring.ASGITransport(app=app)
        async with mooring.AsyncClient(transport=transport, base_url="http://t") as c:
            async with c.stream("GET", "/events") as response:
                async for line in response.aiter_lines():
                    ...

    The task ends with its response: at the end of the body, when the response is
    closed, or when the code that waits for it is cancelled. The app's lifespan events
    are not sent; timeouts of the client do not apply.

    Args:
        app: The ASGI application.
        raise_app_exceptions: Raise what the app raises. If False, an app that fails
            before its response is answered for with a bare 500, and one that fails
            in the middle of it leaves a body that ends there.
        root_path: Where the app is mounted.
        client: Address and port that requests seem to come from.
        disconnect_timeout: Seconds that an app has to end in, when the response is
            closed early and the app is told ``http.disconnect``, before it is
            cancelled. An app that is not waiting for such a message is cancelled at
            once.
    """

    def __init__(
        self,
        app: ASGIApp,
        raise_app_exceptions: bool = True,
        root_path: str = "",
        client: tuple[str, int] = ("127.0.0.1", 123),
        *,
        disconnect_timeout: float = 1.0,
    ) -> None:
        self.app = app
        self.raise_app_exceptions = raise_app_exceptions
        self.root_path = root_path
        self.client = client
        self.disconnect_timeout = disconnect_timeout
        self._running: set[Exchange] = set()

    async def handle_async_request(self, request: Request) -> Response:
        """Start the app on *request* and return once it has begun its response."""
        rules = Rules(self.raise_app_exceptions, self.disconnect_timeout)
        exchange = Exchange(
            self.app,
            scope=self._scope(request),
            request=request,
            rules=rules,
            ended=self._running.discard,
        )
        self._running.add(exchange)
        head = await exchange.wait_head()
        extensions = {}
        if exchange.debug is not None:
            extensions["http.response.debug"] = exchange.debug
        return Response(
            head.status_code,
            headers=head.headers,
            stream=ASGIResponseStream(exchange),
            extensions=extensions,
        )

    async def aclose(self) -> None:
        """Close the responses that are still open, and with them end their apps."""
        # A loop that is over has ended its tasks; only those of this one can be asked.
        async with AsyncExitStack() as exits:
            for exchange in self._running:
                if exchange.is_here:
                    exits.push_async_callback(exchange.aclose)

    def _scope(self, request: Request) -> Message:
        url = request.url
        return {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": request.method,
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
            "scheme": url.scheme,
            "path": url.path,
            "raw_path": url.raw_path.split(b"?")[0],
            "query_string": url.query,
            "server": (url.host, url.port),
            "client": self.client,
            "root_path": self.root_path,
            "extensions": {"http.response.debug": {}},
        }


class ASGIResponseStream(AsyncByteStream):
    """The body of a response, as the app sends it."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (piece := await self._exchange.next_piece()) is not None:
            if piece:
                yield piece

    async def aclose(self) -> None:
        await self._exchange.aclose()
