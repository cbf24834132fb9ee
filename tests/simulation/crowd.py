"""The world of real threads and real TCP: nothing is decided here but how to hurry.

Threads change places as often as the interpreter can have it, and at every call of
the backend and every lock. Times are a fiftieth of what the scenario says.
"""

from __future__ import annotations

import contextlib
import os
import random
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any, ClassVar

import mooring._io.sync
from mooring._io import timer
from mooring._io.base import Address
from mooring._io.kernel import Strike
from mooring._io.sync import SyncBackend

from .faults import FaultyBackend
from .peers import Peer
from .sockets import (
    CHUNK,
    complaints,
    make_collections_cheap,
    open_files,
    tell_of,
    watched,
)
from .world import Action, Job, Lost, Plan, Setup, World, drive

SCALE = 0.02
# Real: what takes this long hangs.
LONG = 20.0


class Dice:
    """Says where a thread steps aside."""

    def __init__(self, seed: int | None) -> None:
        self._random = random.Random(seed)

    def aside(self) -> None:
        if self._random.random() < 0.5:
            time.sleep(0)


class HurriedLock:
    """A lock whose users step aside before and after."""

    def __init__(self, dice: Dice) -> None:
        self._lock = threading.Lock()
        self._dice = dice

    def acquire(self, blocking: bool = True) -> bool:
        self._dice.aside()
        return self._lock.acquire(blocking)

    def release(self) -> None:
        self._lock.release()
        self._dice.aside()

    def locked(self) -> bool:
        return self._lock.locked()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


class HurriedBackend(FaultyBackend):
    """Steps aside at every call."""

    def __init__(self, dice: Dice, *arguments: Any) -> None:
        super().__init__(*arguments)
        before = self.faults.before

        def aside(call: str) -> Any:
            dice.aside()
            return before(call)

        self.faults.before = aside  # type: ignore[method-assign]
        self._dice = dice

    def mutex(self) -> HurriedLock:
        return HurriedLock(self._dice)


class SocketPeer:
    """A server's end, in a thread of its own."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock

    async def read(self) -> bytes:
        try:
            return self._socket.recv(CHUNK)
        except OSError:
            return b""

    async def write(self, data: bytes) -> None:
        self._socket.sendall(data)

    async def sleep(self, seconds: float) -> None:
        _pause(seconds)

    def finish(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self._socket.close()

    def reset(self) -> None:
        with contextlib.suppress(OSError):
            linger = struct.pack("ii", 1, 0)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._socket.close()


class CrowdWorld(World):
    """Real threads, whose orders are left to chance."""

    name = "crowd"
    is_sync = True
    can_cancel = False
    is_exact = False
    modes: ClassVar[tuple[str, ...]] = ("orders",)
    # Where next to all of the time is spent waiting for a timeout.
    leaves_out = frozenset(
        {
            "swallowed",
            "swallowed_in_the_way",
            "handshake_in_the_way",
            "silent_server",
            "closed_while_dialling",
        }
    )

    def __init__(self, setup: Setup | None = None, plan: Plan | None = None) -> None:
        super().__init__(setup, plan)
        self._listeners: dict[str, socket.socket] = {}
        self._ports: dict[str, int] = {}
        self._threads: list[threading.Thread] = []
        self._ends: list[socket.socket] = []

    @classmethod
    def prepare(cls) -> None:
        make_collections_cheap()

    def run(self, main: Action) -> None:
        files = open_files()
        self._timers = _timers()
        error: list[BaseException] = []

        def play() -> None:
            try:
                drive(main())
            except BaseException as caught:
                error.append(caught)

        with complaints() as heard, _hurry(), watched(mooring._io.sync, self):
            self.make_client(
                HurriedBackend(
                    Dice(self.schedule.seed),
                    SyncBackend(),
                    self.faults,
                    self.address,
                    self.hangs,
                )
            )
            playing = threading.Thread(target=play, name="main", daemon=True)
            playing.start()
            playing.join(LONG)
            hangs = playing.is_alive()
            self._end()
        if hangs:
            raise Lost(f"hangs: {[t.name for t in threading.enumerate()]}")
        if error:
            raise error[0]
        left = self.leftovers()
        if left:
            raise Lost(f"left behind: {', '.join(left)}")
        tell_of(heard, files, warnings_allowed=self.warnings_allowed)

    def _end(self) -> None:
        for host in list(self._listeners):
            self.refuse(host)
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(LONG)

    def leftovers(self) -> list[str]:
        alive = [f"thread {t.name}" for t in self._threads if t.is_alive()]
        return alive + ["timer"] * len(_timers() - self._timers)

    def start(self, action: Action, name: str, strike: Strike | None = None) -> Job:
        job = Job()

        def run() -> None:
            try:
                job.result = drive(action())
            except BaseException as error:
                job.error = error

        thread = self._thread(run, name)

        async def wait() -> None:
            thread.join()

        job.wait = wait
        return job

    def _thread(self, function: Any, name: str) -> threading.Thread:
        thread = threading.Thread(target=function, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()
        return thread

    async def sleep(self, seconds: float) -> None:
        _pause(seconds)

    def seconds(self, seconds: float) -> float:
        # Not so short that a busy machine looks like a server that fails.
        return seconds * 0.5

    async def settle(self) -> None:
        """Wait until the pool is at rest, but not for ever: who waits says so."""
        deadline = time.monotonic() + 1.0
        while time.monotonic() < deadline:
            stats = self.transport.stats()
            if stats is None or (
                not (stats.leases or stats.queued or stats.dialing)
                and self.open_sockets() == stats.connections
            ):
                break
            _pause()

    def address(self, host: str) -> Address:
        if host not in self._ports:
            with socket.create_server(("127.0.0.1", 0)) as unused:
                self._ports[host] = unused.getsockname()[1]
        return Address(socket.AF_INET, ("127.0.0.1", self._ports[host]))

    def refuse(self, host: str) -> None:
        listener = self._listeners.pop(host, None)
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def listen(self, host: str) -> None:
        if host not in self._listeners:
            address = self.address(host).sockaddr
            listener = socket.create_server(address[:2], backlog=100)
            self._listeners[host] = listener
            self._thread(lambda: self._accept(host, listener), f"listens at {host}")

    def _accept(self, host: str, listener: socket.socket) -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            self._ends.append(sock)
            self._thread(lambda sock=sock: self._attend(host, sock), f"server {host}")

    def _attend(self, host: str, sock: socket.socket) -> None:
        with sock:
            peer: Peer = SocketPeer(sock)
            drive(self.attend(host, peer))


def _pause(seconds: float = 0.05) -> None:
    time.sleep(seconds * SCALE)


def _timers() -> set[timer.Timer]:
    return {t for _, _, t in list(timer._timers._heap) if not t.is_cancelled}


@contextlib.contextmanager
def _hurry() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
        os.sched_yield()
