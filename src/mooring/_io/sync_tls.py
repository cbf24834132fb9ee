"""TLS for threads, over any stream: also over another TLS stream."""

from __future__ import annotations

import ssl
import threading
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol

from mooring._io.base import Stream
from mooring._io.sockets import lost_error
from mooring._io.tls_engine import TLSEngine

if TYPE_CHECKING:
    from collections.abc import Callable


class _Carrier(Stream, Protocol):
    """What both streams of this backend can do beyond the seam."""

    def write_nowait(self, data: bytes) -> None: ...

    def is_readable(self) -> bool: ...


class TLSStream:
    """An encrypted stream over a plain or an encrypted one."""

    __slots__ = ("_carrier", "_closed", "_engine", "_engine_lock", "_write_lock")

    def __init__(
        self, carrier: Stream, context: ssl.SSLContext, server_hostname: str
    ) -> None:
        self._carrier: _Carrier = carrier  # type: ignore[assignment]  # both have it
        self._engine = TLSEngine(context, server_hostname)
        # OpenSSL's objects are not for two threads. Held for computing only.
        self._engine_lock = threading.Lock()
        # Records must leave in the order in which they were made.
        self._write_lock = threading.Lock()
        self._closed = False

    def shake_hands(self, timeout: float | None) -> None:
        """Set the connection up within *timeout* seconds overall."""
        deadline = None if timeout is None else monotonic() + timeout
        engine = self._engine
        while True:
            try:
                done = engine.handshake()
            except ssl.SSLError:
                # The alert that tells the peer why.
                self._carrier.write_nowait(engine.outgoing())
                raise
            if engine.has_outgoing:
                self._carrier.write(engine.outgoing(), _remaining(deadline))
            if done:
                return
            data = self._carrier.read(_remaining(deadline))
            if not data:
                raise lost_error()
            engine.feed(data)

    def read(self, timeout: float | None) -> bytes:
        engine = self._engine
        deadline: float | None = None
        remaining = timeout
        while True:
            with self._engine_lock:
                data = engine.decrypt()
            if engine.has_outgoing:
                self._flush(remaining)
            if data is not None:
                return data
            if timeout is not None:
                # Only a second round, for half a record or a ticket, needs the clock.
                if deadline is None:
                    deadline = monotonic() + timeout
                else:
                    remaining = _remaining(deadline)
            raw = self._carrier.read(remaining)
            with self._engine_lock:
                engine.feed(raw)

    def write(self, data: bytes, timeout: float | None) -> None:
        if not data:
            return
        with self._write_lock:
            with self._engine_lock:
                encrypted = self._engine.encrypt(data)
            self._carrier.write(encrypted, timeout)
        if self._engine.has_outgoing:
            self._flush(timeout)

    def write_nowait(self, data: bytes) -> None:
        """Send what fits at once; never waits, never raises."""
        if not self._write_lock.acquire(blocking=False):
            return
        try:
            with self._engine_lock:
                encrypted = self._engine.encrypt(data)
            self._carrier.write_nowait(encrypted)
        except ssl.SSLError:
            pass  # a goodbye that nobody is owed
        finally:
            self._write_lock.release()

    def abort(self) -> None:
        if not self._closed:
            self._closed = True
            self._say_goodbye()
        self._carrier.abort()

    def looks_quiet(self) -> bool:
        return self.is_quiet()

    def is_quiet(self) -> bool:
        if self._closed:
            return False
        try:
            with self._engine_lock:
                data = self._engine.decrypt()
            # Readable may mean a session ticket or a key update, which are no noise.
            while data is None and self._carrier.is_readable():
                raw = self._carrier.read(0)
                with self._engine_lock:
                    self._engine.feed(raw)
                    data = self._engine.decrypt()
            if self._engine.has_outgoing:
                self._flush(0)
        except TimeoutError:
            return True  # half a record of the carrier's; it was no data
        except OSError:
            return False
        return data is None

    def is_readable(self) -> bool:
        """Say whether a read would return at once, as far as is known here."""
        return self._engine.ssl_object.pending() > 0 or self._carrier.is_readable()

    def on_noise(self, callback: Callable[[], None] | None) -> None:
        """Do nothing: nobody listens on an idle stream here."""

    def get_extra_info(self, name: str) -> Any:  # noqa: ANN401
        if name == "ssl_object":
            return self._engine.ssl_object
        return self._carrier.get_extra_info(name)

    def _flush(self, timeout: float | None) -> None:
        """Send what TLS itself has to say, unless a writer is about to do it."""
        if not self._write_lock.acquire(blocking=False):
            return
        try:
            with self._engine_lock:
                data = self._engine.outgoing()
            if data:
                self._carrier.write(data, timeout)
        finally:
            self._write_lock.release()

    def _say_goodbye(self) -> None:
        # A thread inside keeps its locks; then there is no time for manners.
        if not self._write_lock.acquire(blocking=False):
            return
        try:
            if self._engine_lock.acquire(blocking=False):
                try:
                    goodbye = self._engine.goodbye()
                finally:
                    self._engine_lock.release()
                self._carrier.write_nowait(goodbye)
        finally:
            self._write_lock.release()


def _remaining(deadline: float | None) -> float | None:
    """Give the seconds left until *deadline*, or time out."""
    if deadline is None:
        return None
    remaining = deadline - monotonic()
    if remaining <= 0:
        raise TimeoutError
    return remaining
