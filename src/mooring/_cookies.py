"""``Cookies``: a mapping over the standard library's cookie jar.

The jar decides which cookie belongs where (RFC 6265 as ``http.cookiejar`` reads
it). It is imported and made when the first cookie turns up: it brings ``ssl``, a
lock and some 20 ms along, and most programs never see a cookie.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, MutableMapping
from typing import TYPE_CHECKING, cast

from ._errors import CookieConflict

if TYPE_CHECKING:
    import urllib.request
    from http.client import HTTPResponse
    from http.cookiejar import Cookie, CookieJar

    from ._messages.request import Request
    from ._messages.response import Response
    from ._types import CookieTypes

__all__ = ["Cookies"]

# More in one response is an attack on the jar, not a session (CVE-2022-32205).
_MAX_COOKIES_PER_RESPONSE = 50
# Servers refuse longer fields, so sending them would lock us out of the site.
_MAX_COOKIE_HEADER_BYTES = 8190

# What would end the cookie, or the header field, in the middle.
_BAD_NAME = re.compile(r"[\x00-\x1f\x7f;=]").search
_BAD_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f;]").search


class Cookies(MutableMapping[str, str]):
    """Cookies by name, each bound to a domain and a path.

    Args:
        cookies: A dict, a list of pairs, other cookies (copied), or a
            ``http.cookiejar.CookieJar`` (used, not copied).

    Example::

        >>> cookies = Cookies({"theme": "dark"})
        >>> cookies.set("session", "1", domain="example.org")
        >>> cookies["theme"]
        'dark'
    """

    __slots__ = ("_jar",)

    _jar: CookieJar | None

    def __init__(self, cookies: CookieTypes | None = None) -> None:
        self._jar = None
        if cookies is None:
            return
        if isinstance(cookies, Cookies):
            self._take_over(cookies)
        elif isinstance(cookies, dict):
            for name, value in cookies.items():
                self.set(name, value)
        elif isinstance(cookies, (list, tuple)):
            for name, value in cookies:
                self.set(name, value)
        else:
            self._jar = cookies

    @property
    def jar(self) -> CookieJar:
        """The ``http.cookiejar.CookieJar`` underneath."""
        jar = self._jar
        if jar is None:
            from ._cookiejar import IndexedCookieJar  # see the module docstring

            jar = self._jar = IndexedCookieJar()
        return jar

    @jar.setter
    def jar(self, jar: CookieJar) -> None:
        self._jar = jar

    def extract_cookies(self, response: Response) -> None:
        """Take in the cookies that *response* sets.

        Those of its URL's host or a parent domain are kept, the others ignored.
        ``response.request`` must be set.
        """
        fields = response.headers.get_list("set-cookie")
        if fields:
            # Duck types: the jar asks no more of its arguments than these offer.
            self.jar.extract_cookies(
                cast("HTTPResponse", _ReceivedFields(fields)),
                cast("urllib.request.Request", _AskedURL(response.request)),
            )

    def set_cookie_header(self, request: Request) -> None:
        """Give *request* the ``Cookie`` field its URL calls for.

        A field that is already there stays as it is.
        """
        if self:
            self.jar.add_cookie_header(
                cast("urllib.request.Request", _AskedURL(request))
            )

    def set(self, name: str, value: str, domain: str = "", path: str = "/") -> None:
        """Set a cookie; without *domain* it goes to every host.

        Raises:
            ValueError: Name or value has a character in it that would end it.
        """
        from ._cookiejar import new_cookie  # see the module docstring

        if _BAD_NAME(str(name)) or _BAD_VALUE(str(value)):
            # The value is likely a secret, so the message does not show it.
            raise ValueError(f"cookie {str(name)[:100]!r} has a forbidden character")
        self.jar.set_cookie(new_cookie(name, value, domain, path))

    def get(  # type: ignore[override]
        self,
        name: str,
        default: str | None = None,
        domain: str | None = None,
        path: str | None = None,
    ) -> str | None:
        """The value of a cookie, or *default*.

        Raises:
            CookieConflict: Several match; say *domain* and *path*.
        """
        found = [c.value for c in self._matching(name, domain, path)]
        values = [value for value in found if value is not None]
        if len(values) > 1:
            raise CookieConflict(f"Multiple cookies exist with name={name}")
        return values[0] if values else default

    def delete(
        self, name: str, domain: str | None = None, path: str | None = None
    ) -> None:
        """Remove all cookies of that name, of one domain or path if given.

        Raises:
            KeyError: Domain and path are given and there is no such cookie.
        """
        if domain is not None and path is not None:
            self.jar.clear(domain, path, name)
            return
        for cookie in self._matching(name, domain, path):
            self.jar.clear(cookie.domain, cookie.path, cookie.name)

    def clear(self, domain: str | None = None, path: str | None = None) -> None:
        """Remove all cookies, those of one domain, or of one path of it.

        Raises:
            KeyError: There are none of that domain and path.
            ValueError: A path is given without a domain.
        """
        if domain is None:
            if path is not None:
                raise ValueError("clearing a path needs its domain as well")
            if self._jar is not None:
                self._jar.clear()
        elif path is None:
            self.jar.clear(domain)
        else:
            self.jar.clear(domain, path)

    def update(self, cookies: CookieTypes | None = None) -> None:  # type: ignore[override]
        """Take in all of *cookies*, replacing those they name."""
        self._take_over(Cookies(cookies))

    def __getitem__(self, name: str) -> str:
        value = self.get(name)
        if value is None:
            raise KeyError(name)
        return value

    def __setitem__(self, name: str, value: str) -> None:
        self.set(name, value)

    def __delitem__(self, name: str) -> None:
        self.delete(name)

    def __len__(self) -> int:
        return 0 if self._jar is None else len(self._jar)

    def __iter__(self) -> Iterator[str]:
        return iter([cookie.name for cookie in self._jar or ()])

    def __bool__(self) -> bool:
        jar = self._jar
        return jar is not None and next(iter(jar), None) is not None

    def __repr__(self) -> str:
        # Values stay out: they are as good as passwords.
        shown = [
            f"<Cookie {c.name}=[secure] for {c.domain} />" for c in self._jar or ()
        ]
        return f"<Cookies[{', '.join(shown)}]>"

    def __reduce__(self) -> tuple[object, ...]:
        # A jar holds a lock, which does not pickle; its cookies do.
        return _restored, (list(self._jar or ()),)

    def _take_over(self, other: Cookies) -> None:
        if other:
            for cookie in other.jar:
                self.jar.set_cookie(cookie)

    def _matching(
        self, name: str, domain: str | None, path: str | None
    ) -> list[Cookie]:
        return [
            cookie
            for cookie in self._jar or ()
            if cookie.name == name
            and (domain is None or cookie.domain == domain)
            and (path is None or cookie.path == path)
        ]


def _restored(jar: list[Cookie]) -> Cookies:
    cookies = Cookies()
    for cookie in jar:
        cookies.jar.set_cookie(cookie)
    return cookies


class _ReceivedFields:
    """The ``Set-Cookie`` fields of a response, as a cookie jar asks for them."""

    def __init__(self, fields: list[str]) -> None:
        self._fields = fields[:_MAX_COOKIES_PER_RESPONSE]

    def info(self) -> _ReceivedFields:
        return self

    def get_all(self, name: str, default: list[str]) -> list[str]:
        return self._fields if name == "Set-Cookie" else default


class _AskedURL:
    """A request, as a cookie jar asks about it."""

    unverifiable = False

    def __init__(self, request: Request) -> None:
        self._request = request
        url = request.url
        self.type = url.scheme
        self.origin_req_host = url.raw_host.decode("ascii")
        self.host = url.netloc.decode("ascii")
        # Made of parts to leave the user information out: the jar takes all of
        # "user:password@host" for the host. Nor may it see the Host field, which
        # names the virtual host, not the one we talk to (CVE-2026-6276 of curl).
        self._url = f"{url.scheme}://{self.host}{url.raw_path.decode('ascii')}"

    def get_full_url(self) -> str:
        return self._url

    def has_header(self, name: str) -> bool:
        return name in self._request.headers

    def get_header(self, name: str, default: str | None = None) -> str | None:
        return default

    def add_unredirected_header(self, name: str, value: str) -> None:
        # Only "Cookie": the jar never needs the long dead Cookie2.
        if name == "Cookie":
            self._request.headers[name] = _shortened(value)


def _shortened(field: str) -> str:
    """*field* with as many whole cookies as fit."""
    if len(field) <= _MAX_COOKIE_HEADER_BYTES:
        return field
    return field[: field.rfind("; ", 0, _MAX_COOKIE_HEADER_BYTES + 2)]


Cookies.__module__ = "mooring"
