"""httpx-sse, written for httpx: events over a synchronous and an async client."""

import asyncio

import pytest
import way
from httpx_sse import SSEError, aconnect_sse, connect_sse


def synchronous() -> None:
    with way.client("httpx") as client:
        with connect_sse(client, "GET", f"{way.URL}/events") as source:
            events = [(event.id, event.data) for event in source.iter_sse()]
        assert [("0", "event 0"), ("1", "event 1"), ("2", "event 2")] == events

        with connect_sse(client, "GET", f"{way.URL}/json") as source:
            with pytest.raises(SSEError) as raised:
                list(source.iter_sse())
            assert "text/event-stream" in str(raised.value)


async def asynchronous() -> None:
    async with way.async_client("httpx") as client:
        async with aconnect_sse(client, "GET", f"{way.URL}/events") as source:
            assert 3 == len([event async for event in source.aiter_sse()])
        async with aconnect_sse(client, "GET", f"{way.URL}/events") as source:
            async for event in source.aiter_sse():
                assert "event 0" == event.data
                break


synchronous()
asyncio.run(asynchronous())
way.done("httpx")
