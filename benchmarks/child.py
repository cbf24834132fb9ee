"""Measures one entry in a process of its own and prints the result as JSON.

A fresh process for each round: no subject inherits the heap, the event loop or the
garbage of another. Its start and a warm-up lie outside the measured time.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Any

from .cases import Entry
from .nginx import BODY
from .subjects import ASYNC_SUBJECTS, SYNC_SUBJECTS, AsyncGet, SyncGet

WARM_UP_SECONDS = 0.4
LONGEST_WARM_UP_SECONDS = 5.0
MISSING = 3
"""Exit code: a package that the entry needs is not installed."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one process did in the measured time."""

    requests: int
    seconds: float
    cpu_seconds: float
    """Of the whole client process, all threads."""

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds

    @property
    def cpu_micros(self) -> float:
        """Microseconds of CPU per request."""
        return 1e6 * self.cpu_seconds / self.requests


class Load:
    """A closed loop: everybody asks again as soon as they are answered."""

    def __init__(self, tasks: int = 1) -> None:
        self._tasks = tasks
        self._began = time.perf_counter()
        self.answers = 0
        self.over = False
        self._marks: list[tuple[int, float, float]] = []

    def check(self, body: bytes) -> None:
        if body != BODY:
            raise AssertionError(f"wrong body: {body[:100]!r}")
        self.answers += 1

    @property
    def is_warm(self) -> bool:
        """Everybody has been served about twice; a slow client is not waited for."""
        age = time.perf_counter() - self._began
        enough = self.answers >= 2 * self._tasks
        return age > LONGEST_WARM_UP_SECONDS or (enough and age > WARM_UP_SECONDS)

    def mark(self) -> None:
        """Note the counters; called at the beginning and the end."""
        self._marks.append((self.answers, time.perf_counter(), time.process_time()))

    def measurement(self) -> Measurement:
        (n0, wall0, cpu0), (n1, wall1, cpu1) = self._marks
        return Measurement(n1 - n0, wall1 - wall0, cpu1 - cpu0)


async def keep_asking(load: Load, get: AsyncGet) -> None:
    while not load.over:
        load.check(await get())


async def time_passes(
    load: Load, sleep: Callable[[float], Awaitable[object]], seconds: float
) -> None:
    while not load.is_warm:
        await sleep(0.1)
    load.mark()
    await sleep(seconds)
    load.mark()
    load.over = True


async def with_asyncio(entry: Entry, url: str, seconds: float) -> Load:
    import asyncio

    load = Load(entry.tasks)
    async with (
        ASYNC_SUBJECTS[entry.subject](url, entry.connections) as get,
        asyncio.TaskGroup() as group,
    ):
        for _ in range(entry.tasks):
            group.create_task(keep_asking(load, get))
        await time_passes(load, asyncio.sleep, seconds)
    return load


async def with_trio(entry: Entry, url: str, seconds: float) -> Load:
    import trio

    load = Load(entry.tasks)
    async with (
        ASYNC_SUBJECTS[entry.subject](url, entry.connections) as get,
        trio.open_nursery() as nursery,
    ):
        for _ in range(entry.tasks):
            nursery.start_soon(keep_asking, load, get)
        await time_passes(load, trio.sleep, seconds)
    return load


def with_threads(entry: Entry, url: str, seconds: float) -> Load:
    load = Load()
    counters = [Load() for _ in range(entry.tasks)]

    def work(own: Load, get: SyncGet) -> None:
        # A counter each: += on a shared one would lose some.
        while not load.over:
            own.check(get())

    def mark() -> None:
        load.answers = sum(counter.answers for counter in counters)
        load.mark()

    with SYNC_SUBJECTS[entry.subject](url, entry.connections) as get:
        threads = [
            threading.Thread(target=work, args=(counter, get)) for counter in counters
        ]
        for thread in threads:
            thread.start()
        time.sleep(WARM_UP_SECONDS)
        mark()
        time.sleep(seconds)
        mark()
        load.over = True
        for thread in threads:
            thread.join()
    return load


def run(entry: Entry, url: str, seconds: float) -> Measurement:
    """Measure *entry* here and now."""
    if entry.world == "threads":
        return with_threads(entry, url, seconds).measurement()
    if entry.world == "trio":
        import trio

        return trio.run(with_trio, entry, url, seconds).measurement()
    main = with_asyncio(entry, url, seconds)
    if entry.world == "uvloop":
        import uvloop

        loaded: Any = uvloop.run(main)
    else:
        import asyncio

        loaded = asyncio.run(main)
    assert isinstance(loaded, Load)
    return loaded.measurement()


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("seconds", type=float)
    parser.add_argument("entry", type=json.loads)
    given = parser.parse_args()
    try:
        measured = run(Entry(**given.entry), given.url, given.seconds)
    except ModuleNotFoundError as error:
        print(error, file=sys.stderr)
        return MISSING
    print(json.dumps(asdict(measured)), flush=True)
    # Some peers' threads crash an interpreter that shuts down; that is not measured.
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
