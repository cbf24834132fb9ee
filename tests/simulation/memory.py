"""The world that is all in memory: virtual time, and a schedule for every step."""

from __future__ import annotations

import socket
from typing import Any

from mooring._io.base import Address
from mooring._io.kernel import Cancelled, Kernel, Strike, Task
from mooring._io.memory import MemoryBackend, MemoryNetwork, MemoryStream

from .faults import AsyncFaultyBackend
from .sockets import complaints, tell_of
from .world import Action, Job, Lost, Plan, Setup, World


class MemoryPeer:
    """A server's end of a connection in memory."""

    def __init__(self, stream: MemoryStream, kernel: Kernel) -> None:
        self._stream = stream
        self._kernel = kernel

    async def read(self) -> bytes:
        try:
            return await self._stream.read(None)
        except OSError:
            return b""

    async def write(self, data: bytes) -> None:
        await self._stream.write(data, None)

    async def sleep(self, seconds: float) -> None:
        await self._kernel.sleep(seconds)

    def finish(self) -> None:
        self._stream.finish()

    def close(self) -> None:
        self._stream.abort()

    def reset(self) -> None:
        self._stream.reset()


class KernelWorld(World):
    """What lives on the kernel of tests."""

    def __init__(self, setup: Setup | None = None, plan: Plan | None = None) -> None:
        super().__init__(setup, plan)
        self.kernel = Kernel(self.schedule)
        self.network = MemoryNetwork(self.kernel)

    def listen(self, host: str) -> None:
        async def handle(stream: MemoryStream) -> None:
            await self.attend(host, self.peer(stream))

        self.network.serve(host, self.port, handle)

    @property
    def port(self) -> int:
        return 443 if self.setup.tls else 80

    def peer(self, stream: MemoryStream) -> Any:
        return MemoryPeer(stream, self.kernel)

    def refuse(self, host: str) -> None:
        self.network.refuse(host, self.port)

    def address(self, host: str) -> Address:
        return Address(socket.AF_INET, (host, self.port))

    def open_sockets(self) -> int:
        self.most_open = self.network.most_open
        return len(self.network.open)

    def leftovers(self) -> list[str]:
        alive = [f"task {t.name}" for t in self.kernel.tasks if not t.is_done]
        return alive + ["timer"] * self.kernel.alarms()

    def look_for_leftovers(self) -> None:
        left = self.leftovers()
        if self.plan.interrupt is not None and left == ["timer"]:
            return  # set and then interrupted; it rings once, for nothing
        if left:
            raise Lost(f"left behind: {', '.join(left)}")


class MemoryWorld(KernelWorld):
    """Coroutines of the kernel. Streams that start TLS stay as they are."""

    name = "memory"
    speaks_tls = False

    def run(self, main: Action) -> None:
        self.make_client(
            AsyncFaultyBackend(
                MemoryBackend(self.network), self.faults, self.address, self.hangs
            )
        )
        with complaints(thoroughly=False) as heard:
            self.kernel.run(main())
        self.look_for_leftovers()
        tell_of(heard, warnings_allowed=self.warnings_allowed)

    def start(self, action: Action, name: str, strike: Strike | None = None) -> Job:
        job = Job()
        task = self.kernel.spawn(self._carry_out(job, action), name)
        task.strike = strike
        job.cancel = task.cancel

        async def wait() -> None:
            await task.join()
            _note_end(job, task)

        job.wait = wait
        return job

    async def _carry_out(self, job: Job, action: Action) -> None:
        job.result = await action()

    async def sleep(self, seconds: float) -> None:
        await self.kernel.sleep(seconds)


def _note_end(job: Job, task: Task) -> None:
    job.waits = task.waits
    job.cancelled = isinstance(task.error, Cancelled)
    job.error = None if job.cancelled else task.error
