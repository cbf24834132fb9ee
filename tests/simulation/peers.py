"""What the servers of the simulation do: answers, the same in every world."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias


class Peer(Protocol):
    """A server's end of one connection."""

    async def read(self) -> bytes:
        """Wait for bytes; ``b""`` when the client has gone, in whatever way."""
        ...

    async def write(self, data: bytes) -> None:
        """Send *data*; an ``OSError`` when the client has gone."""
        ...

    async def sleep(self, seconds: float) -> None: ...

    def finish(self) -> None:
        """Send no more, but go on reading."""
        ...

    def close(self) -> None: ...

    def reset(self) -> None:
        """Close in the hard way, where the world has one."""
        ...


@dataclass
class Visit:
    """One request, and the means to answer it."""

    peer: Peer
    connection: int
    """Which connection to this host it came over, counted from 1."""
    number: int
    """Which request of that connection it is, counted from 1."""
    method: str
    target: str
    head: bytes
    body: bytes = b""

    async def respond(
        self, body: bytes = b"ok", status: str = "200 OK", more: str = ""
    ) -> None:
        """Send a whole response; *more* is header lines, each with its end."""
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
        await self.peer.write(head.encode() + body)


Answer: TypeAlias = Callable[[Visit], Coroutine[Any, Any, bool]]
"""Answers one request; says whether the connection is to be kept."""


class Reader:
    """Takes requests from a peer, one after another."""

    def __init__(self, peer: Peer, connection: int) -> None:
        self._peer = peer
        self._connection = connection
        self._data = b""
        self._count = 0

    async def head(self) -> Visit | None:
        """Read the head of the next request; ``None`` at the end."""
        while b"\r\n\r\n" not in self._data:
            if not await self._more():
                return None
        head, _, self._data = self._data.partition(b"\r\n\r\n")
        self._count += 1
        method, target, _ = head.split(b"\r\n")[0].decode().split(" ")
        return Visit(self._peer, self._connection, self._count, method, target, head)

    async def body(self, visit: Visit) -> bool:
        """Read the body that belongs to *visit*. False if it ends too early."""
        fields = visit.head.lower()
        if b"transfer-encoding: chunked" in fields:
            while not self._data.endswith(b"0\r\n\r\n"):
                if not await self._more():
                    return False
            visit.body, self._data = self._data, b""
            return True
        length = 0
        for line in fields.split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        while len(self._data) < length:
            if not await self._more():
                return False
        visit.body, self._data = self._data[:length], self._data[length:]
        return True

    async def _more(self) -> bool:
        data = await self._peer.read()
        self._data += data
        return bool(data)


# -- answers ------------------------------------------------------------------------


async def ok(visit: Visit) -> bool:
    """Answer with a small body and keep the connection."""
    await visit.respond(b"" if visit.method == "HEAD" else b"ok")
    return True


async def slowly(visit: Visit) -> bool:
    """Answer with a chunked body, piece by piece."""
    peer = visit.peer
    await peer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(3):
        await peer.sleep(0.1)
        await peer.write(b"2\r\nok\r\n")
    await peer.write(b"0\r\n\r\n")
    return True


async def until_the_end(visit: Visit) -> bool:
    """Answer with a body that the end of the connection ends."""
    await visit.peer.write(b"HTTP/1.1 200 OK\r\n\r\nok")
    await visit.peer.sleep(0.1)
    return False


async def and_goodbye(visit: Visit) -> bool:
    """Announce the end of the connection, as RFC 9112 section 9.6 asks."""
    await visit.respond(more="Connection: close\r\n")
    return False


async def nothing(visit: Visit) -> bool:
    """Take the request and never answer it."""
    while await visit.peer.read():
        pass
    return False


async def hang_up(visit: Visit) -> bool:
    """Close instead of answering."""
    return False


async def cut_short(visit: Visit) -> bool:
    """Break off in the middle of the body."""
    await visit.peer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsho")
    return False


async def reset_in_the_body(visit: Visit) -> bool:
    """Break off in the middle of the body, and rudely."""
    await visit.peer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsho")
    await visit.peer.sleep(0.1)
    visit.peer.reset()
    return False


async def garbage(visit: Visit) -> bool:
    """Answer with something that is not HTTP."""
    await visit.peer.write(b"220 mail.test ESMTP\r\n")
    return True


async def first_only(visit: Visit) -> bool:
    """Answer the first request of a connection, hang up on the second."""
    return visit.number == 1 and await ok(visit)


async def then_gone(visit: Visit) -> bool:
    """Answer, and close the connection while it rests."""
    await ok(visit)
    await visit.peer.sleep(0.2)
    return False


async def and_more(visit: Visit) -> bool:
    """Answer, and after it send what nobody has asked for, on one connection."""
    await ok(visit)
    if visit.connection == visit.number == 1:
        await visit.peer.sleep(0.2)
        await visit.peer.write(
            b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 4\r\n\r\nevil"
        )
    return True


async def then_half_closed(visit: Visit) -> bool:
    """Answer, and send nothing any more."""
    await ok(visit)
    visit.peer.finish()
    return True


async def after_hints(visit: Visit) -> bool:
    """Send interim responses before the final one."""
    await visit.peer.write(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
    await visit.peer.sleep(0.1)
    await visit.peer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    return await ok(visit)


async def not_modified(visit: Visit) -> bool:
    """Answer without a body, whatever the headers say of one."""
    await visit.peer.write(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n")
    return True


def redirect(target: str) -> Answer:
    """Make an answer that sends the client elsewhere, with a little body."""

    async def answer(visit: Visit) -> bool:
        await visit.respond(b"gone", "302 Found", f"Location: {target}\r\n")
        return True

    return answer


async def challenge(visit: Visit) -> bool:
    """Ask for credentials; be content with any."""
    if b"authorization:" in visit.head.lower():
        return await ok(visit)
    await visit.respond(b"who?", "401 Unauthorized")
    return True
