"""The store of cookies: expiry, limits, index, and the extra's list of suffixes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import nullcontext
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mooring._cookies import domains
from mooring._cookies.parse import parse_set_cookie
from mooring._cookies.place import Place
from mooring._cookies.store import CookieStore, StoredCookie

HERE = Place("x.org", "/", secure=True)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(clock: Clock) -> CookieStore:
    return CookieStore(clock, nullcontext())


def receive(store: CookieStore, field: str, place: Place = HERE) -> None:
    received = parse_set_cookie(field)
    assert received is not None
    store.receive(received, place)


def names(store: CookieStore, place: Place = HERE) -> list[str]:
    return [cookie.name for cookie in store.matching(place)]


def test_max_age_counts_from_arrival(store: CookieStore, clock: Clock) -> None:
    """A cookie is there until its time is up, and gone at that moment."""
    receive(store, "a=1; Max-Age=10")
    receive(store, "b=1")
    clock.now += 9.9
    assert ["a", "b"] == names(store)
    clock.now += 0.1

    assert ["b"] == names(store)
    assert 1 == len(store)
    assert ["b"] == [cookie.name for cookie in store]


def test_expiry_is_that_of_each_cookie(store: CookieStore, clock: Clock) -> None:
    """Looking for the first to expire does not forget the others."""
    for seconds in (30, 10, 20):
        receive(store, f"a{seconds}=1; Max-Age={seconds}")
    seen = []
    for _ in range(4):
        seen.append(names(store))
        clock.now += 10

    assert [["a30", "a10", "a20"], ["a30", "a20"], ["a30"], []] == seen


def test_session_cookies_can_go(store: CookieStore) -> None:
    """Those without a date of expiry belong to the session."""
    receive(store, "a=1; Max-Age=10")
    receive(store, "b=1")
    store.clear_session()

    assert ["a"] == names(store)


def test_cap_per_host(store: CookieStore) -> None:
    """A site keeps at most 180 cookies; those used longest ago go first."""
    for number in range(150):
        receive(store, f"old{number}=1")
    receive(store, "used=1; Path=/kept")
    for number in range(29):
        receive(store, f"mid{number}=1")
    assert 180 == len(store)
    store.matching(Place("x.org", "/kept", secure=True))
    receive(store, "other=1", Place("y.org", "/", secure=True))
    receive(store, "new=1")

    kept = names(store, Place("x.org", "/kept", secure=True))
    assert 151 == len(kept)
    assert {"used", "new"} <= set(kept)
    assert ["other"] == names(store, Place("y.org", "/", secure=True))


def test_secure_cookies_stay_longest(store: CookieStore) -> None:
    """A flood of plain cookies does not wash a Secure one away."""
    receive(store, "precious=1; Secure")
    for number in range(1000):
        receive(store, f"n{number}=1", Place("x.org", "/", secure=False))

    assert "precious" in names(store)
    assert len(store) <= 180


def test_cap_in_total(store: CookieStore) -> None:
    """Three thousand received cookies are the most."""
    for number in range(3500):
        receive(store, "n=1", Place(f"h{number}.x.org", "/", secure=False))

    assert 2970 <= len(store) <= 3000
    assert ["n"] == names(store, Place("h3499.x.org", "/", secure=False))
    assert [] == names(store, Place("h0.x.org", "/", secure=False))


def test_what_the_program_set_stays(store: CookieStore) -> None:
    """Limits are for servers; a program may have as many cookies as it likes."""
    for number in range(4000):
        store.put(StoredCookie(f"n{number}", "1", "x.org", "/"))
    for number in range(200):
        receive(store, f"r{number}=1")

    mine = [cookie for cookie in store if not cookie.received]
    assert 4000 == len(mine)
    assert len(store) <= 4180


def test_nothing_is_left_of_what_is_removed(store: CookieStore) -> None:
    """Removing takes exactly what is named, and says so if there is nothing."""
    for field in ("a=1", "b=1", "a=2; Path=/p", "a=3; Domain=x.org"):
        receive(store, field)
    store.remove("x.org", "/p")
    store.remove("x.org", "/", "a")
    for missing in (("y.org",), ("x.org", "/q"), ("x.org", "/", "z")):
        with pytest.raises(KeyError, match=missing[-1]):
            store.remove(*missing)

    assert ["b", "a"] == names(store)
    store.clear()
    assert [] == names(store)
    assert not store


_FIELDS = st.builds(
    "{}={}; Path={}{}{}".format,
    st.sampled_from("ab"),
    st.sampled_from("12"),
    st.sampled_from(["/", "/p"]),
    st.sampled_from(["", "; Domain=x.org", "; Domain=s.x.org"]),
    st.sampled_from(["", "; Max-Age=5", "; Max-Age=0", "; Secure"]),
)
_PLACES = st.builds(
    Place,
    st.sampled_from(["x.org", "s.x.org", "t.s.x.org"]),
    st.sampled_from(["/", "/p", "/p/q"]),
    st.just(True),
)


@given(st.lists(st.tuples(_PLACES, _FIELDS, st.sampled_from([0, 3]))), _PLACES)
def test_index_changes_nothing(
    events: list[tuple[Place, str, int]], asked: Place
) -> None:
    """What the index finds is what a walk over all cookies would find."""
    clock = Clock()
    store = CookieStore(clock, nullcontext())
    for place, field, pause in events:
        clock.now += pause
        receive(store, field, place)

    walked = [
        cookie
        for cookie in store
        if (cookie.host == asked.host if cookie.host_only else True)
        and domains.domain_matches(asked.host, cookie.host)
        and domains.path_matches(asked.path, cookie.path)
    ]
    found = store.matching(asked)
    assert sorted(cookie.key for cookie in walked) == sorted(c.key for c in found)
    assert all(cookie.expires is None or cookie.expires > clock.now for cookie in found)


@pytest.fixture
def list_of_suffixes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The extra ``psl``, as if it were installed, with a list of one line."""

    class PublicSuffixList:
        def is_public(self, domain: str) -> bool:
            return domain == "github.io"

    package = ModuleType("publicsuffixlist")
    package.PublicSuffixList = PublicSuffixList  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "publicsuffixlist", package)
    domains._suffix_list.cache_clear()
    yield
    domains._suffix_list.cache_clear()


@pytest.mark.usefixtures("list_of_suffixes")
def test_the_extra_knows_suffixes(store: CookieStore) -> None:
    """With the Public Suffix List at hand, it decides."""
    there = Place("me.github.io", "/", secure=True)
    receive(store, "a=1; Domain=github.io", there)
    receive(store, "b=1; Domain=me.github.io", there)

    assert ["b"] == names(store, Place("x.me.github.io", "/", secure=True))
    assert not domains.is_public_suffix("co.uk")
