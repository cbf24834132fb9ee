"""Response heads: the status line, the field lines (by llhttp) and what they imply.

llhttp reads the field lines and nothing else. It is handed each block behind the
status line of a response that has no body, so that it stands at a message boundary
again afterwards: it never sees where a body ends, a question whose answer needs
offsets (is there a byte too many?) that it does not give.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from httptools import (
    HttpParserCallbackError,
    HttpParserError,
    HttpResponseParser,
)

from .http1_grammar import (
    CRLF,
    SPACE_OR_TAB,
    MalformedError,
    connection_says,
    escaped,
    length_from,
    tokens_of,
)

Fields = list[tuple[bytes, bytes]]

_BODILESS_STATUS_LINE = b"HTTP/1.1 204 -"

# RFC 9112 section 4; only the versions we speak, and a code of RFC 9110 section 15.
_STATUS_LINE = re.compile(
    rb"(HTTP/1\.[01]) ([1-9][0-9][0-9])(?: ([\t\x20-\x7e\x80-\xff]*))?"
)
_VERSION = re.compile(rb"HTTP/[0-9]+(?:\.[0-9]+)?")

_CACHED_LINES = 256
_CACHED_LINE_BYTES = 64
_CACHED_NAMES = 1024
_CACHED_NAME_BYTES = 64

_HTTP = b"HTTP/"
OPENING_BYTES = 100  # enough of a stranger's greeting to recognise it
_NOT_A_GREETING = re.compile(rb"[^\t\x20-\x7e]")

_TAB = 0x09
_FOLD = re.compile(rb"[ \t]*\r\n[ \t]+")
_LENGTH_LINE = re.compile(rb"(?:(?<=\n)|\A)(?i:content-length):([^\r\n]*)\r\n")


@dataclass(frozen=True, slots=True)
class StatusLine:
    """A status line, taken apart."""

    version: bytes
    status: int
    reason: bytes
    is_plain: bool
    """HTTP/1.1, final, and of a status that does not rule out a body."""


class NotHTTPError(MalformedError):
    """The peer talks, but not HTTP; the text quotes it."""


def read_status_line(line: bytes) -> StatusLine:
    """Read a status line without its CRLF. Raises ``MalformedError``."""
    match = _STATUS_LINE.fullmatch(line)
    if match is None:
        check_opening(line + CRLF)
        raise MalformedError(f"bad status line {escaped(line)}")
    version, code, reason = match.groups()
    status = int(code)
    is_plain = version == b"HTTP/1.1" and status >= 200 and status not in (204, 304)
    return StatusLine(version, status, reason or b"", is_plain)


class _StatusLines(dict[bytes, StatusLine]):
    """What ``read_status_line`` said: a server says "HTTP/1.1 200 OK" rather often.

    A bounded cache of pure answers; emptied when full, so that no server can fill it
    for good. A dict and not ``lru_cache`` because a hit costs half.
    """

    def __missing__(self, line: bytes) -> StatusLine:
        answer = read_status_line(line)
        if len(line) <= _CACHED_LINE_BYTES:
            if len(self) >= _CACHED_LINES:
                self.clear()
            self[line] = answer
        return answer


status_lines = _StatusLines()


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

    __slots__ = ("_feed_data", "_sink")

    def __init__(self) -> None:
        self._renew()

    def read(self, block: bytes) -> tuple[Fields, bool]:
        """Return the fields of *block*: from the end of a line to the empty line.

        So it begins with CRLF, as it ends. The second value says that a leniency was
        needed (line folding, equal lengths repeated): the response may be used, the
        connection must not be used again. Values come without the white space around
        them, names as they were sent.

        Raises ``MalformedError``.
        """
        sink = self._sink
        fields = sink.fields = []
        try:
            self._feed_data(_BODILESS_STATUS_LINE + block)
        except HttpParserError as refusal:
            return self._read_mended(block, refusal), True
        # Not ``in``: given bytes, it first fails to take them for a number.
        if block.find(b" \r\n") >= 0 or _TAB in block:
            return _stripped(fields), False
        return fields, False

    def _read_mended(self, block: bytes, refusal: HttpParserError) -> Fields:
        fault = self._fault_of(refusal)
        mended = CRLF + _mended(block[len(CRLF) :])
        if mended == block:
            raise fault from refusal
        try:
            self._feed_data(_BODILESS_STATUS_LINE + mended)
        except HttpParserError as again:
            raise self._fault_of(again) from again
        return _stripped(self._sink.fields)

    def _fault_of(self, refusal: HttpParserError) -> MalformedError:
        # A parser that has refused something stands nowhere in particular.
        self._renew()
        if isinstance(refusal, HttpParserCallbackError) and refusal.__context__:
            # Nothing of the peer's: Ctrl-C, or no memory, while our sink ran.
            raise refusal.__context__
        text = str(refusal)
        return MalformedError(text[:1].lower() + text[1:])

    def _renew(self) -> None:
        self._sink = _Sink()
        parser = HttpResponseParser(self._sink)
        # Framing is decided here, not by llhttp; these two only stop it from refusing
        # what our own rules allow or judge themselves.
        parser.set_dangerous_leniencies(
            lenient_chunked_length=True, lenient_keep_alive=True
        )
        self._feed_data: Callable[[bytes], None] = parser.feed_data


class _Sink:
    """What llhttp calls back. Apart, so that a connection is in no reference cycle."""

    __slots__ = ("fields",)

    def __init__(self) -> None:
        self.fields: Fields = []

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name, value))


def _stripped(fields: Fields) -> Fields:
    # llhttp leaves the white space after a value on it.
    return [(name, value.rstrip(SPACE_OR_TAB)) for name, value in fields]


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


Framing = tuple[int | None, tuple[bytes, ...], bool, bool, bytes | None]
"""What the fields say about the body and the connection, before other rules.

The length, the transfer codings, whether to close, whether to keep alive and on which
terms (the field ``Keep-Alive``). A bare tuple: it is taken apart at once, for every
response.
"""

_silent_names: set[bytes] = set()
"""Names that say nothing about framing, as they were spelled in earlier responses.

A bounded cache, emptied when full: most names are passed over at a glance (benchmarks
asyncio-100, sync-1).
"""


def framing_of(fields: Fields) -> Framing:
    """Collect what *fields* say about framing.

    Raises ``MalformedError`` for a length that is not one.
    """
    length: int | None = None
    codings: tuple[bytes, ...] = ()
    closes = keeps_alive = False
    terms: bytes | None = None
    for name, value in fields:
        if name in _silent_names:
            continue
        lowered = name.lower()
        if lowered == b"content-length":
            # llhttp has refused a second field by now, or it was equal and collapsed.
            length = length_from(value)
            if length is None:
                raise MalformedError(f"bad Content-Length {escaped(value)}")
        elif lowered == b"connection" and value == b"keep-alive":
            keeps_alive = True  # nearly always, and spares the asking
        elif lowered == b"connection":
            says_close, says_keep_alive = connection_says(value)
            closes |= says_close
            keeps_alive |= says_keep_alive
        elif lowered == b"transfer-encoding":
            codings += (value,)
        elif lowered == b"keep-alive":
            terms = value if terms is None else terms + b", " + value
        else:
            _remember_silent(name)
    return length, codings, closes, keeps_alive, terms


def _remember_silent(name: bytes) -> None:
    if len(name) <= _CACHED_NAME_BYTES:
        if len(_silent_names) >= _CACHED_NAMES:
            _silent_names.clear()
        _silent_names.add(name)


def check_codings(codings: tuple[bytes, ...]) -> None:
    """Refuse any transfer coding but chunked, said once.

    Unknown or stacked codings, and chunked twice: the end of such a body is anyone's
    guess, and every guess has been somebody's smuggling hole.
    """
    listed = b",".join(codings)
    if tokens_of(listed) != [b"chunked"]:
        raise MalformedError(f"unsupported Transfer-Encoding {escaped(listed)}")
