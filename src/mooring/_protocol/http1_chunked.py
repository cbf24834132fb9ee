"""The chunked coding, reading side (RFC 9112 section 7.1).

Rules: every line ends in CRLF; a size is 1 to 16 hexadecimal digits; white space
may follow a size but not precede it; extensions are skipped within a budget;
trailers are kept apart from the head's fields, always.
"""

from __future__ import annotations

import re

from .http1_block import LineBlock
from .http1_grammar import (
    CRLF,
    SPACE_OR_TAB,
    TOKEN,
    MalformedError,
    escaped,
)
from .http1_head import Fields
from .http1_limits import MAX_CHUNK_SIZE_DIGITS, HTTP1Limits

_SIZE_LINE = re.compile(
    rb"([0-9A-Fa-f]{1,%d})[ \t]*(?:;[\t\x20-\x7e\x80-\xff]*)?" % MAX_CHUNK_SIZE_DIGITS
)
_TRAILER = re.compile(rb"(" + TOKEN + rb"):([\t\x20-\x7e\x80-\xff]*)\r\n")


class ChunkedBody:
    """Takes chunk framing off a body, in whatever pieces it arrives."""

    __slots__ = (
        "_extras",
        "_left",
        "_limits",
        "_pending",
        "_section",
        "size",
        "trailers",
    )

    def __init__(self, limits: HTTP1Limits) -> None:
        self._limits = limits
        self._left = 0  # of the current chunk, its closing CRLF included
        self._pending = b""  # an unfinished size line, or the CR after a chunk
        self._extras = 0  # bytes spent on extensions
        self._section: LineBlock | None = None  # trailers, once we are there
        self.size = 0
        """Body bytes announced by the chunk sizes so far."""
        self.trailers: Fields = []

    @property
    def received(self) -> int:
        """Body bytes that have come so far."""
        return self.size - max(self._left - len(CRLF), 0)

    def push(self, data: bytes, pieces: list[bytes]) -> bytes | None:
        """Append the body bytes in *data* to *pieces*.

        Returns None while the body goes on, else the bytes after its end (``b""``
        from an honest server). Raises ``MalformedError``; *pieces* then holds what
        came before the fault.
        """
        if self._section is not None:
            return self._push_trailers(self._section, data)
        if self._pending:
            data = self._pending + data
            self._pending = b""
        position = 0
        while True:
            if self._left:
                position = self._take_chunk(data, position, pieces)
                if self._left:
                    return None
            end = self._find_line_end(data, position)
            if end < 0:
                self._pending = data[position:]
                return None
            size = self._read_size(data[position:end])
            position = end + len(CRLF)
            if not size:
                return self._start_trailers(data[position:])
            self.size += size
            self._left = size + len(CRLF)

    def _take_chunk(self, data: bytes, position: int, pieces: list[bytes]) -> int:
        """Take what *data* has of the current chunk; return the new position."""
        end = position + self._left - len(CRLF)
        if position < end:
            piece = data[position:end]
            if piece:
                pieces.append(piece)
            position += len(piece)
            self._left -= len(piece)
        closing = data[position : position + len(CRLF)]
        if closing == CRLF:
            self._left = 0
            return position + len(CRLF)
        if closing not in (b"", b"\r"):
            raise MalformedError("a chunk is longer than its size says")
        self._pending = closing
        return len(data)

    def _find_line_end(self, data: bytes, position: int) -> int:
        limit = self._limits.chunk_line_bytes
        end = data.find(CRLF, position, position + limit + len(CRLF))
        if end < 0:
            if len(data) - position > limit + 1:
                raise MalformedError(f"a chunk-size line is over {limit} bytes")
            if data.find(b"\n", position) >= 0:
                raise MalformedError("a chunk-size line ends without CR")
        return end

    def _read_size(self, line: bytes) -> int:
        match = _SIZE_LINE.fullmatch(line)
        if match is None:
            raise MalformedError(f"bad chunk size {escaped(line)}")
        digits = match[1]
        if len(line) > len(digits):
            limits = self._limits
            self._extras += len(line) - len(digits)
            budget = limits.chunk_extension_bytes
            if self._extras > budget + limits.chunk_extension_ratio * self.size:
                raise MalformedError(
                    f"chunk extensions take {self._extras} bytes"
                    f" for {self.size} bytes of body"
                )
        return int(digits, 16)

    def _start_trailers(self, data: bytes) -> bytes | None:
        if data.startswith(CRLF):  # no trailers: nearly always
            return data[len(CRLF) :]
        self._section = LineBlock(
            "the trailer section",
            max_bytes=self._limits.trailer_bytes,
            max_line_bytes=self._limits.line_bytes,
            seed=CRLF,  # so that an empty section, too, ends in an empty line
        )
        return self._push_trailers(self._section, data)

    def _push_trailers(self, section: LineBlock, data: bytes) -> bytes | None:
        done = section.push(data)
        if done is None:
            return None
        block, rest = done
        self.trailers = self._read_trailers(block[len(CRLF) : -len(CRLF)])
        return rest

    def _read_trailers(self, lines: bytes) -> Fields:
        fields: Fields = []
        position = 0
        while position < len(lines):
            match = _TRAILER.match(lines, position)
            if match is None:
                raise MalformedError("bad field line in the trailer section")
            position = match.end()
            fields.append((match[1], match[2].strip(SPACE_OR_TAB)))
        if len(fields) > self._limits.trailer_fields:
            limit = self._limits.trailer_fields
            raise MalformedError(f"the trailer section is over {limit} fields")
        return fields
