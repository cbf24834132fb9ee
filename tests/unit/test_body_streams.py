"""Body streams: both colours, replay and release."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Iterator

import pytest

from mooring._body.streams import (
    AsyncIteratorByteStream,
    ByteStream,
    IteratorByteStream,
    SyncByteStream,
    UnattachedStream,
    can_replay,
    remaining_bytes,
)
from mooring._errors import StreamClosed, StreamConsumed


def collect(stream: object) -> list[bytes]:
    async def run() -> list[bytes]:
        return [piece async for piece in stream]  # type: ignore[attr-defined]

    return asyncio.run(run())


def numbers() -> Iterator[bytes]:
    yield b"1"
    yield b"2"


async def async_numbers() -> AsyncIterator[bytes]:
    yield b"1"
    yield b"2"


def test_byte_stream_has_both_colours() -> None:
    """Bytes in memory can be iterated by synchronous and asynchronous code."""
    stream = ByteStream(b"ab")

    assert [b"ab"] == list(stream) == collect(stream)


def test_generator_cannot_be_streamed_twice() -> None:
    """The second pass over a generator raises instead of giving nothing."""
    stream = IteratorByteStream(numbers())
    list(stream)

    with pytest.raises(StreamConsumed):
        list(stream)


def test_list_can_be_streamed_twice() -> None:
    """A container makes a new iterator for each pass."""
    stream = IteratorByteStream([b"1", b"2"])

    assert list(stream) == list(stream)


def test_file_is_sent_from_where_it_stands_each_time() -> None:
    """A file that can seek is rewound to its place, not to its start."""
    file = io.BytesIO(b"abc")
    file.read(1)
    stream = IteratorByteStream(file)

    assert [[b"bc"], [b"bc"]] == [list(stream), list(stream)]


def test_async_generator_cannot_be_streamed_twice() -> None:
    """The second pass over an asynchronous generator raises."""
    stream = AsyncIteratorByteStream(async_numbers())
    assert [b"1", b"2"] == collect(stream)

    with pytest.raises(StreamConsumed):
        collect(stream)


def test_async_generator_is_finished_when_its_reader_stops_early() -> None:
    """Leaving the loop half way runs the ``finally`` of the user's generator."""
    finished: list[bool] = []

    async def body() -> AsyncIterator[bytes]:
        try:
            yield b"1"
            yield b"2"
        finally:
            finished.append(True)

    async def run() -> None:
        pieces = AsyncIteratorByteStream(body()).__aiter__()
        await anext(pieces)
        await pieces.aclose()  # type: ignore[attr-defined]

    asyncio.run(run())

    assert [True] == finished


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (ByteStream(b""), True),
        (IteratorByteStream([b"1"]), True),
        (IteratorByteStream(io.BytesIO(b"1")), True),
        (IteratorByteStream(numbers()), False),
        (SyncByteStream(), False),
        (object(), False),
    ],
)
def test_only_known_streams_can_replay(stream: object, expected: bool) -> None:
    """After one pass bytes, lists and files can replay; the rest cannot."""
    if isinstance(stream, IteratorByteStream):
        list(stream)

    assert expected is can_replay(stream)


def test_generator_not_yet_started_can_be_sent() -> None:
    """Before its first pass a generator still has its whole body."""
    assert can_replay(IteratorByteStream(numbers()))


def test_unattached_stream_says_it_is_closed() -> None:
    """What pickling leaves of a stream raises when used."""
    with pytest.raises(StreamClosed):
        list(UnattachedStream())
    with pytest.raises(StreamClosed):
        collect(UnattachedStream())


def test_remaining_bytes_counts_from_where_the_file_stands() -> None:
    """What was read before is not part of the body."""
    file = io.BytesIO(b"abc")
    file.read(1)

    assert 2 == remaining_bytes(file)
    assert b"bc" == file.read()


def test_both_iterator_streams_can_be_inherited_together() -> None:
    """pytest-httpx makes one class of the two."""

    class Both(AsyncIteratorByteStream, IteratorByteStream):  # type: ignore[misc]
        def __init__(self) -> None:
            AsyncIteratorByteStream.__init__(self, stream=async_numbers())

    assert [b"1", b"2"] == collect(Both())
