"""encode/httpx#1395 and #327: idle connections that expire, or that the server ends."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

import mooring
from tests.integration.io_worlds import client_context, server_context
from tests.integration.servers import (
    Connection,
    Ending,
    Gate,
    Origin,
    Script,
    client_sockets,
    established,
    in_company_of,
    raw,
)
from tests.integration.worlds import (
    ALL,
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
    with Origin(default=in_company_of(10)) as origin:
        async with caller(world, limits=limits(EXPIRY)) as client:
            url = origin.url + "together"
            await at_once(world, [lambda: client.get(url)] * 10)
            await until(
                world, origin, lambda: origin.accepted == 10 and not origin.open
            )

            assert [Ending.FIN] * 10 == origin.endings()
            assert 200 == (await client.get(origin.url)).status_code


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
            await until(world, clock, lambda: clock.accepted and not clock.open)
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
    gate = Gate()

    def slow(connection: Connection) -> None:
        connection.request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nsl")
        connection.hold(gate)
        connection.send(b"ow")
        connection.until_gone()

    with gate, Origin(slow) as origin, Origin() as clock:
        async with (
            caller(world, limits=limits(EXPIRY)) as client,
            client.stream("GET", origin.url) as response,
        ):
            await client.get(clock.url)
            await until(world, clock, lambda: clock.accepted and not clock.open)
            gate.open()

            assert b"slow" == await client.read(response)


def test_1395_the_default_is_five_seconds() -> None:
    """Without any limits given, idle connections go after five seconds, everywhere."""

    async def scenario(world: World) -> None:
        with Origin() as origin:
            async with caller(world) as client:
                await client.get(origin.url)
                await until(world, origin, lambda: origin.endings() == [Ending.FIN])

                connection = origin.connections[0]
                lived[world.name] = connection.ended_at - connection.answered_at

    lived: dict[str, float] = {}
    threads = [threading.Thread(target=world().run, args=(scenario,)) for world in ALL]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {world.name for world in ALL} == set(lived)
    assert 5.0 <= min(lived.values())


# -- #327 --------------------------------------------------------------------------


@ENDINGS
@in_worlds(*EVERYWHERE)
async def test_327_a_restart_between_two_requests(world: World, how: Ending) -> None:
    """The next request, of whatever method, goes out on a fresh connection."""
    with Origin() as origin:
        async with caller(world) as client:
            for method in ("GET", "POST"):
                await client.get(origin.url)
                origin.restart(how)
                await world.settle()
                await client.request(method, origin.url + "after")

            assert ["/after", "/after"] == [t for t in origin.targets() if t != "/"]
            assert 0 == client.stats.retries


@ENDINGS
@in_worlds(*EVERYWHERE)
async def test_327_a_restart_while_the_loop_is_blocked(
    world: World, how: Ending
) -> None:
    """Nobody had a chance to notice, and still nothing is written to a dead end."""
    with Origin() as origin:
        async with caller(world) as client:
            for method in ("GET", "POST"):
                await client.get(origin.url)
                origin.restart(how)  # blocks this thread, and no await follows
                await client.request(method, origin.url + "after", content=b"x")

            assert ["/after", "/after"] == [t for t in origin.targets() if t != "/"]
            assert 0 == client.stats.retries


@ENDINGS
@in_worlds(*EVERYWHERE)
async def test_327_many_stale_connections_in_a_row(world: World, how: Ending) -> None:
    """All that died are passed over; a POST is still sent exactly once."""
    with Origin(default=in_company_of(10)) as origin:
        async with caller(world) as client:
            url = origin.url + "together"
            await at_once(world, [lambda: client.get(url)] * 10)
            origin.restart(how)
            await client.post(origin.url + "after", content=b"x")

            assert 1 == origin.targets().count("/after")
            assert 1 == client.stats.connections
            assert 11 == origin.accepted


def dying(how: Ending) -> Script:
    """Answer one request; end the connection on the next, when all of it is there."""

    def script(connection: Connection) -> None:
        connection.request()
        connection.respond()
        connection.request()
        connection.close(how)

    return script


def dying_unread(how: Ending) -> Script:
    """Answer one request; end the connection when the next arrives, unread."""

    def script(connection: Connection) -> None:
        connection.request()
        connection.respond()
        connection.wait()
        connection.close(how)

    return script


DEATHS = pytest.mark.parametrize("death", [dying, dying_unread])


@DEATHS
@ENDINGS
@in_worlds(*EVERYWHERE)
async def test_327_a_get_is_repeated_when_the_server_closes_at_the_write(
    world: World, how: Ending, death: Callable[[Ending], Script]
) -> None:
    """The caller sees the answer and nothing else."""
    with Origin(death(how)) as origin:
        async with caller(world) as client:
            await client.get(origin.url)
            response = await client.get(origin.url + "after")

            assert 200 == response.status_code
            assert 2 == origin.accepted
            assert 1 == client.stats.retries
            assert 1 == client.stats.connections


@DEATHS
@ENDINGS
@in_worlds(*EVERYWHERE)
async def test_327_a_post_is_never_sent_twice(
    world: World, how: Ending, death: Callable[[Ending], Script]
) -> None:
    """A POST lost on a reused connection is an error that explains itself."""
    with Origin(death(how)) as origin:
        async with caller(world) as client:
            await client.get(origin.url)
            with pytest.raises(BROKEN) as caught:
                await client.post(origin.url + "after", content=b"x")

            assert 1 == origin.accepted
            assert origin.targets().count("/after") <= 1
            assert ["may have been processed" in note for note in notes(caught)] == [
                True
            ]
            assert f"127.0.0.1:{origin.port}" in str(caught.value)
            assert 0 == client.stats.connections
            assert 200 == (await client.post(origin.url)).status_code


@ENDINGS
@in_worlds(*ALL)
async def test_327_a_put_is_repeated_with_its_body(world: World, how: Ending) -> None:
    """Idempotent and with a body that can be sent again: it is."""
    with Origin(dying(how)) as origin:
        async with caller(world) as client:
            await client.get(origin.url)
            await client.request("PUT", origin.url + "after", content=b"whole")

            assert [b"whole"] * 2 == [seen.body for seen in origin.requests[1:]]


@ENDINGS
@in_worlds(*ALL)
async def test_327_a_body_that_flows_once_is_not_repeated(
    world: World, how: Ending
) -> None:
    """A generator that was begun cannot be sent again, so the error is the caller's."""
    with Origin(dying(how)) as origin:
        async with caller(world) as client:
            await client.get(origin.url)
            with pytest.raises(BROKEN):
                await client.request(
                    "PUT",
                    origin.url,
                    content=client.body([b"who", b"le"]),
                    headers={"Content-Length": "5"},
                )

            assert 1 == origin.accepted
            assert 0 == client.stats.connections


@in_worlds(*ALL)
async def test_327_a_fresh_connection_that_dies_is_not_tried_again(
    world: World,
) -> None:
    """Only a connection that was kept alive can have been closed by chance."""
    with Origin(default=raw()) as origin:
        async with caller(world) as client:
            with pytest.raises(mooring.RemoteProtocolError):
                await client.get(origin.url)

            assert 1 == origin.accepted


@in_worlds(*EVERYWHERE)
async def test_327_bytes_on_an_idle_connection_answer_nobody(world: World) -> None:
    """A 408 that comes unasked is not taken for the next response."""

    def times_out(connection: Connection) -> None:
        connection.request()
        connection.respond()
        connection.respond(status="408 Request Timeout")
        connection.tell("timed out")
        connection.until_gone()

    with Origin(times_out) as origin:
        async with caller(world) as client:
            await client.get(origin.url)
            origin.wait_until(lambda: origin.told)
            response = await client.get(origin.url)

            assert 200 == response.status_code


@in_worlds(*EVERYWHERE)
async def test_327_a_half_closed_connection_is_not_reused(world: World) -> None:
    """A server that shut its sending side after a response cannot answer again."""

    def half_closes(connection: Connection) -> None:
        connection.request()
        connection.respond()
        connection.half_close()
        connection.until_gone()

    with Origin(half_closes) as origin:
        async with caller(world) as client:
            await client.get(origin.url)
            await eventually(world, lambda: not established(origin.port))
            await client.post(origin.url, content=b"x")

            assert [0, 1] == [seen.connection for seen in origin.requests]


@in_worlds(*EVERYWHERE)
async def test_327_over_tls_with_the_loop_blocked(world: World) -> None:
    """Encrypted connections are looked at just as closely before a POST."""
    with Origin(context=server_context()) as origin:
        async with caller(world, verify=client_context()) as client:
            await client.get(origin.url)
            origin.restart(Ending.FIN)
            await client.post(origin.url, content=b"x")

            assert [0, 1] == [seen.connection for seen in origin.requests]
            assert 0 == client.stats.retries


@in_worlds(*EVERYWHERE)
async def test_327_session_tickets_do_not_end_a_connection(world: World) -> None:
    """What TLS says to itself after the handshake is no reason not to reuse."""
    with Origin(context=server_context()) as origin:
        async with caller(world, verify=client_context()) as client:
            for _ in range(3):
                await client.get(origin.url)

            assert 1 == origin.accepted


def notes(caught: pytest.ExceptionInfo[BaseException]) -> list[str]:
    return list(getattr(caught.value, "__notes__", []))
