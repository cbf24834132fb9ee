"""One connection on trio: a non-blocking socket and the kernel's readiness."""

from __future__ import annotations

import select
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import trio

from mooring._io.sockets import closed_error

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

_READ_SIZE = 64 * 1024
# Reads that found data without waiting, after which other tasks get a turn.
_READS_PER_TURN = 16


@contextmanager
def timed_out_after(seconds: float | None) -> Iterator[None]:
    """Turn a wait that takes longer than *seconds* into ``TimeoutError``."""
    if seconds is None:
        yield
        return
    with trio.move_on_after(max(seconds, 0)) as scope:
        yield
    if scope.cancelled_caught:
        raise TimeoutError


class TrioStream:
    """A connected TCP or unix socket. One reader and one writer at a time."""

    __slots__ = ("_closed", "_more_expected", "_poll", "_reads", "_recv", "_socket")

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._recv = sock.recv
        self._closed = False
        # The last read filled its buffer: the next finds something without waiting.
        self._more_expected = False
        self._reads = 0
        self._poll: select.poll | None = None

    async def read(self, timeout: float | None) -> bytes:
        if self._closed:
            raise closed_error()
        if self._more_expected:
            data = await self._read_at_once()
            if data is not None:
                return data
        while True:
            await self._wait(trio.lowlevel.wait_readable, timeout)
            try:
                data = self._recv(_READ_SIZE)
            except BlockingIOError:
                continue  # the kernel changed its mind; it may
            self._more_expected = len(data) == _READ_SIZE
            return data

    async def write(self, data: bytes, timeout: float | None) -> None:
        rest: bytes | memoryview = data
        # Cheap, and a stream that always takes everything must still be cancellable.
        await trio.lowlevel.checkpoint_if_cancelled()
        while True:
            if self._closed:
                raise closed_error()
            try:
                sent = self._socket.send(rest)
            except BlockingIOError:
                await self._wait(trio.lowlevel.wait_writable, timeout)
                continue
            if sent == len(rest):
                return
            rest = memoryview(rest)[sent:]

    def write_nowait(self, data: bytes) -> None:
        """Send what fits at once and forget the rest; never raises."""
        if not self._closed:
            try:
                self._socket.send(data)
            except OSError:
                pass  # a goodbye that nobody is owed

    def abort(self) -> None:
        if self._closed:
            return
        self._closed = True
        try:
            trio.lowlevel.notify_closing(self._socket)
        except RuntimeError:
            pass  # the run is over, so nobody waits
        self._socket.close()

    def looks_quiet(self) -> bool:
        return not self._closed and not self.is_readable()

    async def is_quiet(self) -> bool:
        return self.looks_quiet()

    def is_readable(self) -> bool:
        """Say whether a read would return at once, with bytes, an end or an error."""
        poll = self._poll
        if poll is None:
            if not hasattr(select, "poll"):
                return bool(select.select([self._socket], [], [], 0)[0])
            poll = self._poll = select.poll()
            poll.register(self._socket.fileno(), select.POLLIN)
        return bool(poll.poll(0))

    def read_nowait(self) -> bytes | None:
        """Return what is there, ``b""`` at the end, ``None`` if there is nothing."""
        if self._closed:
            raise closed_error()
        try:
            return self._recv(_READ_SIZE)
        except BlockingIOError:
            return None

    def on_noise(self, callback: Callable[[], None] | None) -> None:
        """Do nothing: nobody listens on an idle stream here."""

    def get_extra_info(self, name: str) -> Any:  # noqa: ANN401
        if name == "socket":
            return self._socket
        try:
            if name == "client_addr":
                return self._socket.getsockname()
            if name == "server_addr":
                return self._socket.getpeername()
        except OSError:
            pass  # closed, or the peer is gone
        return None

    async def _read_at_once(self) -> bytes | None:
        self._reads += 1
        if self._reads % _READS_PER_TURN:
            await trio.lowlevel.checkpoint_if_cancelled()
        else:
            await trio.lowlevel.checkpoint()
        data = self.read_nowait()
        self._more_expected = data is not None and len(data) == _READ_SIZE
        return data

    async def _wait(
        self,
        ready: Callable[[socket.socket], Any],
        timeout: float | None,
    ) -> None:
        try:
            if timeout is None:
                await ready(self._socket)
                return
            with trio.move_on_after(max(timeout, 0)) as scope:
                await ready(self._socket)
        except trio.ClosedResourceError:
            raise closed_error() from None
        if self._closed:
            raise closed_error()
        if scope.cancelled_caught:
            raise TimeoutError
