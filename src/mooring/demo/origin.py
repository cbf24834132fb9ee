"""The demo's own origin server, in a process that can be killed and replaced.

The parent holds the listening socket: while no child lives, the kernel still takes
connections, and the next child accepts them. Nobody is ever refused.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import socket
import threading
from types import TracebackType
from typing import Self

LISTEN_BACKLOG = 1024


def answer_to(number: int) -> bytes:
    """Return the one right body for request *number*."""
    return f"answer {number} = {number * 2_654_435_761 % 2**32:08x}\n".encode()


class Origin:
    """A listening socket of ours and the child process that serves it."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=LISTEN_BACKLOG)
        self.port: int = self._listener.getsockname()[1]
        # Not fork: the parent may have threads and an event loop.
        self._context = multiprocessing.get_context("spawn")
        self._child = self._start()

    def _start(self) -> multiprocessing.process.BaseProcess:
        child = self._context.Process(
            target=serve, args=(self._listener,), daemon=True, name="demo origin"
        )
        child.start()
        return child

    def restart(self) -> None:
        """Kill the child, with whatever it is answering, and start another."""
        self._child.kill()
        self._child.join()
        self._child = self._start()

    def close(self) -> None:
        """End the child and give the port back."""
        self._child.kill()
        self._child.join()
        self._child.close()
        self._listener.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def serve(listener: socket.socket) -> None:
    """Serve *listener* until killed: the child's main function."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        asyncio.run(Server().run(listener))
    except KeyboardInterrupt:
        pass  # the terminal sent it to parent and child alike


def _end_with_parent() -> None:
    """A parent that was killed could not end us."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(0)


class Server:
    """HTTP/1.1 with keep-alive, as much of it as the demo's GETs need.

    ``/number/N?ms=M`` answers after M milliseconds; ``/together/N`` once N such
    requests are there at the same time.
    """

    def __init__(self) -> None:
        self._accepted = 0
        self._together: list[asyncio.Future[None]] = []

    async def run(self, listener: socket.socket) -> None:
        """Serve for ever."""
        server = await asyncio.start_server(
            self._connected, sock=listener, backlog=LISTEN_BACKLOG
        )
        async with server:
            await server.serve_forever()

    async def _connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._accepted += 1
        name = f"{os.getpid()}-{self._accepted}"
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                target = head.split(b" ", 2)[1].decode("ascii")
                body = await self._answer(target)
                # In one piece: a kill leaves a response unbegun or whole.
                writer.write(
                    f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n"
                    f"Content-Type: text/plain\r\nX-Connection: {name}\r\n\r\n".encode()
                    + body
                )
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has closed: a cancelled request, or idle expiry
        finally:
            writer.close()

    async def _answer(self, target: str) -> bytes:
        path, _, query = target.partition("?")
        _, kind, number = path.split("/")
        if kind == "together":
            await self._wait_for_company(int(number))
        else:
            await asyncio.sleep(int(query.removeprefix("ms=")) / 1000)
        return answer_to(int(number))

    async def _wait_for_company(self, many: int) -> None:
        arrived = asyncio.get_running_loop().create_future()
        self._together.append(arrived)
        if len(self._together) >= many:
            for waiting in self._together:
                if not waiting.done():
                    waiting.set_result(None)
            self._together.clear()
        await arrived
