"""``Cookies`` beside ``http.cookiejar``: the view of our store, and jars brought."""

from __future__ import annotations

import threading
import time
import urllib.request
from http.cookiejar import Cookie, CookieJar, DefaultCookiePolicy, MozillaCookieJar
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mooring import URL, Cookies, Headers

HOST = "http://x.org/"


def cookies_from(url: str, *fields: str, into: Cookies | None = None) -> Cookies:
    cookies = Cookies() if into is None else into
    request = SimpleNamespace(url=URL(url), headers=Headers())
    headers = Headers([("Set-Cookie", field) for field in fields])
    response: Any = SimpleNamespace(request=request, headers=headers)
    cookies.extract_cookies(response)
    return cookies


def sent_to(url: str, cookies: Cookies) -> str:
    request: Any = SimpleNamespace(url=URL(url), headers=Headers())
    cookies.set_cookie_header(request)
    headers: Headers = request.headers
    return headers.get("cookie", "")


def test_cookies_show_what_was_set() -> None:
    """The jar yields standard cookies with everything the server said."""
    cookies = cookies_from(
        "https://www.x.org/p/q",
        "a=1; Domain=x.org; Secure; HttpOnly; SameSite=Lax; Max-Age=60; Partitioned",
        "b=2",
    )
    first, second = cookies.jar

    assert isinstance(first, Cookie)
    assert ("a", "1", ".x.org", "/p") == (
        first.name,
        first.value,
        first.domain,
        first.path,
    )
    assert (True, True, True) == (
        first.secure,
        first.domain_specified,
        first.domain_initial_dot,
    )
    assert "Lax" == first.get_nonstandard_attr("SameSite")
    assert first.has_nonstandard_attr("HttpOnly")
    assert first.has_nonstandard_attr("Partitioned")
    assert first.expires is not None
    assert not first.discard
    assert ("www.x.org", False, None, True) == (
        second.domain,
        second.domain_specified,
        second.expires,
        second.discard,
    )


def test_jar_is_a_view() -> None:
    """What is done to the jar is done to the cookies, and the other way round."""
    cookies = Cookies({"a": "1"})
    jar = cookies.jar
    [cookie] = jar
    cookie.value = "2"
    jar.set_cookie(cookie)
    cookies["b"] = "3"

    assert {"a": "2", "b": "3"} == dict(cookies)
    assert 2 == len(jar)
    assert jar is cookies.jar
    jar.clear("", "/", "a")
    assert ["b"] == list(cookies)
    jar.clear_session_cookies()
    assert not cookies


def test_jar_clears_as_the_standard_one() -> None:
    """Domain, path and name narrow it down, in this order."""
    jar = cookies_from(HOST, "a=1", "b=1; Path=/p", "c=1; Path=/p").jar
    with pytest.raises(ValueError, match="domain"):
        jar.clear(None, "/p")
    with pytest.raises(KeyError, match=r"y\.org"):
        jar.clear("y.org")
    jar.clear("x.org", "/p", "c")
    jar.clear("x.org", "/")

    assert ["b"] == [cookie.name for cookie in jar]
    jar.clear()
    assert [] == list(jar)


def test_jar_can_be_shared() -> None:
    """Cookies made of another's jar, or given it, have the same cookies."""
    one = Cookies({"a": "1"})
    other = Cookies(one.jar)
    third = Cookies()
    third.jar = one.jar
    other["b"] = "2"

    assert ["a", "b"] == list(one) == list(third)


def test_jar_serves_urllib() -> None:
    """The jar does its duty for a request of the standard library as well."""
    jar = cookies_from(HOST, "a=1", "b=2; Path=/p").jar
    request = urllib.request.Request("http://x.org/p")
    jar.add_cookie_header(request)

    assert "b=2; a=1" == request.get_header("Cookie")


def test_jar_shows_its_inside() -> None:
    """Programs that look into the nested dicts of the standard jar find them."""
    jar: Any = cookies_from(HOST, "a=1").jar

    assert "1" == jar._cookies["x.org"]["/"]["a"].value


def test_a_policy_has_a_say() -> None:
    """A policy that allows no domain switches cookies off, as it always did."""
    cookies = Cookies()
    cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=["x.org"]))
    cookies_from(HOST, "a=1", into=cookies)
    cookies_from("http://y.org/", "b=1", into=cookies)
    cookies.set("c", "1", domain="z.org")

    assert ["a", "c"] == list(cookies)
    assert ("a=1", "") == (sent_to(HOST, cookies), sent_to("http://z.org/", cookies))


@pytest.mark.parametrize("jar", [CookieJar(), MozillaCookieJar()])
def test_a_jar_that_is_brought_is_used(jar: CookieJar) -> None:
    """Cookies go into the caller's own jar, and come from it."""
    cookies = cookies_from(HOST, "a=1", into=Cookies(jar))
    cookies["b"] = "2"
    cookies.update({"c": "3"})
    cookies.update(cookies_from(HOST, "d=4"))

    assert ["a", "b", "c", "d"] == sorted(cookie.name for cookie in jar)
    assert {"a=1", "b=2", "c=3", "d=4"} == set(sent_to(HOST, cookies).split("; "))
    assert "" == sent_to(HOST, Cookies(CookieJar()))
    assert 4 == len(cookies)
    cookies.clear("x.org", "/")
    cookies.clear("")
    assert not cookies
    cookies["e"] = "5"
    cookies.clear()
    assert [] == list(jar)


def test_a_policy_of_a_jar_that_is_brought() -> None:
    """The way to switch cookies off that httpx users know."""
    cookies = Cookies(CookieJar(DefaultCookiePolicy(allowed_domains=[])))

    assert not cookies_from(HOST, "a=1", into=cookies)


def test_host_only_survives_a_file(tmp_path: Path) -> None:
    """Saved and loaded, a cookie still goes to its own host only."""
    path = str(tmp_path / "cookies.txt")
    file = MozillaCookieJar(path)
    received = cookies_from(HOST, "a=1; Max-Age=99", "b=2; Domain=x.org; Max-Age=99")
    for cookie in received.jar:
        file.set_cookie(cookie)
    file.save()
    again = MozillaCookieJar(path)
    again.load()
    cookies = Cookies()
    for cookie in again:
        cookies.jar.set_cookie(cookie)

    assert {"a=1", "b=2"} == set(sent_to(HOST, cookies).split("; "))
    assert "b=2" == sent_to("http://s.x.org/", cookies)


def test_name_without_value() -> None:
    """What the standard jar takes for a name alone is sent as it came."""
    jar = CookieJar()
    Cookies(jar)
    cookies_from(HOST, "alone", into=Cookies(jar))
    cookies = Cookies()
    for cookie in jar:
        cookies.jar.set_cookie(cookie)

    assert "alone" == sent_to(HOST, cookies)


def test_an_expired_cookie_is_not_shown() -> None:
    """Setting one from the past removes the one that was there."""
    cookies = Cookies({"a": "1"})
    [cookie] = cookies.jar
    cookie.expires = int(time.time()) - 10
    cookies.jar.set_cookie(cookie)

    assert not cookies
    assert [] == list(cookies.jar)


def test_other_things_are_refused() -> None:
    """What is no cookies is named by its type, for it may be a secret."""
    with pytest.raises(TypeError, match="not str") as caught:
        Cookies("session=secret")  # type: ignore[arg-type]

    assert "secret" not in str(caught.value)


def test_threads_share_cookies() -> None:
    """Eight threads that set, look and delete leave only what was not deleted."""
    cookies = Cookies()

    def work(thread: int) -> None:
        for number in range(200):
            cookies_from(f"http://h{number}.org/", f"t{thread}=1", into=cookies)
            sent_to(f"http://h{number}.org/", cookies)
            if number % 2:
                cookies.clear(f"h{number}.org") if thread == 0 else len(cookies)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [8] * 100 == [
        len(sent_to(f"http://h{number}.org/", cookies).split("; "))
        for number in range(0, 200, 2)
    ]
