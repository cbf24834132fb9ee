"""``URL`` and ``Origin``: what the parser found out, for people to use."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, cast
from urllib.parse import unquote, urljoin

from .._errors import HTTPXDeprecationWarning, InvalidURL
from .host import DEFAULT_PORTS
from .parse import (
    Parts,
    Reference,
    check_text,
    is_scheme,
    parse,
    parse_with,
    split_authority,
)
from .query import QueryParams
from .quote import quote_user

if TYPE_CHECKING:
    from .._types import QueryParamTypes, URLTypes

__all__ = ["URL", "Origin", "RawURL"]

_ARGUMENTS: dict[str, type] = {
    "scheme": str,
    "username": str,
    "password": str,
    "userinfo": bytes,
    "host": str,
    "port": int,
    "netloc": bytes,
    "path": str,
    "query": bytes,
    "raw_path": bytes,
    "fragment": str,
    "params": object,
}


class URL:
    """An immutable, normalised URL.

    Args:
        url: Text, absolute or relative, or another URL.
        kwargs: Parts to replace: ``scheme``, ``username``, ``password``, ``host``,
            ``port``, ``path``, ``fragment``, ``params``, and as ``bytes``
            ``userinfo``, ``netloc``, ``query``, ``raw_path``.

    Raises:
        InvalidURL: The text is malformed or ambiguous.
        TypeError: An argument is unknown or of the wrong type.

    ``str(url)`` is the whole in ASCII; ``repr(url)`` hides the password. Two URLs
    are equal when their text is, after normalisation::

        >>> URL("HTTPS://Example.org:443/a b") == URL("https://example.org/a%20b")
        True
    """

    __slots__ = ("_uri_reference",)

    _uri_reference: Reference

    def __init__(self, url: URL | str = "", **kwargs: object) -> None:
        if isinstance(url, str):
            reference = parse_with(url, _changes(kwargs)) if kwargs else parse(url)
        elif isinstance(url, URL):
            reference = url._uri_reference
            if kwargs:
                reference = reference.replace(_changes(kwargs))
        else:
            raise TypeError(
                "Invalid type for url.  Expected str or mooring.URL,"
                f" got {type(url)}: {url!r}"
            )
        self._uri_reference = reference

    @property
    def scheme(self) -> str:
        """The scheme in lower case, ``""`` in a relative URL."""
        return self._uri_reference.scheme

    @property
    def raw_scheme(self) -> bytes:
        """The scheme as bytes."""
        return self._uri_reference.scheme.encode("ascii")

    @property
    def userinfo(self) -> bytes:
        """User name and password as they stand in the URL, percent-encoded."""
        return self._uri_reference.userinfo.encode("ascii")

    @property
    def username(self) -> str:
        """The user name, decoded."""
        return unquote(self._uri_reference.userinfo.partition(":")[0])

    @property
    def password(self) -> str:
        """The password, decoded."""
        return unquote(self._uri_reference.userinfo.partition(":")[2])

    @property
    def host(self) -> str:
        """The host as people write it: IDNA decoded, an IPv6 address unbracketed."""
        return self._uri_reference.unicode_host

    @property
    def raw_host(self) -> bytes:
        """The host as bytes for the resolver: ASCII, IPv6 unbracketed."""
        return self._uri_reference.host.encode("ascii")

    @property
    def port(self) -> int | None:
        """The port, ``None`` if absent or the scheme's default."""
        return self._uri_reference.port

    @property
    def netloc(self) -> bytes:
        """Host and port as they go into the ``Host`` field."""
        return self._uri_reference.netloc.encode("ascii")

    @property
    def path(self) -> str:
        """The path, decoded; at least ``"/"``."""
        return unquote(self._uri_reference.path or "/")

    @property
    def query(self) -> bytes:
        """The query as bytes, without the question mark."""
        return (self._uri_reference.query or "").encode("ascii")

    @property
    def params(self) -> QueryParams:
        """The query as a multimap."""
        return QueryParams(self._uri_reference.query)

    @property
    def raw_path(self) -> bytes:
        """Path and query as bytes, as they go into the request line."""
        return self._uri_reference.raw_path

    @property
    def fragment(self) -> str:
        """The fragment, decoded, without the hash."""
        return unquote(self._uri_reference.fragment or "")

    @property
    def origin(self) -> Origin:
        """Scheme, host and effective port.

        Raises:
            ValueError: The URL is relative.
        """
        return Origin(self)

    @property
    def is_absolute_url(self) -> bool:
        """Whether there are a scheme and a host."""
        return bool(self._uri_reference.scheme and self._uri_reference.host)

    @property
    def is_relative_url(self) -> bool:
        """Whether scheme or host is missing."""
        return not self.is_absolute_url

    @property
    def raw(self) -> RawURL:
        """Scheme, host, port and target as bytes. Deprecated."""
        import warnings  # only needed on this path

        warnings.warn("URL.raw is deprecated.", HTTPXDeprecationWarning, stacklevel=2)
        return RawURL(self.raw_scheme, self.raw_host, self.port, self.raw_path)

    @property
    def _pool_key(self) -> tuple[str, str, int]:
        """What connections are sorted by; one object for equal cached URLs."""
        return self._uri_reference.pool_key

    def copy_with(self, **kwargs: object) -> URL:
        """A copy with some parts replaced; arguments as for the class."""
        return URL(self, **kwargs)

    def copy_set_param(self, key: str, value: object = None) -> URL:
        """A copy in whose query the name has this value alone."""
        return self.copy_with(params=self.params.set(key, value))

    def copy_add_param(self, key: str, value: object = None) -> URL:
        """A copy in whose query the name has this value as well."""
        return self.copy_with(params=self.params.add(key, value))

    def copy_remove_param(self, key: str) -> URL:
        """A copy in whose query the name is missing."""
        return self.copy_with(params=self.params.remove(key))

    def copy_merge_params(self, params: QueryParamTypes) -> URL:
        """A copy in whose query the names in *params* have their values."""
        return self.copy_with(params=self.params.merge(params))

    def join(self, url: URLTypes) -> URL:
        """Resolve *url* as a link on the page at this URL (RFC 3986 section 5).

        Example::

            >>> URL("https://example.org/a/b").join("../c")
            URL('https://example.org/c')
        """
        return URL(urljoin(str(self), str(URL(url))))

    def __hash__(self) -> int:
        return hash(str(self._uri_reference))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, URL):
            mine, others = self._uri_reference, other._uri_reference
            return mine is others or str(mine) == str(others)
        if not isinstance(other, str):
            return False
        try:
            return str(self._uri_reference) == str(parse(other))
        except InvalidURL:
            return False

    def __str__(self) -> str:
        return str(self._uri_reference)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._uri_reference.masked()!r})"

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (str(self),)


class RawURL(NamedTuple):
    """What ``URL.raw`` gives."""

    raw_scheme: bytes
    raw_host: bytes
    port: int | None
    raw_path: bytes


class Origin:
    """Scheme, host and effective port of a URL (RFC 9110 section 4.3.1).

    ``port`` is ``None`` for a scheme without a default port.

    Raises:
        InvalidURL: The text is malformed or ambiguous.
        ValueError: The URL is relative.

    Example::

        >>> Origin("https://example.org/a") == Origin("https://example.org:443/b")
        True
    """

    # By hand: dataclasses takes as long to import as all the rest of URLs.
    __slots__ = ("host", "port", "scheme")
    __match_args__ = ("scheme", "host", "port")

    scheme: str
    host: str
    port: int | None

    def __init__(self, url: URL | str) -> None:
        url = URL(url)
        if url.is_relative_url:
            raise ValueError("URL must be absolute to have an origin")
        reference = url._uri_reference
        port = reference.port
        if port is None:
            port = DEFAULT_PORTS.get(reference.scheme)
        host = reference.canonical_host
        self._fill(reference.scheme, host if ":" in host else url.host, port)

    def _fill(self, *values: object) -> None:
        # A frozen class can only be filled in behind its own back.
        for name, value in zip(self.__match_args__, values, strict=True):
            object.__setattr__(self, name, value)

    def _values(self) -> tuple[str, str, int | None]:
        return self.scheme, self.host, self.port

    def __setattr__(self, name: str, value: object) -> None:
        from dataclasses import FrozenInstanceError

        raise FrozenInstanceError(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> None:
        from dataclasses import FrozenInstanceError

        raise FrozenInstanceError(f"cannot delete field {name!r}")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Origin):
            return NotImplemented
        return self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self._values())

    def __repr__(self) -> str:
        scheme, host, port = self._values()
        return f"{type(self).__name__}({scheme=}, {host=}, {port=})"

    def __reduce__(self) -> tuple[object, ...]:
        return _restored_origin, (type(self), self._values())


def _restored_origin(cls: type[Origin], values: tuple[str, str, int | None]) -> Origin:
    origin = cls.__new__(cls)
    origin._fill(*values)
    return origin


def _changes(arguments: dict[str, object]) -> Parts:
    """Translate the arguments of ``URL`` into parts of a URL."""
    texts = {name: _text(name, value) for name, value in arguments.items()}
    changes: Parts = {}
    if "port" in texts:
        changes["port"] = texts["port"]
    if "host" in texts:
        changes["host"] = _bracketed(texts["host"] or "")
    if "netloc" in texts:
        userinfo, host, port = split_authority(texts["netloc"] or "")
        if userinfo:
            raise InvalidURL("Invalid URL component 'netloc'")
        changes["host"], changes["port"] = host, port
    if "userinfo" in texts:
        changes["userinfo"] = texts["userinfo"]
    if "username" in texts or "password" in texts:
        user = quote_user(texts.get("username") or "")
        password = quote_user(texts.get("password") or "")
        changes["userinfo"] = f"{user}:{password}" if password else user
    if "raw_path" in texts:
        path, mark, query = (texts["raw_path"] or "").partition("?")
        changes["path"], changes["query"] = path, query if mark else None
    if "params" in texts:
        changes["query"] = texts["params"]
    for name in ("scheme", "path", "query", "fragment"):
        if name in texts:
            changes[name] = texts[name]
    _check_delimiters(changes)
    return changes


def _text(name: str, value: object) -> str | None:
    """Check one argument of ``URL`` and return it as text."""
    expected = _ARGUMENTS.get(name)
    if expected is None:
        raise TypeError(f"{name!r} is an invalid keyword argument for URL()")
    if value is not None and not isinstance(value, expected):
        raise TypeError(
            f"Argument {name!r} must be {expected.__name__}"
            f" but got {type(value).__name__}"
        )
    if name == "params":
        return str(QueryParams(cast("QueryParamTypes", value))) if value else None
    if value is None:
        return None
    if isinstance(value, bytes):
        if not value.isascii():
            raise InvalidURL(f"Invalid URL component {name!r}: not ASCII")
        value = value.decode("ascii")
    text = str(value)
    check_text(text, name)
    return text


def _check_delimiters(changes: Parts) -> None:
    """Refuse what would read as another part when the URL is put together."""
    scheme = changes.get("scheme")
    if scheme and not is_scheme(scheme):
        raise InvalidURL("Invalid URL component 'scheme'")
    for name, text, delimiters in (
        ("path", changes.get("path"), "?#"),
        ("query", changes.get("query"), "#"),
        ("userinfo", changes.get("userinfo"), "@"),
    ):
        if text and any(char in text for char in delimiters):
            raise InvalidURL(f"Invalid URL component {name!r}")


def _bracketed(host: str) -> str:
    """Put an IPv6 address into brackets, if somebody has not already."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


for _public in (URL, RawURL, Origin):
    _public.__module__ = "mooring"
del _public
