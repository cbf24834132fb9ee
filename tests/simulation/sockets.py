"""What the worlds on real sockets share: addresses, servers' ends, what is left."""

from __future__ import annotations

import gc
import itertools
import os
import socket
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from mooring._io.base import Address

from .world import Lost, World

_numbers = itertools.count()
CHUNK = 256 * 1024


class Harbour:
    """Unix sockets in the abstract namespace, one for each host.

    What is sent to such a socket has arrived when the call returns, so the same
    schedule leads to the same run.
    """

    def __init__(self) -> None:
        self._prefix = f"\0mooring-{os.getpid()}-{next(_numbers)}-"
        self.listeners: dict[str, socket.socket] = {}

    def address(self, host: str) -> Address:
        # Not what the annotation says; backends hand it to connect() as it is.
        path = cast("tuple[str, int]", self._prefix + host)
        return Address(socket.AF_UNIX, path)

    def listen(self, host: str) -> socket.socket:
        """Listen for *host*, without blocking."""
        listener = socket.socket(socket.AF_UNIX)
        listener.setblocking(False)
        listener.bind(self._prefix + host)
        listener.listen(100)
        self.listeners[host] = listener
        return listener

    def refuse(self, host: str) -> None:
        listener = self.listeners.pop(host, None)
        if listener is not None:
            listener.close()

    def close(self) -> None:
        for host in list(self.listeners):
            self.refuse(host)


@contextmanager
def watched(module: Any, world: World) -> Iterator[None]:
    """Have *world* told of every socket that the backend in *module* opens."""
    before = module.open_socket

    def open_socket(*arguments: Any, **options: Any) -> socket.socket:
        return world.note_socket(before(*arguments, **options))

    module.open_socket = open_socket
    try:
        yield
    finally:
        module.open_socket = before


def make_collections_cheap() -> None:
    """Let the collector forget all that is there already."""
    gc.collect()
    gc.freeze()


def open_files() -> set[str]:
    """Name this process's file descriptors, except the one that is used for it."""
    return set(os.listdir("/proc/self/fd"))


@contextmanager
def complaints(*, thoroughly: bool = True) -> Iterator[list[str]]:
    """Gather what the interpreter complains of with nobody to hear it.

    A collection at the end makes it complain of what only the collector finds, if
    that is to be done *thoroughly*.
    """
    heard: list[str] = []

    def hear(unraisable: Any) -> None:
        heard.append(f"{unraisable.err_msg or 'ignored'}: {unraisable.exc_value!r}")

    before = sys.unraisablehook
    sys.unraisablehook = hear
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            yield heard
            if thoroughly:
                gc.collect()
    finally:
        sys.unraisablehook = before


def tell_of(
    heard: list[str], files: set[str] | None = None, *, warnings_allowed: bool
) -> None:
    """Raise if anything was complained of, or a file is open that was not."""
    if warnings_allowed:
        heard = [text for text in heard if "ResourceWarning" not in text]
    if heard:
        raise Lost(f"complaints: {heard}")
    if files is None:
        return
    left = open_files() - files
    # Listing a directory opens it, under a number that may have been free before.
    left = {name for name in left if os.path.exists(f"/proc/self/fd/{name}")}
    if left:
        raise Lost(f"{len(left)} files left open")
