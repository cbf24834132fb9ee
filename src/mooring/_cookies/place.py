"""What of a URL matters for cookies."""

from __future__ import annotations

from typing import NamedTuple

from .._url import URL

__all__ = ["Place", "place_of"]


class Place(NamedTuple):
    """Where a response came from or a request goes to.

    *host* is in lower case and ASCII, without the brackets of IPv6; *path* has no
    query.
    """

    host: str
    path: str
    secure: bool


def place_of(url: URL) -> Place:
    """Return the place *url* points to.

    User information does not count, nor does any Host field: that names a virtual
    host, not the one we talk to (CVE-2026-6276 of curl).
    """
    return Place(
        host=url.raw_host.decode("ascii").lower(),
        path=url.raw_path.partition(b"?")[0].decode("ascii") or "/",
        secure=url.scheme in ("https", "wss"),
    )
