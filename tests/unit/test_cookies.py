"""Cookies: a mapping by name, and which request gets which cookie."""

from __future__ import annotations

import pickle
from http.cookiejar import CookieJar
from types import SimpleNamespace
from typing import Any

import pytest

from mooring import URL, CookieConflict, Cookies, Headers


def a_request(url: str, **headers: str) -> Any:
    """What a cookie jar needs to know of a request."""
    return SimpleNamespace(url=URL(url), headers=Headers(headers))


def a_response(url: str, *fields: str) -> Any:
    """What a cookie jar needs to know of a response."""
    headers = Headers([("Set-Cookie", field) for field in fields])
    return SimpleNamespace(request=a_request(url), headers=headers)


def cookies_from(url: str, *fields: str) -> Cookies:
    cookies = Cookies()
    cookies.extract_cookies(a_response(url, *fields))
    return cookies


def sent_to(url: str, cookies: Cookies) -> str | None:
    request = a_request(url)
    cookies.set_cookie_header(request)
    headers: Headers = request.headers
    return headers.get("cookie")


@pytest.mark.parametrize(
    "given", [{"a": "1"}, [("a", "1")], Cookies({"a": "1"}), Cookies({"a": "1"}).jar]
)
def test_what_it_takes(given: Any) -> None:
    """Dicts, pairs, cookies and jars make cookies."""
    assert dict(Cookies(given)) == {"a": "1"}


def test_mapping() -> None:
    """Cookies can be used as a dict of names and values."""
    cookies = Cookies()
    assert not cookies
    cookies["a"] = "1"
    cookies.set("b", "2", domain="example.org", path="/x")

    assert cookies
    assert len(cookies) == 2
    assert sorted(cookies) == ["a", "b"]
    assert cookies["a"] == "1"
    assert "a" in cookies
    assert "z" not in cookies
    del cookies["a"]
    assert list(cookies) == ["b"]
    with pytest.raises(KeyError, match="a"):
        cookies["a"]


def test_get_picks_by_domain_and_path() -> None:
    """Several cookies of one name are a conflict until domain or path decide."""
    cookies = Cookies({"a": "1"})
    cookies.set("a", "2", domain="example.org")
    cookies.set("a", "3", domain="example.org", path="/x")

    assert cookies.get("a", domain="example.org", path="/x") == "3"
    assert cookies.get("a", domain="") == "1"
    assert cookies.get("z", "none") == "none"
    assert cookies.get("z") is None
    with pytest.raises(CookieConflict, match="Multiple cookies exist with name=a"):
        cookies.get("a", domain="example.org")


def test_delete() -> None:
    """Cookies are removed by name, and more precisely on request."""
    cookies = Cookies({"a": "1", "b": "1"})
    cookies.set("a", "2", domain="example.org")
    cookies.delete("a", domain="example.org")
    assert cookies["a"] == "1"
    cookies.delete("a")

    assert list(cookies) == ["b"]
    cookies.delete("z")
    with pytest.raises(KeyError, match="x"):
        cookies.delete("z", domain="x", path="/")


def test_clear() -> None:
    """All cookies, those of a domain, or those of a path of it go."""
    cookies = Cookies({"a": "1"})
    cookies.set("b", "2", domain="x.org", path="/p")
    cookies.set("c", "3", domain="x.org")
    cookies.clear("x.org", "/p")
    assert sorted(cookies) == ["a", "c"]
    cookies.clear(domain="x.org")
    assert list(cookies) == ["a"]
    with pytest.raises(ValueError, match="domain"):
        cookies.clear(path="/")
    cookies.clear()
    assert list(cookies) == []


def test_update() -> None:
    """Other cookies are taken in and replace those of their name."""
    cookies = Cookies({"a": "1", "b": "1"})
    cookies.update({"b": "2", "c": "2"})
    cookies.update(None)

    assert dict(cookies) == {"a": "1", "b": "2", "c": "2"}


def test_copy_is_independent() -> None:
    """Cookies made of cookies share nothing, those made of a jar use it."""
    original = Cookies({"a": "1"})
    Cookies(original)["b"] = "2"
    assert list(original) == ["a"]
    jar = CookieJar()
    Cookies(jar)["b"] = "2"

    assert [cookie.name for cookie in jar] == ["b"]


def test_jar_can_be_replaced() -> None:
    """The jar is a plain attribute to whoever sets it."""
    cookies = Cookies()
    cookies.jar = jar = CookieJar()

    assert jar is cookies.jar


@pytest.mark.parametrize(
    ("name", "value"),
    [("a", "b\r\nX: y"), ("a", "b;c=d"), ("a=b", "c"), ("a;b", "c"), ("a", "\0")],
)
def test_refuses_what_would_inject(name: str, value: str) -> None:
    """A cookie cannot smuggle in another cookie or field, nor is it quoted back."""
    with pytest.raises(ValueError, match="forbidden character") as caught:
        Cookies({name: value})
    assert repr(value) not in str(caught.value)


def test_repr_masks_values() -> None:
    """Names and domains show, values do not."""
    cookies = Cookies({"a": "secret"})
    cookies.set("b", "secret", domain="x.org")

    assert (
        repr(cookies)
        == "<Cookies[<Cookie a=[secure] for  />, <Cookie b=[secure] for x.org />]>"
    )
    assert repr(Cookies()) == "<Cookies[]>"


def test_pickle() -> None:
    """Cookies pickle, though their jar does not."""
    cookies = cookies_from("http://x.org/", "a=1; Path=/p", "b=2")

    other = pickle.loads(pickle.dumps(cookies))

    assert sent_to("http://x.org/", other) == "b=2"
    assert sent_to("http://x.org/p", other) == "a=1; b=2"
    assert dict(pickle.loads(pickle.dumps(Cookies()))) == {}


def test_set_by_hand_goes_everywhere() -> None:
    """A cookie without a domain is sent to every host."""
    cookies = Cookies({"a": "1", "b": "x y"})

    assert sent_to("http://x.org/", cookies) == "a=1; b=x y"
    assert sent_to("http://localhost:8000/p", cookies) == "a=1; b=x y"
    assert sent_to("http://[::1]/", cookies) == "a=1; b=x y"


def test_field_already_there_stays() -> None:
    """A Cookie field the caller wrote is not touched."""
    request = a_request("http://x.org/", cookie="own=1")
    Cookies({"a": "1"}).set_cookie_header(request)

    assert request.headers["cookie"] == "own=1"


def test_no_cookies_no_field() -> None:
    """Without a cookie for the host no field is added."""
    assert sent_to("http://x.org/", Cookies()) is None
    assert sent_to("http://x.org/", cookies_from("http://y.org/", "a=1")) is None


@pytest.mark.parametrize(
    ("origin", "field", "sent", "not_sent"),
    [
        ("http://x.org/", "a=1", ["http://x.org/q"], ["http://s.x.org/"]),
        (
            "http://s.x.org/",
            "a=1; Domain=x.org",
            ["http://t.x.org/"],
            ["http://ax.org/"],
        ),
        ("http://x.org/", "a=1; Domain=.x.org", ["http://t.x.org/"], ["http://y.org/"]),
        ("http://x.org/", "a=1; Domain=y.org", [], ["http://x.org/", "http://y.org/"]),
        ("https://x.org/", "a=1; Secure", ["https://x.org/"], ["http://x.org/"]),
        ("http://x.org/", "a=1; Path=/f", ["http://x.org/f/b"], ["http://x.org/foo"]),
        ("http://x.org/a/b", "a=1", ["http://x.org/a/c"], ["http://x.org/b"]),
        ("http://localhost/", "a=1", ["http://localhost/"], ["http://local/"]),
        ("http://127.0.0.1/", "a=1", ["http://127.0.0.1:8/"], ["http://127.0.0.2/"]),
        ("http://1.2.3.4/", "a=1; Domain=3.4", [], ["http://1.2.3.4/"]),
        ("http://x.org/", "a=1; Domain=.", ["http://x.org/"], ["http://s.x.org/"]),
        ("http://x.org/", "a=1; Domain=", ["http://x.org/"], ["http://s.x.org/"]),
        ("http://x.org/", "a=1; Domain=..", [], ["http://x.org/", "http://y.org/"]),
        ("http://a.co.uk/", "a=1; Domain=co.uk", [], ["http://b.co.uk/"]),
        ("http://a.co.uk./", "a=1; Domain=co.uk.", [], ["http://b.co.uk./"]),
        ("http://x.org/", "a=1", ["http://x.org/"], ["http://x.org./"]),
        ("http://[::1]/", "a=1", ["http://[::1]/"], ["http://[::2]/"]),
        ("http://x.org/", "a=1; Max-Age=0", [], ["http://x.org/"]),
        ("http://u:p@x.org/", "a=1", ["http://x.org/"], ["http://y.org/"]),
        ("http://x.org/", "a=1", ["http://u:p@x.org/"], ["http://x.org:p@y.org/"]),
    ],
)
def test_which_request_gets_it(
    origin: str, field: str, sent: list[str], not_sent: list[str]
) -> None:
    """A received cookie goes where RFC 6265 sends it and nowhere else."""
    cookies = cookies_from(origin, field)

    assert ["a=1"] * len(sent) == [sent_to(url, cookies) for url in sent]
    assert [None] * len(not_sent) == [sent_to(url, cookies) for url in not_sent]


def test_host_field_does_not_decide() -> None:
    """The host of the URL counts, not what the Host field claims."""
    cookies = cookies_from("http://x.org/", "a=1")
    request = a_request("http://y.org/", host="x.org")
    cookies.set_cookie_header(request)

    assert "cookie" not in request.headers


def test_no_set_cookie_no_jar() -> None:
    """A response without cookies costs nothing and needs no request."""
    response: Any = SimpleNamespace(headers=Headers({"a": "1"}))
    cookies = Cookies()
    cookies.extract_cookies(response)

    assert not cookies


def test_cap_per_response() -> None:
    """One response can set fifty cookies."""
    fields = [f"c{i}=1" for i in range(1000)]

    assert len(cookies_from("http://x.org/", *fields)) == 50


def test_cap_of_the_field() -> None:
    """The field sent stays within what servers take, in whole cookies."""
    cookies = Cookies({f"c{i}": "x" * 1000 for i in range(20)})
    field = sent_to("http://x.org/", cookies)

    assert field is not None
    assert len(field) <= 8190
    assert {1000} == {len(c.partition("=")[2]) for c in field.split("; ")}
    assert len(field.split("; ")) == 8


def test_many_sites() -> None:
    """Cookies of many sites keep apart, in the order they were set."""
    cookies = Cookies()
    for i in range(300):
        cookies.set("n", str(i), domain=f"h{i}.x.org")
    cookies.set("p", "1", domain=".x.org")
    cookies.set("q", "1")

    assert sent_to("http://h7.x.org/", cookies) == "n=7; p=1; q=1"
    assert sent_to("http://h301.x.org/", cookies) == "p=1; q=1"
