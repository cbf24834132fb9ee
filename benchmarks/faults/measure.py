"""Losses, how to bring them about, and how to tell.

Evidence comes from outside of the clients: what the server saw, what the kernel has
open, whether a request got through.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Generator
from types import TracebackType
from typing import Any, Self, TypeVar

from tests.integration import servers
from tests.integration.servers import Connection, client_sockets

from .clients import Subject

T = TypeVar("T")

PATIENCE = 3.0
"""What takes so long, on a loopback interface, hangs."""
SLOW_NAME = "slow.test"
TURNS = 20
BIG = b"x" * 4_000_000
"""More than fits on the way, so that it is not read to its end in passing."""
SOME = b"x" * 300_000
"""Comes in a few pieces."""


class Origin(servers.Origin):
    """One that is not stopped: what a client holds open would have to be waited for."""

    def __exit__(self, *_: object) -> None:
        """Leave it to the end of the process, which is near."""


class Loss(Exception):
    """Something that a client should not have lost."""

    def __init__(self, kind: str, evidence: str) -> None:
        super().__init__(kind, evidence)
        self.kind = kind
        self.evidence = evidence


async def soon(work: Awaitable[T], what: str, patience: float = PATIENCE) -> T:
    """Await *work*, but not for ever."""
    limit = asyncio.timeout(patience)
    try:
        async with limit:
            return await work
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise Loss("hang", f"{what}: nothing for {patience:.0f} s") from error


async def turns(many: int = TURNS) -> None:
    """Let everything run that needs nothing from outside."""
    for _ in range(many):
        await asyncio.sleep(0)


async def until(condition: Callable[[], object], seconds: float = PATIENCE) -> bool:
    """Wait for *condition*; say whether it came true."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not condition():
        if asyncio.get_running_loop().time() > deadline:
            return False
        await asyncio.sleep(0.005)
    return True


async def ended(task: asyncio.Task[Any], what: str) -> None:
    """Wait for *task*, whatever it ends in."""
    if not await until(task.done):
        raise Loss("hang", f"{what}: nothing for {PATIENCE:.0f} s")
    if not task.cancelled():
        task.exception()


class Cancelling(Awaitable[T]):
    """Awaits a coroutine, and cancels the task at the n-th await inside.

    With *again*, at each one after that as well.
    """

    def __init__(
        self, work: Coroutine[Any, Any, T], at: int, *, again: bool = False
    ) -> None:
        self._work = work
        self._at = at
        self._again = again
        self.awaits = 0

    @property
    def got_there(self) -> bool:
        """Whether there were as many awaits."""
        return self.awaits >= self._at

    def __await__(self) -> Generator[Any, Any, T]:
        inner = self._work.__await__()
        error: BaseException | None = None
        while True:
            try:
                waited = inner.send(None) if error is None else inner.throw(error)
            except StopIteration as stop:
                return stop.value  # type: ignore[no-any-return]
            error = None
            self.awaits += 1
            if self.awaits == self._at or (self._again and self.got_there):
                task = asyncio.current_task()
                assert task is not None
                task.cancel()
            try:
                yield waited
            except BaseException as thrown:
                error = thrown


async def cancelled_at(
    work: Coroutine[Any, Any, object], at: int, *, again: bool = False
) -> bool:
    """Run *work* in a task that is cancelled there. False if it was over before."""
    cancelling = Cancelling(work, at, again=again)

    async def run() -> None:
        await cancelling

    task = asyncio.create_task(run())
    await ended(task, f"cancelled at await {at}")
    return cancelling.got_there


async def aftermath(
    subject: Subject, origin: Origin, connections: int, url: str | None = None
) -> None:
    """Use every slot, close, and look what is open. The origin answers ``/big``."""
    await turns()
    url = (url or origin.url) + "big"
    held = []
    for number in range(connections):
        try:
            held.append(await soon(subject.open(url), "next request"))
        except Loss:
            text = f"{number} of {connections} slots usable afterwards"
            raise Loss("lost slot", text) from None
    opened = client_sockets(origin.port)
    if opened > connections:
        raise Loss("over the limit", f"{opened} sockets, limit {connections}")
    for opened_response in held:
        await subject.leave(opened_response)
    await closes(subject, origin)


async def closes(subject: Subject, *origins: Origin) -> None:
    """Close the client, and look what is open."""
    await soon(subject.close(), "closing the client")

    def left() -> int:
        return sum(client_sockets(origin.port) for origin in origins)

    if not await until(lambda: not left()):
        raise Loss("socket leaked", f"{left()} open after the client was closed")


class Sweep:
    """Tries a fault in many places; one place is enough to lose."""

    ENOUGH = 4
    """So many losses will do: each takes its time."""

    def __init__(self, unit: str) -> None:
        self._unit = unit
        self._losses: defaultdict[str, list[int]] = defaultdict(list)
        self._tried = 0

    async def check(self, place: int, work: Awaitable[None]) -> None:
        """Do it in one place."""
        self._tried += 1
        try:
            await work
        except Loss as loss:
            self._losses[loss.kind].append(place)

    @property
    def is_enough(self) -> bool:
        """Whether nothing more is to be learnt."""
        return sum(map(len, self._losses.values())) >= self.ENOUGH

    def verdict(self) -> None:
        """Lose, if anything was lost."""
        if not self._losses:
            return
        told = [
            f"{kind} at {self._unit} {', '.join(map(str, places))}"
            for kind, places in self._losses.items()
        ]
        told[0] = told[0].partition(" at ")[2]  # the kind is said already
        tried = f"after {self._tried}" if self.is_enough else f"of {self._tried}"
        text = f"{'; '.join(told)} ({tried} tried)"
        raise Loss(next(iter(self._losses)), text)


class SlowNames:
    """Holds every look-up of ``slow.test`` until told; then it is 127.0.0.1.

    Or, with *fail_after*, fails each so many seconds after it was asked.
    """

    def __init__(self, fail_after: float | None = None) -> None:
        self._fail_after = fail_after
        self._told = threading.Event()
        self._real = socket.getaddrinfo
        self.asked = 0

    def tell(self) -> None:
        """Answer, now and from now on."""
        self._told.set()

    def _look_up(self, host: Any, port: Any, *args: Any, **more: Any) -> Any:
        if host not in (SLOW_NAME, SLOW_NAME.encode()):
            return self._real(host, port, *args, **more)
        self.asked += 1
        self._told.wait(self._fail_after)
        if not self._told.is_set():
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return self._real("127.0.0.1", port, *args, **more)

    def __enter__(self) -> Self:
        socket.getaddrinfo = self._look_up
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.tell()
        socket.getaddrinfo = self._real


def obliging(connection: Connection) -> None:
    """Answer everything; ``/big`` with a body that does not come with the head."""
    bodies = {"/big": BIG, "/some": SOME}
    while (request := connection.request()) is not None:
        connection.respond(bodies.get(request.target, b"ok"))
