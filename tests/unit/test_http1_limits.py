"""The caps on what a server may make us hold, and their cost."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mooring._errors import RemoteProtocolError
from mooring._protocol.http1 import HTTP1Connection
from mooring._protocol.http1_limits import HTTP1Limits

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


def a_connection(limits: HTTP1Limits | None = None) -> HTTP1Connection:
    connection = HTTP1Connection("example.org:80", limits or HTTP1Limits())
    connection.start("GET", b"/", [(b"Host", b"example.org")])
    return connection


def fed_until_refused(opening: bytes, piece: bytes) -> tuple[int, str]:
    """Send *piece* for ever; return how many bytes it took, and the error."""
    connection = a_connection()
    sent = 0
    with pytest.raises(RemoteProtocolError) as caught:
        for data in endless(opening, piece):
            sent += len(data)
            connection.receive(data)
    return sent, str(caught.value)


def endless(opening: bytes, piece: bytes) -> Iterator[bytes]:
    yield opening
    while True:
        yield piece


@pytest.mark.parametrize(
    ("opening", "piece", "most", "text"),
    [
        (b"HTTP/1.1 200 ", b"x" * 1000, 67_000, "a line over 65536 bytes"),
        (b"HTTP/1.1 200 ", b"x" * 7, 65_600, "a line over 65536 bytes"),
        (OK, b"A: " + b"b" * 997 + b"\r\n", 264_000, "over 262144 bytes"),
        (b"HTTP/1.1 100 C\r\n", b"A: bbb\r\n" * 9, 263_000, "over 262144 bytes"),
        (b"", b"HTTP/1.1 100 C\r\n\r\n", 2000, "over 100 int"),
        (
            b"",
            b"HTTP/1.1 103 C\r\nA: " + b"b" * 9000 + b"\r\n\r\n",
            272_000,
            "over 262144 bytes",
        ),
        (CHUNKED, b"0" * 100, 4300, "a chunk-size line is over 4096 bytes"),
        (CHUNKED, b"0" * 2**20, 2**20 + 60, "a chunk-size line is over 4096 bytes"),
        (CHUNKED, b"1;" + b"x" * 98 + b"\r\na\r\n", 22_000, "chunk extensions take"),
        (CHUNKED + b"0\r\n", b"A: " + b"b" * 97 + b"\r\n", 66_000, "over 65536 bytes"),
    ],
)
def test_endless_input_is_refused(
    opening: bytes, piece: bytes, most: int, text: str
) -> None:
    """Whatever goes on for ever ends at its cap, with an error that names it."""
    sent, error = fed_until_refused(opening, piece)

    assert text in error
    assert sent <= most


def test_long_line_in_one_piece_is_refused() -> None:
    """The cap on a line holds in a head that comes whole."""
    with pytest.raises(RemoteProtocolError, match="a line over 65536 bytes"):
        a_connection().receive(OK + b"A: " + b"b" * 65536 + b"\r\n\r\n")


def test_line_at_its_cap_is_accepted() -> None:
    """A line of exactly the cap passes, its CRLF not counted."""
    connection = a_connection()

    connection.receive(OK + b"A: " + b"b" * 65533 + b"\r\nContent-Length: 0\r\n\r\n")

    assert connection.complete


@pytest.mark.parametrize(("fields", "accepted"), [(1000, True), (1001, False)])
def test_head_fields_are_counted(fields: int, accepted: bool) -> None:
    """A thousand fields pass, one more does not."""
    connection = a_connection()
    raw = OK + b"A: b\r\n" * (fields - 1) + b"Content-Length: 0\r\n\r\n"

    if not accepted:
        with pytest.raises(RemoteProtocolError, match="over 1000 fields"):
            connection.receive(raw)
    else:
        connection.receive(raw)

    assert accepted == connection.complete


def test_trailer_fields_are_counted() -> None:
    """A hundred trailers pass, one more does not."""
    a_connection().receive(CHUNKED + b"0\r\n" + b"A: b\r\n" * 100 + b"\r\n")

    with pytest.raises(RemoteProtocolError, match="over 100 fields"):
        a_connection().receive(CHUNKED + b"0\r\n" + b"A: b\r\n" * 101 + b"\r\n")


def test_limits_can_be_set() -> None:
    """A smaller cap is obeyed."""
    connection = a_connection(HTTP1Limits(head_bytes=64))

    with pytest.raises(RemoteProtocolError, match="over 64 bytes"):
        connection.receive(OK + b"A: " + b"b" * 64 + b"\r\n\r\n")


@pytest.mark.parametrize("segment", [1000, 65536])
def test_tiny_chunks_do_not_pile_up(segment: int) -> None:
    """A body in 1-byte chunks costs one object for each piece that arrived."""
    connection = a_connection()
    raw = CHUNKED + b"1\r\nx\r\n" * 20_000 + b"0\r\n\r\n"
    pieces = range(0, len(raw), segment)
    for at in pieces:
        connection.receive(raw[at : at + segment])

    chunks = connection.take_body()

    assert 20_000 == sum(map(len, chunks))
    assert len(chunks) <= len(pieces)
