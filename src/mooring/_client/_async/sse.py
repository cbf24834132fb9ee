"""Server-sent events, for a class that has ``stream``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Protocol

from ..._body.sse import DEFAULT_MAX_EVENT_SIZE_BYTES
from ..._headers import Headers
from ..base import USE_CLIENT_DEFAULT, UseClientDefault
from ..sse import EventSource

if TYPE_CHECKING:
    from ..._messages.response import Response
    from ..._types import (
        AuthTypes,
        CookieTypes,
        HeaderTypes,
        QueryParamTypes,
        RequestContent,
        RequestData,
        RequestExtensions,
        RequestFiles,
        TimeoutTypes,
    )
    from ..._url import URL


class _AsyncStreams(Protocol):
    @property
    def stream(self) -> Callable[..., AbstractAsyncContextManager[Response]]: ...


class AsyncServerSentEvents:
    """The ``sse`` method of a client."""

    @asynccontextmanager
    async def sse(
        self: _AsyncStreams,
        url: URL | str,
        *,
        method: str = "GET",
        content: RequestContent | None = None,
        data: RequestData | None = None,
        files: RequestFiles | None = None,
        json: object = None,
        params: QueryParamTypes | None = None,
        headers: HeaderTypes | None = None,
        cookies: CookieTypes | None = None,
        auth: AuthTypes | UseClientDefault | None = USE_CLIENT_DEFAULT,
        follow_redirects: bool | UseClientDefault = USE_CLIENT_DEFAULT,
        timeout: TimeoutTypes | UseClientDefault = USE_CLIENT_DEFAULT,
        extensions: RequestExtensions | None = None,
        max_event_size: int | None = DEFAULT_MAX_EVENT_SIZE_BYTES,
    ) -> AsyncIterator[EventSource]:
        """Send a request and give the events of its response as they arrive.

        The response is closed on leaving the context. Arguments as for ``request``::

            async with client.sse("https://example.org/events") as source:
                async for event in source:
                    print(event.event, event.data)

        Args:
            max_event_size: Bytes that one event may have; ``None`` for no limit.

        Raises:
            SSEError: On iterating: the response is no event stream, or an event is
                larger than it may be.
        """
        asked = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
        async with self.stream(
            method,
            url,
            content=content,
            data=data,
            files=files,
            json=json,
            params=params,
            headers=Headers(asked) | Headers(headers),
            cookies=cookies,
            auth=auth,
            follow_redirects=follow_redirects,
            timeout=timeout,
            extensions=extensions,
        ) as response:
            source = EventSource(response, max_event_size=max_event_size)
            try:
                yield source
            finally:
                await source._aclose()
