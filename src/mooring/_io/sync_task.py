"""A thread beside the caller's, with the manners of a background task."""

from __future__ import annotations

import threading
from contextvars import copy_context
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# How long a thread may take to see that its stream has been closed.
_GRACE_SECONDS = 5.0


class ThreadTask:
    """See :class:`mooring._io.tasks.BackgroundTask`.

    A thread cannot be cancelled: whoever wants it to end closes what it waits for. It
    is a daemon, so that one that nobody ends does not keep the process alive.
    """

    def __init__(
        self, main: Callable[[], None], *, name: str, ended: Callable[[], None]
    ) -> None:
        self.error: BaseException | None = None
        context = copy_context()
        self._thread = threading.Thread(
            target=context.run, args=(self._run, main, ended), name=name, daemon=True
        )
        self._thread.start()

    def _run(self, main: Callable[[], None], ended: Callable[[], None]) -> None:
        try:
            main()
        except BaseException as exc:
            self.error = exc
        finally:
            ended()

    @property
    def is_done(self) -> bool:
        return not self._thread.is_alive()

    def cancel(self) -> None:
        """Do nothing."""

    def join(self) -> None:
        """Wait until it has ended; not for ever, for a stream that is not ours."""
        self._thread.join(_GRACE_SECONDS)


def start_sync_task(
    main: Callable[[], None], *, name: str, ended: Callable[[], None]
) -> ThreadTask:
    """Start ``main()`` in a thread and call ``ended()`` after it."""
    return ThreadTask(main, name=name, ended=ended)
