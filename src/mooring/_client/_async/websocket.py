"""WebSockets, for a class that has ``stream``."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Protocol

from ..._headers import Headers
from ..base import USE_CLIENT_DEFAULT, UseClientDefault
from ..websocket_settings import (
    DEFAULT_KEEPALIVE_PING_INTERVAL_SECONDS,
    DEFAULT_KEEPALIVE_PING_TIMEOUT_SECONDS,
    DEFAULT_MAX_MESSAGE_SIZE_BYTES,
    DEFAULT_QUEUE_SIZE,
    require_wsproto,
)

if TYPE_CHECKING:
    from ..._messages.response import Response
    from ..._types import (
        AuthTypes,
        CookieTypes,
        HeaderTypes,
        QueryParamTypes,
        RequestExtensions,
        TimeoutTypes,
    )
    from ..._url import URL
    from .websocket_session import AsyncWebSocketSession

_SCHEMES = {"ws": "http", "wss": "https"}


class _AsyncStreams(Protocol):
    @property
    def stream(self) -> Callable[..., AbstractAsyncContextManager[Response]]: ...

    def _merge_url(self, url: URL | str) -> URL: ...


class AsyncWebSockets:
    """The ``websocket`` method of a client."""

    @asynccontextmanager
    async def websocket(
        self: _AsyncStreams,
        url: URL | str,
        *,
        max_message_size_bytes: int = DEFAULT_MAX_MESSAGE_SIZE_BYTES,
        queue_size: int = DEFAULT_QUEUE_SIZE,
        keepalive_ping_interval_seconds: float
        | None = DEFAULT_KEEPALIVE_PING_INTERVAL_SECONDS,
        keepalive_ping_timeout_seconds: float
        | None = DEFAULT_KEEPALIVE_PING_TIMEOUT_SECONDS,
        subprotocols: list[str] | None = None,
        params: QueryParamTypes | None = None,
        headers: HeaderTypes | None = None,
        cookies: CookieTypes | None = None,
        auth: AuthTypes | UseClientDefault | None = USE_CLIENT_DEFAULT,
        follow_redirects: bool | UseClientDefault = USE_CLIENT_DEFAULT,
        timeout: TimeoutTypes | UseClientDefault = USE_CLIENT_DEFAULT,
        extensions: RequestExtensions | None = None,
    ) -> AsyncIterator[AsyncWebSocketSession]:
        """Open a WebSocket; it is closed on leaving the context.

        Needs the extra ``ws``. The connection counts towards the limits of the pool.
        What is not listed here is as for ``request``; the timeouts are those of the
        handshake::

            async with client.websocket("wss://example.org/chat") as ws:
                await ws.send_text("hello")
                answer = await ws.receive_text(timeout=5)

        Args:
            url: ``ws://``, ``wss://``, or what they stand for here: ``http://``,
                ``https://``.
            max_message_size_bytes: Bytes that a message may have.
            queue_size: Messages to keep for you before the server has to wait.
            keepalive_ping_interval_seconds: Seconds between pings; ``None`` for none.
            keepalive_ping_timeout_seconds: Seconds that a pong may take.
            subprotocols: What to speak over it, the best first; ``ws.subprotocol`` is
                what the server chose.

        Raises:
            WebSocketUpgradeError: The server answered with something else.
            ImportError: The extra is not installed.
        """
        require_wsproto()
        from ..._protocol.websocket_handshake import handshake_fields, handshake_problem
        from ..websocket_errors import WebSocketUpgradeError
        from .websocket_session import AsyncWebSocketSession

        where = self._merge_url(url)
        # Fetch has it so too: one origin, one set of cookies, limits and mounts.
        where = where.copy_with(scheme=_SCHEMES.get(where.scheme, where.scheme))
        asked = Headers(headers) | handshake_fields(os.urandom(16), subprotocols)
        async with self.stream(
            "GET",
            where,
            params=params,
            headers=asked,
            cookies=cookies,
            auth=auth,
            follow_redirects=follow_redirects,
            timeout=timeout,
            extensions=extensions,
        ) as response:
            problem = handshake_problem(
                response.status_code, response.headers, response.request.headers
            )
            stream = response.extensions.get("network_stream")
            if problem is None and stream is None:
                problem = "was reached through a transport without WebSockets"
            if problem is not None:
                raise WebSocketUpgradeError(response, problem)
            async with AsyncWebSocketSession(
                stream,
                max_message_size_bytes=max_message_size_bytes,
                queue_size=queue_size,
                keepalive_ping_interval_seconds=keepalive_ping_interval_seconds,
                keepalive_ping_timeout_seconds=keepalive_ping_timeout_seconds,
                response=response,
            ) as session:
                yield session
