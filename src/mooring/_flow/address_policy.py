"""Which addresses may be connected to, whatever a name resolves to (SSRF guard).

1. What was resolved is checked, and what was checked is connected to.
2. An IPv4 address within an IPv6 one counts where it is what would be reached
   (mapped, NAT64); where it could be reached, it counts only against it.
3. What cannot be read as an address is not allowed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import TypeAlias, TypeVar

from .._errors import ConnectError
from .eyeballs import HasIP

__all__ = ["AddressPolicy"]

IPAddress: TypeAlias = IPv4Address | IPv6Address
IPNetwork: TypeAlias = IPv4Network | IPv6Network
A = TypeVar("A", bound=HasIP)

_SHOWN = 8  # addresses in one error text

# The registries of special addresses (RFC 6890) but for what is reachable from
# everywhere. Not ``is_global``, which differs from one Python to the next.
_NOT_PUBLIC: tuple[tuple[IPNetwork, str], ...] = tuple(
    (ip_network(network), kind)
    for network, kind in (
        ("0.0.0.0/8", "this host"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "shared by a carrier"),
        ("127.0.0.0/8", "loopback"),
        # Answers to virtual machines of Azure only, for all its looks.
        ("168.63.129.16/32", "a service of the cloud"),
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "reserved"),
        ("192.0.2.0/24", "documentation"),
        ("192.88.99.0/24", "6to4"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "benchmarking"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
        ("::/128", "this host"),
        ("::1/128", "loopback"),
        ("::/96", "IPv4-compatible"),
        ("::ffff:0:0:0/96", "IPv4-translated"),
        ("64:ff9b:1::/48", "NAT64 of this network"),
        ("2001::/32", "Teredo"),
        ("2001::/23", "reserved"),
        ("2001:db8::/32", "documentation"),
        ("2002::/16", "6to4"),
        ("3fff::/20", "documentation"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "site-local"),
        ("ff00::/8", "multicast"),
    )
)
_UNICAST = IPv6Network("2000::/3")  # all that IANA has given out
_MAPPED = IPv6Network("::ffff:0:0/96")
_NAT64 = IPv6Network("64:ff9b::/96")
_LOCAL_NAT64 = IPv6Network("64:ff9b:1::/48")
_IPV4_WITHIN = (IPv6Network("::/96"), IPv6Network("::ffff:0:0:0/96"))
_ISATAP = (0x00005EFE, 0x02005EFE)  # RFC 5214 section 6.1
# RFC 6052 section 2.2: how far the IPv4 address is from the end, cut in two parts
# by eight bits of zeros. Behind it there are zeros only.
_NAT64_LAYOUTS = ((40, 16), (32, 8), (24, 0))
_LOW_32 = 0xFFFFFFFF


class AddressPolicy:
    """Which addresses a client may connect to.

    Names are resolved first, so no name leads around it, and all addresses of a name
    that are allowed stay available. It applies to each connection: after a redirect,
    on a retry, to a proxy. What a proxy connects to is for the proxy to resolve.

    Args:
        allow: Networks such as ``"10.0.0.0/8"``; nothing else is allowed.
        deny: Networks that are not allowed, even if *allow* has them.

    Raises:
        ValueError: A network is malformed, or has bits set beyond its prefix.

    Example::

        >>> policy = AddressPolicy.public_only(allow=["10.1.0.0/16"])
        >>> [policy.allows(ip) for ip in ("9.9.9.9", "10.1.2.3", "127.0.0.1")]
        [True, True, False]
    """

    __slots__ = ("_allow", "_deny", "_is_public")

    _allow: tuple[IPNetwork, ...]
    _deny: tuple[IPNetwork, ...]
    _is_public: bool

    def __init__(
        self,
        *,
        allow: Iterable[str | IPNetwork] | None = None,
        deny: Iterable[str | IPNetwork] = (),
    ) -> None:
        everything = ("0.0.0.0/0", "::/0")
        self._allow = _networks("allow", everything if allow is None else allow)
        self._deny = _networks("deny", deny)
        self._is_public = False

    @classmethod
    def public_only(
        cls,
        *,
        allow: Iterable[str | IPNetwork] = (),
        deny: Iterable[str | IPNetwork] = (),
    ) -> AddressPolicy:
        """Allow the public internet, and *allow* besides it, without *deny*.

        Not public are loopback, private, link-local (with the metadata services of
        clouds), carriers', multicast, reserved and documentation addresses, those of
        6to4 and Teredo, and each of them inside of a mapped or NAT64 address.
        """
        policy = cls(allow=allow, deny=deny)
        policy._is_public = True
        return policy

    def allows(self, ip: str) -> bool:
        """Say whether *ip*, an address and not a name, may be connected to."""
        return self.why_not(ip) is None

    def why_not(self, ip: str) -> str | None:
        """Return in a word or two why *ip* is not allowed; ``None`` if it is."""
        try:
            address = ip_address(ip)
        except ValueError:
            return "not an address"
        target = _target(address)
        for form in (address, target, *_ipv4_within(address)):
            if _is_in(self._deny, form):
                return "denied"
        if _is_in(self._allow, target):
            return None
        return _why_not_public(target) if self._is_public else "not among the allowed"

    def check(self, where: str, addresses: Sequence[A]) -> list[A]:
        """Return those of *addresses* that may be connected to, in their order.

        Raises:
            ConnectError: There is none; *where* is the label of the host and port.
        """
        allowed = [address for address in addresses if self.allows(address.ip)]
        if not allowed:
            raise self._refusal(where, [address.ip for address in addresses])
        return allowed

    def check_unresolved(self, where: str, host: str) -> None:
        """Refuse a *host* that is left to a proxy to resolve, as far as can be told.

        That is, if it is an address, or a name for this host.

        Raises:
            ConnectError: It is not allowed.
        """
        name = host.rstrip(".").lower()
        if name == "localhost" or name.endswith(".localhost"):  # RFC 6761 section 6.3
            host = "127.0.0.1"
        try:
            ip_address(host)
        except ValueError:
            return
        if not self.allows(host):
            raise self._refusal(where, [host])

    def _refusal(self, where: str, ips: Sequence[str]) -> ConnectError:
        shown = [f"{ip} ({self.why_not(ip)})" for ip in ips[:_SHOWN]]
        if len(ips) > _SHOWN:
            shown.append(f"{len(ips) - _SHOWN} more")
        found = ", ".join(shown) or "no address found"
        error = ConnectError(f"the address policy does not allow {where}: {found}")
        error.code = "address-policy"
        return error

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AddressPolicy) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[object, ...]:
        return self._is_public, self._allow, self._deny

    def __repr__(self) -> str:
        lists = {"allow": self._allow, "deny": self._deny}
        shown = ", ".join(
            [f"{n}={[str(one) for one in nets]}" for n, nets in lists.items() if nets]
        )
        name = "AddressPolicy.public_only" if self._is_public else "AddressPolicy"
        return f"{name}({shown})"


AddressPolicy.__module__ = "mooring"


def _networks(what: str, given: Iterable[str | IPNetwork]) -> tuple[IPNetwork, ...]:
    if isinstance(given, str):
        raise TypeError(f"{what} is a list of networks, not one: {given!r}")
    return tuple(dict.fromkeys(_network(what, one) for one in given))


def _network(what: str, given: str | IPNetwork) -> IPNetwork:
    try:
        network = ip_network(given)
    except ValueError as error:
        raise ValueError(f"{what}: {error}") from None
    if "%" in str(network):
        raise ValueError(f"{what}: {network} has a zone, which policies do not know")
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        # Whoever writes ::ffff:10.0.0.0/104 means the IPv4 addresses.
        start = int(network.network_address) & _LOW_32
        return IPv4Network((start, network.prefixlen - 96))
    return network


def _is_in(networks: Iterable[IPNetwork], address: IPAddress) -> bool:
    return any(address in network for network in networks)


@lru_cache(maxsize=1024)
def _why_not_public(address: IPAddress) -> str | None:
    for network, kind in _NOT_PUBLIC:
        if address in network:
            return kind
    if isinstance(address, IPv6Address):
        if address not in _UNICAST:
            return "reserved"
        for within in _ipv4_within(address):
            kind = _why_not_public(within) or ""
            if kind:
                return f"{kind} inside"
    return None


def _target(address: IPAddress) -> IPAddress:
    """Return what is reached by connecting to *address*.

    The kernel takes a mapped one for IPv4; the network translates NAT64's.
    """
    if address in _MAPPED or address in _NAT64:
        return IPv4Address(int(address) & _LOW_32)
    return address


def _ipv4_within(address: IPAddress) -> Iterator[IPv4Address]:
    """Yield the IPv4 addresses that some router may read out of *address*."""
    if isinstance(address, IPv4Address):
        return
    bits = int(address)
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo
    if _is_in(_IPV4_WITHIN, address) or bits >> 32 & _LOW_32 in _ISATAP:
        yield IPv4Address(bits & _LOW_32)
    if address in _LOCAL_NAT64:
        yield from _translated(bits)


def _translated(bits: int) -> Iterator[IPv4Address]:
    yield IPv4Address(bits & _LOW_32)
    for behind, in_front in _NAT64_LAYOUTS:
        if bits & ((1 << behind) - 1) or bits >> 56 & 0xFF:
            continue
        low_size = 32 - in_front
        low = bits >> behind & ((1 << low_size) - 1)
        high = bits >> 64 & ((1 << in_front) - 1)
        yield IPv4Address(high << low_size | low)
