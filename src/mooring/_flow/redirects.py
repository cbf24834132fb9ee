"""Redirect policy: what the next request may be, and what it must not carry.

1. An origin is (scheme, ASCII host, effective port). Any change sheds credentials,
   in every spelling and number; only an upgrade of the same host from port 80 to
   443 keeps ``Authorization``. Since each request is made from the one before it,
   what was shed stays away for the rest of the chain.
2. ``Cookie`` is never carried over: the jar decides anew for the new URL.
3. A body and the fields that describe it go together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._errors import (
    InvalidURL,
    RemoteProtocolError,
    StreamConsumed,
    UnsupportedProtocol,
)
from .._headers import Headers
from .._url import URL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._messages.request import Request
    from .._messages.response import Response

__all__ = [
    "check_followable",
    "keeps_credentials",
    "redirect_extensions",
    "redirect_headers",
    "redirect_method",
    "redirect_url",
]

# Methods that stay what they are. 302 and 303 turn everything else into GET, 301
# only POST, and 307 and 308 nothing (RFC 9110 section 15.4, browsers for 301/302;
# RFC 10008 section 2.5 for QUERY).
_KEEPS_METHOD = {
    302: frozenset({"HEAD", "QUERY"}),
    303: frozenset({"HEAD"}),
}

_CREDENTIALS = (b"authorization", b"cookie", b"cookie2", b"proxy-authorization")
_COOKIES = (b"cookie", b"cookie2")

# RFC 9110 section 15.4 lists them, but for those that frame the body.
_DESCRIBES_BODY = (
    b"content-length",
    b"transfer-encoding",
    b"content-type",
    b"content-encoding",
    b"content-language",
    b"content-location",
    b"digest",
    b"last-modified",
    b"expect",
    b"trailer",
)


def redirect_method(method: str, status_code: int) -> str:
    """Return the method to use after *method* was answered with *status_code*."""
    if status_code == 301:
        return "GET" if method == "POST" else method
    kept = _KEEPS_METHOD.get(status_code)
    return method if kept is None or method in kept else "GET"


def redirect_url(request: Request, response: Response) -> URL:
    """Return the URL *response* points to.

    Raises:
        RemoteProtocolError: There are several that differ, or it is not a URL.
    """
    locations = set(response.headers.get_list("Location"))
    if len(locations) > 1:
        raise RemoteProtocolError(
            f"{request.url.host} answered with {len(locations)} different Location"
            " values",
            request=request,
        )
    try:
        url = _absolute(request.url, URL(locations.pop()))
    except InvalidURL as exc:
        raise RemoteProtocolError(
            f"Invalid URL in location header: {exc}.", request=request
        ) from exc

    # RFC 9110 section 10.2.2: a Location without a fragment inherits it.
    if request.url.fragment and not url.fragment:
        url = url.copy_with(fragment=request.url.fragment)
    return url


def keeps_credentials(source: URL, target: URL) -> bool:
    """Say whether credentials for *source* may be sent to *target*."""
    if source._pool_key == target._pool_key:
        return True
    scheme, host, port = source._pool_key
    return (scheme, port) == ("http", 80) and target._pool_key == ("https", host, 443)


def redirect_headers(request: Request, url: URL, method: str) -> Headers:
    """Return the header fields for the request that follows *request* to *url*."""
    shed = set(_COOKIES)
    if request.url._pool_key != url._pool_key:
        shed.update(_CREDENTIALS)
        if keeps_credentials(request.url, url):
            shed.discard(b"authorization")
    if method != request.method and method == "GET":
        shed.update(_DESCRIBES_BODY)

    headers = Headers(
        [pair for pair in request.headers.raw if pair[0].lower() not in shed]
    )
    if request.url._pool_key != url._pool_key:
        headers["Host"] = url.netloc.decode("ascii")
    return headers


def redirect_extensions(
    extensions: Mapping[str, object], *, same_origin: bool
) -> dict[str, object]:
    """Return the extensions that still make sense at another URL.

    ``target`` spells out the old URL; ``sni_hostname`` names the old server.
    """
    dropped = {"target"} if same_origin else {"target", "sni_hostname"}
    return {name: value for name, value in extensions.items() if name not in dropped}


def check_followable(
    request: Request, next_request: Request, *, replayable: bool
) -> None:
    """Refuse a redirect that must not, or cannot, be followed.

    Raises:
        UnsupportedProtocol: It leads away from http and https.
        StreamConsumed: It asks for a body that has been used up.
    """
    scheme = next_request.url.scheme
    if scheme not in ("http", "https"):
        unsupported = UnsupportedProtocol(
            f"Scheme {scheme[:100]!r} not supported.", request=next_request
        )
        unsupported.add_note(
            f"{request.url.host} answered with a redirect that is neither http nor"
            " https"
        )
        raise unsupported
    if next_request.stream is request.stream and not replayable:
        consumed = StreamConsumed()
        consumed.add_note(
            f"{request.url.host} redirected a {request.method} request whose body"
            " came from an iterator; give bytes or a seekable file to follow such"
            " redirects"
        )
        raise consumed


def _absolute(base: URL, location: URL) -> URL:
    """Resolve *location*, leaving no userinfo in it that *base* did not have.

    Credentials in a Location come from the server, not from the user.
    """
    if location.userinfo:
        location = location.copy_with(username=None, password=None)
    if location.scheme in ("http", "https") and not location.host:
        # "https:///path" names no host; browsers take the one they came from.
        return location.copy_with(host=base.host)
    return base.join(location) if location.is_relative_url else location
