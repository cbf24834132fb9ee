"""Life and end of HTTP/2 streams: slots, GOAWAY, resets, pings (pool.md rows 45-62)."""

from __future__ import annotations

import pytest
from hyperframe.frame import GoAwayFrame, PingFrame, RstStreamFrame

from mooring._errors import LocalProtocolError, RemoteProtocolError
from mooring._protocol.http2 import HTTP2Connection
from mooring._protocol.http2_limits import HTTP2Limits
from tests.unit.http2_peer import (
    MAX_STREAMS,
    OK,
    a_connection,
    a_head,
    a_request,
    an_upload,
    data,
    goaway,
    headers,
    ping,
    reset,
    sent_by,
    settings,
    window,
)

NO_ERROR = 0
INTERNAL_ERROR = 2
REFUSED_STREAM = 7
CANCEL = 8
ENHANCE_YOUR_CALM = 11
LENGTH_5 = (b"content-length", b"5")


def pings_in(connection: HTTP2Connection) -> list[bytes]:
    frames = sent_by(connection)
    return [f.opaque_data for f in frames if isinstance(f, PingFrame)]


# --- how many streams ---------------------------------------------------------


def test_until_settings_arrive_a_provisional_limit_holds() -> None:
    """A server that never sends any is served all the same (row 62)."""
    limits = HTTP2Limits(streams=200, provisional_streams=3)
    connection = HTTP2Connection("h:443", limits)
    assert (3, False) == (connection.cap, connection.settings_seen)
    connection.receive(settings())

    assert (200, True) == (connection.cap, connection.settings_seen)


def test_the_lower_limit_holds() -> None:
    """The peer's or our own."""
    limits = HTTP2Limits(streams=10)

    assert 4 == a_connection({MAX_STREAMS: 4}, limits).cap
    assert 10 == a_connection({MAX_STREAMS: 40}, limits).cap


def test_a_limit_lowered_takes_nothing_away() -> None:
    """New streams wait until enough have ended; those open go on (row 45)."""
    connection = a_connection({MAX_STREAMS: 3})
    streams = [a_request(connection) for _ in range(3)]
    before = connection.changes
    connection.receive(settings({MAX_STREAMS: 1}))
    assert (1, 0) == (connection.cap, connection.available)
    assert connection.changes > before

    connection.receive(headers(1, ends=True) + headers(3, ends=True))
    assert 0 == connection.available
    connection.receive(headers(5, ends=True))
    assert 1 == connection.available
    assert all(stream.complete for stream in streams)


def test_a_limit_of_0_is_a_limit() -> None:
    """No stream may begin, whether some are open or none (rows 46, 48)."""
    connection = a_connection({MAX_STREAMS: 0})
    assert (0, 0) == (connection.cap, connection.available)
    with pytest.raises(LocalProtocolError, match="all 0 streams"):
        connection.begin(a_head())

    assert b"" == connection.data_to_send()
    assert not connection.is_draining


def test_a_limit_raised_is_told() -> None:
    """Those who wait can be served at once (row 47)."""
    connection = a_connection({MAX_STREAMS: 1})
    a_request(connection)
    before = connection.changes
    connection.receive(settings({MAX_STREAMS: 3}))

    assert 2 == connection.available
    assert connection.changes > before


def test_no_stream_begins_beyond_the_limit() -> None:
    """The peer would refuse it, or the connection."""
    connection = a_connection({MAX_STREAMS: 1})
    a_request(connection)
    with pytest.raises(LocalProtocolError, match="all 1 streams"):
        connection.begin(a_head())

    assert b"" == connection.data_to_send()


def test_ids_near_their_end_retire_the_connection() -> None:
    """With a thousand left, and those can still be used (row 60, H036)."""
    connection = a_connection(limits=HTTP2Limits(last_stream_id=2003))

    def exchange() -> int:
        stream = a_request(connection)
        connection.receive(headers(stream.id, ends=True))
        return stream.id

    assert [1, 3] == [exchange(), exchange()]
    assert (True, 0) == (connection.is_draining, connection.available)
    assert 2003 == [exchange() for _ in range(1000)][-1]
    with pytest.raises(LocalProtocolError, match="no more requests"):
        connection.begin(a_head())


# --- GOAWAY -------------------------------------------------------------------


def test_goaway_while_idle_concerns_nobody() -> None:
    """The connection drains, and there is nothing in it (row 49)."""
    connection = a_connection()

    assert [] == connection.receive(goaway(0))
    assert connection.is_draining
    assert 0 == connection.streams
    assert [] == connection.receive_eof()


@pytest.mark.parametrize("last", [0, 1, 2])
def test_streams_above_the_last_are_refused(last: int) -> None:
    """The peer promises it did nothing; 0 is a number (rows 50, 51)."""
    connection = a_connection()
    streams = [a_request(connection) for _ in range(3)]
    touched = connection.receive(goaway(last))

    above = [stream for stream in streams if stream.id > last]
    assert above == touched
    assert all(s.refused and s.closed and s.error for s in above)
    assert last == connection.goaway_last
    assert not any(s.refused for s in streams if s.id <= last)
    assert len({id(s.error) for s in above}) == len(above)


def test_a_response_that_had_begun_is_not_asked_for_again() -> None:
    """A peer that answers and then promises that it did nothing is not believed."""
    connection = a_connection()
    stream = a_request(connection)
    connection.receive(headers(1) + goaway(0))

    assert stream.error is not None
    assert not stream.refused


def test_streams_up_to_the_last_end_as_they_would() -> None:
    """The connection drains, the response completes (row 52)."""
    connection = a_connection()
    stream = a_request(connection)
    connection.receive(goaway(1))
    with pytest.raises(LocalProtocolError):
        connection.begin(a_head())
    connection.receive(headers(1, ends=True))

    assert stream.complete
    assert 0 == connection.streams


def test_a_graceful_pair_is_judged_by_the_second() -> None:
    """The first only says that it is time to go (row 53, H030)."""
    connection = a_connection()
    first, second = [a_request(connection) for _ in range(2)]
    assert [] == connection.receive(goaway(2**31 - 1))
    assert connection.is_draining
    assert [second] == connection.receive(goaway(1))

    assert (False, True) == (first.refused, second.refused)
    assert 1 == connection.goaway_last


def test_a_promise_is_not_taken_back() -> None:
    """A later GOAWAY with a higher id changes nothing."""
    connection = a_connection()
    connection.receive(goaway(1) + goaway(5))

    assert 1 == connection.goaway_last


def test_goaway_with_an_error_on_the_first_stream_is_a_failure() -> None:
    """It was not refused: trying again would do the same (row 54)."""
    connection = a_connection()
    stream = a_request(connection)
    connection.receive(goaway(1, ENHANCE_YOUR_CALM, b"too_many_pings"))
    assert [stream] == connection.receive_eof()

    assert not stream.refused
    assert ENHANCE_YOUR_CALM == connection.goaway_code
    assert (
        "server closed the connection without sending a response, after GOAWAY"
        " ENHANCE_YOUR_CALM 'too_many_pings' (example.org:443)"
    ) == str(stream.error)


def test_goaway_and_a_close_right_after_it() -> None:
    """Those above may go elsewhere, the others hear the reason (row 55)."""
    connection = a_connection()
    first, second = [a_request(connection) for _ in range(2)]
    connection.receive(goaway(1, INTERNAL_ERROR))
    connection.receive_eof()

    assert (False, True) == (first.refused, second.refused)
    assert "INTERNAL_ERROR" in str(first.error)


def test_texts_of_the_peer_are_short_and_quoted() -> None:
    """At most 100 bytes of them, and no control among them."""
    connection = a_connection()
    stream = a_request(connection)
    connection.receive(goaway(0, 99, b"\x1b[31m\n" + b"a" * 5000))

    assert "error 99" in str(stream.error)
    assert str(stream.error).isprintable()
    assert len(str(stream.error)) < 250


# --- RST_STREAM ---------------------------------------------------------------


def test_a_refused_stream_may_be_sent_again() -> None:
    """Each refusal is counted, for it to end somewhere (row 56)."""
    connection = a_connection()
    first, second, third = [a_request(connection) for _ in range(3)]
    connection.receive(headers(5))
    touched = connection.receive(
        reset(1, REFUSED_STREAM) + reset(3, INTERNAL_ERROR) + reset(5, REFUSED_STREAM)
    )

    assert [first, second, third] == touched
    assert [True, False, False] == [first.refused, second.refused, third.refused]
    assert 1 == connection.refusals
    assert "server reset the stream: INTERNAL_ERROR (example.org:443)" == str(
        second.error
    )
    assert 0 == connection.streams


def test_a_complete_response_is_kept_whatever_follows() -> None:
    """The server has said all and wants to hear no more (row 57, H037)."""
    connection = a_connection()
    stream = an_upload(connection)
    connection.receive(headers(1) + data(1, b"early", ends=True))
    assert (True, False) == (stream.complete, stream.closed)
    connection.receive(reset(1, NO_ERROR))

    assert stream.error is None
    assert stream.closed
    assert [b"early"] == connection.take_body(stream)
    assert 4 == connection.send_data(stream, b"more")
    assert b"" == connection.data_to_send()


def test_a_reset_that_crosses_our_end_of_stream() -> None:
    """Everything came in the same bytes: response, then RST_STREAM (row 57)."""
    connection = a_connection()
    stream = an_upload(connection)
    connection.send_data(stream, b"x", end=True)
    connection.receive(headers(1, ends=True) + reset(1, NO_ERROR))

    assert (True, None) == (stream.complete, stream.error)
    assert not connection.closed


def test_sending_on_a_stream_that_was_reset_raises_its_error() -> None:
    """The caller learns it where it is."""
    connection = a_connection()
    stream = an_upload(connection)
    connection.receive(reset(1, INTERNAL_ERROR))
    with pytest.raises(RemoteProtocolError, match="INTERNAL_ERROR"):
        connection.send_data(stream, b"x")


def test_being_done_with_a_stream_tells_the_peer_once() -> None:
    """The siblings do not notice (row 59)."""
    connection = a_connection()
    stream, sibling = [a_request(connection) for _ in range(2)]
    connection.receive(headers(1) + data(1, b"a"))
    connection.reset(stream)
    connection.reset(stream)
    (frame,) = sent_by(connection)

    assert isinstance(frame, RstStreamFrame)
    assert (1, CANCEL) == (frame.stream_id, frame.error_code)
    assert [] == stream.chunks
    connection.receive(data(1, b"late", ends=True) + headers(3, ends=True))
    assert sibling.complete
    assert not stream.complete


def test_being_done_with_a_complete_exchange_says_nothing() -> None:
    """There is nothing to stop."""
    connection = a_connection()
    stream = a_request(connection)
    connection.receive(headers(1, ends=True))
    connection.reset(stream)

    assert b"" == connection.data_to_send()


def test_late_heads_of_streams_we_reset_keep_the_tables_right() -> None:
    """They are decompressed, or every later head would be wrong."""
    connection = a_connection()
    stream = a_request(connection)
    connection.reset(stream)
    other = a_request(connection)
    adds = b"\x00\x00\x06\x01\x04\x00\x00\x00\x01" + b"\x88\x40\x01a\x01b"
    uses = b"\x00\x00\x02\x01\x05\x00\x00\x00\x03" + b"\x88\xbe"
    connection.receive(adds + uses)

    assert [(b"a", b"b")] == other.headers


def test_a_responsive_peer_frees_a_slot_at_once() -> None:
    """It will read our RST_STREAM before the next request; no PING is needed."""
    connection = a_connection({MAX_STREAMS: 1})
    stream = a_request(connection)
    connection.receive(ping())
    connection.reset(stream)

    assert (0, 1) == (connection.zombies, connection.available)
    assert [b"12345678"] == pings_in(connection)  # the answer, none of ours


def test_a_silent_peer_keeps_the_slot_until_it_confirms() -> None:
    """One PING asks for all resets; its answer frees them."""
    connection = a_connection({MAX_STREAMS: 3})
    streams = [a_request(connection) for _ in range(3)]
    connection.reset(streams[0])
    (first,) = pings_in(connection)
    connection.reset(streams[1])
    assert [] == pings_in(connection)  # never two under way
    assert (2, 0) == (connection.zombies, connection.available)

    before = connection.changes
    connection.receive(ping(first, ack=True))
    assert (1, 1) == (connection.zombies, connection.available)
    assert connection.changes > before
    (second,) = pings_in(connection)  # the other reset came after the first PING
    assert second != first
    connection.receive(ping(second, ack=True))
    assert (0, 2) == (connection.zombies, connection.available)
    assert [] == pings_in(connection)


@pytest.mark.parametrize(
    "end", [reset(1, CANCEL), data(1, ends=True), headers(1, ends=True)]
)
def test_a_stream_the_peer_ended_is_no_zombie(end: bytes) -> None:
    """Its own word is as good as an answer to a PING."""
    connection = a_connection()
    connection.reset(a_request(connection))
    assert 1 == connection.zombies
    connection.receive(end)

    assert 0 == connection.zombies
    assert not connection.closed


def test_frames_on_a_stream_ended_by_both_end_the_connection() -> None:
    """After the peer's own end nothing may follow (RFC 9113 section 5.1)."""
    connection = a_connection()
    connection.reset(a_request(connection))
    connection.receive(headers(1, ends=True))
    connection.receive(data(1, b"x"))

    assert connection.closed


def test_unconfirmed_resets_are_capped() -> None:
    """A dead peer cannot eat up streams without end."""
    connection = a_connection(limits=HTTP2Limits(concurrent_resets=5))
    for _ in range(5):
        connection.reset(a_request(connection))

    assert (5, 0) == (connection.zombies, connection.available)


def test_a_connection_retires_before_we_look_like_an_attack() -> None:
    """Many more resets than responses, and another connection goes on (H038)."""
    connection = a_connection(limits=HTTP2Limits(own_resets=5))
    for number in range(9):
        stream = a_request(connection)
        if number % 2:
            connection.receive(headers(stream.id, ends=True))
        else:
            connection.receive(headers(stream.id))
            connection.reset(stream)
    assert not connection.is_draining
    for _ in range(4):
        stream = a_request(connection)
        connection.receive(headers(stream.id))
        connection.reset(stream)

    assert connection.is_draining


# --- PING, the end ------------------------------------------------------------


def test_our_ping_is_answered() -> None:
    """Only its own payload counts, and one is under way at a time."""
    connection = a_connection()
    number = connection.ping()
    assert number == connection.ping()
    (payload,) = pings_in(connection)
    connection.receive(ping(b"strange!", ack=True))
    assert connection.pings_answered < number
    connection.receive(ping(payload, ack=True))

    assert connection.pings_answered == number
    assert number + 1 == connection.ping()


def test_the_end_of_the_connection_cuts_responses_short() -> None:
    """Each has its own error, and says how far it came."""
    connection = a_connection()
    streams = [a_request(connection) for _ in range(4)]
    connection.receive(headers(1, [*OK, LENGTH_5]) + data(1, b"abc"))
    connection.receive(headers(3) + data(3, b"abc") + headers(7, ends=True))
    touched = connection.receive_eof()

    assert streams[:3] == touched
    assert [
        "server closed the connection after 3 of 5 body bytes (example.org:443)",
        "server closed the connection after 3 body bytes, before the end"
        " (example.org:443)",
        "server closed the connection without sending a response (example.org:443)",
    ] == [str(stream.error) for stream in touched]
    assert [b"abc"] == connection.take_body(streams[0])
    assert [] == connection.receive_eof()


def test_nothing_is_owed_on_a_closed_connection() -> None:
    """Neither slots nor windows; bodies can still be taken, and nothing is sent."""
    limits = HTTP2Limits(streams=2, stream_window=64_000, connection_window=128_000)
    connection = a_connection(limits=limits)
    connection.reset(a_request(connection))
    stream = a_request(connection)
    connection.receive(headers(3) + data(3, bytes(16_000)) * 4)
    connection.close()
    connection.data_to_send()

    assert 64_000 == sum(map(len, connection.take_body(stream)))
    assert b"" == connection.data_to_send()
    assert (0, 0) == (connection.zombies, connection.available)


def test_closing_says_goodbye() -> None:
    """GOAWAY without an error; open exchanges end."""
    connection = a_connection()
    stream = a_request(connection)
    assert [stream] == connection.close()
    assert [] == connection.close()
    (frame,) = sent_by(connection)

    assert isinstance(frame, GoAwayFrame)
    assert NO_ERROR == frame.error_code
    assert connection.closed
    assert connection.error is None
    assert "on our side" in str(stream.error)


def test_a_window_of_a_stream_that_has_ended_is_nobodys() -> None:
    """WINDOW_UPDATE and RST_STREAM may be late (RFC 9113 section 5.1)."""
    connection = a_connection()
    a_request(connection)
    connection.receive(headers(1, ends=True) + window(1, 9) + reset(1, NO_ERROR))

    assert not connection.closed


def test_what_remains_of_a_body_is_known_from_its_length() -> None:
    """Unknown before the head and without a length, nothing at the end."""
    connection = a_connection()
    stream, other = [a_request(connection) for _ in range(2)]

    def remaining() -> list[int | None]:
        return [stream.remaining, other.remaining]

    assert [None, None] == remaining()
    connection.receive(headers(1, [*OK, LENGTH_5]) + data(1, b"abc") + headers(3))
    assert [2, None] == remaining()
    connection.receive(data(1, b"de", ends=True) + data(3, b"x", ends=True))

    assert [0, 0] == remaining()


def test_a_peer_that_says_nothing_at_all_is_told_apart() -> None:
    """curl's number for that is another one."""
    connection = HTTP2Connection("h:443")
    stream = a_request(connection)
    connection.receive_eof()
    heard = a_connection()
    other = a_request(heard)
    heard.receive_eof()

    assert stream.error is not None
    assert other.error is not None
    assert (52, 92) == (stream.error.exit_code, other.error.exit_code)


def test_resets_of_long_ago_are_forgotten() -> None:
    """Their slots are not held for ever, and neither is their memory."""
    limits = HTTP2Limits(concurrent_resets=2000, own_resets=2000, streams=2000)
    connection = a_connection(limits=limits)
    for _ in range(1100):
        connection.reset(a_request(connection))

    assert 1000 == connection.zombies
    connection.receive(data(1, ends=True))
    assert connection.closed
