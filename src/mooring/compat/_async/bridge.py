"""The transport that a client of httpx or httpx2 sends through to reach our pool."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from types import ModuleType
from typing import Any

from mooring._body.streams import AsyncByteStream, ByteStream, aclose_iterator
from mooring._messages.request import Request
from mooring._transports._async.http import AsyncHTTPTransport
from mooring._transports.base import AsyncBaseTransport
from mooring._url import URL
from mooring.compat.translate import translated


class AsyncBridge:
    """What the transports of both libraries share; each names its own classes."""

    _library: ModuleType
    _stream_class: Callable[..., object]

    def __init__(self, transport: AsyncBaseTransport | None = None) -> None:
        self._transport = AsyncHTTPTransport() if transport is None else transport

    async def handle_async_request(
        self,
        request: Any,  # noqa: ANN401 - a Request of that library
    ) -> Any:  # noqa: ANN401 - a Response of it
        """Send *request* over our pool; its body and the response's are streamed."""
        library = self._library
        with translated(library, request):
            response = await self._transport.handle_async_request(
                _our_request(library, request)
            )
        return library.Response(
            response.status_code,
            headers=response.headers.raw,
            stream=self._stream_class(response.stream, request),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        """Close our transport and its connections."""
        with translated(self._library):
            await self._transport.aclose()


class AsyncBridgeStream:
    """A body on its way from our pool to the other library's response."""

    _library: ModuleType

    def __init__(
        self,
        stream: Any,  # noqa: ANN401 - ours, or one that a transport of others made
        request: Any,  # noqa: ANN401
    ) -> None:
        self._stream = stream
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        pieces = aiter(self._stream)
        try:
            with translated(self._library, self._request):
                async for piece in pieces:
                    yield piece
        finally:
            await aclose_iterator(pieces)

    async def aclose(self) -> None:
        """Give the connection back."""
        with translated(self._library, self._request):
            await self._stream.aclose()


class AsyncBridgeBody(AsyncByteStream):
    """A body on its way from the other library's request to our pool."""

    def __init__(self, stream: Any) -> None:  # noqa: ANN401 - a stream of that library
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        pieces = aiter(self._stream)
        try:
            async for piece in pieces:
                yield piece
        finally:
            await aclose_iterator(pieces)

    async def aclose(self) -> None:
        """Close it, for transports that do."""
        await self._stream.aclose()


def _our_body(library: ModuleType, stream: Any) -> AsyncByteStream:  # noqa: ANN401
    if type(stream) is library.ByteStream:
        # The pool knows of ours that it may be sent again.
        return ByteStream(b"".join(stream))
    return AsyncBridgeBody(stream)


def _our_request(library: ModuleType, request: Any) -> Request:  # noqa: ANN401
    url = request.url
    origin = f"{url.scheme}://{url.netloc.decode('ascii')}" if url.host else str(url)
    extensions = dict(request.extensions)
    # What was parsed once is sent as it was parsed.
    extensions.setdefault("target", url.raw_path)
    return Request(
        request.method,
        URL(origin),
        headers=request.headers.raw,
        stream=_our_body(library, request.stream),
        extensions=extensions,
    )
