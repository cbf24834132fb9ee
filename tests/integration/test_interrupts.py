"""KeyboardInterrupt wherever it can strike: nothing is lost, nothing hangs."""

from __future__ import annotations

import dis
import gc
import os
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

import mooring

from .servers import Connection, Origin

ONE = mooring.Limits(max_connections=1, max_keepalive_connections=1)


class InterruptAt:
    """Raise KeyboardInterrupt in this thread at the n-th chance that there is.

    CPython looks at signals when a function begins, after a call and on the way back
    in a loop, and nowhere else.
    """

    CHANCES = ("RESUME", "CALL", "CALL_FUNCTION_EX", "JUMP_BACKWARD", "CALL_KW")

    def __init__(self, number: int) -> None:
        self.left = number
        self._last: dict[FrameType, str] = {}

    def __enter__(self) -> InterruptAt:
        sys.settrace(self._call)
        return self

    def __exit__(self, *exc_info: object) -> None:
        sys.settrace(None)

    def _call(self, frame: FrameType, event: str, arg: object) -> Any:
        if f"{os.sep}mooring{os.sep}_" not in frame.f_code.co_filename:
            return None
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        return self._step

    def _step(self, frame: FrameType, event: str, arg: object) -> Any:
        if event != "opcode":
            self._last.pop(frame, None)
            return self._step
        before = self._last.get(frame)
        self._last[frame] = dis.opname[frame.f_code.co_code[frame.f_lasti]]
        if before in self.CHANCES:
            self.left -= 1
            if not self.left:
                sys.settrace(None)
                self._last.clear()
                raise KeyboardInterrupt
        return self._step


def get(client: mooring.Client, url: str) -> None:
    client.get(url)


def read_a_stream(client: mooring.Client, url: str) -> None:
    with client.stream("GET", url) as response:
        for _ in response.iter_bytes():
            pass


def leave_a_stream(client: mooring.Client, url: str) -> None:
    with client.stream("GET", url):
        pass


def answer_in_two_pieces(connection: Connection) -> None:
    while connection.request() is not None:
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
        connection.send(b"cd")


# A socket that is just being made has no owner yet; the collector closes it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.parametrize("is_new", [False, True], ids=["kept", "new"])
@pytest.mark.parametrize("act", [get, read_a_stream, leave_a_stream])
def test_interrupted_anywhere(
    act: Callable[[mooring.Client, str], None], is_new: bool
) -> None:
    """The only slot there is serves the next request, whatever was interrupted."""
    number = 0
    with Origin(default=answer_in_two_pieces) as origin:
        while True:
            number += 1
            timeout = mooring.Timeout(5.0, pool=0.5)
            with mooring.Client(limits=ONE, timeout=timeout) as client:
                if not is_new:
                    client.get(origin.url)
                interrupt = InterruptAt(number)
                try:
                    with interrupt:
                        act(client, origin.url)
                except KeyboardInterrupt:
                    pass
                assert 200 == client.get(origin.url).status_code, number
            if interrupt.left > 0:
                break
    assert number > 100
    gc.collect()  # here, where the warning is expected
