"""``httpx._config``: settings and their defaults."""

from ..._body.sse import DEFAULT_MAX_EVENT_SIZE_BYTES
from ..._config import (
    DEFAULT_LIMITS,
    DEFAULT_MAX_REDIRECTS,
    DEFAULT_TIMEOUT_CONFIG,
    UNSET,
    Limits,
    Proxy,
    Timeout,
    UnsetType,
)
from ..._io.tls import create_ssl_context

__all__ = [
    "DEFAULT_LIMITS",
    "DEFAULT_MAX_EVENT_SIZE_BYTES",
    "DEFAULT_MAX_REDIRECTS",
    "DEFAULT_TIMEOUT_CONFIG",
    "UNSET",
    "Limits",
    "Proxy",
    "Timeout",
    "UnsetType",
    "create_ssl_context",
]
