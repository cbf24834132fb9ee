"""The world of threads that hand a baton on: virtual time, and every interleaving."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import mooring._io.sync
import mooring._io.sync_tls
import mooring._transports._sync.http
from mooring._io.base import Address
from mooring._io.kernel import Cancelled, Kernel, Strike, Task, Timer
from mooring._io.memory import MemoryNetwork, MemoryStream
from mooring._io.sockets import closed_error
from mooring._io.sync import SyncBackend

from .baton import THREADING, Lock, Thread, call, turn
from .faults import FaultyBackend
from .memory import KernelWorld
from .sockets import complaints, tell_of
from .world import Action, Job, World, drive


class Stream:
    """The seam's stream, and what TLS wants of the one below it."""

    def __init__(self, inner: MemoryStream) -> None:
        self._inner = inner

    def __del__(self) -> None:
        self._inner.abort()  # as a socket does that nobody refers to any more

    def read(self, timeout: float | None) -> bytes:
        data = call(self._inner.read(timeout))
        assert isinstance(data, bytes)
        return data

    def write(self, data: bytes, timeout: float | None) -> None:
        call(self._inner.write(data, timeout))

    def write_nowait(self, data: bytes) -> None:
        self._inner.write_nowait(data)

    def is_readable(self) -> bool:
        return not self._inner.is_quiet_now()

    def looks_quiet(self) -> bool:
        return self._inner.is_quiet_now()

    def is_quiet(self) -> bool:
        return bool(call(self._inner.is_quiet()))

    def abort(self) -> None:
        turn()
        self._inner.abort()
        turn()

    def on_noise(self, callback: object) -> None:
        """Do nothing: nobody listens on an idle stream in threads."""

    def get_extra_info(self, name: str) -> Any:
        return None


class Attempt:
    """A connect on its way, which a dial that is called off breaks off."""

    def __init__(self, task: Task) -> None:
        self._task = task

    def abort(self) -> None:
        self._task.cancel()
        if isinstance(self._task.result, MemoryStream):
            self._task.result.abort()


class BatonBackend(SyncBackend):
    """The backend for threads, over a network in memory."""

    __slots__ = ("_kernel", "_network", "threads")

    def __init__(self, network: MemoryNetwork, threads: list[Thread]) -> None:
        super().__init__()
        self.threads = threads
        self._network = network
        self._kernel = network.kernel
        self.now = self._kernel.now

    def call_at(self, when: float, callback: Any) -> Timer:
        def ring() -> None:
            self.threads.append(Thread(self._kernel, callback, "timer"))

        return self._kernel.call_at(when, ring)

    def connect_tcp(
        self,
        address: Address,
        *,
        timeout: float | None,
        local_address: str | None = None,
        socket_options: Sequence[Any] = (),
    ) -> Any:
        connecting = self._network.connect(*address.sockaddr[:2])
        task = self._kernel.spawn(connecting, "connect")
        attempt = Attempt(task)
        dial: Any = getattr(mooring._io.sync._running, "dial", None)
        timer: Timer | None = None
        deadline = None if timeout is None else self.now() + timeout
        if deadline is not None:
            timer = self._kernel.call_at(deadline, task.cancel)
        try:
            if dial is not None:
                dial.watch(attempt)
            call(task.join())
        except BaseException:
            attempt.abort()
            raise
        finally:
            if timer is not None:
                timer.cancel()
        if isinstance(task.error, Cancelled):
            late = deadline is not None and self.now() >= deadline
            raise TimeoutError if late else closed_error()
        if task.error is not None:
            raise task.error
        return Stream(task.result)


class ThreadWorld(KernelWorld):
    """The code for threads, with every switch of threads decided by the schedule."""

    name = "threads"
    is_sync = True
    can_cancel = False

    def run(self, main: Action) -> None:
        self._threads: list[Thread] = []
        with _in_the_place_of_threading(self.kernel):
            self.make_client(
                FaultyBackend(
                    BatonBackend(self.network, self._threads),
                    self.faults,
                    self.address,
                    self.hangs,
                )
            )
            playing = self._thread(lambda: drive(main()), "main")
            with complaints(thoroughly=False) as heard:
                try:
                    self.kernel.run(playing.task.join())
                finally:
                    for thread in self._threads:
                        thread.kill()
        if playing.error is not None:
            raise playing.error
        self.look_for_leftovers()
        if self.plan.interrupt is not None:
            # One that strikes in a finalizer is the interpreter's to tell of.
            heard = [text for text in heard if "KeyboardInterrupt" not in text]
        tell_of(heard, warnings_allowed=self.warnings_allowed)

    def _thread(self, function: Any, name: str, interrupt: int | None = None) -> Thread:
        thread = Thread(self.kernel, function, name, interrupt)
        self._threads.append(thread)
        return thread

    def start(self, action: Action, name: str, strike: Strike | None = None) -> Job:
        job = Job()

        def run() -> None:
            job.result = drive(action())

        interrupt = self.plan.interrupt if name == "victim" else None
        thread = self._thread(run, name, interrupt)

        async def wait() -> None:
            call(thread.task.join())
            job.error = thread.error
            job.waits = thread.chances

        job.wait = wait
        return job

    async def sleep(self, seconds: float) -> None:
        call(self.kernel.sleep(seconds))

    @classmethod
    def chances_of_victim(cls, world: World) -> int:
        assert world.victim is not None
        return world.victim.waits


@contextmanager
def _in_the_place_of_threading(kernel: Kernel) -> Iterator[None]:
    places: list[tuple[Any, str, object]] = [
        (mooring._io.sync, "threading", THREADING),
        (mooring._io.sync, "monotonic", kernel.now),
        (mooring._io.sync_tls, "threading", THREADING),
        (mooring._io.sync_tls, "monotonic", kernel.now),
        (mooring._transports._sync.http, "Lock", Lock),
    ]
    before = [getattr(module, name) for module, name, _ in places]
    for module, name, value in places:
        setattr(module, name, value)
    try:
        yield
    finally:
        for (module, name, _), value in zip(places, before, strict=True):
            setattr(module, name, value)
