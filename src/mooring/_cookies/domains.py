"""Which host and which path a cookie is for (RFC 6265bis sections 5.1.2 to 5.1.4)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from importlib import import_module

__all__ = [
    "default_path",
    "domain_matches",
    "is_address",
    "is_host_only",
    "is_public_suffix",
    "names_covering",
    "path_matches",
]

# The last label of a name that WHATWG would read as an IPv4 address.
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9a-fA-F]*").fullmatch

# A name longer than DNS allows has no parents worth looking up.
_MAX_HOST = 255

# Under a country's domain these belong to its registry nearly everywhere. All that
# is refused without the list of the extra, besides single labels.
_REGISTRY_LABELS = frozenset({"ac", "co", "com", "edu", "gov", "mil", "net", "org"})


def is_address(host: str) -> bool:
    """Say whether *host* is an IP address, or a number that may stand for one."""
    return ":" in host or _NUMBER(host.rstrip(".").rpartition(".")[2]) is not None


def is_host_only(host: str) -> bool:
    """Say whether ``Domain=`` with *host* itself cannot mean names below it."""
    return host.endswith(".") or is_address(host) or is_public_suffix(host)


def domain_matches(host: str, domain: str) -> bool:
    """Say whether *host* is *domain* or, being a name, below it."""
    if host == domain:
        return True
    return host.endswith(f".{domain}") and not is_address(host)


def names_covering(host: str) -> Iterator[str]:
    """Yield every domain that *host* matches, itself first."""
    yield host
    if "." not in host:
        # What http.cookiejar makes of such hosts, and programs for it spell out.
        yield f"{host}.local"
    elif len(host) <= _MAX_HOST and not is_address(host):
        while host := host.partition(".")[2]:
            yield host


def default_path(path: str) -> str:
    """Return the path of a cookie that names none, set by a response for *path*."""
    directory = path.partition("?")[0].rpartition("/")[0]
    return directory if directory.startswith("/") else "/"


def path_matches(path: str, cookie_path: str) -> bool:
    """Say whether a request for *path* is one for *cookie_path*."""
    if not path.startswith(cookie_path):
        return False
    return (
        len(path) == len(cookie_path)
        or cookie_path.endswith("/")
        or path[len(cookie_path)] == "/"
    )


def is_public_suffix(domain: str) -> bool:
    """Say whether unrelated people have names below *domain*.

    With the extra ``psl`` the Public Suffix List decides; without it, a rule of
    thumb: a single label, or one such as ``co.uk``.
    """
    first, dot, rest = domain.partition(".")
    if not dot:
        return True
    listed = _suffix_list()
    if listed is not None:
        return listed(domain)
    return len(rest) == 2 and first in _REGISTRY_LABELS


@lru_cache(maxsize=1)
def _suffix_list() -> Callable[[str], bool] | None:
    # The list takes some 50 ms to read, so not before it is asked.
    try:
        package = import_module("publicsuffixlist")
    except ImportError:
        return None
    is_public: Callable[[str], bool] = package.PublicSuffixList().is_public
    return is_public
