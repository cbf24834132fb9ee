"""The extension ``network_stream``: the connection under a response.

After ``101 Switching Protocols`` or a tunnel it is the caller's to read and write, and
counts towards the limits until it is closed. Under any other response it only answers
questions: its bytes belong to HTTP.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mooring._body.streams import AsyncByteStream
from mooring._errors import (
    ConnectError,
    ConnectTimeout,
    ReadError,
    ReadTimeout,
    WriteError,
    WriteTimeout,
)
from mooring._pool.wording import seconds
from mooring._shell.failures import reason_of

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator

    from mooring._io.base import AsyncStream
    from mooring._pool.model import Connection
    from mooring._shell._async.http1 import AsyncHTTP1Driver
    from mooring._shell._async.pool import AsyncPool


class AsyncNetworkStream:
    """One connection. httpx's names and arguments; timeouts in seconds."""

    __slots__ = ("_connection", "_driver", "_leading", "_pool")

    def __init__(self, driver: AsyncHTTP1Driver) -> None:
        self._driver = driver
        self._pool: AsyncPool | None = None
        self._connection: Connection | None = None
        self._leading = b""

    def __del__(self) -> None:
        # Dropped by everybody who could still use it: the slot must not be lost.
        pool, connection = self._pool, self._connection
        if pool is not None and connection is not None:
            pool.close_detached_soon(connection)

    def hand_over(
        self, pool: AsyncPool, connection: Connection, leading: bytes
    ) -> None:
        """Give the caller the connection, with what came behind the response."""
        self._pool = pool
        self._connection = connection
        self._leading = leading

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return the next bytes, at most *max_bytes*; ``b""`` at the end.

        Raises:
            ReadTimeout: Nothing came for *timeout* seconds.
            ReadError: The connection broke, or is HTTP's.
        """
        data = self._leading
        if not data:
            stream = self._upgraded("read")
            peer = self._driver.peer
            try:
                data = await stream.read(timeout)
            except TimeoutError as error:
                waited = seconds(timeout or 0.0)
                raise ReadTimeout(f"no data from {peer} for {waited}") from error
            except OSError as error:
                reason = reason_of(error)
                raise ReadError(f"could not read from {peer}: {reason}") from error
        self._leading = data[max_bytes:]
        return data[:max_bytes]

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all of *buffer*; *timeout* bounds each wait for room.

        Raises:
            WriteTimeout: The peer took nothing for *timeout* seconds.
            WriteError: The connection broke, or is HTTP's.
        """
        stream = self._upgraded("write")
        peer = self._driver.peer
        try:
            await stream.write(buffer, timeout)
        except TimeoutError as error:
            waited = seconds(timeout or 0.0)
            raise WriteTimeout(f"{peer} took no data for {waited}") from error
        except OSError as error:
            raise WriteError(
                f"could not write to {peer}: {reason_of(error)}"
            ) from error

    async def aclose(self) -> None:
        """Close the connection and give its slot back. Does nothing to HTTP's."""
        pool, connection = self._pool, self._connection
        if pool is not None and connection is not None:
            self._pool = None
            pool.close_detached(connection)

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> AsyncNetworkStream:
        """Encrypt the connection from now on; returns this stream.

        Raises:
            ConnectTimeout: The handshake took longer than *timeout*.
            ConnectError: It failed.
        """
        stream = self._upgraded("start TLS")
        peer = self._driver.peer
        assert self._pool is not None
        try:
            self._driver.stream = await self._pool.backend.start_tls(
                stream,
                context=ssl_context,
                server_hostname=server_hostname or peer.rpartition(":")[0],
                timeout=timeout,
            )
        except TimeoutError as error:
            waited = seconds(timeout or 0.0)
            text = f"no TLS connection to {peer} within {waited}"
            raise ConnectTimeout(text) from error
        except OSError as error:
            text = f"TLS handshake with {peer} failed: {reason_of(error)}"
            raise ConnectError(text) from error
        return self

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - whatever it is
        """Return ``ssl_object``, ``socket``, ``client_addr`` or ``server_addr``."""
        return self._driver.stream.get_extra_info(info)

    def _upgraded(self, what: str) -> AsyncStream:
        if self._pool is None:
            peer = self._driver.peer
            text = f"cannot {what}: the connection to {peer} is HTTP's, or closed"
            raise (WriteError if what == "write" else ReadError)(text)
        return self._driver.stream


class AsyncUpgradedBody(AsyncByteStream):
    """The body of a response that has none, whose connection is the caller's."""

    def __init__(self, network_stream: AsyncNetworkStream) -> None:
        self._network_stream = network_stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._network_stream is None:
            yield b""  # what makes this a generator; there is no body

    async def aclose(self) -> None:
        """Close the connection with the response, so that nobody can forget it."""
        await self._network_stream.aclose()
