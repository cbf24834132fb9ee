"""Cookies by the book: RFC 6265 and 6265bis, case by case."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mooring import URL, Cookies, Headers
from mooring._cookies.domains import (
    default_path,
    domain_matches,
    is_public_suffix,
    names_covering,
    path_matches,
)
from mooring._cookies.parse import parse_date, parse_set_cookie

HTTP = "http://www.x.org/dir/page"
HTTPS = "https://www.x.org/dir/page"
NEVER = "Thu, 01 Jan 1970 00:00:00 GMT"
FUTURE = "Wed, 01 Jan 2200 00:00:00 GMT"


def a_request(url: str) -> Any:
    return SimpleNamespace(url=URL(url), headers=Headers())


def cookies_from(url: str, *fields: bytes | str) -> Cookies:
    cookies = Cookies()
    receive(cookies, url, *fields)
    return cookies


def receive(cookies: Cookies, url: str, *fields: bytes | str) -> None:
    raw = [field.encode() if isinstance(field, str) else field for field in fields]
    headers = Headers([(b"Set-Cookie", field) for field in raw])
    response: Any = SimpleNamespace(request=a_request(url), headers=headers)
    cookies.extract_cookies(response)


def sent_to(url: str, cookies: Cookies) -> bytes:
    request = a_request(url)
    cookies.set_cookie_header(request)
    headers: Headers = request.headers
    return dict(headers.raw).get(b"Cookie", b"")


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("a=b", "a=b"),
        ("  a  =  b  ; Path=/", "a=b"),
        ("\ta\t=\tb\t", "a=b"),
        ("a=", "a="),
        ("a", "a"),
        ("=a", "a"),
        ("a=b=c", "a=b=c"),
        ('a="b c"', 'a="b c"'),
        ('a="b;c"', 'a="b'),
        ("a=b; ; ;", "a=b"),
        ("a=b;Path=/dir;pAtH=/", "a=b"),
        ("a b=c d", "a b=c d"),
        ("a=b, c=d", "a=b, c=d"),
        ("a=%00%0d%0a", "a=%00%0d%0a"),
        ("caf\xe9=\u20ac", "caf\xe9=\u20ac"),
        ("", ""),
        ("=", ""),
        (";", ""),
        ("; Path=/", ""),
        ("  =  ; Path=/", ""),
        ("a=b\x00c", ""),
        ("a=b\x01", ""),
        ("a=b; Path=/\x7f", ""),
        ("a=b\x0bc", ""),
        ("a=b; Expires=" + FUTURE, "a=b"),
        ("a=b; Expires=" + NEVER, ""),
        ("a=b; Expires=", "a=b"),
        ("a=b; Expires=tomorrow", "a=b"),
        (f"a=b; Expires={NEVER}; Expires={FUTURE}", "a=b"),
        (f"a=b; Expires={NEVER}; Expires=nonsense", ""),
        ("a=b; Max-Age=0", ""),
        ("a=b; Max-Age=-1", ""),
        ("a=b; Max-Age=60", "a=b"),
        ("a=b; max-age=60; Expires=" + NEVER, "a=b"),
        ("a=b; Max-Age=0; Expires=" + FUTURE, ""),
        ("a=b; Max-Age=+0", "a=b"),
        ("a=b; Max-Age=", "a=b"),
        ("a=b; Max-Age=0x0", "a=b"),
        ("a=b; Max-Age=" + "9" * 1000, "a=b"),
        ("a=b; Max-Age=\u0660", "a=b"),
        ("a=b; Domain=www.x.org", "a=b"),
        ("a=b; Domain=.www.x.org", "a=b"),
        ("a=b; Domain=X.ORG", "a=b"),
        ("a=b; Domain=y.org; Domain=x.org", "a=b"),
        ("a=b; Domain=x.org; Domain=y.org", ""),
        ("a=b; Domain=..x.org", ""),
        ("a=b; Domain=x.org.", ""),
        ("a=b; Domain=org", ""),
        ("a=b; Domain=ww.x.org", ""),
        ("a=b; Domain=a.www.x.org", ""),
        ("a=b; Domain=.", "a=b"),
        ("a=b; Path=dir", "a=b"),
        ("a=b; Path=", "a=b"),
        ("a=b; Path=/dir", "a=b"),
        ("a=b; Path=/dir/", "a=b"),
        ("a=b; Path=/dir/page", "a=b"),
        ("a=b; Path=/di", ""),
        ("a=b; Path=/dir/page/", ""),
        ("a=b; Path=/DIR", ""),
        ("a=b; Secure", ""),
        ("a=b; HttpOnly; SameSite=Strict; Unheard=of", "a=b"),
        ("__Secure-a=b", ""),
        ("__Host-a=b; Path=/", ""),
        ("a=" + "x" * 4095, "a=" + "x" * 4095),
        ("a=" + "x" * 4096, ""),
        ("a=b; Path=/" + "x" * 1024 + "; HttpOnly", "a=b"),
        ("a=b; Path=/nowhere; Path=/" + "x" * 1024, ""),
    ],
)
def test_what_a_field_sets(field: str, expected: str) -> None:
    """A field set by a page is, or is not, sent back to the same page."""
    assert expected.encode() == sent_to(HTTP, cookies_from(HTTP, field))


@pytest.mark.parametrize(
    ("origin", "field", "expected"),
    [
        (HTTPS, "a=b; Secure", b"a=b"),
        (HTTPS, "__Secure-a=b; Secure", b"__Secure-a=b"),
        (HTTPS, "__Secure-a=b", b""),
        (HTTPS, "__SECURE-a=b", b""),
        (HTTP, "__Secure-a=b; Secure", b""),
        (HTTPS, "__Host-a=b; Secure; Path=/", b"__Host-a=b"),
        (HTTPS, "__host-a=b; Secure; Path=/", b"__host-a=b"),
        (HTTPS, "__Host-a=b; Secure", b""),
        (HTTPS, "__Host-a=b; Secure; Path=/dir", b""),
        (HTTPS, "__Host-a=b; Path=/", b""),
        (HTTPS, "__Host-a=b; Secure; Path=/; Domain=www.x.org", b""),
        (HTTPS, "__Host-a=b; Secure; Path=/; Domain=", b"__Host-a=b"),
        (HTTP, "__Host-a=b; Secure; Path=/", b""),
        (HTTPS, "__Host-a; Secure; Path=/", b""),
        (HTTPS, "=__Secure-a=b; Secure", b""),
    ],
)
def test_secure_and_prefixes(origin: str, field: str, expected: bytes) -> None:
    """A name that starts with a prefix keeps the promise, or is not taken."""
    assert expected == sent_to(HTTPS, cookies_from(origin, field))


@pytest.mark.parametrize(
    ("url", "field", "sent", "not_sent"),
    [
        ("http://x.org/", "a=1", "http://x.org:8080/", "http://www.x.org/"),
        ("http://x.org/", "a=1; Domain=x.org", "http://a.b.x.org/", "http://ax.org/"),
        ("http://x.org./", "a=1", "http://x.org./", "http://x.org/"),
        ("http://x.org./", "a=1; Domain=x.org.", "http://x.org./", "http://b.x.org./"),
        ("http://localhost/", "a=1", "http://localhost:5000/", "http://x.org/"),
        (
            "http://localhost/",
            "a=1; Domain=localhost",
            "http://localhost/",
            "http://x.localhost/",
        ),
        ("http://a.intranet/", "a=1", "http://a.intranet/", "http://b.intranet/"),
        ("http://co.uk/", "a=1; Domain=co.uk", "http://co.uk/", "http://x.co.uk/"),
        ("http://10.0.0.1/", "a=1; Domain=10.0.0.1", "http://10.0.0.1/", HTTP),
        ("http://[::1]:80/", "a=1", "http://[::1]:81/", "http://[::2]/"),
        ("http://x.org/a/b/c", "a=1", "http://x.org/a/b/d?q", "http://x.org/a/x"),
        ("http://x.org/a/?b/c", "a=1", "http://x.org/a/", "http://x.org/"),
        ("http://x.org", "a=1", "http://x.org/any", "http://y.org/any"),
        ("http://x.org/", "a=1; Path=/f", "http://x.org/f?q", "http://x.org/f%20"),
        ("http://x.org/", "a=1; Path=/f/", "http://x.org/f/", "http://x.org/f"),
        ("http://b\xfccher.de/", "a=1", "http://xn--bcher-kva.de/", "http://b.de/"),
    ],
)
def test_where_it_goes(url: str, field: str, sent: str, not_sent: str) -> None:
    """Host, port, path and domain decide, as section 5.8.3 has it."""
    cookies = cookies_from(url, field)

    assert (b"a=1", b"") == (sent_to(sent, cookies), sent_to(not_sent, cookies))


@pytest.mark.parametrize(
    ("url", "domain"),
    [
        ("http://x.co.uk/", "co.uk"),
        ("http://x.com/", "com"),
        ("http://x.y.com.au/", "com.au"),
        ("http://a.intranet/", "intranet"),
        ("http://x.localhost/", "localhost"),
        ("http://1.2.3.4/", "3.4"),
        ("http://1.2.3.4/", "4"),
        ("http://x.org/", "0x7f000001"),
        ("http://x.org/", "[::1]"),
        ("http://[::1]/", "1"),
        ("http://x.org/", "x.org@y.org"),
    ],
)
def test_domains_nobody_may_speak_for(url: str, domain: str) -> None:
    """Public suffixes, parts of addresses and strangers are refused."""
    assert not cookies_from(url, f"a=1; Domain={domain}")


def test_order_of_sending() -> None:
    """Longer paths first, then the older cookie, which a new value does not change."""
    cookies = cookies_from(
        HTTP, "a=1; Path=/", "b=1; Path=/dir", "c=1; Path=/dir", "d=1; Path=/dir/page"
    )
    receive(cookies, HTTP, "b=2; Path=/dir")

    assert b"d=1; b=2; c=1; a=1" == sent_to(HTTP, cookies)


def test_replacing_and_removing() -> None:
    """Name, domain and path tell cookies apart; one from the past removes."""
    cookies = cookies_from(HTTP, "a=1", "a=2; Domain=x.org", "a=3; Path=/")
    receive(cookies, HTTP, "a=4", f"a=; Domain=x.org; Expires={NEVER}")

    assert b"a=4; a=3" == sent_to(HTTP, cookies)


def test_bytes_come_back_as_they_came() -> None:
    """A value in no known charset is sent as the bytes it was."""
    cookies = cookies_from(HTTP, b"a=\xff\xfe", "b=\u20ac")

    assert b"a=\xff\xfe; b=\xe2\x82\xac" == sent_to(HTTP, cookies)


@pytest.mark.parametrize(
    ("over_tls", "over_http"),
    [
        ("a=1; Secure", "a=2"),
        ("a=1; Secure", "a=2; Secure"),
        ("a=1; Secure; Domain=x.org", "a=2"),
        ("a=1; Secure", "a=2; Domain=x.org"),
        ("a=1; Secure; Path=/", "a=2; Path=/dir/page"),
        ("a=1; Secure", "a=2; Max-Age=0"),
    ],
)
def test_http_leaves_secure_cookies_alone(over_tls: str, over_http: str) -> None:
    """A response without TLS neither replaces nor shadows what TLS had set."""
    cookies = cookies_from(HTTPS, over_tls)
    receive(cookies, HTTP, over_http)

    assert b"a=1" == sent_to(HTTPS, cookies)


def test_secure_over_http_is_kept_until_tls_is_there() -> None:
    """As in httpx, and unlike in browsers, such a cookie is seen, and renewed."""
    cookies = cookies_from(HTTP, "a=1; Secure; Path=/")
    receive(cookies, HTTP, "a=2; Secure; Path=/")

    assert "2" == cookies["a"]
    assert (b"", b"a=2") == (sent_to(HTTP, cookies), sent_to(HTTPS, cookies))


@pytest.mark.parametrize(
    ("given", "kept"),
    [("strict", "Strict"), ("LAX", "Lax"), ("None", "None"), ("laxative", None)],
)
def test_same_site_is_kept(given: str, kept: str | None) -> None:
    """The three values of SameSite, whole words only."""
    cookie = parse_set_cookie(f"a=b; SameSite={given}")

    assert cookie is not None
    assert kept == cookie.same_site


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Sun, 06 Nov 1994 08:49:37 GMT", 784111777.0),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 784111777.0),
        ("Sun Nov  6 08:49:37 1994", 784111777.0),
        ("6 nov 1994 8:49:37", 784111777.0),
        ("Nov 6 94 08:49:37", 784111777.0),
        ("06/Nov/1994 08:49:37", 784111777.0),
        ("1994 November 6th 08:49:37", 784111777.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("01 Jan 69 00:00:00", 3124224000.0),
        ("01 Jan 70 00:00:00", 0.0),
        ("31 Dec 1600 00:00:00", None),
        ("30 Feb 2030 00:00:00", None),
        ("01 Jan 2030 24:00:00", None),
        ("01 Jan 2030 00:60:00", None),
        ("00 Jan 2030 00:00:00", None),
        ("01 Jan 2030", None),
        ("Jan 2030 00:00:00", None),
        ("01 Foo 2030 00:00:00", None),
        ("", None),
    ],
)
def test_dates(text: str, expected: float | None) -> None:
    """Every notation of section 5.1.1 is understood, and nonsense is not."""
    assert expected == parse_date(text)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", "/"),
        ("/a", "/"),
        ("/a/", "/a"),
        ("/a/b", "/a"),
        ("", "/"),
        ("*", "/"),
        ("x/y", "/"),
    ],
)
def test_default_path(path: str, expected: str) -> None:
    """Everything up to the last slash, or all (section 5.1.4)."""
    assert expected == default_path(path)


@pytest.mark.parametrize(
    ("domain", "expected"),
    [
        ("com", True),
        ("co.uk", True),
        ("com.br", True),
        ("x.uk", False),
        ("t.co", False),
        ("co.example", False),
        ("x.co.uk", False),
    ],
)
def test_rule_of_thumb_for_suffixes(domain: str, expected: bool) -> None:
    """Without the list: single labels, and what registries have below countries."""
    assert expected is is_public_suffix(domain)


_HOST = st.from_regex(r"[a-z0-9]{1,3}(\.[a-z0-9]{1,3}){0,3}", fullmatch=True)
_PATH = st.from_regex(r"/[ab/]{0,6}", fullmatch=True)


@given(_HOST, _HOST)
def test_index_and_match_agree(host: str, domain: str) -> None:
    """The domains looked up for a host are exactly those that it matches."""
    assert domain_matches(host, domain) is (domain in names_covering(host)) or (
        domain == f"{host}.local"
    )


@given(_PATH, _PATH)
def test_a_cookie_goes_back_to_where_it_was_set(path: str, below: str) -> None:
    """The default path covers the page, its neighbours and all below them."""
    directory = default_path(path)

    assert path_matches(path, directory)
    assert path_matches(directory + below, directory)
    assert directory.endswith("/") or not path_matches(directory + "x", directory)


@given(st.text(st.characters(max_codepoint=0x2FF), max_size=60))
def test_any_field_is_survived(field: str) -> None:
    """Whatever a server sends, what comes back is one line and no more than it sent."""
    cookies = Cookies()
    receive(cookies, HTTPS, field)
    back = sent_to(HTTPS, cookies).decode()

    assert not set("\r\n\0;") & set(back)
    assert back.partition("=")[0] in field
    assert back.partition("=")[2] in field


@pytest.mark.parametrize(
    "pattern",
    ["a=b" + " " * 9, "a" * 9, "=" * 9, ";" * 9, "; Expires=1 ", " 0:0:0", "Jan-", '"'],
)
def test_hostile_fields_take_linear_time(pattern: str) -> None:
    """A megabyte of trouble is read before the test times out; squared, it is not."""
    field = "a=b; Expires=" + pattern * (1_000_000 // len(pattern))

    parse_date(field)
    assert parse_set_cookie(field) is not None
