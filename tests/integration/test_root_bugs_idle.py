"""encode/httpx#1395 and #327: idle connections that expire, or that the server ends."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterator
from time import monotonic

import pytest
import trustme

import mooring
from tests.integration.io_worlds import client_context, server_context
from tests.integration.servers import (
    Connection,
    Ending,
    Origin,
    client_sockets,
    established,
)
from tests.integration.worlds import (
    ALL,
    COROUTINES,
    EVERYWHERE,
    World,
    at_once,
    caller,
    eventually,
    in_worlds,
    until,
)

EXPIRY = 0.2
ENDINGS = pytest.mark.parametrize("how", Ending)
BROKEN = (mooring.NetworkError, mooring.RemoteProtocolError)


def limits(expiry: float | None) -> mooring.Limits:
    return mooring.DEFAULT_LIMITS.replace(keepalive_expiry=expiry)


# -- #1395 -------------------------------------------------------------------------


@in_worlds(*ALL)
async def test_1395_an_expired_connection_is_closed_without_another_request(
    world: World,
) -> None:
    """The server sees the end of it, not before its time, though nobody asks again."""
    with Origin() as origin:
        async with caller(world, limits=limits(EXPIRY)) as client:
            await client.get(origin.url)
            await until(world, origin, lambda: origin.endings() == [Ending.FIN])
            await eventually(world, lambda: not client_sockets(origin.port))

            connection = origin.connections[0]
            assert EXPIRY <= connection.ended_at - connection.answered_at
            assert {"expired": 1} == client.stats.closed
            assert 0 == client.stats.connections


@in_worlds(*EVERYWHERE)
async def test_1395_a_whole_burst_expires(world: World) -> None:
    """Ten idle connections are all closed, and the pool works after it."""
    with Origin() as origin:
        async with caller(world, limits=limits(EXPIRY)) as client:
            gate = origin.gate()
            origin_held = held(origin, gate, 10)
            await at_once(world, [lambda: client.get(origin_held.url)] * 10)
            await until(world, origin_held, lambda: not origin_held.open)

            assert [Ending.FIN] * 10 == origin_held.endings()
            assert 200 == (await client.get(origin_held.url)).status_code
        origin_held.__exit__()


@in_worlds(*ALL)
async def test_1395_no_expiry_means_to_stay(world: World) -> None:
    """With None a connection outlives one that expires, and serves again."""
    with Origin() as origin, Origin() as clock:
        async with (
            caller(world, limits=limits(None)) as client,
            caller(world, limits=limits(EXPIRY)) as other,
        ):
            await client.get(origin.url)
            await other.get(clock.url)
            await until(world, clock, lambda: not clock.open)
            await client.get(origin.url)

            assert [None] == origin.endings()
            assert 2 == len(origin.requests)


@in_worlds(*ALL)
async def test_1395_zero_keeps_nothing(world: World) -> None:
    """An expiry of zero closes each connection when its response is read."""
    with Origin() as origin:
        async with caller(world, limits=limits(0)) as client:
            await client.get(origin.url)
            await client.get(origin.url)
            await until(world, origin, lambda: not origin.open)

            assert [Ending.FIN, Ending.FIN] == origin.endings()
            assert 0 == client.stats.connections


@in_worlds(*ALL)
async def test_1395_a_connection_in_use_does_not_age(world: World) -> None:
    """A response may take longer than the expiry, which is for idle ones."""
    with Origin() as origin, Origin() as clock:
        gate = origin.gate()

        def slow(connection: Connection) -> None:
            connection.request()
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nsl")
            connection.hold(gate)
            connection.send(b"ow")
            connection.until_gone()

        with Origin(slow) as slow_origin:
            async with caller(world, limits=limits(EXPIRY)) as client:
                async with client.stream("GET", slow_origin.url) as response:
                    await client.get(clock.url)
                    await until(world, clock, lambda: not clock.open)
                    gate.open()

                    assert b"slow" == await client.read(response)


def test_1395_the_default_is_five_seconds() -> None:
    """Without any limits given, idle connections go after five seconds, everywhere."""
    outlived = threading.Thread(target=lambda: None)

    async def scenario(world: World) -> None:
        with Origin() as origin:
            async with caller(world) as client:
                await client.get(origin.url)
                await until(world, origin, lambda: origin.endings() == [Ending.FIN])

                connection = origin.connections[0]
                lived[world.name] = connection.ended_at - connection.answered_at

    lived: dict[str, float] = {}
    threads = [
        threading.Thread(target=world().run, args=(scenario,)) for world in ALL
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not outlived.is_alive()
    assert {world.name for world in ALL} == set(lived)
    assert 5.0 <= min(lived.values())
