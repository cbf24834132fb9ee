"""What a client says of its pool, on real sockets and in every world."""

from __future__ import annotations

import gc
import logging
from functools import partial

import pytest

import mooring
from tests.integration.servers import (
    LONG,
    Connection,
    Gate,
    Origin,
    Script,
    client_sockets,
    held_by,
)
from tests.integration.worlds import (
    ALL,
    EVERYWHERE,
    Caller,
    World,
    at_once,
    caller,
    eventually,
    in_worlds,
    until,
)

ONE = mooring.Limits(max_connections=1)
IMPATIENT = mooring.Timeout(LONG, pool=0.15)


def half(connection: Connection) -> None:
    """Begin each answer and leave it at that."""
    while connection.request() is not None:
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")


def saying(more: str) -> Script:
    """Answer everything with these fields as well."""

    def script(connection: Connection) -> None:
        while connection.request() is not None:
            connection.respond(b"", more=more)

    return script


async def refused(client: Caller, url: str) -> mooring.PoolTimeout:
    with pytest.raises(mooring.PoolTimeout) as caught:
        await client.get(url, timeout=IMPATIENT)
    return caught.value


async def forget(client: Caller, url: str) -> None:
    await client.open("GET", url)
    gc.collect()


def waiting(client: Caller, number: int) -> bool:
    return client.stats.queued == number


# -- why a request waits ---------------------------------------------------------


@in_worlds(*EVERYWHERE)
async def test_a_leaked_stream_is_named_with_its_line(world: World) -> None:
    """Somebody forgot a response: PoolTimeout says so, and where it was opened."""
    with Origin(default=half) as origin:
        async with caller(world, limits=ONE, debug=True) as client:
            forgotten = world.start(lambda: client.open("GET", f"{origin.url}leak"))
            response = await forgotten.join()
            error = await refused(client, origin.url)
            assert isinstance(response, mooring.Response)

            assert error.diagnosis is not None
            assert mooring.Verdict.LEAK is error.diagnosis.verdict
            assert "leak suspected" in error.__notes__[0]
            opened_at = error.diagnosis.holders[0].created_at
            assert opened_at is not None
            assert "worlds.py" in opened_at
            assert any("/leak (response not closed" in n for n in error.__notes__)
            await client.close()


@in_worlds(*EVERYWHERE)
async def test_a_slow_server_is_named(world: World) -> None:
    """The one connection waits for an answer all the time: the server is slow."""
    with Gate() as gate, Origin(default=held_by(gate)) as origin:
        async with caller(world, limits=ONE) as client:
            busy = world.start(
                lambda: client.get(f"{origin.url}held/slow?token=secret")
            )
            await until(world, origin, lambda: origin.requests)
            error = await refused(client, origin.url)
            gate.open()
            await busy.join()

            assert error.diagnosis is not None
            assert mooring.Verdict.SLOW_SERVER is error.diagnosis.verdict
            told = "\n".join([str(error), *error.__notes__])
            assert "/held/slow (waiting for response headers" in told
            assert "secret" not in told


@in_worlds(*EVERYWHERE)
async def test_a_nested_request_is_told_that_it_waits_for_itself(world: World) -> None:
    """The task holds the only connection and asks for another."""
    with Origin(default=half) as origin:
        async with caller(world, limits=ONE) as client:
            async with client.stream("GET", origin.url):
                error = await refused(client, origin.url)

            assert error.diagnosis is not None
            assert mooring.Verdict.SELF_DEADLOCK is error.diagnosis.verdict
            assert any("this task already holds 1 of 1" in n for n in error.__notes__)


# -- leaks -----------------------------------------------------------------------


@in_worlds(*ALL)
async def test_a_dropped_response_warns_with_the_line_that_opened_it(
    world: World,
) -> None:
    """The slot comes back, and the warning says whose it was."""
    with Origin(default=half) as origin:
        async with caller(world, limits=ONE, debug=True) as client:
            with pytest.warns(ResourceWarning, match=r"opened at .*\.py:"):
                await forget(client, f"{origin.url}?secret=1")
            await eventually(world, lambda: client.stats.leases == 0)


# -- what a response says --------------------------------------------------------


@in_worlds(*EVERYWHERE)
async def test_a_response_tells_of_its_connection(world: World) -> None:
    """New or reused, which request it was, the addresses, the times."""
    with Origin() as origin:
        async with caller(world) as client:
            first = (await client.get(origin.url)).connection
            second = (await client.get(origin.url)).connection

            assert first is not None
            assert second is not None
            assert (False, 1, first.number) == (
                first.reused,
                first.request_number,
                second.number,
            )
            assert (True, 2, None) == (second.reused, second.request_number, second.tcp)
            assert f"127.0.0.1:{origin.port}" == first.remote_address
            assert first.tcp is not None
            assert 0 < first.tcp <= first.waited
            assert second.first_byte is not None
            assert 0 <= second.first_byte < LONG


# -- limits ----------------------------------------------------------------------


@in_worlds(*EVERYWHERE)
async def test_limits_per_host(world: World) -> None:
    """Three requests at once to a host that may have two connections."""
    limits = mooring.Limits(max_connections_per_host=9, per_host={"127.0.0.1": 2})
    with Gate() as gate, Origin(default=held_by(gate)) as origin:
        held = f"{origin.url}held"
        async with caller(world, limits=limits) as client:
            jobs = [world.start(lambda: client.get(held)) for _ in range(3)]
            await eventually(world, lambda: client.stats.queued == 1)
            await until(world, origin, lambda: len(origin.requests) == 2)
            gate.open()
            for job in jobs:
                await job.join()

            assert 2 == client.stats.most_connections


@in_worlds(*EVERYWHERE)
async def test_a_connection_is_closed_after_its_last_request(world: World) -> None:
    """max_requests_per_connection: two each."""
    limits = mooring.Limits(max_requests_per_connection=2)
    with Origin() as origin:
        async with caller(world, limits=limits) as client:
            for _ in range(4):
                await client.get(origin.url)

            assert 2 == origin.accepted


@pytest.mark.parametrize("field", ["timeout=0", "timeout=5, max=0"])
@in_worlds(*EVERYWHERE)
async def test_the_servers_keep_alive_field_is_heeded(world: World, field: str) -> None:
    """A server that will hang up at once gets no second request there."""
    script = saying(f"Keep-Alive: {field}\r\n")
    with Origin(default=script) as origin:
        async with caller(world) as client:
            await client.get(origin.url)
            assert 0 == client.stats.connections
            await client.get(origin.url)

            assert 2 == origin.accepted


@in_worlds(*EVERYWHERE)
async def test_limits_changed_at_run_time(world: World) -> None:
    """Raised: who waits is served at once. Lowered: what is idle is given up."""
    with Gate() as gate, Origin(default=held_by(gate)) as origin:
        held = f"{origin.url}held"
        async with caller(world, limits=ONE) as client:
            pool = client.client.pool
            jobs = [world.start(lambda: client.get(held)) for _ in range(2)]
            await eventually(world, lambda: client.stats.queued == 1)
            pool.set_limits(pool.limits.replace(max_connections=2))
            await until(world, origin, lambda: len(origin.requests) == 2)
            gate.open()
            for job in jobs:
                await job.join()
            pool.set_limits(pool.limits.replace(max_keepalive_connections=1))

            assert 1 == client.stats.connections


@in_worlds(*EVERYWHERE)
async def test_the_one_with_priority_is_served_first(world: World) -> None:
    """Among those that wait; without it, in the order of asking."""
    with Gate() as gate, Origin(default=held_by(gate)) as origin:
        held = f"{origin.url}held"
        async with caller(world, limits=ONE) as client:
            jobs = []
            for number, priority in enumerate([0, 0, 0, 7]):
                url = f"{held}{number}"
                extensions = {"priority": priority}
                jobs.append(
                    world.start(partial(client.get, url, extensions=extensions))
                )
                await eventually(world, partial(waiting, client, number))
                if not number:
                    await until(world, origin, lambda: origin.requests)
            gate.open()
            for job in jobs:
                await job.join()

            assert ["/held0", "/held3", "/held1", "/held2"] == [
                seen.target for seen in origin.requests
            ]


@in_worlds(*EVERYWHERE)
async def test_a_warm_pool(world: World) -> None:
    """Connections stand before the first request, which takes one of them."""
    with Origin() as origin:
        async with caller(world) as client:
            warmed = client.client.pool.warm(origin.url, 3)
            if not client.is_sync:
                await warmed
            assert 3 == client_sockets(origin.port)
            await client.get(origin.url)

            assert 3 == origin.accepted
            assert 0 == client.stats.dials - 3


def test_more_than_the_limits_allow_cannot_be_warmed() -> None:
    """It would wait for itself, or be closed at once."""
    client = mooring.Client(limits=ONE)
    with pytest.raises(ValueError, match="2 connections are more than max_conn"):
        client.pool.warm("http://127.0.0.1/", 2)


# -- closing ---------------------------------------------------------------------


@in_worlds(*EVERYWHERE)
async def test_closing_with_time_to_finish(world: World) -> None:
    """What is on its way ends well, what waits fails at once, nothing new begins."""
    with Gate() as gate, Origin(default=held_by(gate)) as origin:
        held = f"{origin.url}held"
        async with caller(world, limits=ONE) as client:
            busy = world.start(lambda: client.get(held))
            await until(world, origin, lambda: origin.requests)
            queued = world.start(lambda: client.get(held))
            await eventually(world, lambda: client.stats.queued == 1)

            async def close() -> None:
                closing = client.transport
                if client.is_sync:
                    closing.close(drain=LONG)
                else:
                    await closing.aclose(drain=LONG)

            closing = world.start(close)
            error = await queued.join()
            assert isinstance(error, mooring.ConnectError)
            assert "the client was closed" in str(error)
            (late,) = await at_once(world, [lambda: client.get(held)])
            assert isinstance(late, mooring.ConnectError)
            gate.open()
            response = await busy.join()
            await closing.join()

            assert isinstance(response, mooring.Response)
            assert 200 == response.status_code
            assert 0 == client.stats.connections
            assert 1 == origin.accepted


# -- events and the watchdog -----------------------------------------------------


@in_worlds(*EVERYWHERE)
async def test_events_come_in_order(world: World) -> None:
    """The whole life of a connection, as it is told."""
    told: list[mooring.PoolEvent] = []
    with Origin() as origin:
        async with caller(world, on_event=told.append) as client:
            await client.get(origin.url)
            await client.get(origin.url)
            await client.close()

    assert [
        mooring.RequestQueued,
        mooring.ConnectionOpened,
        mooring.RequestAssigned,
        mooring.RequestReleased,
        mooring.RequestAssigned,
        mooring.RequestReleased,
        mooring.ConnectionClosed,
    ] == [type(event) for event in told]


@in_worlds(*ALL)
async def test_a_listener_that_fails_fails_nothing_else(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged, the request goes on."""

    def listener(event: mooring.PoolEvent) -> None:
        raise RuntimeError("no thanks")

    with Origin() as origin:
        async with caller(world, on_event=listener) as client:
            assert 200 == (await client.get(origin.url)).status_code

    assert "on_event callback failed" in caplog.text


@in_worlds(*ALL)
async def test_the_watchdog_barks(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """A request that waits too long, and a connection held too long, are logged."""
    caplog.set_level(logging.WARNING, "mooring.pool")
    with Gate() as gate, Origin(default=held_by(gate)) as origin:
        held = f"{origin.url}held"
        async with caller(world, limits=ONE) as client:
            client.client.pool.watchdog(0.02, held=0.02)
            jobs = [world.start(lambda: client.get(held)) for _ in range(2)]
            await eventually(world, lambda: "waits for a connection" in caplog.text)
            await eventually(world, lambda: "has been held for long" in caplog.text)
            gate.open()
            for job in jobs:
                await job.join()

    assert "came back after all" in caplog.text


# -- called from where it should not be ------------------------------------------


def test_a_request_from_within_the_pool_is_refused() -> None:
    """As a signal handler would make it that interrupts a step of the pool."""
    transport = mooring.HTTPTransport()
    with Origin() as origin, mooring.Client(transport=transport) as client:
        client.get(origin.url)
        pool = transport._pool
        assert pool is not None
        with pytest.raises(RuntimeError, match="signal handler"):
            pool.alone(lambda: client.get(origin.url))

        assert 200 == client.get(origin.url).status_code
        assert 1 == transport.pool.stats().connections
