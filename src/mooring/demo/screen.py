"""What the demo writes: one line that moves on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from typing import TextIO

GREEN, RED, PLAIN = "\x1b[32m", "\x1b[31m", "\x1b[0m"
STEPS = 4
"""Progress lines where there is no terminal."""


class Screen:
    """Writes to *stream*; colours only for a terminal that wants them."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._live = self._stream.isatty() and os.environ.get("TERM") != "dumb"
        # https://no-color.org: set and not empty, whatever the value.
        self._colours = self._live and not os.environ.get("NO_COLOR")
        self._shown = ""
        self._step = 0

    def line(self, text: str = "") -> None:
        """Write a line that stays."""
        self._write(f"{self._clearing()}{text}\n")
        self._shown = ""

    def progress(self, done: int, total: int, text: str) -> None:
        """Show how far things are: in place, or at every quarter."""
        if self._live:
            width = shutil.get_terminal_size().columns - 1
            bar = "#" * (20 * done // max(total, 1))
            now = f"[{bar:.<20}] {text}"[:width]
            if now != self._shown:
                self._write(self._clearing() + now)
                self._shown = now
            return
        step = STEPS * done // max(total, 1)
        if step > self._step:
            self._step = step
            self.line(f"  {text}")

    def table(self, rows: Sequence[tuple[str, str]]) -> None:
        """Write names and figures, aligned."""
        width = max(len(name) for name, _ in rows)
        for name, figure in rows:
            self.line(f"  {name:<{width}}  {figure}")

    def verdict(self, text: str, *, kept: bool) -> None:
        """Write one promise and whether it was kept."""
        word = "ok    " if kept else "BROKEN"
        if self._colours:
            word = f"{GREEN if kept else RED}{word}{PLAIN}"
        self.line(f"  {word}  {text}")

    def _clearing(self) -> str:
        return f"\r{' ' * len(self._shown)}\r" if self._shown else ""

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
