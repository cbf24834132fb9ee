"""Host names and ports: validated, normalised, ASCII.

What two parsers could read as different hosts is refused, because the one that
checks and the one that connects are rarely the same (hence also the second look
at a name after IDNA, which can turn other scripts' digits into an address).
"""

from __future__ import annotations

import re

from .._errors import InvalidURL
from .quote import quote_odd_host

__all__ = ["DEFAULT_PORTS", "OCTET", "normal_host", "normal_port", "unicode_host"]

DEFAULT_PORTS = {"ftp": 21, "http": 80, "https": 443, "ws": 80, "wss": 443}

# RFC 1035 section 2.3.4 allows 253 characters; more cannot be looked up, and IDNA
# takes quadratic time to say so.
_MAX_HOST_LENGTH = 1024

_PLAIN_NAME = re.compile(r"[a-z0-9._~!$&'()*+,;=\"`{}-]+").fullmatch
# The WHATWG URL standard takes a name whose last label is a number (also
# hexadecimal, also with a dot behind) for an address; other parsers look it up.
_NUMBER_LAST = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)\.?", re.DOTALL).fullmatch
_FOUR_NUMBERS = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+").fullmatch
OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4 = re.compile(rf"{OCTET}(?:\.{OCTET}){{3}}").fullmatch
_PORT = re.compile(r"[0-9]+").fullmatch
# RFC 6874 section 2: the zone follows "%25" and keeps to unreserved characters.
_ZONED = re.compile(r"([0-9A-Fa-f:.]+)%(?:25)?([A-Za-z0-9._~-]+)").fullmatch


def normal_host(host: str, scheme: str) -> str:
    """Return *host* in lower case ASCII, an IPv6 address without its brackets.

    Raises:
        InvalidURL: The host is malformed, or parsers disagree about it.
    """
    if len(host) > _MAX_HOST_LENGTH:
        raise InvalidURL(f"Invalid host: {len(host)} characters are too many")
    if host.startswith("["):
        return _ipv6(host)
    if not host.isascii():
        return _checked_name(_idna_encoded(host), host)
    name = host.lower()
    if scheme not in DEFAULT_PORTS and not _FOUR_NUMBERS(name):
        # Custom transports put anything here: http+unix://%2Frun%2Fx.sock/
        return quote_odd_host(name)
    if not _PLAIN_NAME(name):
        if not name:
            return ""
        raise InvalidURL(f"Invalid host: {_shown(host)}")
    return _checked_name(name, host)


def normal_port(port: str | int | None, scheme: str) -> int | None:
    """Return *port* as a number, ``None`` for absent or the scheme's default.

    Raises:
        InvalidURL: Not a number, or not between 0 and 65535.
    """
    if port is None or port == "":
        return None
    # int() alone would take signs, underscores, spaces and foreign digits.
    if isinstance(port, str):
        if not _PORT(port):
            raise InvalidURL(f"Invalid port: {_shown(port)}")
        port = int(port[-20:]) if len(port.lstrip("0")) < 20 else 10**20
    if not 0 <= port <= 65535:
        shown = str(port) if port < 10**20 else "given"
        raise InvalidURL(f"port {shown} is out of range (0-65535)")
    return None if port == DEFAULT_PORTS.get(scheme) else port


def unicode_host(host: str) -> str:
    """Return *host* as people write it, with IDNA labels decoded."""
    if "xn--" not in host:
        return host
    import idna  # its tables take a while to load and few hosts need them

    try:
        return idna.decode(host)
    except (idna.IDNAError, UnicodeError):
        # Not a label that IDNA 2008 knows: the name stays usable as it is.
        return host


def _ipv6(host: str) -> str:
    from ipaddress import AddressValueError, IPv6Address  # few hosts are addresses

    literal = host[1:-1] if host.endswith("]") else ""
    zoned = _ZONED(literal)
    try:
        address = IPv6Address(zoned[1] if zoned else literal)
    except AddressValueError as exc:
        raise InvalidURL(f"Invalid IPv6 address: {_shown(host)}") from exc
    # A zone means something on this machine's links only (RFC 4007 section 11).
    if "%" in literal and not (zoned and address.is_link_local):
        raise InvalidURL(f"Invalid IPv6 address: {_shown(host)}")
    return literal


def _checked_name(name: str, given: str) -> str:
    if not _NUMBER_LAST(name):
        return name
    # As strict as ipaddress, which takes its time to be imported.
    if _IPV4(name) and given.isascii():
        return name
    raise InvalidURL(f"Invalid IPv4 address: {_shown(given)}")


def _idna_encoded(host: str) -> str:
    import idna  # its tables take a while to load and few hosts need them

    try:
        name = idna.encode(host.lower()).decode("ascii")
    except (idna.IDNAError, UnicodeError) as exc:
        raise InvalidURL(f"Invalid IDNA hostname: {_shown(host)}") from exc
    if not _PLAIN_NAME(name):
        raise InvalidURL(f"Invalid IDNA hostname: {_shown(host)}")
    return name


def _shown(text: str) -> str:
    """*text* as an error may quote it: escaped, and not too much of it."""
    return repr(text) if len(text) <= 100 else f"{text[:100]!r}..."
