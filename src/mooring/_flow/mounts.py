"""URL patterns that choose a transport: ``all://``, ``https://*.example.com:8443``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import TypeVar

from .._errors import InvalidURL
from .._url import URL

__all__ = ["URLPattern", "arrange_mounts"]

P = TypeVar("P")
T = TypeVar("T")


class URLPattern:
    """A pattern of scheme, host and port, as the keys of ``mounts=`` spell it.

    ``all`` stands for every scheme, a missing host or ``*`` for every host,
    ``*.example.com`` for the domains below example.com, ``*example.com`` for them
    and example.com itself, ``10.0.0.0/8`` for the addresses of a network. Patterns
    sort from the most to the least specific.

    Raises:
        InvalidURL: It is not a URL, or names a network that there cannot be.
        ValueError: It is a scheme without ``://``.
    """

    __slots__ = ("_suffix", "host", "network", "pattern", "port", "scheme")

    def __init__(self, pattern: str) -> None:
        if pattern and ":" not in pattern:
            raise ValueError(
                f"mount {pattern!r} is not a URL pattern; write {pattern + '://'!r}"
            )
        url = URL(pattern)
        self.pattern = pattern
        self.scheme = "" if url.scheme == "all" else url.scheme
        self.host = "" if url.host == "*" else _without_dot(url.host)
        self.port = url.port
        self.network = _network(pattern, url)
        self._suffix = self.host.lstrip("*") if self.host.startswith("*") else ""

    def matches(self, url: URL) -> bool:
        """Say whether *url* falls under the pattern."""
        if self.scheme and self.scheme != url.scheme:
            return False
        if self.port is not None and self.port != url.port:
            return False
        if self.network is not None:
            return _is_in(url.host, self.network)
        return not self.host or self._matches_host(_without_dot(url.host))

    @property
    def priority(self) -> tuple[int, int, int, int, int]:
        """Sort key: ports, then hosts before networks before none, then lengths."""
        network = self.network
        kind = 1 if network is not None else 0 if self.host else 2
        return (
            0 if self.port is not None else 1,
            kind,
            0 if network is None else network.num_addresses,
            -len(self.host) if network is None else 0,
            -len(self.scheme),
        )

    def __lt__(self, other: URLPattern) -> bool:
        return self.priority < other.priority

    def __eq__(self, other: object) -> bool:
        return isinstance(other, URLPattern) and self.pattern == other.pattern

    def __hash__(self) -> int:
        return hash(self.pattern)

    def __repr__(self) -> str:
        return f"URLPattern({self.pattern!r})"

    def _matches_host(self, host: str) -> bool:
        suffix = self._suffix
        if not suffix:
            return host == self.host
        if suffix.startswith("."):
            return host.endswith(suffix) and host != suffix
        return host == suffix or host.endswith("." + suffix)


def arrange_mounts(
    mounts: Mapping[str, T | None],
    proxies: Mapping[str, P | None],
    through: Callable[[P], T],
) -> dict[URLPattern, T | None]:
    """Return the transport for each pattern, the most specific pattern first.

    Of two for the same pattern the one in *mounts* counts; *through* makes a
    transport for a proxy.
    """
    found: dict[URLPattern, T | None] = {}
    # Exceptions from what there is not would only be looked at by every request.
    if mounts or any(proxy is not None for proxy in proxies.values()):
        for key, proxy in proxies.items():
            found[URLPattern(key)] = None if proxy is None else through(proxy)
        for key, transport in mounts.items():
            found[URLPattern(key)] = transport
    return {pattern: found[pattern] for pattern in sorted(found)}


def _without_dot(host: str) -> str:
    """*host* without the dot of a name that is complete: it is the same host."""
    return host.removesuffix(".")


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(host)
    except ValueError:
        return None
    # ::ffff:10.0.0.1 leads to 10.0.0.1 (axios, CVE-2026-44492).
    return getattr(address, "ipv4_mapped", None) or address


def _is_in(host: str, network: IPv4Network | IPv6Network) -> bool:
    address = _address(host)
    return address is not None and address in network


def _network(pattern: str, url: URL) -> IPv4Network | IPv6Network | None:
    """The network of ``all://192.168.0.0/16``: an address with a path that counts."""
    prefix = url.path.removeprefix("/")
    if not prefix or _address(url.host) is None:
        return None
    host = f"[{url.host}]" if ":" in url.host else url.host
    try:
        if url.userinfo or not pattern.endswith(f"{host}/{prefix}"):
            raise ValueError
        if not (prefix.isascii() and prefix.isdigit()):
            raise ValueError
        return ip_network(f"{url.host}/{prefix}", strict=False)
    except ValueError:
        raise InvalidURL(f"Invalid network in {pattern!r}") from None
