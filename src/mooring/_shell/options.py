"""What a dialer needs to know besides where to go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mooring._pool.info import DialInfo

if TYPE_CHECKING:
    import ssl

    from mooring._io.base import SocketOption


class DialProgress:
    """How far one dial is, for the texts of those who lose patience with it."""

    __slots__ = ("dns", "doing", "stream", "tcp", "tls")

    def __init__(self) -> None:
        self.doing = "waiting for a connection to be made"
        self.dns: float | None = None
        self.tcp: float | None = None
        self.tls: float | None = None
        """Seconds that each part took, once it is over."""
        self.stream: Any = None
        """What there is to be closed if something strikes before the pool has it."""


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


def dial_info(extra: Callable[[str], Any], progress: DialProgress) -> DialInfo:
    """Note what ``response.connection`` says of a connection that was just made."""
    secured = extra("ssl_object")
    cipher = None if secured is None else secured.cipher()
    return DialInfo(
        dns=progress.dns,
        tcp=progress.tcp,
        tls=progress.tls,
        local_address=_address(extra("client_addr")),
        remote_address=_address(extra("server_addr")),
        alpn=None if secured is None else secured.selected_alpn_protocol(),
        tls_version=None if secured is None else secured.version(),
        cipher=None if cipher is None else cipher[0],
    )


def _address(sockaddr: object) -> str | None:
    match sockaddr:
        case (str(host), int(port), *_):
            return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        case str(path) if path:
            return path
    return None


def checked_priority(value: object) -> int:
    """Return the request extension ``priority``.

    Raises ``TypeError`` for anything but a whole number.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f'extensions={{"priority": ...}} must be an int, not {value!r}')
    return value
