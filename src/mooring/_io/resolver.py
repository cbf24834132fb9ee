"""``getaddrinfo`` with a timeout, for threads.

The call cannot be interrupted, so it is made in one of a few daemon threads; a
lookup that takes too long is left behind there and its answer dropped.
"""

from __future__ import annotations

import errno
import os
import queue
import socket
import threading
from time import monotonic
from typing import TYPE_CHECKING

from mooring._io.sockets import addresses_of

if TYPE_CHECKING:
    from mooring._io.base import Address

# Bounds what a dead name server can pile up; more lookups than this wait in line.
_MAX_THREADS = 16
# How long an idle thread stays, in seconds.
_IDLE_SECONDS = 5.0


def look_up(host: str, port: int, timeout: float | None) -> list[Address]:
    """Resolve *host*; without a *timeout*, or for localhost, in this thread.

    Raises:
        TimeoutError: No answer within *timeout* seconds.
        socket.gaierror: There is no such name, or no name server answered.
    """
    if timeout is None or host == "localhost" or host.endswith(".localhost"):
        return _ask(host, port)
    return _pool.look_up(host, port, timeout)


def _ask(host: str, port: int) -> list[Address]:
    return addresses_of(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))


class _Lookup:
    __slots__ = ("_answered", "_host", "_port", "addresses", "error", "given_up")

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._answered = threading.Lock()
        self._answered.acquire()
        self.given_up = False
        self.addresses: list[Address] = []
        self.error: Exception | None = None

    def run(self) -> None:
        if not self.given_up:
            try:
                self.addresses = _ask(self._host, self._port)
            except Exception as error:
                self.error = error
        self._answered.release()

    def wait(self, timeout: float) -> list[Address]:
        deadline = monotonic() + timeout
        remaining = timeout
        while not self._answered.acquire(
            timeout=min(max(remaining, 0), threading.TIMEOUT_MAX)
        ):
            remaining = deadline - monotonic()
            if remaining <= 0:
                self.given_up = True
                raise TimeoutError
        if self.error is not None:
            raise self.error
        return self.addresses


class _ResolverPool:
    """Daemon threads that come when there is work and go when there is none."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._work: queue.SimpleQueue[_Lookup] = queue.SimpleQueue()
        self._threads = 0
        self._pending = 0  # lookups handed in and not finished

    def look_up(self, host: str, port: int, timeout: float) -> list[Address]:
        lookup = _Lookup(host, port)
        with self._lock:
            self._pending += 1
            self._work.put(lookup)
            if self._threads < min(self._pending, _MAX_THREADS):
                self._start_thread()
        return lookup.wait(timeout)

    def _start_thread(self) -> None:
        """Have one thread more, or do with those that there are."""
        thread = threading.Thread(
            target=self._run, name="mooring-resolver", daemon=True
        )
        try:
            thread.start()
        except RuntimeError as error:
            # The system gives no more of them, or the interpreter ends.
            if not self._threads:
                self._pending -= 1
                self._work.get()
                raise OSError(errno.EAGAIN, str(error)) from error
        else:
            self._threads += 1

    def _run(self) -> None:
        while True:
            try:
                lookup = self._work.get(timeout=_IDLE_SECONDS)
            except queue.Empty:
                with self._lock:
                    if self._work.empty():
                        self._threads -= 1
                        return
                continue
            lookup.run()
            with self._lock:
                self._pending -= 1
            del lookup


_pool = _ResolverPool()


def _forget_after_fork() -> None:
    global _pool
    _pool = _ResolverPool()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)
