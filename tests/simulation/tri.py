"""The world of trio: real tasks and real sockets, its own mock clock and dice."""

from __future__ import annotations

import socket
import types
from collections.abc import Callable, Coroutine, Generator
from typing import Any

import trio
import trio._core._run
import trio.testing

import mooring._io.trio
from mooring._io.base import Address
from mooring._io.kernel import Deadlock, Strike
from mooring._io.trio import TrioBackend

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

# A day of virtual time: whoever still waits then waits for ever.
FOREVER = 86400.0


class SocketPeer:
    """A server's end, in the run of the client."""

    def __init__(self, sock: trio.socket.SocketType) -> None:
        self._socket = sock

    async def read(self) -> bytes:
        try:
            return await self._socket.recv(CHUNK)
        except OSError:
            return b""

    async def write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[await self._socket.send(rest) :]

    async def sleep(self, seconds: float) -> None:
        await trio.sleep(seconds)

    def finish(self) -> None:
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the client was faster

    def close(self) -> None:
        self._socket.close()

    reset = close


class TrioWorld(World):
    """Cancel scopes, and trio's scheduler with seeded dice."""

    name = "trio"
    # trio turns the order of a whole batch round, no more.
    is_exact = False

    def __init__(self, setup: Setup | None = None, plan: Plan | None = None) -> None:
        super().__init__(setup, plan)
        self.harbour = Harbour()
        self._jobs: Any = None
        self._servers: Any = None

    @classmethod
    def prepare(cls) -> None:
        make_collections_cheap()

    def run(self, main: Action) -> None:
        files = open_files()
        # Otherwise a batch is a set, in the order of addresses in memory.
        module: Any = trio._core._run
        module._ALLOW_DETERMINISTIC_SCHEDULING = True
        dice = trio._core._run._r
        seed = self.schedule.seed
        before = dice.random
        # Without a seed: first come, first served.
        dice.random = (lambda: 0.0) if seed is None else before  # type: ignore[method-assign]
        dice.seed(seed)
        try:
            with complaints() as heard, watched(mooring._io.trio, self):
                trio.run(
                    self._main,
                    main,
                    clock=trio.testing.MockClock(autojump_threshold=0),
                )
        finally:
            dice.random = before  # type: ignore[method-assign]
            self.harbour.close()
        tell_of(heard, files, warnings_allowed=self.warnings_allowed)

    async def _main(self, main: Action) -> None:
        self.make_client(
            AsyncFaultyBackend(TrioBackend(), self.faults, self.address, self.hangs)
        )
        living = _living()
        error: Exception | None = None
        with trio.move_on_after(FOREVER) as day:
            async with trio.open_nursery() as self._servers:
                async with trio.open_nursery() as self._jobs:
                    try:
                        await main()
                    except Exception as caught:
                        error = caught
                        self._jobs.cancel_scope.cancel()
                self._servers.cancel_scope.cancel()
        if error is not None:
            raise error  # not wrapped in groups
        if day.cancelled_caught:
            raise Deadlock("not done after a day")
        await trio.testing.wait_all_tasks_blocked()
        left = _living() - living
        if left:
            raise Lost(f"{left} tasks left behind")

    def leftovers(self) -> list[str]:
        return []  # see _main

    def may_survive(self, strike: Strike) -> bool:
        """A cancel that comes after the last wait cancels nothing."""
        return strike.woken

    def start(self, action: Action, name: str, strike: Strike | None = None) -> Job:
        job = Job()
        scope = trio.CancelScope()
        done = trio.Event()

        async def run() -> None:
            with scope:
                try:
                    job.result = await counted(action(), job, strike, scope.cancel)
                except Exception as error:
                    job.error = error
            job.cancelled = scope.cancelled_caught
            done.set()

        self._jobs.start_soon(run, name=name)
        job.cancel = scope.cancel
        job.wait = done.wait
        return job

    async def sleep(self, seconds: float) -> None:
        await trio.sleep(seconds)

    def address(self, host: str) -> Address:
        return self.harbour.address(host)

    def refuse(self, host: str) -> None:
        listener = self.harbour.listeners.get(host)
        if listener is not None:
            trio.lowlevel.notify_closing(listener)
        self.harbour.refuse(host)

    def listen(self, host: str) -> None:
        if host not in self.harbour.listeners:
            self._servers.start_soon(self._accept, host, self.harbour.listen(host))

    async def _accept(self, host: str, listener: socket.socket) -> None:
        while True:
            try:
                await trio.lowlevel.wait_readable(listener)
                sock, _ = listener.accept()
            except (trio.ClosedResourceError, OSError):
                return
            self._servers.start_soon(self._attend, host, sock)

    async def _attend(self, host: str, sock: socket.socket) -> None:
        with trio.socket.from_stdlib_socket(sock) as wrapped:
            peer: Peer = SocketPeer(wrapped)
            await self.attend(host, peer)


def _living() -> int:
    return trio.lowlevel.current_statistics().tasks_living


@types.coroutine
def counting(
    coroutine: Coroutine[Any, Any, object],
    job: Job,
    strike: Strike | None,
    cancel: Callable[[], object],
) -> Generator[Any, Any, object]:
    """Run *coroutine* in this task, and call *cancel* when it is time."""
    value: Any = None
    error: BaseException | None = None
    while True:
        try:
            if error is not None:
                waited = coroutine.throw(error)
            else:
                waited = coroutine.send(value)
        except StopIteration as stop:
            return stop.value
        job.waits += 1
        if strike is not None and job.waits == strike.at and not strike.woken:
            cancel()
        value = error = None
        try:
            value = yield waited
        except BaseException as thrown:
            error = thrown
        if strike is not None and job.waits == strike.at and strike.woken:
            cancel()


async def counted(
    coroutine: Coroutine[Any, Any, object],
    job: Job,
    strike: Strike | None,
    cancel: Callable[[], object],
) -> object:
    return await counting(coroutine, job, strike, cancel)
