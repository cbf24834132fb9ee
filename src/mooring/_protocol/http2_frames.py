"""Frames of HTTP/2: their numbers and layout, and what can be wrong with one.

RFC 9113 sections 4, 6 and 7.
"""

from __future__ import annotations

from struct import Struct

DATA = 0x0
HEADERS = 0x1
PRIORITY = 0x2
RST_STREAM = 0x3
SETTINGS = 0x4
PUSH_PROMISE = 0x5
PING = 0x6
GOAWAY = 0x7
WINDOW_UPDATE = 0x8
CONTINUATION = 0x9

END_STREAM = 0x1
ACK = 0x1
END_HEADERS = 0x4
PADDED = 0x8
HAS_PRIORITY = 0x20

NO_ERROR = 0x0
PROTOCOL_ERROR = 0x1
INTERNAL_ERROR = 0x2
FLOW_CONTROL_ERROR = 0x3
SETTINGS_TIMEOUT = 0x4
STREAM_CLOSED = 0x5
FRAME_SIZE_ERROR = 0x6
REFUSED_STREAM = 0x7
CANCEL = 0x8
COMPRESSION_ERROR = 0x9
CONNECT_ERROR = 0xA
ENHANCE_YOUR_CALM = 0xB
INADEQUATE_SECURITY = 0xC
HTTP_1_1_REQUIRED = 0xD

_CODE_NAMES = (
    "NO_ERROR",
    "PROTOCOL_ERROR",
    "INTERNAL_ERROR",
    "FLOW_CONTROL_ERROR",
    "SETTINGS_TIMEOUT",
    "STREAM_CLOSED",
    "FRAME_SIZE_ERROR",
    "REFUSED_STREAM",
    "CANCEL",
    "COMPRESSION_ERROR",
    "CONNECT_ERROR",
    "ENHANCE_YOUR_CALM",
    "INADEQUATE_SECURITY",
    "HTTP_1_1_REQUIRED",
)

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
FRAME_HEAD_BYTES = 9
MAX_FRAME_BYTES = 16384
"""Payload of a frame sent to us: what every peer may send, and we allow no more."""

_ID_MASK = 0x7FFFFFFF
_PRIORITY_BYTES = 5

_head = Struct(">HBBBL")
_number = Struct(">L")
_two_numbers = Struct(">LL")
_setting = Struct(">HL")

pack_frame_head = _head.pack
unpack_frame_head = _head.unpack_from


class ConnectionFault(Exception):
    """The peer did what ends the connection; never leaves this package."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class StreamFault(Exception):
    """The peer did what ends one stream; never leaves this package."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


def code_name(code: int) -> str:
    """Return the name of an error code.

    >>> code_name(8), code_name(99)
    ('CANCEL', 'error 99')
    """
    return _CODE_NAMES[code] if code < len(_CODE_NAMES) else f"error {code}"


def frame(kind: int, flags: int, stream_id: int, payload: bytes = b"") -> bytes:
    """Return one frame.

    >>> frame(PING, ACK, 0, b"12345678")[:9].hex()
    '000008060100000000'
    """
    size = len(payload)
    return pack_frame_head(size >> 8, size & 0xFF, kind, flags, stream_id) + payload


def header_frames(stream_id: int, block: bytes, *, ends: bool, size: int) -> bytes:
    """Return HEADERS, and CONTINUATION where *block* is over *size* bytes."""
    flags = END_STREAM if ends else 0
    if len(block) <= size:
        return frame(HEADERS, flags | END_HEADERS, stream_id, block)
    frames = [frame(HEADERS, flags, stream_id, block[:size])]
    last = (len(block) - 1) // size * size
    frames += [
        frame(CONTINUATION, 0, stream_id, block[start : start + size])
        for start in range(size, last, size)
    ]
    frames.append(frame(CONTINUATION, END_HEADERS, stream_id, block[last:]))
    return b"".join(frames)


def reset_frame(stream_id: int, code: int) -> bytes:
    return frame(RST_STREAM, 0, stream_id, _number.pack(code))


def window_frame(stream_id: int, increment: int) -> bytes:
    return frame(WINDOW_UPDATE, 0, stream_id, _number.pack(increment))


def goaway_frame(code: int, debug: bytes = b"") -> bytes:
    """Return GOAWAY; the last stream of the peer that we processed is none."""
    return frame(GOAWAY, 0, 0, _two_numbers.pack(0, code) + debug)


def settings_frame(settings: list[tuple[int, int]]) -> bytes:
    return frame(SETTINGS, 0, 0, b"".join(_setting.pack(*pair) for pair in settings))


def read_number(payload: bytes, what: str) -> int:
    """Read the payload of RST_STREAM or WINDOW_UPDATE."""
    if len(payload) != _number.size:
        raise ConnectionFault(FRAME_SIZE_ERROR, f"{what} of {len(payload)} bytes")
    number: int = _number.unpack(payload)[0]
    return number


def read_goaway(payload: bytes) -> tuple[int, int, bytes]:
    """Return the last stream id, the error code and the debug data."""
    if len(payload) < _two_numbers.size:
        raise ConnectionFault(FRAME_SIZE_ERROR, f"GOAWAY of {len(payload)} bytes")
    last, code = _two_numbers.unpack_from(payload)
    return last & _ID_MASK, code, payload[_two_numbers.size :]


def read_settings(payload: bytes) -> list[tuple[int, int]]:
    """Return the settings in their order."""
    if len(payload) % _setting.size:
        raise ConnectionFault(FRAME_SIZE_ERROR, f"SETTINGS of {len(payload)} bytes")
    return list(_setting.iter_unpack(payload))


def without_padding(payload: bytes) -> bytes:
    """Return what a padded payload is about."""
    padding = payload[0] + 1 if payload else 1
    if padding > len(payload):
        raise ConnectionFault(PROTOCOL_ERROR, "padding longer than the frame")
    return payload[1 : len(payload) + 1 - padding]


def header_fragment(flags: int, payload: bytes) -> bytes:
    """Return the piece of header block in the payload of HEADERS."""
    if flags & PADDED:
        payload = without_padding(payload)
    if flags & HAS_PRIORITY:
        if len(payload) < _PRIORITY_BYTES:
            raise ConnectionFault(FRAME_SIZE_ERROR, "HEADERS too short for a priority")
        payload = payload[_PRIORITY_BYTES:]
    return payload
