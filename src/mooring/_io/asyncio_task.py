"""A task beside the caller's on asyncio."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from mooring._io.asyncio import AsyncioWaiter

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


class AsyncioTask:
    """See :class:`mooring._io.tasks.BackgroundTask`.

    The loop refers to tasks weakly: whoever makes one has to keep it.
    """

    def __init__(
        self,
        main: Callable[[], Coroutine[object, object, None]],
        *,
        name: str,
        ended: Callable[[], None],
    ) -> None:
        self.error: BaseException | None = None
        self._loop = asyncio.get_running_loop()
        # Not create_task: an eager task factory would run the first steps here.
        self._task = asyncio.Task(self._run(main), loop=self._loop, name=name)
        # A task cancelled before its first step runs no "finally" of ours.
        self._task.add_done_callback(lambda _: ended())

    async def _run(self, main: Callable[[], Coroutine[object, object, None]]) -> None:
        try:
            await main()
        except asyncio.CancelledError:
            raise
        except BaseException as exc:
            # Also KeyboardInterrupt and the like, which a task would throw out of
            # the loop: they are for whoever waits for the outcome.
            self.error = exc

    @property
    def is_done(self) -> bool:
        return self._task.done()

    def is_current(self) -> bool:
        return asyncio._get_running_loop() is self._loop

    def now(self) -> float:
        return self._loop.time()

    def waiter(self) -> AsyncioWaiter:
        return AsyncioWaiter(self._loop)

    def cancel(self) -> None:
        self._task.cancel()

    async def join(self) -> None:
        cancelled: asyncio.CancelledError | None = None
        while not self._task.done():
            try:
                await asyncio.wait({self._task})
            except asyncio.CancelledError as exc:
                cancelled = exc
                self._task.cancel()
        if cancelled is not None:
            raise cancelled
