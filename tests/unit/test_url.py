"""URL and Origin: attributes, copies, joining, comparing."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from mooring import URL, InvalidURL, Origin, QueryParams

FULL = "https://us%40er:pa%3Ass@Example.org:8443/pa%20th/x?a=1&b=2#fr%20ag"


def test_attributes() -> None:
    """Every part of a URL, decoded and as bytes."""
    url = URL(FULL)

    assert (url.scheme, url.raw_scheme) == ("https", b"https")
    assert (url.username, url.password) == ("us@er", "pa:ss")
    assert url.userinfo == b"us%40er:pa%3Ass"
    assert (url.host, url.raw_host) == ("example.org", b"example.org")
    assert url.port == 8443
    assert url.netloc == b"example.org:8443"
    assert (url.path, url.raw_path) == ("/pa th/x", b"/pa%20th/x?a=1&b=2")
    assert url.query == b"a=1&b=2"
    assert QueryParams("a=1&b=2") == url.params
    assert url.fragment == "fr ag"
    assert url.is_absolute_url
    assert not url.is_relative_url
    assert FULL.replace("Example", "example") == str(url)


def test_attributes_of_nothing() -> None:
    """What a URL does not have is empty, except for the path."""
    url = URL()

    assert (
        url.scheme,
        url.username,
        url.password,
        url.host,
        url.fragment,
    ) == ("", "", "", "", "")
    assert url.port is None
    assert (url.path, url.raw_path, url.query, url.netloc) == ("/", b"/", b"", b"")
    assert url.is_relative_url
    assert str(url) == ""


@pytest.mark.parametrize(
    ("text", "raw_path", "shown"),
    [
        ("http://a", b"/", "http://a"),
        ("http://a?", b"/?", "http://a?"),
        ("http://a#", b"/", "http://a#"),
        ("http://a/?q#f", b"/?q", "http://a/?q#f"),
        ("?q", b"/?q", "?q"),
    ],
)
def test_empty_and_missing_parts(text: str, raw_path: bytes, shown: str) -> None:
    """An empty query is not a missing one, and the root path is only sent."""
    assert (raw_path, shown) == (URL(text).raw_path, str(URL(text)))


def test_reference_path() -> None:
    """The path as it stands in the URL, which released code reaches for."""
    assert URL("http://a/a b")._uri_reference.path == "/a%20b"
    assert URL("http://a")._uri_reference.path == ""


@pytest.mark.parametrize("value", [b"http://a", 5, None])
def test_refuses_other_types(value: Any) -> None:
    """Only text and URLs make URLs."""
    with pytest.raises(TypeError, match="Invalid type for url"):
        URL(value)


def test_url_of_url() -> None:
    """A URL made of a URL equals it."""
    assert URL(FULL) == URL(URL(FULL))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"scheme": "HTTP"}, "http://u:p@h:81/a?q#f"),
        ({"scheme": "http", "port": 80}, "http://u:p@h/a?q#f"),
        ({"host": "::1"}, "https://u:p@[::1]:81/a?q#f"),
        ({"host": "[::1]"}, "https://u:p@[::1]:81/a?q#f"),
        ({"host": "münchen.de"}, "https://u:p@xn--mnchen-3ya.de:81/a?q#f"),
        ({"port": None}, "https://u:p@h/a?q#f"),
        ({"port": 443}, "https://u:p@h/a?q#f"),
        ({"netloc": b"x"}, "https://u:p@x/a?q#f"),
        ({"netloc": b"x:1"}, "https://u:p@x:1/a?q#f"),
        ({"netloc": b"[::1]:1"}, "https://u:p@[::1]:1/a?q#f"),
        (
            {"username": "a@", "password": "b:/%41"},
            "https://a%40:b%3A%2F%41@h:81/a?q#f",
        ),
        ({"username": "a"}, "https://a@h:81/a?q#f"),
        ({"password": "b"}, "https://:b@h:81/a?q#f"),
        ({"username": None, "password": None}, "https://h:81/a?q#f"),
        ({"userinfo": b"a:b"}, "https://a:b@h:81/a?q#f"),
        ({"userinfo": b""}, "https://h:81/a?q#f"),
        ({"path": "/é"}, "https://u:p@h:81/%C3%A9?q#f"),
        ({"path": "/x/../y"}, "https://u:p@h:81/y?q#f"),
        ({"query": b"a=1"}, "https://u:p@h:81/a?a=1#f"),
        ({"query": b""}, "https://u:p@h:81/a?#f"),
        ({"query": None}, "https://u:p@h:81/a#f"),
        ({"raw_path": b"/x?y"}, "https://u:p@h:81/x?y#f"),
        ({"raw_path": b"/x"}, "https://u:p@h:81/x#f"),
        ({"params": {"a": ["1", "b c"]}}, "https://u:p@h:81/a?a=1&a=b+c#f"),
        ({"params": {}}, "https://u:p@h:81/a#f"),
        ({"params": None}, "https://u:p@h:81/a#f"),
        ({"fragment": "x y"}, "https://u:p@h:81/a?q#x%20y"),
        ({"fragment": None}, "https://u:p@h:81/a?q"),
        ({}, "https://u:p@h:81/a?q#f"),
    ],
)
def test_copy_with(change: dict[str, Any], expected: str) -> None:
    """Single parts can be replaced, whatever normalisation they need."""
    url = URL("https://u:p@h:81/a?q#f")

    assert expected == str(url.copy_with(**change))
    assert expected == str(URL(str(url), **change))
    assert str(url) == "https://u:p@h:81/a?q#f"


def test_parts_alone_make_a_url() -> None:
    """A URL can be put together from nothing but parts."""
    assert (
        str(URL(scheme="https", host="x", port=8, path="/a", params={"b": 1}))
        == "https://x:8/a?b=1"
    )


def test_default_port_is_dropped_after_the_change() -> None:
    """A port written down is judged by the scheme that replaces the written one."""
    assert str(URL("http://x:80", scheme="https")) == "https://x:80"
    assert str(URL("http://x:80").copy_with(scheme="https")) == "https://x"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"foo": 1}, "'foo' is an invalid keyword argument for URL()"),
        ({"host": 1}, "Argument 'host' must be str but got int"),
        ({"port": "1"}, "Argument 'port' must be int but got str"),
        ({"query": "a"}, "Argument 'query' must be bytes but got str"),
    ],
)
def test_wrong_arguments(change: dict[str, Any], message: str) -> None:
    """Unknown names and wrong types are mistakes in the program."""
    with pytest.raises(TypeError) as caught:
        URL("http://x", **change)

    assert message == str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scheme": "1a"}, "Invalid URL component 'scheme'"),
        ({"path": "/a?b"}, "Invalid URL component 'path'"),
        ({"path": "/a#b"}, "Invalid URL component 'path'"),
        ({"query": b"a#b"}, "Invalid URL component 'query'"),
        ({"raw_path": b"/a?b#c"}, "Invalid URL component 'query'"),
        ({"userinfo": b"a@b"}, "Invalid URL component 'userinfo'"),
        ({"netloc": b"a@b"}, "Invalid URL component 'netloc'"),
        ({"query": b"\xe9"}, "Invalid URL component 'query': not ASCII"),
        ({"host": "a/b"}, "Invalid host: 'a/b'"),
        ({"host": "a@b"}, "Invalid host: 'a@b'"),
        ({"port": 99999}, "port 99999 is out of range (0-65535)"),
        ({"port": -1}, "Invalid port: '-1'"),
        ({"path": "a"}, "For absolute URLs, path must be empty or begin with '/'"),
        (
            {"path": "/\n"},
            "Invalid non-printable ASCII character in URL path component,"
            " '\\n' at position 1.",
        ),
        ({"path": "/" * 65537}, "URL component 'path' too long"),
    ],
)
def test_invalid_parts(change: dict[str, Any], message: str) -> None:
    """A part that would read as another one is refused."""
    with pytest.raises(InvalidURL) as caught:
        URL("http://x").copy_with(**change)

    assert message == str(caught.value)


@pytest.mark.parametrize(
    ("path", "message"),
    [("//a", "starting with '//'"), (":a", "starting with ':'")],
)
def test_invalid_relative_path(path: str, message: str) -> None:
    """A relative URL must not turn into a host or a scheme."""
    with pytest.raises(InvalidURL, match=message):
        URL(path=path)


def test_query_helpers() -> None:
    """Parameters are set, added, removed and merged on a copy."""
    url = URL("http://x/?a=1&a=2#f")

    assert str(url.copy_set_param("a", 3)) == "http://x/?a=3#f"
    assert str(url.copy_add_param("a", 3)) == "http://x/?a=1&a=2&a=3#f"
    assert str(url.copy_remove_param("a")) == "http://x/#f"
    assert str(url.copy_merge_params({"b": None})) == "http://x/?a=1&a=2&b=#f"


@pytest.mark.parametrize(
    ("base", "link", "expected"),
    [
        ("http://x/a/b", "c", "http://x/a/c"),
        ("http://x/a/b", "../c", "http://x/c"),
        ("http://x/a/b", "../../../c", "http://x/c"),
        ("http://x/a/b", "/c", "http://x/c"),
        ("http://x/a/b", "?q", "http://x/a/b?q"),
        ("http://x/a/b#f", "#g", "http://x/a/b#g"),
        ("http://x/a?q#f", "", "http://x/a?q#f"),
        ("http://x/a/b", "//y", "http://y"),
        ("http://x/a/b", "https://y/z", "https://y/z"),
        ("http://x", "c", "http://x/c"),
        ("/a/b", "c", "/a/c"),
        ("http://x/a", "mailto:z", "mailto:z"),
        ("http://x/a", URL("c?d#e"), "http://x/c?d#e"),
        ("http://x/a b", "c d", "http://x/c%20d"),
    ],
)
def test_join(base: str, link: str | URL, expected: str) -> None:
    """Links resolve as RFC 3986 section 5 has it."""
    assert expected == str(URL(base).join(link))


def test_equality() -> None:
    """URLs compare with URLs and text, after normalisation."""
    assert URL("http://x") == URL("HTTP://X:80")
    assert URL("http://x") == "HTTP://X:80"
    assert URL("http://x") != URL("http://x/")
    assert URL("http://x") != 5
    assert URL("http://x") != "http://["
    assert hash(URL("http://x")) == hash(URL("HTTP://X:80"))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://u:secret@x/a?q#f", "URL('http://u:[secure]@x/a?q#f')"),
        ("http://:secret@x", "URL('http://:[secure]@x')"),
        ("http://u:se:cret@[::1]:8", "URL('http://u:[secure]@[::1]:8')"),
        ("http://u@x", "URL('http://u@x')"),
        ("http://x", "URL('http://x')"),
    ],
)
def test_repr_hides_the_password(text: str, shown: str) -> None:
    """The representation ends up in logs, so the password stays out of it."""
    assert shown == repr(URL(text))


def test_pickle() -> None:
    """A pickled URL comes back equal."""
    assert URL(FULL) == pickle.loads(pickle.dumps(URL(FULL)))


def test_raw_is_deprecated() -> None:
    """The tuple of old still works, with a warning."""
    with pytest.warns(UserWarning, match="deprecated"):
        raw = URL("http://x:8/a?b").raw

    assert raw == (b"http", b"x", 8, b"/a?b")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("http://X/a", ("http", "x", 80)),
        ("ws://x", ("ws", "x", 80)),
        ("https://u:p@x/", ("https", "x", 443)),
        ("wss://x", ("wss", "x", 443)),
        ("http://x:0", ("http", "x", 0)),
        ("http://x:8080", ("http", "x", 8080)),
        ("http://[::0001]", ("http", "::1", 80)),
        ("http://[FE80::1%25eth0]", ("http", "fe80::1%25eth0", 80)),
        ("http://münchen.de", ("http", "xn--mnchen-3ya.de", 80)),
        ("foo://x", ("foo", "x", 0)),
    ],
)
def test_pool_key(text: str, key: tuple[str, str, int]) -> None:
    """Connections are sorted by scheme, ASCII host and effective port."""
    assert key == URL(text)._pool_key


def test_pool_key_is_shared() -> None:
    """URLs of the same text share the key, so comparing it costs nothing."""
    assert URL("https://x/a")._pool_key is URL("https://x/a")._pool_key


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("http://X/a", ("http", "x", 80)),
        ("https://u:p@x:8443", ("https", "x", 8443)),
        ("http://[::0001]/", ("http", "::1", 80)),
        ("http://münchen.de", ("http", "münchen.de", 80)),
        ("foo://x", ("foo", "x", None)),
        ("foo://x:7", ("foo", "x", 7)),
    ],
)
def test_origin(text: str, parts: tuple[str, str, int | None]) -> None:
    """An origin has scheme, host and effective port, and nothing else."""
    origin = URL(text).origin

    assert parts == (origin.scheme, origin.host, origin.port)
    assert origin == Origin(text)
    assert hash(origin) == hash(Origin(text))


def test_origin_shows_and_pickles() -> None:
    """An origin is a plain value."""
    origin = Origin("https://x/")

    assert repr(origin) == "Origin(scheme='https', host='x', port=443)"
    assert origin == pickle.loads(pickle.dumps(origin))
    with pytest.raises(AttributeError):
        origin.host = "y"


@pytest.mark.parametrize("text", ["/a", "http:///a", "//x/a"])
def test_relative_urls_have_no_origin(text: str) -> None:
    """Without scheme and host there is nothing to compare."""
    with pytest.raises(ValueError, match="must be absolute"):
        _ = URL(text).origin


@pytest.mark.parametrize("cls", [URL, QueryParams, Origin])
def test_modules(cls: type) -> None:
    """Classes report the module that people import them from."""
    assert cls.__module__ == "mooring"
