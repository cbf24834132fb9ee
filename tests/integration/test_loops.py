"""One client and more than one event loop."""

from __future__ import annotations

import asyncio
import gc
import threading

import pytest
import trio

import mooring
from tests.integration.servers import LONG, Origin, client_sockets


def test_a_new_loop_of_trio_starts_afresh() -> None:
    """The connections of the loop that is over are closed; new ones are made."""
    client = mooring.AsyncClient()

    async def ask() -> int:
        response = await client.get(origin.url)
        assert 1 == client_sockets(origin.port)
        return response.status_code

    async def ask_and_close() -> int:
        status = await ask()
        await client.aclose()
        return status

    with Origin() as origin:
        assert [200, 200] == [trio.run(ask), trio.run(ask_and_close)]
        assert 0 == client_sockets(origin.port)


def test_a_new_loop_of_asyncio_starts_afresh() -> None:
    """The same, but asyncio complains of what its loop left open."""

    def in_two_loops(origin: Origin) -> None:
        client = mooring.AsyncClient()

        async def ask() -> int:
            response = await client.get(origin.url)
            assert 1 == client_sockets(origin.port)
            return response.status_code

        async def ask_and_close() -> int:
            status = await ask()
            await client.aclose()
            return status

        assert [200, 200] == [asyncio.run(ask()), asyncio.run(ask_and_close())]
        assert 0 == client_sockets(origin.port)

    def in_two_loops_all_collected(origin: Origin) -> None:
        in_two_loops(origin)
        gc.collect()

    with Origin() as origin, pytest.warns(ResourceWarning, match="unclosed transport"):
        in_two_loops_all_collected(origin)


def test_a_second_loop_beside_the_first_is_refused() -> None:
    """Connections cannot serve two loops, and the error says what to do."""
    told: list[BaseException] = []

    def elsewhere(client: mooring.AsyncClient, url: str) -> None:
        try:
            asyncio.run(fetch(client, url))
        except RuntimeError as error:
            told.append(error)

    async def fetch(client: mooring.AsyncClient, url: str) -> None:
        await client.get(url)

    async def main(url: str) -> None:
        async with mooring.AsyncClient() as client:
            await client.get(url)
            thread = threading.Thread(target=elsewhere, args=(client, url))
            thread.start()
            await asyncio.to_thread(thread.join, LONG)
            await client.get(url)

    with Origin() as origin:
        asyncio.run(main(origin.url))
        assert 1 == len(origin.connections)
    assert ["Use one client per event loop"] == [
        str(error).rpartition(". ")[2] for error in told
    ]
