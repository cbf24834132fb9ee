"""The storm in asyncio, in trio and in threads."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import mooring
from mooring import AsyncClient, Client

from .origin import Origin
from .screen import Screen
from .storm import PATIENCE, TOGETHER_PATIENCE, Settings, Storm

T = TypeVar("T")
THREADS = 200


def run_storm(settings: Settings, origin: Origin, screen: Screen) -> Storm:
    """Run the scenario in the world that *settings* name."""
    if settings.world == "threads":
        return in_threads(settings, origin, screen)
    if settings.world == "trio":
        import trio

        return trio.run(in_trio, settings, origin, screen)
    return asyncio.run(in_asyncio(settings, origin, screen))


async def ask(storm: Storm, client: AsyncClient, number: int) -> None:
    """Send request *number* and account for its outcome, cancellation included."""
    storm.begun(number)
    try:
        response = await client.get(storm.url(number))
    except Exception as error:
        storm.failed(error)
    except BaseException:
        storm.tally.cancelled += 1
        raise
    else:
        storm.answered(number, response)
    finally:
        storm.cancel_by.pop(number, None)


async def ask_together(storm: Storm, client: AsyncClient) -> None:
    """Send one of the requests that are answered only all at once."""
    try:
        response = await client.get(storm.together_url(), timeout=TOGETHER_PATIENCE)
        storm.answered_together(response)
    except mooring.HTTPError as error:
        storm.failed(error)


async def in_asyncio(settings: Settings, origin: Origin, screen: Screen) -> Storm:
    """Run the storm with asyncio tasks."""
    transport = mooring.AsyncHTTPTransport(limits=settings.limits)
    storm = Storm(settings, origin, screen, transport.stats)
    async with AsyncClient(transport=transport, timeout=PATIENCE) as client:
        tasks = []
        for number in range(settings.requests):
            task = asyncio.create_task(ask(storm, client, number))
            storm.cancel_by[number] = task.cancel
            storm.tally.asked += 1
            tasks.append(task)
        for pause in storm.conduct():
            await asyncio.sleep(pause)
        await asyncio.gather(*tasks, return_exceptions=True)
        async with asyncio.TaskGroup() as group:
            for _ in range(settings.connections):
                group.create_task(ask_together(storm, client))
        for pause in storm.quiet():
            await asyncio.sleep(pause)
    return storm


async def in_trio(settings: Settings, origin: Origin, screen: Screen) -> Storm:
    """Run the storm with trio tasks."""
    import trio

    transport = mooring.AsyncHTTPTransport(limits=settings.limits)
    storm = Storm(settings, origin, screen, transport.stats)

    async def ask_in(scope: trio.CancelScope, number: int) -> None:
        with scope:
            await ask(storm, client, number)

    async with AsyncClient(transport=transport, timeout=PATIENCE) as client:
        async with trio.open_nursery() as nursery:
            for number in range(settings.requests):
                scope = trio.CancelScope()
                storm.cancel_by[number] = scope.cancel
                storm.tally.asked += 1
                nursery.start_soon(ask_in, scope, number)
            for pause in storm.conduct():
                await trio.sleep(pause)
        async with trio.open_nursery() as nursery:
            for _ in range(settings.connections):
                nursery.start_soon(ask_together, storm, client)
        for pause in storm.quiet():
            await trio.sleep(pause)
    return storm


def thread_count(settings: Settings) -> int:
    """Return how many threads share the requests: some each, so that they go on."""
    return max(1, min(THREADS, settings.requests // 4))


def in_threads(settings: Settings, origin: Origin, screen: Screen) -> Storm:
    """Run the storm with threads."""
    transport = mooring.HTTPTransport(limits=settings.limits)
    storm = Storm(settings, origin, screen, transport.stats)
    with Client(transport=transport, timeout=PATIENCE) as client:
        storm.last_resort.append(transport.close)
        with ThreadPoolExecutor(thread_count(settings)) as threads:
            asked = [
                threads.submit(ask_in_thread, storm, client, number)
                for number in range(settings.requests)
            ]
            storm.tally.asked = len(asked)
            for pause in storm.conduct():
                time.sleep(pause)
        with ThreadPoolExecutor(settings.connections) as threads:
            for _ in range(settings.connections):
                threads.submit(ask_together_in_thread, storm, client)
        for pause in storm.quiet():
            time.sleep(pause)
    return storm


def ask_in_thread(storm: Storm, client: Client, number: int) -> None:
    """Send request *number*; every third gives up soon."""
    impatience = storm.impatience(number)
    try:
        if impatience is None:
            response = client.get(storm.url(number))
        else:
            response = client.get(storm.impatient_url(number), timeout=impatience)
    except (mooring.PoolTimeout, mooring.ReadTimeout) as error:
        if impatience is None:
            counted(storm, storm.failed, error)
        else:
            counted(storm, storm.gave_up, error)
    except Exception as error:
        counted(storm, storm.failed, error)
    else:
        with storm.counting:
            storm.answered(number, response)
    finally:
        if impatience is not None:
            with storm.counting:
                storm.impatience_over()


def ask_together_in_thread(storm: Storm, client: Client) -> None:
    """Send one of the requests that are answered only all at once."""
    try:
        response = client.get(storm.together_url(), timeout=TOGETHER_PATIENCE)
    except mooring.HTTPError as error:
        counted(storm, storm.failed, error)
    else:
        with storm.counting:
            storm.answered_together(response)


def counted(storm: Storm, count: Callable[[T], None], what: T) -> None:
    """Threads take turns with the account."""
    with storm.counting:
        count(what)
