"""Base classes that code around httpcore names in annotations and inherits from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ssl

    from mooring.compat.httpcore._types import SOCKET_OPTION

__all__ = [
    "AsyncMockBackend",
    "AsyncMockStream",
    "AsyncNetworkBackend",
    "AsyncNetworkStream",
]


class AsyncNetworkStream:
    """Bytes in and out, as ``response.extensions["network_stream"]`` offers them."""

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return what is there, at most *max_bytes*; nothing at the end."""
        raise NotImplementedError

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all of *buffer*."""
        raise NotImplementedError

    async def aclose(self) -> None:
        """Close the connection."""
        raise NotImplementedError

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> AsyncNetworkStream:
        """Return a stream that speaks TLS over this one."""
        raise NotImplementedError

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - httpcore's signature
        """Return what is known about *info*."""
        return None


class AsyncNetworkBackend:
    """What makes streams. Our pools have backends of their own and take none."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> AsyncNetworkStream:
        """Connect over TCP."""
        raise NotImplementedError

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> AsyncNetworkStream:
        """Connect to a Unix domain socket."""
        raise NotImplementedError

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        raise NotImplementedError


class AsyncMockStream(AsyncNetworkStream):
    """A stream that gives back what it was made with."""

    def __init__(self, buffer: list[bytes], http2: bool = False) -> None:
        self._buffer = list(buffer)
        self._is_closed = False

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return the next piece."""
        return self._buffer.pop(0) if self._buffer else b""

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Take *buffer* and forget it."""

    async def aclose(self) -> None:
        """Note it."""
        self._is_closed = True

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> AsyncNetworkStream:
        """Return itself."""
        return self


class AsyncMockBackend(AsyncNetworkBackend):
    """A backend whose every stream gives back the same pieces."""

    def __init__(self, buffer: list[bytes], http2: bool = False) -> None:
        self._buffer = buffer
        self._http2 = http2

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> AsyncNetworkStream:
        """Return a new stream."""
        return AsyncMockStream(self._buffer, self._http2)

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> AsyncNetworkStream:
        """Return a new stream."""
        return AsyncMockStream(self._buffer, self._http2)

    async def sleep(self, seconds: float) -> None:
        """Return at once."""
