"""``httpx._transports.default``: the transports over the connection pool.

The rest is for transports of other projects that were written around httpcore.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from contextlib import contextmanager

from ...._body.streams import AsyncByteStream, SyncByteStream
from ...._transports._async.http import AsyncHTTPTransport
from ...._transports._sync.http import HTTPTransport
from ...httpcore import SOCKET_OPTION

__all__ = [
    "SOCKET_OPTION",
    "AsyncHTTPTransport",
    "AsyncResponseStream",
    "HTTPTransport",
    "ResponseStream",
    "map_httpcore_exceptions",
]


@contextmanager
def map_httpcore_exceptions() -> Iterator[None]:
    """Do nothing: the exceptions of our httpcore are the client's own."""
    yield


class ResponseStream(SyncByteStream):
    """A body from a stream of httpcore's."""

    def __init__(self, httpcore_stream: Iterable[bytes]) -> None:
        self._httpcore_stream = httpcore_stream

    def __iter__(self) -> Iterator[bytes]:
        yield from self._httpcore_stream

    def close(self) -> None:
        """Close the stream."""
        close = getattr(self._httpcore_stream, "close", None)
        if close is not None:
            close()


class AsyncResponseStream(AsyncByteStream):
    """A body from an asynchronous stream of httpcore's."""

    def __init__(self, httpcore_stream: AsyncIterable[bytes]) -> None:
        self._httpcore_stream = httpcore_stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._httpcore_stream:
            yield piece

    async def aclose(self) -> None:
        """Close the stream."""
        aclose = getattr(self._httpcore_stream, "aclose", None)
        if aclose is not None:
            await aclose()
