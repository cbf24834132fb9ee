"""``http.cookiejar`` on either side of a ``CookieStore``.

Imported late: ``http.cookiejar`` brings ``ssl`` and ``email`` along, which most
programs that use cookies can do without.
"""

from __future__ import annotations

from http.cookiejar import Cookie, CookieJar, CookiePolicy
from typing import TYPE_CHECKING

from .._url import URL
from .parse import parse_set_cookie
from .place import place_of
from .store import CookieStore, StoredCookie

if TYPE_CHECKING:
    from collections.abc import Iterator
    from http.client import HTTPResponse
    from urllib.request import Request

__all__ = ["StoreCookieJar", "new_cookie", "standard", "stored"]


class StoreCookieJar(CookieJar):
    """What ``Cookies.jar`` is: a cookie jar whose cookies are in a store.

    Cookies that it yields are copies; ``set_cookie`` puts a changed one back. A
    policy that is set has a say besides the rules of RFC 6265.
    """

    def __init__(self, store: CookieStore) -> None:
        super().__init__()
        self.store = store
        self.policy: CookiePolicy | None = None

    def set_policy(self, policy: CookiePolicy) -> None:
        """Have *policy* asked about every cookie as well."""
        super().set_policy(policy)
        self.policy = policy

    def __iter__(self) -> Iterator[Cookie]:
        return iter([standard(cookie) for cookie in self.store])

    def __len__(self) -> int:
        return len(self.store)

    def set_cookie(self, cookie: Cookie) -> None:
        """File *cookie*, in the place of one of that domain, path and name."""
        self.store.put(stored(cookie))

    def make_cookies(self, response: HTTPResponse, request: Request) -> list[Cookie]:
        """Return the cookies that *response* may set."""
        return [standard(cookie) for cookie in self._judged(response, request)]

    def extract_cookies(self, response: HTTPResponse, request: Request) -> None:
        """File the cookies that *response* may set."""
        for cookie in self._judged(response, request):
            if self.policy is None or self.policy.set_ok(standard(cookie), request):
                self.store.put(cookie)

    def set_cookie_if_ok(self, cookie: Cookie, request: Request) -> None:
        """File *cookie* unless the policy objects."""
        if self.policy is None or self.policy.set_ok(cookie, request):
            self.set_cookie(cookie)

    def clear(
        self,
        domain: str | None = None,
        path: str | None = None,
        name: str | None = None,
    ) -> None:
        """Remove all cookies, those of a domain, of a path of it, or one.

        Raises:
            KeyError: There are none.
            ValueError: A path without a domain, or a name without both.
        """
        if (name is not None and path is None) or (path is not None and domain is None):
            raise ValueError("a path needs its domain as well, a name both")
        if domain is None:
            self.store.clear()
        else:
            self.store.remove(domain, path, name)

    def clear_session_cookies(self) -> None:
        """Remove the cookies that are not to outlive the session."""
        self.store.clear_session()

    def clear_expired_cookies(self) -> None:
        """Do nothing: expired cookies are never seen."""

    @property
    def _cookies(self) -> dict[str, dict[str, dict[str, Cookie]]]:
        """A copy, in the layout of the standard jar, for those who look inside."""
        nested: dict[str, dict[str, dict[str, Cookie]]] = {}
        for cookie in self:
            paths = nested.setdefault(cookie.domain, {})
            paths.setdefault(cookie.path, {})[cookie.name] = cookie
        return nested

    @_cookies.setter
    def _cookies(self, cookies: object) -> None:
        """Ignore the empty dict that the base class starts with."""

    if not TYPE_CHECKING:  # the method is not in the published type stubs

        def _cookies_for_request(self, request: Request) -> list[Cookie]:
            place = place_of(URL(request.get_full_url()))
            cookies = [standard(cookie) for cookie in self.store.matching(place)]
            return [cookie for cookie in cookies if self._may_return(cookie, request)]

    def _judged(self, response: HTTPResponse, request: Request) -> list[StoredCookie]:
        place = place_of(URL(request.get_full_url()))
        fields: list[str] = response.info().get_all("Set-Cookie", [])
        received = [parse_set_cookie(field) for field in fields]
        judged = [self.store.judge(cookie, place) for cookie in received if cookie]
        return [cookie for cookie in judged if cookie is not None]

    def _may_return(self, cookie: Cookie, request: Request) -> bool:
        policy = self.policy
        return policy is None or (
            policy.domain_return_ok(cookie.domain, request)
            and policy.path_return_ok(cookie.path, request)
            and policy.return_ok(cookie, request)
        )


def stored(cookie: Cookie | StoredCookie) -> StoredCookie:
    """Translate a standard cookie into ours."""
    if isinstance(cookie, StoredCookie):
        return cookie.copy()
    # The standard jar has a name and no value where RFC 6265 has it the other way.
    name, value = cookie.name, cookie.value
    if value is None:
        name, value = "", cookie.name
    return StoredCookie(
        name=name,
        value=value,
        domain=cookie.domain,
        path=cookie.path or "/",
        host_only=bool(cookie.domain) and not cookie.domain_specified,
        secure=bool(cookie.secure),
        http_only=cookie.has_nonstandard_attr("HttpOnly"),
        partitioned=cookie.has_nonstandard_attr("Partitioned"),
        same_site=cookie.get_nonstandard_attr("SameSite"),
        expires=cookie.expires,
    )


def standard(cookie: StoredCookie | Cookie) -> Cookie:
    """Translate one of our cookies into a standard one."""
    if isinstance(cookie, Cookie):
        return cookie
    attributes = (
        ("HttpOnly", cookie.http_only, None),
        ("Partitioned", cookie.partitioned, None),
        ("SameSite", cookie.same_site is not None, cookie.same_site),
    )
    rest = {name: value for name, is_set, value in attributes if is_set}
    return Cookie(
        version=0,
        name=cookie.name,
        value=cookie.value,
        port=None,
        port_specified=False,
        domain=cookie.domain,
        domain_specified=bool(cookie.domain) and not cookie.host_only,
        domain_initial_dot=cookie.domain.startswith("."),
        path=cookie.path,
        path_specified=True,
        secure=cookie.secure,
        expires=None if cookie.expires is None else int(cookie.expires),
        discard=cookie.expires is None,
        comment=None,
        comment_url=None,
        rest=rest,  # type: ignore[arg-type]  # None for a flag, as the jar has it
    )


def new_cookie(name: str, value: str, domain: str, path: str) -> Cookie:
    """Make a session cookie as a program sets it, not a server."""
    return standard(StoredCookie(name, value, domain, path, http_only=True))
