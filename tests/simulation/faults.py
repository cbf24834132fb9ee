"""A backend in front of the real one, that counts calls and lets one of them fail."""

from __future__ import annotations

import errno
import os
import socket
import ssl
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mooring._io.base import Address

NOISE = b"\x00\x01 no HTTP at all\r\n\r\n"


def _os_error(code: int) -> OSError:
    return OSError(code, os.strerror(code))


def _reset() -> OSError:
    return _os_error(errno.ECONNRESET)


@dataclass(frozen=True)
class Kind:
    """One way in which a call can go wrong."""

    name: str
    error: Callable[[], BaseException] | None = None
    result: object = None
    """Returned in the place of the real result, if there is no error."""
    after: bool = False
    """The call has its effect and fails all the same."""


TIMEOUT = Kind("timeout", TimeoutError)
MEMORY = Kind("no memory", MemoryError)
KINDS: dict[str, tuple[Kind, ...]] = {
    "resolve": (
        Kind("unknown", lambda: socket.gaierror(-2, "Name or service not known")),
        TIMEOUT,
        MEMORY,
    ),
    "connect": (
        Kind("refused", lambda: _os_error(errno.ECONNREFUSED)),
        Kind("no files", lambda: _os_error(errno.EMFILE)),
        TIMEOUT,
        MEMORY,
    ),
    "start_tls": (
        Kind("refused", lambda: ssl.SSLError(1, "handshake failure")),
        Kind("reset", _reset),
        TIMEOUT,
        MEMORY,
    ),
    "read": (
        Kind("reset", _reset),
        Kind("end", result=b""),
        Kind("noise", result=NOISE),
        TIMEOUT,
        MEMORY,
    ),
    "write": (
        Kind("broken", lambda: _os_error(errno.EPIPE)),
        Kind("reset after", _reset, after=True),
        TIMEOUT,
        MEMORY,
    ),
    "looks_quiet": (Kind("not", result=False),),
    "is_quiet": (Kind("not", result=False), Kind("reset", _reset), MEMORY),
    "waiter": (MEMORY,),
    "start_dial": (MEMORY,),
    "call_at": (MEMORY,),
    "call_soon": (),
}


@dataclass(frozen=True)
class Fault:
    """Which of the calls with one name is to fail, counted from 1, and how."""

    call: str
    at: int
    kind: Kind

    def __str__(self) -> str:
        return f"{self.call} {self.at}: {self.kind.name}"


class Faults:
    """What was called so far, and what is to fail."""

    def __init__(self, fault: Fault | None = None) -> None:
        self.fault = fault
        self.calls: Counter[str] = Counter()

    def meet(self, call: str) -> Kind | None:
        """Count a *call*; say how it is to fail, if it is."""
        self.calls[call] += 1
        fault = self.fault
        if fault is None or fault.call != call or fault.at != self.calls[call]:
            return None
        return fault.kind

    def before(self, call: str) -> Kind | None:
        """Count a *call*, raise if it is to fail at once, tell how otherwise."""
        kind = self.meet(call)
        if kind is not None and kind.error is not None and not kind.after:
            raise kind.error()
        return kind

    @staticmethod
    def after(kind: Kind | None) -> None:
        if kind is not None and kind.after and kind.error is not None:
            raise kind.error()


Resolve = Callable[[str], Address]
Hangs = Callable[[Address], bool]


class _Common:
    """What the asynchronous backend and the one for threads have in common."""

    def __init__(
        self, inner: Any, faults: Faults, resolve: Resolve, hangs: Hangs
    ) -> None:
        self.inner = inner
        self.faults = faults
        self._resolve = resolve
        self._hangs = hangs
        self.name = inner.name
        self.inline_dials = inner.inline_dials
        self.now: Callable[[], float] = inner.now
        self.is_current: Callable[[], bool] = inner.is_current
        self.is_over: Callable[[], bool] = inner.is_over

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def waiter(self) -> Any:
        self.faults.before("waiter")
        return self.inner.waiter()

    def start_dial(self, *arguments: Any) -> Any:
        self.faults.before("start_dial")
        return self.inner.start_dial(*arguments)

    def call_at(self, when: float, callback: Callable[[], None]) -> Any:
        self.faults.before("call_at")
        return self.inner.call_at(when, callback)

    def call_soon(self, callback: Callable[[], None]) -> None:
        self.faults.before("call_soon")
        self.inner.call_soon(callback)

    def _until(self, timeout: float | None) -> float | None:
        return None if timeout is None else self.now() + timeout

    def _end_of_hanging(self, deadline: float | None) -> OSError:
        if deadline is not None and self.now() >= deadline:
            return TimeoutError()
        return _os_error(errno.ECONNABORTED)


class AsyncFaultyBackend(_Common):
    """The seam of ``base``, for loops."""

    async def resolve(
        self, host: str, port: int, timeout: float | None
    ) -> Sequence[Address]:
        self.faults.before("resolve")
        return [self._resolve(host)]

    async def connect_tcp(
        self, address: Address, *, timeout: float | None, **options: Any
    ) -> AsyncFaultyStream:
        self.faults.before("connect")
        if self._hangs(address):
            deadline = self._until(timeout)
            await self.inner.waiter().wait(deadline)
            raise self._end_of_hanging(deadline)
        stream = await self.inner.connect_tcp(address, timeout=timeout, **options)
        return AsyncFaultyStream(stream, self.faults)

    connect_unix: Any = None

    async def start_tls(
        self, stream: AsyncFaultyStream, **options: Any
    ) -> AsyncFaultyStream:
        try:
            self.faults.before("start_tls")
        except BaseException:
            stream.abort()
            raise
        inner = await self.inner.start_tls(stream.inner, **options)
        return AsyncFaultyStream(inner, self.faults)


class AsyncFaultyStream:
    """A stream for loops."""

    def __init__(self, inner: Any, faults: Faults) -> None:
        self.inner = inner
        self._faults = faults
        self.abort: Callable[[], None] = inner.abort

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    async def read(self, timeout: float | None) -> Any:
        kind = self._faults.before("read")
        return await self.inner.read(timeout) if kind is None else kind.result

    async def write(self, data: bytes, timeout: float | None) -> None:
        kind = self._faults.before("write")
        await self.inner.write(data, timeout)
        self._faults.after(kind)

    def looks_quiet(self) -> Any:
        kind = self._faults.before("looks_quiet")
        return self.inner.looks_quiet() if kind is None else kind.result

    async def is_quiet(self) -> Any:
        kind = self._faults.before("is_quiet")
        return await self.inner.is_quiet() if kind is None else kind.result


class FaultyBackend(_Common):
    """The seam of ``base``, for threads."""

    def resolve(self, host: str, port: int, timeout: float | None) -> Sequence[Address]:
        self.faults.before("resolve")
        return [self._resolve(host)]

    def connect_tcp(
        self, address: Address, *, timeout: float | None, **options: Any
    ) -> FaultyStream:
        self.faults.before("connect")
        if self._hangs(address):
            deadline = self._until(timeout)
            self.inner.waiter().wait(deadline)
            raise self._end_of_hanging(deadline)
        stream = self.inner.connect_tcp(address, timeout=timeout, **options)
        return FaultyStream(stream, self.faults)

    connect_unix: Any = None

    def start_tls(self, stream: FaultyStream, **options: Any) -> FaultyStream:
        try:
            self.faults.before("start_tls")
        except BaseException:
            stream.abort()
            raise
        return FaultyStream(self.inner.start_tls(stream.inner, **options), self.faults)


class FaultyStream:
    """A stream for threads."""

    def __init__(self, inner: Any, faults: Faults) -> None:
        self.inner = inner
        self._faults = faults
        self.abort: Callable[[], None] = inner.abort

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def read(self, timeout: float | None) -> Any:
        kind = self._faults.before("read")
        return self.inner.read(timeout) if kind is None else kind.result

    def write(self, data: bytes, timeout: float | None) -> None:
        kind = self._faults.before("write")
        self.inner.write(data, timeout)
        self._faults.after(kind)

    def looks_quiet(self) -> Any:
        kind = self._faults.before("looks_quiet")
        return self.inner.looks_quiet() if kind is None else kind.result

    def is_quiet(self) -> Any:
        kind = self._faults.before("is_quiet")
        return self.inner.is_quiet() if kind is None else kind.result
