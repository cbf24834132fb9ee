"""Encode ``multipart/form-data`` (RFC 7578), streaming the files.

The exact length is known beforehand whenever every file knows its own. Names are
escaped the way browsers do (HTML, "multipart form data"), with backslashes doubled
as httpx does, so no name can end its quotes or its line.
"""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from .._errors import StreamConsumed
from .streams import (
    AsyncByteStream,
    BinaryFile,
    SyncByteStream,
    file_offset,
    file_pieces,
    is_text_file,
    remaining_bytes,
    seek_file,
)

if TYPE_CHECKING:
    from .._types import FileTypes, RequestData, RequestFiles

__all__ = ["MultipartStream", "boundary_of", "primitive_text"]

_ESCAPES = str.maketrans(
    {chr(code): f"%{code:02X}" for code in (*range(0x20), 0x22) if code != 0x1B}
    | {"\\": "\\\\"}
)
# RFC 9110 field values: what would end the line, or be cut by a C string.
_FORBIDDEN = re.compile(r"[\r\n\0]")


class _Part:
    """One field or file: a head, then bytes in memory or a file to read."""

    __slots__ = ("content", "head", "size", "start_offset")

    def __init__(self, head: bytes, content: bytes | BinaryFile) -> None:
        self.head = head
        self.content = content
        self.start_offset: int | None = 0
        if isinstance(content, bytes):
            self.size: int | None = len(content)
            return
        # A form holds whole files, wherever they stand now. Content given as a
        # file by itself is different: that is sent from where it stands.
        self.start_offset = None
        if file_offset(content) is not None:
            seek_file(content, 0)
            self.start_offset = 0
        self.size = remaining_bytes(content)


class MultipartStream(SyncByteStream, AsyncByteStream):
    """The body of a form with files.

    Args:
        data: The plain fields: primitive values or lists of them.
        files: The files: content, or ``(filename, content[, type[, headers]])``.
        boundary: What separates the parts, or a callable that says so.

    Raises:
        TypeError: A name or value has a type that cannot be sent, or a file was
            opened in text mode.
        ValueError: A content type or header would break out of its line.
    """

    def __init__(
        self,
        data: RequestData,
        files: RequestFiles,
        boundary: bytes | Callable[[], bytes] | None = None,
    ) -> None:
        if boundary is None:
            boundary = _random_boundary
        self.boundary: bytes = boundary() if callable(boundary) else boundary
        self.content_type = f"multipart/form-data; boundary={self.boundary.decode()}"
        self._parts = [*_field_parts(data), *_file_parts(files)]
        self._started = False

    def content_length(self) -> int | None:
        """The length of the whole body in bytes, unless a file cannot tell its own."""
        # "--" boundary CRLF head content CRLF, and "--" boundary "--" CRLF at last.
        around = len(self.boundary) + 6
        total = around
        for part in self._parts:
            if part.size is None:
                return None
            total += around + len(part.head) + part.size
        return total

    def get_headers(self) -> dict[str, str]:
        """The fields that announce this body."""
        length = self.content_length()
        if length is None:
            return {"Transfer-Encoding": "chunked", "Content-Type": self.content_type}
        return {"Content-Length": str(length), "Content-Type": self.content_type}

    def can_replay(self) -> bool:
        """Whether one more pass over the body would give all of it."""
        return not self._started or all(
            part.start_offset is not None for part in self._parts
        )

    def __iter__(self) -> Iterator[bytes]:
        if not self.can_replay():
            raise StreamConsumed
        self._started = True
        # Small pieces travel together: one write for a form without files.
        pending: list[bytes] = []
        for part in self._parts:
            pending += (b"--", self.boundary, b"\r\n", part.head)
            if isinstance(part.content, bytes):
                pending += (part.content, b"\r\n")
                continue
            yield b"".join(pending)
            pending = [b"\r\n"]
            if part.start_offset is not None:
                seek_file(part.content, part.start_offset)
            yield from file_pieces(part.content)
        pending += (b"--", self.boundary, b"--\r\n")
        yield b"".join(pending)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        # Reading a file blocks the loop for as long as the disk takes; httpx does
        # so too, and there is no portable way not to short of a thread.
        for piece in self:
            yield piece


def boundary_of(content_type: str | None) -> bytes | None:
    """The boundary that a ``Content-Type`` value set by the caller asks for."""
    if not content_type or not content_type.startswith("multipart/form-data"):
        return None
    for parameter in content_type.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "boundary":
            return value.strip().strip('"').encode("latin-1", "replace")
    return None


def primitive_text(value: object) -> str:
    """A value of a form as text: ``true``/``false`` for bools, nothing for ``None``."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _random_boundary() -> bytes:
    return os.urandom(16).hex().encode()


def _field_parts(data: RequestData) -> Iterator[_Part]:
    for name, value in data.items():
        for item in value if isinstance(value, (list, tuple)) else (value,):
            yield _field_part(name, item)


def _field_part(name: object, value: object) -> _Part:
    if not isinstance(name, str):
        raise TypeError(
            f"Invalid type for name. Expected str, got {type(name)}: {name!r}"
        )
    if value is not None and not isinstance(value, (str, bytes, int, float)):
        raise TypeError(
            "Invalid type for value. Expected primitive type,"
            f" got {type(value)}: {value!r}"
        )
    content = value if isinstance(value, bytes) else primitive_text(value).encode()
    return _Part(_head({"Content-Disposition": _disposition(name)}), content)


def _file_parts(files: RequestFiles) -> Iterator[_Part]:
    pairs = files.items() if isinstance(files, Mapping) else files
    for name, file in pairs:
        yield _file_part(name, file)


def _file_part(name: str, file: FileTypes) -> _Part:
    if not isinstance(name, str):
        raise TypeError(
            f"Invalid type for name. Expected str, got {type(name)}: {name!r}"
        )
    filename, content, content_type, extra = _unpack_file(file)
    headers = {"Content-Disposition": _disposition(name, filename), **extra}
    if content_type is None:
        content_type = _guessed_type(filename)
    if content_type and not any(key.lower() == "content-type" for key in extra):
        headers["Content-Type"] = content_type
    return _Part(_head(headers), _file_content(content))


def _unpack_file(
    file: FileTypes,
) -> tuple[str | None, object, str | None, Mapping[str, str]]:
    if not isinstance(file, (tuple, list)):
        name = os.path.basename(str(getattr(file, "name", "upload")))
        return name, file, None, {}
    given: Sequence[object] = file
    if not 2 <= len(given) <= 4:
        raise TypeError(
            "A file is given as (filename, content[, content type[, headers]]),"
            f" not as {len(given)} items"
        )
    filename, content, content_type, headers = (*given, None, None)[:4]
    return (
        None if filename is None else str(filename),
        content,
        None if content_type is None else str(content_type),
        headers if isinstance(headers, Mapping) else {},
    )


def _file_content(content: object) -> bytes | BinaryFile:
    if isinstance(content, str):
        return content.encode()
    if isinstance(content, (bytes, bytearray, memoryview)):
        return bytes(content)
    if type(content).__name__ == "StringIO":
        raise TypeError(
            "Multipart file uploads require 'io.BytesIO', not 'io.StringIO'."
        )
    if is_text_file(content):
        raise TypeError(
            "Multipart file uploads must be opened in binary mode, not text mode."
        )
    if not isinstance(content, BinaryFile):
        raise TypeError(
            "Multipart file content must be bytes, str or a file opened for reading"
            f" bytes, not {type(content)}"
        )
    return content


def _guessed_type(filename: str | None) -> str | None:
    if not filename:
        return None
    import mimetypes  # 3 ms, and only forms with files need it

    return mimetypes.guess_type(filename)[0] or "application/octet-stream"


def _disposition(name: str, filename: str | None = None) -> str:
    value = f'form-data; name="{name.translate(_ESCAPES)}"'
    if filename:
        value += f'; filename="{filename.translate(_ESCAPES)}"'
    return value


def _head(headers: Mapping[str, str]) -> bytes:
    lines = []
    for name, value in headers.items():
        line = f"{name}: {value}"
        if _FORBIDDEN.search(line):
            raise ValueError(f"line break or NUL in a multipart header: {line[:100]!r}")
        lines.append(line)
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
