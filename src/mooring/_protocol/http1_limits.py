"""What an HTTP/1.1 server may make us hold or count before we hang up."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HTTP1Limits:
    """Caps on one response; sizes are in bytes.

    A response that goes over one of them is refused with ``RemoteProtocolError``
    naming the limit. The head cap covers all interim (1xx) heads of an exchange
    together with the final one.

    >>> HTTP1Limits(head_bytes=16 * 1024).head_bytes
    16384
    """

    # curl stops at 300 KB and 5,000 fields, Chrome at 256 KB.
    head_bytes: int = 256 * 1024
    line_bytes: int = 64 * 1024
    head_fields: int = 1000
    interim_responses: int = 100
    trailer_bytes: int = 64 * 1024
    trailer_fields: int = 100
    chunk_line_bytes: int = 4 * 1024
    # Go's rule: extensions may cost a fixed sum plus a multiple of the body.
    chunk_extension_bytes: int = 16 * 1024
    chunk_extension_ratio: int = 16


DEFAULT_HTTP1_LIMITS = HTTP1Limits()

MAX_LENGTH_DIGITS = 19
"""Digits of a Content-Length; 19 nines still fit an unsigned 64-bit counter."""

MAX_CHUNK_SIZE_DIGITS = 16
"""Hexadecimal digits of a chunk size: 64 bits."""
