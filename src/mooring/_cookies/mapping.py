"""``Cookies``: a mapping by name over a store of our own, or over a jar given.

The one place beneath the backends that reads a clock and holds a lock: people use
it by itself, from any thread. The store is told the time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, MutableMapping
from threading import RLock
from time import time
from typing import TYPE_CHECKING

from .._errors import CookieConflict
from .parse import parse_set_cookie
from .place import place_of
from .store import CookieStore, StoredCookie

if TYPE_CHECKING:
    from http.cookiejar import Cookie, CookieJar

    from .._messages.request import Request
    from .._messages.response import Response
    from .._types import CookieTypes

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

    __slots__ = ("_jar", "_store")

    # One of the two has the cookies: the store, unless a jar was brought. The jar
    # beside a store is only a view of it.
    _store: CookieStore | None
    _jar: CookieJar | None

    def __init__(self, cookies: CookieTypes | None = None) -> None:
        self._store = CookieStore(time, RLock())
        self._jar = None
        if cookies is None:
            return
        if isinstance(cookies, Cookies):
            self._take_over(cookies)
        elif isinstance(cookies, Mapping):
            for name, value in cookies.items():
                self.set(name, value)
        elif isinstance(cookies, (list, tuple)):
            for name, value in cookies:
                self.set(name, value)
        elif hasattr(cookies, "add_cookie_header"):
            self.jar = cookies
        else:
            # The value itself may be a secret, so only its type is named.
            raise TypeError(
                "cookies must be a mapping, a list of pairs, Cookies or a CookieJar,"
                f" not {type(cookies).__name__}"
            )

    @property
    def jar(self) -> CookieJar:
        """The cookies as a ``http.cookiejar.CookieJar``; can be set to another."""
        if self._jar is None:
            from .jar import StoreCookieJar  # see the text of that module

            assert self._store is not None
            self._jar = StoreCookieJar(self._store)
        return self._jar

    @jar.setter
    def jar(self, jar: CookieJar) -> None:
        # The view of another store brings its store along.
        store = getattr(jar, "store", None)
        self._jar = jar
        self._store = store if isinstance(store, CookieStore) else None

    def extract_cookies(self, response: Response) -> None:
        """Take in the cookies that *response* sets.

        Those of its URL's host or a parent domain are kept, the others ignored.
        ``response.request`` must be set.
        """
        values = response.headers._values_of(b"set-cookie")
        if not values:
            return
        fields = [_decoded(value) for value in values[:_MAX_COOKIES_PER_RESPONSE]]
        store, jar = self._deciding()
        if store is None:
            from .foreign import extract_cookies_into

            texts = [text for text, _ in fields]
            extract_cookies_into(jar, texts, response.request)
            return
        place = place_of(response.request.url)
        for text, encoding in fields:
            received = parse_set_cookie(text)
            if received is not None:
                store.receive(received, place, encoding)

    def set_cookie_header(self, request: Request) -> None:
        """Give *request* the ``Cookie`` field its URL calls for.

        A field that is already there stays as it is.
        """
        if not self or "cookie" in request.headers:
            return
        store, jar = self._deciding()
        if store is None:
            from .foreign import add_cookies_of

            value = add_cookies_of(jar, request).encode("utf-8")
        else:
            found = store.matching(place_of(request.url))
            value = b"; ".join([cookie.pair() for cookie in found])
        if value:
            request.headers.update([(b"Cookie", _shortened(value))])

    def set(self, name: str, value: str, domain: str = "", path: str = "/") -> None:
        """Set a cookie; without *domain* it goes to every host.

        Raises:
            ValueError: Name or value has a character in it that would end it.
        """
        name, value = str(name), "" if value is None else str(value)
        if _BAD_NAME(name) or _BAD_VALUE(value):
            # The value is likely a secret, so the message does not show it.
            raise ValueError(f"cookie {name[:100]!r} has a forbidden character")
        if self._store is not None:
            # A server would have it that scripts do not see it, says httpx.
            cookie = StoredCookie(name, value, domain, path, http_only=True)
            self._store.put(cookie)
        else:
            from .jar import new_cookie

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
            self._remove(domain, path, name)
            return
        for cookie in self._matching(name, domain, path):
            self._remove(cookie.domain, cookie.path, cookie.name)

    def clear(self, domain: str | None = None, path: str | None = None) -> None:
        """Remove all cookies, those of one domain, or of one path of it.

        Raises:
            KeyError: There are none of that domain and path.
            ValueError: A path is given without a domain.
        """
        if domain is not None:
            self._remove(domain, path)
        elif path is not None:
            raise ValueError("clearing a path needs its domain as well")
        elif self._store is not None:
            self._store.clear()
        else:
            self.jar.clear()

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
        return len(self.jar if self._store is None else self._store)

    def __iter__(self) -> Iterator[str]:
        return iter([cookie.name for cookie in self._listed()])

    def __bool__(self) -> bool:
        # A jar counts by walking, so it is only asked for a first cookie.
        if self._store is not None:
            return bool(self._store)
        return next(iter(self.jar), None) is not None

    def __repr__(self) -> str:
        # Values stay out: they are as good as passwords.
        shown = [f"<Cookie {c.name}=[secure] for {c.domain} />" for c in self._listed()]
        return f"<Cookies[{', '.join(shown)}]>"

    def __reduce__(self) -> tuple[object, ...]:
        # Neither a lock nor a clock pickles; cookies do.
        return _restored, (self._listed(),)

    def _listed(self) -> list[StoredCookie | Cookie]:
        return [*(self.jar if self._store is None else self._store)]

    def _deciding(self) -> tuple[CookieStore | None, CookieJar]:
        """Return the store, or else the jar, that decides which cookie goes where."""
        jar = self._jar
        if jar is None or getattr(jar, "policy", None) is None:
            return self._store, jar  # type: ignore[return-value]  # one is not None
        return None, jar

    def _take_over(self, other: Cookies) -> None:
        for cookie in other._listed():
            self._put(cookie)

    def _put(self, cookie: StoredCookie | Cookie) -> None:
        if isinstance(cookie, StoredCookie) and self._store is not None:
            # Another object, because a store notes in it when it was used.
            self._store.put(cookie.copy())
            return
        from . import jar

        if self._store is None:
            self.jar.set_cookie(jar.standard(cookie))
        else:
            self._store.put(jar.stored(cookie))

    def _remove(self, domain: str, path: str | None, name: str | None = None) -> None:
        if self._store is not None:
            self._store.remove(domain, path, name)
        elif path is None:
            self.jar.clear(domain)
        elif name is None:
            self.jar.clear(domain, path)
        else:
            self.jar.clear(domain, path, name)

    def _matching(
        self, name: str, domain: str | None, path: str | None
    ) -> list[StoredCookie | Cookie]:
        return [
            cookie
            for cookie in self._listed()
            if cookie.name == name
            and (domain is None or cookie.domain == domain)
            and (path is None or cookie.path == path)
        ]


def _restored(found: list[StoredCookie | Cookie]) -> Cookies:
    cookies = Cookies()
    for cookie in found:
        cookies._put(cookie)
    return cookies


def _decoded(value: bytes) -> tuple[str, str]:
    """*value* as text, and the encoding that gives the same bytes again."""
    try:
        return value.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        return value.decode("latin-1"), "latin-1"


def _shortened(field: bytes) -> bytes:
    """*field* with as many whole cookies as fit."""
    if len(field) <= _MAX_COOKIE_HEADER_BYTES:
        return field
    end = field.rfind(b"; ", 0, _MAX_COOKIE_HEADER_BYTES + 2)
    # A single one that is longer was set by the program, which may know the server.
    return field[:end] if end >= 0 else field.partition(b"; ")[0]


Cookies.__module__ = "mooring"
