"""The stand-in for httpcore: its pool over ours, our transport through its pool."""

from __future__ import annotations

import pytest

import mooring
from mooring.compat import httpcore
from tests.integration.servers import Origin, raw
from tests.unit.compat.programs import under_alias


def test_a_request_goes_over_our_pool() -> None:
    """Method, target, header fields and body arrive as they were given."""
    with Origin() as origin, httpcore.ConnectionPool(max_connections=1) as pool:
        response = pool.request(
            "POST", f"{origin.url}a?b=c", headers={"X-A": "1"}, content=b"body"
        )
        pool.request("GET", origin.url)

        seen = origin.requests[0]
        assert ("POST", "/a?b=c", b"body") == (seen.method, seen.target, seen.body)
        assert ("1", "4") == (seen.headers["x-a"], seen.headers["content-length"])
        assert (200, b"ok") == (response.status, response.content)
        assert (b"Content-Length", b"2") in response.headers
        assert b"HTTP/1.1" == response.extensions["http_version"]
        assert 1 == origin.accepted


async def test_an_asynchronous_request_goes_over_our_pool() -> None:
    """The asynchronous twin does the same, wherever it runs."""
    with Origin() as origin:
        async with httpcore.AsyncConnectionPool() as pool:
            response = await pool.request("GET", f"{origin.url}a")
            async with pool.stream("GET", f"{origin.url}b") as streamed:
                pieces = [piece async for piece in streamed.aiter_stream()]

        assert (b"ok", b"ok") == (response.content, b"".join(pieces))
        assert ["/a", "/b"] == origin.targets()


def test_a_streamed_response_is_the_callers_to_read() -> None:
    """Its body can be taken once, and what is not read is given back on closing."""
    with Origin() as origin, httpcore.ConnectionPool() as pool:
        with pool.stream("GET", origin.url) as response:
            with pytest.raises(RuntimeError, match="only after"):
                response.content
            assert b"ok" == b"".join(response.iter_stream())
            with pytest.raises(RuntimeError, match="streamed already"):
                list(response.iter_stream())
        with pool.stream("GET", origin.url):
            pass
        pool.request("GET", origin.url)

        assert 1 == origin.accepted


def test_the_target_may_be_anything() -> None:
    """``OPTIONS *`` cannot be said with a URL; httpcore's URL can say it."""
    with Origin() as origin, httpcore.ConnectionPool() as pool:
        url = httpcore.URL(
            scheme="http", host="127.0.0.1", port=origin.port, target="*"
        )
        pool.request("OPTIONS", url)

        assert ["*"] == origin.targets()


def test_its_exceptions_are_the_clients_own() -> None:
    """What the pool raises is caught by either name."""
    with (
        Origin(raw(b"no HTTP\r\n\r\n")) as origin,
        httpcore.ConnectionPool() as pool,
        pytest.raises(httpcore.RemoteProtocolError) as raised,
    ):
        pool.request("GET", origin.url)

    assert isinstance(raised.value, mooring.RemoteProtocolError)


def test_one_request_without_a_pool() -> None:
    """The functions of the module open a pool for one request."""
    with Origin() as origin:
        assert b"ok" == httpcore.request("GET", origin.url).content
        with httpcore.stream("GET", origin.url) as response:
            assert b"ok" == response.read()


def test_what_mooring_does_for_itself_is_refused() -> None:
    """A backend given to the pool would be ignored; that is said."""
    with pytest.raises(ValueError, match="network_backend"):
        httpcore.ConnectionPool(network_backend=httpcore.MockBackend([]))
    with pytest.raises(NotImplementedError, match="makes its connections itself"):
        httpcore.ConnectionPool().create_connection(httpcore.Origin(b"http", b"a", 80))


def test_arguments_of_the_wrong_type_are_told_of() -> None:
    """Text outside of ASCII is not guessed at."""
    with pytest.raises(TypeError, match="unicode"):
        httpcore.Request("GÉT", "http://a/")
    with pytest.raises(TypeError, match="must be bytes or str, but got int"):
        httpcore.URL(7)  # type: ignore[arg-type]


def test_credentials_of_a_proxy_become_a_field() -> None:
    """As Basic credentials, in front of the fields that were given."""
    proxy = httpcore.Proxy("http://p:1", auth=("u", "p"), headers={"X": "1"})

    assert [(b"Proxy-Authorization", b"Basic dTpw"), (b"X", b"1")] == proxy.headers


# What mocking libraries do to httpcore. In a process of its own, because the alias is.
MOCKED = """
import asyncio, httpx, httpcore
from httpcore._sync.connection_pool import ConnectionPool
from httpcore._async.connection_pool import AsyncConnectionPool

def mock(original):
    def handle_request(self, request):
        if request.url.port == {port}:
            return original(self, request)
        body = b" ".join([request.method, bytes(request.url), b"".join(request.stream)])
        return httpcore.Response(201, headers=[(b"X", b"1")], content=body)
    return handle_request

def async_mock(original):
    async def handle_async_request(self, request):
        if request.url.port == {port}:
            return await original(self, request)
        return httpcore.Response(202, content=b"async")
    return handle_async_request

async def main():
    async with httpx.AsyncClient() as client:
        print((await client.get("https://a.test/")).text)
        print((await client.get("{url}d")).text)

originals = ConnectionPool.handle_request, AsyncConnectionPool.handle_async_request
ConnectionPool.handle_request = mock(originals[0])
AsyncConnectionPool.handle_async_request = async_mock(originals[1])
with httpx.Client() as client:
    response = client.post("https://a.test/b?c", content=b"body")
    print(response.status_code, response.headers["x"], response.text)
    with client.stream("GET", "{url}real") as response:
        print(response.read())
    asyncio.run(main())
    ConnectionPool.handle_request, AsyncConnectionPool.handle_async_request = originals
    print(client.get("{url}again").text)
"""


def test_the_transport_goes_through_a_replaced_method() -> None:
    """What is put in the place of the pool's method gets every request."""
    with Origin() as origin:
        output = under_alias(MOCKED.format(port=origin.port, url=origin.url))

        assert [
            "201 1 POST https://a.test/b?c body",
            "b'ok'",
            "async",
            "ok",
            "ok",
        ] == output.splitlines()
        assert ["/real", "/d", "/again"] == origin.targets()
