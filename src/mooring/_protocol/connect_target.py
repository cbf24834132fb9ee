"""Ways through a proxy: what they have in common, and where they may lead to.

A name is handed to the proxy as it is, an address as an address. What the proxy
could read as something else, or could not make sense of, is refused before the
first byte (RFC 9110 section 9.3.6, RFC 1928 section 4).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Protocol

from mooring._errors import LocalProtocolError, ProxyError

from .http1_grammar import escaped

# What the host of a URL may consist of: no "/", "?", "#", "@", ":", "\" or "%".
_is_name = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=\"`{}-]+").fullmatch


class Tunnel(Protocol):
    """A conversation with a proxy that ends in a way to the target.

    Send what ``start`` returns, hand over what arrives, send what ``receive``
    returns, until ``established``.
    """

    @property
    def doing(self) -> str:
        """What is being waited for, as a text on a timeout says it."""
        ...

    @property
    def established(self) -> bool:
        """From here on the bytes are the target's."""
        ...

    @property
    def trailing(self) -> bytes:
        """Bytes received that are the target's already."""
        ...

    def start(self) -> bytes:
        """Return the first bytes to send."""
        ...

    def receive(self, data: bytes) -> bytes:
        """Take in *data* from the proxy; return what to send now, maybe nothing.

        Raises ``ProxyError``.
        """
        ...

    def receive_eof(self) -> None:
        """Take note that the proxy has closed.

        Raises ``ProxyError`` unless the tunnel stood.
        """
        ...

    def check_silence(self) -> None:
        """Make sure that nothing trails, where the target must not speak first.

        Neither TLS nor HTTP/1.1 lets it. Raises ``ProxyError``.
        """
        ...

    def lost(self, why: str) -> ProxyError:
        """Return the error for a connection that broke, for the reason given."""
        ...


@dataclass(frozen=True, slots=True)
class TunnelTarget:
    """A checked host and port."""

    name: str
    """The host as it was given; of an IPv6 address without brackets."""
    port: int
    address: IPv4Address | IPv6Address | None
    """The host, if it is an address."""

    def __str__(self) -> str:
        host = f"[{self.name}]" if ":" in self.name else self.name
        return f"{host}:{self.port}"


def tunnel_target(host: str, port: int) -> TunnelTarget:
    """Check where a proxy is to connect to.

    Raises ``LocalProtocolError``.

    >>> str(tunnel_target("::1", 443))
    '[::1]:443'
    """
    if not 0 <= port <= 65535:
        raise LocalProtocolError(f"port {port} is out of range (0-65535)")
    try:
        address = ip_address(host)
    except ValueError:
        address = None
    if address is None and not _is_name(host):
        shown = escaped(host.encode("ascii", "backslashreplace"))
        raise LocalProtocolError(f"a proxy cannot be asked for the host {shown}")
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        # RFC 4007 section 11: it means something on this machine's links only.
        raise LocalProtocolError(
            f"a proxy cannot be asked for {host}: the zone is one of this machine"
        )
    return TunnelTarget(host, port, address)
