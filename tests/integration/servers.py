"""A scripted origin on real sockets, and what the kernel says of the client's.

Each accepted connection runs a script in a thread of its own: the first script given
for the first connection and so on, the default for all others. A script that returns
closes its connection. Nothing here sleeps: threads wait on sockets and on gates.
"""

from __future__ import annotations

import os
import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from time import monotonic
from typing import Self

from mooring.demo.kernel import sockets_to as client_sockets

# Far away: what takes this long has failed already.
LONG = 30.0
BUFFER = 256 * 1024
TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
ESTABLISHED = "01"

__all__ = [
    "Connection",
    "Ending",
    "Gate",
    "Origin",
    "Script",
    "client_sockets",
    "established",
    "held_by",
    "in_company_of",
    "keep_alive",
    "open_files",
    "raw",
]


class Ending(Enum):
    """How one side of a connection ends it."""

    FIN = "fin"
    RST = "rst"


class Told(Exception):
    """The origin is being stopped, and this connection with it."""


class Gate:
    """An event that ``poll`` can wait for beside a socket."""

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)

    def fileno(self) -> int:
        return self._reader.fileno()

    def open(self) -> None:
        """Let everybody through, now and later."""
        self._writer.send(b"!")

    def shut(self) -> None:
        """Make everybody wait again."""
        self._reader.recv(4096)

    def close(self) -> None:
        self._reader.close()
        self._writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(frozen=True)
class Seen:
    """One request as it arrived."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int


@dataclass(eq=False)
class Connection:
    """The server's end of one connection, as scripts use it."""

    origin: Origin
    number: int
    sock: socket.socket
    received: bytearray = field(default_factory=bytearray)
    """Every byte that came, never shortened."""
    ended: Ending | None = None
    """How the client ended it, once it has."""
    answered_at: float = 0.0
    ended_at: float = 0.0
    _taken: int = 0

    def request(self) -> Seen | None:
        """Read one request, body included; ``None`` when the client is gone."""
        while (end := self.received.find(b"\r\n\r\n", self._taken)) < 0:
            if not self.receive():
                return None
        line, *lines = bytes(self.received[self._taken : end]).decode().split("\r\n")
        method, target, _ = line.split(" ")
        headers = dict(text.lower().split(": ", 1) for text in lines)
        start = end + 4
        self._taken = start + int(headers.get("content-length", 0))
        while len(self.received) < self._taken:
            if not self.receive():
                return None
        body = bytes(self.received[start : self._taken])
        return self.origin.saw(Seen(method, target, headers, body, self.number))

    def receive(self) -> bool:
        """Wait for bytes and keep them. False at the end."""
        self.wait()
        try:
            data = self.sock.recv(BUFFER)
        except OSError:
            return self._gone(Ending.RST)
        if not data:
            return self._gone(Ending.FIN)
        self.received += data
        return True

    def wait(self, gate: Gate | None = None) -> bool:
        """Wait for the client or for *gate*; true if the gate was what came."""
        pending = isinstance(self.sock, ssl.SSLSocket) and self.sock.pending()
        if pending and gate is None:
            return False
        poll = select.poll()
        poll.register(self.sock, select.POLLIN)
        poll.register(self.origin.bell, select.POLLIN)
        if gate is not None:
            poll.register(gate, select.POLLIN)
        ready = {number for number, _ in poll.poll(LONG * 1000)}
        if self.origin.bell.fileno() in ready:
            raise Told
        return gate is not None and gate.fileno() in ready

    def hold(self, gate: Gate) -> None:
        """Do nothing until *gate* opens, or the client leaves."""
        if not self.wait(gate):
            self.receive()

    def hold_unread(self, gate: Gate) -> None:
        """Wait for *gate* alone, whatever the client does."""
        poll = select.poll()
        for waited in (self.origin.bell, gate):
            poll.register(waited, select.POLLIN)
        poll.poll(LONG * 1000)

    def until_gone(self) -> None:
        """Keep all that comes until the client closes."""
        while self.receive():
            pass

    def respond(
        self, body: bytes = b"ok", *, status: str = "200 OK", more: str = ""
    ) -> None:
        """Send a whole response; *more* is header lines, each with its end."""
        self.answered_at = monotonic()
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
        self.send(head.encode() + body)

    def send(self, data: bytes) -> None:
        try:
            self.sock.sendall(data)
        except OSError:
            self._gone(Ending.RST)

    def tell(self, word: str) -> None:
        """Let the test know how far the script has come."""
        with self.origin.changed:
            self.origin.told.append(word)
            self.origin.changed.notify_all()

    def half_close(self) -> None:
        self.sock.shutdown(socket.SHUT_WR)

    def close(self, how: Ending = Ending.FIN) -> None:
        """End it, if it is not; a client that looks now sees it."""
        if self.sock.fileno() < 0:
            return
        if how is Ending.RST:
            linger = struct.pack("ii", 1, 0)
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.sock.close()

    def _gone(self, how: Ending) -> bool:
        with self.origin.changed:
            if self.ended is None:
                self.ended, self.ended_at = how, monotonic()
                self.origin.changed.notify_all()
        return False


Script = Callable[[Connection], None]


def keep_alive(connection: Connection) -> None:
    """Answer everything, for as long as the client likes."""
    while connection.request() is not None:
        connection.respond()


def raw(*pieces: bytes) -> Script:
    """Read one request, send *pieces* as they are, close."""

    def script(connection: Connection) -> None:
        if connection.request() is not None:
            for piece in pieces:
                connection.send(piece)

    return script


def held_by(gate: Gate) -> Script:
    """Answer requests for ``/held...`` when *gate* is open, others at once."""

    def script(connection: Connection) -> None:
        while (request := connection.request()) is not None:
            if request.target.startswith("/held"):
                connection.hold(gate)
            if connection.ended is None:
                connection.respond()

    return script


def in_company_of(many: int) -> Script:
    """Answer requests for ``/together`` when *many* are there, others at once."""
    barrier = threading.Barrier(many, timeout=LONG)

    def script(connection: Connection) -> None:
        while (request := connection.request()) is not None:
            if request.target == "/together":
                barrier.wait()
            connection.respond()

    return script


class Origin:
    """A listening port and the scripts that serve it.

    Args:
        scripts: one for each of the first connections.
        default: for all after them.
        context: given, connections are TLS.
    """

    def __init__(
        self,
        *scripts: Script,
        default: Script = keep_alive,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._scripts = scripts
        self._default = default
        self._context = context
        self.bell = Gate()
        self._order = Ending.FIN
        self.changed = threading.Condition()
        self.connections: list[Connection] = []
        self.requests: list[Seen] = []
        self.told: list[str] = []
        """What scripts said with ``tell``."""
        self.open = 0
        self.most_open = 0
        self._threads: list[threading.Thread] = []
        self._listen(0)

    def _listen(self, port: int) -> None:
        self._listener = socket.create_server(("127.0.0.1", port), backlog=512)
        self.port: int = self._listener.getsockname()[1]
        self._start(self._accept)

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self.bell.close()

    # -- what tests ask and say ---------------------------------------------------

    @property
    def url(self) -> str:
        scheme = "http" if self._context is None else "https"
        return f"{scheme}://127.0.0.1:{self.port}/"

    @property
    def accepted(self) -> int:
        return len(self.connections)

    def endings(self) -> list[Ending | None]:
        """Say how the client ended each connection so far."""
        return [connection.ended for connection in self.connections]

    def targets(self) -> list[str]:
        return [seen.target for seen in self.requests]

    def wait_until(self, condition: Callable[[], object]) -> None:
        """Block until *condition*, about what this origin has seen, is true."""
        with self.changed:
            assert self.changed.wait_for(condition, LONG), "this never happened"

    def stop(self, how: Ending = Ending.FIN) -> None:
        """End every connection that way and refuse new ones."""
        self._order = how
        self.bell.open()
        for thread in self._threads:
            thread.join(LONG)
            assert not thread.is_alive()
        self._threads.clear()
        self.bell.shut()

    def start(self) -> None:
        """Listen again, on the same port."""
        self._listen(self.port)

    def restart(self, how: Ending) -> None:
        """Do what a deployment does; return when the kernel shows the end of it."""
        self.stop(how)
        self.start()
        deadline = monotonic() + LONG
        while established(self.port):
            assert monotonic() < deadline

    def saw(self, request: Seen) -> Seen:
        with self.changed:
            self.requests.append(request)
            self.changed.notify_all()
        return request

    # -- threads --------------------------------------------------------------------

    def _accept(self) -> None:
        poll = select.poll()
        poll.register(self._listener, select.POLLIN)
        poll.register(self.bell, select.POLLIN)
        with self._listener as listener:
            while True:
                ready = {number for number, _ in poll.poll()}
                if self.bell.fileno() in ready:
                    return
                sock, _ = listener.accept()
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._start(self._serve, self._opened(sock))

    def _opened(self, sock: socket.socket) -> Connection:
        with self.changed:
            connection = Connection(self, len(self.connections), sock)
            self.connections.append(connection)
            self.open += 1
            self.most_open = max(self.most_open, self.open)
            self.changed.notify_all()
        return connection

    def _serve(self, connection: Connection) -> None:
        number = connection.number
        given = number < len(self._scripts)
        script = self._scripts[number] if given else self._default
        try:
            if self._context is None or self._shook_hands(connection):
                script(connection)
        except Told:
            connection.close(self._order)
        except (threading.BrokenBarrierError, OSError):
            pass  # a client that left, in the middle of something or of a handshake
        finally:
            connection.close()
        with self.changed:
            self.open -= 1
            self.changed.notify_all()

    def _shook_hands(self, connection: Connection) -> bool:
        """Shake hands, unless the client leaves or the origin is stopped."""
        context = self._context
        assert context is not None
        connection.wait()
        sock = connection.sock
        sock.settimeout(LONG)
        connection.sock = context.wrap_socket(sock, server_side=True)
        connection.sock.settimeout(None)
        return True


def established(port: int) -> int:
    """Count TCP connections to *port* that the kernel calls established."""
    found = 0
    for line in _table_lines():
        fields = line.split()
        if fields[3] == ESTABLISHED and fields[2].endswith(f":{port:04X}"):
            found += 1
    return found


def open_files() -> int:
    """Count this process's file descriptors."""
    return len(os.listdir("/proc/self/fd"))


def _table_lines() -> Iterable[str]:
    for table in TABLES:
        if table.exists():
            yield from table.read_text("ascii").splitlines()[1:]
