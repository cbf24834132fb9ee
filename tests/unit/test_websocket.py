"""client.websocket() over mock transports, and what it raises."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import pickle
import queue
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest
import trio
from wsproto import ConnectionType
from wsproto.connection import Connection
from wsproto.events import CloseConnection, Event, TextMessage

import mooring
from tests.unit.client_worlds import World

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
URL = "ws://a.test/chat"


class Wire:
    """A network stream that is none of ours: the server answers within ``write``."""

    def __init__(self, *greeting: Event, error: Exception | None = None) -> None:
        self.peer = Connection(ConnectionType.SERVER)
        self.heard: list[Event] = []
        self.closed = 0
        self.error = error
        self._arrived: deque[bytes] = deque(bytes(self.peer.send(e)) for e in greeting)
        self._news: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._waiting: Any = None

    def take(self) -> bytes | None:
        if self._arrived:
            return self._arrived.popleft()
        if self.error is not None:
            raise self.error
        return b"" if self.closed else None

    def tell(self) -> None:
        self._news.put(None)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self.peer.receive_data(buffer)
        for event in self.peer.events():
            self.heard.append(event)
            if isinstance(event, CloseConnection):
                self._arrived.append(bytes(self.peer.send(event.response())))
            else:
                self._arrived.append(bytes(self.peer.send(event)))
        self.tell()

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        while (data := self.take()) is None:
            self._news.get()
        return data

    def close(self) -> None:
        self.closed += 1
        self.tell()


class AsyncWire:
    """The same, for event loops."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self.wire.write(buffer, timeout)

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        from mooring._io.current import current_async_backend

        waiter = current_async_backend().waiter()
        self.wire.tell = waiter.wake  # type: ignore[method-assign]
        while (data := self.wire.take()) is None:
            await waiter.wait(None)
        return data

    async def aclose(self) -> None:
        self.wire.close()


class Site:
    """Upgrades every request; remembers them."""

    def __init__(self, world: World, wire: Wire, **fields: str) -> None:
        self.stream = AsyncWire(wire) if world.is_async else wire
        self.fields = fields
        self.requests: list[mooring.Request] = []

    def __call__(self, request: mooring.Request) -> mooring.Response:
        self.requests.append(request)
        key = request.headers["sec-websocket-key"] + GUID
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        fields = {"Sec-WebSocket-Accept": accept, **self.fields}
        extensions = {"network_stream": self.stream}
        return mooring.Response(101, headers=fields, extensions=extensions)


def use(
    world: World,
    site: Any,
    *calls: tuple[Any, ...],
    url: str = URL,
    settings: dict[str, Any] | None = None,
    **options: Any,
) -> list[Any]:
    """Open a WebSocket, call its methods one after the other, return the outcomes."""
    client = world.client(site, **(settings or {}))

    async def outcomes() -> list[Any]:
        async with client, client.websocket(url, **options) as ws:
            return [await getattr(ws, name)(*args) for name, *args in calls]

    def sync_outcomes() -> list[Any]:
        with client, client.websocket(url, **options) as ws:
            return [getattr(ws, name)(*args) for name, *args in calls]

    found = world.run(outcomes if world.is_async else sync_outcomes)
    assert isinstance(found, list)
    return found


def test_a_stream_that_is_not_ours(world: World) -> None:
    """Whatever a transport hands over will do; it is closed at the end."""
    wire = Wire(TextMessage("hi"))

    assert ["hi", None, "x"] == use(
        world,
        Site(world, wire),
        ("receive_text",),
        ("send_text", "x"),
        ("receive_text",),
    )
    assert CloseConnection(1000, "") == wire.heard[-1]
    assert wire.closed


@pytest.mark.parametrize(
    ("url", "base", "sent"),
    [
        ("ws://a.test/chat", "", "http://a.test/chat"),
        ("wss://a.test:444/", "", "https://a.test:444/"),
        ("http://a.test/", "", "http://a.test/"),
        ("/chat", "https://a.test/v1", "https://a.test/v1/chat"),
        ("chat", "wss://a.test/v1", "https://a.test/v1/chat"),
    ],
)
def test_urls(world: World, url: str, base: str, sent: str) -> None:
    """ws and wss stand for http and https; a relative one is merged."""
    site = Site(world, Wire())
    use(world, site, url=url, settings={"base_url": base})

    assert [sent] == [str(request.url) for request in site.requests]


def test_the_settings_of_the_client_apply(world: World) -> None:
    """Headers, cookies, parameters and auth, as for any request."""
    site = Site(world, Wire())
    settings = {
        "headers": {"X-A": "1"},
        "cookies": {"c": "2"},
        "params": {"p": "3"},
        "auth": ("u", "p"),
    }
    use(world, site, settings=settings, params={"q": "4"})
    (sent,) = site.requests

    assert ("1", "c=2") == (sent.headers["x-a"], sent.headers["cookie"])
    assert sent.headers["authorization"].startswith("Basic ")
    assert b"p=3&q=4" == sent.url.query
    assert "Upgrade" == sent.headers["connection"]


def test_every_handshake_has_a_key_of_its_own(world: World) -> None:
    """As RFC 6455 asks."""
    site = Site(world, Wire())
    use(world, site)
    second = Site(world, Wire())
    use(world, second)

    keys = [r.headers["sec-websocket-key"] for r in site.requests + second.requests]
    assert 2 == len(set(keys))


def test_redirects_are_followed_if_asked(world: World) -> None:
    """With the handshake in each request."""
    site = Site(world, Wire())

    def handler(request: mooring.Request) -> mooring.Response:
        if request.url.path == "/chat":
            return mooring.Response(302, headers={"Location": "/other"})
        return site(request)

    use(world, handler, follow_redirects=True)
    assert ["/other"] == [request.url.path for request in site.requests]
    with pytest.raises(mooring.WebSocketUpgradeError, match="status 302"):
        use(world, handler)


def test_what_any_stream_raises_is_an_error_of_ours(world: World) -> None:
    """The cause is there, and its words."""
    site = Site(world, Wire(error=ValueError("odd")))

    with pytest.raises(mooring.WebSocketNetworkError, match=r"a\.test broke: odd") as e:
        use(world, site, ("receive",))
    assert isinstance(e.value.__cause__, ValueError)


def test_a_subprotocol_that_was_not_offered(world: World) -> None:
    """It fails the handshake, and the stream is closed."""
    site = Site(world, Wire(), **{"Sec-WebSocket-Protocol": "x"})

    with pytest.raises(mooring.WebSocketUpgradeError, match="subprotocol 'x'"):
        use(world, site)


def test_what_wsproto_does_not_send(world: World) -> None:
    """The WebSocket lives on."""
    with pytest.raises(mooring.LocalProtocolError, match="too long"):
        use(world, Site(world, Wire()), ("ping", bytes(126)))
    with pytest.raises(ValueError, match="not 'bytes'"):
        use(world, Site(world, Wire()), ("send_json", {}, "bytes"))


def test_a_goodbye_that_cannot_be_sent(world: World) -> None:
    """It was meant to be the end anyway."""
    wire = Wire()
    wire.peer.receive_data(None)  # from now on it takes nothing

    assert [] == use(world, Site(world, wire))
    assert wire.closed


def test_a_transport_that_hands_nothing_over(world: World) -> None:
    """101 alone is no WebSocket."""
    site = Site(world, Wire())

    def handler(request: mooring.Request) -> mooring.Response:
        return mooring.Response(101, headers=site(request).headers)

    with pytest.raises(mooring.WebSocketUpgradeError, match="a transport without"):
        use(world, handler)


class SlowWire(AsyncWire):
    """One that suspends in everything it does."""

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await turn()
        await super().write(buffer, timeout)

    async def aclose(self) -> None:
        await super().aclose()
        await turn()


async def turn() -> None:
    await trio.lowlevel.checkpoint() if in_trio() else await asyncio.sleep(0)


def in_trio() -> bool:
    try:
        return trio.lowlevel.current_task() is not None
    except RuntimeError:
        return False


async def cancelled_after(turns: int, use: Callable[[], Any]) -> bool:
    """Run *use*, cancel it so many turns later; say whether it had ended."""
    if not in_trio():
        task = asyncio.create_task(use())
        for _ in range(turns):
            await turn()
        task.cancel()
        await asyncio.wait([task])
        return not task.cancelled() and task.result() is None
    ended = False
    async with trio.open_nursery() as nursery:

        async def run() -> None:
            nonlocal ended
            await use()
            ended = True

        nursery.start_soon(run)
        for _ in range(turns):
            await turn()
        nursery.cancel_scope.cancel()
    return ended


def helpers() -> list[str]:
    """Tasks that read WebSockets."""
    if in_trio():
        root = trio.lowlevel.current_root_task()
        assert root is not None
        names = [t.name for n in root.child_nurseries for t in n.child_tasks]
    else:
        names = [task.get_name() for task in asyncio.all_tasks()]
    return [name for name in names if name == "mooring-websocket"]


@pytest.mark.parametrize("name", ["asyncio", "trio"])
def test_cancelled_at_every_await(name: str) -> None:
    """Nowhere does a task stay behind, or the stream open."""
    world = World(name)

    async def main() -> int:
        turns = 0
        while True:
            wire = Wire(TextMessage("hi"))
            site = Site(world, wire)
            site.stream = SlowWire(wire)

            async def use(site: Site = site) -> None:
                async with world.client(site) as client, client.websocket(URL) as ws:
                    await ws.receive_text()
                    pong = await ws.ping(b"1")
                    await ws.send_text("x")
                    await ws.receive_text()
                    pong.set()
                    assert await pong.wait()
                    with pytest.raises(TimeoutError):
                        await ws.receive(timeout=0)

            ended = await cancelled_after(turns, use)
            assert [] == helpers()
            assert wire.closed or not site.requests
            if ended:
                return turns
            turns += 1

    assert world.run(main) > 10


ERRORS = [
    mooring.WebSocketUpgradeError(mooring.Response(403)),
    mooring.WebSocketUpgradeError(mooring.Response(101), "answered oddly"),
    mooring.WebSocketDisconnect(),
    mooring.WebSocketDisconnect(1001, "going away"),
    mooring.WebSocketInvalidTypeReceived(TextMessage("x")),
    mooring.WebSocketNetworkError(),
]


@pytest.mark.parametrize("error", ERRORS)
def test_errors(error: mooring.WebSocketError) -> None:
    """They have a text of one line, a home and an exit code, and can be pickled."""
    copy = pickle.loads(pickle.dumps(error))

    assert isinstance(error, mooring.WebSocketError)
    assert [str(error)] == str(copy).splitlines()
    assert type(error) is type(copy)
    assert "mooring" == type(error).__module__
    assert error.exit_code > 0


def test_the_codes_of_a_disconnect_are_those_of_httpx2() -> None:
    """A number and a text, with its defaults."""
    error = mooring.WebSocketDisconnect()

    assert (1000, "") == (error.code, error.reason)


def test_without_wsproto() -> None:
    """The error says what to install, and nothing is sent; the names are there."""
    program = """
import sys
sys.modules["wsproto"] = None
from mooring import *
import mooring
try:
    with mooring.Client(transport=mooring.MockTransport(exit)) as client:
        client.websocket("ws://a.test").__enter__()
except ImportError as error:
    print(error)
"""
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert "pip install 'mooring[ws]'" in answer.stdout
