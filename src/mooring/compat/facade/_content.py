"""``httpx._content``: body streams, and how bodies are encoded."""

from ..._body.encode import encode_request, encode_response
from ..._body.streams import (
    AsyncIteratorByteStream,
    ByteStream,
    IteratorByteStream,
    UnattachedStream,
)

__all__ = [
    "AsyncIteratorByteStream",
    "ByteStream",
    "IteratorByteStream",
    "UnattachedStream",
    "encode_request",
    "encode_response",
]
