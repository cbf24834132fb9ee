"""hishel: what may be cached is fetched once."""

import asyncio

import httpx2
import way
from hishel import AsyncSqliteStorage, SqliteStorage
from hishel.httpx2 import (
    AsyncCacheClient,
    AsyncCacheTransport,
    CacheClient,
    CacheTransport,
)


def client() -> httpx2.Client:
    storage = SqliteStorage(database_path="sync.sqlite")
    below = way.transport("Transport").get("transport")
    if below is None:
        return CacheClient(storage=storage, rfc=True)
    return httpx2.Client(transport=CacheTransport(below, storage, rfc=True))


def async_client() -> httpx2.AsyncClient:
    storage = AsyncSqliteStorage(database_path="async.sqlite")
    below = way.transport("AsyncTransport").get("transport")
    if below is None:
        return AsyncCacheClient(storage=storage, rfc=True)
    return httpx2.AsyncClient(transport=AsyncCacheTransport(below, storage, rfc=True))


def synchronous() -> None:
    url = f"{way.URL}/count/sync-{way.WAY}"
    with client() as cached:
        answers = [cached.get(url) for _ in range(3)]
        assert 1 == len({answer.json()["hits"] for answer in answers})
        statuses = [answer.extensions["caching"]["from_cache"] for answer in answers]
        assert [False, True, True] == statuses
        assert ["unpacked"] * 2 == [
            cached.get(f"{way.URL}/gzip").text for _ in range(2)
        ]


async def asynchronous() -> None:
    url = f"{way.URL}/count/async-{way.WAY}"
    async with async_client() as cached:
        answers = [await cached.get(url) for _ in range(3)]
        assert 1 == len({answer.json()["hits"] for answer in answers})


synchronous()
asyncio.run(asynchronous())
way.done()
