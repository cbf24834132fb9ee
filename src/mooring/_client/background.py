"""Work beside the caller's, named so that a generated twin gets its own kind."""

from __future__ import annotations

from .._io.sync_task import ThreadTask, start_sync_task
from .._io.tasks import BackgroundTask as AsyncTask
from .._io.tasks import start_task as start_async_task

Task = ThreadTask

__all__ = ["AsyncTask", "Task", "start_async_task", "start_sync_task"]
