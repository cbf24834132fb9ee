"""One connection on asyncio: a protocol with its own buffer and a single timer.

A future is only ever given a result, never an exception: a task cancelled in the
same turn would leave the exception unread, and asyncio complains of that.
"""

from __future__ import annotations

import asyncio
import select
from time import monotonic
from typing import TYPE_CHECKING, Any, cast

from mooring._io.sockets import as_os_error, closed_error, lost_error

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

# What the kernel fills at one go. A plain Protocol is handed a new object of 256 KiB
# for each read, which costs more than all the rest of receiving a small response.
READ_BUFFER_BYTES = 64 * 1024
# Above this many unread bytes the transport stops reading.
_READ_HIGH_WATER = 256 * 1024
# A longer write goes out in pieces, so that each wait for room has its own timeout
# and the transport never copies more than this into its buffer.
_WRITE_PIECE = 256 * 1024
_NEVER = float("inf")
# uvloop counts whole milliseconds and may call up to half of one early.
_SHORTEST_SLEEP = 0.001
# Task step, then the transport's read, then connection_lost: one turn each.
_TURNS_TO_SEE_THE_KERNEL = 3

_EXTRA_NAMES = {"client_addr": "sockname", "server_addr": "peername"}


class AsyncioStream(asyncio.BufferedProtocol):
    """A connected stream, plain or TLS; the protocol of its own transport."""

    __slots__ = (
        "_aborted",
        "_buffer",
        "_buffered",
        "_chunks",
        "_ended",
        "_error",
        "_full",
        "_is_tls",
        "_loop",
        "_lost",
        "_noise",
        "_paused",
        "_poll",
        "_read_deadline",
        "_reader",
        "_timer",
        "_timer_at",
        "_transport",
        "_write_deadline",
        "_writer",
        "socket",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: socket.socket,
        buffer: memoryview,
        *,
        is_tls: bool = False,
    ) -> None:
        self._loop = loop
        self._buffer = buffer
        self.socket = sock
        self._transport: asyncio.Transport | None = None
        self._is_tls = is_tls
        self._chunks: list[bytes] = []
        self._buffered = 0
        self._paused = False  # we told the transport to stop reading
        self._full = False  # the transport told us to stop writing
        self._ended = False  # no more bytes will come
        self._lost = False  # no more bytes can go
        self._error: OSError | None = None  # why, unless the peer ended cleanly
        self._aborted = False
        self._noise: Callable[[], None] | None = None
        # Their result says whether it happened in time.
        self._reader: asyncio.Future[bool] | None = None
        self._writer: asyncio.Future[bool] | None = None
        self._read_deadline = _NEVER
        self._write_deadline = _NEVER
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = _NEVER
        self._poll: select.poll | None = None

    # What the shell calls

    async def read(self, timeout: float | None) -> bytes:
        chunks = self._chunks
        if not chunks:
            if self._ended:
                return self._end()
            if self._reader is not None:
                raise RuntimeError("another task is already reading this stream")
            reader = self._reader = self._loop.create_future()
            if timeout is not None:
                deadline = self._read_deadline = monotonic() + timeout
                if deadline < self._timer_at:
                    self._set_timer(deadline, timeout)
            try:
                in_time = await reader
            finally:
                self._reader = None
                self._read_deadline = _NEVER
            if not chunks:
                if not in_time and not self._ended:
                    raise TimeoutError
                return self._end()
        if len(chunks) == 1:
            data = chunks.pop()
        else:
            data = b"".join(chunks)
            chunks.clear()
        self._buffered = 0
        if self._paused:
            self._resume_reading()
        return data

    async def write(self, data: bytes, timeout: float | None) -> None:
        if len(data) > _WRITE_PIECE:
            view = memoryview(data)
            for start in range(0, len(view), _WRITE_PIECE):
                # A transport takes any buffer; the annotation above is the seam's.
                piece = cast("bytes", view[start : start + _WRITE_PIECE])
                await self.write(piece, timeout)
            return
        transport = self._transport
        # A transport whose write failed is closing, and takes all and sends nothing.
        if self._lost or transport is None or transport.is_closing():
            raise self._error or lost_error()
        transport.write(data)
        if self._full:
            await self._wait_for_room(timeout)

    def abort(self) -> None:
        if self._aborted:
            return
        self._aborted = self._ended = self._lost = True
        self._error = closed_error()
        self._noise = None
        self._chunks.clear()
        self._wake_all()
        if self._transport is None:
            return
        try:
            self._transport.abort()
        except RuntimeError:
            # The loop is closed and will never close the socket for us.
            self.socket.close()

    def looks_quiet(self) -> bool:
        if self._chunks or self._ended or self._lost:
            return False
        return not self._is_readable()

    async def is_quiet(self) -> bool:
        if self.looks_quiet():
            return True
        if not self._is_tls:
            return False
        # Readable may mean a session ticket or a key update, which are no noise.
        # The transport knows once it has read what the kernel holds.
        for _ in range(_TURNS_TO_SEE_THE_KERNEL):
            await asyncio.sleep(0)
            if self._chunks or self._ended or self._lost:
                return False
        return self._transport is not None and not self._transport.is_closing()

    def on_noise(self, callback: Callable[[], None] | None) -> None:
        self._noise = callback
        if callback is not None and (self._chunks or self._ended) and not self._aborted:
            self._loop.call_soon(self._sound)  # it was here before anybody asked

    def get_extra_info(self, name: str) -> Any:  # noqa: ANN401
        if self._transport is None:
            return None
        return self._transport.get_extra_info(_EXTRA_NAMES.get(name, name))

    # What the backend calls

    @property
    def is_aborted(self) -> bool:
        return self._aborted

    def plain_transport(self) -> asyncio.Transport:
        """Give the transport up for TLS; nothing may have been read ahead."""
        if self._ended or self._lost or self._transport is None:
            raise self._error or lost_error()
        if self._chunks:
            # Bytes sent in the clear must not pass for bytes of the TLS stream.
            raise OSError("the peer sent data in the clear before the TLS handshake")
        self._cancel_timer()
        return self._transport

    # What the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Sockets have both directions; BaseTransport is for pipes' sake.
        self._transport = cast("asyncio.Transport", transport)
        if self._aborted:
            self._transport.abort()

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self._chunks.append(bytes(self._buffer[:nbytes]))
        reader = self._reader
        if reader is not None:
            if not reader.done():
                reader.set_result(True)
        elif self._noise is not None:
            self._sound()
        self._buffered += nbytes
        if self._buffered > _READ_HIGH_WATER and not self._paused:
            self._pause_reading()

    def eof_received(self) -> bool:
        self._ended = True
        self._wake(self._reader)
        if self._noise is not None and self._reader is None:
            self._sound()
        # Plain connections stay open for what we still have to send; TLS has no
        # half-closed state.
        return not self._is_tls

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None and not (self._ended or self._is_tls):
            self._take_what_is_left()
        self._ended = self._lost = True
        if exc is not None and self._error is None:
            self._error = as_os_error(exc)
        waiting = self._reader is not None
        self._wake_all()
        if self._noise is not None and not waiting:
            self._sound()

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        self._wake(self._writer)

    # The rest

    def _end(self) -> bytes:
        if self._error is not None:
            raise self._error
        return b""

    async def _wait_for_room(self, timeout: float | None) -> None:
        if self._writer is not None:
            raise RuntimeError("another task is already writing to this stream")
        writer = self._writer = self._loop.create_future()
        if timeout is not None:
            deadline = self._write_deadline = monotonic() + timeout
            if deadline < self._timer_at:
                self._set_timer(deadline, timeout)
        try:
            await writer
        finally:
            self._writer = None
            self._write_deadline = _NEVER
        if self._lost:
            raise self._error or lost_error()
        if self._full:
            raise TimeoutError

    def _take_what_is_left(self) -> None:
        """Read what the kernel still holds, before the socket is closed.

        A write that fails ends the transport at once, and why the server hung up
        may stand in an answer that nobody has read yet.
        """
        while self._buffered <= _READ_HIGH_WATER:
            try:
                data = self.socket.recv(_READ_HIGH_WATER)
            except (OSError, ValueError):
                return
            if not data:
                return
            self._chunks.append(data)
            self._buffered += len(data)

    def _is_readable(self) -> bool:
        poll = self._poll
        if poll is None:
            if not hasattr(select, "poll"):
                return False  # Windows: what the transport has noticed must do
            poll = self._poll = select.poll()
            poll.register(self.socket.fileno(), select.POLLIN)
        return bool(poll.poll(0))

    def _sound(self) -> None:
        noise, self._noise = self._noise, None
        if noise is not None:
            noise()

    def _pause_reading(self) -> None:
        if self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def _resume_reading(self) -> None:
        self._paused = False
        if self._transport is not None and not self._lost:
            self._transport.resume_reading()

    def _wake(
        self, future: asyncio.Future[bool] | None, *, in_time: bool = True
    ) -> None:
        if future is not None and not future.done():
            future.set_result(in_time)

    def _wake_all(self) -> None:
        self._cancel_timer()
        # A closed loop takes no callbacks, and nobody can wait on it any more.
        if not self._loop.is_closed():
            self._wake(self._reader)
            self._wake(self._writer)

    def _set_timer(self, deadline: float, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = deadline
        self._timer = self._loop.call_later(seconds, self._on_timer)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._timer_at = _NEVER

    def _on_timer(self) -> None:
        """Fail what is due; sleep on for what is not, if anybody still waits."""
        self._timer = None
        self._timer_at = _NEVER
        now = monotonic()
        if self._read_deadline <= now:
            self._read_deadline = _NEVER
            self._wake(self._reader, in_time=False)
        if self._write_deadline <= now:
            self._write_deadline = _NEVER
            self._wake(self._writer, in_time=False)
        earliest = min(self._read_deadline, self._write_deadline)
        if earliest != _NEVER:
            self._set_timer(earliest, max(earliest - now, _SHORTEST_SLEEP))
