"""Cuts what arrives into frames, and puts header blocks together.

The caps on what may wait here are those of one frame and of one header block.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .http1_grammar import escaped
from .http1_head import OPENING_BYTES
from .http2_frames import (
    ACK,
    CONTINUATION,
    END_HEADERS,
    ENHANCE_YOUR_CALM,
    FRAME_HEAD_BYTES,
    FRAME_SIZE_ERROR,
    HEADERS,
    MAX_FRAME_BYTES,
    PROTOCOL_ERROR,
    SETTINGS,
    ConnectionFault,
    header_fragment,
    unpack_frame_head,
)
from .http2_limits import HTTP2Limits

_ID_MASK = 0x7FFFFFFF
_BLOCK_FRAMES = (HEADERS, CONTINUATION)
_TEXT = re.compile(rb"[\t\r\n\x20-\x7e]+").fullmatch

Frame = tuple[int, int, int, bytes]
"""Type, flags, stream id, payload. A bare tuple: it is taken apart at once."""


class FrameReader:
    """Reads the frames of one connection."""

    __slots__ = (
        "_block",
        "_block_bytes",
        "_continuations",
        "_greeted",
        "_limits",
        "_needed",
        "_open",
        "_pending",
    )

    def __init__(self, limits: HTTP2Limits) -> None:
        self._limits = limits
        self._pending = bytearray()  # the frame that has not come whole, so far
        self._needed = 0  # bytes until something can be done
        self._greeted = False
        self._block: list[bytes] | None = None  # a header block in pieces
        self._block_bytes = 0
        self._continuations = 0
        self._open = 0, 0  # flags and stream id of that block

    def frames(self, data: bytes) -> Iterator[Frame]:
        """Yield the frames that *data* completes. Must be run to its end.

        HEADERS come with their whole block as the payload, CONTINUATION never.
        Raises ``ConnectionFault``.
        """
        pending = self._pending
        if pending:
            pending += data
            if len(pending) < self._needed:
                return
            data = bytes(pending)
            pending.clear()
        start = 0
        size = len(data)
        needed = FRAME_HEAD_BYTES
        while size - start >= FRAME_HEAD_BYTES:
            high, low, kind, flags, stream_id = unpack_frame_head(data, start)
            length = high << 8 | low
            if not self._greeted:
                self._check_greeting(data, kind, flags)
            if length > MAX_FRAME_BYTES:
                raise ConnectionFault(FRAME_SIZE_ERROR, f"a frame of {length} bytes")
            end = start + FRAME_HEAD_BYTES + length
            if end > size:
                needed = FRAME_HEAD_BYTES + length
                break
            payload = data[start + FRAME_HEAD_BYTES : end]
            start = end
            stream_id &= _ID_MASK
            if kind in _BLOCK_FRAMES or self._block is not None:
                whole = self._read_block(kind, flags, stream_id, payload)
                if whole is not None:
                    yield whole
            else:
                yield kind, flags, stream_id, payload
        if start < size:
            pending += data[start:]
            self._needed = needed

    def _check_greeting(self, data: bytes, kind: int, flags: int) -> None:
        # RFC 9113 section 3.4: the first frame is SETTINGS, and not an answer to ours.
        if kind != SETTINGS or flags & ACK:
            opening = data[:OPENING_BYTES].split(b"\n", 1)[0].rstrip(b"\r")
            if _TEXT(opening):
                text = f"server sent {escaped(opening)}, which is not HTTP/2"
            else:
                text = "the first frame is not SETTINGS"
            raise ConnectionFault(PROTOCOL_ERROR, text)
        self._greeted = True

    def _read_block(
        self, kind: int, flags: int, stream_id: int, payload: bytes
    ) -> Frame | None:
        """Take in a piece of a header block; return HEADERS when it is whole."""
        block = self._block
        if block is None:
            if kind == CONTINUATION:
                raise ConnectionFault(PROTOCOL_ERROR, "CONTINUATION of nothing")
            fragment = header_fragment(flags, payload)
            if flags & END_HEADERS:
                return HEADERS, flags, stream_id, fragment
            self._block = [fragment]
            self._block_bytes = len(fragment)
            self._continuations = 0
            self._open = flags, stream_id
            return None
        first_flags, first_id = self._open
        if kind != CONTINUATION or stream_id != first_id:
            raise ConnectionFault(PROTOCOL_ERROR, "a frame within a header block")
        self._count(len(payload))
        block.append(payload)
        if not flags & END_HEADERS:
            return None
        self._block = None
        return HEADERS, first_flags, stream_id, b"".join(block)

    def _count(self, size: int) -> None:
        limits = self._limits
        self._continuations += 1
        if self._continuations > limits.continuation_frames:
            raise ConnectionFault(
                ENHANCE_YOUR_CALM,
                f"a header block of over {limits.continuation_frames}"
                " CONTINUATION frames",
            )
        self._block_bytes += size
        if self._block_bytes > limits.header_block_bytes:
            raise ConnectionFault(
                ENHANCE_YOUR_CALM,
                f"a header block of over {limits.header_block_bytes} bytes",
            )
