"""A task beside the caller's: started, cancelled and awaited, in whatever loop runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from mooring._io.detect import current_async_backend_name

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from mooring._io.base import AsyncWaiter


class BackgroundTask(Protocol):
    """A coroutine that runs on its own until it ends or is cancelled."""

    error: BaseException | None
    """What it raised. Cancellation is no error."""

    @property
    def is_done(self) -> bool:
        """Whether it has ended, in whichever way."""
        ...

    def is_current(self) -> bool:
        """Say whether the caller runs in the loop that the task belongs to."""
        ...

    def now(self) -> float:
        """Seconds on the clock that deadlines of waiters are read from."""
        ...

    def waiter(self) -> AsyncWaiter:
        """Return a place for one task of this loop to sleep at."""
        ...

    def cancel(self) -> None:
        """Cancel it. Does not wait; once more is once more."""
        ...

    async def join(self) -> None:
        """Wait until it has ended.

        Who is cancelled meanwhile cancels the task too, and stays until it has ended
        nevertheless: when this returns or raises, the task is over.
        """
        ...


def start_task(
    main: Callable[[], Coroutine[object, object, None]],
    *,
    name: str,
    ended: Callable[[], None],
) -> BackgroundTask:
    """Start ``main()`` in a task and call ``ended()`` after it.

    None of *main* has run when this returns. It runs in a copy of the caller's
    context, and outside all of the caller's timeouts and nurseries.

    Raises:
        RuntimeError: Neither asyncio nor trio runs here.
    """
    if current_async_backend_name() == "trio":
        from mooring._io.trio_task import TrioTask

        return TrioTask(main, name=name, ended=ended)
    from mooring._io.asyncio_task import AsyncioTask

    return AsyncioTask(main, name=name, ended=ended)
