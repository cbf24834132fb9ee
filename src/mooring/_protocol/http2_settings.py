"""SETTINGS: what we ask of the peer and what it asks of us (RFC 9113 section 6.5)."""

from __future__ import annotations

from .http2_frames import (
    FLOW_CONTROL_ERROR,
    MAX_FRAME_BYTES,
    PROTOCOL_ERROR,
    ConnectionFault,
)
from .http2_limits import MAX_WINDOW, HTTP2Limits

HEADER_TABLE_SIZE = 0x1
ENABLE_PUSH = 0x2
MAX_CONCURRENT_STREAMS = 0x3
INITIAL_WINDOW_SIZE = 0x4
MAX_FRAME_SIZE = 0x5
MAX_HEADER_LIST_SIZE = 0x6
NO_RFC7540_PRIORITIES = 0x9

DEFAULT_WINDOW = 65535
DEFAULT_TABLE_BYTES = 4096
_LARGEST_FRAME = 2**24 - 1


def our_settings(limits: HTTP2Limits) -> list[tuple[int, int]]:
    """Return what goes out with the preface."""
    settings = [
        (ENABLE_PUSH, 0),
        (INITIAL_WINDOW_SIZE, limits.stream_window),
        (MAX_HEADER_LIST_SIZE, limits.header_list_bytes),
        # Priorities are the field "priority" (RFC 9218) or none at all.
        (NO_RFC7540_PRIORITIES, 1),
    ]
    if limits.header_table_bytes != DEFAULT_TABLE_BYTES:
        settings.insert(0, (HEADER_TABLE_SIZE, limits.header_table_bytes))
    return settings


class PeerSettings:
    """What the peer has told us so far."""

    __slots__ = (
        "frame_bytes",
        "header_list_bytes",
        "header_table_bytes",
        "seen",
        "streams",
        "window",
    )

    def __init__(self) -> None:
        self.seen = False
        self.header_table_bytes = DEFAULT_TABLE_BYTES
        self.streams: int | None = None
        self.window = DEFAULT_WINDOW
        self.frame_bytes = MAX_FRAME_BYTES
        self.header_list_bytes: int | None = None

    def take(self, settings: list[tuple[int, int]]) -> None:
        """Take in one frame's worth. Raises ``ConnectionFault``."""
        self.seen = True
        for name, value in settings:
            if name == MAX_CONCURRENT_STREAMS:
                self.streams = value
            elif name == INITIAL_WINDOW_SIZE:
                if value > MAX_WINDOW:
                    raise ConnectionFault(
                        FLOW_CONTROL_ERROR, f"INITIAL_WINDOW_SIZE of {value}"
                    )
                self.window = value
            elif name == MAX_FRAME_SIZE:
                if not MAX_FRAME_BYTES <= value <= _LARGEST_FRAME:
                    raise ConnectionFault(PROTOCOL_ERROR, f"MAX_FRAME_SIZE of {value}")
                self.frame_bytes = value
            elif name == HEADER_TABLE_SIZE:
                self.header_table_bytes = value
            elif name == MAX_HEADER_LIST_SIZE:
                self.header_list_bytes = value
            elif name == ENABLE_PUSH and value:
                raise ConnectionFault(PROTOCOL_ERROR, f"ENABLE_PUSH of {value}")
