"""The request line in the log, without the secrets URLs carry."""

from __future__ import annotations

import re
import sys
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import logging

    from .._messages.response import Response
    from .._url import URL

__all__ = ["is_logged", "log_exchange", "redacted_url"]

_DEBUG = 10

_SECRET_PARAMETER = re.compile(
    r"([?&;][^=&;#]*(?:token|key|secret|passw|pwd|sig|code|auth|session|credential)"
    r"[^=&;#]*=)[^&;#]*",
    re.IGNORECASE,
)


def redacted_url(url: URL) -> str:
    """Return *url* without userinfo, fragment and the values of secret parameters."""
    text = str(url).partition("#")[0]
    if url.userinfo:
        scheme, _, rest = text.partition("://")
        text = f"{scheme}://{rest.split('@', 1)[1]}"
    return _SECRET_PARAMETER.sub(r"\1[redacted]", text)


def is_logged() -> bool:
    """Say whether somebody wants request lines.

    Who has never imported ``logging`` does not, and need not wait for it: it takes a
    tenth of the time that importing mooring does.
    """
    return "logging" in sys.modules and _logger().isEnabledFor(_DEBUG)


def log_exchange(response: Response) -> None:
    """Log the request and status line of *response*; the caller checked the level."""
    request = response.request
    _logger().debug(
        'HTTP Request: %s %s "%s %d %s"',
        request.method,
        redacted_url(request.url),
        response.http_version,
        response.status_code,
        response.reason_phrase,
        extra={"host": request.url.host, "port": request.url.port},
    )


@lru_cache(maxsize=1)
def _logger() -> logging.Logger:
    import logging

    logger = logging.getLogger("mooring")
    # A library that nobody asked to log must not print (PEP 282 practice).
    logger.addHandler(logging.NullHandler())
    return logger


def __getattr__(name: str) -> logging.Logger:
    if name == "logger":
        return _logger()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
