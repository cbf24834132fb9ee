"""Settings of a client, their merging into requests, and what is logged."""

from __future__ import annotations

from typing import Any

import pytest

import mooring
from mooring._client.log import redacted_url

URL = "https://a.test/"


def a_client(**settings: Any) -> mooring.Client:
    transport = mooring.MockTransport(lambda request: mooring.Response(200))
    return mooring.Client(transport=transport, **settings)


def test_defaults() -> None:
    """A client with no settings has httpx's."""
    client = a_client()

    assert mooring.Timeout(5.0) == client.timeout
    assert client.follow_redirects is False
    assert 20 == client.max_redirects
    assert client.trust_env is True
    assert client.auth is None
    assert {"request": [], "response": []} == client.event_hooks
    assert "" == str(client.params)
    assert not client.cookies


def test_default_headers() -> None:
    """Every request says who asks and what can be understood."""
    request = a_client().build_request("GET", URL)

    assert ["host", "accept", "accept-encoding", "connection", "user-agent"] == [
        *request.headers
    ]
    assert f"python-mooring/{mooring.__version__}" == request.headers["User-Agent"]


def test_setting_headers_keeps_the_defaults() -> None:
    """Assigned headers are merged with the defaults, not with the old ones."""
    client = a_client(headers={"X-Old": "1", "Accept": "text/plain"})

    client.headers = {"X-New": "2"}

    assert "X-Old" not in client.headers
    assert "2" == client.headers["X-New"]
    assert "*/*" == client.headers["accept"]


def test_headers_are_merged() -> None:
    """A request's own field replaces the client's."""
    client = a_client(headers={"X-One": "1", "X-Two": "2"})

    headers = client.build_request("GET", URL, headers={"x-two": "3"}).headers

    assert ("1", "3") == (headers["X-One"], headers["X-Two"])
    assert "2" == client.headers["X-Two"]


def test_request_headers_are_its_own() -> None:
    """Changing a request's headers leaves the client's alone."""
    client = a_client()

    client.build_request("GET", URL).headers["X-Mine"] = "1"

    assert "X-Mine" not in client.headers


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda headers: headers.__setitem__("X-One", "2"), "2"),
        (lambda headers: headers.__delitem__("X-One"), None),
        (lambda headers: headers.update({"x-one": "3"}), "3"),
        (lambda headers: headers.clear(), None),
    ],
)
def test_changed_headers_count_at_once(change: Any, expected: str | None) -> None:
    """A client's headers changed in place are in the next request, not in the last."""
    client = a_client(headers={"X-One": "1"})
    before = client.build_request("GET", URL)

    change(client.headers)
    after = client.build_request("GET", URL)

    assert ("1", expected) == (before.headers["X-One"], after.headers.get("X-One"))


@pytest.mark.parametrize(
    "change",
    [
        lambda headers: headers.__setitem__("X-One", "2"),
        lambda headers: headers.__delitem__("X-One"),
        lambda headers: headers.update({"x-one": "3"}),
        lambda headers: headers.clear(),
        lambda headers: setattr(headers, "encoding", "utf-16"),
    ],
)
def test_no_change_leaves_a_request(change: Any) -> None:
    """What is done to one request's headers reaches no other, nor the client."""
    client = a_client(headers={"X-One": "1"})
    earlier, request = (client.build_request("GET", URL) for _ in "ab")

    change(request.headers)
    later = client.build_request("GET", URL)

    assert "1" == client.headers["X-One"]
    assert "1" == earlier.headers["X-One"] == later.headers["X-One"]
    assert "a.test" == earlier.headers["Host"] == later.headers["Host"]


def test_merged_headers_are_a_copy() -> None:
    """A subclass may add to what the merging gives it."""

    class Signing(mooring.Client):
        def _merge_headers(self, headers: Any = None) -> mooring.Headers:
            merged = super()._merge_headers(headers)
            merged["X-Signed"] = "1"
            return merged

    client = Signing()

    assert "1" == client.build_request("GET", URL).headers["X-Signed"]
    assert "X-Signed" not in client.headers


def test_changed_settings_count_at_once() -> None:
    """Cookies, parameters, limits and base changed in place are in the next request."""
    client = a_client()
    client.build_request("GET", URL)

    client.cookies.set("a", "1")
    client.params = {"q": "2"}
    client.timeout.read = 9.0
    client.base_url = "https://b.test"
    request = client.build_request("GET", "x")

    assert "a=1" == request.headers["Cookie"]
    assert "https://b.test/x?q=2" == str(request.url)
    assert 9.0 == timeouts(request)["read"]


def test_time_limits_of_a_request_are_its_own() -> None:
    """Changing those of one request leaves the client's and the next one's alone."""
    client = a_client(timeout=3.0)

    timeouts(client.build_request("GET", URL))["read"] = 9.0

    assert 3.0 == timeouts(client.build_request("GET", URL))["read"]


def test_url_objects_are_taken() -> None:
    """A URL needs no text, absolute or not."""
    client = a_client(base_url="https://b.test/v1")

    assert URL == str(client.build_request("GET", mooring.URL(URL)).url)
    assert "https://b.test/v1/x" == str(
        client.build_request("GET", mooring.URL("x")).url
    )


def test_params_are_merged() -> None:
    """A request's own parameter replaces the client's."""
    client = a_client(params={"a": "1", "b": "2"})

    assert "https://a.test/?a=1&b=3" == str(
        client.build_request("GET", URL, params={"b": "3"}).url
    )


def test_query_of_the_url_survives_without_params() -> None:
    """A client without parameters does not touch the URL's."""
    assert "https://a.test/?x=1" == str(
        a_client().build_request("GET", URL + "?x=1").url
    )


def test_cookies_are_merged() -> None:
    """A request's cookies join the jar's for that request only."""
    client = a_client(cookies={"a": "1"})

    request = client.build_request("GET", URL, cookies={"b": "2"})

    assert {"a=1", "b=2"} == set(request.headers["Cookie"].split("; "))
    assert "b" not in client.cookies


def test_no_cookies_no_field() -> None:
    """An empty jar adds nothing."""
    assert "Cookie" not in a_client().build_request("GET", URL).headers


@pytest.mark.parametrize(
    ("base_url", "url", "expected"),
    [
        ("https://a.test/v1", "users", "https://a.test/v1/users"),
        ("https://a.test/v1", "/users", "https://a.test/v1/users"),
        ("https://a.test/v1/", "/users?q=1", "https://a.test/v1/users?q=1"),
        ("https://a.test", "", "https://a.test/"),
        ("https://a.test/v1", "https://b.test/x", "https://b.test/x"),
        ("", "https://b.test/x", "https://b.test/x"),
    ],
)
def test_base_url(base_url: str, url: str, expected: str) -> None:
    """Relative URLs are appended to the base."""
    client = a_client(base_url=base_url)

    assert expected == str(client.build_request("GET", url).url)


def test_base_url_ends_in_a_slash() -> None:
    """Given or assigned, the base gets a slash at its end."""
    client = a_client(base_url="https://a.test/v1")
    assert "https://a.test/v1/" == str(client.base_url)

    client.base_url = "https://a.test/v2"
    assert "https://a.test/v2/" == str(client.base_url)


def timeouts(request: mooring.Request) -> dict[str, float | None]:
    timeout = request.extensions["timeout"]
    assert isinstance(timeout, dict)
    return timeout


def test_timeout_goes_along() -> None:
    """A request carries its four time limits to the transport."""
    client = a_client(timeout=mooring.Timeout(3, connect=1))

    default = client.build_request("GET", URL)
    own = client.build_request("GET", URL, timeout=7)
    none = client.build_request("GET", URL, timeout=None)

    assert {"connect": 1, "read": 3, "write": 3, "pool": 3} == timeouts(default)
    assert {7} == set(timeouts(own).values())
    assert {None} == set(timeouts(none).values())


def test_extensions_pass_through() -> None:
    """Unknown extensions stay, and a timeout among them wins."""
    request = a_client().build_request(
        "GET", URL, extensions={"mine": 1, "timeout": {"read": 9}}
    )

    assert {"mine": 1, "timeout": {"read": 9}} == request.extensions


def test_settings_can_be_assigned() -> None:
    """timeout, auth, cookies, params and hooks are parsed on assignment too."""
    client = a_client()
    client.timeout = 9
    client.auth = ("user", "pass")
    client.cookies = {"a": "1"}
    client.params = {"q": "1"}
    client.event_hooks = {"response": [print]}

    assert mooring.Timeout(9) == client.timeout
    assert isinstance(client.auth, mooring.BasicAuth)
    assert "1" == client.cookies["a"]
    assert "q=1" == str(client.params)
    assert {"request": [], "response": [print]} == client.event_hooks


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://a.test/x?q=1", "https://a.test/x?q=1"),
        ("https://user:pass@a.test/x", "https://a.test/x"),
        ("https://user@a.test:81/x@y", "https://a.test:81/x@y"),
        ("https://a.test/?api_key=s&q=1", "https://a.test/?api_key=[redacted]&q=1"),
        ("https://a.test/?q=1&Token=s", "https://a.test/?q=1&Token=[redacted]"),
        (
            "https://a.test/?X-Amz-Signature=s",
            "https://a.test/?X-Amz-Signature=[redacted]",
        ),
        ("https://a.test/#access_token=s", "https://a.test/"),
    ],
)
def test_logged_urls_keep_secrets(url: str, expected: str) -> None:
    """Userinfo, fragments and parameters with telling names are not logged."""
    assert expected == redacted_url(mooring.URL(url))


def test_proxy_is_refused() -> None:
    """A proxy that would be ignored is an error instead."""
    with pytest.raises(ValueError, match="cannot use proxies yet"):
        mooring.Client(proxy="http://proxy.test")


def test_http2_is_refused() -> None:
    """HTTP/2 that would not be spoken is an error instead."""
    with pytest.raises(ValueError, match=r"speaks HTTP/1\.1 only"):
        mooring.Client(http2=True)


def test_failed_client_is_closed() -> None:
    """A client whose __init__ failed answers is_closed, as __del__ may ask."""
    client = mooring.Client.__new__(mooring.Client)

    assert client.is_closed
    client.close()


def test_use_client_default_names_itself() -> None:
    """Signatures in documentation show the constant's name."""
    assert "USE_CLIENT_DEFAULT" == repr(mooring.USE_CLIENT_DEFAULT)
