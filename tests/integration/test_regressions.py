"""Faults that a review found, on real sockets."""

from __future__ import annotations

import asyncio
import gc
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest

import mooring
from tests.integration.io_worlds import LOOPS, SyncWorld
from tests.integration.servers import LONG, Connection, Gate, Origin
from tests.integration.worlds import EVERYWHERE, World, caller, eventually, in_worlds

HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n0123456789"


@contextmanager
def half_a_response() -> Iterator[Origin]:
    """Serve half a response, and no more of it until the test is over."""
    with Gate() as gate:

        def script(connection: Connection) -> None:
            if connection.request() is not None:
                connection.send(HALF)
                connection.hold(gate)

        with Origin(script) as origin:
            yield origin


async def close(world: World, response: mooring.Response) -> None:
    if isinstance(world, SyncWorld):
        response.close()
    else:
        await response.aclose()


@in_worlds(*EVERYWHERE)
async def test_closing_a_response_that_is_being_read(world: World) -> None:
    """The reader gets an error, the closer none; the connection is not used again."""
    with half_a_response() as origin:
        async with caller(world) as client, client.stream("GET", origin.url) as got:
            pieces = client.pieces(got)
            assert b"0123456789" == await pieces.next()
            reading = world.start(pieces.next)
            await world.turn()
            await close(world, got)

            assert isinstance(
                await reading.join(), mooring.ReadError | mooring.StreamClosed
            )
            assert 200 == (await client.get(origin.url)).status_code
            assert [0, 1] == [seen.connection for seen in origin.requests]
            assert 0 == client.stats.leases


@in_worlds(*EVERYWHERE)
async def test_reading_on_after_closing(world: World) -> None:
    """Half a body does not pass for all of it."""
    with half_a_response() as origin:
        async with caller(world) as client, client.stream("GET", origin.url) as got:
            pieces = client.pieces(got)
            await pieces.next()
            await close(world, got)

            with pytest.raises(mooring.StreamClosed):
                await pieces.next()


def too_large(connection: Connection) -> None:
    connection.receive()
    connection.respond(b"big", status="413 Too Large", more="Connection: close\r\n")


@in_worlds(*EVERYWHERE)
async def test_an_early_answer_outlives_the_upload(world: World) -> None:
    """What the server said before it hung up is not lost to a failed write."""
    with Origin(default=too_large) as origin:
        async with caller(world) as client:
            for _ in range(10):
                body = client.body([b"x" * 65536] * 400)
                assert 413 == (await client.post(origin.url, content=body)).status_code


@in_worlds(*EVERYWHERE)
async def test_a_body_left_half_way_is_finished(world: World) -> None:
    """The generator's own clean-up has run when the call returns."""
    closed: list[str] = []

    def plain() -> Iterator[bytes]:
        try:
            while True:
                yield b"x" * 65536
        finally:
            closed.append("closed")

    async def coloured() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x" * 65536
        finally:
            closed.append("closed")

    def hang_up(connection: Connection) -> None:
        connection.receive()

    with Origin(default=hang_up) as origin:
        async with caller(world) as client:
            body = plain() if client.is_sync else coloured()
            with pytest.raises(mooring.WriteError):
                await client.post(origin.url, content=body)

            assert ["closed"] == closed


@in_worlds(*EVERYWHERE)
async def test_a_client_closed_before_its_first_connection(world: World) -> None:
    """A request that was held up in a hook opens nothing any more."""
    clients: list[Any] = []

    def plain(request: mooring.Request) -> None:
        clients[0].close()

    async def coloured(request: mooring.Request) -> None:
        await clients[0].aclose()

    hook = plain if isinstance(world, SyncWorld) else coloured
    with Origin() as origin:
        async with caller(world, event_hooks={"request": [hook]}) as client:
            clients.append(client.client)
            with pytest.raises(mooring.ConnectError, match="client was closed"):
                await client.get(origin.url)

            assert 0 == origin.accepted


@in_worlds(*LOOPS)
async def test_an_end_that_came_before_the_connection_rested(world: World) -> None:
    """It does not stay among the idle for as long as they may."""
    with Gate() as gate:

        def script(connection: Connection) -> None:
            if connection.request() is not None:
                connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
                connection.hold(gate)
                connection.send(b"ok")

        limits = mooring.Limits(keepalive_expiry=None)
        with Origin(script) as origin:
            async with (
                caller(world, limits=limits) as client,
                client.stream("GET", origin.url) as response,
            ):
                gate.open()
                await asyncio.to_thread(origin.wait_until, lambda: not origin.open)
                await world.settle()
                assert b"ok" == await client.read(response)
                await eventually(world, lambda: not client.stats.connections)


def test_every_task_cancelled_before_the_dial_began() -> None:
    """The next request does not wait for a dial that nobody makes."""

    async def main() -> None:
        async with mooring.AsyncClient(timeout=LONG) as client:
            lost = asyncio.ensure_future(client.get(origin.url))
            await asyncio.sleep(0)
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()
            await asyncio.wait({lost})

            assert 200 == (await client.get(origin.url)).status_code

    with Origin() as origin:
        asyncio.run(main())


@contextmanager
def hole() -> Iterator[str]:
    """Give an address where connects hang: the queue of its listener is full."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        address = listener.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(address)
        yield f"http://127.0.0.1:{address[1]}/"
        for filler in fillers:
            filler.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_loop_that_was_closed_in_the_middle_of_a_dial() -> None:
    """The client works in the next one."""
    client = mooring.AsyncClient()

    async def begin(url: str) -> asyncio.Future[mooring.Response]:
        asking = asyncio.ensure_future(client.get(url))
        for _ in range(5):
            await asyncio.sleep(0)
        return asking

    async def ask() -> int:
        status = (await client.get(origin.url)).status_code
        await client.aclose()
        return status

    with hole() as nowhere, Origin() as origin:
        loop = asyncio.new_event_loop()
        loop.set_exception_handler(lambda loop, context: None)
        asking = loop.run_until_complete(begin(nowhere))
        loop.close()

        assert 200 == asyncio.run(ask())
        assert not asking.done()
        # Here, where it is expected, and not in the middle of another test.
        del asking, loop
        gc.collect()


# -- bodies ------------------------------------------------------------------------


class Plain:
    """Not a stream by its class, only by what it can do."""

    def __iter__(self) -> Iterator[bytes]:
        yield b"abc"

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"abc"


def plain_request(url: str) -> mooring.Request:
    request = mooring.Request("POST", url, headers={"Content-Length": "3"})
    request.stream = cast("mooring.SyncByteStream", Plain())
    return request


def test_a_body_that_only_iterates_is_sent() -> None:
    """Other libraries have stream classes of their own."""
    with Origin() as origin, mooring.Client() as client:
        client.send(plain_request(origin.url))

        assert b"abc" == origin.requests[0].body


def test_a_body_that_only_iterates_is_sent_by_asyncio() -> None:
    """The same, awaited."""

    async def main(url: str) -> None:
        async with mooring.AsyncClient() as client:
            await client.send(plain_request(url))

    with Origin() as origin:
        asyncio.run(main(origin.url))

        assert b"abc" == origin.requests[0].body


# -- threads -----------------------------------------------------------------------


def test_a_response_closed_inside_the_critical_section() -> None:
    """A finalizer that the collector runs there neither waits nor loses the lease."""
    transport = mooring.HTTPTransport()
    with half_a_response() as origin, mooring.Client(transport=transport) as client:
        response = client.send(client.build_request("GET", origin.url), stream=True)
        pool = transport._pool
        assert pool is not None
        pool.alone(response.close)

        assert 200 == client.get(origin.url).status_code
        stats = transport.stats()
        assert stats is not None
        assert 0 == stats.leases


def test_closing_ends_the_pause_between_two_attempts() -> None:
    """The thread that would try again for a minute returns at once."""
    transport = mooring.HTTPTransport(retries=9)
    client = mooring.Client(transport=transport)
    failures: list[Exception] = []

    def ask() -> None:
        try:
            client.get(f"http://127.0.0.1:{port}/")
        except mooring.ConnectError as error:
            failures.append(error)

    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        thread = threading.Thread(target=ask)
        thread.start()
        while (stats := transport.stats()) is None or not stats.dialing:
            pass
        client.close()
        thread.join(LONG)

        assert not thread.is_alive()
        assert "client was closed" in str(failures[0])


def test_no_thread_for_the_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A response is not lost because the pool cannot have its clock."""
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name == "mooring-timer":
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr("mooring._io.timer._timers", _new_timers())
    monkeypatch.setattr(threading.Thread, "start", refuse)
    with Origin() as origin, mooring.Client() as client:
        assert 200 == client.get(origin.url).status_code


def _new_timers() -> object:
    from mooring._io.timer import TimerThread

    return TimerThread()


FORKING = """
import os, sys, mooring
client, url = mooring.Client(), sys.argv[1]
client.get(url)
pid = os.fork()
who = "parent" if pid else "child"
for _ in range(20):
    got = client.get(url + who).text
    if got != "/" + who:
        os._exit(1)
if not pid:
    os._exit(0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


def test_a_forked_child_leaves_the_connections_to_its_parent() -> None:
    """Nobody reads the other's answers, and both go on."""

    def echo(connection: Connection) -> None:
        while (request := connection.request()) is not None:
            connection.respond(request.target.encode())

    with Origin(default=echo) as origin:
        command = [sys.executable, "-W", "ignore", "-c", FORKING, origin.url]
        assert 0 == subprocess.run(command, timeout=LONG, check=False).returncode
        assert 2 == origin.accepted
