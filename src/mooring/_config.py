"""Settings as values: timeouts, limits, proxies, and httpx's defaults for them.

They are checked where they are made, so the code that uses them need not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, TypedDict, Unpack, cast

from ._headers import Headers
from ._url import URL

if TYPE_CHECKING:
    import ssl

    from ._types import HeaderTypes, TimeoutTypes

__all__ = [
    "DEFAULT_LIMITS",
    "DEFAULT_MAX_REDIRECTS",
    "DEFAULT_TIMEOUT_CONFIG",
    "UNSET",
    "Limits",
    "Proxy",
    "Timeout",
    "UnsetType",
]


class UnsetType:
    """The type of ``UNSET``: not given, where ``None`` already means something."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "UNSET"

    def __reduce__(self) -> str:
        # By name, so that a pickled default is still *the* default.
        return "UNSET"


UNSET = UnsetType()


class Timeout:
    """How long to wait, in seconds, for each of four things. ``None`` is for ever.

    Args:
        timeout: The default for all four; or ``(connect, read, write, pool)``; or
            another ``Timeout``.
        connect: For a connection, TLS handshake included.
        read: For the next bytes of a response.
        write: For the host to take in more of the request.
        pool: For a free connection of the pool.

    Raises:
        ValueError: There is no default and not all four are given, or a time is
            negative.
        TypeError: A time is not a number.

    Example::

        >>> Timeout(5.0, read=60.0)
        Timeout(connect=5.0, read=60.0, write=5.0, pool=5.0)
    """

    __slots__ = ("connect", "pool", "read", "write")

    connect: float | None
    read: float | None
    write: float | None
    pool: float | None

    def __init__(
        self,
        timeout: TimeoutTypes | UnsetType = UNSET,
        *,
        connect: float | UnsetType | None = UNSET,
        read: float | UnsetType | None = UNSET,
        write: float | UnsetType | None = UNSET,
        pool: float | UnsetType | None = UNSET,
    ) -> None:
        if isinstance(timeout, (Timeout, tuple)):
            given = (connect, read, write, pool)
            if any(seconds is not UNSET for seconds in given):
                raise TypeError(
                    "Timeout takes either a complete timeout or single ones by name,"
                    " not both"
                )
            self._set(*_four(timeout))
            return
        if isinstance(timeout, UnsetType) and UNSET in (connect, read, write, pool):
            raise ValueError(
                "mooring.Timeout must either include a default, or set all four"
                " parameters explicitly."
            )
        default = None if isinstance(timeout, UnsetType) else timeout
        self._set(
            default if isinstance(connect, UnsetType) else connect,
            default if isinstance(read, UnsetType) else read,
            default if isinstance(write, UnsetType) else write,
            default if isinstance(pool, UnsetType) else pool,
        )

    def _set(
        self,
        connect: float | None,
        read: float | None,
        write: float | None,
        pool: float | None,
    ) -> None:
        self.connect = connect
        self.read = read
        self.write = write
        self.pool = pool
        for seconds in (connect, read, write, pool):
            # The common types pass at once; the rest gets the careful look.
            if seconds is not None and not (type(seconds) is float and seconds >= 0.0):
                _check_number("a timeout", seconds)

    def as_dict(self) -> dict[str, float | None]:
        """The four by name, as they travel in ``request.extensions["timeout"]``."""
        return {
            "connect": self.connect,
            "read": self.read,
            "write": self.write,
            "pool": self.pool,
        }

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Timeout) and self.as_dict() == other.as_dict()

    # Not frozen: httpx lets the four be assigned, so it cannot be a key.
    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        name = type(self).__name__
        values = self.as_dict()
        if len(set(values.values())) == 1:
            return f"{name}(timeout={self.connect})"
        return f"{name}({_arguments(values)})"


def _four(
    timeout: Timeout | tuple[float | None, ...],
) -> tuple[float | None, float | None, float | None, float | None]:
    if isinstance(timeout, Timeout):
        return timeout.connect, timeout.read, timeout.write, timeout.pool
    if not 2 <= len(timeout) <= 4:
        raise ValueError(
            "a timeout tuple is (connect, read, write, pool);"
            f" got {len(timeout)} values"
        )
    connect, read, write, pool = (*timeout, None, None)[:4]
    return connect, read, write, pool


class Limits:
    """How many connections a client may have, and how long it keeps idle ones.

    A field left out has its default from here, which for the two counts is "no
    limit" - not the default of a client. To change one field of that, write
    ``DEFAULT_LIMITS.replace(keepalive_expiry=30)``.

    Args:
        max_connections: Connections at one time, busy or idle.
        max_keepalive_connections: Idle connections kept for later requests.
        keepalive_expiry: Seconds until an idle connection is closed.
        max_connections_per_host: Connections to any one host at one time.
        per_host: Limits of that kind for hosts by name: ``"example.org"``,
            ``"example.org:8443"`` or ``"https://example.org"``. The most specific
            name counts, and stands in place of *max_connections_per_host*.
        max_connection_age: Seconds after which a connection takes no more requests,
            so that a change in DNS is noticed.
        age_jitter: Part of that age, 0 to 1, by up to which each connection's is
            shortened, so that they do not all end together.
        max_requests_per_connection: Requests after which a connection is closed.
        min_idle: Idle connections per host that are spared by *keepalive_expiry*.

    ``None`` means no limit. The values cannot be changed afterwards.

    Raises:
        ValueError: A value is negative, or a jitter over 1.
        TypeError: A value is not a number of its kind.
    """

    __slots__ = (
        "age_jitter",
        "keepalive_expiry",
        "max_connection_age",
        "max_connections",
        "max_connections_per_host",
        "max_keepalive_connections",
        "max_requests_per_connection",
        "min_idle",
        "per_host",
    )

    max_connections: int | None
    max_keepalive_connections: int | None
    keepalive_expiry: float | None
    max_connections_per_host: int | None
    per_host: Mapping[str, int]
    max_connection_age: float | None
    age_jitter: float
    max_requests_per_connection: int | None
    min_idle: int

    def __init__(
        self,
        *,
        max_connections: int | None = None,
        max_keepalive_connections: int | None = None,
        keepalive_expiry: float | None = 5.0,
        max_connections_per_host: int | None = None,
        per_host: Mapping[str, int] | None = None,
        max_connection_age: float | None = None,
        age_jitter: float = 0.1,
        max_requests_per_connection: int | None = None,
        min_idle: int = 0,
    ) -> None:
        values: LimitFields = {
            "max_connections": max_connections,
            "max_keepalive_connections": max_keepalive_connections,
            "keepalive_expiry": keepalive_expiry,
            "max_connections_per_host": max_connections_per_host,
            "per_host": MappingProxyType(dict(per_host or {})),
            "max_connection_age": max_connection_age,
            "age_jitter": age_jitter,
            "max_requests_per_connection": max_requests_per_connection,
            "min_idle": min_idle,
        }
        for name, value in values.items():
            _LIMIT_CHECKS[name](name, value)
            # Assignment is closed to everybody else, see __setattr__.
            object.__setattr__(self, name, value)

    def replace(self, **changes: Unpack[LimitFields]) -> Limits:
        """A copy with some fields changed. Takes what ``Limits`` does.

        Example::

            >>> DEFAULT_LIMITS.replace(keepalive_expiry=30.0).max_connections
            100
        """
        fields = self._fields()
        fields.update(changes)
        return Limits(**fields)

    def _fields(self) -> LimitFields:
        fields = {name: getattr(self, name) for name in _LIMIT_CHECKS}
        return cast("LimitFields", fields)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(
            f"Limits cannot be changed; use limits.replace({name}=...) for a copy"
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Limits) and self._fields() == other._fields()

    def __hash__(self) -> int:
        fields = {**self._fields(), "per_host": frozenset(self.per_host.items())}
        return hash(tuple(fields.values()))

    def __repr__(self) -> str:
        # What httpx has not is shown only where it was set.
        shown = {
            name: value
            for name, value in self._fields().items()
            if name in _LIMITS_OF_HTTPX or value != getattr(DEFAULT_LIMITS, name)
        }
        if "per_host" in shown:
            shown["per_host"] = dict(self.per_host)
        return f"{type(self).__name__}({_arguments(shown)})"

    def __reduce__(self) -> tuple[object, ...]:
        return _limits, ({**self._fields(), "per_host": dict(self.per_host)},)


class LimitFields(TypedDict, total=False):
    """What ``Limits`` takes."""

    max_connections: int | None
    max_keepalive_connections: int | None
    keepalive_expiry: float | None
    max_connections_per_host: int | None
    per_host: Mapping[str, int]
    max_connection_age: float | None
    age_jitter: float
    max_requests_per_connection: int | None
    min_idle: int


def _limits(fields: LimitFields) -> Limits:
    """Rebuild unpickled limits, which take their arguments by name only."""
    return Limits(**fields)


def _arguments(values: Mapping[str, object]) -> str:
    return ", ".join([f"{name}={value}" for name, value in values.items()])


def _check_count(name: str, value: object) -> None:
    # True is an int to Python; as a limit of one it can only be a slip.
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be an int or None, not {value!r}")
    if value < 0:
        raise ValueError(f"{name} must not be negative, got {value}")


def _check_number(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} must be a number of seconds or None, not {value!r}")
    # Written so that NaN, which compares false with everything, fails too.
    if not value >= 0:
        raise ValueError(f"{name} must not be negative, got {value}")


def _check_share(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} must be a number from 0 to 1, not {value!r}")
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must be from 0 to 1, got {value}")


def _check_counts(name: str, value: object) -> None:
    assert isinstance(value, Mapping)
    for host, limit in value.items():
        _check_count(f"{name}[{host!r}]", limit)


def _or_none(check: Callable[[str, object], None]) -> Callable[[str, object], None]:
    def check_unless_none(name: str, value: object) -> None:
        if value is not None:
            check(name, value)

    return check_unless_none


_LIMIT_CHECKS: Mapping[str, Callable[[str, object], None]] = {
    "max_connections": _or_none(_check_count),
    "max_keepalive_connections": _or_none(_check_count),
    "keepalive_expiry": _or_none(_check_number),
    "max_connections_per_host": _or_none(_check_count),
    "per_host": _check_counts,
    "max_connection_age": _or_none(_check_number),
    "age_jitter": _check_share,
    "max_requests_per_connection": _or_none(_check_count),
    "min_idle": _check_count,
}
_LIMITS_OF_HTTPX = tuple(_LIMIT_CHECKS)[:3]


class Proxy:
    """A proxy to send requests through.

    Args:
        url: ``http``, ``https``, ``socks5`` or ``socks5h``. Credentials in it are
            taken out and used as *auth*.
        ssl_context: For the connection to an ``https`` proxy.
        auth: User name and password.
        headers: Fields to send to the proxy.

    Raises:
        InvalidURL: The URL is malformed.
        ValueError: The scheme is not one of the four.
    """

    __slots__ = ("auth", "headers", "ssl_context", "url")

    url: URL
    auth: tuple[str, str] | None
    headers: Headers
    ssl_context: ssl.SSLContext | None

    def __init__(
        self,
        url: URL | str,
        *,
        ssl_context: ssl.SSLContext | None = None,
        auth: tuple[str, str] | None = None,
        headers: HeaderTypes | None = None,
    ) -> None:
        url = URL(url)
        if url.scheme not in ("http", "https", "socks5", "socks5h"):
            raise ValueError(f"Unknown scheme for proxy URL {url!r}")
        if url.username or url.password:
            auth = (url.username, url.password)
            url = url.copy_with(username=None, password=None)
        self.url = url
        self.auth = auth
        self.headers = Headers(headers)
        self.ssl_context = ssl_context

    @property
    def raw_auth(self) -> tuple[bytes, bytes] | None:
        """The credentials as bytes in UTF-8."""
        if self.auth is None:
            return None
        user, password = self.auth
        return user.encode("utf-8"), password.encode("utf-8")

    def __repr__(self) -> str:
        text = repr(str(self.url))
        if self.auth:
            text += f", auth={(self.auth[0], '********')!r}"
        if self.headers:
            text += f", headers={self.headers._shown()!r}"
        return f"{type(self).__name__}({text})"


DEFAULT_TIMEOUT_CONFIG = Timeout(timeout=5.0)
DEFAULT_LIMITS = Limits(
    max_connections=100, max_keepalive_connections=20, keepalive_expiry=5.0
)
DEFAULT_MAX_REDIRECTS = 20

for _public in (Timeout, Limits, Proxy):
    _public.__module__ = "mooring"
del _public
