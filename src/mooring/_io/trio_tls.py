"""TLS for trio, over any stream: also over another TLS stream."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any, Protocol

import trio

from mooring._io.base import AsyncStream
from mooring._io.sockets import closed_error, lost_error
from mooring._io.tls_engine import TLSEngine

if TYPE_CHECKING:
    from collections.abc import Callable


class _Carrier(AsyncStream, Protocol):
    """What both streams of this backend can do beyond the seam."""

    def write_nowait(self, data: bytes) -> None: ...

    def read_nowait(self) -> bytes | None: ...


class TLSStream:
    """An encrypted stream over a plain or an encrypted one."""

    __slots__ = ("_carrier", "_closed", "_engine", "_write_lock")

    def __init__(
        self, carrier: AsyncStream, context: ssl.SSLContext, server_hostname: str
    ) -> None:
        self._carrier: _Carrier = carrier  # type: ignore[assignment]  # both have it
        self._engine = TLSEngine(context, server_hostname)
        # Records must leave in the order in which they were made.
        self._write_lock: trio.Lock | None = None
        self._closed = False

    async def shake_hands(self) -> None:
        engine = self._engine
        while True:
            try:
                done = engine.handshake()
            except ssl.SSLError:
                # The alert that tells the peer why.
                self._carrier.write_nowait(engine.outgoing())
                raise
            if engine.has_outgoing:
                await self._carrier.write(engine.outgoing(), None)
            if done:
                return
            data = await self._carrier.read(None)
            if not data:
                raise lost_error()
            engine.feed(data)

    async def read(self, timeout: float | None) -> bytes:
        engine = self._engine
        if self._closed:
            raise closed_error()
        deadline: float | None = None
        remaining = timeout
        while True:
            data = engine.decrypt()
            if engine.has_outgoing:
                await self._flush(remaining)
            if data is not None:
                return data
            if timeout is not None:
                # Only a second round, for half a record or a ticket, needs the clock.
                if deadline is None:
                    deadline = trio.current_time() + timeout
                else:
                    remaining = deadline - trio.current_time()
                    if remaining <= 0:
                        raise TimeoutError
            engine.feed(await self._carrier.read(remaining))

    async def write(self, data: bytes, timeout: float | None) -> None:
        if self._closed:
            raise closed_error()
        if data:
            await self._send(self._engine.encrypt(data), timeout)

    def write_nowait(self, data: bytes) -> None:
        """Send what fits at once; never raises."""
        if not self._closed:
            try:
                self._carrier.write_nowait(self._engine.encrypt(data))
            except ssl.SSLError:
                pass  # a goodbye that nobody is owed

    def read_nowait(self) -> bytes | None:
        """Return what is there, ``b""`` at the end, ``None`` if there is nothing."""
        engine = self._engine
        data = engine.decrypt()
        while data is None:
            raw = self._carrier.read_nowait()
            if raw is None:
                return None
            engine.feed(raw)
            data = engine.decrypt()
        return data

    def abort(self) -> None:
        if not self._closed:
            self._closed = True
            if self._write_lock is None:
                # Otherwise half a record is on its way, and nothing may follow.
                self._carrier.write_nowait(self._engine.goodbye())
        self._carrier.abort()

    def looks_quiet(self) -> bool:
        if self._closed or not self._carrier.looks_quiet():
            return False
        return self._engine.decrypt() is None

    async def is_quiet(self) -> bool:
        if self._closed:
            return False
        if self.looks_quiet():
            return True
        # Readable may mean a session ticket or a key update, which are no noise.
        try:
            return self.read_nowait() is None
        except OSError:
            return False

    def on_noise(self, callback: Callable[[], None] | None) -> None:
        """Do nothing: nobody listens on an idle stream here."""

    def get_extra_info(self, name: str) -> Any:  # noqa: ANN401
        if name == "ssl_object":
            return self._engine.ssl_object
        return self._carrier.get_extra_info(name)

    async def _flush(self, timeout: float | None) -> None:
        """Send what TLS itself has to say, e.g. the answer to a key update."""
        await self._send(self._engine.outgoing(), timeout)

    async def _send(self, encrypted: bytes, timeout: float | None) -> None:
        # A lock only while somebody sends: two senders at once are rare.
        lock = self._write_lock
        if lock is not None:
            async with lock:
                await self._carrier.write(encrypted, timeout)
            return
        lock = self._write_lock = trio.Lock()
        lock.acquire_nowait()
        try:
            await self._carrier.write(encrypted, timeout)
        finally:
            lock.release()
            if not lock.statistics().tasks_waiting:
                self._write_lock = None
