"""A tiny deterministic scheduler with a virtual clock, for tests.

Runs coroutines that wait only on ``park``. Time stands still while anything can
run and then jumps to the next timer; when there is neither, that is a deadlock
and said so, not a hang. With a seed the order of ready tasks is shuffled, the
same way every time.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from typing import Any


class Cancelled(BaseException):
    """Thrown into a task that is cancelled, as asyncio and trio do."""


class Deadlock(Exception):
    """Tasks wait, and nothing is left that could wake them."""


class Timer:
    """A callback at a moment of virtual time."""

    __slots__ = ("callback", "order", "when")

    def __init__(self, when: float, order: int, callback: Callable[[], None]) -> None:
        self.when = when
        self.order = order
        self.callback: Callable[[], None] | None = callback

    def __lt__(self, other: Timer) -> bool:
        return (self.when, self.order) < (other.when, other.order)

    def cancel(self) -> None:
        self.callback = None


class Parking:
    """One wait of one task; whoever holds it can end it."""

    __slots__ = ("_kernel", "_open", "_task")

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._task: Task | None = None
        self._open = False

    def __await__(self) -> Generator[Parking, None, None]:
        while not self._open:
            yield self

    def release(self) -> None:
        """Let the waiting task go on. Remembered; idempotent."""
        if not self._open:
            self._open = True
            if self._task is not None and self._task.parking is self:
                self._kernel.make_ready(self._task)

    def hold(self, task: Task) -> None:
        self._task = task


class Task:
    """A running coroutine."""

    def __init__(
        self, kernel: Kernel, coroutine: Coroutine[Any, Any, Any], name: str
    ) -> None:
        self._kernel = kernel
        self._coroutine = coroutine
        self.name = name
        self.waits = 0
        """How often it has waited so far."""
        self.cancel_at: int | None = None
        """Cancel it at its wait with this number, counted from 1."""
        self.is_done = False
        self.result: Any = None
        self.error: BaseException | None = None
        self.parking: Parking | None = None
        """What it waits for now."""
        self._cancelling = False
        self._done = Parking(kernel)

    def cancel(self) -> None:
        """Throw ``Cancelled`` into the task where it waits, or will wait next."""
        if self.is_done or self._cancelling:
            return
        self._cancelling = True
        if self.parking is not None:
            self._kernel.make_ready(self)

    async def join(self) -> None:
        """Wait for the end of the task, however it ends."""
        await self._done

    def step(self) -> None:
        self.parking = None
        try:
            if self._cancelling:
                self._cancelling = False
                parking = self._coroutine.throw(Cancelled())
            else:
                parking = self._coroutine.send(None)
        except StopIteration as stop:
            self._end(stop.value, None)
        except BaseException as error:
            self._end(None, error)
        else:
            self._park(parking)

    def _park(self, parking: Parking) -> None:
        self.parking = parking
        self.waits += 1
        parking.hold(self)
        if self.waits == self.cancel_at:
            self.cancel()
        elif self._cancelling:
            self._kernel.make_ready(self)

    def _end(self, result: Any, error: BaseException | None) -> None:  # noqa: ANN401
        self.is_done = True
        self.result = result
        self.error = error
        self._done.release()


class Kernel:
    """Runs tasks until the main one is done."""

    def __init__(self, seed: int | None = None) -> None:
        self._now = 0.0
        self._order = 0
        self._timers: list[Timer] = []
        self._ready: deque[Task] = deque()
        self._queued: set[Task] = set()
        self._random = None if seed is None else random.Random(seed)
        self.tasks: list[Task] = []

    def now(self) -> float:
        return self._now

    def spawn(self, coroutine: Coroutine[Any, Any, Any], name: str = "task") -> Task:
        task = Task(self, coroutine, name)
        self.tasks.append(task)
        self.make_ready(task)
        return task

    def call_at(self, when: float, callback: Callable[[], None]) -> Timer:
        self._order += 1
        timer = Timer(when, self._order, callback)
        heapq.heappush(self._timers, timer)
        return timer

    def parking(self) -> Parking:
        return Parking(self)

    async def sleep(self, seconds: float) -> None:
        parking = Parking(self)
        timer = self.call_at(self._now + seconds, parking.release)
        try:
            await parking
        finally:
            timer.cancel()

    def make_ready(self, task: Task) -> None:
        if task not in self._queued:
            self._queued.add(task)
            self._ready.append(task)

    def run(self, main: Coroutine[Any, Any, Any]) -> Any:  # noqa: ANN401
        """Run *main* to its end; return its result or raise its error.

        Raises:
            Deadlock: it waits for something that will never happen.
        """
        task = self.spawn(main, "main")
        while not task.is_done:
            if self._ready:
                self._next_ready().step()
            elif not self._advance():
                waiting = [t.name for t in self.tasks if not t.is_done]
                raise Deadlock(f"at {self._now:.3f}s: {', '.join(waiting)} still wait")
        if task.error is not None:
            raise task.error
        return task.result

    def _next_ready(self) -> Task:
        if self._random is not None and len(self._ready) > 1:
            self._ready.rotate(self._random.randrange(len(self._ready)))
        task = self._ready.popleft()
        self._queued.discard(task)
        return task

    def _advance(self) -> bool:
        """Let time pass until a timer rings. False when there is none."""
        while self._timers:
            timer = heapq.heappop(self._timers)
            if timer.callback is not None:
                self._now = max(self._now, timer.when)
                timer.callback()
                return True
        return False
