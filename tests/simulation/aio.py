"""The world of asyncio: real tasks and real sockets, a clock and a queue of our own."""

from __future__ import annotations

import asyncio
import selectors
import socket
import types
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from typing import Any

import mooring._io.asyncio
import mooring._io.asyncio_stream
from mooring._io.asyncio import AsyncioBackend
from mooring._io.base import Address
from mooring._io.kernel import Deadlock, Schedule, Strike

from .faults import AsyncFaultyBackend
from .peers import Peer
from .sockets import (
    CHUNK,
    Harbour,
    complaints,
    make_collections_cheap,
    open_files,
    tell_of,
    watched,
)
from .world import Action, Job, Lost, Plan, Setup, World

MOST_TURNS = 50_000
CALLBACK = "a callback"


class Urgent:
    """A callback that goes before all that is scheduled."""

    def __init__(self, call: Callable[[], object]) -> None:
        self._call = call

    def __call__(self, *_: object) -> None:
        self._call()


class Ready(deque[Any]):
    """The loop's queue. Steps of tasks come in any order, callbacks in their own.

    No task goes before a callback that was scheduled earlier: asyncio promises that,
    and the transports rely on it.
    """

    def __init__(self, schedule: Schedule) -> None:
        super().__init__()
        self._schedule = schedule
        self._names: dict[asyncio.Task[Any], str] = {}

    def popleft(self) -> Any:
        if len(self) == 1:
            return super().popleft()
        options: list[int] = []
        names: list[str] = []
        for index, handle in enumerate(self):
            callback = handle._callback
            if isinstance(callback, Urgent):
                return self._take(index)
            if names and names[-1] == CALLBACK:
                continue
            task = getattr(callback, "__self__", None)
            options.append(index)
            if isinstance(task, asyncio.Task):
                names.append(self._name(task))
            else:
                names.append(CALLBACK)
        if len(options) == 1:
            return self._take(options[0])
        return self._take(options[self._schedule.choose(names)])

    def _take(self, index: int) -> Any:
        handle = self[index]
        del self[index]
        return handle

    def _name(self, task: asyncio.Task[Any]) -> str:
        name = self._names.get(task)
        if name is None:
            # A name that nobody gave is a number that differs from run to run.
            given = task.get_name().partition("-")[0]
            name = self._names[task] = f"{given} {len(self._names)}"
        return name


class Selector(selectors.DefaultSelector):
    """Lets time pass when nothing else is left to do."""

    loop: Loop

    def select(self, timeout: float | None = None) -> Any:
        events = super().select(0)
        self.loop.turns += 1
        if self.loop.turns > MOST_TURNS:
            raise Deadlock(f"no end after {MOST_TURNS} turns")
        if not events:
            if timeout is None:
                raise Deadlock(f"at {self.loop.now:.3f}s: nothing can happen any more")
            self.loop.now += max(timeout, 0)
        return events


class Loop(asyncio.SelectorEventLoop):
    """An event loop on virtual time."""

    def __init__(self, schedule: Schedule) -> None:
        selector = Selector()
        selector.loop = self
        self.now = 1000.0
        self.turns = 0
        super().__init__(selector)
        self._ready = Ready(schedule)

    def time(self) -> float:
        return self.now


async def readable(loop: Loop, sock: socket.socket) -> None:
    """Wait until *sock* can be read, or accepted from."""
    future = loop.create_future()
    loop.add_reader(sock, _settle, future)
    try:
        await future
    finally:
        # Here and not in a callback: the caller may close the socket next.
        loop.remove_reader(sock)


async def writable(loop: Loop, sock: socket.socket) -> None:
    """Wait until *sock* takes more."""
    future = loop.create_future()
    loop.add_writer(sock, _settle, future)
    try:
        await future
    finally:
        loop.remove_writer(sock)


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class SocketPeer:
    """A server's end, on the loop of the client."""

    def __init__(self, loop: Loop, sock: socket.socket) -> None:
        self._loop = loop
        self._socket = sock
        sock.setblocking(False)

    async def read(self) -> bytes:
        while True:
            try:
                return self._socket.recv(CHUNK)
            except BlockingIOError:
                await readable(self._loop, self._socket)
            except OSError:
                return b""

    async def write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[self._socket.send(rest) :]
            except BlockingIOError:
                await writable(self._loop, self._socket)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def finish(self) -> None:
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the client was faster

    def close(self) -> None:
        self._socket.close()

    reset = close


class AsyncioWorld(World):
    """Native tasks and native cancellation."""

    name = "asyncio"

    def __init__(self, setup: Setup | None = None, plan: Plan | None = None) -> None:
        super().__init__(setup, plan)
        self.loop = Loop(self.schedule)
        self.harbour = Harbour()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._servers: set[asyncio.Task[Any]] = set()

    @classmethod
    def prepare(cls) -> None:
        make_collections_cheap()

    def run(self, main: Action) -> None:
        files = open_files()
        loop = self.loop
        clock = mooring._io.asyncio_stream
        before, clock.monotonic = clock.monotonic, loop.time  # type: ignore[attr-defined]
        told: list[str] = []
        loop.set_exception_handler(
            lambda _, context: told.append(
                f"{context['message']}: {context.get('exception')!r}"
            )
        )
        try:
            with complaints() as heard, watched(mooring._io.asyncio, self):
                try:
                    loop.run_until_complete(self._main(main))
                    left = self.leftovers()
                finally:
                    self._end()
        finally:
            clock.monotonic = before  # type: ignore[attr-defined]
        if left:
            raise Lost(f"left behind: {', '.join(left)}")
        tell_of(heard + told, files, warnings_allowed=self.warnings_allowed)

    async def _main(self, main: Action) -> None:
        self.make_client(
            AsyncFaultyBackend(AsyncioBackend(), self.faults, self.address, self.hangs)
        )
        await main()
        for server in self._servers:
            server.cancel()
        if self._servers:
            await asyncio.wait(self._servers)

    def _end(self) -> None:
        self.harbour.close()
        loop = self.loop
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        if tasks:
            self.loop.turns = 0
            loop.run_until_complete(asyncio.wait(tasks, timeout=1.0))
        loop.close()

    def leftovers(self) -> list[str]:
        alive = [f"task {t.get_name()}" for t in asyncio.all_tasks(self.loop)]
        timers = [
            f"timer {timer!r}"
            for timer in self.loop._scheduled  # type: ignore[attr-defined]
            if not timer.cancelled()
        ]
        return alive + timers

    def start(self, action: Action, name: str, strike: Strike | None = None) -> Job:
        job = Job()
        task = self.loop.create_task(counted(self._carry_out(job, action), job, strike))
        task.set_name(name)
        self._tasks.add(task)
        job.cancel = task.cancel

        async def wait() -> None:
            await asyncio.wait({task})
            job.cancelled = task.cancelled()
            job.error = None if job.cancelled else task.exception()

        job.wait = wait
        return job

    async def _carry_out(self, job: Job, action: Action) -> None:
        job.result = await action()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def address(self, host: str) -> Address:
        return self.harbour.address(host)

    def refuse(self, host: str) -> None:
        listener = self.harbour.listeners.get(host)
        if listener is not None:
            self.loop.remove_reader(listener)
        self.harbour.refuse(host)

    def listen(self, host: str) -> None:
        if host not in self.harbour.listeners:
            listener = self.harbour.listen(host)
            self._serve(self._accept(host, listener), f"listens at {host}")

    def _serve(self, coroutine: Coroutine[Any, Any, None], name: str) -> None:
        task = self.loop.create_task(coroutine)
        task.set_name(name)
        self._servers.add(task)
        task.add_done_callback(self._servers.discard)

    async def _accept(self, host: str, listener: socket.socket) -> None:
        while True:
            await readable(self.loop, listener)
            try:
                sock, _ = listener.accept()
            except BlockingIOError:
                continue
            self._serve(self._attend(host, sock), f"server {host}")

    async def _attend(self, host: str, sock: socket.socket) -> None:
        with sock:
            peer: Peer = SocketPeer(self.loop, sock)
            await self.attend(host, peer)


@types.coroutine
def counting(
    coroutine: Coroutine[Any, Any, None], job: Job, strike: Strike | None
) -> Generator[Any, Any, None]:
    """Run *coroutine* in this task, and cancel the task when it is time."""
    task = asyncio.current_task()
    assert task is not None
    value: Any = None
    error: BaseException | None = None
    while True:
        try:
            if error is not None:
                waited = coroutine.throw(error)
            else:
                waited = coroutine.send(value)
        except StopIteration:
            return
        job.waits += 1
        if strike is not None:
            if job.waits == strike.at and strike.woken and waited is not None:
                waited.add_done_callback(Urgent(task.cancel))
            elif job.waits == strike.at or (
                strike.twice and job.waits == strike.at + 1
            ):
                task.cancel()
        value = error = None
        try:
            value = yield waited
        except BaseException as thrown:
            error = thrown


async def counted(
    coroutine: Coroutine[Any, Any, None], job: Job, strike: Strike | None
) -> None:
    await counting(coroutine, job, strike)
