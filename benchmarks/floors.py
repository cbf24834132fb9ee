"""The floor: a GET with nothing around it, as fast as Python with llhttp can.

No errors, no limits, no timeouts, no headers looked at. A client that does its
work cannot be faster; how close it comes is the measure.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from typing import cast
from urllib.parse import urlsplit

import httptools

HEAD = (
    b"GET / HTTP/1.1\r\nHost: %b\r\nAccept: */*\r\n"
    b"Accept-Encoding: gzip, deflate\r\nConnection: keep-alive\r\n"
    b"User-Agent: floor/0\r\n\r\n"
)


class _Parsed:
    """What the parser calls back."""

    def __init__(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self.body = b""
        self.done = False

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.done = True


class _Wire(asyncio.Protocol, _Parsed):
    """One connection, one future per response."""

    transport: asyncio.WriteTransport

    def __init__(self) -> None:
        _Parsed.__init__(self)
        self.loop = asyncio.get_running_loop()
        self.waiter: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # A cast, because uvloop's transports are not subclasses of asyncio's.
        self.transport = cast("asyncio.WriteTransport", transport)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_complete(self) -> None:
        assert self.waiter is not None
        self.waiter.set_result(None)


class AsyncFloor:
    """As many wires as *connections*, handed from one request to the next."""

    def __init__(self, url: str, connections: int) -> None:
        parts = urlsplit(url)
        assert parts.port is not None
        self._port = parts.port
        self._head = HEAD % parts.netloc.encode()
        self._free = connections
        self._idle: list[_Wire] = []
        self._waiting: deque[asyncio.Future[_Wire]] = deque()

    async def get(self) -> bytes:
        wire = await self._wire()
        wire.body = b""
        wire.waiter = wire.loop.create_future()
        wire.transport.write(self._head)
        await wire.waiter
        body = wire.body
        if self._waiting:
            self._waiting.popleft().set_result(wire)
        else:
            self._idle.append(wire)
        return body

    async def _wire(self) -> _Wire:
        if self._idle:
            return self._idle.pop()
        loop = asyncio.get_running_loop()
        if self._free:
            self._free -= 1
            _, wire = await loop.create_connection(_Wire, "127.0.0.1", self._port)
            return wire
        waiter: asyncio.Future[_Wire] = loop.create_future()
        self._waiting.append(waiter)
        return await waiter


class SyncFloor:
    """One blocking socket."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.port is not None
        self._head = HEAD % parts.netloc.encode()
        self._socket = socket.create_connection(("127.0.0.1", parts.port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._parsed = _Parsed()

    def get(self) -> bytes:
        parsed = self._parsed
        parsed.done, parsed.body = False, b""
        self._socket.sendall(self._head)
        while not parsed.done:
            parsed.parser.feed_data(self._socket.recv(65536))
        return parsed.body
