"""What ``response.connection`` tells: how the bytes of this response travelled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from .wording import plain, seconds


@dataclass(frozen=True, slots=True)
class DialInfo:
    """How a connection was made: what stays the same for all of its requests.

    Made once per connection, so that a response needs to keep only this and four
    numbers. Times in seconds.
    """

    dns: float | None = None
    """Looking up the name; ``None`` if there was none to look up."""
    tcp: float | None = None
    """Connecting, addresses that failed included; Unix sockets, too."""
    tls: float | None = None
    """The TLS handshake; ``None`` without TLS."""
    local_address: str | None = None
    """``192.0.2.7:50412``; ``None`` if the connection has none."""
    remote_address: str | None = None
    """The proxy's, if one is between."""
    protocol: str = "HTTP/1.1"
    alpn: str | None = None
    """What ALPN agreed on, ``h2``; ``None`` without."""
    tls_version: str | None = None
    """``TLSv1.3``; ``None`` without TLS."""
    cipher: str | None = None
    """``TLS_AES_256_GCM_SHA384``; ``None`` without TLS."""


@dataclass(frozen=True, slots=True)
class ConnectionInfo:
    """The connection that a response came over, as it was for this response.

    All times in seconds. ``None`` where something did not happen: a reused
    connection was not made for this request::

        >>> response = client.get("https://example.org/")
        >>> response.connection.reused, response.connection.tls_version
        (False, 'TLSv1.3')
        >>> client.get("https://example.org/").connection
        <ConnectionInfo #2 reused (request 2), HTTP/1.1, waited 0s, first byte 0.021s>
    """

    number: int
    """Number of the connection, as in ``client.pool.snapshot()``."""
    request_number: int
    """Which request of the connection this was; 1 is the first."""
    age: float
    """Of the connection when the request was given it, since its dial began."""
    waited: float
    """In the pool: from asking for a connection to being given one."""
    first_byte: float | None
    """From being given the connection to the first byte of the response."""
    dial: DialInfo
    """How the connection was made, for this request or another."""

    def __repr__(self) -> str:
        how = f"reused (request {self.request_number})" if self.reused else "new"
        facts = [f"#{self.number} {how}", self.protocol]
        facts.append(f"waited {seconds(self.waited)}")
        for name in ("dns", "tcp", "tls", "first_byte"):
            took: float | None = getattr(self, name)
            if took is not None:
                facts.append(f"{name.replace('_', ' ')} {seconds(took)}")
        return f"<ConnectionInfo {', '.join(facts)}>"

    @property
    def reused(self) -> bool:
        """Whether it had carried requests before this one."""
        return self.request_number > 1

    @property
    def dns(self) -> float | None:
        """Seconds of looking up the name; ``None`` when reused."""
        return None if self.reused else self.dial.dns

    @property
    def tcp(self) -> float | None:
        """Seconds of connecting; ``None`` when reused."""
        return None if self.reused else self.dial.tcp

    @property
    def tls(self) -> float | None:
        """Seconds of the TLS handshake; ``None`` when reused, or without TLS."""
        return None if self.reused else self.dial.tls

    @property
    def local_address(self) -> str | None:
        """Our end, ``192.0.2.7:50412``."""
        return self.dial.local_address

    @property
    def remote_address(self) -> str | None:
        """The other end, ``198.51.100.1:443``; the proxy's if one is between."""
        return self.dial.remote_address

    @property
    def protocol(self) -> str:
        """``HTTP/1.1`` or ``HTTP/2``."""
        return self.dial.protocol

    @property
    def alpn(self) -> str | None:
        """What ALPN agreed on, ``h2``."""
        return self.dial.alpn

    @property
    def tls_version(self) -> str | None:
        """``TLSv1.3``; ``None`` without TLS."""
        return self.dial.tls_version

    @property
    def cipher(self) -> str | None:
        """The cipher suite, by OpenSSL's name; ``None`` without TLS."""
        return self.dial.cipher

    def as_dict(self) -> dict[str, object]:
        """Return it as JSON can carry it, ``reused`` and the three times included."""
        fields = cast("dict[str, object]", plain(self))  # a dataclass becomes a dict
        dial = cast("dict[str, object]", fields.pop("dial"))
        own = {name: getattr(self, name) for name in ("reused", "dns", "tcp", "tls")}
        return {**fields, **dial, **own}


ConnectionInfo.__module__ = DialInfo.__module__ = "mooring"
