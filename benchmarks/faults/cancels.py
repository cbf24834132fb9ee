"""Scenarios: requests that are cancelled, natively and anywhere."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from tests.integration.servers import Connection, Gate

from .clients import Make, Settings, Subject
from .measure import (
    SLOW_NAME,
    Loss,
    Origin,
    SlowNames,
    Sweep,
    aftermath,
    cancelled_at,
    ended,
    obliging,
    soon,
    turns,
    until,
)

Work = Callable[[Subject, str], Coroutine[Any, Any, object]]


async def each_await(
    make: Make, work: Work, *, used: bool = False, again: bool = False
) -> None:
    """Cancel *work* at its first await, then a new client's at its second, and on."""
    sweep = Sweep("await")
    is_over = False

    async def attempt(at: int) -> None:
        nonlocal is_over
        with Origin(default=obliging) as origin:
            subject = make(Settings(connections=1))
            if used:
                await soon(subject.get(origin.url), "first request")
            asked = work(subject, origin.url)
            is_over = not await cancelled_at(asked, at, again=again)
            await aftermath(subject, origin, 1)

    at = 1
    while not (is_over or sweep.is_enough):
        await sweep.check(at, attempt(at))
        at += 1
    sweep.verdict()


async def new_connection(make: Make) -> None:
    """Cancelled at each await of a GET on a new connection."""
    await each_await(make, lambda subject, url: subject.get(url))


async def used_connection(make: Make) -> None:
    """Cancelled at each await of a GET on a connection used before."""
    await each_await(make, lambda subject, url: subject.get(url), used=True)


async def streamed(subject: Subject, url: str) -> None:
    opened = await subject.open(url + "some")
    try:
        await subject.read(opened)
    finally:
        await subject.leave(opened)


async def again_and_again(make: Make) -> None:
    """Cancelled at an await of a streamed GET, and at each await after that."""
    await each_await(make, streamed, again=True)


async def while_it_dials(make: Make) -> None:
    """The request that dials is cancelled while another waits (limit 1)."""
    with Origin(default=obliging) as origin, SlowNames() as names:
        subject = make(Settings(connections=1))
        url = f"http://{SLOW_NAME}:{origin.port}/"
        first = asyncio.create_task(subject.get(url))
        if not await until(lambda: names.asked):
            raise Loss("error", "the name was never looked up")
        second = asyncio.create_task(subject.get(url))
        await turns()
        first.cancel()
        await turns()
        names.tell()
        await soon(second, "the request that waited")
        await aftermath(subject, origin, 1, url)


async def with_the_hand_over(make: Make) -> None:
    """A waiter is cancelled as the slot becomes its own; another waits (limit 1)."""
    sweep = Sweep("turn")
    for after in range(13):
        with Origin(default=obliging) as origin:
            subject = make(Settings(connections=1))
            await sweep.check(after, _one_hand_over(subject, origin, after))
        if sweep.is_enough:
            break
    sweep.verdict()


async def _one_hand_over(subject: Subject, origin: Origin, after: int) -> None:
    held = await subject.open(origin.url + "big")
    next_one = asyncio.create_task(subject.get(origin.url))
    last_one = asyncio.create_task(subject.get(origin.url))
    await turns()
    leaving = asyncio.create_task(subject.leave(held))
    await turns(after)
    next_one.cancel()
    await ended(leaving, "closing the response")
    await ended(next_one, "the cancelled request")
    await soon(last_one, "the other waiter")
    await aftermath(subject, origin, 1)


async def in_a_storm(make: Make) -> None:
    """Five tasks on two connections, all cancelled; thirty times, then one request."""
    with Gate() as gate:

        def hold(connection: Connection) -> None:
            while (request := connection.request()) is not None:
                if request.target == "/held":
                    connection.hold(gate)
                    return
                connection.respond(b"x" * 4_000_000)

        with Origin(default=hold) as origin:
            subject = make(Settings(connections=2))
            for after in range(30):
                tasks = [
                    asyncio.create_task(subject.get(origin.url + "held"))
                    for _ in range(5)
                ]
                await turns(after)
                for task in tasks:
                    task.cancel()
                for task in tasks:
                    await ended(task, "a cancelled request")
            await aftermath(subject, origin, 2)


SCENARIOS = (
    new_connection,
    used_connection,
    again_and_again,
    while_it_dials,
    with_the_hand_over,
    in_a_storm,
)
