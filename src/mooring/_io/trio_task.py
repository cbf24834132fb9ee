"""A task beside the caller's on trio."""

from __future__ import annotations

from contextvars import copy_context
from typing import TYPE_CHECKING

import trio

from mooring._io.trio import TrioWaiter

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


class TrioTask:
    """See :class:`mooring._io.tasks.BackgroundTask`.

    A system task: it has to be able to outlive the function that started it, which
    may itself be inside any number of nurseries and cancel scopes.
    """

    def __init__(
        self,
        main: Callable[[], Coroutine[object, object, None]],
        *,
        name: str,
        ended: Callable[[], None],
    ) -> None:
        self.error: BaseException | None = None
        self._scope = trio.CancelScope()
        self._over = trio.Event()
        self._token = trio.lowlevel.current_trio_token()
        trio.lowlevel.spawn_system_task(
            self._run, main, ended, name=name, context=copy_context()
        )

    async def _run(
        self,
        main: Callable[[], Coroutine[object, object, None]],
        ended: Callable[[], None],
    ) -> None:
        try:
            with self._scope:
                await main()
        except trio.Cancelled:
            raise  # not by us: the run is over
        except BaseException as exc:
            # What leaves a system task brings the whole run down.
            self.error = exc
        finally:
            self._over.set()
            ended()

    @property
    def is_done(self) -> bool:
        return self._over.is_set()

    def is_current(self) -> bool:
        try:
            return trio.lowlevel.current_trio_token() is self._token
        except RuntimeError:
            return False

    def now(self) -> float:
        return trio.current_time()

    def waiter(self) -> TrioWaiter:
        return TrioWaiter()

    def cancel(self) -> None:
        self._scope.cancel()

    async def join(self) -> None:
        if self._over.is_set():
            return
        try:
            await self._over.wait()
        except BaseException:
            # Cancelled, or KeyboardInterrupt, which trio delivers at any wait.
            self.cancel()
            with trio.CancelScope(shield=True):
                await self._over.wait()
            raise
