"""URL patterns: what they match, and which of them goes first."""

from __future__ import annotations

import pytest

import mooring
from mooring._flow.mounts import URLPattern, arrange_mounts


@pytest.mark.parametrize(
    ("pattern", "url", "expected"),
    [
        ("", "http://a.test", True),
        ("all://", "http://a.test", True),
        ("all://*", "https://a.test:8443", True),
        ("http://", "http://a.test", True),
        ("http://", "https://a.test", False),
        ("https://a.test", "https://a.test/path", True),
        ("https://A.test", "https://a.TEST/", True),
        ("https://a.test", "https://sub.a.test", False),
        ("https://a.test", "http://a.test", False),
        ("all://a.test:1234", "http://a.test:1234", True),
        ("all://a.test:1234", "http://a.test", False),
        ("https://a.test:443", "https://a.test", True),
        ("all://:8080", "http://any:8080", True),
        ("all://:8080", "http://any:8081", False),
        ("all://*.a.test", "http://sub.a.test", True),
        ("all://*.a.test", "http://x.sub.a.test", True),
        ("all://*.a.test", "http://a.test", False),
        ("all://*a.test", "http://a.test", True),
        ("all://*a.test", "http://sub.a.test", True),
        ("all://*a.test", "http://nota.test", False),
        ("all://a.test", "http://a.test.", True),
        ("all://a.test.", "http://a.test", True),
        ("all://*.a.test", "http://sub.a.test.", True),
        ("all://a.b", "http://axb", False),
        ("all://[::1]", "http://[::1]:80/", True),
        ("all://[::1]", "http://[::2]/", False),
        ("all://10.0.0.0/8", "http://10.255.0.1", True),
        ("all://10.1.2.3/8", "http://10.255.0.1", True),
        ("all://10.0.0.0/8", "http://11.0.0.1", False),
        ("all://10.0.0.0/8", "http://ten.test", False),
        ("all://10.0.0.0/8", "http://[::ffff:10.0.0.1]/", True),
        ("all://10.0.0.0/8", "http://[::1]/", False),
        ("http://10.0.0.0/8", "https://10.0.0.1/", False),
        ("all://[fe80::]/10", "http://[fe80::1]/", True),
        ("all://[fe80::]/10", "http://[2001:db8::1]/", False),
        ("all://0.0.0.0/0", "http://1.2.3.4", True),
        ("all://a.test/8", "http://a.test", True),
        ("all://xn--bcher-kva.test", "http://b\xfccher.test", True),
    ],
)
def test_matches(pattern: str, url: str, expected: bool) -> None:
    """Scheme, host, network and port each have a say."""
    assert expected is URLPattern(pattern).matches(mooring.URL(url))


@pytest.mark.parametrize(
    "pattern",
    [
        "all://10.0.0.0/33",
        "all://10.0.0.0/x",
        "all://10.0.0.0/8/",
        "all://10.0.0.0/\u0661",
        "all://u@10.0.0.0/8",
        "all://10.0.0.0:80/8",
        "all://[::1]/129",
        "all://[::1",
    ],
)
def test_bad_patterns(pattern: str) -> None:
    """A network there cannot be is no pattern."""
    with pytest.raises(mooring.InvalidURL):
        URLPattern(pattern)


def test_scheme_alone() -> None:
    """``http`` is told how to be spelled."""
    with pytest.raises(ValueError, match="'http://'"):
        URLPattern("http")


def test_order() -> None:
    """Ports, then exact hosts, then small networks, then schemes."""
    patterns = [
        "all://:8080",
        "https://long.example.org",
        "all://example.org",
        "all://10.0.0.0/24",
        "all://10.0.0.0/8",
        "https://",
        "all://",
    ]
    mounts = dict.fromkeys(reversed(patterns))

    arranged = arrange_mounts(mounts, {}, str)
    assert patterns == [pattern.pattern for pattern in arranged]


def test_mounts_go_before_proxies() -> None:
    """A transport of the user's replaces what the environment wants there."""
    arranged = arrange_mounts(
        {"all://": "mine"}, {"all://": 1, "http://": 2, "all://x": None}, str
    )

    assert ["None", "2", "mine"] == [str(value) for value in arranged.values()]


def test_exceptions_from_nothing_are_left_out() -> None:
    """NO_PROXY without a proxy costs the requests nothing."""
    assert {} == arrange_mounts({}, {"all://*x.test": None}, str)


def test_patterns_are_values() -> None:
    """Equal by what they say, and shown."""
    assert URLPattern("all://") == URLPattern("all://")
    assert 1 == len({URLPattern("all://"), URLPattern("all://")})
    assert URLPattern("all://") != "all://"
    assert "URLPattern('all://')" == repr(URLPattern("all://"))


def test_mount_is_chosen_per_hop() -> None:
    """After a redirect the new URL decides."""
    seen = []

    def transport(name: str) -> mooring.MockTransport:
        def respond(request: mooring.Request) -> mooring.Response:
            seen.append(name)
            if request.url.host == "a.test":
                return mooring.Response(302, headers={"Location": "http://b.test/"})
            return mooring.Response(200)

        return mooring.MockTransport(respond)

    with mooring.Client(
        transport=transport("rest"),
        mounts={"all://a.test": transport("a"), "all://*.a.test": None},
        follow_redirects=True,
    ) as client:
        client.get("http://a.test/")
        client.get("http://sub.a.test/")

    assert ["a", "rest", "rest"] == seen
