"""The asyncio backend: transports and protocols, never streams.

A future and a turn of the loop are what costs here, so a read that finds data
buffered makes no future, a write makes one only when the transport is full, and
each connection has a single timer that is moved, not made anew for each wait.
"""

from __future__ import annotations

import asyncio
import sys
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Any

from mooring._io.asyncio_stream import READ_BUFFER_BYTES, AsyncioStream
from mooring._io.sockets import (
    addresses_of,
    as_os_error,
    closed_error,
    literal_address,
    lost_error,
    open_socket,
    open_unix_socket,
)

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Awaitable, Callable, Sequence

    from mooring._io.base import (
        Address,
        AsyncStream,
        AsyncWaiter,
        Cancellable,
        Mutex,
        SocketOption,
    )

# The loop insists on a limit of its own; ours is the one that fires.
_HANDSHAKE_FAR_AWAY = 86400.0

# uvloop counts whole milliseconds and may call up to half of one early.
_SHORTEST_SLEEP = 0.001


def _clock_of(loop: asyncio.AbstractEventLoop) -> Callable[[], float]:
    """Return the clock of *loop*, without the detour if it is the usual one.

    uvloop's is the same in whole milliseconds, too coarse for what a response tells.
    """
    kind = type(loop)
    is_usual = getattr(kind, "time", None) is asyncio.BaseEventLoop.time
    if is_usual or kind.__module__.partition(".")[0] == "uvloop":
        return monotonic
    return loop.time


class AsyncioBackend:
    """Everything the shell needs of one running event loop."""

    __slots__ = ("_buffer", "_called_off", "_dials", "_loop", "now")

    name = "asyncio"
    inline_dials = False

    now: Callable[[], float]

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self._loop = asyncio.get_running_loop() if loop is None else loop
        self.now = _clock_of(self._loop)
        self._buffer = memoryview(bytearray(READ_BUFFER_BYTES))
        # The loop itself refers to tasks weakly.
        self._dials: set[asyncio.Task[None]] = set()
        self._called_off: set[asyncio.Task[None]] = set()

    def is_current(self) -> bool:
        return asyncio._get_running_loop() is self._loop

    def is_over(self) -> bool:
        return self._loop.is_closed()

    def current(self) -> object:
        return asyncio.current_task(self._loop)

    def mutex(self) -> Mutex:
        return Lock()

    def waiter(self) -> AsyncioWaiter:
        return AsyncioWaiter(self._loop)

    def start_dial(
        self,
        dial: Callable[[Any], Awaitable[None]],
        connection: Any,  # noqa: ANN401 - the shell's business
        waiter: AsyncWaiter,
        dropped: Callable[[Any], None] | None = None,
    ) -> Cancellable:
        """Start a task for the dial; called off before it began, it never runs."""
        begun = False

        async def run() -> None:
            nonlocal begun
            if self._called_off:
                # In favour of this one: they must have closed their sockets before it
                # opens its own, and a transport does so one turn after it is told.
                await asyncio.wait(set(self._called_off))
                await asyncio.sleep(0)
            begun = True
            await dial(connection)

        def ended(task: asyncio.Task[None]) -> None:
            self._dials.discard(task)
            self._called_off.discard(task)
            # Somebody cancelled every task there is, before this one's first step.
            if not begun and dropped is not None and not self._loop.is_closed():
                dropped(connection)

        # Not create_task: an eager task factory would run the dial's first steps
        # here, inside the pool's decision.
        task = asyncio.Task(run(), loop=self._loop, name="mooring-dial")
        self._dials.add(task)
        task.add_done_callback(ended)
        return _Dial(task, self._loop, self._called_off)

    def call_at(self, when: float, callback: Callable[[], None]) -> Cancellable:
        return self._loop.call_at(when, callback)

    def call_soon(self, callback: Callable[[], None]) -> None:
        try:
            self._loop.call_soon_threadsafe(callback)
        except RuntimeError:
            pass  # the loop is closed

    def _read_buffer(self) -> memoryview:
        """Return where a stream is to receive: one place for all of a loop.

        Selector loops and uvloop fill it and say so in one step. The proactor leaves
        it with the kernel while it waits.
        """
        if sys.platform == "win32":
            return memoryview(bytearray(READ_BUFFER_BYTES))
        return self._buffer

    async def resolve(
        self, host: str, port: int, timeout: float | None
    ) -> Sequence[Address]:
        literal = literal_address(host, port)
        if literal is not None:
            return [literal]
        from socket import SOCK_STREAM

        async with asyncio.timeout(timeout):
            found = await self._loop.getaddrinfo(host, port, type=SOCK_STREAM)
        return addresses_of(found)

    async def connect_tcp(
        self,
        address: Address,
        *,
        timeout: float | None,
        local_address: str | None = None,
        socket_options: Sequence[SocketOption] = (),
    ) -> AsyncioStream:
        sock = open_socket(
            address.family, local_address=local_address, socket_options=socket_options
        )
        stream = AsyncioStream(self._loop, sock, self._read_buffer())
        try:
            async with asyncio.timeout(timeout):
                await self._loop.sock_connect(sock, address.sockaddr)
                await self._loop.create_connection(lambda: stream, sock=sock)
        except BaseException:
            _discard(stream, sock)
            raise
        return stream

    async def connect_unix(
        self,
        path: str,
        *,
        timeout: float | None,
        socket_options: Sequence[SocketOption] = (),
    ) -> AsyncioStream:
        sock = open_unix_socket(socket_options)
        stream = AsyncioStream(self._loop, sock, self._read_buffer())
        try:
            async with asyncio.timeout(timeout):
                await self._loop.sock_connect(sock, path)
                await self._loop.create_unix_connection(lambda: stream, sock=sock)
        except BaseException:
            _discard(stream, sock)
            raise
        return stream

    async def start_tls(
        self,
        stream: AsyncStream,
        *,
        context: ssl.SSLContext,
        server_hostname: str,
        timeout: float | None,
    ) -> AsyncioStream:
        if not isinstance(stream, AsyncioStream):
            raise TypeError(f"not a stream of this backend: {stream!r}")
        # ssl costs a few milliseconds to import; plain clients never pay it.
        from mooring._io.tls_engine import TLSEngine

        encrypted = AsyncioStream(
            self._loop, stream.socket, self._read_buffer(), is_tls=True
        )
        try:
            transport = stream.plain_transport()
            # A name that cannot be in a certificate would otherwise fail inside a
            # callback of the loop, which uvloop reports as a bug.
            TLSEngine(context, server_hostname)
            async with asyncio.timeout(timeout):
                layer = await self._loop.start_tls(
                    transport,
                    encrypted,
                    context,
                    server_hostname=server_hostname,
                    ssl_handshake_timeout=_HANDSHAKE_FAR_AWAY,
                )
            # The loop reports success when *we* closed the connection meanwhile.
            if stream.is_aborted:
                raise closed_error()
            if layer is None or layer.is_closing():
                raise lost_error()
            encrypted.connection_made(layer)
        except Exception as error:
            stream.abort()
            raise as_os_error(error) from error.__cause__
        except BaseException:
            stream.abort()
            raise
        return encrypted


def _discard(stream: AsyncioStream, sock: socket.socket) -> None:
    stream.abort()
    sock.close()


class _Dial:
    __slots__ = ("_called_off", "_loop", "_task")

    def __init__(
        self,
        task: asyncio.Task[None],
        loop: asyncio.AbstractEventLoop,
        called_off: set[asyncio.Task[None]],
    ) -> None:
        self._task = task
        self._loop = loop
        self._called_off = called_off

    def cancel(self) -> None:
        # A closed loop runs nothing any more, and tasks cannot be told so.
        if not self._loop.is_closed() and not self._task.done():
            self._called_off.add(self._task)
            self._task.cancel()


class AsyncioWaiter:
    """One future while somebody waits, nothing otherwise."""

    __slots__ = ("_future", "_loop", "_woken")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._woken = False
        self._future: asyncio.Future[None] | None = None

    def wake(self) -> None:
        self._woken = True
        # On a closed loop nobody waits any more, and futures cannot be told so.
        if self._loop.is_closed():
            return
        if self._future is not None and not self._future.done():
            self._future.set_result(None)

    async def wait(self, deadline: float | None) -> None:
        if not self._woken:
            future = self._future = self._loop.create_future()
            timer = None
            if deadline is not None:
                timer = _WaiterTimer(self._loop, future, deadline)
            try:
                await future
            finally:
                self._future = None
                if timer is not None:
                    timer.cancel()
        self._woken = False


class _WaiterTimer:
    """Ends a wait at its deadline, never before."""

    __slots__ = ("_deadline", "_future", "_handle", "_loop")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        future: asyncio.Future[None],
        deadline: float,
    ) -> None:
        self._loop = loop
        self._future = future
        self._deadline = deadline
        self._handle = loop.call_at(deadline, self._on_time)

    def cancel(self) -> None:
        self._handle.cancel()

    def _on_time(self) -> None:
        remaining = self._deadline - self._loop.time()
        if remaining > 0:
            self._handle = self._loop.call_later(
                max(remaining, _SHORTEST_SLEEP), self._on_time
            )
        elif not self._future.done():
            self._future.set_result(None)
