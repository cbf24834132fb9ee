"""Set-Cookie, read as RFC 6265bis section 5.6 says: leniently, in linear time."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import NamedTuple

__all__ = ["MAX_COOKIE_BYTES", "ReceivedCookie", "parse_date", "parse_set_cookie"]

# RFC 6265bis section 5.6: of name and value together, and of one attribute.
MAX_COOKIE_BYTES = 4096
_MAX_ATTRIBUTE_BYTES = 1024

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]").search
_SECONDS = re.compile(r"-?[0-9]+").fullmatch
_SAME_SITE = {"strict": "Strict", "lax": "Lax", "none": "None"}

_DATE_TOKEN = re.compile(r"[^\x09\x20-\x2f\x3b-\x40\x5b-\x60\x7b-\x7e]+").finditer
_TIME = re.compile(r"([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?![0-9])").match
_DAY = re.compile(r"([0-9]{1,2})(?![0-9])").match
_YEAR = re.compile(r"([0-9]{2,4})(?![0-9])").match
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()  # noqa: SIM905


class ReceivedCookie(NamedTuple):
    """What one ``Set-Cookie`` field says, before anybody asks who said it.

    *domain* and *path* are ``""`` where the field leaves them to the URL.
    """

    name: str
    value: str
    domain: str
    path: str
    secure: bool
    http_only: bool
    partitioned: bool
    same_site: str | None
    max_age: int | None
    expires: float | None


def parse_set_cookie(field: str) -> ReceivedCookie | None:
    """Return what *field* sets; ``None`` if it is to be ignored altogether.

    Example::

        >>> parse_set_cookie("a=b; Path=/x; Max-Age=60").path
        '/x'
    """
    if _CONTROL(field):
        return None
    pair, _, rest = field.partition(";")
    name, equals, value = pair.partition("=")
    if not equals:
        name, value = "", pair
    name, value = name.strip(" \t"), value.strip(" \t")
    size = _size(name) + _size(value)
    if not size or size > MAX_COOKIE_BYTES:
        return None
    found = _attributes(rest)
    path = found.get("path", "")
    return ReceivedCookie(
        name=name,
        value=value,
        domain=found.get("domain", "").lower().removeprefix("."),
        path=path if path.startswith("/") else "",
        secure="secure" in found,
        http_only="httponly" in found,
        partitioned="partitioned" in found,
        same_site=_SAME_SITE.get(found.get("samesite", "").lower()),
        max_age=int(found["max-age"]) if "max-age" in found else None,
        expires=parse_date(found.get("expires", "")),
    )


def _attributes(text: str) -> dict[str, str]:
    """The attributes that count: the last of each name that makes sense."""
    found: dict[str, str] = {}
    for item in text.split(";"):
        name, _, value = item.partition("=")
        name, value = name.strip(" \t").lower(), value.strip(" \t")
        if _size(value) > _MAX_ATTRIBUTE_BYTES:
            continue
        if name == "max-age" and not _SECONDS(value):
            continue
        if name == "expires" and parse_date(value) is None:
            continue
        found[name] = value
    return found


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


def parse_date(text: str) -> float | None:
    """Read a date in any of the notations servers use (section 5.1.1).

    Example::

        >>> parse_date("Thu, 01 Jan 1970 00:01:00 GMT")
        60.0
    """
    time = day = month = year = None
    for token in _DATE_TOKEN(text):
        word = token[0]
        if time is None and (found := _TIME(word)):
            time = (int(found[1]), int(found[2]), int(found[3]))
        elif day is None and (found := _DAY(word)):
            day = int(found[1])
        elif month is None and word[:3].lower() in _MONTHS:
            month = _MONTHS.index(word[:3].lower()) + 1
        elif year is None and (found := _YEAR(word)):
            year = int(found[1])
    if time is None or day is None or month is None or year is None:
        return None
    if year < 100:
        year += 1900 if year >= 70 else 2000
    if year < 1601:
        return None
    try:
        return datetime(year, month, day, *time, tzinfo=UTC).timestamp()
    except ValueError:  # the 30th of February, or 25 o'clock
        return None
