"""The standard library's cookie jar, faster and with the domains of RFC 6265.

Imported late, by ``mooring._cookies``: ``http.cookiejar`` is heavy.
"""

from __future__ import annotations

from http.cookiejar import Cookie, CookieJar, DefaultCookiePolicy
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from urllib.request import Request

__all__ = ["IndexedCookieJar", "new_cookie"]


class DomainPolicy(DefaultCookiePolicy):
    """Decides on domains as RFC 6265 section 5.1.3 does.

    The standard one sends cookies that no ``Domain`` came with to sub-domains too,
    and lets an address match by its last numbers.
    """

    def __init__(self) -> None:
        # Refuses Domain=co.uk and the like, as far as a rule of thumb can.
        super().__init__(strict_domain=True)

    def set_ok_domain(self, cookie: Cookie, request: Request) -> bool:
        """Say whether the host may set a cookie for this domain."""
        if cookie.domain_specified:
            domain, host = cookie.domain.strip("."), _host(request)
            if not domain or cookie.domain.endswith("."):
                return False
            if _is_address(host) and domain != host:
                return False
        return super().set_ok_domain(cookie, request)

    def return_ok_domain(self, cookie: Cookie, request: Request) -> bool:
        """Say whether the host is one that the cookie is for."""
        if not cookie.domain:
            return True  # set by hand, for every host
        host, domain = _host(request), cookie.domain.lstrip(".")
        if domain in (host, f"{host}.local", f"[{host}]", f"[{host}].local"):
            return True
        if not cookie.domain_specified or not domain or _is_address(host):
            return False
        return host.endswith(f".{domain}")


class IndexedCookieJar(CookieJar):
    """A jar whose cost per request does not grow with the sites it knows."""

    def __init__(self) -> None:
        super().__init__(DomainPolicy())

    if not TYPE_CHECKING:  # the method is not in the published type stubs

        def _cookies_for_request(self, request: Request) -> list[Cookie]:
            """Ask the policy about the host's domains alone, in the jar's order."""
            candidates = _matching_domains(_host(request))
            cookies: list[Cookie] = []
            for domain in [d for d in self._cookies if d in candidates]:
                cookies.extend(self._cookies_for_domain(domain, request))
            return cookies


def _host(request: Request) -> str:
    return urlsplit(request.get_full_url()).hostname or ""


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _matching_domains(host: str) -> set[str]:
    """Every domain under which a cookie for *host* may be filed.

    That is the host and its parents, with and without a leading dot, and the empty
    domain of cookies set by hand. The jar calls ``localhost`` ``localhost.local``.
    """
    labels = host.split(".")
    if len(labels) == 1:
        labels.append("local")
    domains = {"", f"[{host}]", f"[{host}].local"}
    for start in range(len(labels)):
        domain = ".".join(labels[start:])
        domains |= {domain, f".{domain}"}
    return domains


def new_cookie(name: str, value: str, domain: str, path: str) -> Cookie:
    """Make a session cookie as a program sets it, not a server."""
    return Cookie(
        version=0,
        name=name,
        value=value,
        port=None,
        port_specified=False,
        domain=domain,
        domain_specified=bool(domain),
        domain_initial_dot=domain.startswith("."),
        path=path,
        path_specified=bool(path),
        secure=False,
        expires=None,
        discard=True,
        comment=None,
        comment_url=None,
        rest={"HttpOnly": None},  # type: ignore[dict-item]
        rfc2109=False,
    )
