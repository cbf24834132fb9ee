"""What a dialer needs to know besides where to go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl

    from mooring._io.base import SocketOption


class DialProgress:
    """How far one dial is, for the texts of those who lose patience with it."""

    __slots__ = ("doing",)

    def __init__(self) -> None:
        self.doing = "waiting for a connection to be made"


@dataclass(frozen=True, slots=True)
class DialOptions:
    """How connections of one transport are made."""

    ssl_context: Callable[[], ssl.SSLContext]
    """Asked on the first TLS connection, so that plain HTTP never pays for it."""
    uds: str | None = None
    local_address: str | None = None
    socket_options: Sequence[SocketOption] = ()
    retries: int = 0
    """How often a failed connect is tried again, after 0, 0.5, 1, 2, ... seconds."""
