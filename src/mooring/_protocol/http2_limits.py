"""What an HTTP/2 server may make us hold, count or do before we hang up."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HTTP2Limits:
    """Caps on one HTTP/2 connection; sizes are in bytes.

    What concerns one response ends that stream; what could exhaust us as a whole ends
    the connection, with the error code ENHANCE_YOUR_CALM where RFC 9113 names no other.

    >>> HTTP2Limits(streams=10).streams
    10
    """

    streams: int = 100
    """Streams at the same time, whatever the peer allows."""
    last_stream_id: int = 2**31 - 1
    """The last id used; with fewer than a thousand left the connection retires."""
    provisional_streams: int = 100
    """Streams at the same time until the peer's first SETTINGS say how many."""
    connection_window: int = 16 * 1024 * 1024
    stream_window: int = 1024 * 1024
    """Body bytes that may wait in memory for a slow reader, per stream."""

    # Header lists are measured decoded, as RFC 9113 section 6.5.2 counts them.
    header_list_bytes: int = 256 * 1024
    head_fields: int = 1000
    header_block_bytes: int = 256 * 1024
    continuation_frames: int = 64
    header_table_bytes: int = 4096
    """The tables of header compression, of each direction."""
    interim_responses: int = 100
    trailer_bytes: int = 64 * 1024
    trailer_fields: int = 100

    queued_replies: int = 1000
    """Answers to PING and SETTINGS that have not been handed out for sending."""
    empty_data_frames: int = 1000
    """DATA frames without a byte, one after another on the connection."""
    useless_frames: int = 10_000
    """Frames that advance no stream, one after another; see ``refill``."""

    concurrent_resets: int = 100
    """Streams that we reset and the peer has not confirmed yet."""
    own_resets: int = 500
    """Streams we reset more than responses completed; then the connection retires.

    Servers hang up on clients that reset fast (CVE-2023-44487), some after a thousand.
    """


DEFAULT_HTTP2_LIMITS = HTTP2Limits()

MAX_WINDOW = 2**31 - 1

SPARE_STREAM_IDS = 1000
