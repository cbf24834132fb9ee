"""A tiny deterministic scheduler with a virtual clock, for tests.

Runs coroutines that wait only on a ``Parking``. Time stands still while anything
can run and then jumps to the next timer; when there is neither, that is a deadlock
and said so, not a hang. A ``Schedule`` says which of the ready tasks runs next.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Generator, Sequence
from dataclasses import dataclass
from typing import Any


class Cancelled(BaseException):
    """Thrown into a task that is cancelled, as asyncio and trio do."""


class Deadlock(Exception):
    """Tasks wait, and nothing is left that could wake them; or nothing ever ends."""


# What has not come to an end after so many steps never will.
_MOST_STEPS = 200_000


class Schedule:
    """Whose turn it is when several could go on; the same each time.

    Without a seed it is first come, first served. ``met`` tells what was decided:
    who went before whom, and at which decision that was so for the first time.
    """

    def __init__(
        self, seed: int | None = None, force: tuple[int, str] | None = None
    ) -> None:
        self.seed = seed
        self._random = None if seed is None else random.Random(seed)
        self._force = force
        """At the decision with this number, counted from 0, let this one go."""
        self.decisions = 0
        self.recording = True
        self.met: dict[tuple[str, str], int] = {}

    def choose(self, names: Sequence[str]) -> int:
        """Return the index of the one that goes next."""
        number = self.decisions
        self.decisions += 1
        index = 0 if self._random is None else self._random.randrange(len(names))
        force = self._force
        if force is not None and force[0] == number and force[1] in names:
            index = names.index(force[1])
        chosen = names[index]
        if self.recording:
            for other in names:
                if other != chosen:
                    self.met.setdefault((chosen, other), number)
        return index


@dataclass(frozen=True, slots=True)
class Strike:
    """When a task is cancelled: at its wait with the number *at*, counted from 1."""

    at: int
    woken: bool = False
    """Not while it waits but when it has just been woken, before it goes on."""
    twice: bool = False
    """And once more at the first wait after that."""


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


class _Turn(Parking):
    """Not waiting, only letting others go first."""

    __slots__ = ()

    def hold(self, task: Task) -> None:
        super().hold(task)
        self.release()


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
        self.strike: Strike | None = None
        """When to cancel it, if ever."""
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
        strike = self.strike
        if strike is not None and strike.woken and strike.at == self.waits:
            self._cancelling = True
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
        if self._is_struck():
            self.cancel()
        elif self._cancelling:
            self._kernel.make_ready(self)

    def _is_struck(self) -> bool:
        strike = self.strike
        if strike is None:
            return False
        first = not strike.woken and self.waits == strike.at
        return first or (strike.twice and self.waits == strike.at + 1)

    def _end(self, result: Any, error: BaseException | None) -> None:  # noqa: ANN401
        self.is_done = True
        self.result = result
        self.error = error
        self._done.release()


class Kernel:
    """Runs tasks until the main one is done."""

    def __init__(self, schedule: Schedule | None = None) -> None:
        self._now = 0.0
        self._order = 0
        self._timers: list[Timer] = []
        self._ready: deque[Task] = deque()
        self._queued: set[Task] = set()
        self.schedule = Schedule() if schedule is None else schedule
        self.tasks: list[Task] = []
        self._names: Counter[str] = Counter()

    def now(self) -> float:
        return self._now

    def spawn(self, coroutine: Coroutine[Any, Any, Any], name: str = "task") -> Task:
        """Start a task; of several with one *name* the later ones get numbers."""
        self._names[name] += 1
        if self._names[name] > 1:
            name = f"{name} {self._names[name]}"
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

    async def turn(self) -> None:
        """Let whoever is ready go first, if the schedule says so."""
        await _Turn(self)

    def alarms(self) -> int:
        """Count the timers that are set."""
        return sum(timer.callback is not None for timer in self._timers)

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
        steps = 0
        while not task.is_done:
            steps += 1
            if steps > _MOST_STEPS:
                raise Deadlock(f"no end after {steps} steps")
            if self._ready:
                self._next_ready().step()
            elif not self._advance():
                waiting = [t.name for t in self.tasks if not t.is_done]
                raise Deadlock(f"at {self._now:.3f}s: {', '.join(waiting)} still wait")
        if task.error is not None:
            raise task.error
        return task.result

    def _next_ready(self) -> Task:
        ready = self._ready
        if len(ready) == 1:
            task = ready.popleft()
        else:
            index = self.schedule.choose([task.name for task in ready])
            task = ready[index]
            del ready[index]
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
