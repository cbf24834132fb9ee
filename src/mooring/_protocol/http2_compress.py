"""Compressing request heads (RFC 7541), by the library ``hpack`` and a memory.

The library takes tens of microseconds for a head, and a client sends nearly the same
one over and over: the bytes of a field stay the same until the table changes.
"""

from __future__ import annotations

from hpack import Encoder
from hpack.table import HeaderTable

from .http2_write import FIELD_OVERHEAD, HTTP2Head, RequestFields

_KEPT_FIELDS = 256

_NEVER_INDEXED = 0x10
_NOT_INDEXED = 0x00

_STATIC_NAMES = {
    name: entry[0] for name, entry in HeaderTable.STATIC_TABLE_MAPPING.items()
}

_METHODS = {b"GET": b"\x82", b"POST": b"\x83"}
_SCHEMES = {b"http": b"\x86", b"https": b"\x87"}
_PATHS = {b"/": b"\x84"}


def _integer(value: int, bits: int, first: int) -> bytes:
    """Encode an integer behind the upper bits in *first* (RFC 7541 section 5.1)."""
    most = (1 << bits) - 1
    if value < most:
        return bytes((first | value,))
    encoded = [first | most]
    value -= most
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def literal(name: bytes, value: bytes, kind: int = _NOT_INDEXED) -> bytes:
    """Encode a field so that no table is needed and none changes."""
    index = _STATIC_NAMES.get(name)
    if index is None:
        start = bytes((kind,)) + _integer(len(name), 7, 0) + name
    else:
        start = _integer(index, 4, kind)
    return start + _integer(len(value), 7, 0) + value


class HeaderEncoder:
    """Compresses request heads.

    A field goes into the table when it is sent for the second time: what changes with
    every request (a path, a length, a trace id) would only drive out what does not.
    Secrets never do (RFC 7541 section 7.1.3).
    """

    __slots__ = ("_block", "_block_of", "_encoder", "_indexed", "_seen", "_table_bytes")

    def __init__(self, table_bytes: int) -> None:
        self._encoder = Encoder()
        self._table_bytes = table_bytes
        self._seen: set[tuple[bytes, bytes, bool]] = set()
        self._indexed: dict[tuple[bytes, bytes, bool], bytes] = {}
        # The fields encoded last, if the same bytes mean them until the table changes.
        self._block_of: RequestFields | None = None
        self._block = b""

    def allow(self, table_bytes: int) -> None:
        """Take note of how large a table the peer can keep."""
        size = min(table_bytes, self._table_bytes)
        if size != self._encoder.header_table_size:
            self._encoder.header_table_size = size
            self._forget()

    def encode(self, head: HTTP2Head) -> bytes:
        """Return the header block of a request."""
        method, scheme, path, rest = head
        start = (
            (_METHODS.get(method) or literal(b":method", method))
            + (_SCHEMES.get(scheme) or literal(b":scheme", scheme))
            + (_PATHS.get(path) or literal(b":path", path))
        )
        if rest is self._block_of:
            return start + self._block
        # Says which size the table has from now on, if that has changed.
        resized = self._encoder.encode([])
        return resized + start + self._encode_fields(rest)

    def _encode_fields(self, rest: RequestFields) -> bytes:
        pieces: list[bytes] = []
        is_stable = True
        for field in rest.fields:
            name, value, is_secret = field
            if is_secret:
                pieces.append(literal(name, value, _NEVER_INDEXED))
            elif field in self._indexed:
                pieces.append(self._indexed[field])
            elif field in self._seen:
                pieces.append(self._index(field))
                is_stable = False
            else:
                pieces.append(literal(name, value))
                is_stable &= not self._saw(field)
        block = b"".join(pieces)
        if is_stable:
            self._block_of = rest
            self._block = block
        return block

    def _saw(self, field: tuple[bytes, bytes, bool]) -> bool:
        """Take note of *field*; say whether it goes into the table next time."""
        size = len(field[0]) + len(field[1]) + FIELD_OVERHEAD
        # One field must not drive out all the others.
        if size * 4 > self._encoder.header_table_size:
            return False
        if len(self._seen) >= _KEPT_FIELDS:
            self._seen.clear()
        self._seen.add(field)
        return True

    def _index(self, field: tuple[bytes, bytes, bool]) -> bytes:
        """Encode a field that may be in the table, or put it there."""
        name, value, _ = field
        table = self._encoder.header_table
        entries = table.dynamic_entries
        newest = entries[0] if entries else None
        encoded: bytes = self._encoder.add((name, value), False, True)
        if (entries[0] if entries else None) is newest:
            self._indexed[field] = encoded
        else:
            self._forget()  # every index has moved
        return encoded

    def _forget(self) -> None:
        self._indexed.clear()
        self._block_of = None
