"""The backend for where the calling code runs."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING

from mooring._io.detect import current_async_backend_name

if TYPE_CHECKING:
    from mooring._io.base import AsyncBackend, Backend


def current_async_backend() -> AsyncBackend:
    """Return a backend for the running event loop.

    Raises:
        RuntimeError: neither asyncio nor trio runs here.
    """
    if current_async_backend_name() == "trio":
        from mooring._io.trio import TrioBackend

        return TrioBackend()
    from mooring._io.asyncio import AsyncioBackend

    return AsyncioBackend()


@cache
def current_sync_backend() -> Backend:
    """Return the backend for threads: one for the process."""
    from mooring._io.sync import SyncBackend

    return SyncBackend()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=current_sync_backend.cache_clear)
