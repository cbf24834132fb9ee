"""Percent-encoding: which characters each part of a URL may carry as they are.

The sets are those of the WHATWG URL standard ("percent-encoded bytes"), which is
what browsers and httpx use; they let through more than RFC 3986 section 2 does.
Escapes that are already there are kept, so quoting twice changes nothing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .._errors import InvalidURL

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "quote_fragment",
    "quote_odd_host",
    "quote_path",
    "quote_query",
    "quote_user",
    "quote_userinfo",
]

_FRAGMENT_UNSAFE = ' "<>`'
_QUERY_UNSAFE = ' "#<>'
_PATH_UNSAFE = _QUERY_UNSAFE + "?`{}"
# A colon divides user name and password, so it is safe in the whole only.
_USERINFO_UNSAFE = _PATH_UNSAFE + "/;=@[\\]^|"
_USER_UNSAFE = _USERINFO_UNSAFE + ":"
_HOST_UNSAFE = " #/:<>?@[]^"


def _percent_encoded(match: re.Match[str]) -> str:
    try:
        encoded = match[0].encode("utf-8")
    except UnicodeEncodeError as exc:
        raise InvalidURL(
            f"Invalid character in URL, {match[0]!r} is half of a surrogate pair."
        ) from exc
    return "".join([f"%{byte:02X}" for byte in encoded])


def _quoter(unsafe: str) -> Callable[[str], str]:
    """Make the function that escapes *unsafe* and all but printable ASCII."""
    find = re.compile(rf"[{re.escape(unsafe)}]|[^\x20-\x7e]").sub

    def quote(text: str) -> str:
        return find(_percent_encoded, text)

    return quote


quote_fragment = _quoter(_FRAGMENT_UNSAFE)
quote_query = _quoter(_QUERY_UNSAFE)
quote_path = _quoter(_PATH_UNSAFE)
quote_userinfo = _quoter(_USERINFO_UNSAFE)
quote_user = _quoter(_USER_UNSAFE)
quote_odd_host = _quoter(_HOST_UNSAFE)
