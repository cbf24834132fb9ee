"""client.websocket() on real sockets: threads, asyncio, uvloop and trio."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from wsproto.events import (
    BytesMessage,
    CloseConnection,
    Ping,
    Pong,
    TextMessage,
)

import mooring
from tests.integration.io_worlds import client_context, server_context
from tests.integration.servers import LONG, Connection, Ending, Origin, keep_alive
from tests.integration.websocket_peer import (
    Ear,
    echoing,
    opened,
    serving,
    silent,
)
from tests.integration.worlds import EVERYWHERE, World, caller, in_worlds, until

ONE = mooring.Limits(max_connections=1)


def threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name == "mooring-websocket"]


@in_worlds(*EVERYWHERE)
async def test_messages_go_both_ways(world: World) -> None:
    """Text, bytes and JSON; afterwards the slot is free, and no thread is left."""
    with Origin(echoing) as origin:
        async with caller(world, limits=ONE) as client:
            async with opened(client, origin) as ws:
                await ws.call("send_text", "grün")
                assert "grün" == await ws.text(timeout=LONG)
                await ws.call("send_bytes", b"\0\xff")
                assert b"\0\xff" == await ws.call("receive_bytes", LONG)
                await ws.call("send_json", {"a": [1]})
                assert {"a": [1]} == await ws.call("receive_json", LONG)
                await ws.call("send_json", [2], mode="binary")
                assert [2] == await ws.call("receive_json", LONG, "binary")
                await ws.call("send", TextMessage("raw"))
                assert TextMessage("raw") == await ws.call("receive", LONG)
                assert (1, 1) == (client.stats.detached, client.stats.connections)
            assert 0 == client.stats.connections
            assert 200 == (await client.get(origin.url)).status_code
        await until(world, origin, lambda: "closed 1000" in origin.told)
    assert [] == threads()


@in_worlds(*EVERYWHERE)
async def test_over_tls(world: World) -> None:
    """wss:// and a large message, in both directions."""
    with Origin(echoing, context=server_context()) as origin:
        async with (
            caller(world, verify=client_context()) as client,
            opened(client, origin, max_message_size_bytes=1 << 21) as ws,
        ):
            await ws.call("send_bytes", bytes(1 << 20))
            assert bytes(1 << 20) == await ws.call("receive_bytes", LONG)


@in_worlds(*EVERYWHERE)
async def test_the_handshake_is_sent_and_kept(world: World) -> None:
    """Headers and subprotocols go out; the choice and the response are there."""
    script = serving(lambda ear: ear.hear_out(), "Sec-WebSocket-Protocol: b\r\n")
    with Origin(script) as origin:
        async with (
            caller(world) as client,
            opened(
                client,
                origin,
                subprotocols=["a", "b"],
                headers={"X-Mine": "1"},
                params={"q": "2"},
            ) as ws,
        ):
            assert "b" == ws.session.subprotocol
            assert 101 == ws.session.response.status_code
    seen = origin.requests[0]
    assert ("GET", "/?q=2", "1") == (seen.method, seen.target, seen.headers["x-mine"])
    fields = {"connection": "upgrade", "upgrade": "websocket"}
    assert fields == {name: seen.headers[name] for name in fields}
    assert "a, b" == seen.headers["sec-websocket-protocol"]
    assert "13" == seen.headers["sec-websocket-version"]


@in_worlds(*EVERYWHERE)
async def test_another_answer_is_an_error(world: World) -> None:
    """The error has the response, and the connection goes back to the pool."""
    with Origin(keep_alive) as origin:
        async with caller(world, limits=ONE) as client:
            with pytest.raises(mooring.WebSocketUpgradeError, match="status 200") as e:
                async with opened(client, origin):
                    pass
            assert 200 == e.value.response.status_code
            assert e.value.request is e.value.response.request
            assert 0 == client.stats.leases


@in_worlds(*EVERYWHERE)
async def test_a_wrong_accept_is_an_error(world: World) -> None:
    """Somebody answered who does not know WebSockets; the connection is closed."""

    def script(connection: Connection) -> None:
        connection.request()
        connection.send(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
            b"Upgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n"
        )
        connection.until_gone()

    with Origin(script) as origin:
        async with caller(world) as client:
            with pytest.raises(mooring.WebSocketUpgradeError, match="Accept"):
                async with opened(client, origin):
                    pass
            assert 0 == client.stats.connections


@in_worlds(*EVERYWHERE)
async def test_pings_are_answered_with_nobody_receiving(world: World) -> None:
    """And pongs to our own pings are noticed."""

    def script(ear: Ear) -> object:
        ear.send(Ping(b"theirs"))
        heard = {ear.hear(), ear.hear()}
        ear.send(Pong(b"ours"))
        assert {Pong(b"theirs"), Ping(b"ours")} == heard
        return [type(event).__name__ for event in ear.hear_out()]

    with Origin(serving(script)) as origin:
        async with caller(world) as client, opened(client, origin) as ws:
            pong = await ws.call("ping", b"ours")
            assert await ws.wait(pong, LONG)
            assert pong.is_set()
        await until(world, origin, lambda: origin.told)
    assert ["['CloseConnection']"] == origin.told


@in_worlds(*EVERYWHERE)
async def test_the_server_closes(world: World) -> None:
    """What came before is given first; then every call says with which code."""

    def script(ear: Ear) -> object:
        ear.send(TextMessage("last"), CloseConnection(4001, "enough"))
        return ear.hear_out()

    with Origin(serving(script)) as origin:
        async with caller(world) as client:
            async with opened(client, origin) as ws:
                assert "last" == await ws.text(timeout=LONG)
                for _ in range(2):
                    with pytest.raises(mooring.WebSocketDisconnect) as caught:
                        await ws.text(timeout=LONG)
                    assert (4001, "enough") == (caught.value.code, caught.value.reason)
                with pytest.raises(mooring.WebSocketDisconnect):
                    await ws.call("send_text", "too late")
            assert 0 == client.stats.connections
        await until(world, origin, lambda: origin.told)
    assert ["[CloseConnection(code=4001, reason='enough')]"] == [
        text.replace("<CloseReason.", "").split(">")[0] for text in origin.told
    ]


@pytest.mark.parametrize("how", [Ending.FIN, Ending.RST])
@in_worlds(*EVERYWHERE)
async def test_the_connection_breaks(world: World, how: Ending) -> None:
    """Receiving, sending and waiting for a pong all say so, and name the host."""

    def script(ear: Ear) -> None:
        ear.hear()
        ear.connection.close(how)

    with Origin(serving(script)) as origin:
        async with caller(world) as client, opened(client, origin) as ws:
            pong = await ws.call("ping")
            with pytest.raises(mooring.WebSocketNetworkError, match=r"127\.0\.0\.1"):
                await ws.text(timeout=LONG)
            with pytest.raises(mooring.NetworkError):
                await ws.wait(pong)
            with pytest.raises(mooring.WebSocketNetworkError):
                await ws.call("send_bytes", b"x")


@in_worlds(*EVERYWHERE)
async def test_a_message_too_large_closes(world: World) -> None:
    """The receiver and the server learn why."""

    def script(ear: Ear) -> object:
        ear.send(TextMessage("x" * 5))
        return [int(getattr(event, "code", 0)) for event in ear.hear_out()]

    with Origin(serving(script)) as origin:
        async with (
            caller(world) as client,
            opened(client, origin, max_message_size_bytes=4) as ws,
        ):
            with pytest.raises(mooring.WebSocketDisconnect, match="too big") as caught:
                await ws.text(timeout=LONG)
            assert 1009 == caught.value.code
        await until(world, origin, lambda: origin.told)
    assert ["[1009]"] == origin.told


@in_worlds(*EVERYWHERE)
async def test_a_timeout_loses_nothing(world: World) -> None:
    """The next call gets what came later."""
    with Origin(echoing) as origin:
        async with caller(world) as client, opened(client, origin) as ws:
            with pytest.raises(TimeoutError, match=r"no message from 127\.0\.0\.1"):
                await ws.text(timeout=0.01)
            await ws.call("send_text", "x")
            assert "x" == await ws.text(timeout=LONG)


@in_worlds(*EVERYWHERE)
async def test_the_wrong_kind_of_message(world: World) -> None:
    """The error has the message."""
    with Origin(silent) as origin:
        async with caller(world) as client, opened(client, origin) as ws:
            with pytest.raises(mooring.WebSocketInvalidTypeReceived) as caught:
                await ws.call("receive_bytes", LONG)
            assert TextMessage("hello") == caught.value.event


@in_worlds(*EVERYWHERE)
async def test_a_full_queue_stops_the_server(world: World) -> None:
    """Nothing is lost, in whatever order; leaving with a full one does not hang."""

    def script(ear: Ear) -> None:
        ear.send(*[TextMessage(str(n)) for n in range(100)])
        ear.hear_out()

    with Origin(serving(script)) as origin:
        async with (
            caller(world) as client,
            opened(client, origin, queue_size=3) as ws,
        ):
            received = [await ws.text(timeout=LONG) for _ in range(50)]
            assert [str(n) for n in range(50)] == received


@in_worlds(*EVERYWHERE)
async def test_a_server_that_does_not_pong_is_given_up(world: World) -> None:
    """The keep-alive ping of a connection that is dead, with nothing else going on."""
    with Origin(silent) as origin:
        async with (
            caller(world) as client,
            opened(
                client,
                origin,
                keepalive_ping_interval_seconds=0.01,
                keepalive_ping_timeout_seconds=0.01,
            ) as ws,
        ):
            assert "hello" == await ws.text(timeout=LONG)
            with pytest.raises(
                mooring.WebSocketNetworkError, match=r"no pong for 0\.01"
            ):
                await ws.text(timeout=LONG)


@in_worlds(*EVERYWHERE)
async def test_keep_alive_goes_on(world: World) -> None:
    """Pings that are answered are followed by others."""

    def script(ear: Ear) -> None:
        for _ in range(3):
            ping = ear.hear()
            assert isinstance(ping, Ping)
            ear.send(ping.response())
        ear.send(TextMessage("three"))
        ear.hear_out()

    with Origin(serving(script)) as origin:
        async with (
            caller(world) as client,
            opened(client, origin, keepalive_ping_interval_seconds=0.01) as ws,
        ):
            assert "three" == await ws.text(timeout=LONG)


@in_worlds(*EVERYWHERE)
async def test_closing_early_and_twice(world: World) -> None:
    """Code and reason arrive; who still asks gets them too."""
    with Origin(echoing) as origin:
        async with caller(world) as client, opened(client, origin) as ws:
            await ws.call("close", 4000, "done")
            await ws.call("close")
            with pytest.raises(mooring.WebSocketDisconnect) as caught:
                await ws.text()
            assert (4000, "done") == (caught.value.code, caught.value.reason)
        await until(world, origin, lambda: origin.told)
    assert ["closed 4000 done"] == origin.told


@in_worlds(*EVERYWHERE)
async def test_a_server_that_hangs_up_at_our_close(world: World) -> None:
    """It need not say goodbye."""

    def script(ear: Ear) -> None:
        ear.hear()

    with Origin(serving(script)) as origin:
        async with caller(world) as client, opened(client, origin) as ws:
            await ws.call("close", 4000)
            with pytest.raises(mooring.WebSocketDisconnect) as caught:
                await ws.text()
            assert 4000 == caught.value.code


@in_worlds(*EVERYWHERE)
async def test_senders_take_turns(world: World) -> None:
    """Messages of many tasks or threads come whole, pongs between them."""
    many = 8
    size = 200_000

    def script(ear: Ear) -> object:
        ear.send(*[Ping(b"x")] * 3)
        heard: dict[Any, int] = {}
        while sum(heard.values()) < many * size:
            event = ear.hear()
            if isinstance(event, BytesMessage):
                for value in set(bytes(event.data)):
                    heard[value] = heard.get(value, 0) + len(event.data)
        ear.send(TextMessage("all"))
        ear.hear_out()
        return sorted(heard.items())

    with Origin(serving(script)) as origin:
        async with caller(world) as client, opened(client, origin) as ws:
            jobs = [
                world.start(lambda n=n: ws.call("send_bytes", bytes([n]) * size))  # type: ignore[misc]
                for n in range(many)
            ]
            assert [None] * many == [await job.join() for job in jobs]
            assert "all" == await ws.text(timeout=LONG)
        await until(world, origin, lambda: origin.told)
    assert [str([(n, size) for n in range(many)])] == origin.told


def test_the_function_for_a_single_one() -> None:
    """mooring.websocket() has a client for as long as it lasts."""
    with Origin(echoing) as origin:
        url = origin.url.replace("http", "ws", 1)
        with mooring.websocket(url, subprotocols=None) as ws:
            ws.send_text("x")
            assert "x" == ws.receive_text(LONG)
