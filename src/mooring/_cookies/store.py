"""Where cookies are kept: RFC 6265bis section 5.7, with an index by host.

A request costs what its host and the parents of that have cookies, however many
other sites there are. The clock and the lock are given by whoever makes a store.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from .domains import (
    default_path,
    domain_matches,
    is_host_only,
    is_public_suffix,
    names_covering,
    path_matches,
)
from .parse import ReceivedCookie
from .place import Place

__all__ = ["CookieStore", "StoredCookie"]

# RFC 6265bis section 6.1 asks for no fewer than 50 and 3,000; curl and browsers agree.
_MAX_PER_HOST = 180
_MAX_TOTAL = 3000
# How many go at once, so that a site that sets one after another does not have all
# of them looked through each time.
_BATCH = 30

Key: TypeAlias = tuple[str, str, str]


@dataclass(slots=True)
class StoredCookie:
    """One cookie and where it belongs.

    *domain* is spelled as ``http.cookiejar`` does: with a leading dot if a server
    named it, without if it is the host itself, empty for every host.
    """

    name: str
    value: str
    domain: str
    path: str
    host_only: bool = False
    secure: bool = False
    http_only: bool = False
    partitioned: bool = False
    same_site: str | None = None
    expires: float | None = None
    # What a server set; only that is evicted. What a program sets is its own affair.
    received: bool = False
    # Set over TLS, so that a response without TLS cannot replace it.
    guarded: bool = False
    # What turns the value back into the bytes that came.
    encoding: str = "utf-8"
    created: int = field(default=0, compare=False)
    used: int = field(default=0, compare=False)

    @property
    def key(self) -> Key:
        """What tells cookies apart."""
        return (self.domain, self.path, self.name)

    @property
    def host(self) -> str:
        """The name it is filed under."""
        return _host_of(self.domain)

    def copy(self) -> StoredCookie:
        """The same cookie for another store, which will note its use there."""
        return replace(self)

    def pair(self) -> bytes:
        """The cookie as a request sends it."""
        text = f"{self.name}={self.value}" if self.name else self.value
        return text.encode(self.encoding)


class CookieStore:
    """Cookies by host, thread-safe if *lock* is a lock."""

    def __init__(
        self, clock: Callable[[], float], lock: AbstractContextManager[object]
    ) -> None:
        self._clock = clock
        self._lock = lock
        self._all: dict[Key, StoredCookie] = {}
        self._by_host: dict[str, dict[Key, StoredCookie]] = {}
        self._guarded: dict[str, dict[Key, StoredCookie]] = {}
        self._received = 0
        self._ticks = 0
        self._next_expiry = math.inf

    def __len__(self) -> int:
        with self._lock:
            self._sweep()
            return len(self._all)

    def __bool__(self) -> bool:
        # Every request asks, and most clients have none.
        return bool(self._all) and len(self) > 0

    def __iter__(self) -> Iterator[StoredCookie]:
        with self._lock:
            self._sweep()
            return iter(list(self._all.values()))

    def put(self, cookie: StoredCookie) -> None:
        """File *cookie* as it is, in the place of one with the same key.

        One that has expired only removes the other.
        """
        with self._lock:
            self._put(cookie)

    def receive(
        self, received: ReceivedCookie, place: Place, encoding: str = "utf-8"
    ) -> StoredCookie | None:
        """File what a response from *place* sets, if it may; return it."""
        cookie = self.judge(received, place)
        if cookie is not None:
            cookie.encoding = encoding
            self.put(cookie)
        return cookie

    def judge(self, received: ReceivedCookie, place: Place) -> StoredCookie | None:
        """Return what is to be filed; ``None`` if *place* must not set it."""
        domain = _domain_for(received.domain, place.host)
        if domain is None or not _keeps_prefix(received, place, host_only=not domain):
            return None
        cookie = StoredCookie(
            name=received.name,
            value=received.value,
            domain=f".{domain}" if domain else place.host,
            path=received.path or default_path(place.path),
            host_only=not domain,
            secure=received.secure,
            http_only=received.http_only,
            partitioned=received.partitioned,
            same_site=received.same_site,
            expires=self._expiry(received),
            received=True,
            guarded=received.secure and place.secure,
        )
        with self._lock:
            if not place.secure and self._would_shadow(cookie):
                return None
        return cookie

    def matching(self, place: Place) -> list[StoredCookie]:
        """Return what a request to *place* takes along, in the order it is sent.

        Longer paths first, then the older cookies (section 5.8.3).
        """
        found: list[StoredCookie] = []
        with self._lock:
            self._sweep()
            for name in ("", *names_covering(place.host)):
                for cookie in self._by_host.get(name, {}).values():
                    if cookie.host_only and len(name) < len(place.host):
                        continue  # the name of a parent
                    if cookie.secure and not place.secure:
                        continue
                    if path_matches(place.path, cookie.path):
                        found.append(cookie)
            self._ticks += 1
            for cookie in found:
                cookie.used = self._ticks
        found.sort(key=lambda cookie: (-len(cookie.path), cookie.created))
        return found

    def remove(
        self, domain: str, path: str | None = None, name: str | None = None
    ) -> None:
        """Remove the cookies of *domain*, those of one path of it, or just one.

        Raises:
            KeyError: There are none.
        """
        with self._lock:
            shelf = self._by_host.get(_host_of(domain), {})
            doomed = [cookie for cookie in shelf.values() if cookie.domain == domain]
            for wanted, place in ((path, 1), (name, 2)):
                if doomed and wanted is not None:
                    doomed = [c for c in doomed if c.key[place] == wanted]
                    if not doomed:
                        raise KeyError(wanted)
            if not doomed:
                raise KeyError(domain)
            for cookie in doomed:
                self._drop(cookie)

    def clear(self) -> None:
        """Remove all cookies."""
        with self._lock:
            for cookie in list(self._all.values()):
                self._drop(cookie)
            self._next_expiry = math.inf

    def clear_session(self) -> None:
        """Remove the cookies that have no date of expiry."""
        with self._lock:
            for cookie in list(self._all.values()):
                if cookie.expires is None:
                    self._drop(cookie)

    def _put(self, cookie: StoredCookie) -> None:
        self._sweep()
        old = self._all.get(cookie.key)
        if cookie.expires is not None:
            if cookie.expires <= self._clock():
                if old is not None:
                    self._drop(old)
                return
            self._next_expiry = min(self._next_expiry, cookie.expires)
        self._ticks += 1
        cookie.created = cookie.used = self._ticks
        if old is not None:
            cookie.created = old.created
            self._unindex(old)
        self._all[cookie.key] = cookie
        self._by_host.setdefault(cookie.host, {})[cookie.key] = cookie
        if cookie.guarded:
            self._guarded.setdefault(cookie.name, {})[cookie.key] = cookie
        if cookie.received:
            self._received += 1
            self._make_room(cookie.host)

    def _drop(self, cookie: StoredCookie) -> None:
        del self._all[cookie.key]
        self._unindex(cookie)

    def _unindex(self, cookie: StoredCookie) -> None:
        # In _all the successor takes the place, which keeps the order.
        self._received -= cookie.received
        for index, name in (
            (self._by_host, cookie.host),
            (self._guarded, cookie.name),
        ):
            shelf = index.get(name)
            if shelf is not None and cookie.key in shelf:
                del shelf[cookie.key]
                if not shelf:
                    del index[name]

    def _sweep(self) -> None:
        """Drop what has expired; costs nothing until the first one has."""
        if self._next_expiry == math.inf or (now := self._clock()) < self._next_expiry:
            return
        left = math.inf
        for cookie in list(self._all.values()):
            if cookie.expires is None:
                continue
            if cookie.expires <= now:
                self._drop(cookie)
            else:
                left = min(left, cookie.expires)
        self._next_expiry = left

    def _make_room(self, host: str) -> None:
        """Drop those used longest ago, Secure ones last (section 5.7)."""
        for shelf, allowed in (
            (self._by_host[host], _MAX_PER_HOST),
            (self._all, _MAX_TOTAL),
        ):
            if min(len(shelf), self._received) <= allowed:
                continue
            received = [cookie for cookie in shelf.values() if cookie.received]
            if len(received) > allowed:
                received.sort(key=lambda cookie: (cookie.secure, cookie.used))
                for cookie in received[:_BATCH]:
                    self._drop(cookie)

    def _would_shadow(self, cookie: StoredCookie) -> bool:
        """Say whether *cookie* could stand in for one that was set over TLS."""
        return any(
            path_matches(cookie.path, other.path)
            and (
                domain_matches(cookie.host, other.host)
                or domain_matches(other.host, cookie.host)
            )
            for other in self._guarded.get(cookie.name, {}).values()
        )

    def _expiry(self, received: ReceivedCookie) -> float | None:
        if received.max_age is None:
            return received.expires
        if received.max_age <= 0:
            return 0.0
        return self._clock() + min(received.max_age, 10**12)


def _host_of(domain: str) -> str:
    return domain.removeprefix(".").strip("[]").lower()


def _domain_for(domain: str, host: str) -> str | None:
    """Return the domain to file under, ``""`` for *host* alone, ``None`` for no."""
    if not domain or domain == host:
        return "" if not domain or is_host_only(host) else domain
    if domain.endswith(".") or not domain_matches(host, domain):
        return None
    return None if is_public_suffix(domain) else domain


def _keeps_prefix(received: ReceivedCookie, place: Place, *, host_only: bool) -> bool:
    """Say whether the cookie is what a prefix of its name promises (section 4.1.3)."""
    name = (received.name or received.value).lower()
    if not name.startswith(("__host-", "__secure-")):
        return True
    if not received.name or not received.secure or not place.secure:
        return False
    return name.startswith("__secure-") or (host_only and received.path == "/")
