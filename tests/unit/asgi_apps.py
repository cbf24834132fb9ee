"""ASGI apps for tests, and the little they need of either event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from typing import Any

import trio

import mooring
from mooring._io.detect import current_async_backend_name

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Coroutine[Any, Any, None]]

URL = "http://app.test/"
START: Message = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"text/plain")],
}
EVENTS: Message = {
    **START,
    "headers": [(b"content-type", b"text/event-stream; charset=utf-8")],
}


def in_trio() -> bool:
    return current_async_backend_name() == "trio"


async def turn() -> None:
    """Let everybody else run for one turn."""
    if in_trio():
        await trio.lowlevel.checkpoint()
    else:
        await asyncio.sleep(0)


async def sleep_forever() -> None:
    if in_trio():
        await trio.sleep_forever()
    await asyncio.Event().wait()


class Event:
    """Something that happens once, in either loop."""

    def __init__(self) -> None:
        self._event: Any = trio.Event() if in_trio() else asyncio.Event()

    def set(self) -> None:
        self._event.set()

    def is_set(self) -> bool:
        return bool(self._event.is_set())

    async def wait(self) -> None:
        await self._event.wait()


def task_count() -> int:
    """How many tasks live in this loop, the caller's own included."""
    if in_trio():
        return trio.lowlevel.current_statistics().tasks_living
    return len(asyncio.all_tasks())


async def both(
    first: Callable[[], Coroutine[Any, Any, None]],
    second: Callable[[], Coroutine[Any, Any, None]],
) -> None:
    """Run two coroutines until one of them ends, and cancel the other.

    This is what frameworks do with the body of a response and the wait for a
    disconnect.
    """
    if in_trio():
        async with trio.open_nursery() as nursery:

            async def run(function: Callable[[], Coroutine[Any, Any, None]]) -> None:
                await function()
                nursery.cancel_scope.cancel()

            nursery.start_soon(run, first)
            nursery.start_soon(run, second)
        return
    tasks = {asyncio.ensure_future(first()), asyncio.ensure_future(second())}
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def body(data: bytes, *, more: bool = False) -> Message:
    return {"type": "http.response.body", "body": data, "more_body": more}


async def read_all(receive: Receive) -> bytes:
    pieces, more = [], True
    while more:
        message = await receive()
        pieces.append(message["body"])
        more = message["more_body"]
    return b"".join(pieces)


def client(app: App, **options: Any) -> mooring.AsyncClient:
    return mooring.AsyncClient(transport=mooring.ASGITransport(app, **options))


async def hello(scope: Message, receive: Receive, send: Send) -> None:
    await send(START)
    await send(body(b"Hello!"))


async def echo(scope: Message, receive: Receive, send: Send) -> None:
    """Answer each piece of the request with a piece of the response."""
    await send(START)
    while True:
        message = await receive()
        await send(body(message["body"], more=message["more_body"]))
        if not message["more_body"]:
            return


class Ticker:
    """An app that sends numbered events for ever, and knows what became of it."""

    def __init__(self, *, listens: bool = False) -> None:
        self.listens = listens
        self.sent = 0
        self.started = 0
        self.ended = 0
        self.messages: list[str] = []

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        self.started += 1
        try:
            await send(EVENTS)
            if self.listens:
                await both(lambda: self.tick(send), lambda: self.listen(receive))
            else:
                await self.tick(send)
        finally:
            self.ended += 1

    async def tick(self, send: Send) -> None:
        while True:
            await turn()
            await send(body(b"id: %d\ndata: tick\n\n" % self.sent, more=True))
            self.sent += 1

    async def listen(self, receive: Receive) -> None:
        while (message := await receive())["type"] != "http.disconnect":
            self.messages.append(message["type"])
        self.messages.append("http.disconnect")
