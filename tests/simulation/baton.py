"""Real threads of which one runs at a time: the kernel's schedule says which.

A thread hands the baton on where it takes or gives back a lock, uses a stream,
waits, and now and then between two lines of the code under test.
"""

from __future__ import annotations

import dis
import random
import sys
import threading
from collections.abc import Callable, Coroutine
from types import FrameType
from typing import Any

from mooring._io.kernel import Deadlock, Kernel, Parking, Timer

# Of a hundred lines of the code under test, so many are followed by a switch.
SWITCHES = 4
WATCHED = ("/_shell/_sync/", "/_io/sync.py", "/_pool/", "/_transports/_sync/")

# Where CPython looks whether there is a signal: nowhere but after these.
CHANCES = ("RESUME", "CALL", "CALL_FUNCTION_EX", "JUMP_BACKWARD", "CALL_KW")
# Whoever has the baton for so many seconds waits for something in earnest.
LONG = 10.0

_local = threading.local()


class Killed(BaseException):
    """Ends a thread that nothing else will ever wake."""


class Thread:
    """A thread that runs only while it has the baton."""

    def __init__(
        self,
        kernel: Kernel,
        function: Callable[[], object],
        name: str,
        interrupt_at: int | None = None,
    ) -> None:
        self.kernel = kernel
        self.chances = 0
        """How often CPython would have looked whether there is a signal."""
        self._last: dict[FrameType, str] = {}
        self.error: BaseException | None = None
        self._function = function
        self._interrupt_at = interrupt_at
        self._turn = threading.Lock()
        self._turn.acquire()
        self._back = threading.Lock()
        self._back.acquire()
        self._parking: Parking | None = None
        self._ended = False
        self._killed = False
        seed = kernel.schedule.seed
        self._dice = None if seed is None else random.Random(f"{seed} {name}")
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self.task = kernel.spawn(self._bridge(), name)

    async def _bridge(self) -> None:
        """Stand for the thread among the kernel's tasks."""
        self._thread.start()
        while True:
            self._turn.release()
            if not self._back.acquire(timeout=LONG):
                raise Deadlock(f"{self._thread.name} keeps the baton: {self._where()}")
            if self._ended:
                break
            assert self._parking is not None
            await self._parking
        self._thread.join()

    def _run(self) -> None:
        self._turn.acquire()
        _local.thread = self
        if self._dice is not None or self._interrupt_at is not None:
            sys.settrace(self._enter)
        try:
            self._function()
        except BaseException as error:
            self.error = error
        finally:
            sys.settrace(None)
            self._ended = True
            self._back.release()

    def _where(self) -> str:
        assert self._thread.ident is not None
        frame = sys._current_frames()[self._thread.ident]
        return f"{frame.f_code.co_filename}:{frame.f_lineno}"

    def wait(self, parking: Parking) -> None:
        """Hand the baton on until *parking* is released. Called in the thread."""
        if self._killed:
            raise Killed
        self._parking = parking
        self._back.release()
        self._turn.acquire()
        if self._killed:
            raise Killed

    def kill(self) -> None:
        """End a thread that waits; called by whoever has the baton."""
        if self._thread.ident is not None and not self._ended:
            self._killed = True
            self._turn.release()
            if self._back.acquire(timeout=LONG):
                self._thread.join()

    def _enter(self, frame: FrameType, event: str, _: object) -> Any:
        file = frame.f_code.co_filename
        if not any(part in file for part in WATCHED):
            return None
        if self._interrupt_at is not None:
            frame.f_trace_opcodes = True
            frame.f_trace_lines = False
        return self._trace

    def _trace(self, frame: FrameType, event: str, _: object) -> Any:
        if event == "opcode":
            before = self._last.get(frame)
            self._last[frame] = dis.opname[frame.f_code.co_code[frame.f_lasti]]
            if before in CHANCES:
                self.chances += 1
                if self.chances == self._interrupt_at:
                    self._last.clear()
                    raise KeyboardInterrupt
        elif event == "return":
            self._last.pop(frame, None)
        elif self._dice is not None and self._dice.randrange(100) < SWITCHES:
            turn()
        return self._trace


def call(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine of the kernel in this thread."""
    thread: Thread = _local.thread
    error: BaseException | None = None
    while True:
        try:
            if error is not None:
                parking = coroutine.throw(error)
            else:
                parking = coroutine.send(None)
        except StopIteration as stop:
            return stop.value
        error = None
        try:
            thread.wait(parking)
        except BaseException as caught:
            error = caught


def turn() -> None:
    """Let another thread go first, if there is a schedule that says so."""
    thread: Thread | None = getattr(_local, "thread", None)
    if thread is not None and thread.kernel.schedule.seed is not None:
        call(thread.kernel.turn())


class Lock:
    """A lock of threads that have a baton."""

    def __init__(self) -> None:
        self._locked = False
        self._waiting: list[Parking] = []

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        turn()
        if self._locked and blocking:
            call(self._wait(timeout))
        if self._locked:
            return False
        self._locked = True
        return True

    async def _wait(self, timeout: float) -> None:
        kernel = _local.thread.kernel
        deadline = kernel.now() + timeout if timeout >= 0 else None
        while self._locked and (deadline is None or kernel.now() < deadline):
            parking = kernel.parking()
            self._waiting.append(parking)
            timer: Timer | None = None
            if deadline is not None:
                timer = kernel.call_at(deadline, parking.release)
            try:
                await parking
            finally:
                if timer is not None:
                    timer.cancel()
                if parking in self._waiting:
                    self._waiting.remove(parking)

    def release(self) -> None:
        if not self._locked:
            raise RuntimeError("release unlocked lock")
        self._locked = False
        if self._waiting:
            self._waiting.pop(0).release()
        turn()

    def locked(self) -> bool:
        return self._locked

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


class _Threading:
    """The module ``threading``, with the lock of this one."""

    Lock = Lock

    def __getattr__(self, name: str) -> Any:
        return getattr(threading, name)


THREADING = _Threading()
