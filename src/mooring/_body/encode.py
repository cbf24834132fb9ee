"""From what a caller passes to a body stream and the fields that describe it."""

from __future__ import annotations

import warnings
from collections.abc import AsyncIterable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, TypeAlias

from .multipart import MultipartStream, primitive_text
from .streams import (
    AsyncByteStream,
    AsyncIteratorByteStream,
    ByteStream,
    IteratorByteStream,
    SyncByteStream,
    is_text_file,
    remaining_bytes,
)

if TYPE_CHECKING:
    from .._types import (
        RequestContent,
        RequestData,
        RequestFiles,
        ResponseContent,
    )

__all__ = ["EMPTY_STREAM", "encode_request", "encode_response"]

Encoded: TypeAlias = tuple[dict[str, str], SyncByteStream | AsyncByteStream]

# Shared by all messages without a body: a byte stream has no state.
EMPTY_STREAM = ByteStream(b"")


def encode_request(
    content: RequestContent | None = None,
    data: RequestData | None = None,
    files: RequestFiles | None = None,
    json: object = None,
    boundary: bytes | Callable[[], bytes] | None = None,
) -> Encoded:
    """Turn the body arguments of a request into header fields and a stream.

    Returns:
        The fields, in the order to send them, and the stream.

    Raises:
        TypeError: *json* comes together with *data* or *files*, or something has a
            type that cannot be sent.
        ValueError: *json* holds a number that JSON has no way to write.
    """
    if data is not None and not isinstance(data, Mapping):
        # What requests allows: raw content under the name of form fields.
        warnings.warn(
            "Use 'content=<...>' to upload raw bytes/text content.",
            DeprecationWarning,
            stacklevel=2,
        )
        return _encode_content(data)
    if json is not None and (data or files):
        other = "data" if data else "files"
        raise TypeError(
            f"a request has one body: pass either 'json' or '{other}', not both"
        )
    if content is not None:
        return _encode_content(content)
    if files:
        stream = MultipartStream(data or {}, files, boundary)
        return stream.get_headers(), stream
    if data:
        return _encode_form(data)
    if json is not None:
        return _encode_json(json)
    return {}, EMPTY_STREAM


def encode_response(
    content: ResponseContent | None = None,
    text: str | None = None,
    html: str | None = None,
    json: object = None,
) -> Encoded:
    """Turn the body arguments of a response into header fields and a stream.

    Raises:
        TypeError: *content* has a type that cannot be sent.
    """
    if content is not None:
        return _encode_content(content)
    if text is not None:
        return _described(text.encode(), "text/plain; charset=utf-8")
    if html is not None:
        return _described(html.encode(), "text/html; charset=utf-8")
    if json is not None:
        return _encode_json(json)
    return {}, EMPTY_STREAM


def _encode_content(content: object) -> Encoded:
    if isinstance(content, str):
        content = content.encode()
    if isinstance(content, (bytes, bytearray, memoryview)):
        body = bytes(content)
        return {"Content-Length": str(len(body))} if body else {}, ByteStream(body)
    if isinstance(content, Iterable) and not isinstance(content, Mapping):
        return _encode_iterable(content)
    if isinstance(content, AsyncIterable):
        return {"Transfer-Encoding": "chunked"}, AsyncIteratorByteStream(content)
    raise TypeError(f"Unexpected type for 'content', {type(content)!r}")


def _encode_iterable(content: Iterable[bytes]) -> Encoded:
    stream = IteratorByteStream(content)
    if not hasattr(content, "read"):
        return {"Transfer-Encoding": "chunked"}, stream
    if is_text_file(content):
        raise TypeError("A file passed as content must be opened in binary mode.")
    length = remaining_bytes(content)
    if length is None:
        return {"Transfer-Encoding": "chunked"}, stream
    return {"Content-Length": str(length)}, stream


def _encode_form(data: Mapping[str, object]) -> Encoded:
    from urllib.parse import urlencode  # 2 ms, and only forms need it

    pairs = [
        (name, item if isinstance(item, bytes) else primitive_text(item))
        for name, value in data.items()
        for item in (value if isinstance(value, (list, tuple)) else (value,))
    ]
    return _described(urlencode(pairs).encode(), "application/x-www-form-urlencoded")


def _encode_json(json: object) -> Encoded:
    from json import dumps  # the package takes 5 ms, and not every program sends it

    # ECMA-404 knows no NaN and no infinity.
    text = dumps(json, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return _described(text.encode(), "application/json")


def _described(body: bytes, content_type: str) -> Encoded:
    headers = {"Content-Length": str(len(body)), "Content-Type": content_type}
    return headers, ByteStream(body)
