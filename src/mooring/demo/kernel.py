"""What the kernel says about our sockets, independent of what the pool says."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

SAMPLE_SECONDS = 0.004
DESCRIPTORS = Path("/proc/self/fd")
TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))


def can_count() -> bool:
    """Say whether this platform has the tables (Linux has)."""
    return DESCRIPTORS.is_dir() and TABLES[0].is_file()


def sockets_to(port: int) -> int:
    """Count this process's TCP sockets whose remote port is *port*.

    The descriptors first, the table after: what is closed in between is missed,
    but nothing is counted twice, for new descriptors get the lowest free number.
    """
    ours = set()
    for name in sorted(os.listdir(DESCRIPTORS), key=int):
        try:
            target = os.readlink(DESCRIPTORS / name)
        except OSError:
            continue  # closed meanwhile, or the listing's own descriptor
        if target.startswith("socket:["):
            ours.add(target[8:-1])
    return len(ours & _inodes_to(port))


def _inodes_to(port: int) -> set[str]:
    suffix = f":{port:04X}"
    found = set()
    for table in TABLES:
        try:
            lines = table.read_text("ascii").splitlines()[1:]
        except OSError:
            continue  # a kernel without IPv6
        for line in lines:
            fields = line.split()
            if fields[2].endswith(suffix):
                found.add(fields[9])
    return found


class Sampler:
    """Counts every few milliseconds, in a thread, and keeps the highest count."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.most: int | None = None
        """Most sockets at once; ``None`` where they cannot be counted."""
        self.samples = 0

    def _run(self) -> None:
        while not self._stop.wait(SAMPLE_SECONDS):
            self.most = max(self.most or 0, sockets_to(self._port))
            self.samples += 1

    def __enter__(self) -> Self:
        if can_count():
            self._thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
