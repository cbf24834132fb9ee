"""Settings as values: timeouts, limits, proxies, and httpx's defaults for them.

They are checked where they are made, so the code that uses them need not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

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
                "Timeout must either include a default, or set all four parameters"
                " explicitly."
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

    ``None`` means no limit. The values cannot be changed afterwards.

    Raises:
        ValueError: A value is negative.
        TypeError: A value is not a number of its kind.
    """

    __slots__ = ("keepalive_expiry", "max_connections", "max_keepalive_connections")

    max_connections: int | None
    max_keepalive_connections: int | None
    keepalive_expiry: float | None

    def __init__(
        self,
        *,
        max_connections: int | None = None,
        max_keepalive_connections: int | None = None,
        keepalive_expiry: float | None = 5.0,
    ) -> None:
        _check_count("max_connections", max_connections)
        _check_count("max_keepalive_connections", max_keepalive_connections)
        if keepalive_expiry is not None:
            _check_number("keepalive_expiry", keepalive_expiry)
        # Assignment is closed to everybody else, see __setattr__.
        fill = object.__setattr__
        fill(self, "max_connections", max_connections)
        fill(self, "max_keepalive_connections", max_keepalive_connections)
        fill(self, "keepalive_expiry", keepalive_expiry)

    def replace(
        self,
        *,
        max_connections: int | UnsetType | None = UNSET,
        max_keepalive_connections: int | UnsetType | None = UNSET,
        keepalive_expiry: float | UnsetType | None = UNSET,
    ) -> Limits:
        """A copy with some fields changed.

        Example::

            >>> DEFAULT_LIMITS.replace(keepalive_expiry=30.0).max_connections
            100
        """
        return Limits(
            max_connections=self.max_connections
            if isinstance(max_connections, UnsetType)
            else max_connections,
            max_keepalive_connections=self.max_keepalive_connections
            if isinstance(max_keepalive_connections, UnsetType)
            else max_keepalive_connections,
            keepalive_expiry=self.keepalive_expiry
            if isinstance(keepalive_expiry, UnsetType)
            else keepalive_expiry,
        )

    def _fields(self) -> dict[str, float | None]:
        return {
            "max_connections": self.max_connections,
            "max_keepalive_connections": self.max_keepalive_connections,
            "keepalive_expiry": self.keepalive_expiry,
        }

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(
            f"Limits cannot be changed; use limits.replace({name}=...) for a copy"
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Limits) and self._fields() == other._fields()

    def __hash__(self) -> int:
        return hash(tuple(self._fields().values()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({_arguments(self._fields())})"

    def __reduce__(self) -> tuple[object, ...]:
        return _limits, tuple(self._fields().values())


def _limits(
    max_connections: int | None,
    max_keepalive_connections: int | None,
    keepalive_expiry: float | None,
) -> Limits:
    """Rebuild unpickled limits, which take their arguments by name only."""
    return Limits(
        max_connections=max_connections,
        max_keepalive_connections=max_keepalive_connections,
        keepalive_expiry=keepalive_expiry,
    )


def _arguments(values: dict[str, float | None]) -> str:
    return ", ".join([f"{name}={value}" for name, value in values.items()])


def _check_count(name: str, value: object) -> None:
    if value is None:
        return
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
