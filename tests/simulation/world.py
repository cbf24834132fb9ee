"""A client, its pool and the servers it talks to, all on virtual time."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import mooring
from mooring._io.kernel import Kernel, Task
from mooring._io.memory import MemoryBackend, MemoryNetwork, MemoryStream
from tests.unit.pool.invariants import check

Answer = Callable[[bytes, MemoryStream], Coroutine[Any, Any, bool]]


async def read_request(stream: MemoryStream) -> tuple[bytes, bytes] | None:
    """Return head and body of the next request, ``None`` at the end."""
    data = b""
    while b"\r\n\r\n" not in data:
        try:
            more = await stream.read(None)
        except OSError:
            return None
        if not more:
            return None
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    if b"transfer-encoding: chunked" in head.lower():
        while not body.endswith(b"0\r\n\r\n"):
            more = await stream.read(None)
            if not more:
                return None
            body += more
        return head, body
    length = 0
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    while len(body) < length:
        more = await stream.read(None)
        if not more:
            return None
        body += more
    return head, body


class World:
    """Everything one simulated run needs, made afresh for each."""

    def __init__(self, *, seed: int | None = None, limit: int = 2) -> None:
        self.kernel = Kernel(seed)
        self.network = MemoryNetwork(self.kernel)
        self.limit = limit
        self.transport = mooring.AsyncHTTPTransport(
            limits=mooring.Limits(
                max_connections=limit,
                max_keepalive_connections=limit,
                keepalive_expiry=5.0,
            ),
            backend=MemoryBackend(self.network),
        )
        self.client = mooring.AsyncClient(
            transport=self.transport,
            timeout=mooring.Timeout(5.0, pool=None),
            follow_redirects=True,
        )
        self.served: list[bytes] = []
        self.victim: Task | None = None

    def serve(self, host: str, answer: Answer, port: int = 80) -> None:
        """Answer requests to *host* one after another until *answer* says False."""

        async def handle(stream: MemoryStream) -> None:
            while (request := await read_request(stream)) is not None:
                self.served.append(request[0].split(b"\r\n")[0])
                try:
                    if not await answer(request[0], stream):
                        break
                except OSError:
                    break  # the client went away, as it may
            stream.abort()

        self.network.serve(host, port, handle)

    def run(self, main: Coroutine[Any, Any, Any]) -> Any:
        return self.kernel.run(main)

    @property
    def core(self) -> Any:
        pool = self.transport._pool
        assert pool is not None
        return pool._core

    async def aftermath(self) -> None:
        """Whatever happened: nothing is lost, and the pool still serves everybody."""
        await self.settle()
        if self.transport._pool is not None:
            check(self.core)
            stats = self.transport.stats()
            assert stats is not None
            assert 0 == stats.leases, stats
            assert 0 == stats.queued, stats
            assert 0 == stats.dialing, stats
            assert len(self.network.open) == stats.connections, stats
        self.network.fail_after = None
        self.serve("after.test", ok)
        tasks = [
            self.kernel.spawn(self.client.get("http://after.test/"), f"after {n}")
            for n in range(self.limit + 1)
        ]
        for task in tasks:
            await task.join()
            assert task.error is None, repr(task.error)
        assert self.network.most_open <= self.limit
        await self.client.aclose()
        await self.settle()
        assert not self.network.open

    async def settle(self) -> None:
        """Let everything happen that is going to happen by itself.

        A dial that nobody waits for any more may go on until its connect timeout.
        """
        await self.kernel.sleep(1.0)
        stats = self.transport.stats()
        if stats is not None and stats.dialing:
            await self.kernel.sleep(6.0)


async def ok(head: bytes, stream: MemoryStream) -> bool:
    """Answer with a small body and keep the connection."""
    await stream.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", None)
    return True
