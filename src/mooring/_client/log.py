"""The request line in the log, without the secrets URLs carry."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .._messages.response import Response
    from .._url import URL

__all__ = ["log_exchange", "logger", "redacted_url"]

logger = logging.getLogger("mooring")
# A library that nobody asked to log must not print (PEP 282 practice).
logger.addHandler(logging.NullHandler())

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


def log_exchange(response: Response) -> None:
    """Log the request and status line of *response*; the caller checked the level."""
    request = response.request
    logger.debug(
        'HTTP Request: %s %s "%s %d %s"',
        request.method,
        redacted_url(request.url),
        response.http_version,
        response.status_code,
        response.reason_phrase,
        extra={"host": request.url.host, "port": request.url.port},
    )
