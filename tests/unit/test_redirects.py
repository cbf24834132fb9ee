"""Redirect policy: methods, bodies, credentials, Location."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

import mooring
from mooring._flow.redirects import (
    check_followable,
    keeps_credentials,
    redirect_extensions,
    redirect_headers,
    redirect_method,
    redirect_url,
)

A = "https://a.test/one"

SECRETS = [
    ("Authorization", "Bearer secret"),
    ("AUTHORIZATION", "Bearer secret too"),
    ("Proxy-Authorization", "Basic secret"),
    ("proxy-authorization", "Basic secret too"),
    ("Cookie", "s=secret"),
    ("cOOKIE", "t=secret"),
    ("Cookie2", "$Version=1"),
]


def names_after(source: str, target: str, **kwargs: str) -> set[str]:
    """Return the lower-case names of the fields carried from source to target."""
    request = mooring.Request("GET", source, headers=[*SECRETS, ("X-Plain", "1")])
    headers = redirect_headers(
        request, mooring.URL(target), kwargs.get("method", "GET")
    )
    return {name.decode().lower() for name, _ in headers.raw}


def answer(*locations: bytes, status: int = 302) -> mooring.Response:
    return mooring.Response(
        status, headers=[(b"Location", location) for location in locations]
    )


def target_of(source: str, location: bytes) -> str:
    request = mooring.Request("GET", source)
    return str(redirect_url(request, answer(location)))


@pytest.mark.parametrize(
    ("method", "status_code", "expected"),
    [
        ("GET", 301, "GET"),
        ("HEAD", 301, "HEAD"),
        ("POST", 301, "GET"),
        ("PUT", 301, "PUT"),
        ("DELETE", 301, "DELETE"),
        ("GET", 302, "GET"),
        ("HEAD", 302, "HEAD"),
        ("POST", 302, "GET"),
        ("PUT", 302, "GET"),
        ("QUERY", 302, "QUERY"),
        ("HEAD", 303, "HEAD"),
        ("POST", 303, "GET"),
        ("PUT", 303, "GET"),
        ("QUERY", 303, "GET"),
        ("POST", 307, "POST"),
        ("POST", 308, "POST"),
        ("DELETE", 308, "DELETE"),
    ],
)
def test_method(method: str, status_code: int, expected: str) -> None:
    """Each status decides what becomes of each method."""
    assert expected == redirect_method(method, status_code)


def test_same_origin_keeps_all_but_cookies() -> None:
    """Cookies are the jar's business even on the way to the same origin."""
    carried = names_after(A, "https://a.test/two")

    assert {"host", "x-plain", "authorization", "proxy-authorization"} == carried


@pytest.mark.parametrize(
    "target",
    [
        "https://b.test/one",
        "https://www.a.test/one",
        "https://a.test:8443/one",
        "http://a.test/one",
        "http://a.test:443/one",
        "https://a.test./one",
    ],
)
def test_other_origin_sheds_credentials(target: str) -> None:
    """Another scheme, host or port gets none of them, in no spelling."""
    assert {"host", "x-plain"} == names_after(A, target)


def test_upgrade_to_https_keeps_authorization_only() -> None:
    """The same host, port 80 to 443, is still trusted with Authorization."""
    carried = names_after("http://a.test/one", "https://a.test/one")

    assert {"host", "x-plain", "authorization"} == carried


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("https://a.test/", "https://A.test:443/x", True),
        ("http://a.test/", "https://a.test/", True),
        ("http://a.test:8080/", "https://a.test/", False),
        ("http://a.test/", "https://a.test:8443/", False),
        ("http://a.test/", "https://b.test/", False),
        ("https://a.test/", "http://a.test/", False),
    ],
)
def test_keeps_credentials(source: str, target: str, expected: bool) -> None:
    """Credentials stay with an origin and its upgrade to https."""
    assert expected is keeps_credentials(mooring.URL(source), mooring.URL(target))


def test_host_follows_the_url() -> None:
    """A Host field the user set is for the first origin only."""
    request = mooring.Request("GET", A, headers={"Host": "c.test"})

    there = redirect_headers(request, mooring.URL("https://b.test:81/"), "GET")
    here = redirect_headers(request, mooring.URL("https://a.test/two"), "GET")

    assert ["b.test:81"] == there.get_list("Host")
    assert ["c.test"] == here.get_list("Host")


def test_body_goes_with_what_describes_it() -> None:
    """A request that becomes a GET has no fields about a body."""
    request = mooring.Request(
        "POST",
        A,
        headers={
            "Content-Type": "text/plain",
            "Content-Encoding": "gzip",
            "Transfer-Encoding": "chunked",
            "content-length": "3",
            "Expect": "100-continue",
        },
        content=b"abc",
    )

    got = redirect_headers(request, request.url, "GET")
    kept = redirect_headers(request, request.url, "POST")

    assert [b"host"] == [name.lower() for name, _ in got.raw]
    assert kept["Content-Type"] == "text/plain"


@pytest.mark.parametrize(
    ("source", "location", "expected"),
    [
        (A, b"/two", "https://a.test/two"),
        (A, b"two", "https://a.test/two"),
        (A, b"?q=1", "https://a.test/one?q=1"),
        (A, b"//b.test/x", "https://b.test/x"),
        (A, b"http://b.test", "http://b.test"),
        (A + "#part", b"/two", "https://a.test/two#part"),
        (A + "#part", b"/two#other", "https://a.test/two#other"),
        (A, b"https:///two", "https://a.test/two"),
        (A, b"https://:443/two", "https://a.test/two"),
        (A, b"/caf\xc3\xa9 x", "https://a.test/caf%C3%A9%20x"),
    ],
)
def test_location(source: str, location: bytes, expected: str) -> None:
    """A Location is resolved against the URL that was asked for."""
    assert expected == target_of(source, location)


@pytest.mark.parametrize(
    "location", [rb"/\b.test/", rb"\\b.test", rb"http:\\b.test", rb"https:\\b.test"]
)
def test_backslashes_name_no_host(location: bytes) -> None:
    """What browsers read as another host stays on this one or is refused."""
    try:
        target = mooring.URL(target_of(A, location))
    except mooring.RemoteProtocolError:
        return

    assert "a.test" == target.host


def test_userinfo_of_a_location_is_dropped() -> None:
    """Credentials the server made up do not get into the next URL."""
    assert "https://b.test/" == target_of(A, b"https://u:p@b.test/")


def test_userinfo_of_the_user_stays_on_a_relative_location() -> None:
    """Credentials in the user's URL still belong to its origin."""
    assert "https://u:p@a.test/two" == target_of("https://u:p@a.test/one", b"/two")


def test_bad_location_is_a_protocol_error() -> None:
    """A Location that is no URL names the request it answered."""
    request = mooring.Request("GET", A)

    with pytest.raises(mooring.RemoteProtocolError, match="location") as caught:
        redirect_url(request, answer(b"https://a.test:999999/"))

    assert caught.value.request is request


def test_contradicting_locations_are_a_protocol_error() -> None:
    """Two values that differ cannot both be followed; twice the same can."""
    request = mooring.Request("GET", A)

    with pytest.raises(mooring.RemoteProtocolError, match="2 different Location"):
        redirect_url(request, answer(b"/a", b"/b"))

    assert "https://a.test/a" == str(redirect_url(request, answer(b"/a", b"/a")))


def test_many_dot_segments_take_linear_time() -> None:
    """Thousands of dot segments are resolved or refused, before the test times out."""
    request = mooring.Request("GET", A)

    for count in (20_000, *[60_000] * 40):
        try:
            redirect_url(request, answer(b"../" * count))
        except mooring.RemoteProtocolError as exc:
            assert len(str(exc)) < 300  # noqa: PT017 - either outcome is right


def test_extensions_of_the_old_url_are_dropped() -> None:
    """target always goes, sni_hostname with its origin, others survive."""
    extensions = {"target": b"/x", "sni_hostname": "a", "mine": 1}

    assert {"sni_hostname": "a", "mine": 1} == redirect_extensions(
        extensions, same_origin=True
    )
    assert {"mine": 1} == redirect_extensions(extensions, same_origin=False)


@pytest.mark.parametrize("url", ["market://details?id=42", "ftp://a.test/", "file:///"])
def test_only_http_is_followed(url: str) -> None:
    """Other schemes are refused, and the note says who asked for them."""
    request = mooring.Request("GET", A)

    with pytest.raises(mooring.UnsupportedProtocol, match="not supported") as caught:
        check_followable(request, mooring.Request("GET", url), replayable=True)

    assert "a.test" in caught.value.__notes__[0]


def test_used_up_body_is_not_sent_again() -> None:
    """A 307 for a body from an iterator cannot be followed."""
    request = mooring.Request("POST", A, content=iter([b"x"]))
    again = mooring.Request("POST", A, stream=request.stream)

    with pytest.raises(mooring.StreamConsumed):
        check_followable(request, again, replayable=False)

    check_followable(request, again, replayable=True)


def test_jar_decides_at_every_hop() -> None:
    """Cookies set on the way are sent to where they belong, the caller's are not."""
    seen = []

    def respond(request: mooring.Request) -> mooring.Response:
        seen.append((str(request.url), request.headers.get("Cookie")))
        targets = {"/one": "https://b.test/two", "/two": "https://a.test/three"}
        headers = [("Set-Cookie", f"{request.url.host[0]}=1; Path=/")]
        if request.url.path in targets:
            headers.append(("Location", targets[request.url.path]))
            return mooring.Response(302, headers=headers)
        return mooring.Response(200, headers=headers)

    with mooring.Client(
        transport=mooring.MockTransport(respond), follow_redirects=True
    ) as client:
        client.get(A, headers={"Cookie": "own=1"})

    assert [
        ("https://a.test/one", "own=1"),
        ("https://b.test/two", None),
        ("https://a.test/three", "a=1"),
    ] == seen


def test_what_survives_a_redirect() -> None:
    """The caller's extensions, the timeout and the encoding to fall back on."""
    seen: list[Any] = []

    def respond(request: mooring.Request) -> mooring.Response:
        seen.append(request.extensions)
        if request.url.path == "/one":
            return mooring.Response(307, headers={"Location": "/two"})
        return mooring.Response(200, content=b"caf\xe9")

    with mooring.Client(
        transport=mooring.MockTransport(respond),
        follow_redirects=True,
        default_encoding="latin-1",
    ) as client:
        response = client.get(A, extensions={"mine": 1}, timeout=7)

    assert seen[0] == seen[1]
    assert (1, 7) == (seen[1]["mine"], seen[1]["timeout"]["read"])
    assert "caf\xe9" == response.text


def test_scheme_sees_the_bodies_of_every_hop() -> None:
    """requires_request_body and requires_response_body hold after a redirect too."""
    bodies = []

    class Reader(mooring.Auth):
        requires_request_body = True
        requires_response_body = True

        def auth_flow(
            self, request: mooring.Request
        ) -> Generator[mooring.Request, mooring.Response, None]:
            response = yield request
            bodies.append((request.content, response.content))

    def respond(request: mooring.Request) -> mooring.Response:
        if request.url.path == "/one":
            location = {"Location": "/two"}
            return mooring.Response(308, headers=location, content=iter([b"moved"]))
        return mooring.Response(200, content=iter([b"here"]))

    with mooring.Client(
        transport=mooring.MockTransport(respond), follow_redirects=True, auth=Reader()
    ) as client:
        client.post(A, content=iter([b"body"]))

    assert [(b"body", b"moved"), (b"body", b"here")] == bodies
