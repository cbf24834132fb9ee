"""A client of httpx or httpx2 on our pool: bodies, time limits, errors, closing."""

from __future__ import annotations

import asyncio
import importlib
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing
from types import ModuleType
from typing import Any

import pytest
import trio

import mooring
from tests.integration.servers import Connection, Gate, Origin, held_by, raw

LIBRARIES = ["httpx", "httpx2"]
WORLDS: dict[str, Callable[..., object]] = {"asyncio": asyncio.run, "trio": trio.run}
GZIP = bytes.fromhex("1f8b08000000000000034b4c4a0600c241243503000000")  # abc
CUT = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nab"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNKS = b"1\r\na\r\n2\r\nbc\r\n0\r\n\r\n"


@pytest.fixture(params=LIBRARIES)
def library(request: pytest.FixtureRequest) -> ModuleType:
    """Each library whose clients can come over the bridge."""
    return importlib.import_module(request.param)


@pytest.fixture(params=WORLDS)
def run(
    request: pytest.FixtureRequest,
) -> Callable[[Callable[[], Awaitable[None]]], None]:
    """Run a coroutine function on asyncio, then on trio."""

    def run(main: Callable[[], Awaitable[None]]) -> None:
        if request.param == "asyncio":
            asyncio.run(main())  # type: ignore[arg-type]
        else:
            trio.run(main)

    return run


def bridge(library: ModuleType, *ours: Any) -> Any:
    """Return the transport for a synchronous client."""
    return importlib.import_module(f"mooring.compat.{library.__name__}").Transport(
        *ours
    )


def async_bridge(library: ModuleType, *ours: Any) -> Any:
    """Return the transport for an asynchronous client."""
    module = importlib.import_module(f"mooring.compat.{library.__name__}")
    return module.AsyncTransport(*ours)


def chunked(connection: Connection) -> None:
    """Answer with the body's chunks as they came, header lines and all."""
    connection.receive()
    while not connection.received.endswith(b"0\r\n\r\n"):
        connection.receive()
    connection.respond(bytes(connection.received).partition(b"\r\n\r\n")[2])


def test_a_request_arrives_as_the_client_made_it(library: ModuleType) -> None:
    """Method, target, header fields and body; status, fields and body come back."""
    script = raw(
        b"HTTP/1.1 404 Gone Away\r\nX-A: 1\r\nX-A: 2\r\nContent-Length: 1\r\n\r\nx"
    )
    with Origin(script) as origin, library.Client(transport=bridge(library)) as client:
        response = client.post(
            f"{origin.url}a%2fb?c=%20", json={"k": 1}, auth=("u", "p")
        )

        (seen,) = origin.requests
        assert ("POST", "/a%2fb?c=%20") == (seen.method, seen.target)
        assert b'{"k":1}' == seen.body
        assert "basic dtpw" == seen.headers["authorization"]
        assert seen.headers["user-agent"].startswith(f"python-{library.__name__}/")
        assert (404, "Gone Away", "x") == (
            response.status_code,
            response.reason_phrase,
            response.text,
        )
        assert ["1", "2"] == response.headers.get_list("x-a")
        assert "HTTP/1.1" == response.http_version
        assert isinstance(response, library.Response)
        with pytest.raises(library.HTTPStatusError):
            response.raise_for_status()


def test_connections_are_kept_by_our_pool(library: ModuleType) -> None:
    """The next request goes over the same connection, and our counters say so."""
    ours = mooring.HTTPTransport()
    with Origin() as origin:
        with library.Client(transport=bridge(library, ours)) as client:
            for _ in range(3):
                client.get(origin.url)
            assert (1, 2) == (ours.pool.stats().dials, ours.pool.stats().leases_reused)
        origin.wait_until(lambda: None not in origin.endings())
        assert 0 == ours.pool.stats().connections


def test_bodies_are_streamed_both_ways(library: ModuleType) -> None:
    """Pieces leave as chunks, and what comes is decoded by the client."""

    def pieces() -> Iterator[bytes]:
        yield b"one"
        yield b"two"

    with (
        Origin(chunked, raw(CHUNKED, CHUNKS)) as origin,
        library.Client(transport=bridge(library)) as client,
    ):
        sent = client.post(origin.url, content=pieces())
        assert b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n" == sent.content
        with client.stream("GET", origin.url) as response:
            assert "abc" == "".join(response.iter_text())


def test_asynchronous_bodies_are_streamed_both_ways(
    library: ModuleType, run: Callable[..., None]
) -> None:
    """The same for the asynchronous client, on asyncio and on trio."""

    async def pieces() -> AsyncIterator[bytes]:
        yield b"one"
        yield b"two"

    async def main() -> None:
        async with library.AsyncClient(transport=async_bridge(library)) as client:
            sent = await client.post(origin.url, content=pieces())
            assert b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n" == sent.content
            async with client.stream("GET", origin.url) as response:
                assert "abc" == "".join([text async for text in response.aiter_text()])

    with Origin(chunked, raw(CHUNKED, CHUNKS)) as origin:
        run(main)


def test_a_multipart_form_is_sent(library: ModuleType) -> None:
    """A stream of a class of the library's own goes out with its length."""
    with Origin() as origin, library.Client(transport=bridge(library)) as client:
        client.post(origin.url, files={"file": ("a.txt", b"content")})

        (seen,) = origin.requests
        assert b"content" in seen.body
        assert len(seen.body) == int(seen.headers["content-length"])


def test_an_asynchronous_multipart_form_is_sent(
    library: ModuleType, run: Callable[..., None]
) -> None:
    """The same stream is read by the other colour."""

    async def main() -> None:
        async with library.AsyncClient(transport=async_bridge(library)) as client:
            await client.post(origin.url, files={"file": ("a.txt", b"content")})

    with Origin() as origin:
        run(main)
        assert b"content" in origin.requests[0].body


# httpx 0.28 leaves its own generators to the garbage collector, which trio tells of.
@pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning")
def test_a_response_left_half_way_gives_its_connection_back(
    library: ModuleType, run: Callable[..., None]
) -> None:
    """No lease is left when the block ends, however much was read."""

    async def main() -> None:
        ours = mooring.AsyncHTTPTransport()
        async with library.AsyncClient(transport=async_bridge(library, ours)) as client:
            async with (
                client.stream("GET", f"{origin.url}1") as response,
                aclosing(response.aiter_raw(1)) as pieces,
            ):
                assert b"o" == await anext(pieces)
            async with client.stream("GET", f"{origin.url}2"):
                pass
            assert 0 == ours.pool.stats().leases

    with Origin() as origin:
        run(main)


def test_a_compressed_body_is_the_clients_to_decode(library: ModuleType) -> None:
    """Our pool hands over what came; nothing is decoded twice."""
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
    with (
        Origin(raw(head % len(GZIP) + GZIP)) as origin,
        library.Client(transport=bridge(library)) as client,
    ):
        assert b"abc" == client.get(origin.url).content


@pytest.mark.parametrize(
    ("script", "error", "ours"),
    [
        (raw(b"SSH-2.0-OpenSSH\r\n\r\n"), "RemoteProtocolError", "RemoteProtocolError"),
        (raw(CUT), "RemoteProtocolError", "RemoteProtocolError"),
        (raw(), "RemoteProtocolError", "RemoteProtocolError"),
    ],
    ids=["not HTTP", "cut short", "nothing"],
)
def test_a_broken_answer_is_the_librarys_exception(
    library: ModuleType, script: Any, error: str, ours: str
) -> None:
    """With our text, its request, and our exception as the cause."""
    with Origin(script) as origin, library.Client(transport=bridge(library)) as client:
        with pytest.raises(getattr(library, error)) as raised:
            client.get(f"{origin.url}?a", headers={"x": "1"})

        assert str(raised.value) == str(raised.value.__cause__)
        assert f"{origin.url}?a" == str(raised.value.request.url)
        assert isinstance(raised.value.request, library.Request)
        assert isinstance(raised.value.__cause__, getattr(mooring, ours))


def test_time_limits_are_the_clients(library: ModuleType) -> None:
    """Each of the four reaches our pool, and comes back under the library's name."""
    ours = mooring.HTTPTransport(limits=mooring.Limits(max_connections=1))
    with (
        Gate() as gate,
        Origin(default=held_by(gate)) as origin,
        library.Client(transport=bridge(library, ours)) as client,
    ):
        with pytest.raises(library.ReadTimeout, match=r"for 0\.05 ?s"):
            client.get(f"{origin.url}held", timeout=0.05)
        with client.stream("GET", f"{origin.url}1"):
            limits = library.Timeout(5, pool=0.05)
            held = threading.Thread(target=client.get, args=(f"{origin.url}held",))
        held.start()
        origin.wait_until(lambda: "/held" in origin.targets()[2:])
        with pytest.raises(library.PoolTimeout, match="1 of 1"):
            client.get(origin.url, timeout=limits)
        gate.open()
        held.join()


def test_a_host_that_is_not_there_is_a_connect_error(library: ModuleType) -> None:
    """Our finer classes become the ones that the library has."""
    with library.Client(transport=bridge(library)) as client:
        with pytest.raises(library.ConnectError) as raised:
            client.get("http://no-such-host.invalid/")
        assert isinstance(raised.value.__cause__, mooring.DNSError)
        with pytest.raises(library.UnsupportedProtocol):
            client.get("ftp://example.org/")
        with pytest.raises(library.LocalProtocolError):
            client.get("http://127.0.0.1:1/", headers={"x": "a\nb"})


def test_asynchronous_failures_are_the_librarys(
    library: ModuleType, run: Callable[..., None]
) -> None:
    """Before the head, and in the middle of the body."""

    async def main() -> None:
        async with library.AsyncClient(transport=async_bridge(library)) as client:
            with pytest.raises(library.RemoteProtocolError):
                await client.get(origin.url)
            async with client.stream("GET", origin.url) as response:
                with pytest.raises(library.RemoteProtocolError) as raised:
                    await response.aread()
            assert origin.url == str(raised.value.request.url)
            with pytest.raises(library.ReadTimeout):
                await client.get(f"{origin.url}held", timeout=0.05)

    with Gate() as gate, Origin(raw(), raw(CUT), default=held_by(gate)) as origin:
        run(main)


def test_a_closed_bridge_sends_nothing(library: ModuleType) -> None:
    """The client closes it; who still has it is told."""
    transport = bridge(library)
    with Origin() as origin:
        with library.Client(transport=transport) as client:
            client.get(origin.url)
        with pytest.raises(library.ConnectError, match="client was closed"):
            transport.handle_request(library.Request("GET", origin.url))


def test_a_body_in_memory_is_sent_again_on_a_new_connection(
    library: ModuleType,
) -> None:
    """The pool knows that it can, as with a body of our own."""

    def closes(connection: Connection) -> None:
        connection.request()
        connection.respond()
        connection.request()

    with Origin(closes) as origin, library.Client(transport=bridge(library)) as client:
        client.get(origin.url)
        assert b"ok" == client.put(origin.url, content=b"body").content
        assert 2 == origin.accepted


def test_extensions_reach_our_transport_and_come_back(library: ModuleType) -> None:
    """Whatever the keys are."""

    class Ours(mooring.BaseTransport):
        def handle_request(self, request: mooring.Request) -> mooring.Response:
            return mooring.Response(200, extensions={"seen": request.extensions["x"]})

    with library.Client(transport=bridge(library, Ours())) as client:
        response = client.get("http://a/", extensions={"x": 7})

    assert 7 == response.extensions["seen"]


def test_it_is_a_transport_of_the_library(library: ModuleType) -> None:
    """Code that is typed against the library takes it."""
    assert isinstance(bridge(library), library.BaseTransport)
    assert isinstance(async_bridge(library), library.AsyncBaseTransport)


def test_redirects_cookies_and_mounts_stay_the_clients(library: ModuleType) -> None:
    """What is not about the connection is done by the library."""
    moved = (
        b"HTTP/1.1 302 Found\r\nLocation: /next\r\nSet-Cookie: a=b\r\n"
        b"Content-Length: 0\r\n\r\n"
    )

    def script(connection: Connection) -> None:
        connection.request()
        connection.send(moved)
        connection.request()
        connection.respond()

    with (
        Origin(script) as origin,
        library.Client(
            mounts={"http://": bridge(library)}, follow_redirects=True
        ) as client,
    ):
        response = client.get(origin.url)

        assert ["/", "/next"] == origin.targets()
        assert "a=b" == origin.requests[1].headers["cookie"]
        assert 1 == len(response.history)
