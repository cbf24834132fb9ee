"""Authentication schemes as generators."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Generator

import pytest

import mooring
from mooring._flow.auth import parse_auth, url_auth

URL = "https://a.test/"
BASIC = "Basic dXNlcjpwYXNz"


def first_request(auth: mooring.Auth) -> mooring.Request:
    return next(auth.sync_auth_flow(mooring.Request("GET", URL)))


def test_basic_auth() -> None:
    """User name and password become an Authorization field."""
    request = first_request(mooring.BasicAuth("user", b"pass"))

    assert BASIC == request.headers["Authorization"]


def test_basic_auth_encodes_as_utf8() -> None:
    """Names beyond ASCII are sent as UTF-8 (RFC 7617)."""
    request = first_request(mooring.BasicAuth("é", "pass"))

    assert "Basic w6k6cGFzcw==" == request.headers["Authorization"]


def test_function_auth() -> None:
    """A function's request is the one to send."""
    other = mooring.Request("GET", "https://b.test/")

    assert first_request(mooring.FunctionAuth(lambda _: other)) is other


def test_base_class_sends_the_request_as_it_is() -> None:
    """Auth itself authenticates nothing."""
    request = mooring.Request("GET", URL)
    flow = mooring.Auth().sync_auth_flow(request)

    assert next(flow) is request
    with pytest.raises(StopIteration):
        flow.send(mooring.Response(401))


class BodyReader(mooring.Auth):
    """Looks at the bodies of both sides, then sends the request again."""

    requires_request_body = True
    requires_response_body = True

    def __init__(self) -> None:
        self.seen: list[bytes] = []
        self.finished = False

    def auth_flow(
        self, request: mooring.Request
    ) -> Generator[mooring.Request, mooring.Response, None]:
        try:
            self.seen.append(request.content)
            response = yield request
            self.seen.append(response.content)
            yield request
        finally:
            self.finished = True


def test_bodies_are_read_when_asked_for() -> None:
    """A scheme that needs the bodies finds them read."""
    auth = BodyReader()
    flow = auth.sync_auth_flow(mooring.Request("PUT", URL, content=iter([b"to"])))
    next(flow)

    flow.send(mooring.Response(401, content=iter([b"fro"])))

    assert [b"to", b"fro"] == auth.seen


def test_bodies_are_read_when_asked_for_async() -> None:
    """The asynchronous flow reads asynchronous bodies."""

    async def body(data: bytes) -> AsyncIterator[bytes]:
        yield data

    async def main() -> list[bytes]:
        auth = BodyReader()
        request = mooring.Request("PUT", URL, content=body(b"to"))
        flow = auth.async_auth_flow(request)
        await anext(flow)
        await flow.asend(mooring.Response(401, content=body(b"fro")))
        await flow.aclose()
        assert auth.finished
        return auth.seen

    assert [b"to", b"fro"] == asyncio.run(main())


def test_closing_the_flow_closes_the_scheme() -> None:
    """The scheme's own clean-up runs when the exchange ends early."""
    auth = BodyReader()
    flow = auth.sync_auth_flow(mooring.Request("GET", URL))
    next(flow)

    flow.close()

    assert auth.finished


def test_parse_auth() -> None:
    """auth= takes a tuple, a function, an Auth or None."""
    auth = mooring.Auth()

    assert parse_auth(None) is None
    assert parse_auth(auth) is auth
    assert isinstance(parse_auth(("user", "pass")), mooring.BasicAuth)
    assert isinstance(parse_auth(lambda request: request), mooring.FunctionAuth)


def test_parse_auth_does_not_show_what_it_refuses() -> None:
    """Whatever was given may be a secret."""
    with pytest.raises(TypeError, match="'str'") as caught:
        parse_auth("secret")  # type: ignore[arg-type]

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://user:pass@a.test/", BASIC),
        ("https://user@a.test/", "Basic dXNlcjo="),
        ("https://us%65r:p%61ss@a.test/", BASIC),
    ],
)
def test_url_auth(url: str, expected: str) -> None:
    """Userinfo of a URL becomes Basic credentials, unquoted."""
    auth = url_auth(mooring.URL(url))

    assert auth is not None
    assert expected == first_request(auth).headers["Authorization"]


@pytest.mark.parametrize("url", ["https://a.test/", "https://:@a.test/", "/"])
def test_url_without_credentials(url: str) -> None:
    """No userinfo, no credentials."""
    assert url_auth(mooring.URL(url)) is None


@pytest.mark.parametrize("username", ["us:er", b"us:er"])
def test_basic_auth_refuses_a_colon(username: str | bytes) -> None:
    """The server would take the rest of the name for a part of the password."""
    with pytest.raises(ValueError, match="colon"):
        mooring.BasicAuth(username, "pass")

    mooring.BasicAuth("user", "pa:ss")
