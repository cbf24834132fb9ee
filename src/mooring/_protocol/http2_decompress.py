"""Decompressing response heads (RFC 7541) with the tables of the library ``hpack``.

The table and the Huffman code are the library's. The loop over the fields is not: the
library's copies the rest of the block for every literal, and takes 80 microseconds for
a head in which servers that use the table in the plainest way (nginx) change nothing
but the date. Here strings are looked up before they are taken apart, and so are whole
blocks: one that refers to nothing in the table means the same at any time.
"""

from __future__ import annotations

from hpack import HPACKError
from hpack.huffman_table import decode_huffman
from hpack.table import HeaderTable

from .http1_head import Fields
from .http2_frames import COMPRESSION_ERROR, ENHANCE_YOUR_CALM, ConnectionFault
from .http2_head import HeaderList
from .http2_settings import DEFAULT_TABLE_BYTES
from .http2_write import FIELD_OVERHEAD

_KEPT_BLOCKS = 64
_KEPT_BLOCK_BYTES = 2048
_KEPT_BLOCK_FIELDS = 64
_KEPT_STRINGS = 512
_KEPT_STRING_BYTES = 128

_STATIC = HeaderTable.STATIC_TABLE
_STATIC_SIZE = len(_STATIC)

_INTEGER_BYTES = 5
"""Bytes of an integer behind its prefix, at most; more than enough for 32 bits."""


class HeaderDecoder:
    """Decompresses what the peer sends."""

    __slots__ = (
        "_fixed",
        "_list_bytes",
        "_max_table",
        "_strings",
        "_table",
        "_varying",
    )

    def __init__(self, list_bytes: int) -> None:
        self._list_bytes = list_bytes
        self._max_table = DEFAULT_TABLE_BYTES
        self._table = HeaderTable()
        # Blocks that mean the same at any time, and what they add to the table.
        self._fixed: dict[bytes, tuple[HeaderList, Fields]] = {}
        # Blocks that mean the same, and add nothing, until the table changes.
        self._varying: dict[bytes, HeaderList] = {}
        self._strings: dict[bytes, bytes] = {}

    def agree(self, table_bytes: int) -> None:
        """Hold the peer to the table size that it has agreed to."""
        self._max_table = table_bytes
        self._varying.clear()

    def decode(self, block: bytes) -> HeaderList:
        """Return what *block* means. Raises ``ConnectionFault``."""
        known = self._varying.get(block)
        if known is not None:
            return known
        fixed = self._fixed.get(block)
        if fixed is not None and self._table.maxsize <= self._max_table:
            known, added = fixed
            if added:
                add = self._table.add
                for name, value in added:
                    add(name, value)
                self._varying.clear()
            return known
        try:
            return self._read_new(block)
        except (HPACKError, IndexError) as error:
            raise _undecodable() from error

    def _read_new(self, block: bytes) -> HeaderList:
        start = self._resize(block)
        if self._table.maxsize > self._max_table:
            raise _undecodable()  # RFC 7541 section 4.2: it was to shrink first
        fields, added, is_fixed = self._read(block, start)
        decoded = HeaderList(fields)
        if added or start:
            self._varying.clear()
        if start or len(block) > _KEPT_BLOCK_BYTES or len(fields) > _KEPT_BLOCK_FIELDS:
            return decoded
        if is_fixed:
            if len(self._fixed) >= _KEPT_BLOCKS:
                self._fixed.clear()
            self._fixed[block] = decoded, added
        elif not added:
            if len(self._varying) >= _KEPT_BLOCKS:
                self._varying.clear()
            self._varying[block] = decoded
        return decoded

    def _resize(self, block: bytes) -> int:
        """Carry out the size updates a block begins with; return where they end."""
        start = 0
        while start < len(block) and block[start] & 0xE0 == 0x20:
            size, start = _integer(block, start, 0x1F)
            if size > self._max_table:
                raise _undecodable()
            self._table.maxsize = size
        return start

    def _read(self, block: bytes, start: int) -> tuple[Fields, Fields, bool]:
        """Return all fields, those added to the table, and whether the block is fixed.

        It is if no field refers to an entry of the table that may change.
        """
        table = self._table
        dynamic = table.dynamic_entries
        fields: Fields = []
        added: Fields = []
        is_fixed = True
        left = self._list_bytes
        size = len(block)
        while start < size:
            first = block[start]
            if first & 0x80:
                mask = 0x7F
            elif first & 0x40:
                mask = 0x3F
            elif first & 0x20:
                raise _undecodable()  # a size update behind a field
            else:
                mask = 0x0F
            index = first & mask
            if index == mask:
                index, start = _integer(block, start, mask)
            else:
                start += 1
            if index > _STATIC_SIZE:
                is_fixed = False
                field = dynamic[index - _STATIC_SIZE - 1]
            elif index:
                field = _STATIC[index - 1]
            elif mask == 0x7F:
                raise _undecodable()
            else:
                name, start = self._string(block, start)
                field = name, b""
            if mask != 0x7F:
                value, start = self._string(block, start)
                field = field[0], value
                if mask == 0x3F:
                    table.add(*field)
                    added.append(field)
            left -= len(field[0]) + len(field[1]) + FIELD_OVERHEAD
            if left < 0:
                raise ConnectionFault(
                    ENHANCE_YOUR_CALM, f"header list over {self._list_bytes} bytes"
                )
            fields.append(field)
        return fields, added, is_fixed

    def _string(self, block: bytes, start: int) -> tuple[bytes, int]:
        """Return the string at *start*, and where it ends."""
        first = block[start]
        length = first & 0x7F
        if length == 0x7F:
            length, start = _integer(block, start, 0x7F)
        else:
            start += 1
        end = start + length
        if end > len(block):
            raise _undecodable()
        data = block[start:end]
        if first & 0x80:
            known = self._strings.get(data)
            return (self._unpack(data) if known is None else known), end
        return data, end

    def _unpack(self, data: bytes) -> bytes:
        unpacked = bytes(decode_huffman(data))
        if len(data) <= _KEPT_STRING_BYTES:
            if len(self._strings) >= _KEPT_STRINGS:
                self._strings.clear()
            self._strings[data] = unpacked
        return unpacked


def _integer(block: bytes, start: int, mask: int) -> tuple[int, int]:
    """Return the integer at *start*, and where it ends (RFC 7541 section 5.1)."""
    value = block[start] & mask
    start += 1
    if value < mask:
        return value, start
    for shift in range(0, 7 * _INTEGER_BYTES, 7):
        byte = block[start]
        start += 1
        value += (byte & 0x7F) << shift
        if byte < 0x80:
            return value, start
    raise _undecodable()


def _undecodable() -> ConnectionFault:
    return ConnectionFault(COMPRESSION_ERROR, "undecodable header block")
