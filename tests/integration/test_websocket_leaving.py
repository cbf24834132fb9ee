"""Leaving a WebSocket in any way: no task, thread or socket stays behind."""

from __future__ import annotations

import asyncio
import threading

import pytest
import trio

import mooring
from tests.integration.servers import LONG, Origin
from tests.integration.websocket_peer import Ear, echoing, opened, serving, silent
from tests.integration.worlds import (
    CANCELLED,
    COROUTINES,
    EVERYWHERE,
    Caller,
    SyncWorld,
    TrioWorld,
    World,
    caller,
    eventually,
    in_worlds,
    until,
)

ONE = mooring.Limits(max_connections=1)
# Far more than the buffers of both kernels take.
HUGE = bytes(32 << 20)


def workers(world: World) -> list[str]:
    """Tasks or threads of WebSockets that are still there."""
    if isinstance(world, SyncWorld):
        names = [thread.name for thread in threading.enumerate()]
    elif isinstance(world, TrioWorld):
        root = trio.lowlevel.current_root_task()
        assert root is not None
        names = [t.name for n in root.child_nurseries for t in n.child_tasks]
    else:
        names = [task.get_name() for task in asyncio.all_tasks()]
    return [name for name in names if name == "mooring-websocket"]


async def nothing_is_left(world: World, client: Caller, origin: Origin) -> None:
    assert [] == workers(world)
    assert 0 == client.stats.connections
    await until(world, origin, lambda: all(origin.endings()))


def deaf(ear: Ear) -> None:
    """Read nothing, until the client is gone."""
    connection = ear.connection
    connection.sock.setblocking(True)
    connection.origin.wait_until(lambda: "go on" in connection.origin.told)
    connection.until_gone()


def quiet(ear: Ear) -> None:
    """Read everything and answer nothing, not even a close."""
    ear.connection.tell("open")
    ear.connection.until_gone()


@pytest.mark.parametrize("what", ["receive", "wait", "close", "leave"])
@in_worlds(*COROUTINES)
async def test_cancelled_while_waiting(world: World, what: str) -> None:
    """In receive, for a pong, and in both kinds of goodbye."""
    reached: list[str] = []

    async def use() -> None:
        async with opened(client, origin) as ws:
            if what == "wait":
                pong = await ws.call("ping")
                reached.append(what)
                await ws.wait(pong)
            reached.append(what)
            if what == "receive":
                await ws.text()
            elif what == "close":
                await ws.call("close")

    with Origin(serving(quiet)) as origin:
        async with caller(world, limits=ONE) as client:
            job = world.start(use)
            await eventually(world, lambda: reached)
            await world.turn()
            job.cancel()
            assert CANCELLED == await job.join()
            await nothing_is_left(world, client, origin)


@in_worlds(*COROUTINES)
async def test_cancelled_while_sending(world: World) -> None:
    """Half a frame is on its way: whoever uses it on is told that it is over."""
    errors: list[Exception] = []

    async def use() -> None:
        async with opened(client, origin) as ws:
            sending = world.start(lambda: ws.call("send_bytes", HUGE))
            for _ in range(50):
                await world.turn()
            sending.cancel()
            assert CANCELLED == await sending.join()
            for name, *args in (("send_text", "x"), ("receive",)):
                try:
                    await ws.call(name, *args)
                except mooring.WebSocketError as error:
                    errors.append(error)

    with Origin(serving(deaf)) as origin:
        async with caller(world, limits=ONE) as client:
            await use()
            origin.connections[0].tell("go on")
            await nothing_is_left(world, client, origin)
    assert [mooring.WebSocketNetworkError] * 2 == [type(error) for error in errors]
    assert "cancelled" in str(errors[0])


@in_worlds(*EVERYWHERE)
async def test_sending_to_a_server_that_does_not_read(world: World) -> None:
    """The keep-alive ends what would wait for ever, goodbye included."""
    with Origin(serving(deaf)) as origin:
        async with caller(world, limits=ONE) as client:
            async with opened(
                client,
                origin,
                keepalive_ping_interval_seconds=0.02,
                keepalive_ping_timeout_seconds=0.02,
            ) as ws:
                with pytest.raises(mooring.WebSocketNetworkError, match="no pong"):
                    await ws.call("send_bytes", HUGE)
            origin.connections[0].tell("go on")
            await nothing_is_left(world, client, origin)


@in_worlds(*COROUTINES)
async def test_cancelled_at_any_turn(world: World) -> None:
    """From the dial to the goodbye, wherever the cancellation strikes."""
    done = False

    async def use() -> None:
        async with opened(client, origin) as ws:
            await ws.call("send_text", "x")
            await ws.text(timeout=LONG)
            await ws.wait(await ws.call("ping"))

    with Origin(default=echoing) as origin:
        async with caller(world) as client:
            turns = 0
            while not done:
                job = world.start(use)
                for _ in range(turns):
                    await world.turn()
                job.cancel()
                outcome = await job.join()
                assert outcome in (None, CANCELLED), outcome
                assert 0 == client.stats.detached
                assert [] == workers(world)
                done = outcome is None or turns > 200
                turns += 1 + turns // 8
        await until(world, origin, lambda: all(origin.endings()))


@in_worlds(*EVERYWHERE)
async def test_an_error_in_the_block(world: World) -> None:
    """It comes out as it is, after a goodbye."""
    with Origin(echoing) as origin:
        async with caller(world, limits=ONE) as client:
            with pytest.raises(ZeroDivisionError):
                async with opened(client, origin):
                    1 / 0
            await nothing_is_left(world, client, origin)
            await until(world, origin, lambda: origin.told)
    assert ["closed 1000"] == origin.told


@in_worlds(*EVERYWHERE)
async def test_an_interrupt_in_the_block(world: World) -> None:
    """It does not wait for goodbyes of a server that says none."""
    with Origin(serving(quiet)) as origin:
        async with caller(world, limits=ONE) as client:
            with pytest.raises(KeyboardInterrupt):
                async with opened(client, origin):
                    raise KeyboardInterrupt
            await nothing_is_left(world, client, origin)


@in_worlds(*EVERYWHERE)
async def test_the_client_is_closed_underneath(world: World) -> None:
    """Who receives is told, and leaving is quick."""
    with Origin(silent) as origin:
        async with caller(world) as client, opened(client, origin) as ws:
            assert "hello" == await ws.text(timeout=LONG)
            await client.close()
            with pytest.raises(mooring.WebSocketNetworkError):
                await ws.text(timeout=LONG)
        assert [] == workers(world)


def test_a_loop_that_ends_under_a_session() -> None:
    """asyncio.run() cancels what is left, and nothing complains."""

    async def main() -> None:
        client = mooring.AsyncClient()
        manager = client.websocket(origin.url)
        session = await manager.__aenter__()
        assert "hello" == await session.receive_text()
        await client.aclose()
        with pytest.raises(mooring.WebSocketNetworkError):
            await session.receive_text()
        await manager.__aexit__(None, None, None)

    with Origin(silent) as origin:
        asyncio.run(main())


def test_receiving_in_another_thread() -> None:
    """Closing ends a receive that waits."""
    caught: list[BaseException] = []

    def receive(session: mooring.WebSocketSession) -> None:
        try:
            session.receive()
        except mooring.WebSocketError as error:
            caught.append(error)

    with (
        Origin(echoing) as origin,
        mooring.Client() as client,
        client.websocket(origin.url) as session,
    ):
        thread = threading.Thread(target=receive, args=(session,))
        thread.start()
        session.close(4000, "bye")
        thread.join()
    assert ["the WebSocket was closed with code 4000: bye"] == [str(e) for e in caught]
