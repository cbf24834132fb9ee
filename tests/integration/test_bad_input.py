"""What bad input gets: the right exception with a sentence, and nothing left behind.

Each case runs in every world and ends the same way: the connection is closed, its
slot and its descriptors are back, and the client serves the next request.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import cache

import pytest
import trustme

import mooring
from tests.integration.io_worlds import authority, client_context, server_context
from tests.integration.servers import (
    LONG,
    Connection,
    Ending,
    Gate,
    Origin,
    Script,
    client_sockets,
    open_files,
    raw,
)
from tests.integration.worlds import ALL, Caller, World, caller, eventually, in_worlds


@asynccontextmanager
async def nothing_left(
    world: World, origin: Origin, **options: object
) -> AsyncIterator[Caller]:
    """Give a client; check after it that *origin* was left, and can be asked again."""
    before = open_files()
    async with caller(world, **options) as client:
        yield client
        await eventually(world, lambda: not client_sockets(origin.port))
        assert client.is_at_rest
        assert 0 == connections_of(client)

        with Origin() as healthy:
            assert 200 == (await client.get(healthy.url)).status_code
    origin.stop()
    await world.settle()
    # Of the server's the listening socket is gone; ours must be too.
    assert open_files() < before


def connections_of(client: Caller) -> int:
    stats = client.transport.stats()
    return 0 if stats is None else client.stats.connections


@contextmanager
def said(kind: type[Exception], pattern: str) -> Iterator[None]:
    """Expect exactly this exception, saying this in one line."""
    with pytest.raises(kind) as caught:
        yield
    text = str(caught.value)
    assert kind is type(caught.value)
    assert text.isprintable()
    assert re.search(pattern, text), text


# -- what the caller gets wrong ----------------------------------------------------


@pytest.mark.parametrize(
    ("url", "kind", "pattern"),
    [
        ("ftp://h/", mooring.UnsupportedProtocol, "unsupported protocol 'ftp://'"),
        ("h", mooring.UnsupportedProtocol, "missing an 'http://' or 'https://'"),
        ("http://h:99999/", mooring.InvalidURL, r"port 99999 .*\(0-65535\)"),
        ("http://h/\r\nX: y", mooring.InvalidURL, "[Ii]nvalid.*character"),
        ("http://", mooring.UnsupportedProtocol, "."),
        ("http://[::1/", mooring.InvalidURL, "."),
    ],
)
@in_worlds(*ALL)
async def test_a_bad_url(
    world: World, url: str, kind: type[Exception], pattern: str
) -> None:
    """It is told of before anything is connected."""
    with Origin() as origin:
        async with nothing_left(world, origin) as client:
            with said(kind, pattern):
                await client.get(url)


@pytest.mark.parametrize(
    ("method", "headers", "pattern"),
    [
        ("GET\r\nX: Y", {}, r"method 'GET\\r\\nX: Y'"),
        ("GE T", {}, "method 'GE T'"),
        ("", {}, "method ''"),
        ("GET", {"X-Bad": "a\r\nX-Smuggled: b"}, r"illegal byte '\\r'.*X-Bad"),
        ("GET", {"X-Bad": "a\nb"}, r"illegal byte '\\n'"),
        ("GET", {"X-Bad": "a\0b"}, r"illegal byte '\\x00'"),
        ("GET", {"X Bad": "a"}, "header name 'X Bad'"),
        ("GET", {"X-Bad\r\nY": "a"}, "header name"),
    ],
)
@in_worlds(*ALL)
async def test_a_line_break_where_none_may_be(
    world: World, method: str, headers: dict[str, str], pattern: str
) -> None:
    """Not one byte of a request that would smuggle another reaches the server."""
    with Origin() as origin:
        async with caller(world) as client:
            with said(mooring.LocalProtocolError, pattern):
                await client.request(method, origin.url, headers=headers)

            # The connection was made and is as good as new.
            assert 200 == (await client.get(origin.url)).status_code
            assert 1 == len(origin.requests) == origin.accepted
            assert b"GET / HTTP/1.1" == bytes(origin.connections[0].received[:14])


# -- what nobody answers --------------------------------------------------------------


@in_worlds(*ALL)
async def test_a_refused_port(world: World) -> None:
    """The text says who refused, the note asks whether the server runs."""
    with Origin() as origin:
        async with nothing_left(world, origin) as client:
            origin.stop()
            pattern = rf"connect to 127\.0\.0\.1:{origin.port}: 127\.0\.0\.1 refused"
            with said(mooring.ConnectError, pattern):
                await client.get(origin.url)


@pytest.mark.parametrize("host", ["no-such-host.invalid", f"{'x' * 64}.test"])
@in_worlds(*ALL)
async def test_an_unknown_host(world: World, host: str) -> None:
    """The text names the host, whether there is no such name or there cannot be."""
    with Origin() as origin:
        async with nothing_left(world, origin) as client:
            with pytest.raises((mooring.ConnectError, mooring.InvalidURL)) as caught:
                await client.get(f"http://{host}/")

            assert host[:20] in str(caught.value)
            assert str(caught.value).isprintable()


@in_worlds(*ALL)
async def test_a_server_that_never_answers(world: World) -> None:
    """The read timeout says for how long nothing came, and in which phase."""

    def silent(connection: Connection) -> None:
        connection.request()
        connection.until_gone()

    with Origin(silent) as origin:
        async with nothing_left(world, origin) as client:
            pattern = (
                rf"no data from 127\.0\.0\.1:{origin.port} for 0\.05s "
                "while waiting for response headers"
            )
            with said(mooring.ReadTimeout, pattern):
                await client.get(origin.url, timeout=mooring.Timeout(LONG, read=0.05))


@in_worlds(*ALL)
async def test_a_server_that_stops_in_the_body(world: World) -> None:
    """The read timeout counts between pieces, and says where it was."""

    def stops(connection: Connection) -> None:
        connection.request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nha")
        connection.until_gone()

    with Origin(stops) as origin:
        async with nothing_left(world, origin) as client:
            with said(mooring.ReadTimeout, "while reading the response body"):
                await client.get(origin.url, timeout=mooring.Timeout(LONG, read=0.05))


@in_worlds(*ALL)
async def test_a_server_that_takes_no_data(world: World) -> None:
    """The write timeout ends an upload that nobody reads."""

    def deaf(connection: Connection) -> None:
        connection.hold_unread(over)

    with Gate() as over, Origin(deaf) as origin:
        async with nothing_left(world, origin) as client:
            with said(mooring.WriteTimeout, r"took no data for 0\.05s"):
                await client.post(
                    origin.url,
                    content=b"x" * 32_000_000,
                    timeout=mooring.Timeout(LONG, write=0.05),
                )
            over.open()


@in_worlds(*ALL)
async def test_a_handshake_that_never_ends(world: World) -> None:
    """The connect timeout covers TLS and says so."""

    def silent(connection: Connection) -> None:
        connection.until_gone()

    with Origin(silent) as origin:
        async with nothing_left(world, origin) as client:
            with said(
                mooring.ConnectTimeout,
                r"no connection to .* within 0\.05s \(TLS handshake\)",
            ):
                await client.get(
                    origin.url.replace("http:", "https:"),
                    timeout=mooring.Timeout(LONG, connect=0.05),
                )


# -- what is no HTTP -----------------------------------------------------------------


def at_once(data: bytes) -> Script:
    """Speak first, as some protocols do; then listen."""

    def script(connection: Connection) -> None:
        connection.send(data)
        connection.until_gone()

    return script


def answer(data: bytes) -> Script:
    """Answer a request with *data* and wait for what comes of it."""

    def script(connection: Connection) -> None:
        connection.request()
        connection.send(data)
        connection.until_gone()

    return script


def reset(connection: Connection) -> None:
    """Take the request and reset."""
    connection.request()
    connection.close(Ending.RST)


HEAD = b"HTTP/1.1 200 OK\r\n"
BAD_ANSWERS = {
    "ssh": (at_once(b"SSH-2.0-OpenSSH_9.2\r\n"), "sent 'SSH-2.0-OpenSSH_9.2', which"),
    "smtp": (at_once(b"220 mail.test ESMTP\r\n"), "sent '220 mail.test ESMTP', which"),
    "ssh, then closed": (raw(b"SSH-2.0-x\r\n"), "sent 'SSH-2.0-x', which is not HTTP"),
    "http/0.9": (raw(b"<html>hello</html>"), "sent '<html>hello</html>', which is not"),
    "nothing": (raw(), "closed the connection without sending a response"),
    "half a head": (raw(b"HTTP/1.1 200 OK\r\nX:"), "closed after 19 bytes of the resp"),
    "short": (
        raw(HEAD + b"Content-Length: 100\r\n\r\nha"),
        "after 2 of 100 body bytes",
    ),
    "chunks": (
        raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nha\r\n"),
        "closed after 2 body bytes, before the last chunk",
    ),
    "chunk size": (
        answer(HEAD + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n"),
        "bad chunk size",
    ),
    "1 MB header": (
        answer(HEAD + b"X: " + b"x" * 1_000_000),
        r"(line|head) (is )?over",
    ),
    "1 MB of headers": (answer(HEAD + b"X: y\r\n" * 200_000), "over .* bytes"),
    "2000 fields": (answer(HEAD + b"X: y\r\n" * 2000 + b"\r\n"), "over 1000 fields"),
    "two lengths": (
        answer(HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
        "Content-Length",
    ),
    "endless 100s": (
        answer(b"HTTP/1.1 100 Continue\r\n\r\n" * 200),
        "over 100 interim",
    ),
    "unasked 101": (
        answer(b"HTTP/1.1 101 Switching Protocols\r\n\r\n"),
        "without being asked",
    ),
}


@pytest.mark.parametrize("name", BAD_ANSWERS)
@in_worlds(*ALL)
async def test_an_answer_that_is_no_http(world: World, name: str) -> None:
    """The exception is about the peer, and quotes a little of what it sent."""
    script, pattern = BAD_ANSWERS[name]
    with Origin(script) as origin:
        async with nothing_left(world, origin) as client:
            with said(mooring.RemoteProtocolError, pattern):
                await client.get(origin.url)


@in_worlds(*ALL)
async def test_a_reset_instead_of_an_answer(world: World) -> None:
    """The text says who reset, and what was being waited for."""
    with Origin(reset) as origin:
        async with nothing_left(world, origin) as client:
            pattern = (
                rf"127\.0\.0\.1:{origin.port} while waiting for response headers: "
                "reset by the server"
            )
            with said(mooring.ReadError, pattern):
                await client.get(origin.url)


@in_worlds(*ALL)
async def test_a_streamed_body_cut_short(world: World) -> None:
    """What came before the cut is handed out; the error comes in its place."""
    script = raw(HEAD + b"Content-Length: 100\r\n\r\nhalf")
    with Origin(script) as origin:
        async with (
            nothing_left(world, origin) as client,
            client.stream("GET", origin.url) as response,
        ):
            pieces = client.pieces(response)
            assert b"half" == await pieces.next()
            with said(mooring.RemoteProtocolError, "4 of 100 body bytes"):
                await pieces.next()


# -- TLS ----------------------------------------------------------------------------


@cache
def named_context(name: str) -> ssl.SSLContext:
    """A server's context for *name*, of the authority that clients here trust."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert(name).configure_cert(context)
    return context


@cache
def stranger_context() -> ssl.SSLContext:
    """A server's context of an authority that nobody knows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost", "127.0.0.1").configure_cert(context)
    return context


@in_worlds(*ALL)
async def test_tls_to_a_plain_port(world: World) -> None:
    """A server that answers a handshake in plain text is told by its answer."""

    def plain(connection: Connection) -> None:
        connection.receive()
        connection.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        connection.until_gone()

    with Origin(plain) as origin:
        async with nothing_left(world, origin, verify=client_context()) as client:
            pattern = rf"127\.0\.0\.1:{origin.port} answered in plain"
            with said(mooring.TLSError, pattern):
                await client.get(origin.url.replace("http:", "https:"))


@in_worlds(*ALL)
async def test_plain_to_a_tls_port(world: World) -> None:
    """A TLS server sends an alert, or nothing, where a response should be."""
    with Origin(context=server_context()) as origin:
        async with nothing_left(world, origin) as client:
            with pytest.raises(mooring.TransportError) as caught:
                await client.get(origin.url.replace("https:", "http:"))

            assert f"127.0.0.1:{origin.port}" in str(caught.value)
            assert str(caught.value).isprintable()


@in_worlds(*ALL)
async def test_a_certificate_of_an_unknown_authority(world: World) -> None:
    """The text says that the issuer is not trusted."""
    with Origin(context=stranger_context()) as origin:
        async with nothing_left(world, origin, verify=client_context()) as client:
            pattern = (
                rf"certificate of 127\.0\.0\.1:{origin.port} .*(issuer|self.signed)"
            )
            with said(mooring.CertificateError, pattern):
                await client.get(origin.url)


@in_worlds(*ALL)
async def test_a_certificate_for_another_name(world: World) -> None:
    """The text names the host that was expected."""
    with Origin(context=named_context("other.test")) as origin:
        async with nothing_left(world, origin, verify=client_context()) as client:
            with said(mooring.CertificateError, r"127\.0\.0\.1.*(mismatch|valid)"):
                await client.get(origin.url)


@in_worlds(*ALL)
async def test_tls_cut_off_in_the_handshake(world: World) -> None:
    """A server that hangs up on the greeting fails the connect, with a reason."""

    def hangs_up(connection: Connection) -> None:
        connection.receive()

    with Origin(hangs_up) as origin:
        async with nothing_left(world, origin, verify=client_context()) as client:
            with said(
                mooring.TLSError, rf"TLS handshake with .*:{origin.port} failed: ."
            ):
                await client.get(origin.url.replace("http:", "https:"))
