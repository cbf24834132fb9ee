"""Servers that flood: each thing they can make us hold or do has a cap."""

from __future__ import annotations

import tracemalloc

import pytest

from mooring._protocol.http2_limits import HTTP2Limits
from tests.unit.http2_peer import (
    OK,
    a_connection,
    a_request,
    an_upload,
    data,
    goaway_code,
    headers,
    ping,
    raw,
    reset,
    reset_code,
    settings,
    window,
)

PROTOCOL_ERROR = 1
ENHANCE_YOUR_CALM = 11


def test_endless_continuations_end_the_connection() -> None:
    """At 256 KiB, with little memory spent on them (H001)."""
    connection = a_connection(limits=HTTP2Limits(continuation_frames=10**6))
    a_request(connection)
    connection.receive(raw(1, 0, 1, b"\x88"))
    tracemalloc.start()
    sent = 0
    while not connection.closed:
        connection.receive(raw(9, 0, 1, bytes(1024)))
        sent += 1024
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert 256 << 10 == sent
    assert peak < 2 << 20
    assert ENHANCE_YOUR_CALM == goaway_code(connection)


def test_empty_continuations_are_counted() -> None:
    """64 of them are enough for any head."""
    connection = a_connection()
    a_request(connection)
    connection.receive(raw(1, 0, 1, b"\x88") + raw(9, 0, 1) * 64)
    assert not connection.closed
    connection.receive(raw(9, 0, 1))

    assert ENHANCE_YOUR_CALM == goaway_code(connection)


def test_a_header_list_too_large_ends_the_connection() -> None:
    """Counted decoded: one byte of it may stand for kilobytes."""
    connection = a_connection()
    a_request(connection)
    entry = b"\x40\x01a" + b"\x7f\xa1\x1e" + b"v" * 4000
    connection.receive(raw(1, 4, 1, b"\x88" + entry + b"\xbe" * 100))

    assert ENHANCE_YOUR_CALM == goaway_code(connection)


def test_too_many_fields_end_the_stream() -> None:
    """A thousand small ones are under the cap on bytes."""
    connection = a_connection()
    stream = a_request(connection)
    connection.receive(raw(1, 4, 1, b"\x88" + b"\x00\x01a\x00" * 1001))

    assert "over 1000 fields" in str(stream.error)
    assert PROTOCOL_ERROR == reset_code(connection)


def test_endless_interim_responses_end_the_stream() -> None:
    """A hundred 103 are enough (H031)."""
    connection = a_connection()
    stream = a_request(connection)
    connection.receive(headers(1, [(b":status", b"103")]) * 101)

    assert "over 100 interim responses" in str(stream.error)
    assert 100 == len(stream.interim)


def test_large_interim_responses_end_the_stream() -> None:
    """Together they are held to the cap on one head."""
    connection = a_connection(limits=HTTP2Limits(header_list_bytes=1000))
    stream = a_request(connection)
    connection.receive(headers(1, [(b":status", b"103"), (b"x-a", b"v" * 200)]) * 5)

    assert "interim responses are over 1000 bytes" in str(stream.error)


def test_large_trailers_end_the_stream() -> None:
    """In number and in size."""
    for fields in ([(b"x-a", b"")] * 101, [(b"x-a", b"v" * 200)] * 60):
        limits = HTTP2Limits(trailer_bytes=12_000)
        connection = a_connection(limits=limits)
        stream = a_request(connection)
        connection.receive(headers(1) + headers(1, fields, ends=True))

        assert "the trailers are over" in str(stream.error)


def test_empty_data_frames_are_counted() -> None:
    """A thousand in a row, none held (H011)."""
    connection = a_connection()
    a_request(connection)
    connection.receive(headers(1) + data(1) * 1000)
    assert not connection.closed
    connection.receive(data(1, b"a") + data(1) * 1000)
    assert not connection.closed
    connection.receive(data(1, padding=3))

    assert ENHANCE_YOUR_CALM == goaway_code(connection)


@pytest.mark.parametrize("frame", [ping(), settings({3: 5})])
def test_replies_do_not_pile_up(frame: bytes) -> None:
    """Whoever asks a thousand times before we could answer does not want answers."""
    connection = a_connection()
    connection.receive(frame * 1000)
    assert not connection.closed
    connection.data_to_send()
    connection.receive(frame * 1000)
    assert not connection.closed
    connection.receive(frame)

    assert ENHANCE_YOUR_CALM == goaway_code(connection)


@pytest.mark.parametrize(
    "frame",
    [
        ping(ack=True),
        settings(),
        raw(2, 0, 1, bytes(5)),
        raw(0x0C, 0, 0, b"origin"),
        raw(0x1F, 0, 0),
        reset(1, 8),
        window(1, 1),
        window(0, 1),
        raw(4, 1, 0),
    ],
)
def test_frames_that_advance_no_stream_are_counted(frame: bytes) -> None:
    """Ten thousand without anything in between (H028)."""
    connection = a_connection()
    a_request(connection)
    connection.receive(headers(1, ends=True))
    for _ in range(10_000):
        connection.receive(frame)
        connection.data_to_send()
    assert not connection.closed
    connection.receive(frame)

    assert ENHANCE_YOUR_CALM == goaway_code(connection)


def test_late_frames_of_streams_we_reset_are_counted() -> None:
    """They cost us as much as any other."""
    connection = a_connection(limits=HTTP2Limits(useless_frames=100))
    stream = a_request(connection)
    connection.receive(headers(1))
    connection.reset(stream)
    connection.receive(data(1, b"x") * 101)

    assert ENHANCE_YOUR_CALM == goaway_code(connection)


def test_frames_that_advance_a_stream_make_good() -> None:
    """A body that comes, an upload that goes, and the clock."""
    connection = a_connection(limits=HTTP2Limits(useless_frames=10))
    a_request(connection)
    upload = an_upload(connection)
    connection.receive(headers(1))
    for _ in range(5):
        connection.receive(ping() * 8 + data(1, b"x"))
        connection.send_data(upload, b"x")
        connection.receive(ping() * 8)
        connection.refill()

    assert not connection.closed
    connection.receive(ping() * 11)
    assert connection.closed


def test_the_head_of_a_flood_is_still_good() -> None:
    """What came before the fault is told."""
    connection = a_connection()
    stream = a_request(connection)
    touched = connection.receive(headers(1, OK, ends=True) + ping() * 1001)

    assert [stream] == touched
    assert stream.complete
    assert connection.closed
