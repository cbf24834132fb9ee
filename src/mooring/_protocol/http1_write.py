"""Request heads and chunks: the last check before bytes leave (RFC 9112 sections 3-7).

Whatever wrong is asked for is refused, never stripped or mended, and refused before
the first byte: what a server parses must be what the caller meant.
"""

from __future__ import annotations

from dataclasses import dataclass

from mooring._errors import LocalProtocolError
from mooring._headers import Headers

from .http1_grammar import (
    CRLF,
    SPACE_OR_TAB,
    TARGET_BYTES,
    VALUE_BYTES,
    connection_says,
    escaped,
    is_token,
    length_from,
)

_LINE_END_BYTES = len(CRLF)
_COMMON_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_METHODS = {method: method.encode() for method in _COMMON_METHODS}
_MEANINGFUL_NAMES = frozenset(
    (b"host", b"content-length", b"transfer-encoding", b"connection", b"upgrade")
)
_CACHED_NAMES = 1024
_CACHED_NAME_BYTES = 64


@dataclass(frozen=True, slots=True)
class FieldBlock:
    """Encoded fields, from the end of the request line to the empty line."""

    data: bytes
    body_bytes: int | None
    """Bytes of body that must follow; None if it is chunked."""
    closes: bool
    asks_upgrade: bool


RequestHead = tuple[bytes, bytes, FieldBlock]
"""A checked request head, fit to be sent: its bytes, its method, its fields.

A bare tuple: one is made, and taken apart at once, for every request.
"""


class _Names(dict[bytes, tuple[bytes, bytes]]):
    """Checked field names: the start of the line, and the name if it means much to us.

    A bounded cache of pure answers. A dict and not ``lru_cache`` because a hit costs a
    third, and this is asked for every field of every request.
    """

    def __missing__(self, name: bytes) -> tuple[bytes, bytes]:
        if is_token(name) is None:
            raise LocalProtocolError(f"illegal header name {escaped(name)}")
        lowered = name.lower()
        answer = (
            CRLF + name + b": ",
            lowered if lowered in _MEANINGFUL_NAMES else b"",
        )
        if len(self) < _CACHED_NAMES and len(name) <= _CACHED_NAME_BYTES:
            self[bytes(name)] = answer
        return answer


_names = _Names()


class HeadEncoder:
    """Encodes request heads, and remembers the last block of fields.

    A client sends the same fields over and over; only the request line differs. One
    block is remembered, so no secret outlives its client here.
    """

    __slots__ = ("_last",)

    def __init__(self) -> None:
        # One attribute for both, so that threads always see a pair that belongs
        # together.
        self._last: tuple[_Triples | None, FieldBlock] = None, _NO_FIELDS

    def encode(self, method: str, target: bytes, headers: Headers) -> RequestHead:
        """Encode the head of a request.

        Raises ``LocalProtocolError`` for anything that is not fit to be sent
        (RFC 9110 section 5, RFC 9112 section 3).
        """
        triples = tuple(headers._list)
        last_triples, block = self._last
        if triples != last_triples:
            block = encode_fields([(name, value) for name, _, value in triples])
            self._last = triples, block
        return _with_line(_METHODS.get(method) or _checked(method), target, block)


_NO_FIELDS = FieldBlock(b"", 0, False, False)
_Triples = tuple[tuple[bytes, bytes, bytes], ...]


def encode_head(
    method: str | bytes, target: bytes, headers: list[tuple[bytes, bytes]]
) -> RequestHead:
    """Encode a request head, or raise ``LocalProtocolError``."""
    block = encode_fields(headers)
    return _with_line(_checked(method), target, block)


def _checked(method: str | bytes) -> bytes:
    if isinstance(method, str):
        method = method.encode("ascii", "backslashreplace")
    if is_token(method) is None:
        raise LocalProtocolError(f"illegal method {escaped(method)}")
    return method


def _with_line(method: bytes, target: bytes, block: FieldBlock) -> RequestHead:
    if not target or target.translate(None, TARGET_BYTES):
        raise LocalProtocolError(f"illegal request target {escaped(target)}")
    return b"%b %b HTTP/1.1%b" % (method, target, block.data), method, block


def encode_fields(headers: list[tuple[bytes, bytes]]) -> FieldBlock:
    """Encode the fields of a request, or raise ``LocalProtocolError``."""
    head = b""
    hosts = 0
    meaningful: list[tuple[bytes, bytes]] = []
    for name, value in headers:
        line_start, meaning = _names[name]
        head += line_start + value
        if meaning:
            if meaning == b"host":
                hosts += 1
            else:
                meaningful.append((meaning, value))
    head += b"\r\n\r\n"
    # One pass over everything: besides allowed bytes there may only be our own line
    # ends. Any CR, LF, NUL or other control within a value makes the rest longer.
    line_ends = len(headers) + 2  # one before each, two at the end
    if len(head.translate(None, VALUE_BYTES)) != line_ends * _LINE_END_BYTES:
        raise _illegal_value(headers)
    if b":  " in head or b": \t" in head or b" \r\n" in head or b"\t\r\n" in head:
        _check_padding(headers)
    if hosts != 1:
        raise LocalProtocolError(
            f"an HTTP/1.1 request needs exactly one Host header, not {hosts}"
        )
    if not meaningful:
        return FieldBlock(head, 0, False, False)
    return _with_meaning(head, meaningful)


def encode_chunk(data: bytes) -> bytes:
    """Frame *data* as one chunk; nothing for nothing, as size 0 would end the body."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""


LAST_CHUNK = b"0\r\n\r\n"


def _illegal_value(headers: list[tuple[bytes, bytes]]) -> LocalProtocolError:
    # Names the field and the byte, not the value, which may be a secret.
    name, rest = next(
        (name, rest)
        for name, value in headers
        if (rest := value.translate(None, VALUE_BYTES))
    )
    return LocalProtocolError(
        f"illegal byte {escaped(rest[:1])} in the value of header {escaped(name)}"
    )


def _check_padding(headers: list[tuple[bytes, bytes]]) -> None:
    # The peer would drop it, so it would not read what the caller wrote.
    for name, value in headers:
        if value != value.strip(SPACE_OR_TAB):
            raise LocalProtocolError(
                f"the value of header {escaped(name)} begins or ends with white space"
            )


def _with_meaning(head: bytes, meaningful: list[tuple[bytes, bytes]]) -> FieldBlock:
    length: int | None = None
    is_chunked = closes = asks_upgrade = False
    for name, value in meaningful:
        if name == b"connection":
            closes |= connection_says(value)[0]
        elif name == b"upgrade":
            asks_upgrade = True
        elif length is not None or is_chunked:
            # RFC 9112 section 6.2: two statements about the length are one too many.
            raise LocalProtocolError(
                "more than one of Content-Length and Transfer-Encoding headers"
            )
        elif name == b"content-length":
            length = length_from(value)
            if length is None:
                raise LocalProtocolError(f"bad Content-Length {escaped(value)}")
        elif value.lower() == b"chunked":
            is_chunked = True
        else:
            raise LocalProtocolError(f"unsupported Transfer-Encoding {escaped(value)}")
    body_bytes = None if is_chunked else length or 0
    return FieldBlock(head, body_bytes, closes, asks_upgrade)
