"""Flow control of HTTP/2, on both levels and in both directions."""

from __future__ import annotations

import pytest
from hyperframe.frame import RstStreamFrame, WindowUpdateFrame

from mooring._protocol.http2 import HTTP2Connection
from mooring._protocol.http2_limits import HTTP2Limits
from mooring._protocol.http2_stream import HTTP2Stream
from tests.unit.http2_peer import (
    WINDOW,
    a_connection,
    a_request,
    an_upload,
    data,
    goaway_code,
    headers,
    reset_code,
    sent_by,
    settings,
    window,
)

FLOW_CONTROL_ERROR = 3
# Bodies credit the connection when they are taken: all streams together fit.
ON_TAKE = HTTP2Limits(streams=4, stream_window=65536, connection_window=4 * 65536)
# Bodies credit the connection as they come: streams could hold more than it has.
AT_ONCE = HTTP2Limits(streams=100, stream_window=65536, connection_window=4 * 65536)
BOTH = pytest.mark.parametrize("limits", [ON_TAKE, AT_ONCE])


def sent_windows(connection: HTTP2Connection) -> list[tuple[int, int]]:
    return [
        (f.stream_id, f.window_increment)
        for f in sent_by(connection)
        if isinstance(f, WindowUpdateFrame)
    ]


def sizes(connection: HTTP2Connection) -> list[int]:
    return [f.body_len for f in sent_by(connection)]


# --- sending ------------------------------------------------------------------


def test_the_streams_window_is_respected() -> None:
    """What does not fit is not taken, and the stream is told when it may go on."""
    connection = a_connection({WINDOW: 10})
    stream = an_upload(connection)
    body = b"a" * 25
    assert 10 == connection.send_data(stream, body, end=True)
    assert [] == connection.receive(window(0, 5))
    assert [stream] == connection.receive(window(1, 12))
    assert 12 == connection.send_data(stream, body[10:], end=True)
    connection.receive(window(1, 100))
    assert 3 == connection.send_data(stream, body[22:], end=True)

    assert [10, 12, 3] == sizes(connection)
    assert stream.request_sent


def test_the_connections_window_is_respected() -> None:
    """All streams share it; each that waits is told, the longest first."""
    connection = a_connection({WINDOW: 2**31 - 1})
    first, second = an_upload(connection), an_upload(connection)
    assert 65535 == connection.send_data(first, b"a" * 70000)
    assert 0 == connection.send_data(second, b"b")
    assert 0 == connection.send_window
    assert [first, second] == connection.receive(window(0, 3))
    assert 3 == connection.send_data(first, b"a" * 4465)
    assert 0 == connection.send_data(second, b"b")

    assert [second, first] == connection.receive(window(0, 9))


def test_only_an_upload_without_a_window_waits() -> None:
    """The others go on (row 61, H018)."""
    connection = a_connection({WINDOW: 10})
    stuck, other = an_upload(connection), an_upload(connection)
    connection.send_data(stuck, b"a" * 11)
    connection.receive(window(other.id, 1000))

    assert 500 == connection.send_data(other, b"b" * 500, end=True)
    assert 0 == connection.send_data(stuck, b"a")
    connection.reset(stuck)
    assert [] == connection.receive(window(0, 100))
    *_, last = sent_by(connection)
    assert isinstance(last, RstStreamFrame) or last.opaque_data


def test_an_upload_given_up_waits_for_nothing() -> None:
    """It is not told of windows any more."""
    connection = a_connection({WINDOW: 100_000})
    stream = an_upload(connection)
    connection.send_data(stream, b"a" * 70_000)
    connection.reset(stream)

    assert [] == connection.receive(window(0, 100))


def test_a_lowered_initial_window_may_be_negative() -> None:
    """It must be filled up before anything is sent (RFC 9113 section 6.9.2)."""
    connection = a_connection({WINDOW: 10})
    stream = an_upload(connection)
    connection.send_data(stream, b"a" * 8)
    connection.receive(settings({WINDOW: 3}))
    assert 0 == connection.send_data(stream, b"b")
    assert [] == connection.receive(window(1, 5))
    assert 0 == connection.send_data(stream, b"b")

    assert [stream] == connection.receive(window(1, 1))
    assert 1 == connection.send_data(stream, b"b")


def test_a_raised_initial_window_lets_streams_go_on() -> None:
    """It counts for the streams that are open."""
    connection = a_connection({WINDOW: 0})
    stream = an_upload(connection)
    connection.send_data(stream, b"abc")

    assert [stream] == connection.receive(settings({WINDOW: 2}))
    assert 2 == connection.send_data(stream, b"abc")


def test_a_zero_window_lets_an_empty_end_pass() -> None:
    """Only bytes need a window."""
    connection = a_connection({WINDOW: 0})
    stream = an_upload(connection)
    connection.send_data(stream, b"", end=True)

    assert stream.request_sent


@pytest.mark.parametrize("increment", [0, 2**31 - 1])
def test_a_bad_window_update_ends_its_stream(increment: int) -> None:
    """Neither nothing nor more than 2^31-1 (RFC 9113 section 6.9)."""
    connection = a_connection()
    stream = an_upload(connection)
    frame = b"\0\0\x04\x08\0\0\0\0\x01" + increment.to_bytes(4, "big")
    connection.receive(frame)

    assert (FLOW_CONTROL_ERROR if increment else 1) == reset_code(connection)
    assert stream.error is not None


def test_an_initial_window_that_overflows_a_stream_ends_the_connection() -> None:
    """RFC 9113 section 6.9.2."""
    connection = a_connection()
    an_upload(connection)
    connection.receive(window(1, 1000) + settings({WINDOW: 2**31 - 1}))

    assert FLOW_CONTROL_ERROR == goaway_code(connection)


def test_a_window_trickled_byte_by_byte_is_used_in_turns() -> None:
    """What came in one read is spent in one frame (H019)."""
    connection = a_connection({WINDOW: 0})
    stream = an_upload(connection)
    connection.send_data(stream, b"a" * 1000)
    for _ in range(10):
        assert [stream] == connection.receive(window(1, 1) * 100)
        assert 100 == connection.send_data(stream, b"a" * 1000)

    assert [100] * 10 == sizes(connection)


def test_ten_megabytes_pass_through_windows_of_a_kilobyte() -> None:
    """Byte for byte, whatever the pieces."""
    connection = a_connection({WINDOW: 1024})
    connection.receive(window(0, 10_000_000))
    stream = an_upload(connection)
    body = bytes(range(251)) * (10_000_000 // 251)
    arrived = []
    position = 0
    while position < len(body):
        position += connection.send_data(stream, body[position : position + 5000])
        arrived += [frame.data for frame in sent_by(connection)]
        connection.receive(window(1, 1024) * (1 + len(arrived) % 2))
    connection.send_data(stream, b"", end=True)

    assert body == b"".join(arrived)
    assert stream.request_sent


# --- receiving ----------------------------------------------------------------


def a_body(
    connection: HTTP2Connection, size: int, *, ends: bool = False
) -> HTTP2Stream:
    """Begin an exchange and receive *size* bytes of its response."""
    stream = a_request(connection)
    connection.receive(headers(stream.id))
    feed(connection, stream, size, ends=ends)
    return stream


def feed(
    connection: HTTP2Connection, stream: HTTP2Stream, size: int, *, ends: bool = False
) -> None:
    while size > 16384:
        connection.receive(data(stream.id, bytes(16384)))
        size -= 16384
    connection.receive(data(stream.id, bytes(size), ends=ends))


@BOTH
def test_a_small_body_costs_no_window_update(limits: HTTP2Limits) -> None:
    """Credit is given in halves of a window."""
    connection = a_connection(limits=limits)
    for _ in range(10):
        connection.take_body(a_body(connection, 1000, ends=True))

    assert [] == sent_by(connection)
    assert 0 == connection.held


@BOTH
def test_a_body_taken_is_credited(limits: HTTP2Limits) -> None:
    """The stream's window, and the connection's, are filled up again."""
    connection = a_connection(limits=limits)
    stream = a_body(connection, 40_000)
    connection.data_to_send()
    connection.take_body(stream)

    assert [(1, 40_000)] == sent_windows(connection)
    assert 0 == connection.held
    feed(connection, stream, 65_536)
    assert stream.error is None


@BOTH
def test_a_body_nobody_takes_is_not_credited(limits: HTTP2Limits) -> None:
    """At most the stream's window waits in memory (H039)."""
    connection = a_connection(limits=limits)
    stream = a_body(connection, 65_536)
    assert not any(number for number, _ in sent_windows(connection))
    connection.receive(data(stream.id, b"x"))

    assert FLOW_CONTROL_ERROR == reset_code(connection)
    assert stream.error is not None


@BOTH
def test_bodies_nobody_takes_leave_room_for_others(limits: HTTP2Limits) -> None:
    """All streams but one are stuck; the last one gets all it wants."""
    connection = a_connection(limits=limits)
    for _ in range(connection.cap - 1):
        a_body(connection, 65_536)
    stream = a_body(connection, 1)
    for _ in range(30):
        connection.take_body(stream)
        feed(connection, stream, 60_000)

    assert not connection.closed
    assert stream.error is None


def test_a_body_waiting_is_held_until_it_is_taken() -> None:
    """Where the windows of all streams fit, the connection's tells what waits."""
    connection = a_connection(limits=ON_TAKE)
    stream = a_body(connection, 1000)
    assert 1000 == connection.held
    connection.take_body(stream)

    assert 0 == connection.held


@BOTH
def test_padding_is_credited_too(limits: HTTP2Limits) -> None:
    """It costs window and is no body."""
    connection = a_connection(limits=limits)
    stream = a_request(connection)
    connection.receive(headers(1))
    for _ in range(3000):
        connection.receive(data(1, b"x", padding=255))
    connection.take_body(stream)

    assert not connection.closed
    assert stream.error is None
    assert 0 == connection.held


@BOTH
def test_abandoned_bodies_cost_no_window(limits: HTTP2Limits) -> None:
    """200 bodies of 4 MiB given up half way, and what still comes of them (row 58)."""
    connection = a_connection(limits=limits)
    budget = 65_535 + sum(n for i, n in first_windows(limits) if not i)
    for _ in range(200):
        stream = a_request(connection)
        left = 4 << 20
        room = 65_536
        connection.receive(headers(stream.id))
        while left and room:
            size = min(16_384, left, room, budget)
            assert size, "the connection's window has run dry"
            connection.receive(data(stream.id, bytes(size)))
            left, room, budget = left - size, room - size, budget - size
            if room < 40_000 and not stream.closed:
                connection.reset(stream)
            budget += sum(n for i, n in sent_windows(connection) if not i)
        connection.receive(data(stream.id, ends=True))

    assert 0 == connection.held
    assert 0 == connection.streams
    assert connection.error is None


def first_windows(limits: HTTP2Limits) -> list[tuple[int, int]]:
    return sent_windows(HTTP2Connection("h:1", limits))


@BOTH
def test_giving_up_a_complete_body_frees_what_was_not_taken(
    limits: HTTP2Limits,
) -> None:
    """Read or not, its bytes are nobody's any more."""
    connection = a_connection(limits=limits)
    stream = a_body(connection, 1000, ends=True)
    connection.reset(stream)

    assert 0 == connection.held


@BOTH
def test_a_faulty_body_frees_its_window(limits: HTTP2Limits) -> None:
    """What is refused is not held."""
    connection = a_connection(limits=limits)
    stream = a_request(connection)
    connection.receive(headers(1, [(b":status", b"204")]) + data(1, b"x" * 100))

    assert stream.error is not None
    assert 0 == connection.held


def test_more_than_the_connections_window_ends_the_connection() -> None:
    """RFC 9113 section 6.9.1."""
    limits = HTTP2Limits(streams=1, stream_window=1 << 20, connection_window=1 << 20)
    connection = a_connection(limits=limits)
    connection.reset(a_body(connection, 0))
    stream = a_body(connection, 1 << 20)
    assert stream.error is None
    connection.receive(data(stream.id, b"x"))

    assert FLOW_CONTROL_ERROR == goaway_code(connection)


def test_the_windows_of_a_stream_are_not_credited_after_its_end() -> None:
    """There is nothing more to come."""
    connection = a_connection(limits=ON_TAKE)
    connection.take_body(a_body(connection, 60_000, ends=True))

    assert all(number == 0 for number, _ in sent_windows(connection))
