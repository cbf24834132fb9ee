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

__all__ = ["is_logged", "log_exchange", "redacted_url", "stand_in_for"]

_DEBUG = 10
_INFO = 20
_REQUEST_LINE = 'HTTP Request: %s %s "%s %d %s"'
_stood_in_for: list[logging.Logger] = []

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
    if "logging" not in sys.modules:
        return False
    if _logger().isEnabledFor(_DEBUG):
        return True
    return any(logger.isEnabledFor(_INFO) for logger in _stood_in_for)


def log_exchange(response: Response) -> None:
    """Log the request and status line of *response*; the caller checked the level."""
    request = response.request
    facts = (
        request.method,
        redacted_url(request.url),
        response.http_version,
        response.status_code,
        response.reason_phrase,
    )
    extra = {"host": request.url.host, "port": request.url.port}
    _logger().debug(_REQUEST_LINE, *facts, extra=extra)
    for logger in _stood_in_for:
        logger.info(_REQUEST_LINE, *facts, extra=extra)


def stand_in_for(name: str) -> None:
    """Write request lines to the logger *name* as well, where its own library did."""
    import logging

    logger = logging.getLogger(name)
    if logger not in _stood_in_for:
        _stood_in_for.append(logger)


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
