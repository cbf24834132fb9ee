"""The clients that are measured, each behind the same question: one GET, its body.

Each has the timeouts it comes with, but may wait for its pool as long as it takes.
A peer is imported only by the process that measures it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta

AsyncGet = Callable[[], Awaitable[bytes]]
SyncGet = Callable[[], bytes]

FOREVER = timedelta(hours=1)


@asynccontextmanager
async def async_mooring(url: str, connections: int) -> AsyncIterator[AsyncGet]:
    import mooring

    limits = mooring.Limits(
        max_connections=connections, max_keepalive_connections=connections
    )
    timeout = mooring.Timeout(5.0, pool=None)
    async with mooring.AsyncClient(limits=limits, timeout=timeout) as client:

        async def get() -> bytes:
            return (await client.get(url)).content

        yield get


@asynccontextmanager
async def async_httpx2(url: str, connections: int) -> AsyncIterator[AsyncGet]:
    import httpx2

    limits = httpx2.Limits(
        max_connections=connections, max_keepalive_connections=connections
    )
    timeout = httpx2.Timeout(5.0, pool=None)
    async with httpx2.AsyncClient(limits=limits, timeout=timeout) as client:

        async def get() -> bytes:
            return bytes((await client.get(url)).content)

        yield get


@asynccontextmanager
async def async_aiohttp(url: str, connections: int) -> AsyncIterator[AsyncGet]:
    import aiohttp

    connector = aiohttp.TCPConnector(limit=connections)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def get() -> bytes:
            async with session.get(url) as response:
                return bytes(await response.read())

        yield get


@asynccontextmanager
async def async_pyreqwest(url: str, connections: int) -> AsyncIterator[AsyncGet]:
    from pyreqwest.client import ClientBuilder

    builder = ClientBuilder().max_connections(connections).pool_timeout(FOREVER)
    async with builder.build() as client:

        async def get() -> bytes:
            response = await client.get(url).build().send()
            return bytes(await response.bytes())

        yield get


@asynccontextmanager
async def async_floor(url: str, connections: int) -> AsyncIterator[AsyncGet]:
    from .floors import AsyncFloor

    yield AsyncFloor(url, connections).get


@contextmanager
def sync_mooring(url: str, connections: int) -> Iterator[SyncGet]:
    import mooring

    limits = mooring.Limits(
        max_connections=connections, max_keepalive_connections=connections
    )
    timeout = mooring.Timeout(5.0, pool=None)
    with mooring.Client(limits=limits, timeout=timeout) as client:
        yield lambda: client.get(url).content


@contextmanager
def sync_httpx2(url: str, connections: int) -> Iterator[SyncGet]:
    import httpx2

    limits = httpx2.Limits(
        max_connections=connections, max_keepalive_connections=connections
    )
    timeout = httpx2.Timeout(5.0, pool=None)
    with httpx2.Client(limits=limits, timeout=timeout) as client:
        yield lambda: bytes(client.get(url).content)


@contextmanager
def sync_urllib3(url: str, connections: int) -> Iterator[SyncGet]:
    import urllib3

    with urllib3.PoolManager(maxsize=connections, block=True) as pool:
        yield lambda: pool.request("GET", url).data


@contextmanager
def sync_pyreqwest(url: str, connections: int) -> Iterator[SyncGet]:
    from pyreqwest.client import SyncClientBuilder

    builder = SyncClientBuilder().max_connections(connections).pool_timeout(FOREVER)
    with builder.build() as client:
        yield lambda: bytes(client.get(url).build().send().bytes())


@contextmanager
def sync_floor(url: str, connections: int) -> Iterator[SyncGet]:
    from .floors import SyncFloor

    assert connections == 1
    yield SyncFloor(url).get


ASYNC_SUBJECTS = {
    "mooring": async_mooring,
    "aiohttp": async_aiohttp,
    "pyreqwest": async_pyreqwest,
    "httpx2": async_httpx2,
    "floor": async_floor,
}
SYNC_SUBJECTS = {
    "mooring": sync_mooring,
    "httpx2": sync_httpx2,
    "urllib3": sync_urllib3,
    "pyreqwest": sync_pyreqwest,
    "floor": sync_floor,
}
