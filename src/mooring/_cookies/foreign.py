"""How a ``http.cookiejar.CookieJar`` that somebody brought sees our messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import urllib.request
    from http.client import HTTPResponse
    from http.cookiejar import CookieJar

    from .._messages.request import Request

__all__ = ["add_cookies_of", "extract_cookies_into"]


def extract_cookies_into(jar: CookieJar, fields: list[str], request: Request) -> None:
    """Have *jar* take in the ``Set-Cookie`` *fields* of the answer to *request*."""
    # Duck types: the jar asks no more of its arguments than these offer.
    jar.extract_cookies(
        cast("HTTPResponse", _ReceivedFields(fields)),
        cast("urllib.request.Request", _AskedURL(request)),
    )


def add_cookies_of(jar: CookieJar, request: Request) -> str:
    """Return the ``Cookie`` field *jar* has for *request*; ``""`` for none."""
    asked = _AskedURL(request)
    jar.add_cookie_header(cast("urllib.request.Request", asked))
    return asked.cookie_field


class _ReceivedFields:
    """The ``Set-Cookie`` fields of a response, as a cookie jar asks for them."""

    def __init__(self, fields: list[str]) -> None:
        self._fields = fields

    def info(self) -> _ReceivedFields:
        return self

    def get_all(self, name: str, default: list[str]) -> list[str]:
        return self._fields if name == "Set-Cookie" else default


class _AskedURL:
    """A request, as a cookie jar asks about it."""

    unverifiable = False

    def __init__(self, request: Request) -> None:
        self._headers = request.headers
        self.cookie_field = ""
        url = request.url
        self.type = url.scheme
        self.origin_req_host = url.raw_host.decode("ascii")
        self.host = url.netloc.decode("ascii")
        # Made of parts to leave the user information out: the jar takes all of
        # "user:password@host" for the host. Nor may it see the Host field, see
        # ``place_of``.
        self._url = f"{url.scheme}://{self.host}{url.raw_path.decode('ascii')}"

    def get_full_url(self) -> str:
        return self._url

    def has_header(self, name: str) -> bool:
        return name in self._headers

    def get_header(self, name: str, default: str | None = None) -> str | None:
        return default

    def add_unredirected_header(self, name: str, value: str) -> None:
        # Only "Cookie": the jar never needs the long dead Cookie2.
        if name == "Cookie":
            self.cookie_field = value
