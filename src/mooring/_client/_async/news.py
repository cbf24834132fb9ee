"""Waiting for something to become true, in whatever world runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..._io.base import AsyncBackend, AsyncWaiter


class AsyncNews:
    """Wakes everybody who waits, each time something has changed."""

    def __init__(self, backend: AsyncBackend) -> None:
        self._backend = backend
        self._waiting: set[AsyncWaiter] = set()
        self.mutex = backend.mutex()
        """Held while a condition is asked; whoever changes its facts holds it too."""

    async def until(
        self, condition: Callable[[], bool], timeout: float | None = None
    ) -> bool:
        """Wait until *condition* holds, *timeout* seconds at most; say whether it does.

        It may take what it asks for: it is asked by one at a time, and that it held is
        the last thing that happens. Nothing is awaited if it holds at once.
        """
        now = self._backend.now
        deadline = None if timeout is None else now() + timeout
        while True:
            with self.mutex:
                if condition():
                    return True
                waiter = self._backend.waiter()
                self._waiting.add(waiter)
            try:
                if deadline is not None and now() >= deadline:
                    return False
                await waiter.wait(deadline)
            finally:
                with self.mutex:
                    self._waiting.discard(waiter)

    def tell(self) -> None:
        """Have all conditions asked again."""
        with self.mutex:
            waiting = list(self._waiting)
        for waiter in waiting:
            waiter.wake()
