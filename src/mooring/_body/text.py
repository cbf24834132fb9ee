"""From bytes to text: which charset, and decoding, lines and chunks piece by piece."""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from functools import lru_cache
from typing import Generic, TypeVar

__all__ = [
    "LineDecoder",
    "PieceChunker",
    "TextDecoder",
    "charset_of",
    "is_text_charset",
]

_Piece = TypeVar("_Piece", bytes, str)

# Codecs of Python's own that no HTTP peer means. A hostile one might: punycode takes
# quadratic time, and the escape codecs warn about what they do not understand.
_NOT_FOR_HTTP = frozenset(
    {
        "idna",
        "mbcs",
        "oem",
        "punycode",
        "raw-unicode-escape",
        "undefined",
        "unicode-escape",
    }
)

# The longest label of the WHATWG Encoding Standard has 19 characters.
_MAX_CHARSET_CHARS = 64


@lru_cache(maxsize=256)
def charset_of(content_type: str) -> str | None:
    """The charset that a ``Content-Type`` value names (RFC 9110 section 8.3.2).

    Example::

        >>> charset_of('text/html; charset="UTF-8"')
        'utf-8'
    """
    for parameter in content_type.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            return value.strip().strip("\"'").lower() or None
    return None


@lru_cache(maxsize=256)
def is_text_charset(name: str) -> bool:
    """Whether Python can turn bytes into text with the charset called *name*."""
    if len(name) > _MAX_CHARSET_CHARS:
        return False
    try:
        known_name = codecs.lookup(name).name
        if known_name in _NOT_FOR_HTTP:
            return False
        # Codecs such as "hex" and "zlib" pass the look-up and fail only here.
        b"a".decode(name, "replace")
    except (LookupError, ValueError):
        return False
    return True


class TextDecoder:
    """Decode bytes that come in pieces, however the pieces cut the characters."""

    __slots__ = ("_decoder",)

    def __init__(self, encoding: str = "utf-8") -> None:
        self._decoder = codecs.getincrementaldecoder(encoding)(errors="replace")

    def decode(self, data: bytes) -> str:
        """Return the text that is complete with *data*."""
        return self._decoder.decode(data)

    def flush(self) -> str:
        """Return what a cut-off character at the end stands for."""
        return self._decoder.decode(b"", True)


class LineDecoder:
    """Split text that comes in pieces the way ``str.splitlines`` splits it whole.

    The text of an unfinished line is kept in pieces and joined once, so that a very
    long line costs no more than many short ones.
    """

    __slots__ = ("_after_cr", "_pieces")

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._after_cr = False

    def decode(self, text: str) -> list[str]:
        """Return the lines that are complete with *text*, without their ends."""
        if self._after_cr:
            text = "\r" + text
            self._after_cr = False
        if text.endswith("\r"):
            # The "\n" of a "\r\n" may come with the next piece.
            text = text[:-1]
            self._after_cr = True
        if not text:
            return []
        lines = text.splitlines()
        # A piece that ends between lines leaves an empty line to go on with.
        # splitlines() does not tell; a text with one more character does.
        unfinished = "" if len((text[-1] + "x").splitlines()) > 1 else lines.pop()
        if lines:
            lines[0] = "".join([*self._pieces, lines[0]])
            self._pieces = []
        if unfinished:
            self._pieces.append(unfinished)
        return lines

    def flush(self) -> list[str]:
        """Return the last line if nothing ended it."""
        if not self._pieces and not self._after_cr:
            return []
        line = "".join(self._pieces)
        self._pieces, self._after_cr = [], False
        return [line]


class PieceChunker(Generic[_Piece]):
    """Cut bytes or text that come in pieces into chunks of one size.

    Without a size the pieces pass as they are, except for empty ones.
    """

    __slots__ = ("_held", "_held_size", "_size")

    def __init__(self, chunk_size: int | None = None) -> None:
        if chunk_size is not None and chunk_size < 1:
            raise ValueError(f"chunk_size must be 1 or more, not {chunk_size}")
        self._size = chunk_size
        self._held: list[_Piece] = []
        self._held_size = 0

    def feed(self, piece: _Piece) -> Sequence[_Piece]:
        """Return the chunks that are complete with *piece*."""
        if not piece:
            return ()
        size = self._size
        if size is None:
            return (piece,)
        self._held.append(piece)
        self._held_size += len(piece)
        if self._held_size < size:
            return ()
        joined = piece[:0].join(self._held)
        whole = self._held_size - self._held_size % size
        rest = joined[whole:]
        self._held = [rest] if rest else []
        self._held_size = len(rest)
        return [joined[start : start + size] for start in range(0, whole, size)]

    def flush(self) -> Sequence[_Piece]:
        """Return the last chunk, shorter than the others, if there is one."""
        held, self._held, self._held_size = self._held, [], 0
        return [held[0][:0].join(held)] if held else ()
