"""The trio backend: raw sockets, waited for with ``trio.lowlevel``."""

from __future__ import annotations

import errno
import logging
import socket
from threading import Lock
from typing import TYPE_CHECKING, Any

import trio

from mooring._io.sockets import (
    addresses_of,
    closed_error,
    literal_address,
    open_socket,
    open_unix_socket,
    os_error,
)
from mooring._io.trio_stream import TrioStream, timed_out_after

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Sequence

    from mooring._io.base import (
        Address,
        AsyncStream,
        AsyncWaiter,
        Cancellable,
        Mutex,
        SocketOption,
    )

_NEVER = float("inf")

_logger = logging.getLogger("mooring")


def _nothing() -> None:
    """Ask a run whether it still takes callbacks."""


class TrioBackend:
    """Everything the shell needs of one trio run."""

    __slots__ = ("_called_off", "_token", "now")

    name = "trio"
    inline_dials = False

    now: Callable[[], float]

    def __init__(self) -> None:
        self.now = trio.current_time
        self._token = trio.lowlevel.current_trio_token()
        self._called_off: set[_Dial] = set()

    def is_current(self) -> bool:
        try:
            return trio.lowlevel.current_trio_token() is self._token
        except RuntimeError:
            return False

    def is_over(self) -> bool:
        try:
            self._token.run_sync_soon(_nothing)
        except trio.RunFinishedError:
            return True
        return False

    def current(self) -> object:
        return trio.lowlevel.current_task()

    def mutex(self) -> Mutex:
        return Lock()

    def waiter(self) -> TrioWaiter:
        return TrioWaiter()

    def start_dial(
        self,
        dial: Callable[[Any], Awaitable[None]],
        connection: Any,  # noqa: ANN401 - the shell's business
        waiter: AsyncWaiter,
        dropped: Callable[[Any], None] | None = None,
    ) -> Cancellable:
        """Start a system task for the dial; called off before it began, it never runs.

        A system task belongs to the run, not to the request, and ends with the run.
        """
        handle = _Dial(self._called_off)
        trio.lowlevel.spawn_system_task(
            _run_dial, handle, dial, connection, dropped, name="mooring-dial"
        )
        return handle

    def call_at(self, when: float, callback: Callable[[], None]) -> Cancellable:
        scope = trio.CancelScope()
        trio.lowlevel.spawn_system_task(
            _run_timer, scope, when, callback, name="mooring-timer"
        )
        return scope

    def call_soon(self, callback: Callable[[], None]) -> None:
        try:
            self._token.run_sync_soon(callback)
        except trio.RunFinishedError:
            pass

    async def resolve(
        self, host: str, port: int, timeout: float | None
    ) -> Sequence[Address]:
        literal = literal_address(host, port)
        if literal is not None:
            return [literal]
        with timed_out_after(timeout):
            found = await trio.socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return addresses_of(found)

    async def connect_tcp(
        self,
        address: Address,
        *,
        timeout: float | None,
        local_address: str | None = None,
        socket_options: Sequence[SocketOption] = (),
    ) -> TrioStream:
        sock = open_socket(
            address.family, local_address=local_address, socket_options=socket_options
        )
        return await _connect(sock, address.sockaddr, timeout)

    async def connect_unix(
        self,
        path: str,
        *,
        timeout: float | None,
        socket_options: Sequence[SocketOption] = (),
    ) -> TrioStream:
        return await _connect(open_unix_socket(socket_options), path, timeout)

    async def start_tls(
        self,
        stream: AsyncStream,
        *,
        context: ssl.SSLContext,
        server_hostname: str,
        timeout: float | None,
    ) -> AsyncStream:
        # ssl costs a few milliseconds to import; plain clients never pay it.
        from mooring._io.trio_tls import TLSStream

        try:
            encrypted = TLSStream(stream, context, server_hostname)
            with timed_out_after(timeout):
                await encrypted.shake_hands()
        except BaseException:
            stream.abort()
            raise
        return encrypted


async def _connect(
    sock: socket.socket,
    sockaddr: str | tuple[str, int] | tuple[str, int, int, int],
    timeout: float | None,
) -> TrioStream:
    try:
        code = sock.connect_ex(sockaddr)
        if code in (errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EINTR):
            with timed_out_after(timeout):
                await trio.lowlevel.wait_writable(sock)
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        else:
            await trio.lowlevel.checkpoint()
        if code != 0:
            raise os_error(code)
    except trio.ClosedResourceError:
        sock.close()
        raise closed_error() from None
    except BaseException:
        sock.close()
        raise
    return TrioStream(sock)


class _Dial:
    """A dial in the background, to be called off."""

    __slots__ = ("_called_off", "ended", "scope")

    def __init__(self, called_off: set[_Dial]) -> None:
        self.scope = trio.CancelScope()
        self.ended = trio.Event()
        self._called_off = called_off

    def cancel(self) -> None:
        if not self.ended.is_set():
            self._called_off.add(self)
            self.scope.cancel()

    def end(self) -> None:
        self._called_off.discard(self)
        self.ended.set()

    async def others_gone(self) -> None:
        """Wait until dials that were called off have closed their sockets.

        This one may have been begun in their favour, and trio shuffles what is ready.
        """
        for other in self._called_off - {self}:
            await other.ended.wait()


async def _run_dial(
    handle: _Dial,
    dial: Callable[[Any], Awaitable[None]],
    connection: object,
    dropped: Callable[[Any], None] | None,
) -> None:
    begun = False
    try:
        with handle.scope:
            await handle.others_gone()
            if not handle.scope.cancel_called:
                begun = True
                await dial(connection)
    except Exception:
        # In a system task it would bring the whole run down.
        _logger.exception("a dial in the background failed in an unforeseen way")
    finally:
        handle.end()
        if not begun and dropped is not None:
            dropped(connection)


async def _run_timer(
    scope: trio.CancelScope, when: float, callback: Callable[[], None]
) -> None:
    with scope:
        await trio.sleep_until(when)
    if scope.cancel_called:
        return
    try:
        callback()
    except Exception:
        _logger.exception("a timer in the background failed in an unforeseen way")


class TrioWaiter:
    """One parked task, nothing otherwise."""

    __slots__ = ("_task", "_woken")

    def __init__(self) -> None:
        self._task: trio.lowlevel.Task | None = None
        self._woken = False

    def wake(self) -> None:
        self._woken = True
        task, self._task = self._task, None
        if task is not None:
            trio.lowlevel.reschedule(task)

    async def wait(self, deadline: float | None) -> None:
        if not self._woken:
            if deadline is None:
                await self._park()
            else:
                with trio.CancelScope(deadline=deadline):
                    await self._park()
        self._woken = False

    async def _park(self) -> None:
        def abandon(_: object) -> trio.lowlevel.Abort:
            self._task = None
            return trio.lowlevel.Abort.SUCCEEDED

        self._task = trio.lowlevel.current_task()
        await trio.lowlevel.wait_task_rescheduled(abandon)
