"""Response heads and trailers: what a header list says and whether it may say that.

RFC 9113 sections 8.1 to 8.3.
"""

from __future__ import annotations

import re

from .http1_grammar import (
    SPACE_OR_TAB,
    VALUE_BYTES,
    MalformedError,
    escaped,
    length_from,
    tokens_of,
)
from .http1_head import Fields

# RFC 9113 section 8.2.1: a token without capitals.
_NAME_BYTES = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
_status = re.compile(rb"[1-9][0-9][0-9]").fullmatch

_CONNECTION_FIELDS = frozenset(
    (
        b"connection",
        b"proxy-connection",
        b"keep-alive",
        b"transfer-encoding",
        b"upgrade",
    )
)
_FIELD_OVERHEAD = 32


class HeaderList:
    """A decoded header list. May be shared between responses: never change it."""

    __slots__ = ("_head", "fields")

    def __init__(self, fields: Fields) -> None:
        self.fields = fields
        self._head: ResponseHead | None = None

    @property
    def size(self) -> int:
        """Bytes as RFC 9113 section 6.5.2 counts them."""
        return sum(
            len(name) + len(value) + _FIELD_OVERHEAD for name, value in self.fields
        )

    def head(self) -> ResponseHead:
        """Read it as the head of a response. Raises ``MalformedError``."""
        head = self._head
        if head is None:
            head = self._head = _read_head(self.fields)
        return head

    def trailers(self) -> Fields:
        """Read it as what follows a body. Raises ``MalformedError``."""
        _check_fields(self.fields)
        return self.fields


class ResponseHead:
    """What a response begins with."""

    __slots__ = ("fields", "length", "status")

    def __init__(self, status: int, fields: Fields, length: int | None) -> None:
        self.status = status
        self.fields = fields
        self.length = length


def _read_head(fields: Fields) -> ResponseHead:
    if not fields or fields[0][0] != b":status":
        raise MalformedError("the response head does not begin with :status")
    code = fields[0][1]
    if _status(code) is None:
        raise MalformedError(f"bad :status {escaped(code)}")
    if code == b"101":
        raise MalformedError("101 Switching Protocols, which HTTP/2 does not have")
    regular = fields[1:]
    return ResponseHead(int(code), regular, _check_fields(regular))


def _check_fields(fields: Fields) -> int | None:
    """Check regular fields; return the Content-Length if there is one."""
    names = [name for name, _ in fields]
    if b"".join(names).translate(None, _NAME_BYTES) or b"" in names:
        raise _bad_name(names)
    values = b"".join([value for _, value in fields])
    if values.translate(None, VALUE_BYTES):
        raise _bad_value(fields)
    length: int | None = None
    for name, value in fields:
        if value and (value[0] in SPACE_OR_TAB or value[-1] in SPACE_OR_TAB):
            raise MalformedError(
                f"the value of field {escaped(name)} begins or ends with white space"
            )
        if name == b"content-length":
            length = _one_length(length, value)
        elif name in _CONNECTION_FIELDS or (
            name == b"te" and tokens_of(value) != [b"trailers"]
        ):
            raise MalformedError(f"field {escaped(name)}, which HTTP/2 does not have")
    return length


def _one_length(known: int | None, value: bytes) -> int:
    length = length_from(value)
    if length is None:
        raise MalformedError(f"bad Content-Length {escaped(value)}")
    if known is not None and known != length:
        raise MalformedError(f"Content-Length of both {known} and {length}")
    return length


def _bad_name(names: list[bytes]) -> MalformedError:
    name = next(name for name in names if not name or name.translate(None, _NAME_BYTES))
    if name.startswith(b":"):
        return MalformedError(f"pseudo field {escaped(name)} where none may be")
    return MalformedError(f"illegal field name {escaped(name)}")


def _bad_value(fields: Fields) -> MalformedError:
    name, rest = next(
        (name, rest)
        for name, value in fields
        if (rest := value.translate(None, VALUE_BYTES))
    )
    return MalformedError(
        f"illegal byte {escaped(rest[:1])} in the value of field {escaped(name)}"
    )
