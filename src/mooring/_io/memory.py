"""An in-memory network and the backend that lives in it, for tests.

Nothing here is real: time is the kernel's, servers are coroutines, and a "socket"
is two buffers. What the shell sees of it is exactly the seam of ``base``.
"""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from threading import Lock
from typing import TYPE_CHECKING, Any

from mooring._io.base import Address, Mutex, SocketOption
from mooring._io.kernel import Kernel, Parking, Task, Timer

if TYPE_CHECKING:
    import ssl

Handler = Callable[["MemoryStream"], Coroutine[Any, Any, None]]

# Bytes that a peer holds for its reader before a writer has to wait.
_ROOM = 64 * 1024


class MemoryNetwork:
    """Hosts that answer, refuse or stay silent, and a count of what is open."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self._handlers: dict[tuple[str, int], Handler] = {}
        self._silent: set[tuple[str, int]] = set()
        self.connect_seconds = 0.01
        self.open: set[MemoryStream] = set()
        """The clients' ends that are not closed."""
        self.most_open = 0
        self.connects = 0

    def serve(self, host: str, port: int, handler: Handler) -> None:
        """Answer connections to *host* with a task of *handler*."""
        self._silent.discard((host, port))
        self._handlers[host, port] = handler

    def refuse(self, host: str, port: int) -> None:
        self._handlers.pop((host, port), None)
        self._silent.discard((host, port))

    def swallow(self, host: str, port: int) -> None:
        """Let connects to *host* hang, as a firewall that drops packets does."""
        self.refuse(host, port)
        self._silent.add((host, port))

    async def connect(self, host: str, port: int) -> MemoryStream:
        if (host, port) in self._silent:
            await self.kernel.parking()
        await self.kernel.sleep(self.connect_seconds)
        handler = self._handlers.get((host, port))
        if handler is None:
            raise ConnectionRefusedError(111, "Connection refused")
        client, server = MemoryStream(self), MemoryStream(self)
        client.peer, server.peer = server, client
        self.connects += 1
        self.open.add(client)
        self.most_open = max(self.most_open, len(self.open))
        self.kernel.spawn(handler(server), f"server {host}")
        return client


class MemoryStream:
    """One end of a connection."""

    def __init__(self, network: MemoryNetwork) -> None:
        self._network = network
        self._kernel = network.kernel
        self._chunks: list[bytes] = []
        self._error: OSError | None = None
        self._ended = False
        self._closed = False
        self._reader: Parking | None = None
        self._noise: Callable[[], None] | None = None
        self._writer: Parking | None = None
        self.peer: MemoryStream = self

    async def read(self, timeout: float | None) -> bytes:
        if not (self._chunks or self._ended or self._error):
            await self._wait_for_news(timeout)
        if self._chunks:
            data = b"".join(self._chunks)
            self._chunks.clear()
            self.peer.tell_of_room()
            return data
        if self._error is not None:
            raise self._error
        if not self._ended:
            raise TimeoutError
        return b""

    async def _wait_for_news(self, timeout: float | None) -> None:
        self._reader = self._kernel.parking()
        try:
            await _until(self._kernel, self._reader, self._deadline(timeout))
        finally:
            self._reader = None

    async def write(self, data: bytes, timeout: float | None) -> None:
        # A turn of the scheduler, so that a cancel can strike here.
        await self._kernel.turn()
        while not self._can_send():
            self._writer = self._kernel.parking()
            try:
                await _until(self._kernel, self._writer, self._deadline(timeout))
            finally:
                self._writer = None
            if not self._can_send():
                raise TimeoutError
        self.peer.deliver(bytes(data))

    def _deadline(self, timeout: float | None) -> float | None:
        return None if timeout is None else self._kernel.now() + timeout

    def write_nowait(self, data: bytes) -> None:
        """Send *data* if anybody is there to take it; never raises."""
        if not self._closed and data:
            self.peer.deliver(data)

    def _can_send(self) -> bool:
        if self._error is not None:
            raise self._error
        if self.peer._closed:
            raise BrokenPipeError(32, "Broken pipe")
        return not self.peer._is_full()

    def _is_full(self) -> bool:
        return sum(map(len, self._chunks)) >= _ROOM

    def tell_of_room(self) -> None:
        """Let a writer go on: there is room again, or there never will be."""
        if self._writer is not None:
            self._writer.release()

    def abort(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._noise = None
        self._network.open.discard(self)
        self._error = OSError("the connection was closed by this client")
        self._chunks.clear()
        self._wake()
        self.tell_of_room()
        self.peer.deliver_end(None)

    def finish(self) -> None:
        """Send no more, but go on reading."""
        if not self._closed:
            self.peer.deliver_end(None)

    def reset(self) -> None:
        """Close so that the other end sees a reset, not an end."""
        if not self._closed:
            self.peer.deliver_end(ConnectionResetError(104, "Connection reset by peer"))
            self.abort()

    def looks_quiet(self) -> bool:
        return False  # the longer way has an await to be cancelled at

    async def is_quiet(self) -> bool:
        await self._kernel.turn()
        return self.is_quiet_now()

    def is_quiet_now(self) -> bool:
        """Say whether a read would have to wait."""
        return not (self._chunks or self._ended or self._error)

    def on_noise(self, callback: Callable[[], None] | None) -> None:
        self._noise = callback
        if callback is not None and (self._chunks or self._ended) and not self._closed:
            # It was here before anybody asked.
            self._kernel.call_at(self._kernel.now(), self._wake)

    def get_extra_info(self, name: str) -> Any:  # noqa: ANN401 - as the seam has it
        return None

    def deliver(self, data: bytes) -> None:
        if not self._closed:
            self._chunks.append(data)
            self._wake()

    def deliver_end(self, error: OSError | None) -> None:
        if not self._closed:
            self._ended = True
            self._error = error
            self._wake()
            self.tell_of_room()

    def _wake(self) -> None:
        if self._reader is not None:
            self._reader.release()
        elif self._noise is not None:
            noise, self._noise = self._noise, None
            noise()


async def _until(kernel: Kernel, parking: Parking, deadline: float | None) -> None:
    """Wait until *parking* is released, but not longer than until *deadline*."""
    timer: Timer | None = None
    if deadline is not None:
        timer = kernel.call_at(deadline, parking.release)
    try:
        await parking
    finally:
        if timer is not None:
            timer.cancel()


class MemoryWaiter:
    """Sleeps on the virtual clock."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._woken = False
        self._parking: Parking | None = None

    def wake(self) -> None:
        self._woken = True
        if self._parking is not None:
            self._parking.release()

    async def wait(self, deadline: float | None) -> None:
        if not self._woken:
            self._parking = parking = self._kernel.parking()
            try:
                await _until(self._kernel, parking, deadline)
            finally:
                self._parking = None
        self._woken = False


class MemoryBackend:
    """The seam of ``base``, over a ``MemoryNetwork``."""

    name = "memory"
    inline_dials = False

    def __init__(self, network: MemoryNetwork) -> None:
        self._network = network
        self._kernel = network.kernel
        self.now = network.kernel.now

    def is_current(self) -> bool:
        return True

    def is_over(self) -> bool:
        return False

    def current(self) -> object:
        return None

    def mutex(self) -> Mutex:
        return Lock()

    def waiter(self) -> MemoryWaiter:
        return MemoryWaiter(self._kernel)

    def start_dial(
        self,
        dial: Callable[[Any], Awaitable[None]],
        connection: Any,  # noqa: ANN401 - the shell's business
        waiter: object,
        dropped: Callable[[Any], None] | None = None,
    ) -> Task:
        async def run() -> None:
            await dial(connection)

        return self._kernel.spawn(run(), "dial")

    def call_at(self, when: float, callback: Callable[[], None]) -> Timer:
        return self._kernel.call_at(when, callback)

    def call_soon(self, callback: Callable[[], None]) -> None:
        self._kernel.call_at(self._kernel.now(), callback)

    async def resolve(
        self, host: str, port: int, timeout: float | None
    ) -> Sequence[Address]:
        await self._kernel.turn()
        return [Address(socket.AF_INET, (host, port))]

    async def connect_tcp(
        self,
        address: Address,
        *,
        timeout: float | None,
        local_address: str | None = None,
        socket_options: Sequence[SocketOption] = (),
    ) -> MemoryStream:
        host, port = address.sockaddr[:2]
        connecting = self._kernel.spawn(self._network.connect(host, port), "connect")
        try:
            await self._join_within(connecting, timeout)
        except BaseException:
            connecting.cancel()
            if isinstance(connecting.result, MemoryStream):
                connecting.result.abort()
            raise
        if connecting.error is not None:
            raise connecting.error
        stream = connecting.result
        assert isinstance(stream, MemoryStream)
        return stream

    async def _join_within(self, task: Task, timeout: float | None) -> None:
        timer: Timer | None = None
        if timeout is not None:
            timer = self._kernel.call_at(self._kernel.now() + timeout, task.cancel)
        try:
            await task.join()
        finally:
            if timer is not None:
                timer.cancel()
        if type(task.error).__name__ == "Cancelled":
            raise TimeoutError

    async def connect_unix(
        self,
        path: str,
        *,
        timeout: float | None,
        socket_options: Sequence[SocketOption] = (),
    ) -> MemoryStream:
        return await self.connect_tcp(
            Address(socket.AF_UNIX, (path, 0)), timeout=timeout
        )

    async def start_tls(
        self,
        stream: Any,  # noqa: ANN401 - any stream of the seam
        *,
        context: ssl.SSLContext,
        server_hostname: str,
        timeout: float | None,
    ) -> MemoryStream:
        await self._kernel.turn()
        assert isinstance(stream, MemoryStream)
        return stream
