"""Gather lines up to a blank one: how a head or a trailer section arrives in pieces.

Each byte is looked at once, however small the pieces, and the caps hold per line and
for the whole, not per piece.
"""

from __future__ import annotations

from .http1_grammar import BLANK_LINE, MalformedError

_CR = 0x0D


class LineBlock:
    """Lines ended by CRLF, up to and including the empty line."""

    __slots__ = (
        "_buffer",
        "_line_start",
        "_max_bytes",
        "_max_line_bytes",
        "_name",
        "_seed_bytes",
        "_spent",
    )

    def __init__(
        self,
        name: str,
        *,
        max_bytes: int,
        max_line_bytes: int,
        spent: int = 0,
        seed: bytes = b"",
    ) -> None:
        """Start an empty block; *name* is what error texts call it.

        *spent* bytes of *max_bytes* are used up already.
        *seed* are bytes to pretend we had, so that a section which may be empty
        ends with the same four bytes as any other.
        """
        self._name = name
        self._buffer = bytearray(seed)
        self._line_start = len(seed)
        self._seed_bytes = len(seed)
        self._spent = spent
        self._max_bytes = max_bytes
        self._max_line_bytes = max_line_bytes

    @property
    def size(self) -> int:
        """Bytes gathered so far."""
        return len(self._buffer) - self._seed_bytes

    def opening(self, data: bytes, *, size: int) -> bytes:
        """Return how the block begins once *data* is added, at most *size* bytes."""
        return bytes(self._buffer[:size]) + data[: max(size - len(self._buffer), 0)]

    def push(self, data: bytes) -> tuple[bytes, bytes] | None:
        """Add *data*; return the block and what follows it once it is whole.

        Raises ``MalformedError`` for a line or block over its cap and for a lone LF.
        """
        buffer = self._buffer
        start = len(buffer)
        buffer += data
        end = buffer.find(BLANK_LINE, max(start - 3, 0))
        stop = len(buffer) if end < 0 else end + len(BLANK_LINE)
        self._check_lines(start, stop)
        if self._spent + stop - self._seed_bytes > self._max_bytes:
            raise MalformedError(f"{self._name} is over {self._max_bytes} bytes")
        if end < 0:
            return None
        return bytes(buffer[:stop]), bytes(buffer[stop:])

    def _check_lines(self, start: int, stop: int) -> None:
        buffer = self._buffer
        limit = self._max_line_bytes
        while (newline := buffer.find(b"\n", start, stop)) >= 0:
            # RFC 9112 section 2.2 lets a recipient take a lone LF for a line end. We
            # refuse: intermediaries disagree about it, and that is how smuggling works.
            if newline == 0 or buffer[newline - 1] != _CR:
                raise MalformedError(f"{self._name} has a line that ends without CR")
            self._check_line(newline - 1 - self._line_start, limit)
            self._line_start = start = newline + 1
        self._check_line(stop - self._line_start, limit + 1)  # its CR may be here

    def _check_line(self, size: int, limit: int) -> None:
        if size > limit:
            raise MalformedError(
                f"{self._name} has a line over {self._max_line_bytes} bytes"
            )
