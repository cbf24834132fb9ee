"""Tasks that wait until something about an exchange is so."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._io.base import AsyncWaiter
    from .._io.tasks import BackgroundTask


class Side:
    """One of two sides that wait for each other, in the loop of *task*."""

    def __init__(self, task: BackgroundTask) -> None:
        self._task = task
        self._waiters: set[AsyncWaiter] = set()

    @property
    def is_waiting(self) -> bool:
        """Whether anybody of this side waits."""
        return bool(self._waiters)

    async def until(
        self, condition: Callable[[], bool], deadline: float | None = None
    ) -> None:
        """Wait for *condition*, or for *deadline*. Does not suspend if it is true."""
        if condition():
            return
        waiter = self._task.waiter()
        self._waiters.add(waiter)
        try:
            while not condition():
                await waiter.wait(deadline)
                if deadline is not None and self._task.now() >= deadline:
                    return
        finally:
            self._waiters.discard(waiter)

    def wake(self) -> None:
        """Let everybody of this side look again."""
        for waiter in self._waiters:
            waiter.wake()
