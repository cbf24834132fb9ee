"""One way to write a test of a client for threads, asyncio, uvloop and trio.

A test is a coroutine function taking a :class:`World`. In the world of threads its
awaits call blocking code and never suspend. The loops are run plainly, with
``asyncio.run`` and ``trio.run``, by :mod:`tests.integration.io_worlds`.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import os
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any, cast

import pytest
import trio

import mooring
from mooring._pool.stats import PoolStats
from tests.integration.io_worlds import (
    CANCELLED,
    AsyncioWorld,
    Job,
    SyncWorld,
    TrioWorld,
    UvloopWorld,
    World,
)
from tests.integration.servers import LONG, Origin

__all__ = [
    "ALL",
    "CANCELLED",
    "COROUTINES",
    "EVERYWHERE",
    "AsyncioWorld",
    "Caller",
    "Job",
    "SyncWorld",
    "TrioWorld",
    "UvloopWorld",
    "World",
    "at_once",
    "caller",
    "dice",
    "eventually",
    "in_worlds",
    "until",
]

ALL = (SyncWorld, AsyncioWorld, TrioWorld)
EVERYWHERE = (SyncWorld, AsyncioWorld, UvloopWorld, TrioWorld)
COROUTINES = (AsyncioWorld, TrioWorld)

Action = Callable[[], Coroutine[Any, Any, object]]


class Caller:
    """A client of the world's colour, spoken to with ``await`` in all of them."""

    def __init__(self, world: World, options: dict[str, Any]) -> None:
        self.is_sync = isinstance(world, SyncWorld)
        self._world = world
        kinds = ("limits", "verify", "retries", "on_event", "debug")
        transport = {name: options.pop(name) for name in kinds if name in options}
        options.setdefault("timeout", mooring.Timeout(LONG, pool=None))
        self.transport: Any
        self.client: Any
        if self.is_sync:
            self.transport = mooring.HTTPTransport(**transport)
            self.client = mooring.Client(transport=self.transport, **options)
        else:
            self.transport = mooring.AsyncHTTPTransport(**transport)
            self.client = mooring.AsyncClient(transport=self.transport, **options)

    @property
    def stats(self) -> PoolStats:
        stats = self.client.pool.stats()
        assert isinstance(stats, PoolStats)
        return stats

    @property
    def is_at_rest(self) -> bool:
        """No request has, or waits for, a connection."""
        stats = self.transport.stats()
        return stats is None or not (stats.leases or stats.queued)

    async def request(self, method: str, url: str, **options: Any) -> mooring.Response:
        return await self._result(self.client.request(method, url, **options))

    async def get(self, url: str, **options: Any) -> mooring.Response:
        return await self.request("GET", url, **options)

    async def post(self, url: str, **options: Any) -> mooring.Response:
        return await self.request("POST", url, **options)

    @asynccontextmanager
    async def stream(
        self, method: str, url: str, **options: Any
    ) -> AsyncIterator[mooring.Response]:
        """Open a streamed response, and close it after."""
        manager = self.client.stream(method, url, **options)
        if self.is_sync:
            with manager as response:
                yield response
        else:
            async with manager as response:
                yield response

    async def open(self, method: str, url: str) -> mooring.Response:
        """Send a request and return its response unread, with nobody to close it."""
        request = self.client.build_request(method, url)
        return await self._result(self.client.send(request, stream=True))

    async def read(self, response: mooring.Response) -> bytes:
        return response.read() if self.is_sync else await response.aread()

    def pieces(self, response: mooring.Response) -> Pieces:
        """Return what ``await pieces.next()`` can be asked of."""
        return Pieces(response, is_sync=self.is_sync)

    def body(self, pieces: Iterable[bytes]) -> Any:
        """Return a request body that can be sent only once."""
        return iter_sync(pieces) if self.is_sync else iter_async(pieces)

    async def close(self) -> None:
        if self.is_sync:
            self.client.close()
        else:
            await self.client.aclose()
            await self._world.settle()

    async def _result(self, outcome: Any) -> mooring.Response:
        response = outcome if self.is_sync else await outcome
        assert isinstance(response, mooring.Response)
        return response


class Pieces:
    """The body of a streamed response, piece by piece."""

    def __init__(self, response: mooring.Response, *, is_sync: bool) -> None:
        self._is_sync = is_sync
        self._raw: Any = response.iter_raw() if is_sync else response.aiter_raw()

    async def next(self) -> bytes:
        piece = next(self._raw) if self._is_sync else await anext(self._raw)
        assert isinstance(piece, bytes)
        return piece

    async def close(self) -> None:
        """End the iteration; trio complains of generators that are dropped."""
        if self._is_sync:
            self._raw.close()
        else:
            await self._raw.aclose()


def iter_sync(pieces: Iterable[bytes]) -> Iterator[bytes]:
    yield from pieces


async def iter_async(pieces: Iterable[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


@asynccontextmanager
async def caller(world: World, **options: Any) -> AsyncIterator[Caller]:
    """Make a client, and close it after. No timeouts worth mentioning by default."""
    made = Caller(world, options)
    try:
        yield made
    finally:
        if isinstance(world, TrioWorld):
            with trio.CancelScope(shield=True):
                await made.close()
        else:
            await made.close()


def in_worlds(
    *worlds: type[World],
) -> Callable[[Callable[..., Coroutine[Any, Any, None]]], Callable[..., None]]:
    """Make a test of a scenario, once for each of *worlds*; other arguments stay."""

    def decorate(
        scenario: Callable[..., Coroutine[Any, Any, None]],
    ) -> Callable[..., None]:
        def test(*, world: type[World], **others: object) -> None:
            world().run(functools.partial(_scenario, scenario, others))

        test.__name__ = scenario.__name__
        test.__doc__ = scenario.__doc__
        test.__signature__ = inspect.signature(scenario)  # type: ignore[attr-defined]
        mark = pytest.mark.parametrize("world", worlds, ids=lambda world: world.name)
        return cast("Callable[..., None]", mark(test))

    return decorate


async def _scenario(
    scenario: Callable[..., Coroutine[Any, Any, None]],
    others: dict[str, object],
    world: World,
) -> None:
    await scenario(world, **others)


async def until(world: World, origin: Origin, condition: Callable[[], object]) -> None:
    """Wait until the server has seen *condition*, with the world turning meanwhile."""
    if isinstance(world, SyncWorld):
        origin.wait_until(condition)
    elif isinstance(world, TrioWorld):
        await trio.to_thread.run_sync(origin.wait_until, condition)
    else:
        await asyncio.to_thread(origin.wait_until, condition)


async def eventually(world: World, condition: Callable[[], object]) -> None:
    """Wait until *condition*, about the client, is true."""
    deadline = monotonic() + LONG
    while not condition():
        assert monotonic() < deadline, "this never happened"
        os.sched_yield()
        await world.turn()


async def at_once(world: World, actions: Iterable[Action]) -> list[object]:
    """Carry out *actions* at the same time; return results and exceptions."""
    jobs = [world.start(action) for action in actions]
    return [await job.join() for job in jobs]


def dice(seed: int) -> random.Random:
    """Return random numbers that are the same every time."""
    return random.Random(seed)
