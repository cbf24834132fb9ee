"""The four worlds a backend can live in, behind one way to write a test.

A test is a coroutine function taking a :class:`World`. In the world of threads its
awaits call blocking code and never suspend. The peer is a bare socket that the test
itself holds: the kernel connects, buffers and closes without anybody's thread.
"""

from __future__ import annotations

import asyncio
import functools
import os
import socket
import ssl
import struct
import threading
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

import pytest
import trio
import trustme
import uvloop

from mooring._io.asyncio import AsyncioBackend
from mooring._io.base import Address, SocketOption
from mooring._io.sync import SyncBackend
from mooring._io.trio import TrioBackend

Scenario = Callable[["World"], Coroutine[Any, Any, None]]
CANCELLED = "cancelled"
# Far away: what waits this long has failed already.
LONG = 30.0


class BlockingStream:
    """A stream of threads, with ``async`` written in front of what blocks."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.abort = stream.abort
        self.on_noise = stream.on_noise
        self.get_extra_info = stream.get_extra_info

    async def read(self, timeout: float | None) -> bytes:
        data = self.stream.read(timeout)
        assert isinstance(data, bytes)
        return data

    async def write(self, data: bytes, timeout: float | None) -> None:
        self.stream.write(data, timeout)

    async def is_quiet(self) -> bool:
        return bool(self.stream.is_quiet())


class BlockingWaiter:
    def __init__(self, waiter: Any) -> None:
        self.waiter = waiter
        self.wake = waiter.wake

    async def wait(self, deadline: float | None) -> None:
        self.waiter.wait(deadline)


class BlockingBackend:
    def __init__(self) -> None:
        self.backend = SyncBackend()
        self.now = self.backend.now
        self.call_at = self.backend.call_at

    def waiter(self) -> BlockingWaiter:
        return BlockingWaiter(self.backend.waiter())

    def start_dial(
        self, dial: Callable[[Any], Awaitable[None]], connection: Any, waiter: Any
    ) -> Any:
        return self.backend.start_dial(
            lambda given: drive(dial(given)), connection, waiter.waiter
        )

    async def resolve(
        self, host: str, port: int, timeout: float | None
    ) -> Sequence[Address]:
        return self.backend.resolve(host, port, timeout)

    async def connect_tcp(self, address: Address, **options: Any) -> BlockingStream:
        return BlockingStream(self.backend.connect_tcp(address, **options))

    async def connect_unix(self, path: str, **options: Any) -> BlockingStream:
        return BlockingStream(self.backend.connect_unix(path, **options))

    async def start_tls(self, stream: Any, **options: Any) -> BlockingStream:
        return BlockingStream(self.backend.start_tls(stream.stream, **options))


def drive(coroutine: Any) -> None:
    """Run a coroutine that never suspends."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    raise AssertionError("a blocking scenario suspended")


class Job:
    """Something going on beside the scenario; see :meth:`World.start`."""

    def __init__(self) -> None:
        self.outcome: object = CANCELLED  # it may never have begun
        self.cancel: Callable[[], object] = lambda: None
        self.wait: Callable[[], Awaitable[object]] | None = None

    async def join(self) -> object:
        """Return its result, its exception, or ``CANCELLED``."""
        assert self.wait is not None
        await self.wait()
        return self.outcome


class World:
    name = ""
    backend: Any

    def run(self, scenario: Scenario) -> None:
        raise NotImplementedError

    def start(self, function: Callable[[], Coroutine[Any, Any, object]]) -> Job:
        raise NotImplementedError

    async def turn(self) -> None:
        """Let everybody else run for one turn."""

    async def settle(self) -> None:
        """Let everything run that does not wait for the outside."""
        for _ in range(20):
            await self.turn()


class AsyncioWorld(World):
    name = "asyncio"

    def run(self, scenario: Scenario) -> None:
        with asyncio.Runner(loop_factory=self.new_loop) as runner:
            runner.run(self._main(scenario))

    def new_loop(self) -> asyncio.AbstractEventLoop:
        return asyncio.new_event_loop()

    async def _main(self, scenario: Scenario) -> None:
        loop = asyncio.get_running_loop()
        self.complaints: list[dict[str, Any]] = []
        loop.set_exception_handler(lambda _, context: self.complaints.append(context))
        self.backend = AsyncioBackend()
        await scenario(self)
        await self.settle()

        assert self.complaints == []

    def start(self, function: Callable[[], Coroutine[Any, Any, object]]) -> Job:
        job = Job()

        async def run() -> None:
            try:
                job.outcome = await function()
            except asyncio.CancelledError:
                job.outcome = CANCELLED
            except Exception as error:
                job.outcome = error

        task = asyncio.get_running_loop().create_task(run())
        job.cancel = task.cancel
        job.wait = lambda: asyncio.wait({task})
        return job

    async def turn(self) -> None:
        await asyncio.sleep(0)


class UvloopWorld(AsyncioWorld):
    name = "uvloop"

    def new_loop(self) -> asyncio.AbstractEventLoop:
        loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
        return loop


class TrioWorld(World):
    name = "trio"

    def run(self, scenario: Scenario) -> None:
        trio.run(self._main, scenario)

    async def _main(self, scenario: Scenario) -> None:
        self.backend = TrioBackend()
        async with trio.open_nursery() as self.nursery:
            await scenario(self)

    def start(self, function: Callable[[], Coroutine[Any, Any, object]]) -> Job:
        job = Job()
        scope = trio.CancelScope()
        done = trio.Event()

        async def run() -> None:
            with scope:
                try:
                    job.outcome = await function()
                except Exception as error:
                    job.outcome = error
            done.set()

        self.nursery.start_soon(run)
        job.cancel = scope.cancel
        job.wait = done.wait
        return job

    async def turn(self) -> None:
        await trio.lowlevel.checkpoint()


class SyncWorld(World):
    name = "sync"

    def run(self, scenario: Scenario) -> None:
        self.backend = BlockingBackend()
        drive(scenario(self))

    def start(self, function: Callable[[], Coroutine[Any, Any, object]]) -> Job:
        job = Job()

        async def keep() -> None:
            try:
                job.outcome = await function()
            except Exception as error:
                job.outcome = error

        thread = threading.Thread(target=lambda: drive(keep()), daemon=True)
        thread.start()

        async def wait() -> None:
            thread.join()

        job.wait = wait
        return job


WORLDS = (AsyncioWorld, UvloopWorld, TrioWorld, SyncWorld)
COROUTINE_WORLDS = (AsyncioWorld, UvloopWorld, TrioWorld)
LOOPS = (AsyncioWorld, UvloopWorld)


def in_worlds(*worlds: type[World]) -> Callable[[Scenario], Callable[..., None]]:
    """Make a test of a scenario, once for each of *worlds*."""

    def decorate(scenario: Scenario) -> Callable[..., None]:
        @pytest.mark.parametrize("world", worlds, ids=lambda world: world.name)
        def test(world: type[World]) -> None:
            world().run(scenario)

        test.__name__ = scenario.__name__
        test.__doc__ = scenario.__doc__
        return test

    return decorate


class Peer:
    """The other end: a listening socket, and whatever it accepts."""

    def __init__(self, backlog: int = 16) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=backlog)
        self.listener.settimeout(LONG)
        self.sockets: list[socket.socket] = []
        self.address = Address(socket.AF_INET, self.listener.getsockname())

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_: object) -> None:
        for sock in [self.listener, *self.sockets]:
            sock.close()

    def accept(self) -> socket.socket:
        sock, _ = self.listener.accept()
        sock.settimeout(LONG)
        # What was sent has arrived: Nagle's algorithm would make that a lie.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sockets.append(sock)
        return sock

    async def connect(self, world: World, **options: Any) -> tuple[Any, socket.socket]:
        """Connect a stream here; return it and our own end."""
        stream = await world.backend.connect_tcp(self.address, timeout=LONG, **options)
        return stream, self.accept()

    async def connect_tls(
        self, world: World, **options: Any
    ) -> tuple[Any, ssl.SSLSocket]:
        """Connect and shake hands; return the stream and our own end."""
        stream, sock = await self.connect(world)
        serving = Shake(sock)
        encrypted = await world.backend.start_tls(
            stream,
            **{
                "context": client_context(),
                "server_hostname": "localhost",
                "timeout": LONG,
                **options,
            },
        )
        served = await serving.finish(world)
        self.sockets.append(served)
        return encrypted, served


class Shake:
    """The server's half of a TLS handshake, in a thread."""

    def __init__(
        self, sock: socket.socket, context: ssl.SSLContext | None = None
    ) -> None:
        self._sock = sock
        self._context = context or server_context()
        self._served: ssl.SSLSocket | None = None
        self.error: OSError | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._served = self._context.wrap_socket(self._sock, server_side=True)
        except OSError as error:
            self.error = error
            self._sock.close()

    async def join(self, world: World) -> None:
        await joined(self._thread, world)
        if self._served is not None:
            self._served.close()

    async def finish(self, world: World) -> ssl.SSLSocket:
        await joined(self._thread, world)
        assert self._served is not None, self.error
        return self._served


async def joined(thread: threading.Thread, world: World) -> None:
    """Wait for *thread* while the world goes on turning."""
    while thread.is_alive():
        await world.turn()


@functools.cache
def authority() -> trustme.CA:
    return trustme.CA()


@functools.cache
def server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert("localhost", "127.0.0.1").configure_cert(context)
    return context


@functools.cache
def client_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority().configure_trust(context)
    return context


def reset(sock: socket.socket) -> None:
    """Close *sock* so that the other end sees a reset, not an end."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


SMALL_BUFFERS: tuple[SocketOption, ...] = (
    (socket.SOL_SOCKET, socket.SO_SNDBUF, 4096),
    (socket.SOL_SOCKET, socket.SO_RCVBUF, 4096),
)
