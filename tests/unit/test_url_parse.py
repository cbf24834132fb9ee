"""Parsing: what is normalised, what is refused, and that it settles at once."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mooring import URL, InvalidURL


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("HTTP://EX.com:080/", "http://ex.com/"),
        ("http://x:", "http://x"),
        ("https://x:443", "https://x"),
        ("ws://x:80", "ws://x"),
        ("wss://x:443", "wss://x"),
        ("ftp://x:21", "ftp://x"),
        ("http://x:443", "http://x:443"),
        ("http://x:0", "http://x:0"),
        ("http://x:65535", "http://x:65535"),
        ("http://@x", "http://x"),
        ("http://:@x", "http://:@x"),
        ("http://ä@x", "http://%C3%A4@x"),
        ("http://münchen.de", "http://xn--mnchen-3ya.de"),
        ("http://faß.de", "http://xn--fa-hia.de"),
        ("http://_a.b", "http://_a.b"),
        ("http://a.", "http://a."),
        ("http://a'b/", "http://a'b/"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("http://[FFFF::1]", "http://[FFFF::1]"),
        ("http://[fe80::1%25eth0]/", "http://[fe80::1%25eth0]/"),
        ("http+unix://%2Frun%2Fx.sock/a", "http+unix://%2frun%2fx.sock/a"),
        ("unknown://1.2/a", "unknown://1.2/a"),
        ("mailto:x@y", "mailto:x@y"),
        ("a:b", "a:b"),
        ("/a:b", "/a:b"),
        ("//a/b", "//a/b"),
        ("//:80", "//:80"),
        ("http:/a", "http:/a"),
        ("http:///a", "http:/a"),
        ("http://a//b", "http://a//b"),
    ],
)
def test_normal_form(text: str, expected: str) -> None:
    """Equivalent spellings become one, and nothing else changes."""
    assert expected == str(URL(text))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/a/./b/", "/a/b/"),
        ("/a/../b", "/b"),
        ("/../../b", "/b"),
        ("/a/b/..", "/a/"),
        ("/a/b/.", "/a/b/"),
        ("/..", "/"),
        ("/.", "/"),
        ("/a//../b", "/a/b"),
        ("/a/.b/..c", "/a/.b/..c"),
        ("/%2e%2e/b", "/%2e%2e/b"),
        ("", ""),
    ],
)
def test_dot_segments(path: str, expected: str) -> None:
    """Dot segments resolve as RFC 3986 section 5.2.4 has it."""
    assert f"http://x{expected}" == str(URL(f"http://x{path}"))


def test_dot_segments_of_relative_urls_stay() -> None:
    """They mean something only once there is a base."""
    assert str(URL("../a/./b")) == "../a/./b"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://a/é?é#é", "http://a/%C3%A9?%C3%A9#%C3%A9"),
        ("http://a/a b", "http://a/a%20b"),
        ("http://a/%zz%41%2f", "http://a/%zz%41%2f"),
        ("http://a/{}`^\\|[]'\"<>", "http://a/%7B%7D%60^\\|[]'%22%3C%3E"),
        ("http://a/?{}`^\\'\"<>|", "http://a/?{}`^\\'%22%3C%3E|"),
        ("http://a/#{}`^\\'\"<>|#", "http://a/#{}%60^\\'%22%3C%3E|#"),
    ],
)
def test_quoting(text: str, expected: str) -> None:
    """Each part escapes what could end it, and leaves escapes alone."""
    assert expected == str(URL(text))


def test_user_information_is_quoted() -> None:
    """Characters that delimit elsewhere are escaped in user information."""
    assert URL("http://a[;:b|=@x").userinfo == b"a%5B%3B:b%7C%3D"


@pytest.mark.parametrize(
    ("text", "host", "raw_host"),
    [
        ("http://www.xn--mnchen-3ya.de", "www.münchen.de", b"www.xn--mnchen-3ya.de"),
        ("http://中国.icom.museum", "中国.icom.museum", b"xn--fiqs8s.icom.museum"),
        ("http://xn--a", "xn--a", b"xn--a"),
        ("http://[::FFFF:1.2.3.4]", "::FFFF:1.2.3.4", b"::FFFF:1.2.3.4"),
    ],
)
def test_hosts(text: str, host: str, raw_host: bytes) -> None:
    """People see the Unicode form of a host, the wire its ASCII form."""
    assert (host, raw_host) == (URL(text).host, URL(text).raw_host)


@pytest.mark.parametrize(
    ("text", "host", "user"),
    [
        ("http://a.test#@b.test/", "a.test", ""),
        ("http://a.test?@b.test/", "a.test", ""),
        ("http://a.test:80@b.test/", "b.test", "a.test"),
        ("http://a.test:@b.test/", "b.test", "a.test"),
    ],
)
def test_no_confusion_about_the_host(text: str, host: str, user: str) -> None:
    """The authority ends at the first of / ? #, whatever comes after."""
    assert (host, user) == (URL(text).host, URL(text).username)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("http://x:99999", "port 99999 is out of range (0-65535)"),
        ("http://x:65536", "port 65536 is out of range (0-65535)"),
        ("http://x:-1", "Invalid port: '-1'"),
        ("http://x:+80", "Invalid port: '+80'"),
        ("http://x:8_0", "Invalid port: '8_0'"),
        ("http://x: 80", "Invalid port: ' 80'"),
        ("http://x:\uff18\uff10", "Invalid port: '\uff18\uff10'"),
        ("http://x:a", "Invalid port: 'a'"),
        ("http://256.1.1.1", "Invalid IPv4 address: '256.1.1.1'"),
        ("http://1.2.3", "Invalid IPv4 address: '1.2.3'"),
        ("http://0x7f.1", "Invalid IPv4 address: '0x7f.1'"),
        ("http://2130706433", "Invalid IPv4 address: '2130706433'"),
        ("http://127.0.0.01", "Invalid IPv4 address: '127.0.0.01'"),
        ("http://127.0.0.1.", "Invalid IPv4 address: '127.0.0.1.'"),
        ("http://127。0。0。1", "Invalid IPv4 address: '127。0。0。1'"),
        ("http://[", "Invalid IPv6 address: '['"),
        ("http://[::1", "Invalid IPv6 address: '[::1'"),
        ("http://[::1]b", "Invalid IPv6 address: '[::1]b'"),
        ("http://[::1].b.test", "Invalid IPv6 address: '[::1].b.test'"),
        ("http://[::g]", "Invalid IPv6 address: '[::g]'"),
        ("http://[]", "Invalid IPv6 address: '[]'"),
        ("http://[::1%25eth0]", "Invalid IPv6 address: '[::1%25eth0]'"),
        ("http://[fe80::1%25.a/]", "Invalid IPv6 address: '[fe80::1%25.a'"),
        ("http://[fe80::1%25a@b]", "Invalid host: 'b]'"),
        ("http://a b", "Invalid host: 'a b'"),
        ("http://a\\b", "Invalid URL: backslash before the end of the host"),
        ("http://a\\@b", "Invalid URL: backslash before the end of the host"),
        ("http://a<b", "Invalid host: 'a<b'"),
        ("http://a|b", "Invalid host: 'a|b'"),
        ("http://a%41b", "Invalid host: 'a%41b'"),
        ("http://127.0.0.%31", "Invalid host: '127.0.0.%31'"),
        ("http://%5B%3A%3A1%5D/", "Invalid host: '%5B%3A%3A1%5D'"),
        ("http://ⓔxample.com", "Invalid IDNA hostname: 'ⓔxample.com'"),
        (
            "http://\uff11\uff12\uff17.0.0.1",
            "Invalid IDNA hostname: '\uff11\uff12\uff17.0.0.1'",
        ),
        ("http://x@y@b.test", "Invalid URL: more than one '@' before the host"),
        (" http://x", "Invalid URL: there is a space before or after it"),
        ("http://x/ ", "Invalid URL: there is a space before or after it"),
        ("http://x/" + "a" * 65536, "URL too long"),
        (
            "http://x/\ta",
            "Invalid non-printable ASCII character in URL, '\\t' at position 9.",
        ),
        (
            "ht\ntp://x",
            "Invalid non-printable ASCII character in URL, '\\n' at position 2.",
        ),
        (
            "http://x/\x00",
            "Invalid non-printable ASCII character in URL, '\\x00' at position 9.",
        ),
        (
            "http://x/\x7f",
            "Invalid non-printable ASCII character in URL, '\\x7f' at position 9.",
        ),
        (
            "http://x/\ud800",
            "Invalid character in URL, '\\ud800' is half of a surrogate pair.",
        ),
    ],
)
def test_refused(text: str, message: str) -> None:
    """Malformed and ambiguous URLs are refused, saying what is wrong with them."""
    with pytest.raises(InvalidURL) as caught:
        URL(text)

    assert message == str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "http://x:" + "9" * 10_000,
        "http://" + "a" * 60_000,
        "http://" + "@" * 10_000 + "b.test",
        "http://[" + ":" * 10_000 + "]",
        "http://" + "ä" * 10_000,
        "http://x:" + "9" * 10_000 + "a",
    ],
)
def test_refused_without_repeating_it_all(text: str) -> None:
    """The message about an overlong part stays short."""
    with pytest.raises(InvalidURL) as caught:
        URL(text)

    assert len(str(caught.value)) < 200


def test_leading_zeros_of_a_port() -> None:
    """Any number of leading zeros makes no difference."""
    assert URL("http://x:" + "0" * 5000 + "81").port == 81


def test_spaces_inside_are_escaped() -> None:
    """Only spaces around a URL are ambiguous."""
    assert str(URL("http://x/?q=a ")) == "http://x/?q=a%20"
    assert str(URL("/a ")) == "/a%20"


CHARACTERS = st.sampled_from(list("aB0.:/?#@[]%2e-_\\ é'|{}&=+中ß。"))
URLISH = st.one_of(
    st.text(CHARACTERS, max_size=20),
    st.builds("http://{}".format, st.text(CHARACTERS, max_size=20)),
    st.builds(
        "https://{}/{}".format,
        st.sampled_from(["a.b", "[::1]", "1.2.3.4", "u:p@h:8"]),
        st.text(CHARACTERS, max_size=20),
    ),
)


@settings(max_examples=200)
@given(URLISH)
def test_normal_form_is_stable(text: str) -> None:
    """Whatever was accepted is ASCII, and parsing it again changes nothing."""
    try:
        url = URL(text)
    except InvalidURL:
        return
    shown = str(url)

    assert shown.isascii()
    assert shown.isprintable()
    assert " " not in shown
    if ":" in shown.partition("/")[0] or url._uri_reference.scheme == "":
        # Unless taking parts away made something else of it: then it is refused.
        try:
            again = URL(shown)
        except InvalidURL:
            return
        assert shown == str(again)


@settings(max_examples=200)
@given(st.text(CHARACTERS, max_size=15), st.text(CHARACTERS, max_size=15))
def test_path_never_changes_the_host(path: str, query: str) -> None:
    """Nothing after the first slash can lead to another host."""
    try:
        url = URL(f"http://a.test/{path}?{query}")
    except InvalidURL:
        return

    assert (url.host, url.port, url.username) == ("a.test", None, "")
    assert re.fullmatch(rb"/[!-~]*", url.raw_path)


@settings(max_examples=200)
@given(st.text(CHARACTERS, min_size=1, max_size=15))
def test_accepted_hosts_have_no_delimiters(host: str) -> None:
    """A host that was accepted can be put into a Host field as it is."""
    try:
        url = URL("http://x").copy_with(host=host)
    except InvalidURL:
        return

    assert re.fullmatch(rb"[^\x00-\x20/?#@\\<>^|%\x7f-\xff]+", url.netloc)
    assert url == URL(str(url))
