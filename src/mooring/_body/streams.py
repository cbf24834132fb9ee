"""Body streams: where the bytes of a request or response come from.

A stream has a colour: synchronous (``__iter__`` and ``close``), asynchronous
(``__aiter__`` and ``aclose``) or both. Each pass over a stream starts at its first
byte, or raises ``StreamConsumed`` because that byte is gone.
"""

from __future__ import annotations

from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Generator,
    Iterable,
    Iterator,
)
from io import TextIOBase
from typing import Protocol, TypeGuard, runtime_checkable

from .._errors import StreamClosed, StreamConsumed

__all__ = [
    "AsyncByteStream",
    "AsyncIteratorByteStream",
    "ByteStream",
    "IteratorByteStream",
    "SyncByteStream",
    "UnattachedStream",
    "can_replay",
    "is_async_stream",
    "is_sync_stream",
]

# Two TLS records' worth of a large read; the same step as the decoders take.
FILE_STEP_BYTES = 64 * 1024


@runtime_checkable
class BinaryFile(Protocol):
    """What is asked of a file: that it can be read piece by piece."""

    def read(self, size: int, /) -> bytes: ...


@runtime_checkable
class _AsyncFile(Protocol):
    async def aread(self, size: int, /) -> bytes: ...


class SyncByteStream:
    """Base class for synchronous bodies.

    Subclass it, yield ``bytes`` from ``__iter__`` and free what you hold in
    ``close``, which is called exactly once when the body is done with.
    """

    __slots__ = ()

    def __iter__(self) -> Iterator[bytes]:
        """Yield the body in pieces."""
        raise NotImplementedError("The '__iter__' method must be implemented.")

    def close(self) -> None:
        """Free what the stream holds. The default does nothing."""


class AsyncByteStream:
    """Base class for asynchronous bodies.

    Subclass it, make ``__aiter__`` an asynchronous generator of ``bytes`` and free
    what you hold in ``aclose``.
    """

    __slots__ = ()

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the body in pieces."""
        raise NotImplementedError("The '__aiter__' method must be implemented.")

    async def aclose(self) -> None:
        """Free what the stream holds. The default does nothing."""


class ByteStream(AsyncByteStream, SyncByteStream):
    """A body that is in memory already. Usable in both colours, any number of times.

    Example::

        >>> list(ByteStream(b"hello"))
        [b'hello']
    """

    __slots__ = ("body",)

    body: bytes

    def __init__(self, stream: bytes) -> None:
        self.body = stream

    def __iter__(self) -> Iterator[bytes]:
        return iter((self.body,))

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self.body

    def can_replay(self) -> bool:
        """Say yes: memory stays where it is."""
        return True


class IteratorByteStream(SyncByteStream):
    """A body from an iterable of ``bytes`` or from a file opened for reading bytes.

    A file is read from where it stands now. Iterables that make a new iterator each
    time, such as lists, and files that can seek can be sent again; generators not.
    """

    # No __slots__: pytest-httpx inherits from this and from the asynchronous twin,
    # which two classes with slots of their own do not allow.

    def __init__(self, stream: Iterable[bytes] | BinaryFile) -> None:
        self._stream = stream
        self._started = False
        self._start_offset = file_offset(stream)

    def __iter__(self) -> Iterator[bytes]:
        if self._started and not self.can_replay():
            raise StreamConsumed
        self._started = True
        stream = self._stream
        if isinstance(stream, BinaryFile):
            if self._start_offset is not None:
                seek_file(stream, self._start_offset)
            yield from file_pieces(stream)
        else:
            yield from stream

    def can_replay(self) -> bool:
        """Whether one more pass over the body would give all of it."""
        if isinstance(self._stream, BinaryFile):
            return self._start_offset is not None or not self._started
        return not (self._started and isinstance(self._stream, Iterator))


class AsyncIteratorByteStream(AsyncByteStream):
    """A body from an asynchronous iterable of ``bytes``, or a file with ``aread``."""

    def __init__(self, stream: AsyncIterable[bytes]) -> None:
        self._stream = stream
        self._started = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._started and not self.can_replay():
            raise StreamConsumed
        self._started = True
        stream = self._stream
        if isinstance(stream, _AsyncFile):
            while piece := await stream.aread(FILE_STEP_BYTES):
                yield piece
            return
        pieces = aiter(stream)
        try:
            async for piece in pieces:
                yield piece
        finally:
            # Unlike a plain generator, an asynchronous one that is dropped half
            # way is not finished by the reference count.
            await aclose_iterator(pieces)

    def can_replay(self) -> bool:
        """Whether one more pass over the body would give all of it."""
        one_shot = isinstance(self._stream, (AsyncIterator, _AsyncFile))
        return not (self._started and one_shot)


class UnattachedStream(AsyncByteStream, SyncByteStream):
    """What is left of a stream after pickling: any use raises ``StreamClosed``."""

    __slots__ = ()

    def __iter__(self) -> Iterator[bytes]:
        raise StreamClosed

    async def __aiter__(self) -> AsyncIterator[bytes]:
        raise StreamClosed
        yield b""


def can_replay(stream: object) -> bool:
    """Whether *stream* is known to give its whole body if it is sent now.

    True for bytes in memory, and for a generator that has not been started. A
    stream of a class we do not know has to say so itself, with a method
    ``can_replay() -> bool``; otherwise the answer is no.
    """
    ask = getattr(stream, "can_replay", None)
    return ask is not None and bool(ask())


# The method is asked for, not the base class: people pass objects of their own.


def is_sync_stream(stream: object) -> TypeGuard[SyncByteStream]:
    """Whether synchronous code can read *stream*."""
    return hasattr(stream, "__iter__")


def is_async_stream(stream: object) -> TypeGuard[AsyncByteStream]:
    """Whether asynchronous code can read *stream*."""
    return hasattr(stream, "__aiter__")


async def aclose_iterator(pieces: object) -> None:
    """Finish an asynchronous generator now; anything else is left alone."""
    aclose = getattr(pieces, "aclose", None)
    if aclose is not None:
        await aclose()


def close_iterator(pieces: object) -> None:
    """Finish a generator now; anything else is left alone."""
    if isinstance(pieces, Generator):
        pieces.close()


def file_pieces(file: BinaryFile) -> Iterator[bytes]:
    """Read *file* from where it stands to its end, in steps."""
    while piece := file.read(FILE_STEP_BYTES):
        yield piece


def is_text_file(file: object) -> bool:
    """Whether *file* gives ``str``, so that its size in bytes is anybody's guess."""
    return isinstance(file, TextIOBase) or "b" not in str(getattr(file, "mode", "b"))


def file_offset(file: object) -> int | None:
    """Where *file* stands in bytes; ``None`` if it cannot go back there."""
    if not (hasattr(file, "tell") and hasattr(file, "seek")):
        return None
    try:
        offset: int = file.tell()
        file.seek(offset)
    except (OSError, ValueError):  # io.UnsupportedOperation is both
        return None
    return offset


def seek_file(file: object, offset: int) -> None:
    """Make *file*, which has an offset, stand at *offset*."""
    if hasattr(file, "seek"):
        file.seek(offset)


def remaining_bytes(file: object) -> int | None:
    """How many bytes *file* will give, if it can say so without being read."""
    offset = file_offset(file)
    if offset is None or not hasattr(file, "seek"):
        return None
    try:
        end: int | None = file.seek(0, 2)
        # Old file-like objects follow the time when seek() returned nothing.
        size = end if end is not None else int(file.tell())  # type: ignore[attr-defined]
    finally:
        file.seek(offset)
    return max(0, size - offset)
