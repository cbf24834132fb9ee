"""Server-sent events over real sockets, in threads, asyncio, uvloop and trio."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest

import mooring
from tests.integration.servers import Connection, Gate, Origin, raw
from tests.integration.worlds import (
    CANCELLED,
    COROUTINES,
    EVERYWHERE,
    Caller,
    World,
    caller,
    eventually,
    in_worlds,
    until,
)

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"

NextEvent = Callable[[], Awaitable[mooring.ServerSentEvent]]


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


@asynccontextmanager
async def events(client: Caller, url: str) -> AsyncIterator[NextEvent]:
    """Give what ``await next_event()`` can be asked of, in any world."""
    manager = client.client.sse(url)
    if client.is_sync:
        with manager as source:
            iterator = iter(source)

            async def next_event() -> mooring.ServerSentEvent:
                for event in iterator:
                    assert isinstance(event, mooring.ServerSentEvent)
                    return event
                raise StopAsyncIteration

            yield next_event
    else:
        async with manager as source:
            yield aiter(source).__anext__


@contextmanager
def two_events() -> Iterator[tuple[Origin, Gate]]:
    """Send one event at once, and one when the gate opens; then wait."""
    with Gate() as gate:

        def script(connection: Connection) -> None:
            if connection.request() is not None:
                connection.send(CHUNKED + chunk(b"data: 1\n\n"))
                connection.hold(gate)
                connection.send(chunk(b"da") + chunk(b"ta: 2\n\n"))
                connection.until_gone()

        with Origin(script) as origin:
            yield origin, gate


@in_worlds(*EVERYWHERE)
async def test_events_arrive_one_by_one(world: World) -> None:
    """An event is there before the next is sent; leaving gives the connection up."""
    with two_events() as (origin, gate):
        async with caller(world) as client:
            async with events(client, origin.url) as next_event:
                first = await next_event()
                gate.open()
                second = await next_event()

            assert ["1", "2"] == [first.data, second.data]
            assert client.is_at_rest
            await until(world, origin, lambda: origin.connections[0].ended)


@in_worlds(*COROUTINES)
async def test_cancelled_while_waiting_for_an_event(world: World) -> None:
    """A reader that is cancelled leaves nothing in the pool."""
    with two_events() as (origin, _):
        async with caller(world) as client:
            seen: list[str] = []

            async def read() -> None:
                async with events(client, origin.url) as next_event:
                    seen.append((await next_event()).data)
                    await next_event()

            job = world.start(read)
            await eventually(world, lambda: seen)
            job.cancel()

            assert CANCELLED == await job.join()
            assert client.is_at_rest
            await until(world, origin, lambda: origin.connections[0].ended)


@in_worlds(*EVERYWHERE)
async def test_a_stream_that_is_cut_off(world: World) -> None:
    """The events before it were given; half an event is none."""
    with Origin(raw(CHUNKED + chunk(b"data: 1\n\ndata: 2\n"))) as origin:
        async with caller(world) as client, events(client, origin.url) as next_event:
            assert "1" == (await next_event()).data
            with pytest.raises(mooring.RemoteProtocolError):
                await next_event()

            assert client.is_at_rest


@in_worlds(*EVERYWHERE)
async def test_a_stream_that_ends(world: World) -> None:
    """A server that closes has no more to say, and that is no error."""
    with Origin(raw(HEAD + b"\r\n", b"data: 1\n\ndata: 2\n")) as origin:
        async with caller(world) as client, events(client, origin.url) as next_event:
            assert "1" == (await next_event()).data
            with pytest.raises(StopAsyncIteration):
                await next_event()

            assert client.is_at_rest
