"""Response heads: the status line, the field lines (by llhttp) and what they imply.

llhttp reads the field lines and nothing else. It is handed each block behind the
status line of a response that has no body, so that it stands at a message boundary
again afterwards: it never sees where a body ends, a question whose answer needs
offsets (is there a byte too many?) that it does not give.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from httptools import HttpParserError, HttpResponseParser

from .http1_grammar import (
    CRLF,
    SPACE_OR_TAB,
    MalformedError,
    connection_says,
    escaped,
    length_from,
    tokens_of,
)
from .http1_limits import MAX_LENGTH_DIGITS

Fields = list[tuple[bytes, bytes]]

_BODILESS_STATUS_LINE = b"HTTP/1.1 204 -\r\n"

# RFC 9112 section 4; only the versions we speak, and a code of RFC 9110 section 15.
_STATUS_LINE = re.compile(
    rb"(HTTP/1\.[01]) ([1-9][0-9][0-9])(?: ([\t\x20-\x7e\x80-\xff]*))?"
)
_VERSION = re.compile(rb"HTTP/[0-9]+(?:\.[0-9]+)?")

_CACHED_LINE_BYTES = 64

_HTTP = b"HTTP/"
OPENING_BYTES = 100  # enough of a stranger's greeting to recognise it
_NOT_A_GREETING = re.compile(rb"[^\t\x20-\x7e]")

_FOLD = re.compile(rb"[ \t]*\r\n[ \t]+")
_LENGTH_LINE = re.compile(rb"(?:(?<=\n)|\A)(?i:content-length):([^\r\n]*)\r\n")


class StatusLine(NamedTuple):
    version: bytes
    status: int
    reason: bytes


class NotHTTPError(MalformedError):
    """The peer talks, but not HTTP; the text quotes it."""


def read_status_line(line: bytes) -> StatusLine:
    """Read a status line without its CRLF. Raises ``MalformedError``."""
    # A server says "HTTP/1.1 200 OK" rather often; long lines are not worth keeping.
    if len(line) <= _CACHED_LINE_BYTES:
        return _cached_status_line(line)
    return _parse_status_line(line)


def _parse_status_line(line: bytes) -> StatusLine:
    match = _STATUS_LINE.fullmatch(line)
    if match is None:
        check_opening(line + CRLF)
        raise MalformedError(f"bad status line {escaped(line)}")
    version, status, reason = match.groups()
    return StatusLine(version, int(status), reason or b"")


_cached_status_line = lru_cache(maxsize=256)(_parse_status_line)


def check_opening(opening: bytes) -> None:
    """Refuse a peer whose first bytes cannot become an HTTP/1 status line.

    Waits for the end of a stranger's first line, so that the error can quote it,
    unless that line is long or is not text.
    """
    if may_be_http(opening):
        version = _VERSION.match(opening)
        if version and b" " in opening and version[0][5:] not in (b"1.0", b"1.1"):
            raise MalformedError(f"{version[0].decode()} is not spoken here")
    elif len(opening) >= OPENING_BYTES or _NOT_A_GREETING.search(opening):
        raise greeting_error(opening)


def may_be_http(opening: bytes) -> bool:
    """Say whether *opening*, however short, can be how an HTTP/1 response begins."""
    return opening[: len(_HTTP)] == _HTTP[: len(opening)]


def greeting_error(opening: bytes) -> NotHTTPError:
    """Quote the first line of a peer that does not speak HTTP."""
    line = opening[:OPENING_BYTES].split(b"\n", 1)[0].rstrip(b"\r")
    return NotHTTPError(f"server sent {escaped(line)}, which is not HTTP")


class FieldReader:
    """Reads blocks of field lines, one after another, with one llhttp parser."""

    __slots__ = ("_parser", "_sink")

    def __init__(self) -> None:
        self._sink = _Sink()
        self._parser: HttpResponseParser

    def read(self, block: bytes) -> tuple[Fields, bool]:
        """Return the fields of *block*, which ends with the empty line.

        The second value says that a leniency was needed (line folding, equal lengths
        repeated): the response may be used, the connection must not be used again.
        Values come without the white space around them, names as they were sent.

        Raises ``MalformedError``.
        """
        try:
            return self._feed(block), False
        except HttpParserError as refusal:
            mended = _mended(block)
            if mended == block:
                raise MalformedError(_reason(refusal)) from refusal
        try:
            return self._feed(mended), True
        except HttpParserError as refusal:
            raise MalformedError(_reason(refusal)) from refusal

    def _feed(self, block: bytes) -> Fields:
        # A parser is used again only if it is known to stand at a message boundary.
        # The first time there is none; after a refusal it stands somewhere else.
        if not self._sink.is_complete:
            self._renew()
        sink = self._sink
        fields = sink.fields = []
        sink.is_complete = False
        self._parser.feed_data(_BODILESS_STATUS_LINE + block)
        if b" \r\n" in block or b"\t\r\n" in block:
            # llhttp leaves the white space after a value on it.
            return [(name, value.rstrip(SPACE_OR_TAB)) for name, value in fields]
        return fields

    def _renew(self) -> None:
        self._sink = _Sink()
        parser = HttpResponseParser(self._sink)
        # Framing is decided here, not by llhttp; these two only stop it from refusing
        # what our own rules allow or judge themselves.
        parser.set_dangerous_leniencies(
            lenient_chunked_length=True, lenient_keep_alive=True
        )
        self._parser = parser


class _Sink:
    """What llhttp calls back. Apart, so that a connection is in no reference cycle."""

    __slots__ = ("fields", "is_complete")

    def __init__(self) -> None:
        self.fields: Fields = []
        self.is_complete = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name, value))

    def on_message_complete(self) -> None:
        self.is_complete = True


def _reason(refusal: HttpParserError) -> str:
    text = str(refusal)
    return text[:1].lower() + text[1:]


def _mended(block: bytes) -> bytes:
    """Apply the two leniencies we grant to a block llhttp has refused."""
    if block[:1] not in (b" ", b"\t"):
        # RFC 9112 section 5.2: a folded line becomes one space. A block that *begins*
        # folded continues nothing (or the status line), so it stays refused.
        block = _FOLD.sub(b" ", block)
    return _with_one_length(block)


def _with_one_length(block: bytes) -> bytes:
    """Collapse repeated equal Content-Length values (RFC 9110 section 8.6)."""
    lines = [match[1] for match in _LENGTH_LINE.finditer(block)]
    values = {value.strip(SPACE_OR_TAB) for value in b",".join(lines).split(b",")}
    value = values.pop()
    if values or not value.isdigit():
        return block
    first = next(_LENGTH_LINE.finditer(block))
    line = b"Content-Length: " + value + CRLF
    rest = _LENGTH_LINE.sub(b"", block[first.end() :])
    return block[: first.start()] + line + rest


class Framing(NamedTuple):
    """What the fields say about the body and the connection, before other rules."""

    length: int | None
    is_chunked: bool
    closes: bool
    keeps_alive: bool
    bad_coding: bytes | None

    @property
    def is_ambiguous(self) -> bool:
        """Length and chunked together: chunked wins, the connection ends."""
        return self.is_chunked and self.length is not None


_LENGTH_SIZE = len(b"content-length")
_CODING_SIZE = len(b"transfer-encoding")
_CONNECTION_SIZE = len(b"connection")

# Names that say nothing about framing, as servers like to spell them: passed over at
# a glance (benchmarks asyncio-100, sync-1). Any other name is looked at properly.
_USUAL_NAMES = (
    b"Accept-Ranges",
    b"Cache-Control",
    b"Content-Encoding",
    b"Content-Type",
    b"Date",
    b"ETag",
    b"Last-Modified",
    b"Server",
    b"Set-Cookie",
    b"Vary",
)
_SILENT_NAMES = frozenset((*_USUAL_NAMES, *(name.lower() for name in _USUAL_NAMES)))


def framing_of(fields: Fields) -> Framing:
    """Collect what *fields* say about framing.

    Raises ``MalformedError`` for a length that is not one.
    """
    length: int | None = None
    codings: list[bytes] = []
    closes = keeps_alive = False
    for name, value in fields:
        if name in _SILENT_NAMES:
            continue
        size = len(name)
        if size == _LENGTH_SIZE:
            if name.lower() == b"content-length":
                length = _length(value)
        elif size == _CONNECTION_SIZE:
            if name.lower() == b"connection":
                says_close, says_keep_alive = connection_says(value)
                closes |= says_close
                keeps_alive |= says_keep_alive
        elif size == _CODING_SIZE and name.lower() == b"transfer-encoding":
            codings.append(value)
    bad_coding = _bad_coding(codings) if codings else None
    return Framing(length, bool(codings), closes, keeps_alive, bad_coding)


def _length(value: bytes) -> int:
    # llhttp has refused a second field by now, or it was equal and collapsed.
    length = length_from(value, max_digits=MAX_LENGTH_DIGITS)
    if length is None:
        raise MalformedError(f"bad Content-Length {escaped(value)}")
    return length


def _bad_coding(codings: list[bytes]) -> bytes | None:
    # Unknown or stacked codings, and chunked twice: the end of such a body is anyone's
    # guess, and every guess has been somebody's smuggling hole.
    listed = b",".join(codings)
    return None if tokens_of(listed) == [b"chunked"] else listed
