"""Scenarios: closing, forgetting to close, and more than one event loop."""

from __future__ import annotations

import asyncio
import gc
import threading

from tests.integration.servers import Gate, held_by

from .clients import Make, Settings
from .measure import Loss, Origin, aftermath, closes, ended, obliging, soon, turns


async def dropped_response(make: Make) -> None:
    """A streamed response is dropped without being closed (limit 1)."""
    with Origin(default=obliging) as origin:
        subject = make(Settings())
        opened = await soon(subject.open(origin.url + "big"), "the stream")
        del opened
        gc.collect()
        await aftermath(subject, origin, 1)


async def closed_with_a_queue(make: Make) -> None:
    """The client is closed with one request in flight and one waiting (limit 1)."""
    with Gate() as gate, Origin(default=held_by(gate)) as origin:
        subject = make(Settings())
        active = asyncio.create_task(subject.get(origin.url + "held"))
        await asyncio.to_thread(origin.wait_until, lambda: origin.requests)
        waiting = asyncio.create_task(subject.get(origin.url))
        await turns()
        await closes(subject, origin)
        if not active.done():
            gate.open()
        await ended(active, "the request in flight")
        await ended(waiting, "the request that waited")
        opened = origin.accepted > 1
        if waiting.cancelled():
            more = ", which opened a connection first" if opened else ""
            text = f"CancelledError in a task that nobody cancelled{more}"
            raise Loss("error", text)
        if opened:
            raise Loss("dials when closed", "the one that waited opened a connection")


async def used_when_closed(make: Make) -> None:
    """A request after the client was closed."""
    with Origin() as origin:
        subject = make(Settings())
        await soon(subject.get(origin.url), "the first request")
        await closes(subject, origin)
        try:
            await soon(subject.get(origin.url), "the request")
        except Loss:
            raise
        except Exception:
            pass  # as it should be
        if origin.accepted > 1:
            raise Loss("dials when closed", "a connection was opened")


def second_loop(make: Make) -> None:
    """One client, asyncio.run twice."""
    with Origin() as origin:
        subject = make(Settings())

        async def ask() -> int:
            return (await soon(subject.get(origin.url), "the request")).status

        asyncio.run(ask())
        asyncio.run(ask())


def loop_beside_the_first(make: Make) -> None:
    """One client in two running loops: an answer or an error, the first unharmed."""
    hung: list[Loss] = []

    async def elsewhere() -> None:
        try:
            await soon(subject.get(origin.url), "the request elsewhere")
        except Loss as loss:
            hung.append(loss)
        except Exception:
            pass  # to refuse is fine

    async def main() -> None:
        await soon(subject.get(origin.url), "the first request")
        thread = threading.Thread(target=lambda: asyncio.run(elsewhere()))
        thread.start()
        await asyncio.to_thread(thread.join)
        await soon(subject.get(origin.url), "the request after that")

    with Origin() as origin:
        subject = make(Settings())
        asyncio.run(main())
    if hung:
        raise hung[0]


SCENARIOS = (
    dropped_response,
    closed_with_a_queue,
    used_when_closed,
    second_loop,
    loop_beside_the_first,
)
