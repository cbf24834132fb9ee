"""What the three backends share: making sockets, IP literals, error wording."""

from __future__ import annotations

import errno
import os
import socket
from typing import TYPE_CHECKING, Any

from mooring._io.base import Address, SocketOption

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

HAS_UNIX_SOCKETS = hasattr(socket, "AF_UNIX")


def open_socket(
    family: int,
    *,
    local_address: str | None = None,
    socket_options: Sequence[SocketOption] = (),
) -> socket.socket:
    """Make a non-blocking stream socket, options set and bound, not connected."""
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        if family in (socket.AF_INET, socket.AF_INET6):
            # Requests are written whole; Nagle's algorithm only delays them.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for option in socket_options:
            sock.setsockopt(*option)
        if local_address is not None:
            sock.bind((local_address, 0))
    except BaseException:
        sock.close()
        raise
    return sock


def open_unix_socket(socket_options: Sequence[SocketOption] = ()) -> socket.socket:
    """Make a non-blocking unix domain socket, or say that there are none here."""
    if not HAS_UNIX_SOCKETS:
        raise OSError(errno.EAFNOSUPPORT, "this platform has no unix domain sockets")
    return open_socket(socket.AF_UNIX, socket_options=socket_options)


def literal_address(host: str, port: int) -> Address | None:
    """Read *host* as an IP literal; ``None`` if it is a name."""
    if ":" in host:
        # AI_NUMERICHOST never asks a resolver, and knows scope ids (fe80::1%eth0).
        try:
            found = socket.getaddrinfo(
                host,
                port,
                type=socket.SOCK_STREAM,
                flags=socket.AI_NUMERICHOST,
            )
        except socket.gaierror:
            return None
        return addresses_of(found)[0]
    if not host[-1:].isdigit():
        return None
    try:
        socket.inet_pton(socket.AF_INET, host)
    except OSError:
        return None
    return Address(socket.AF_INET, (host, port))


def addresses_of(found: Iterable[tuple[Any, Any, Any, str, Any]]) -> list[Address]:
    """Keep what a dial needs of ``getaddrinfo``'s answer, in its order, once each."""
    unique = {
        Address(int(family), sockaddr): None
        for family, _, _, _, sockaddr in found
        if family in (socket.AF_INET, socket.AF_INET6)
    }
    return list(unique)


def inherited_error() -> OSError:
    """A forked child reads or writes on a connection of its parent."""
    text = "the connection belongs to the process that this one was forked from"
    return OSError(errno.EBADF, text)


def closed_error() -> OSError:
    """Say that the stream was closed on our side, as whoever waits on it hears."""
    return ConnectionAbortedError(
        errno.ECONNABORTED, "the connection was closed on our side"
    )


def lost_error() -> OSError:
    """Say that the peer is gone, where the system gave no reason."""
    return ConnectionResetError(
        errno.ECONNRESET, "the connection was closed by the peer"
    )


def os_error(code: int) -> OSError:
    """Build the fitting subclass of ``OSError`` for an errno value."""
    return OSError(code, os.strerror(code))


def as_os_error(error: BaseException) -> OSError:
    """Give *error* as the ``OSError`` that a backend may raise."""
    if isinstance(error, OSError):
        return error
    return OSError(f"{type(error).__name__}: {error}")
