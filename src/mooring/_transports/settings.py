"""What transports make of their arguments, the same for both colours."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from mooring._config import Limits
from mooring._errors import UnsupportedProtocol
from mooring._pool.core import PoolCore
from mooring._pool.model import PoolLimits
from mooring._pool.snapshot import PoolSnapshot, snapshot
from mooring._shell.options import DialOptions

if TYPE_CHECKING:
    import ssl

    from mooring._io.base import SocketOption
    from mooring._pool.stats import PoolStats
    from mooring._types import CertTypes, ProxyTypes
    from mooring._url import URL

ALPN_PROTOCOLS = ("http/1.1",)
HELD_FOR_LONG = 60.0
"""Seconds after which debug mode complains of a connection that is still held."""


class ContextSource:
    """Builds the TLS context when the first TLS connection asks for it."""

    def __init__(
        self,
        verify: ssl.SSLContext | str | bool,
        cert: CertTypes | None,
        *,
        trust_env: bool,
    ) -> None:
        self._verify = verify
        self._cert = cert
        self._trust_env = trust_env
        if cert is not None or not isinstance(verify, bool):
            self()  # so that a file that is not there is told of where it is named

    def __call__(self) -> ssl.SSLContext:
        # Here, because importing ssl takes longer than importing all of mooring.
        from mooring._io.tls import shared_ssl_context

        return shared_ssl_context(
            self._verify, self._cert, self._trust_env, alpn=ALPN_PROTOCOLS
        )


def dial_options(
    *,
    verify: ssl.SSLContext | str | bool,
    cert: CertTypes | None,
    trust_env: bool,
    http1: bool,
    http2: bool,
    proxy: ProxyTypes | None,
    uds: str | None,
    local_address: str | None,
    retries: int,
    socket_options: Iterable[SocketOption] | None,
) -> DialOptions:
    """Check the arguments of a transport.

    Raises:
        ValueError: for what this version cannot do yet.
    """
    if http2:
        raise ValueError("http2=True: this version of mooring speaks HTTP/1.1 only")
    if not http1:
        raise ValueError("http1=False leaves no protocol: HTTP/2 is not there yet")
    if proxy is not None:
        raise proxies_are_to_come()
    return DialOptions(
        ssl_context=ContextSource(verify, cert, trust_env=trust_env),
        uds=uds,
        local_address=local_address,
        socket_options=tuple(socket_options or ()),
        retries=retries,
    )


def proxies_are_to_come() -> ValueError:
    """Better than to connect directly behind the caller's back."""
    return ValueError("proxy=: this version of mooring cannot use proxies yet")


def pool_limits(limits: Limits) -> PoolLimits:
    """Turn the public limits into the pool's, where no limit is infinity."""
    return PoolLimits(
        max_connections=_or_inf(limits.max_connections),
        max_keepalive=_or_inf(limits.max_keepalive_connections),
        keepalive_expiry=_or_inf(limits.keepalive_expiry),
        max_per_host=_or_inf(limits.max_connections_per_host),
        per_host=limits.per_host,
        max_connection_age=_or_inf(limits.max_connection_age),
        age_jitter=limits.age_jitter,
        max_requests_per_connection=_or_inf(limits.max_requests_per_connection),
        min_idle=limits.min_idle,
    )


def fits(limits: Limits, count: int) -> None:
    """Raise ``ValueError`` unless *count* idle connections to a host are allowed."""
    if count < 1:
        raise ValueError(f"n must be at least 1, got {count}")
    for name in (
        "max_connections",
        "max_connections_per_host",
        "max_keepalive_connections",
    ):
        limit: int | None = getattr(limits, name)
        if limit is not None and count > limit:
            raise ValueError(f"{count} connections are more than {name}={limit} allows")


class NothingYet:
    """A pool before its first request: it has its limits, and nothing else."""

    def __init__(self, limits: Limits) -> None:
        self._core = PoolCore(pool_limits(limits))

    def stats(self) -> PoolStats:
        return self._core.stats()

    def snapshot(self) -> PoolSnapshot:
        return snapshot(self._core, 0.0)


def _or_inf(value: float | None) -> float:
    return math.inf if value is None else value


def unsupported_scheme(url: URL) -> UnsupportedProtocol:
    """Say what is wrong with the scheme of *url*."""
    if not url.scheme:
        error = UnsupportedProtocol(
            "Request URL is missing an 'http://' or 'https://' protocol."
        )
        guess = url.path.lstrip("/")
        if guess:
            error.add_note(f"'https://{guess}' may be what was meant")
        return error
    error = UnsupportedProtocol(
        f"Request URL has an unsupported protocol '{url.scheme}://'."
    )
    if url.scheme in ("htps", "htpps", "httpss", "htp", "hhtp", "hhtps", "ttp", "ttps"):
        error.add_note("'https://' may be what was meant")
    return error


def in_another_loop() -> RuntimeError:
    return RuntimeError(
        "this client is in use in another event loop that is still running; its "
        "connections belong to that loop. Use one client per event loop"
    )


def is_debug(debug: bool | None) -> bool:
    """Say whether to remember where requests are made: as asked, or MOORING_DEBUG."""
    if debug is not None:
        return debug
    return os.environ.get("MOORING_DEBUG", "") not in ("", "0")
