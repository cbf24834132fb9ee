"""The server's end of a WebSocket for scripts, and a client's end for every world."""

from __future__ import annotations

import base64
import hashlib
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from wsproto import ConnectionType
from wsproto.connection import Connection as Frames
from wsproto.connection import ConnectionState
from wsproto.events import CloseConnection, Event, Ping, Pong, TextMessage

import mooring
from tests.integration.servers import Connection, Origin, Script
from tests.integration.worlds import Caller

__all__ = ["Ear", "Session", "echoing", "opened", "serving", "silent"]

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Ear:
    """A scripted server after the handshake: events in and out."""

    def __init__(self, connection: Connection, fields: str = "") -> None:
        self.connection = connection
        if connection.request() is None:
            raise ConnectionError("the client left")
        self.key = self._original_key()
        digest = hashlib.sha1((self.key + GUID).encode()).digest()
        connection.send(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
            b"Upgrade: websocket\r\nSec-WebSocket-Accept: "
            + base64.b64encode(digest)
            + f"\r\n{fields}\r\n".encode()
        )
        self.frames = Frames(ConnectionType.SERVER)
        self._seen = len(connection.received)
        self._events: deque[Event] = deque()

    def _original_key(self) -> str:
        head = bytes(self.connection.received).decode()
        lines = [line.partition(": ") for line in head.split("\r\n")]
        return next(v for name, _, v in lines if name.lower() == "sec-websocket-key")

    def send(self, *events: Event) -> None:
        self.connection.send(b"".join(bytes(self.frames.send(e)) for e in events))

    def hear(self) -> Event | None:
        """Return the next event; ``None`` when the client is gone."""
        while not self._events:
            if not self.connection.receive():
                return None
            self.frames.receive_data(bytes(self.connection.received[self._seen :]))
            self._seen = len(self.connection.received)
            self._events += self.frames.events()
        return self._events.popleft()

    def hear_out(self) -> list[Event]:
        """Return all events until the client is gone; answer its close."""
        heard = []
        while (event := self.hear()) is not None:
            heard.append(event)
            if self.frames.state is ConnectionState.REMOTE_CLOSING:
                self.send(CloseConnection(1000))
        return heard


def serving(script: Callable[[Ear], object], fields: str = "") -> Script:
    """Shake hands and run *script*; what it returns is told, as text."""

    def run(connection: Connection) -> None:
        connection.tell(str(script(Ear(connection, fields))))

    return run


def echo(ear: Ear) -> str:
    """Send back messages, answer pings, until it is closed; say with which code."""
    while (event := ear.hear()) is not None:
        if isinstance(event, Ping):
            ear.send(event.response())
        elif isinstance(event, CloseConnection):
            ear.send(event.response())
            ear.hear_out()
            return f"closed {int(event.code)} {event.reason or ''}".strip()
        elif not isinstance(event, Pong):
            ear.send(event)
    return "gone"


def listen(ear: Ear) -> str:
    """Say hello, then nothing but goodbye; no pongs either."""
    ear.send(TextMessage("hello"))
    ear.hear_out()
    return "gone"


echoing = serving(echo)
silent = serving(listen)


class Session:
    """A session whose methods are awaited in every world."""

    def __init__(self, client: Caller, session: Any) -> None:
        self._client = client
        self.session = session

    async def _done(self, outcome: Any) -> Any:
        return outcome if self._client.is_sync else await outcome

    async def call(self, name: str, *args: Any, **options: Any) -> Any:
        return await self._done(getattr(self.session, name)(*args, **options))

    async def wait(self, pong: Any, timeout: float | None = None) -> Any:
        return await self._done(pong.wait(timeout))

    async def text(self, **options: Any) -> Any:
        return await self.call("receive_text", **options)


@asynccontextmanager
async def opened(
    client: Caller, origin: Origin, **options: Any
) -> AsyncIterator[Session]:
    """Open a WebSocket to *origin*."""
    manager = client.client.websocket(origin.url.replace("http", "ws", 1), **options)
    if client.is_sync:
        with manager as session:
            assert isinstance(session, mooring.WebSocketSession)
            yield Session(client, session)
    else:
        async with manager as session:
            assert isinstance(session, mooring.AsyncWebSocketSession)
            yield Session(client, session)
