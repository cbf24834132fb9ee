"""Which asynchronous library runs the code that asks."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

BackendName = Literal["asyncio", "trio"]

# asyncio's own fast question, once asyncio has been imported by somebody.
_running_loop: Callable[[], object] | None = None


def current_async_backend_name() -> BackendName:
    """Return ``"asyncio"`` or ``"trio"``, importing neither.

    Raises:
        RuntimeError: Neither is running here.
    """
    if _running_loop is not None and _running_loop() is not None:
        # trio may be a guest in asyncio's loop; then both answer.
        return "asyncio" if "trio" not in sys.modules else _asyncio_or_guest()
    return _ask_everyone()


def _asyncio_or_guest() -> BackendName:
    if not _in_trio_task():
        return "asyncio"
    # A guest's step runs in a bare callback of the loop. With trio-asyncio it is the
    # other way round: a loop inside a trio task, and its code runs in asyncio tasks.
    return "trio" if sys.modules["asyncio"].current_task() is None else "asyncio"


def _in_trio_task() -> bool:
    lowlevel = getattr(sys.modules.get("trio"), "lowlevel", None)
    if lowlevel is None:
        return False  # not there, or being imported right now
    try:
        lowlevel.current_task()
    except RuntimeError:
        return False
    return True


def _ask_everyone() -> BackendName:
    global _running_loop
    if _running_loop is None and "asyncio" in sys.modules:
        _running_loop = getattr(sys.modules["asyncio"], "_get_running_loop", None)
        if _running_loop is not None and _running_loop() is not None:
            return current_async_backend_name()
    if _in_trio_task():
        return "trio"
    raise RuntimeError(
        "no asynchronous library is running here: an async client works inside "
        "asyncio.run() or trio.run(); without either, use the sync Client"
    )
