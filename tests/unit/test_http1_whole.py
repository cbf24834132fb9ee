"""Responses that come whole take a short way: it must lead where the long one leads."""

from __future__ import annotations

import sys
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mooring._errors import RemoteProtocolError
from mooring._protocol.http1 import HTTP1Connection
from mooring._protocol.http1_grammar import MalformedError
from mooring._protocol.http1_head import (
    FieldReader,
    framing_of,
    read_status_line,
    status_lines,
)

Facts = tuple[object, ...]

HOST = (b"Host", b"example.org")
LINES = [
    b"HTTP/1.1 200 OK",
    b"HTTP/1.1 404 Not Found",
    b"HTTP/1.1 200",
    b"HTTP/1.0 200 OK",
    b"HTTP/1.1 204 No Content",
    b"HTTP/1.1 304 Not Modified",
    b"HTTP/1.1 100 Continue",
    b"HTTP/1.1 101 Switching Protocols",
    b"HTTP/2 200 OK",
]
FIELDS = [
    b"Server: nginx",
    b"Date: Sat, 21 Nov 2026 01:11:20 GMT",
    b"X-Own:  padded \t",
    b"Set-Cookie: a=b",
    b"folded: a\r\n b",
    b"Bad Name: x",
    b"Content-Length: 0",
    b"Content-Length: 5",
    b"CONTENT-LENGTH: 05 ",
    b"content-length: 7",
    b"Content-Length: +5",
    b"Connection: keep-alive",
    b"Connection: Keep-Alive",
    b"connection: close",
    b"Connection: x, Close",
    b"Transfer-Encoding: chunked",
    b"transfer-encoding: gzip",
]
LENGTH = b"Content-Length: 5"
BODIES = [b"", b"hell", b"hello", b"hello, again", b"5\r\nhello\r\n0\r\n\r\n"]

_heads = st.tuples(
    st.sampled_from(LINES) | st.just(LINES[0]),
    st.lists(st.sampled_from(FIELDS) | st.just(LENGTH), max_size=4),
).map(lambda head: b"".join(line + b"\r\n" for line in (head[0], *head[1])) + b"\r\n")
_responses = st.lists(
    st.tuples(_heads, st.sampled_from(BODIES)).map(b"".join), min_size=1, max_size=2
).map(b"".join)
_requests = st.tuples(
    st.sampled_from(["GET", "GET", "POST", "HEAD", "CONNECT"]),
    st.sampled_from(
        [
            [],
            [(b"Connection", b"close")],
            [(b"Upgrade", b"x")],
            [(b"Content-Length", b"2")],
        ]
    ),
)


def facts_of(connection: HTTP1Connection) -> Facts:
    """Return everything a caller can see."""
    c = connection
    return (
        c.status, c.reason, c.http_version, c.headers, b"".join(c.take_body()),
        c.trailers, c.interim, c.head_complete, c.complete, c.reusable, c.desync,
        c.upgraded, c.trailing, c.content_length, c.remaining, c.begun, c.request_sent,
    )  # fmt: skip


def told_by(
    connection: HTTP1Connection,
    request: tuple[str, list[tuple[bytes, bytes]]],
    pieces: list[bytes],
) -> tuple[str, Facts, str]:
    """Send *request*, receive *pieces*, then the end; return what that told."""
    method, fields = request
    fault = ending = ""
    connection.start(method, b"/", [HOST, *fields])
    try:
        for piece in pieces:
            connection.receive(piece)
    except RemoteProtocolError as error:
        fault = str(error)
    facts = facts_of(connection)
    try:
        connection.receive_eof()
    except RemoteProtocolError as error:
        ending = str(error)
    return fault, facts, ending


def used_connection(first: bytes) -> HTTP1Connection:
    """Return a connection on which *first* has been the answer to a request."""
    connection = HTTP1Connection("example.org:80")
    connection.start("GET", b"/", [HOST])
    connection.receive(first)
    connection.take_body()
    assert connection.reusable
    return connection


@given(
    _requests,
    _responses,
    st.lists(st.integers(0, 200), max_size=4),
    st.sampled_from(
        [
            b"HTTP/1.1 404 No\r\nContent-Length: 1\r\n\r\nx",
            b"HTTP/1.1 103 E\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nB: c\r\n\r\n",
        ]
    ),
)
@example(("GET", []), b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", [], b"")
@settings(max_examples=400, deadline=None)
def test_both_ways_agree(
    request: tuple[str, list[tuple[bytes, bytes]]],
    raw: bytes,
    at: list[int],
    before: bytes,
) -> None:
    """Whole, byte by byte or cut anywhere, the same bytes tell the same."""
    edges = [0, *sorted(at), max(len(raw), *at, 0)]
    cuts = [
        [raw],
        [raw[i : i + 1] for i in range(len(raw))],
        [raw[a:b] for a, b in pairwise(edges)],
    ]

    whole, bytewise, random = (
        told_by(
            used_connection(before) if before else HTTP1Connection("example.org:80"),
            request,
            pieces,
        )
        for pieces in cuts
    )

    assert whole == bytewise
    assert whole == random


_blocks = st.lists(st.sampled_from(FIELDS), max_size=4).map(
    lambda lines: b"\r\n" + b"".join(line + b"\r\n" for line in lines) + b"\r\n"
)


def read_by(reader: FieldReader, block: bytes) -> object:
    try:
        return reader.read(block)
    except MalformedError as fault:
        return str(fault)


@given(st.lists(_blocks, min_size=2, max_size=5))
@settings(max_examples=100, deadline=None)
def test_a_used_reader_reads_like_a_new_one(blocks: list[bytes]) -> None:
    """A block of fields means the same whatever was read, or refused, before it."""
    reader = FieldReader()

    for block in blocks:
        assert read_by(FieldReader(), block) == read_by(reader, block)


def test_many_status_lines_are_read() -> None:
    """The memory for status lines is bounded; what was thrown out still works."""
    lines = [b"HTTP/1.1 200 %d" % number for number in range(600)]

    assert all(read_status_line(line) == status_lines[line] for line in lines * 2)
    assert len(status_lines) <= 256


def test_many_names_are_looked_at() -> None:
    """However many names a server makes up, those that matter are recognised."""
    made_up = [(b"X-%d" % number, b"1") for number in range(3000)]
    telling = [(b"content-LENGTH", b"7"), (b"CONNECTION", b"close")]

    for _ in range(2):
        assert (7, (), True, False, None) == framing_of([*made_up, *telling])


def test_interrupt_is_no_fault_of_the_peer() -> None:
    """Ctrl-C in the middle of a head is Ctrl-C, and not a malformed response."""

    def interrupt(frame: object, event: str, arg: object) -> None:
        if event == "call" and "on_header" in repr(frame):
            raise KeyboardInterrupt

    connection = HTTP1Connection("example.org:80")
    connection.start("GET", b"/", [HOST])
    sys.setprofile(interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            connection.receive(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    finally:
        sys.setprofile(None)

    assert not connection.reusable
