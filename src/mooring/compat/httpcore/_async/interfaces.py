"""What pools and connections of httpcore have in common."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from mooring.compat.httpcore._models import (
    URL,
    Origin,
    Request,
    Response,
    header_list,
    with_framing,
)

if TYPE_CHECKING:
    from mooring.compat.httpcore._types import Content, Extensions, HeaderTypes

__all__ = ["AsyncConnectionInterface", "AsyncRequestInterface"]


class AsyncRequestInterface:
    """Requests by method and URL, for whatever can send one."""

    async def request(
        self,
        method: bytes | str,
        url: URL | bytes | str,
        *,
        headers: HeaderTypes = None,
        content: Content = None,
        extensions: Extensions | None = None,
    ) -> Response:
        """Send a request and read its response."""
        request = _request(method, url, headers, content, extensions)
        response = await self.handle_async_request(request)
        try:
            await response.aread()
        finally:
            await response.aclose()
        return response

    @asynccontextmanager
    async def stream(
        self,
        method: bytes | str,
        url: URL | bytes | str,
        *,
        headers: HeaderTypes = None,
        content: Content = None,
        extensions: Extensions | None = None,
    ) -> AsyncIterator[Response]:
        """Send a request; the body of its response is the caller's to read."""
        request = _request(method, url, headers, content, extensions)
        response = await self.handle_async_request(request)
        try:
            yield response
        finally:
            await response.aclose()

    async def handle_async_request(self, request: Request) -> Response:
        """Carry out one exchange, up to the head of the response."""
        raise NotImplementedError(
            f"{type(self).__name__} does not send requests; a pool does"
        )


class AsyncConnectionInterface(AsyncRequestInterface):
    """A connection. mooring has none to hand out; the class is for subclasses."""

    async def aclose(self) -> None:
        """Close it."""
        raise NotImplementedError

    def info(self) -> str:
        """Describe it in one line."""
        raise NotImplementedError

    def can_handle_request(self, origin: Origin) -> bool:
        """Whether it leads to *origin*."""
        raise NotImplementedError

    def is_available(self) -> bool:
        """Whether it can take a request now."""
        raise NotImplementedError

    def has_expired(self) -> bool:
        """Whether it has rested for too long."""
        raise NotImplementedError

    def is_idle(self) -> bool:
        """Whether it rests."""
        raise NotImplementedError

    def is_closed(self) -> bool:
        """Whether it is closed."""
        raise NotImplementedError


def _request(
    method: bytes | str,
    url: URL | bytes | str,
    headers: HeaderTypes,
    content: Content,
    extensions: Extensions | None,
) -> Request:
    url = url if isinstance(url, URL) else URL(url)
    fields = with_framing(header_list(headers), url, content)
    return Request(method, url, headers=fields, content=content, extensions=extensions)
