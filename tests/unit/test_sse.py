"""client.sse() and EventSource: threads, asyncio and trio, over mock transports."""

from __future__ import annotations

import dataclasses
import inspect
import pickle
from collections.abc import Callable
from typing import Any

import pytest

import mooring
from tests.unit.client_worlds import A, Body, World

STREAM = {"Content-Type": "text/event-stream"}


def answer(body: Body | bytes, **options: Any) -> Callable[..., mooring.Response]:
    options.setdefault("headers", STREAM)
    source = {"content": body} if isinstance(body, bytes) else {"stream": body}
    return lambda request: mooring.Response(200, **source, **options)


def events_of(
    world: World, handler: Any, *, count: int | None = None, **options: Any
) -> list[mooring.ServerSentEvent]:
    """Read all events, or leave after so many."""
    client = world.client(handler)
    found: list[mooring.ServerSentEvent] = []

    async def read() -> None:
        async with client, client.sse(A, **options) as source:
            async for event in source:
                found.append(event)
                if len(found) == count:
                    break

    def read_sync() -> None:
        with client, client.sse(A, **options) as source:
            for event in source:
                found.append(event)
                if len(found) == count:
                    break

    world.run(read if world.is_async else read_sync)
    return found


def test_events_are_read(world: World) -> None:
    """Each event of the response is given, with what it says."""
    stream = b"event: add\ndata: 1\nid: 7\nretry: 5\n\ndata: 2\n\n"

    assert [
        mooring.ServerSentEvent(event="add", data="1", id="7", retry=5),
        mooring.ServerSentEvent(event="message", data="2", id="7", retry=None),
    ] == events_of(world, answer(stream))


def test_events_cut_anywhere(world: World) -> None:
    """Pieces of the body are not pieces of the stream."""
    body = Body(b"da", b"ta: \xc3", b"\xa9\r", b"\n\r\n")

    assert ["é"] == [event.data for event in events_of(world, answer(body))]


def test_leaving_early_closes_the_response(world: World) -> None:
    """Leaving the loop and the context is all there is to do."""
    body = Body(b"data: 1\n\n", b"data: 2\n\n", b"data: 3\n\n")

    assert 2 == len(events_of(world, answer(body), count=2))
    assert (18, 1) == (body.taken, body.closed)


def test_what_is_asked_for(world: World) -> None:
    """The request says what it wants, by whatever method, with whatever else."""
    requests: list[mooring.Request] = []

    def handler(request: mooring.Request) -> mooring.Response:
        requests.append(request)
        return mooring.Response(200, headers=STREAM)

    events_of(world, handler, method="POST", json={"q": 1}, headers={"X-A": "1"})

    request = requests[0]
    assert ("POST", b'{"q":1}', "1", "text/event-stream", "no-store") == (
        request.method,
        request.content,
        request.headers["x-a"],
        request.headers["accept"],
        request.headers["cache-control"],
    )


def test_callers_fields_win(world: World) -> None:
    """Who asks for something else gets that."""
    requests: list[mooring.Request] = []

    def handler(request: mooring.Request) -> mooring.Response:
        requests.append(request)
        return mooring.Response(200, headers=STREAM)

    events_of(world, handler, headers={"accept": "text/*"})

    assert ["text/*"] == requests[0].headers.get_list("accept")


@pytest.mark.parametrize(
    "content_type", ["text/event-stream", "Text/Event-Stream ;charset=utf-8"]
)
def test_content_types_that_are_fine(world: World, content_type: str) -> None:
    """Case and parameters do not matter; the text is UTF-8 in any case."""
    headers = {"Content-Type": content_type}
    stream = "data: é\n\n".encode()

    assert ["é"] == [e.data for e in events_of(world, answer(stream, headers=headers))]


def test_the_text_is_utf_8(world: World) -> None:
    """The standard knows no other charset, so what a server says does not count."""
    headers = {"Content-Type": "text/event-stream; charset=latin-1"}
    stream = "data: é\n\n".encode()

    assert ["é"] == [e.data for e in events_of(world, answer(stream, headers=headers))]


@pytest.mark.parametrize(
    ("headers", "text"),
    [
        ({"Content-Type": "text/html"}, "a.test answered with 'text/html', not"),
        ({}, "a.test answered with no content type, not 'text/event-stream'"),
    ],
)
def test_a_response_that_is_no_stream(
    world: World, headers: dict[str, str], text: str
) -> None:
    """The error says what it is instead, and whose."""
    body = Body(b"data: 1\n\n")

    with pytest.raises(mooring.SSEError, match=text) as caught:
        events_of(world, answer(body, headers=headers))

    assert (A, 0, 1) == (str(caught.value.request.url), body.taken, body.closed)
    assert "(status 200)" in str(caught.value)


def test_an_event_that_is_too_large(world: World) -> None:
    """The events before it are given, and the response is closed."""
    body = Body(b"data: 1\n\n", b"data: 123456789\n\n", b"never read")

    with pytest.raises(mooring.SSEError, match="larger than 12 bytes") as caught:
        events_of(world, answer(body), max_event_size=12)

    assert (A, 26, 1) == (str(caught.value.request.url), body.taken, body.closed)


def test_the_limit_can_be_lifted(world: World) -> None:
    """None is no limit; without it there is one of a mebibyte."""
    stream = b"data: " + b"x" * 2**20 + b"\n\n"

    with pytest.raises(mooring.SSEError, match="larger than 1048576 bytes"):
        events_of(world, answer(stream))
    assert 1 == len(events_of(world, answer(stream), max_event_size=None))


def test_failures_of_the_connection_are_what_they_are(world: World) -> None:
    """What the transport raises while events are read is raised."""
    body = Body(b"data: 1\n\n", error=mooring.ReadError("lost"))

    with pytest.raises(mooring.ReadError, match="lost") as caught:
        events_of(world, answer(body))

    assert A == str(caught.value.request.url)


def test_the_response_is_at_hand(world: World) -> None:
    """Status and fields can be looked at before the first event."""
    client = world.client(answer(b""))
    seen: list[int] = []

    async def look() -> None:
        async with client.sse(A) as source:
            seen.append(source.response.status_code)

    def look_sync() -> None:
        with client.sse(A) as source:
            seen.append(source.response.status_code)

    world.run(look if world.is_async else look_sync)

    assert [200] == seen


def test_an_event_source_of_any_response() -> None:
    """Responses made by other means are read in the same way."""
    response = mooring.Response(200, headers=STREAM, content=b"data: 1\n\n")

    assert ["1"] == [event.data for event in mooring.EventSource(response)]


def test_a_response_without_a_request() -> None:
    """The error does without the host."""
    response = mooring.Response(200, text="no")

    with pytest.raises(mooring.SSEError, match="the server answered with 'text/plain'"):
        list(mooring.EventSource(response))


def test_events_are_values() -> None:
    """They compare, pickle and do not change."""
    event = mooring.ServerSentEvent(data='{"a": [1]}', id="7")

    assert {"a": [1]} == event.json()
    assert event == pickle.loads(pickle.dumps(event))
    assert "ServerSentEvent(event='message', data='x', id='', retry=None)" == repr(
        mooring.ServerSentEvent(data="x")
    )
    with pytest.raises(dataclasses.FrozenInstanceError):
        event.data = "other"  # type: ignore[misc]


@pytest.mark.parametrize("cls", [mooring.Client, mooring.AsyncClient])
def test_signatures_are_httpx2_s(cls: type) -> None:
    """Names, order and defaults of what httpx2 takes."""
    assert ["self", "url", "method", "content", "data", "files", "json", "params",
            "headers", "cookies", "auth", "follow_redirects", "timeout",
            "extensions", "max_event_size"] == list(
        inspect.signature(cls.sse).parameters  # type: ignore[attr-defined]
    )  # fmt: skip
    assert ["response", "max_event_size"] == list(
        inspect.signature(mooring.EventSource).parameters
    )
