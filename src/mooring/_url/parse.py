"""From text to the normalised parts of a URL, and back (RFC 3986).

``parse`` takes a whole URL and remembers what it made of it; ``Reference.replace``
takes single parts. Both normalise: scheme and host in lower case, host in ASCII,
no default port, no dot segments, everything else percent-encoded.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TypedDict

from .._errors import InvalidURL
from .host import DEFAULT_PORTS, OCTET, normal_host, normal_port, unicode_host
from .quote import quote_fragment, quote_path, quote_query, quote_userinfo

__all__ = [
    "Parts",
    "Reference",
    "check_text",
    "is_scheme",
    "parse",
    "parse_with",
    "split_authority",
]

MAX_URL_LENGTH = 65536

# The cache holds addresses, not payloads: 4096 entries of this length, and
# what is derived from them, stay under 20 MiB.
_CACHED_URLS = 4096
_CACHED_LENGTH = 1024

is_scheme = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*").fullmatch
# RFC 3986 appendix B, with the scheme's real grammar. Matches every string.
_PARTS = re.compile(
    r"(?:([a-zA-Z][a-zA-Z0-9+.-]*)?:)?(?://([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?",
    re.DOTALL,
).fullmatch
# What most programs ask for is in normal form already, which one look can tell.
_NORMAL = re.compile(
    r"(https?)://"
    r"((?:[a-z0-9-]+\.)*[a-z][a-z0-9-]*"
    r"|(?:OCTET\.){3}OCTET)(?::([0-9]{1,5}))?".replace("OCTET", OCTET)
    + r"(/[A-Za-z0-9._~!$&'()*+,;=:@/%-]*)?"
    r"(?:\?([A-Za-z0-9._~!$&'()*+,;=:@/?%-]*))?"
).fullmatch
_CONTROL = re.compile(r"[\x00-\x1f\x7f]").search


class Parts(TypedDict, total=False):
    """Parts of a URL before normalisation; ``None`` for what is missing."""

    scheme: str | None
    userinfo: str | None
    host: str | None
    port: str | int | None
    path: str | None
    query: str | None
    fragment: str | None


class Reference:
    """The normalised parts of one URL. Shared between equal URLs: never change it.

    ``host`` has no brackets, ``port`` is ``None`` when it is the scheme's default,
    and ``query`` and ``fragment`` are ``None`` when there is no ``?`` or ``#``.
    """

    __slots__ = (
        "_pool_key",
        "_raw_path",
        "_text",
        "_unicode_host",
        "fragment",
        "host",
        "path",
        "port",
        "query",
        "scheme",
        "userinfo",
    )

    _pool_key: tuple[str, str, int] | None
    _raw_path: bytes | None
    _text: str | None
    _unicode_host: str | None

    def __init__(
        self,
        scheme: str,
        userinfo: str,
        host: str,
        port: int | None,
        path: str,
        query: str | None,
        fragment: str | None,
    ) -> None:
        self.scheme = scheme
        self.userinfo = userinfo
        self.host = host
        self.port = port
        self.path = path
        self.query = query
        self.fragment = fragment
        self._pool_key = self._raw_path = self._text = self._unicode_host = None

    @property
    def netloc(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"

    @property
    def authority(self) -> str:
        return f"{self.userinfo}@{self.netloc}" if self.userinfo else self.netloc

    @property
    def raw_path(self) -> bytes:
        """Path and query as they go into the request line."""
        raw_path = self._raw_path
        if raw_path is None:
            path = self.path or "/"
            target = path if self.query is None else f"{path}?{self.query}"
            raw_path = self._raw_path = target.encode("ascii")
        return raw_path

    @property
    def unicode_host(self) -> str:
        host = self._unicode_host
        if host is None:
            host = self._unicode_host = unicode_host(self.host)
        return host

    @property
    def pool_key(self) -> tuple[str, str, int]:
        """Scheme, host and effective port; 0 for a scheme without a default."""
        key = self._pool_key
        if key is None:
            port = self.port
            if port is None:
                port = DEFAULT_PORTS.get(self.scheme, 0)
            key = self._pool_key = (self.scheme, self.canonical_host, port)
        return key

    @property
    def canonical_host(self) -> str:
        """The host with the many spellings of an IPv6 address made one."""
        if ":" not in self.host:
            return self.host
        from ipaddress import IPv6Address  # few hosts are addresses

        address, percent, zone = self.host.partition("%")
        return f"{IPv6Address(address)}{percent}{zone}"

    def __str__(self) -> str:
        text = self._text
        if text is None:
            text = self._text = self._joined(self.authority)
        return text

    def masked(self) -> str:
        """The URL as text, without a password."""
        user, colon, _ = self.userinfo.partition(":")
        if not colon:
            return str(self)
        return self._joined(f"{user}:[secure]@{self.netloc}")

    def _joined(self, authority: str) -> str:
        return "".join(
            [
                f"{self.scheme}:" if self.scheme else "",
                f"//{authority}" if authority else "",
                self.path,
                "" if self.query is None else f"?{self.query}",
                "" if self.fragment is None else f"#{self.fragment}",
            ]
        )

    def replace(self, changes: Parts) -> Reference:
        """Return a reference that differs in *changes*.

        Values need not be normalised; ``None`` takes the part away.

        Raises:
            InvalidURL: A part, or their combination, is malformed.
        """
        parts: Parts = {
            "scheme": self.scheme,
            "userinfo": self.userinfo,
            "host": f"[{self.host}]" if ":" in self.host else self.host,
            "port": self.port,
            "path": self.path,
            "query": self.query,
            "fragment": self.fragment,
        }
        parts.update(changes)
        return _normalised(parts)


def check_text(text: str, component: str | None = None) -> None:
    """Refuse what can be no URL, or no *component* of one.

    Raises:
        InvalidURL: Too long, or with ASCII control characters in it.
    """
    if len(text) > MAX_URL_LENGTH:
        what = f"URL component '{component}'" if component else "URL"
        raise InvalidURL(f"{what} too long")
    control = _CONTROL(text)
    if control is not None:
        where = f"URL {component} component" if component else "URL"
        raise InvalidURL(
            f"Invalid non-printable ASCII character in {where},"
            f" {control[0]!r} at position {control.start()}."
        )


def parse(url: str) -> Reference:
    """Parse *url*, absolute or relative; equal strings share the outcome.

    Raises:
        InvalidURL: The text is no URL, or one that parsers disagree about.
    """
    if len(url) > _CACHED_LENGTH:
        return _normalised(_split(url))
    return _parse_cached(url)


def _parse(url: str) -> Reference:
    normal = _NORMAL(url)
    if normal is not None and "/." not in url:
        scheme, host, port, path, query = normal.groups()
        number = normal_port(port, scheme)
        reference = Reference(scheme, "", host, number, path or "", query, None)
        if port is None:
            reference._text = url
        return reference
    return _normalised(_split(url))


_parse_cached = lru_cache(maxsize=_CACHED_URLS)(_parse)


def parse_with(url: str, changes: Parts) -> Reference:
    """Parse *url* with other *changes* in place of what it says itself.

    Raises:
        InvalidURL: A part, or their combination, is malformed.
    """
    parts = _split(url)
    parts.update(changes)
    return _normalised(parts)


def _split(url: str) -> Parts:
    check_text(url)
    match = _PARTS(url)
    assert match is not None  # the expression has room for every string
    scheme, authority, path, query, fragment = match.groups()
    _check_spaces(url, absolute=authority is not None)
    userinfo, host, port = split_authority(authority or "")
    return {
        "scheme": scheme,
        "userinfo": userinfo,
        "host": host,
        "port": port,
        "path": path,
        "query": query,
        "fragment": fragment,
    }


def split_authority(authority: str) -> tuple[str, str, str | None]:
    """Divide ``user:password@host:port`` into user information, host and port.

    Raises:
        InvalidURL: There is a backslash, more than one ``@``, or an unclosed bracket.
    """
    # Browsers take a backslash for a slash, so for them the host ends there.
    if "\\" in authority:
        raise InvalidURL("Invalid URL: backslash before the end of the host")
    userinfo, at, netloc = authority.rpartition("@")
    # Parsers differ in which of several at signs ends the user information, and
    # each choice connects to another host.
    if at and "@" in userinfo:
        raise InvalidURL("Invalid URL: more than one '@' before the host")
    if not netloc.startswith("["):
        host, colon, port = netloc.partition(":")
        return userinfo, host, port if colon else None
    literal, bracket, rest = netloc.partition("]")
    if not bracket or (rest and not rest.startswith(":")):
        raise InvalidURL(f"Invalid IPv6 address: {netloc[:100]!r}")
    return userinfo, literal + bracket, rest[1:] if rest else None


def _normalised(parts: Parts) -> Reference:
    scheme = (parts["scheme"] or "").lower()
    userinfo = quote_userinfo(parts["userinfo"] or "")
    host = normal_host(parts["host"] or "", scheme)
    port = normal_port(parts["port"], scheme)
    path, query, fragment = parts["path"] or "", parts["query"], parts["fragment"]
    has_authority = bool(userinfo or host or port is not None)
    _check_path(path, has_scheme=bool(scheme), has_authority=has_authority)
    if scheme or has_authority:
        path = _without_dot_segments(path)
    return Reference(
        scheme,
        userinfo,
        host,
        port,
        quote_path(path),
        None if query is None else quote_query(query),
        None if fragment is None else quote_fragment(fragment),
    )


def _check_spaces(url: str, *, absolute: bool) -> None:
    """Refuse spaces around a URL: browsers drop them, others send them."""
    if url.startswith(" ") or (
        absolute and url.endswith(" ") and "?" not in url and "#" not in url
    ):
        raise InvalidURL("Invalid URL: there is a space before or after it")


def _check_path(path: str, *, has_scheme: bool, has_authority: bool) -> None:
    # RFC 3986 section 3.3: what would read as something else when put together.
    if has_authority:
        if path and not path.startswith("/"):
            raise InvalidURL("For absolute URLs, path must be empty or begin with '/'")
        return
    if path.startswith("//"):
        raise InvalidURL("Relative URLs cannot have a path starting with '//'")
    if path.startswith(":") and not has_scheme:
        raise InvalidURL("Relative URLs cannot have a path starting with ':'")


def _without_dot_segments(path: str) -> str:
    """Resolve ``.`` and ``..`` (RFC 3986 section 5.2.4)."""
    if "." not in path:
        return path
    segments = path.split("/")
    if "." not in segments and ".." not in segments:
        return path
    kept: list[str] = []
    for segment in segments:
        if segment == "..":
            # The empty first segment stands for the leading slash.
            if len(kept) > 1 or (kept and kept[0]):
                kept.pop()
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")  # "/a/b/.." names a directory: "/a/"
    return "/".join(kept)
