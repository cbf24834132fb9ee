"""The backend for threads: blocking sockets, and the ticket's own thread dials."""

from __future__ import annotations

import threading
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING, Any

from mooring._io import fork
from mooring._io.resolver import look_up
from mooring._io.sockets import (
    closed_error,
    literal_address,
    open_socket,
    open_unix_socket,
)
from mooring._io.sync_stream import SocketStream
from mooring._io.timer import call_at

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Sequence

    from mooring._io.base import (
        Address,
        Cancellable,
        Mutex,
        SocketOption,
        Stream,
        Waiter,
    )

# The dial that this thread is running, so that it can be called off from another.
_running = threading.local()


class SyncBackend:
    """Everything the shell needs where threads wait. Holds nothing itself."""

    __slots__ = ("_process", "now")

    name = "sync"
    inline_dials = True

    now: Callable[[], float]

    def __init__(self) -> None:
        self.now = monotonic
        self._process = fork.process

    def is_current(self) -> bool:
        return self._process is fork.process

    def is_over(self) -> bool:
        return self._process is not fork.process

    def current(self) -> object:
        return threading.current_thread()

    def mutex(self) -> Mutex:
        return threading.Lock()

    def waiter(self) -> ThreadWaiter:
        waiter = ThreadWaiter()
        dial: HandedDial | None = getattr(_running, "dial", None)
        if dial is not None:
            dial.watch_pause(waiter)
        return waiter

    def start_dial(
        self,
        dial: Callable[[Any], None],
        connection: Any,  # noqa: ANN401 - the shell's business
        waiter: Waiter,
        dropped: Callable[[Any], None] | None = None,
    ) -> Cancellable:
        if not isinstance(waiter, ThreadWaiter):
            raise TypeError(f"not a waiter of this backend: {waiter!r}")
        return waiter.hand_over(dial, connection)

    def call_at(self, when: float, callback: Callable[[], None]) -> Cancellable:
        """Call *callback* from the thread ``mooring-timer``; it must be quick."""
        return call_at(when, callback)

    def call_soon(self, callback: Callable[[], None]) -> None:
        """Call *callback* here: no loop is there to do it."""
        callback()

    def resolve(self, host: str, port: int, timeout: float | None) -> Sequence[Address]:
        """Look *host* up, in a thread of its own if it might take long.

        ``getaddrinfo`` cannot be interrupted. With a timeout it runs in one of a few
        daemon threads, which is left behind when the time is over. Without one, and
        for ``localhost``, it runs here.
        """
        literal = literal_address(host, port)
        if literal is not None:
            return [literal]
        _check_not_called_off()
        return look_up(host, port, timeout)

    def connect_tcp(
        self,
        address: Address,
        *,
        timeout: float | None,
        local_address: str | None = None,
        socket_options: Sequence[SocketOption] = (),
    ) -> SocketStream:
        stream = SocketStream(
            open_socket(
                address.family,
                local_address=local_address,
                socket_options=socket_options,
            )
        )
        return _connect(stream, address.sockaddr, timeout)

    def connect_unix(
        self,
        path: str,
        *,
        timeout: float | None,
        socket_options: Sequence[SocketOption] = (),
    ) -> SocketStream:
        return _connect(SocketStream(open_unix_socket(socket_options)), path, timeout)

    def start_tls(
        self,
        stream: Stream,
        *,
        context: ssl.SSLContext,
        server_hostname: str,
        timeout: float | None,
    ) -> Stream:
        # ssl costs a few milliseconds to import; plain clients never pay it.
        from mooring._io.sync_tls import TLSStream

        try:
            _check_not_called_off()
            encrypted = TLSStream(stream, context, server_hostname)
            encrypted.shake_hands(timeout)
        except BaseException:
            stream.abort()
            raise
        return encrypted


def _connect(
    stream: SocketStream,
    sockaddr: str | tuple[str, int] | tuple[str, int, int, int],
    timeout: float | None,
) -> SocketStream:
    try:
        dial: HandedDial | None = getattr(_running, "dial", None)
        if dial is not None:
            dial.watch(stream)
        stream.connect(sockaddr, timeout)
    except BaseException:
        stream.abort()
        raise
    return stream


def _check_not_called_off() -> None:
    dial: HandedDial | None = getattr(_running, "dial", None)
    if dial is not None and dial.called_off:
        raise closed_error()


class HandedDial:
    """A dial in a waiter's inbox, or being run by the waiter's thread."""

    __slots__ = ("_connection", "_dial", "_pause", "_stream", "called_off")

    def __init__(self, dial: Callable[[Any], None], connection: object) -> None:
        self._dial = dial
        self._connection = connection
        self._stream: SocketStream | None = None
        self._pause: ThreadWaiter | None = None
        self.called_off = False

    def cancel(self) -> None:
        """Keep the dial from starting; or break the connection it is making."""
        self.called_off = True
        stream = self._stream
        if stream is not None:
            stream.abort()
        pause = self._pause
        if pause is not None:
            pause.wake()

    def watch_pause(self, waiter: ThreadWaiter) -> None:
        """Let ``cancel`` end the pause between two attempts."""
        self._pause = waiter
        if self.called_off:
            waiter.wake()

    def watch(self, stream: SocketStream) -> None:
        """Let ``cancel`` reach the socket that the dial is busy with."""
        self._stream = stream
        # Set first, look second: cancel() does it the other way round.
        if self.called_off:
            raise closed_error()

    def run(self) -> None:
        if self.called_off:
            return
        _running.dial = self
        try:
            self._dial(self._connection)
        finally:
            _running.dial = None
            # From here on the connection has an owner, and it is not this dial.
            self._stream = None


class ThreadWaiter:
    """A lock that is held: acquiring it is waiting, releasing it is waking."""

    __slots__ = ("_inbox", "_lock")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()
        self._inbox: deque[HandedDial] | None = None

    def wake(self) -> None:
        try:
            self._lock.release()
        except RuntimeError:
            pass  # woken before, and nobody has noticed yet

    def hand_over(self, dial: Callable[[Any], None], connection: object) -> HandedDial:
        """Have the thread that waits here, now or soon, run *dial*."""
        handed = HandedDial(dial, connection)
        if self._inbox is None:
            self._inbox = deque()
        self._inbox.append(handed)
        self.wake()
        return handed

    def wait(self, deadline: float | None) -> None:
        if deadline is None:
            self._lock.acquire()
        else:
            remaining = deadline - monotonic()
            while not self._lock.acquire(
                timeout=min(max(remaining, 0), threading.TIMEOUT_MAX)
            ):
                remaining = deadline - monotonic()
                if remaining <= 0:
                    break
        # Also after the deadline: what was handed over in time has nobody else.
        inbox = self._inbox
        while inbox:
            inbox.popleft().run()
