"""Readers of an ASGI response who leave: what the app learns, and that it ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from functools import partial
from typing import Any

import pytest
import trio

import mooring
from tests.unit.asgi_apps import (
    EVENTS,
    START,
    URL,
    App,
    Event,
    Message,
    Receive,
    Send,
    Ticker,
    body,
    client,
    in_trio,
    read_all,
    sleep_forever,
    task_count,
    turn,
)

Scenario = Callable[[], Coroutine[Any, Any, None]]


async def read_events(app: App, count: int) -> list[str]:
    ids: list[str] = []
    async with client(app) as http, http.sse(URL) as source:
        async for event in source:
            ids.append(event.id)
            if len(ids) == count:
                break
    return ids


@pytest.mark.parametrize("listens", [False, True])
async def test_an_endless_stream_is_read_event_by_event(listens: bool) -> None:
    """The app runs as far as its reader does, and ends when the reader leaves."""
    ticker = Ticker(listens=listens)
    before = task_count()

    ids = await read_events(ticker, 5)

    assert (["0", "1", "2", "3", "4"], 1, before) == (ids, ticker.ended, task_count())
    assert ticker.sent <= 6


async def test_an_app_that_listens_hears_of_the_disconnect() -> None:
    """Leaving is told as a server tells it: in answer to receive()."""
    ticker = Ticker(listens=True)

    await read_events(ticker, 1)

    assert "http.disconnect" == ticker.messages[-1]


async def test_an_app_that_sends_gets_an_os_error() -> None:
    """A send() with nobody to read it fails, as ASGI 2.4 asks for."""
    errors: list[BaseException] = []
    cleaned_up: list[bool] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await send(START)
        try:
            while True:
                await send(body(b"x", more=True))
        except OSError as exc:
            errors.append(exc)
            await turn()
            cleaned_up.append(True)
            with pytest.raises(OSError, match="gone"):
                await send(body(b""))
            assert {"type": "http.disconnect"} == await receive()

    async with client(app) as http, http.stream("GET", URL) as response:
        pieces = response.aiter_raw()
        assert b"x" == await anext(pieces)
        await response.aclose()
        with pytest.raises(mooring.StreamClosed):
            await anext(pieces)

    assert (["the client has gone"], [True]) == ([str(e) for e in errors], cleaned_up)


async def test_an_app_that_waits_for_something_else_is_cancelled() -> None:
    """Nobody waits for an app that cannot hear that its client has gone."""
    ended: list[bool] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await send(START)
        try:
            await sleep_forever()
        finally:
            ended.append(True)

    http = client(app, disconnect_timeout=3600)
    async with http, http.stream("GET", URL):
        pass

    assert [True] == ended


async def test_an_app_that_was_told_and_stays_is_cancelled() -> None:
    """Who listens and does nothing about it has so many seconds, and no more."""
    log: list[str] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await read_all(receive)
        await send(START)
        log.append((await receive())["type"])
        try:
            await sleep_forever()
        finally:
            log.append("cancelled")

    before = task_count()
    http = client(app, disconnect_timeout=0.01)
    async with http, http.stream("GET", URL):
        await turn()
        await turn()

    assert (["http.disconnect", "cancelled"], before) == (log, task_count())


async def test_what_fails_after_leaving_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An app that fails while it cleans up does so after everybody has gone."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await send(START)
        try:
            await sleep_forever()
        finally:
            raise ZeroDivisionError("clean-up")

    with caplog.at_level(logging.ERROR, "mooring"):
        async with client(app) as http, http.stream("GET", URL):
            pass

    assert ["the app failed after its client had gone"] == caplog.messages
    assert isinstance(caplog.records[0].exc_info, tuple)
    assert isinstance(caplog.records[0].exc_info[1], ZeroDivisionError)


def as_it_is(error: OSError) -> BaseException:
    return error


def in_a_group(error: OSError) -> BaseException:
    return ExceptionGroup("a task failed", [error])


def as_a_cause(error: OSError) -> BaseException:
    failure = RuntimeError("a framework's own")
    failure.__cause__ = error
    return failure


@pytest.mark.parametrize("wrapped", [as_it_is, in_a_group, as_a_cause])
async def test_going_because_the_client_went_is_no_failure(
    wrapped: Callable[[OSError], BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    """What send() raised may leave the app, in any shape, without a word in logs."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await send(START)
        try:
            await send(body(b"x", more=True))
        except OSError as exc:
            failure = wrapped(exc)
        else:
            raise AssertionError("somebody read it")
        raise failure

    with caplog.at_level(logging.ERROR, "mooring"):
        async with client(app) as http, http.stream("GET", URL):
            pass

    assert [] == caplog.messages


async def test_closing_while_somebody_reads() -> None:
    """A reader in another task gets an error, and does not wait for ever."""
    reading = Event()
    errors: list[BaseException] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await send(START)
        reading.set()
        await sleep_forever()

    http = client(app)

    async def read() -> None:
        try:
            await http.get(URL)
        except mooring.ReadError as exc:
            errors.append(exc)

    async def close() -> None:
        await reading.wait()
        await turn()
        await http.aclose()

    await together(read, close)

    assert ["the response was closed while the app was sending it"] == [
        str(error) for error in errors
    ]


async def together(*functions: Scenario) -> None:
    if in_trio():
        async with trio.open_nursery() as nursery:
            for function in functions:
                nursery.start_soon(function)
    else:
        async with asyncio.TaskGroup() as group:
            for function in functions:
                group.create_task(function())


# -- cancellation ----------------------------------------------------------------


async def cancelled_after(turns: int, scenario: Scenario, *, times: int = 1) -> bool:
    """Cancel *scenario* after so many turns; return whether it was over by then."""
    if in_trio():
        return await _cancelled_after_trio(turns, scenario)
    task = asyncio.ensure_future(scenario())
    for _ in range(turns):
        await turn()
    was_done = task.done()
    for _ in range(times):
        task.cancel()
        await turn()
    await asyncio.wait({task})
    if not task.cancelled():
        task.result()
    return was_done


async def _cancelled_after_trio(turns: int, scenario: Scenario) -> bool:
    scope = trio.CancelScope()
    is_over = False

    async def run() -> None:
        nonlocal is_over
        with scope:
            await scenario()
        is_over = True

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run)
        for _ in range(turns):
            await turn()
        was_done = is_over
        scope.cancel()
    return was_done


class Watched:
    """An app whose calls are counted, with a clean-up that takes a few turns."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.running = 0

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        self.running += 1
        try:
            await turn()
            await self.app(scope, receive, send)
            await turn()
        finally:
            try:
                await turn()
                await turn()
            finally:
                self.running -= 1


async def slow_pieces() -> AsyncIterator[bytes]:
    for number in range(3):
        await turn()
        yield b"%d" % number


async def slow_echo(scope: Message, receive: Receive, send: Send) -> None:
    await send(START)
    while True:
        message = await receive()
        await turn()
        await send(body(message["body"], more=message["more_body"]))
        if not message["more_body"]:
            return


async def slow_hello(scope: Message, receive: Receive, send: Send) -> None:
    await turn()
    await send(EVENTS)
    await turn()
    await send(body(b"data: once\n\n"))
    await turn()


async def get(app: App) -> None:
    async with client(app) as http:
        await http.get(URL)


async def upload(app: App) -> None:
    async with client(app) as http:
        response = await http.post(URL, content=slow_pieces())
        assert b"012" == response.content


async def leave_early(app: App) -> None:
    async with client(app) as http, http.stream("GET", URL):
        await turn()


async def some_events(app: App) -> None:
    assert ["0", "1", "2"] == await read_events(app, 3)


SCENARIOS: list[
    tuple[Callable[[], App], Callable[[App], Coroutine[Any, Any, None]]]
] = [
    (lambda: slow_hello, get),
    (lambda: slow_echo, upload),
    (lambda: slow_hello, leave_early),
    (lambda: slow_echo, leave_early),
    (lambda: Ticker(), some_events),
    (lambda: Ticker(listens=True), some_events),
]


in_every_scenario = pytest.mark.parametrize(
    ("app", "scenario"),
    SCENARIOS,
    ids=[f"{n}-{scenario.__name__}" for n, (_, scenario) in enumerate(SCENARIOS)],
)


@in_every_scenario
async def test_cancelled_at_every_turn(
    app: Callable[[], App], scenario: Callable[[App], Coroutine[Any, Any, None]]
) -> None:
    """Wherever the caller is cancelled: when it has left, the app has ended."""
    assert [] == await left_behind(app, scenario, times=1)


@pytest.mark.worlds("asyncio", "uvloop")
@in_every_scenario
async def test_cancelled_again_while_it_leaves(
    app: Callable[[], App], scenario: Callable[[App], Coroutine[Any, Any, None]]
) -> None:
    """asyncio cancels once each time it is asked to; every time the app is waited for.

    In trio a scope that is cancelled stays so, which is harder still.
    """
    assert [] == await left_behind(app, scenario, times=3)


async def left_behind(
    app: Callable[[], App],
    scenario: Callable[[App], Coroutine[Any, Any, None]],
    *,
    times: int,
) -> list[tuple[int, int, int]]:
    """Cancel after 0, 1, 2, ... turns; return (turns, apps, tasks) that were left."""
    before = task_count()
    left: list[tuple[int, int, int]] = []
    for turns in range(200):
        watched = Watched(app())
        was_done = await cancelled_after(turns, partial(scenario, watched), times=times)
        tasks = task_count() - before
        if watched.running or tasks:
            left.append((turns, watched.running, tasks))
        if was_done:
            assert turns > 3
            return left
    raise AssertionError("200 turns are not enough")


async def silent(scope: Message, receive: Receive, send: Send) -> None:
    await sleep_forever()


async def silent_after_head(scope: Message, receive: Receive, send: Send) -> None:
    await send(START)
    await sleep_forever()


async def silent_after_body(scope: Message, receive: Receive, send: Send) -> None:
    await send(START)
    await send(body(b"all"))
    await sleep_forever()


async def stubborn(scope: Message, receive: Receive, send: Send) -> None:
    """Hear of the disconnect and stay."""
    await send(START)
    while True:
        await receive()
        await turn()


never_ends = pytest.mark.parametrize(
    "app", [silent, silent_after_head, silent_after_body, stubborn]
)


@pytest.mark.worlds("asyncio", "uvloop")
@never_ends
async def test_a_timeout_around_a_request(app: App) -> None:
    """asyncio.timeout() ends the request and the app, and is what the caller sees."""
    watched = Watched(app)
    before = task_count()

    async with client(watched, disconnect_timeout=3600) as http:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await http.get(URL)

        assert (0, before) == (watched.running, task_count())


@pytest.mark.worlds("trio")
@never_ends
async def test_a_cancel_scope_around_a_request(app: App) -> None:
    """trio.move_on_after() ends the request and the app, and is left in order."""
    watched = Watched(app)
    before = task_count()

    async with client(watched, disconnect_timeout=3600) as http:
        with trio.move_on_after(0.01) as scope:
            await http.get(URL)

        assert scope.cancelled_caught
        assert (0, before) == (watched.running, task_count())


def test_a_response_left_open_in_a_loop_that_ended() -> None:
    """The transport can be used, and closed, in the next loop."""
    ticker = Ticker()
    transport = mooring.ASGITransport(ticker)
    responses = []

    async def leave_open() -> None:
        http = mooring.AsyncClient(transport=transport)
        responses.append(await http.send(http.build_request("GET", URL), stream=True))

    async def use_again() -> None:
        http = mooring.AsyncClient(transport=transport)
        async with http, http.sse(URL) as source:
            assert "0" == (await anext(aiter(source))).id

    asyncio.run(leave_open())
    asyncio.run(use_again())
    trio.run(use_again)

    assert (3, 3) == (ticker.started, ticker.ended)
