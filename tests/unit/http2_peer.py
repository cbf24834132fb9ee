"""A server for the HTTP/2 engine, made of frames by hand: hyperframe, not our own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hyperframe.frame import (
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

from mooring._protocol.http2 import HTTP2Connection
from mooring._protocol.http2_limits import DEFAULT_HTTP2_LIMITS, HTTP2Limits
from mooring._protocol.http2_stream import HTTP2Stream
from mooring._protocol.http2_write import HTTP2Head, encode_http2_head

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HOST = (b"Host", b"example.org")
OK = [(b":status", b"200")]

MAX_STREAMS = SettingsFrame.MAX_CONCURRENT_STREAMS
WINDOW = SettingsFrame.INITIAL_WINDOW_SIZE

Fields = Iterable[tuple[bytes, bytes]]


def block(fields: Fields) -> bytes:
    """Compress fields in the plainest way: all of it literal."""
    return b"".join(b"\0" + string(name) + string(value) for name, value in fields)


def string(data: bytes) -> bytes:
    assert len(data) < 127 + 128
    size = len(data)
    return (bytes((size,)) if size < 127 else bytes((127, size - 127))) + data


def headers(stream_id: int, fields: Fields = OK, *, ends: bool = False) -> bytes:
    frame = HeadersFrame(stream_id, block(fields), flags=["END_HEADERS"])
    if ends:
        frame.flags.add("END_STREAM")
    return frame.serialize()


def data(
    stream_id: int, body: bytes = b"", *, ends: bool = False, padding: int | None = None
) -> bytes:
    frame = DataFrame(stream_id, body)
    if padding is not None:
        frame.flags.add("PADDED")
        frame.pad_length = padding
    if ends:
        frame.flags.add("END_STREAM")
    return frame.serialize()


def settings(values: dict[int, int] | None = None) -> bytes:
    return SettingsFrame(0, settings=values or {}).serialize()


def settings_ack() -> bytes:
    return SettingsFrame(0, flags=["ACK"]).serialize()


def reset(stream_id: int, code: int) -> bytes:
    return RstStreamFrame(stream_id, code).serialize()


def ping(payload: bytes = b"12345678", *, ack: bool = False) -> bytes:
    return PingFrame(0, payload, flags=["ACK"] if ack else []).serialize()


def window(stream_id: int, increment: int) -> bytes:
    return WindowUpdateFrame(stream_id, increment).serialize()


def goaway(last: int, code: int = 0, debug: bytes = b"") -> bytes:
    return GoAwayFrame(0, last, code, debug).serialize()


def raw(kind: int, flags: int, stream_id: int, payload: bytes = b"") -> bytes:
    """A frame that hyperframe would not make."""
    size = len(payload).to_bytes(3, "big")
    return size + bytes((kind, flags)) + stream_id.to_bytes(4, "big") + payload


def a_connection(
    values: dict[int, int] | None = None,
    limits: HTTP2Limits = DEFAULT_HTTP2_LIMITS,
) -> HTTP2Connection:
    """A connection whose server has said its SETTINGS, with nothing left to send."""
    connection = HTTP2Connection("example.org:443", limits)
    connection.receive(settings(values) + settings_ack())
    connection.data_to_send()
    return connection


def a_head(
    *fields: tuple[bytes, bytes], method: str = "GET", target: bytes = b"/"
) -> HTTP2Head:
    return encode_http2_head(method, b"https", target, [HOST, *fields])


def a_request(
    connection: HTTP2Connection, *fields: tuple[bytes, bytes], method: str = "GET"
) -> HTTP2Stream:
    """Begin an exchange, as if its frames had been sent."""
    stream = connection.begin(a_head(*fields, method=method))
    connection.data_to_send()
    return stream


def an_upload(connection: HTTP2Connection) -> HTTP2Stream:
    """Begin an exchange whose body has no length announced."""
    return a_request(connection, (b"Transfer-Encoding", b"chunked"), method="POST")


def frames_of(sent: bytes) -> list[Any]:
    """Read what was sent, by hyperframe."""
    rest = memoryview(sent.removeprefix(PREFACE))
    frames: list[Any] = []
    while rest:
        frame, length = Frame.parse_frame_header(rest[:9])
        frame.parse_body(rest[9 : 9 + length])
        frames.append(frame)
        rest = rest[9 + length :]
    return frames


def sent_by(connection: HTTP2Connection) -> list[Any]:
    return frames_of(connection.data_to_send())


def goaway_code(connection: HTTP2Connection) -> int:
    """Check that the connection ends with a GOAWAY; return its error code."""
    last = sent_by(connection)[-1]
    assert isinstance(last, GoAwayFrame)
    assert connection.closed
    assert connection.error is not None
    return last.error_code


def reset_code(connection: HTTP2Connection) -> int:
    """Check that a stream was reset and the connection lives; return the code."""
    resets = [f for f in sent_by(connection) if isinstance(f, RstStreamFrame)]
    assert len(resets) == 1
    assert not connection.closed
    return resets[0].error_code
