"""The seam between the shell and the outside world.

A backend knows the clock, sockets, waiting and background work; it decides
nothing. There is one for asyncio, one for trio, one for threads and one in
memory for tests. The shell is written against the asynchronous protocols; the
synchronous twins (same names without ``Async``) are what the generated shell uses.

Errors a backend may raise: ``TimeoutError`` when the given number of seconds
passed, ``OSError`` (``ssl.SSLError`` and ``socket.gaierror`` are subclasses) for
everything the network did. Nothing library specific ever leaves a backend.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Sequence

SocketOption: TypeAlias = (
    tuple[int, int, int]
    | tuple[int, int, bytes | bytearray]
    | tuple[int, int, None, int]
)


@dataclass(frozen=True, slots=True)
class Address:
    """One resolved address: what ``socket.getaddrinfo`` says of it."""

    family: int
    sockaddr: tuple[str, int] | tuple[str, int, int, int]

    @property
    def ip(self) -> str:
        return self.sockaddr[0]


class Cancellable(Protocol):
    """Background work or a timer that can be called off."""

    def cancel(self) -> None: ...


class AsyncStream(Protocol):
    """A connected byte stream, plain or TLS."""

    async def read(self, timeout: float | None) -> bytes:
        """Wait for the next bytes; ``b""`` is the end of the stream.

        *timeout* is in seconds from now. Returns what is there, at most a
        backend chosen chunk. Only one reader at a time.
        """
        ...

    async def write(self, data: bytes, timeout: float | None) -> None:
        """Send all of *data*. *timeout* bounds each wait for room, in seconds.

        May return once the data is accepted for sending (back-pressure applies).
        """
        ...

    def abort(self) -> None:
        """Close now, without waiting and without a goodbye. Idempotent.

        A read or write that waits on the stream ends with an ``OSError``.
        """
        ...

    def looks_quiet(self) -> bool:
        """Say, without waiting, that an idle stream may surely be used again.

        False means that ``is_quiet`` must be asked. Never raises.
        """
        ...

    async def is_quiet(self) -> bool:
        """Say whether an idle stream may be used again.

        True when nothing has arrived and the peer has not closed. Never blocks;
        asyncio may give the loop one turn so that what the kernel already holds
        is seen. Handshake messages of TLS do not count as noise.
        """
        ...

    def on_noise(self, callback: Callable[[], None] | None) -> None:
        """Ask for *callback* when bytes or an end arrive that nobody reads.

        Only asyncio notices by itself; elsewhere this does nothing. Called at
        most once per registration; ``None`` takes it back.
        """
        ...

    def get_extra_info(self, name: str) -> Any:  # noqa: ANN401
        """``ssl_object``, ``socket``, ``client_addr``, ``server_addr``."""
        ...


class AsyncWaiter(Protocol):
    """Where one ticket's owner sleeps until the pool has news for it."""

    def wake(self) -> None:
        """Let ``wait`` return. Callable from any thread in the sync backend.

        Remembered when nobody waits yet; idempotent.
        """
        ...

    async def wait(self, deadline: float | None) -> None:
        """Sleep until woken or until *deadline* (on the backend's clock).

        Returns either way, the caller looks at its ticket. Raises only what
        cancels the caller. In threads this is also where a dial that the pool
        handed to this waiter is carried out.
        """
        ...


class Mutex(AbstractContextManager[object], Protocol):
    """A lock. In one loop it is free, unless a finalizer interrupts the holder."""

    def acquire(self, blocking: bool = True) -> bool: ...

    def release(self) -> None: ...


class AsyncBackend(Protocol):
    """Clock, sockets, waiting and background work of one world."""

    name: str
    inline_dials: bool
    """True when a dial runs inside the thread that asked for it."""

    def now(self) -> float:
        """Monotonic seconds; the only clock the pool ever hears of."""
        ...

    def is_current(self) -> bool:
        """Say whether the caller runs in the loop this backend belongs to."""
        ...

    def is_over(self) -> bool:
        """Say whether that loop has ended: nothing in it can be waited for."""
        ...

    def current(self) -> object:
        """Return the task or thread that runs, for reports."""
        ...

    def mutex(self) -> Mutex:
        """A plain lock; a no-op in Python would cost more than it."""
        ...

    def waiter(self) -> AsyncWaiter: ...

    def start_dial(
        self,
        dial: Callable[[Any], Awaitable[None]],
        connection: Any,  # noqa: ANN401 - the shell's business
        waiter: AsyncWaiter,
        dropped: Callable[[Any], None] | None = None,
    ) -> Cancellable:
        """Have ``dial(connection)`` carried out.

        asyncio and trio start a background task that outlives the request; the
        sync backend hands it to *waiter*, whose thread runs it. Should others
        keep it from ever beginning, ``dropped(connection)`` is called instead.
        """
        ...

    def call_at(self, when: float, callback: Callable[[], None]) -> Cancellable:
        """Call *callback* once at *when*. Must not keep the process alive."""
        ...

    def call_soon(self, callback: Callable[[], None]) -> None:
        """Call *callback* when nothing else of this backend runs.

        May be asked for anywhere: in another thread, and in a finalizer, which
        the collector can run in the middle of any step. In threads it is called
        at once, so it must not wait there. Forgotten when the loop is over.
        """
        ...

    async def resolve(
        self, host: str, port: int, timeout: float | None
    ) -> Sequence[Address]:
        """Look *host* up. IP literals never reach a resolver."""
        ...

    async def connect_tcp(
        self,
        address: Address,
        *,
        timeout: float | None,
        local_address: str | None = None,
        socket_options: Sequence[SocketOption] = (),
    ) -> AsyncStream: ...

    async def connect_unix(
        self,
        path: str,
        *,
        timeout: float | None,
        socket_options: Sequence[SocketOption] = (),
    ) -> AsyncStream: ...

    async def start_tls(
        self,
        stream: AsyncStream,
        *,
        context: ssl.SSLContext,
        server_hostname: str,
        timeout: float | None,
    ) -> AsyncStream:
        """Shake hands over *stream* and return the encrypted one.

        On failure the underlying stream is closed.
        """
        ...


class Stream(Protocol):
    """A connected byte stream, plain or TLS, for threads."""

    def read(self, timeout: float | None) -> bytes:
        """Wait for the next bytes; see :meth:`AsyncStream.read`."""
        ...

    def write(self, data: bytes, timeout: float | None) -> None:
        """Send all of *data*; see :meth:`AsyncStream.write`."""
        ...

    def abort(self) -> None:
        """Close now, from any thread. Idempotent.

        A read or write that another thread has going ends with an ``OSError``.
        """
        ...

    def looks_quiet(self) -> bool:
        """Say that an idle stream may surely be used again; see ``AsyncStream``."""
        ...

    def is_quiet(self) -> bool:
        """Say whether an idle stream may be used again; never blocks."""
        ...

    def on_noise(self, callback: Callable[[], None] | None) -> None:
        """Do nothing: nobody listens on an idle stream here."""
        ...

    def get_extra_info(self, name: str) -> Any:  # noqa: ANN401
        """``ssl_object``, ``socket``, ``client_addr``, ``server_addr``."""
        ...


class Waiter(Protocol):
    """Where the thread that owns a ticket sleeps."""

    def wake(self) -> None:
        """Let ``wait`` return. Callable from any thread; remembered; idempotent."""
        ...

    def wait(self, deadline: float | None) -> None:
        """Sleep until woken or *deadline*; run the dials handed over meanwhile."""
        ...


class Backend(Protocol):
    """Clock, sockets, waiting and background work of threads."""

    name: str
    inline_dials: bool

    def now(self) -> float: ...

    def is_current(self) -> bool: ...

    def is_over(self) -> bool: ...

    def current(self) -> object: ...

    def mutex(self) -> Mutex: ...

    def waiter(self) -> Waiter: ...

    def start_dial(
        self,
        dial: Callable[[Any], None],
        connection: Any,  # noqa: ANN401 - the shell's business
        waiter: Waiter,
        dropped: Callable[[Any], None] | None = None,
    ) -> Cancellable: ...

    def call_at(self, when: float, callback: Callable[[], None]) -> Cancellable: ...

    def call_soon(self, callback: Callable[[], None]) -> None: ...

    def resolve(
        self, host: str, port: int, timeout: float | None
    ) -> Sequence[Address]: ...

    def connect_tcp(
        self,
        address: Address,
        *,
        timeout: float | None,
        local_address: str | None = None,
        socket_options: Sequence[SocketOption] = (),
    ) -> Stream: ...

    def connect_unix(
        self,
        path: str,
        *,
        timeout: float | None,
        socket_options: Sequence[SocketOption] = (),
    ) -> Stream: ...

    def start_tls(
        self,
        stream: Stream,
        *,
        context: ssl.SSLContext,
        server_hostname: str,
        timeout: float | None,
    ) -> Stream: ...
