"""One thread that calls things at a given time, for programs that have no loop.

Started when first needed, ends after a second without anything to do, and forgotten
in a forked child, where the thread does not exist.
"""

from __future__ import annotations

import heapq
import os
import sys
import threading
from itertools import count
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# How long the thread stays when there is nothing to wait for, in seconds.
_IDLE_SECONDS = 1.0


class Timer:
    """One call that is to be made."""

    __slots__ = ("_callback",)

    def __init__(self, callback: Callable[[], None]) -> None:
        self._callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        # The entry stays in the heap until its time; what it held is let go now.
        self._callback = None

    @property
    def is_cancelled(self) -> bool:
        return self._callback is None

    def fire(self) -> None:
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()


class TimerThread:
    """A heap of timers and, while it is not empty, a daemon thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._heap: list[tuple[float, int, Timer]] = []
        self._numbers = count()
        self._thread: threading.Thread | None = None

    def call_at(self, when: float, callback: Callable[[], None]) -> Timer:
        timer = Timer(callback)
        with self._changed:
            heap = self._heap
            # Cancelled timers go when they come up; amortised, half of a long heap.
            if len(heap) > 1000 and heap[0][2].is_cancelled:
                self._drop_cancelled()
            heapq.heappush(heap, (when, next(self._numbers), timer))
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="mooring-timer", daemon=True
                )
                try:
                    self._thread.start()
                except RuntimeError:
                    # No more threads to be had, or the interpreter is on its way
                    # out. What is late is no worse than what asked for it failing.
                    self._thread = None
            elif heap[0][2] is timer:
                self._changed.notify()
        return timer

    def _drop_cancelled(self) -> None:
        alive = [entry for entry in self._heap if not entry[2].is_cancelled]
        self._heap[:] = alive
        heapq.heapify(self._heap)

    def _run(self) -> None:
        while True:
            timer = self._next_due()
            if timer is None:
                return
            try:
                timer.fire()
            except Exception:
                threading.excepthook(
                    threading.ExceptHookArgs(
                        (*sys.exc_info(), threading.current_thread())
                    )
                )
            del timer  # hold nothing while asleep

    def _next_due(self) -> Timer | None:
        """Sleep until a timer is due; ``None`` when there was none for a while."""
        with self._changed:
            while True:
                if self._heap:
                    remaining = self._heap[0][0] - monotonic()
                    if remaining <= 0 or self._heap[0][2].is_cancelled:
                        return heapq.heappop(self._heap)[2]
                    self._changed.wait(min(remaining, threading.TIMEOUT_MAX))
                elif not self._changed.wait(_IDLE_SECONDS) and not self._heap:
                    self._thread = None
                    return None


_timers = TimerThread()


def call_at(when: float, callback: Callable[[], None]) -> Timer:
    """Call *callback* once when ``time.monotonic()`` reaches *when*."""
    return _timers.call_at(when, callback)


def _forget_after_fork() -> None:
    global _timers
    _timers = TimerThread()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)
