"""The field ``Keep-Alive``: how long, and for how much more, a server stays.

Not part of HTTP/1.1 any more, but sent by many servers; RFC 2068 section 19.7.1.1 and
their practice say what it means.
"""

from __future__ import annotations

import re
from functools import lru_cache

_PARAMETER = re.compile(
    rb"(?:^|[,;])[ \t]*(timeout|max)[ \t]*=[ \t]*([0-9]{1,9})(?![^ \t,;])"
)


@lru_cache(maxsize=256)
def keep_alive_terms(value: bytes) -> tuple[float | None, int | None]:
    """Return the seconds of rest and the number of further requests allowed.

    What cannot be understood is as good as not said.

    >>> keep_alive_terms(b"timeout=5, max=99")
    (5.0, 99)
    >>> keep_alive_terms(b"timeout=soon")
    (None, None)
    """
    timeout: float | None = None
    most: int | None = None
    for name, digits in _PARAMETER.findall(value.lower()):
        if name == b"timeout":
            timeout = min(float(digits), timeout if timeout is not None else 1e9)
        else:
            most = min(int(digits), most if most is not None else 1_000_000_000)
    return timeout, most
