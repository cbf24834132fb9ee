"""Five origins that misbehave, each in its way, in a process of their own.

What a request gets is told by its target, ``/<what>/<number>/<size>?ms=<delay>``, so
that who asks knows which errors to expect. Run as a program it prints its ports.
"""

from __future__ import annotations

import asyncio
import json
import random
import socket
import struct
import sys
from collections.abc import Callable
from enum import Enum

STEADY, SLOW, RESETTING, CLOSING, RESTARTING = range(5)
BACKLOG = 512
HASTE_SECONDS = 0.06
"""A connection that is going to be closed at rest is closed this soon."""
UP_SECONDS = (2.0, 6.0)
DOWN_SECONDS = (0.02, 0.3)
SMALL = 10_000


class End(Enum):
    """How a server leaves."""

    FIN = "fin"
    RST = "rst"


AT_REST = {RESETTING: End.RST, CLOSING: End.FIN}


def body_of(number: int, size: int) -> bytes:
    """Return the one right body of *size* bytes for request *number*."""
    text = b"%d;" % number
    return (text * (size // len(text) + 1))[:size]


class Left(Exception):
    """The script of this connection is over, and so is the connection."""


class Peer:
    """One accepted connection."""

    def __init__(
        self,
        origin: int,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        dice: random.Random,
    ) -> None:
        self._origin = origin
        self._reader = reader
        self._writer = writer
        self._dice = dice

    async def serve(self) -> None:
        """Answer until somebody has had enough."""
        try:
            patience = None
            while True:
                what, number, size, delay = await self._request(patience)
                await getattr(self, what)(body_of(number, size), delay)
                patience = self._patience(size)
        except (Left, asyncio.IncompleteReadError, OSError):
            pass
        finally:
            self.leave(End.FIN)

    def leave(self, how: End) -> None:
        """Close, or reset, now."""
        if how is End.RST:
            sock = self._writer.get_extra_info("socket")
            if sock.fileno() >= 0:
                linger = struct.pack("ii", 1, 0)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self._writer.transport.abort()
        else:
            self._writer.close()

    def _patience(self, size: int) -> float | None:
        """Return how long to wait for another request before leaving, if at all.

        Not after a large answer: a reset would take back what is still on its way.
        """
        is_leaving = self._origin in AT_REST and size < SMALL
        if is_leaving and self._dice.random() < 0.5:
            return self._dice.uniform(0, HASTE_SECONDS)
        return None

    async def _request(self, patience: float | None) -> tuple[str, int, int, float]:
        try:
            async with asyncio.timeout(patience):
                head = await self._reader.readuntil(b"\r\n\r\n")
        except TimeoutError:
            self.leave(AT_REST[self._origin])
            raise Left from None
        _, _, rest = head.lower().partition(b"\r\ncontent-length: ")
        if rest:
            await self._reader.readexactly(int(rest.split(b"\r\n", 1)[0]))
        target, _, query = head.split(b" ", 2)[1].decode("ascii").partition("?ms=")
        _, what, number, size = target.split("/")
        return what, int(number), int(size), int(query or 0) / 1000

    def _head(self, size: int) -> None:
        self._writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)

    # -- what a target may ask for --------------------------------------------------

    async def plain(self, body: bytes, delay: float) -> None:
        """Answer after *delay* seconds, all at once."""
        if delay:
            await asyncio.sleep(delay)
        self._head(len(body))
        self._writer.write(body)
        await self._writer.drain()

    async def chunked(self, body: bytes, delay: float) -> None:
        """Answer in chunks."""
        self._writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        middle = len(body) // 2
        for piece in (body[:middle], body[middle:]):
            if piece:
                self._writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        self._writer.write(b"0\r\n\r\n")
        await self._writer.drain()

    async def drip(self, body: bytes, delay: float) -> None:
        """Send the head, then the body in five pieces, *delay* seconds in all."""
        self._head(len(body))
        step = len(body) // 5 + 1
        for at in range(0, len(body), step):
            await asyncio.sleep(delay / 5)
            self._writer.write(body[at : at + step])
            await self._writer.drain()

    async def last(self, body: bytes, delay: float) -> None:
        """Answer, saying that this was the last answer of the connection."""
        self._writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + body)
        raise Left

    async def nothing(self, body: bytes, delay: float) -> None:
        """Leave without a word."""
        self.leave(AT_REST.get(self._origin, End.FIN))
        raise Left

    async def cut(self, body: bytes, delay: float) -> None:
        """Leave in the middle of the body."""
        self._head(len(body))
        self._writer.write(body[: len(body) // 2])
        await self._writer.drain()
        await asyncio.sleep(delay)
        self.leave(AT_REST.get(self._origin, End.FIN))
        raise Left


class Server:
    """One listening port and its connections."""

    def __init__(self, origin: int, dice: random.Random) -> None:
        self._origin = origin
        self._dice = dice
        self._peers: set[Peer] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    async def start(self) -> None:
        """Listen; on the same port as before, if there was one."""
        self._server = await asyncio.start_server(
            self._accepted, "127.0.0.1", self.port, backlog=BACKLOG
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def _accepted(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        peer = Peer(self._origin, reader, writer, self._dice)
        self._peers.add(peer)
        try:
            await peer.serve()
        finally:
            self._peers.discard(peer)

    async def restart_for_ever(self) -> None:
        """Go down, with every connection, and come back; again and again."""
        while True:
            await asyncio.sleep(self._dice.uniform(*UP_SECONDS))
            assert self._server is not None
            self._server.close()
            how = self._dice.choice(list(End))
            for peer in self._peers:
                peer.leave(how)
            await asyncio.sleep(self._dice.uniform(*DOWN_SECONDS))
            await self.start()


async def serve(seed: int, ready: Callable[[list[int]], None]) -> None:
    """Serve for ever; *ready* is told the ports, in the order of the names above."""
    dice = random.Random(seed)
    servers = [Server(origin, dice) for origin in range(5)]
    for server in servers:
        await server.start()
    ready([server.port for server in servers])
    await servers[RESTARTING].restart_for_ever()


def main() -> None:
    """Tell the ports, and serve until the parent closes our standard input."""

    def ready(ports: list[int]) -> None:
        sys.stdout.write(json.dumps(ports) + "\n")
        sys.stdout.flush()

    async def until_told() -> None:
        serving = asyncio.create_task(serve(int(sys.argv[1]), ready))
        told = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
        await asyncio.wait({serving, told}, return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            serving.result()
        serving.cancel()

    asyncio.run(until_told())


if __name__ == "__main__":
    main()
