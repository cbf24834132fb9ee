"""Rows of the catalogue that are about what the kernel does, on real sockets."""

from __future__ import annotations

import gc
import resource
import socket
import ssl
from collections.abc import Callable

import pytest

import mooring
from tests.integration.io_worlds import client_context, server_context
from tests.integration.servers import (
    Connection,
    Ending,
    Gate,
    Origin,
    client_sockets,
    open_files,
)
from tests.integration.worlds import (
    COROUTINES,
    EVERYWHERE,
    SyncWorld,
    World,
    at_once,
    caller,
    eventually,
    in_worlds,
    until,
)

ONE = mooring.Limits(max_connections=1, max_keepalive_connections=1)


@in_worlds(*EVERYWHERE)
async def test_row_28_a_reset_in_the_body(world: World) -> None:
    """The caller has a read error, and the connection is not used again."""

    def script(connection: Connection) -> None:
        if connection.request() is not None:
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n01234")
            connection.hold(gate)
            connection.close(Ending.RST)

    with Gate() as gate, Origin(script) as origin:
        async with caller(world, limits=ONE) as client:
            async with client.stream("GET", origin.url) as response:
                gate.open()
                with pytest.raises(mooring.ReadError):
                    await client.read(response)
            assert 200 == (await client.get(origin.url)).status_code
            assert 2 == origin.accepted


@in_worlds(*EVERYWHERE)
async def test_row_30_bytes_just_before_the_lease(world: World) -> None:
    """They came while nobody looked, and are not the next response."""

    def script(connection: Connection) -> None:
        if connection.request() is not None:
            connection.respond()
            connection.hold(gate)
            connection.respond(b"evil", status="408 Request Timeout")
            connection.tell("sent")
            connection.until_gone()

    with Gate() as gate, Origin(script) as origin:
        async with caller(world, limits=ONE) as client:
            await client.get(origin.url)
            gate.open()
            # In this thread: the loop has no turn in which it could notice.
            origin.wait_until(lambda: "sent" in origin.told)
            assert b"ok" == (await client.get(origin.url)).content
            assert 2 == origin.accepted


CLOSING = {
    "close": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
    "1.0": b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
}


@pytest.mark.parametrize("name", CLOSING)
@in_worlds(*EVERYWHERE)
async def test_row_32_a_last_response_is_the_last(world: World, name: str) -> None:
    """``Connection: close`` and HTTP/1.0 end the connection, it is never idle."""

    def script(connection: Connection) -> None:
        if connection.request() is not None:
            connection.send(CLOSING[name])
            connection.until_gone()

    with Origin(script) as origin:
        async with caller(world, limits=ONE) as client:
            assert b"ok" == (await client.get(origin.url)).content
            await eventually(world, lambda: not client_sockets(origin.port))
            assert 0 == client.stats.connections


@in_worlds(*EVERYWHERE)
async def test_row_38_a_bad_certificate_is_no_stale_connection(world: World) -> None:
    """Each request tries once and fails with the cause, none of them twice."""
    stranger = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with Origin(context=server_context()) as origin:
        async with caller(world, verify=stranger, limits=ONE) as client:
            errors = await at_once(world, [lambda: client.get(origin.url)] * 3)
            assert all(isinstance(error, mooring.ConnectError) for error in errors)
            assert 3 == len({id(error) for error in errors})
            assert 3 == origin.accepted
            assert 0 == client.stats.connections


@in_worlds(*EVERYWHERE)
async def test_row_39_nobody_answers_our_goodbye(world: World) -> None:
    """A server that never says close_notify keeps neither the client nor a file."""

    def deaf(connection: Connection) -> None:
        if connection.request() is not None:
            connection.respond()
            connection.hold_unread(gate)

    with Gate() as gate, Origin(deaf, context=server_context()) as origin:
        async with caller(world, verify=client_context()) as client:
            await client.get(f"https://localhost:{origin.port}/")
            await client.close()
            await eventually(world, lambda: not client_sockets(origin.port))
        gate.open()


@in_worlds(*EVERYWHERE)
async def test_row_70_closed_by_another_than_who_opened_it(world: World) -> None:
    """Opened in one task or thread, read in a second and closed in a third."""
    with Origin() as origin:
        async with caller(world, limits=ONE) as client:
            for _ in range(3):
                (response,) = await at_once(
                    world, [lambda: client.open("GET", origin.url)]
                )
                assert isinstance(response, mooring.Response)
                (body,) = await at_once(world, [lambda r=response: client.read(r)])  # type: ignore[misc]
                assert b"ok" == body
                await at_once(world, [lambda r=response: close(world, r)])  # type: ignore[misc]
            assert 0 == client.stats.leases
            assert 1 == origin.accepted


async def close(world: World, response: mooring.Response) -> None:
    if isinstance(world, SyncWorld):
        response.close()
    else:
        await response.aclose()


@in_worlds(*EVERYWHERE)
async def test_row_71_reading_from_a_closed_pool(world: World) -> None:
    """The rest of the body is an error that says so."""

    def half(connection: Connection) -> None:
        if connection.request() is not None:
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n01234")
            connection.until_gone()

    with Origin(half) as origin:
        async with caller(world) as client:
            response = await client.open("GET", origin.url)
            await client.close()
            with pytest.raises((mooring.ReadError, mooring.StreamClosed)):
                await client.read(response)
            await close(world, response)
            assert 0 == client.stats.leases


@in_worlds(*COROUTINES)
async def test_row_13_cancelled_natively_at_every_turn_of_a_close(
    world: World,
) -> None:
    """Nothing here relies on a shield: the lease is over however it is cancelled."""

    def slow(connection: Connection) -> None:
        while connection.request() is not None:
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n01234")

    with Origin(default=slow) as origin:
        async with caller(world, limits=ONE) as client:
            for turns in range(6):
                response = await client.open("GET", origin.url)
                job = world.start(lambda r=response: close(world, r))  # type: ignore[misc]
                for _ in range(turns):
                    await world.turn()
                job.cancel()
                await job.join()
                await close(world, response)
                assert 0 == client.stats.leases


@in_worlds(*EVERYWHERE)
async def test_row_93_no_more_files(world: World) -> None:
    """The request fails with the reason; its slot is free when there are files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with Origin() as origin:
        async with caller(world, limits=ONE) as client:
            await client.get(origin.url)  # what is needed once is open now
            with socket.create_server(("127.0.0.1", 0)) as other:
                before = open_files()
                url = f"http://127.0.0.1:{other.getsockname()[1]}/"
                resource.setrlimit(resource.RLIMIT_NOFILE, (1, hard))
                try:
                    outcome = await attempt(lambda: client.get(url))
                finally:
                    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
                assert isinstance(outcome, mooring.ConnectError)
                assert "too many open files" in str(outcome)
                gc.collect()
                assert before >= open_files()
            assert 200 == (await client.get(origin.url)).status_code


async def attempt(action: Callable[[], object]) -> object:
    try:
        return await action()  # type: ignore[misc]
    except mooring.TransportError as error:
        return error


@in_worlds(*COROUTINES)
async def test_row_12_cancelled_again_while_it_unwinds(world: World) -> None:
    """The release was done synchronously, so there is nothing to interrupt."""
    with Gate() as gate:

        def script(connection: Connection) -> None:
            if connection.request() is not None:
                connection.hold(gate)

        with Origin(script) as origin:
            async with caller(world, limits=ONE) as client:
                job = world.start(lambda: client.get(origin.url))
                await until(world, origin, lambda: origin.requests)
                job.cancel()
                job.cancel()
                await world.turn()
                job.cancel()
                await job.join()
                assert 0 == client.stats.leases
                assert 200 == (await client.get(origin.url)).status_code
