"""Reading HTTP/2 responses, well-formed and not."""

from __future__ import annotations

import pytest
from hyperframe.frame import (
    ContinuationFrame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    RstStreamFrame,
    SettingsFrame,
)

from mooring._protocol.http2 import HTTP2Connection
from mooring._protocol.http2_limits import HTTP2Limits
from tests.unit.http2_peer import (
    OK,
    a_connection,
    a_head,
    a_request,
    an_upload,
    block,
    data,
    goaway,
    goaway_code,
    headers,
    ping,
    raw,
    reset,
    reset_code,
    sent_by,
    settings,
    settings_ack,
    window,
)

PROTOCOL_ERROR = 1
FLOW_CONTROL_ERROR = 3
STREAM_CLOSED = 5
FRAME_SIZE_ERROR = 6
COMPRESSION_ERROR = 9

PLAIN = [*OK, (b"content-length", b"5")]


def test_a_response_is_plain_attributes() -> None:
    """Status, fields, body, the end."""
    connection = a_connection()
    stream = a_request(connection)
    touched = connection.receive(headers(1, PLAIN) + data(1, b"hello", ends=True))

    assert [stream] == touched
    assert (200, [(b"content-length", b"5")]) == (stream.status, stream.headers)
    assert [b"hello"] == connection.take_body(stream)
    assert stream.complete
    assert stream.closed
    assert stream.error is None
    assert 0 == connection.streams


def test_a_stream_is_told_of_once_a_call() -> None:
    """However many frames have come for it."""
    connection = a_connection()
    streams = [a_request(connection) for _ in range(2)]
    frames = headers(3) + headers(1) + data(1, b"a") + data(3, b"b") + data(1, b"c")

    assert streams[::-1] == connection.receive(frames)
    assert [] == connection.receive(ping())
    assert streams[:1] == connection.receive(data(1, ends=True))


def test_padding_is_no_body() -> None:
    """Neither that of DATA nor that of HEADERS, nor an old priority."""
    connection = a_connection()
    stream = a_request(connection)
    head = HeadersFrame(1, block(OK), flags=["END_HEADERS", "PADDED", "PRIORITY"])
    head.pad_length = 7
    connection.receive(head.serialize() + data(1, b"hello", padding=9))
    connection.receive(data(1, b"", padding=0, ends=True))

    assert (200, [b"hello"]) == (stream.status, stream.chunks)
    assert stream.complete


def test_a_head_may_come_in_pieces() -> None:
    """HEADERS and CONTINUATION, empty ones too."""
    connection = a_connection()
    stream = a_request(connection)
    whole = block(PLAIN)
    connection.receive(
        HeadersFrame(1, whole[:3]).serialize()
        + ContinuationFrame(1, b"").serialize()
        + ContinuationFrame(1, whole[3:], flags=["END_HEADERS"]).serialize()
    )

    assert (200, 5) == (stream.status, stream.content_length)


def test_interim_responses_are_kept_apart() -> None:
    """100 and 103 come before the response, and are none."""
    connection = a_connection()
    stream = a_request(connection)
    connection.receive(
        headers(1, [(b":status", b"100")])
        + headers(1, [(b":status", b"103"), (b"link", b"</a>")])
    )
    assert not stream.head_complete
    connection.receive(headers(1, ends=True))

    assert [(100, []), (103, [(b"link", b"</a>")])] == stream.interim
    assert (200, True) == (stream.status, stream.complete)


def test_trailers_come_after_the_body() -> None:
    """They never mix with the head."""
    connection = a_connection()
    stream = a_request(connection)
    connection.receive(
        headers(1) + data(1, b"a") + headers(1, [(b"x-t", b"1")], ends=True)
    )

    assert [(b"x-t", b"1")] == stream.trailers
    assert [] == stream.headers
    assert stream.complete


@pytest.mark.parametrize(
    ("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)]
)
def test_some_responses_have_no_body_whatever_their_length(
    method: str, status: int
) -> None:
    """Content-Length then speaks of another response (RFC 9113 section 8.1.1)."""
    connection = a_connection()
    stream = a_request(connection, method=method)
    fields = [(b":status", b"%d" % status), (b"content-length", b"99")]
    connection.receive(headers(1, fields) + data(1, ends=True))

    assert stream.complete
    assert 0 == stream.content_length


@pytest.mark.parametrize(
    "fields",
    [
        [],
        [(b"x-a", b"1")],
        [(b":status", b"200"), (b":status", b"200")],
        [(b":status", b"200"), (b":path", b"/")],
        [(b"x-a", b"1"), (b":status", b"200")],
        [(b":status", b"20")],
        [(b":status", b"+20")],
        [(b":status", b"099")],
        [(b":status", b"101")],
        [*OK, (b"X-A", b"1")],
        [*OK, (b"", b"1")],
        [*OK, (b"x a", b"1")],
        [*OK, (b"x-a\nb", b"1")],
        [*OK, (b"x-\xff", b"1")],
        [*OK, (b"connection", b"close")],
        [*OK, (b"transfer-encoding", b"chunked")],
        [*OK, (b"keep-alive", b"timeout=5")],
        [*OK, (b"upgrade", b"h2c")],
        [*OK, (b"proxy-connection", b"close")],
        [*OK, (b"te", b"gzip")],
        [*OK, (b"x-a", b"1\x00")],
        [*OK, (b"x-a", b"1\r\nx-b: 2")],
        [*OK, (b"x-a", b"1\n")],
        [*OK, (b"x-a", b" 1")],
        [*OK, (b"x-a", b"1\t")],
        [*OK, (b"content-length", b"5"), (b"content-length", b"6")],
        [*OK, (b"content-length", b"+5")],
        [*OK, (b"content-length", b"5, 5")],
        [*OK, (b"content-length", b"")],
    ],
)
def test_malformed_heads_end_the_stream_alone(
    fields: list[tuple[bytes, bytes]],
) -> None:
    """PROTOCOL_ERROR for the stream; the connection goes on (H022, H023, H024)."""
    connection = a_connection()
    stream = a_request(connection)
    sibling = a_request(connection)
    assert [stream] == connection.receive(headers(1, fields))

    assert "invalid response from example.org:443" in str(stream.error)
    assert PROTOCOL_ERROR == reset_code(connection)
    connection.receive(headers(3, ends=True))
    assert sibling.complete


def test_the_same_malformed_head_is_refused_again() -> None:
    """What was read before is not taken for good."""
    connection = a_connection()
    for number in (1, 3):
        stream = a_request(connection)
        connection.receive(headers(number, [*OK, (b"X-A", b"1")]))
        assert stream.error is not None


@pytest.mark.parametrize(
    "frames",
    [
        headers(1, [(b":status", b"200")], ends=True),  # a pseudo field
        headers(1, [(b"x-t", b"1")]),  # without END_STREAM
        headers(1, [(b"X-T", b"1")], ends=True),
        headers(1),
    ],
)
def test_malformed_trailers_end_the_stream(frames: bytes) -> None:
    """RFC 9113 section 8.1 (H032)."""
    connection = a_connection()
    stream = a_request(connection)
    connection.receive(headers(1) + data(1, b"a") + frames)

    assert stream.error is not None
    assert [b"a"] == connection.take_body(stream)
    assert PROTOCOL_ERROR == reset_code(connection)


@pytest.mark.parametrize(
    "frames",
    [
        headers(1, PLAIN) + data(1, b"hell", ends=True),
        headers(1, PLAIN) + data(1, b"hello!"),
        headers(1, PLAIN, ends=True),
        headers(1, PLAIN) + data(1, b"hell") + headers(1, [(b"x-t", b"1")], ends=True),
        headers(1, [(b":status", b"204")]) + data(1, b"x"),
        data(1, b"x"),
        headers(1, [(b":status", b"100")]) + data(1, b"x"),
        headers(1, [(b":status", b"100")], ends=True),
    ],
)
def test_bodies_that_do_not_fit_end_the_stream(frames: bytes) -> None:
    """More or less than announced, or where none may be (RFC 9113 section 8.1.1)."""
    connection = a_connection()
    stream = a_request(connection)
    connection.receive(frames)

    assert stream.error is not None
    assert not stream.complete
    assert PROTOCOL_ERROR == reset_code(connection)


def test_equal_lengths_said_twice_are_one() -> None:
    """As for HTTP/1.1 (RFC 9110 section 8.6)."""
    connection = a_connection()
    stream = a_request(connection)
    length = (b"content-length", b"1")
    connection.receive(headers(1, [*OK, length, length]) + data(1, b"a", ends=True))

    assert stream.complete


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        (headers(2), PROTOCOL_ERROR),  # H025: even
        (headers(5), PROTOCOL_ERROR),  # never begun
        (raw(1, 4, 0, b"\x88"), PROTOCOL_ERROR),
        (raw(0, 0, 0, b"x"), PROTOCOL_ERROR),
        (data(5, b"x"), PROTOCOL_ERROR),
        (reset(5, 8), PROTOCOL_ERROR),
        (raw(3, 0, 0, bytes(4)), PROTOCOL_ERROR),
        (window(5, 1), PROTOCOL_ERROR),
        (headers(1, ends=True), STREAM_CLOSED),
        (data(1, b"x"), STREAM_CLOSED),
        (raw(5, 4, 3, bytes(4)), PROTOCOL_ERROR),  # H012: PUSH_PROMISE
        (settings({2: 1}), PROTOCOL_ERROR),  # H013
        (raw(4, 0, 0, b"\x00\x02\x00\x00\x00\x02"), PROTOCOL_ERROR),
        (raw(4, 0, 0, b"\x00\x04\xff\xff\xff\xff"), FLOW_CONTROL_ERROR),
        (raw(4, 0, 0, b"\x00\x05\x00\x00\x3f\xff"), PROTOCOL_ERROR),
        (raw(4, 0, 0, b"\x00\x05\x01\x00\x00\x00"), PROTOCOL_ERROR),
        (raw(4, 0, 0, bytes(5)), FRAME_SIZE_ERROR),
        (raw(4, 1, 0, bytes(6)), FRAME_SIZE_ERROR),
        (raw(4, 0, 3), PROTOCOL_ERROR),
        (raw(6, 0, 0, bytes(7)), FRAME_SIZE_ERROR),
        (raw(6, 0, 3, bytes(8)), PROTOCOL_ERROR),
        (raw(7, 0, 0, bytes(7)), FRAME_SIZE_ERROR),
        (raw(7, 0, 3, bytes(8)), PROTOCOL_ERROR),
        (raw(3, 0, 3, bytes(3)), FRAME_SIZE_ERROR),
        (raw(8, 0, 3, bytes(3)), FRAME_SIZE_ERROR),
        (raw(8, 0, 0, bytes(4)), PROTOCOL_ERROR),
        (window(0, 2**31 - 1), FLOW_CONTROL_ERROR),
        (raw(0, 0, 3, bytes(16385)), FRAME_SIZE_ERROR),
        (raw(0, 8, 3, b"\x05abcd"), PROTOCOL_ERROR),
        (raw(0, 8, 3), PROTOCOL_ERROR),
        (raw(1, 4 | 8, 3, b"\x02\x88"), PROTOCOL_ERROR),
        (raw(1, 4 | 0x20, 3, b"\x88"), FRAME_SIZE_ERROR),
        (raw(9, 4, 3, b"\x88"), PROTOCOL_ERROR),
        (raw(1, 0, 3, b"\x88") + data(3, b"x"), PROTOCOL_ERROR),
        (raw(1, 0, 3, b"\x88") + raw(9, 4, 1), PROTOCOL_ERROR),
        (raw(1, 0, 3, b"\x88") + raw(0xBE, 0, 3), PROTOCOL_ERROR),
        (raw(1, 4, 3, b"\x80"), COMPRESSION_ERROR),
    ],
)
def test_broken_frames_end_the_connection(frames: bytes, code: int) -> None:
    """With GOAWAY and the code RFC 9113 names; open responses fail."""
    connection = a_connection()
    done = a_request(connection)
    connection.receive(headers(1, ends=True))
    going = a_request(connection)
    touched = connection.receive(frames)

    assert code == goaway_code(connection)
    assert [going] == touched
    assert "example.org:443" in str(going.error)
    assert going.error is not connection.error
    assert done.error is None
    assert done.complete


def test_frames_after_the_end_of_a_response_end_the_stream() -> None:
    """While our own half is still open it is the stream's fault alone."""
    connection = a_connection()
    stream = an_upload(connection)
    connection.receive(headers(1, ends=True) + data(1, b"x"))

    assert STREAM_CLOSED == reset_code(connection)
    assert stream.complete
    assert stream.error is None


@pytest.mark.parametrize("kind", [0x0A, 0x0C, 0x10, 0x1F, 0xFF])
def test_unknown_frames_are_ignored(kind: int) -> None:
    """RFC 9113 section 4.1 (H028)."""
    connection = a_connection()
    stream = a_request(connection)
    connection.receive(
        raw(kind, 0xFF, 0, b"abc") + raw(kind, 0, 1) + raw(2, 0, 1, b"x")
    )
    connection.receive(headers(1, ends=True))

    assert stream.complete
    assert [] == sent_by(connection)


def test_a_peer_that_ignores_our_table_size_is_refused() -> None:
    """From its acknowledgement on (RFC 7541 section 4.2)."""
    connection = HTTP2Connection("h:443", HTTP2Limits(header_table_bytes=0))
    streams = [a_request(connection) for _ in range(3)]
    connection.receive(settings() + headers(1, ends=True) + settings_ack())
    assert streams[0].complete
    connection.receive(raw(1, 5, 3, b"\x20\x88"))
    assert streams[1].complete
    connection.receive(raw(1, 5, 5, b"\x3f\x01\x88"))

    assert COMPRESSION_ERROR == goaway_code(connection)


def test_unknown_settings_and_flags_are_ignored() -> None:
    """RFC 9113 sections 4.1 and 6.5.2; a reserved bit too."""
    connection = a_connection({0x99: 7, 8: 1, 2: 0})
    stream = a_request(connection)
    connection.receive(
        raw(1, 0x04 | 0xD0, 1, b"\x88") + raw(0, 0xF1, 1 | 1 << 31, b"x")
    )

    assert (200, [b"x"], True) == (stream.status, stream.chunks, stream.complete)


def test_pings_and_settings_are_answered() -> None:
    """PING with its own payload, SETTINGS with an empty acknowledgement."""
    connection = a_connection()
    connection.receive(ping(b"abcdefgh") + settings({3: 7}) + ping(b"x" * 8, ack=True))
    first, second = sent_by(connection)

    assert isinstance(first, PingFrame)
    assert ({"ACK"}, b"abcdefgh") == (set(first.flags), first.opaque_data)
    assert isinstance(second, SettingsFrame)
    assert ({"ACK"}, {}) == (set(second.flags), second.settings)


@pytest.mark.parametrize(
    "opening",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"SSH-2.0-OpenSSH_9\r\n",
    ],
)
def test_a_peer_that_speaks_something_else_is_quoted(opening: bytes) -> None:
    """The error says what it said (H035)."""
    connection = HTTP2Connection("example.org:443")
    stream = a_request(connection)
    connection.receive(opening)

    quoted = opening.split(b"\r")[0].decode()
    assert f"server sent '{quoted}', which is not HTTP/2 (example.org:443)" == str(
        stream.error
    )


@pytest.mark.parametrize("first", [ping(), settings_ack(), headers(1), raw(0xAA, 0, 0)])
def test_a_peer_begins_with_settings(first: bytes) -> None:
    """RFC 9113 section 3.4."""
    connection = HTTP2Connection("example.org:443")
    connection.receive(first)

    assert PROTOCOL_ERROR == goaway_code(connection)


def test_a_peer_that_never_acknowledges_our_settings_still_serves() -> None:
    """It is a fact, and no more (H034)."""
    connection = HTTP2Connection("example.org:443")
    connection.receive(settings())
    stream = a_request(connection)
    connection.receive(headers(1, ends=True))

    assert stream.complete
    assert not connection.settings_acknowledged


def conversation() -> bytes:
    return (
        settings({3: 50, 4: 70000})
        + settings_ack()
        + headers(1, [(b":status", b"103")])
        + headers(1, PLAIN)
        + ping()
        + data(1, b"he", padding=3)
        + headers(3)
        + data(1, b"llo", ends=True)
        + data(3, b"a")
        + raw(0xEE, 0, 0, b"junk")
        + HeadersFrame(3, b"\x00\x01t", flags=["END_STREAM"]).serialize()
        + ContinuationFrame(3, b"\x01v", flags=["END_HEADERS"]).serialize()
        + reset(5, 7)
        + goaway(5, 0, b"bye")
    )


def facts(pieces: list[bytes]) -> list[object]:
    connection = HTTP2Connection("example.org:443")
    streams = [connection.begin(a_head()) for _ in range(4)]
    for piece in pieces:
        connection.receive(piece)
    per_stream = [
        (
            s.status,
            s.headers,
            s.interim,
            b"".join(s.chunks),
            s.trailers,
            s.complete,
            s.closed,
            s.refused,
            str(s.error),
        )
        for s in streams
    ]
    return [
        *per_stream,
        connection.cap,
        connection.goaway_last,
        connection.error,
        connection.held,
        connection.data_to_send(),
    ]


def test_every_cut_of_the_bytes_gives_the_same_facts() -> None:
    """Byte by byte, and cut in two at every place (H041)."""
    whole = conversation()
    expected = facts([whole])

    assert expected == facts([whole[i : i + 1] for i in range(len(whole))])
    for cut in range(1, len(whole)):
        assert expected == facts([whole[:cut], whole[cut:]])


def test_tiny_frames_do_not_become_a_million_objects() -> None:
    """A body in single bytes is kept in pieces of some kilobytes."""
    connection = a_connection()
    stream = a_request(connection)
    connection.receive(headers(1) + data(1, b"a") * 50_000)

    assert 50_000 == sum(map(len, stream.chunks))
    assert len(stream.chunks) <= 50_000 // 2048


def test_a_fault_in_one_read_leaves_what_came_before_it() -> None:
    """The frames before the broken one count."""
    connection = a_connection()
    stream = a_request(connection)
    other = a_request(connection)
    connection.receive(headers(1) + data(1, b"a", ends=True) + raw(6, 0, 0, b""))

    assert stream.complete
    assert other.error is not None
    assert [] == connection.receive(headers(3))
    *_, last = sent_by(connection)
    assert isinstance(last, GoAwayFrame)
    assert not any(isinstance(f, RstStreamFrame) for f in sent_by(connection))
