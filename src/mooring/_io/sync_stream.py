"""One connection for threads: a blocking socket with the kernel's own timeouts.

``settimeout`` makes CPython poll before every send and recv. SO_RCVTIMEO and
SO_SNDTIMEO do the waiting inside the call, and cost nothing unless they change.

Closing from another thread: the number of a closed socket is given out again at
once, so a socket is never closed while a call is inside it. ``abort`` shuts it
down, which ends the call, and the thread that made the call closes it.
"""

from __future__ import annotations

import errno
import math
import os
import select
import socket
import struct
import sys
import threading
from time import monotonic
from typing import TYPE_CHECKING, Any

from mooring._io import fork
from mooring._io.sockets import closed_error, inherited_error

if TYPE_CHECKING:
    from collections.abc import Callable

_READ_SIZE = 64 * 1024
_INTERNET = (socket.AF_INET, socket.AF_INET6)

_Sockaddr = str | tuple[str, int] | tuple[str, int, int, int]


def _kernel_timeouts_work() -> bool:
    """Find out whether SO_RCVTIMEO takes a pair of C longs on this platform."""
    if sys.platform == "win32" or not hasattr(select, "poll"):
        return False
    with socket.socket() as sock:
        value = _timeval(2.5)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, value)
            read_back = sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, 32)
        except OSError:
            return False
    if len(read_back) != len(value):
        return False
    seconds, micros = struct.unpack("@ll", read_back)
    # A kernel rounds to its own tick; what matters is that it understood.
    return bool(seconds == 2 and 400_000 <= micros <= 600_000)


def _timeval(seconds: float | None) -> bytes:
    if seconds is None:
        return struct.pack("@ll", 0, 0)
    # Zero would mean for ever; a C long holds more seconds than anyone waits.
    micros = max(int(min(seconds, 1e9) * 1_000_000), 1)
    return struct.pack("@ll", micros // 1_000_000, micros % 1_000_000)


class SocketStream:
    """A connected TCP or unix socket. One reader and one writer at a time."""

    __slots__ = (
        "_close_lock",
        "_closed",
        "_fileno",
        "_poll",
        "_process",
        "_read_timeout",
        "_reading",
        "_recv",
        "_send",
        "_socket",
        "_use_kernel",
        "_write_timeout",
        "_writing",
    )

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._recv = sock.recv
        self._send = sock.send
        self._fileno = sock.fileno()
        self._process = fork.process
        self._closed = False
        self._reading = False
        self._writing = False
        self._close_lock = threading.Lock()
        self._use_kernel = False
        self._read_timeout: float | None = None
        self._write_timeout: float | None = None
        self._poll: select.poll | None = None

    def connect(self, sockaddr: _Sockaddr, timeout: float | None) -> None:
        """Connect within *timeout*; ``abort`` from another thread ends it."""
        self._writing = True
        try:
            if self._closed:
                raise closed_error()
            if self._socket.family in _INTERNET and hasattr(select, "poll"):
                self._connect_in_two_steps(sockaddr, timeout)
            else:
                # Zero would make the socket non-blocking, not impatient.
                limit = timeout if timeout is None else max(timeout, 1e-6)
                self._socket.settimeout(limit)
                self._socket.connect(sockaddr)
            self._socket.settimeout(None)
            self._use_kernel = _kernel_timeouts()
        except OSError:
            if self._closed:
                raise closed_error() from None
            raise
        finally:
            self._writing = False
            if self._closed:
                self._close()
        if self._closed:
            raise closed_error()

    def _connect_in_two_steps(self, sockaddr: _Sockaddr, timeout: float | None) -> None:
        """Begin, then wait: ``abort`` can only end a connect that has begun.

        One that came between a look at ``_closed`` and a blocking ``connect`` would
        have no effect at all.
        """
        deadline = math.inf if timeout is None else monotonic() + timeout
        self._socket.setblocking(False)
        number = self._socket.connect_ex(sockaddr)
        if number == errno.EINPROGRESS and not self._closed:
            self._wait_until(deadline, select.POLLOUT)
            number = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number and not self._closed:
            raise OSError(number, os.strerror(number))

    def read(self, timeout: float | None) -> bytes:
        if self._process is not fork.process:
            raise inherited_error()
        # Set first, look second; abort() does it the other way round.
        self._reading = True
        try:
            if self._closed:
                raise closed_error()
            if timeout != self._read_timeout:
                self._set_read_timeout(timeout)
            if timeout is None:
                data = self._recv(_READ_SIZE)
            else:
                deadline = monotonic() + timeout
                try:
                    data = self._recv(_READ_SIZE)
                except BlockingIOError:
                    data = self._read_until(deadline)
        except OSError:
            if self._closed:
                raise closed_error() from None
            raise
        finally:
            self._reading = False
            if self._closed:
                self._close()
        if not data and self._closed:
            raise closed_error()
        return data

    def write(self, data: bytes, timeout: float | None) -> None:
        if self._process is not fork.process:
            raise inherited_error()
        self._writing = True
        try:
            if self._closed:
                raise closed_error()
            if timeout != self._write_timeout:
                self._set_write_timeout(timeout)
            self._write_all(data, timeout)
        except OSError:
            if self._closed:
                raise closed_error() from None
            raise
        finally:
            self._writing = False
            if self._closed:
                self._close()

    def write_nowait(self, data: bytes) -> None:
        """Send what fits at once and forget the rest; never waits, never raises."""
        flags = getattr(socket, "MSG_DONTWAIT", None)
        if flags is None or self._closed or self._process is not fork.process:
            return
        self._writing = True
        try:
            if not self._closed:
                self._socket.send(data, flags)
        except OSError:
            pass  # a goodbye that nobody is owed
        finally:
            self._writing = False
            if self._closed:
                self._close()

    def abort(self) -> None:
        if self._closed:
            return
        self._closed = True
        if self._process is not fork.process:
            self._socket.close()  # no shutdown: the connection is the parent's
            return
        # Against _close(), so that shutdown never meets somebody else's socket.
        with self._close_lock:
            try:
                self._socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # never connected, or the peer was faster
        if not self._reading and not self._writing:
            self._close()

    def looks_quiet(self) -> bool:
        return self.is_quiet()

    def is_quiet(self) -> bool:
        # Looked at last: a closed socket's number may be somebody else's by now.
        return not self.is_readable() and not self._closed

    def is_readable(self) -> bool:
        """Say whether a read would return at once, with bytes, an end or an error."""
        poll = self._poll
        if poll is None:
            if not hasattr(select, "poll"):
                return bool(select.select([self._fileno], [], [], 0)[0])
            poll = self._poll = select.poll()
            poll.register(self._fileno, select.POLLIN)
        return bool(poll.poll(0))

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

    def _close(self) -> None:
        with self._close_lock:
            self._socket.close()

    def _set_read_timeout(self, timeout: float | None) -> None:
        if self._use_kernel:
            self._socket.setsockopt(
                socket.SOL_SOCKET, socket.SO_RCVTIMEO, _timeval(timeout)
            )
            self._read_timeout = timeout
        else:
            self._set_both_timeouts(timeout)

    def _set_write_timeout(self, timeout: float | None) -> None:
        if self._use_kernel:
            self._socket.setsockopt(
                socket.SOL_SOCKET, socket.SO_SNDTIMEO, _timeval(timeout)
            )
            self._write_timeout = timeout
        else:
            self._set_both_timeouts(timeout)

    def _set_both_timeouts(self, timeout: float | None) -> None:
        self._socket.settimeout(timeout if timeout is None else max(timeout, 1e-6))
        self._read_timeout = self._write_timeout = timeout

    def _read_until(self, deadline: float) -> bytes:
        """Wait for the rest of the time: the kernel may wake up a tick early."""
        while True:
            self._wait_until(deadline, select.POLLIN)
            try:
                return self._recv(_READ_SIZE, socket.MSG_DONTWAIT)
            except BlockingIOError:
                continue

    def _write_all(self, data: bytes, timeout: float | None) -> None:
        rest: bytes | memoryview = data
        while True:
            deadline = None if timeout is None else monotonic() + timeout
            try:
                sent = self._send(rest)
            except BlockingIOError:
                if deadline is None:
                    raise
                self._wait_until(deadline, select.POLLOUT)
                continue
            if sent == len(rest):
                return
            rest = memoryview(rest)[sent:]

    def _wait_until(self, deadline: float, event: int) -> None:
        """Return when the socket is ready for *event*; otherwise time out."""
        remaining = deadline - monotonic()
        if remaining > 0:
            poll = select.poll()
            poll.register(self._socket.fileno(), event)
            # Rounded up, so that the clock has really passed the deadline.
            if poll.poll(None if deadline == math.inf else remaining * 1000 + 1):
                return
        raise TimeoutError


_kernel_timeouts_known: bool | None = None


def _kernel_timeouts() -> bool:
    global _kernel_timeouts_known
    if _kernel_timeouts_known is None:
        _kernel_timeouts_known = _kernel_timeouts_work()
    return _kernel_timeouts_known
