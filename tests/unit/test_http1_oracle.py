"""Whole conversations against h11: as the server we talk to, and as a second reader."""

from __future__ import annotations

from dataclasses import dataclass

import h11
from hypothesis import given, settings
from hypothesis import strategies as st

from mooring._protocol.http1 import HTTP1Connection

HOST = (b"Host", b"example.org")


@dataclass(frozen=True)
class Exchange:
    method: str
    upload: list[bytes]
    status: int
    chunks: list[bytes]
    chunked: bool
    fields: list[tuple[bytes, bytes]]
    trailers: list[tuple[bytes, bytes]]


_fields = st.lists(
    st.tuples(
        st.sampled_from([b"X-A", b"Set-Cookie", b"etag", b"x-long-name-of-a-field"]),
        st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=12).map(
            str.encode
        ),
    ),
    max_size=4,
)
_pieces = st.lists(st.binary(min_size=1, max_size=40), max_size=4)
_exchanges = st.builds(
    Exchange,
    method=st.sampled_from(["GET", "HEAD", "POST"]),
    upload=_pieces,
    status=st.sampled_from([200, 204, 304, 404, 500]),
    chunks=_pieces,
    chunked=st.booleans(),
    fields=_fields,
    trailers=_fields,
)


def answer_of(server: h11.Connection, exchange: Exchange) -> bytes:
    """Have h11 write the response to the request it has just read."""
    headers = list(exchange.fields)
    if exchange.chunked:
        headers.append((b"Transfer-Encoding", b"chunked"))
    else:
        size = sum(map(len, exchange.chunks))
        headers.append((b"Content-Length", b"%d" % size))
    response = h11.Response(status_code=exchange.status, headers=headers, reason=b"R")
    sent = [server.send(response)]
    if exchange.method != "HEAD" and exchange.status not in (204, 304):
        sent += [server.send(h11.Data(data=piece)) for piece in exchange.chunks]
        trailers = exchange.trailers if exchange.chunked else []
        sent.append(server.send(h11.EndOfMessage(headers=trailers)))
    else:
        sent.append(server.send(h11.EndOfMessage()))
    return b"".join(piece or b"" for piece in sent)


def read_by(server: h11.Connection, data: bytes) -> tuple[h11.Request, bytes]:
    """Return the request and its body as h11 reads them."""
    server.receive_data(data)
    request = server.next_event()
    assert isinstance(request, h11.Request)
    body = b""
    while isinstance(event := server.next_event(), h11.Data):
        body += bytes(event.data)
    assert isinstance(event, h11.EndOfMessage)
    return request, body


def request_bytes(client: HTTP1Connection, exchange: Exchange) -> bytes:
    size = sum(map(len, exchange.upload))
    framing = (
        (b"Transfer-Encoding", b"chunked")
        if exchange.chunked
        else (b"Content-Length", b"%d" % size)
    )
    head = client.start(exchange.method, b"/x", [HOST, framing])
    body = [client.body(piece) for piece in exchange.upload]
    return b"".join([head, *body, client.end_body()])


@given(st.lists(_exchanges, min_size=1, max_size=4), st.integers(1, 50))
@settings(max_examples=40, deadline=None)
def test_conversations_agree_with_h11(exchanges: list[Exchange], step: int) -> None:
    """One object and one h11 server understand each other, exchange after exchange."""
    client = HTTP1Connection("example.org:80")
    server = h11.Connection(h11.SERVER)
    for exchange in exchanges:
        request, upload = read_by(server, request_bytes(client, exchange))
        assert (exchange.method.encode(), b"/x") == (request.method, request.target)
        assert b"".join(exchange.upload) == upload

        raw = answer_of(server, exchange)
        for at in range(0, len(raw), step):
            client.receive(raw[at : at + step])

        bodiless = exchange.method == "HEAD" or exchange.status in (204, 304)
        expected = b"" if bodiless else b"".join(exchange.chunks)
        assert (exchange.status, expected) == (
            client.status,
            b"".join(client.take_body()),
        )
        assert exchange.fields == client.headers[: len(exchange.fields)]
        trailers = exchange.trailers if exchange.chunked and not bodiless else []
        assert trailers == client.trailers
        assert (True, False) == (client.reusable, client.desync)
        server.start_next_cycle()


def test_one_object_serves_many_exchanges() -> None:
    """Nothing of an exchange is left over for the next."""
    replies = [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", b"ok"),
        (
            b"HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 200 OK\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nA: b\r\n\r\n",
            b"x",
        ),
        (b"HTTP/1.1 204 No\r\n\r\n", b""),
        (b"HTTP/1.1 304 No\r\nContent-Length: 7\r\n\r\n", b""),
    ]
    client = HTTP1Connection("example.org:80")
    for raw, body in replies * 200:
        client.start("GET", b"/", [HOST])
        assert ([], [], 0, False) == (
            client.trailers,
            client.interim,
            client.status,
            client.begun,
        )
        client.receive(raw)

        assert (body, True) == (b"".join(client.take_body()), client.reusable)
