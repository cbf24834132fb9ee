r"""Byte grammar shared by the reading and the writing half (RFC 9110 section 5).

Checks are over bytes and ASCII only: no ``int()`` on unchecked text, no ``\d``, no
case folding beyond A-Z, because every one of those has let a smuggled field through
in somebody's parser.
"""

from __future__ import annotations

import re

from .http1_limits import MAX_LENGTH_DIGITS

CRLF = b"\r\n"
BLANK_LINE = b"\r\n\r\n"
SPACE_OR_TAB = b" \t"

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
is_token = re.compile(TOKEN).fullmatch

VALUE_BYTES = bytes(
    byte for byte in range(256) if byte == 0x09 or (byte >= 0x20 and byte != 0x7F)
)
"""Bytes a field value may hold: HTAB, SP, visible ASCII and obs-text."""

TARGET_BYTES = bytes(range(0x21, 0x7F))
"""Bytes a request target may hold: visible ASCII, so neither spaces nor controls."""


class MalformedError(Exception):
    """Peer bytes that break the grammar or a limit; the text says which.

    Never leaves this package: the connection turns it into
    ``RemoteProtocolError``, adding whose bytes they were.
    """


def escaped(peer_bytes: bytes) -> str:
    """Quote bytes from the peer for an error text, at most 100 of them."""
    return repr(peer_bytes[:100])[1:]


def length_from(value: bytes) -> int | None:
    """Read ``1*DIGIT``; None when *value* is anything else or too long.

    >>> length_from(b"042")
    42
    """
    # bytes.isdigit() knows ASCII digits only; int() alone takes "+4", "4_2" and " 4".
    if value.isdigit() and len(value) <= MAX_LENGTH_DIGITS:
        return int(value)
    return None


def tokens_of(value: bytes) -> list[bytes]:
    """Split a comma-separated list of tokens, lower-cased (RFC 9110 section 5.6.1).

    >>> tokens_of(b"Keep-Alive , ,close")
    [b'keep-alive', b'close']
    """
    members = (member.strip(SPACE_OR_TAB).lower() for member in value.split(b","))
    return [member for member in members if member]


_USUAL_CONNECTIONS = {
    b"keep-alive": (False, True),
    b"Keep-Alive": (False, True),
    b"close": (True, False),
}


def connection_says(value: bytes) -> tuple[bool, bool]:
    """Tell whether a Connection field asks for close, and for keep-alive.

    >>> connection_says(b"TE, Close")
    (True, False)
    """
    usual = _USUAL_CONNECTIONS.get(value)
    if usual is not None:  # spares the splitting on nearly every message
        return usual
    tokens = tokens_of(value)
    return b"close" in tokens, b"keep-alive" in tokens
