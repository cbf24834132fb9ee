"""101 and CONNECT: the connection becomes the caller's, and still counts."""

from __future__ import annotations

import gc
from typing import Any

import pytest

import mooring
from tests.integration.servers import LONG, Connection, Origin
from tests.integration.worlds import EVERYWHERE, Caller, World, caller, in_worlds

UPGRADE = {"Connection": "Upgrade", "Upgrade": "echo"}
ONE = mooring.Limits(max_connections=1)


def echo(connection: Connection) -> None:
    """Switch to a protocol that sends back what it is sent."""
    connection.request()
    connection.send(
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
        b"Upgrade: echo\r\n\r\nhello"
    )
    seen = len(connection.received)
    while connection.receive():
        connection.send(bytes(connection.received[seen:]))
        seen = len(connection.received)


async def upgraded(client: Caller, url: str) -> mooring.Response:
    request = client.client.build_request("GET", url, headers=UPGRADE)
    sent = client.client.send(request, stream=True)
    response = sent if client.is_sync else await sent
    assert isinstance(response, mooring.Response)
    return response


async def done(client: Caller, outcome: Any) -> Any:
    return outcome if client.is_sync else await outcome


async def close(client: Caller, thing: Any) -> None:
    await done(client, thing.close() if client.is_sync else thing.aclose())


@in_worlds(*EVERYWHERE)
async def test_an_upgraded_connection_is_the_callers(world: World) -> None:
    """Bytes behind the head come first; the slot is taken until it is closed."""
    with Origin(echo) as origin:
        async with caller(world, limits=ONE) as client:
            response = await upgraded(client, origin.url)
            stream: Any = response.extensions["network_stream"]
            assert 101 == response.status_code
            assert b"hell" == await done(client, stream.read(4, timeout=LONG))
            assert b"o" == await done(client, stream.read(99, timeout=LONG))
            await done(client, stream.write(b"ping", timeout=LONG))
            assert b"ping" == await done(client, stream.read(99, timeout=LONG))
            assert ("127.0.0.1", origin.port) == stream.get_extra_info("server_addr")
            assert (1, 1) == (client.stats.detached, client.stats.connections)
            with pytest.raises(mooring.PoolTimeout):
                await client.get(origin.url, timeout=mooring.Timeout(LONG, pool=0.01))

            await close(client, response)
            assert 0 == client.stats.connections
            assert 200 == (await client.get(origin.url)).status_code


@in_worlds(*EVERYWHERE)
async def test_a_dropped_upgrade_gives_its_slot_back(world: World) -> None:
    """Neither the response nor its stream is anybody's any more."""
    with Origin(echo) as origin:
        async with caller(world, limits=ONE) as client:
            await upgraded(client, origin.url)
            gc.collect()

            assert 200 == (await client.get(origin.url)).status_code


@in_worlds(*EVERYWHERE)
async def test_a_client_that_is_closed_closes_upgrades(world: World) -> None:
    """Reading fails then, instead of waiting."""
    with Origin(echo) as origin:
        async with caller(world, limits=ONE) as client:
            response = await upgraded(client, origin.url)
            stream: Any = response.extensions["network_stream"]
            assert b"hello" == await done(client, stream.read(99, timeout=LONG))
            await client.close()
            with pytest.raises(mooring.ReadError):
                await done(client, stream.read(1, timeout=LONG))
            await close(client, response)


@in_worlds(*EVERYWHERE)
async def test_the_stream_of_any_other_response_only_answers(world: World) -> None:
    """Its bytes are HTTP's."""
    with Origin() as origin:
        async with caller(world) as client:
            stream: Any = (await client.get(origin.url)).extensions["network_stream"]

            assert ("127.0.0.1", origin.port) == stream.get_extra_info("server_addr")
            with pytest.raises(mooring.ReadError, match="is HTTP's"):
                await done(client, stream.read(1))
            with pytest.raises(mooring.WriteError, match="is HTTP's"):
                await done(client, stream.write(b"x"))
