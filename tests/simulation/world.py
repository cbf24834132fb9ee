"""A client, its pool and the servers it talks to: what all worlds have in common.

A scenario is a coroutine function over a :class:`World`. In the worlds of threads
its awaits call what blocks and never suspend.
"""

from __future__ import annotations

import functools
import gc
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

import mooring
from mooring._io.base import Address
from mooring._io.kernel import Schedule, Strike
from tests.unit.pool.invariants import check

from .faults import Fault, Faults
from .peers import Answer, Peer, Reader, Visit, ok

Action: TypeAlias = Callable[[], Coroutine[Any, Any, object]]


@dataclass(frozen=True)
class Setup:
    """What a scenario wants of its client."""

    limit: int = 2
    retries: int = 0
    tls: bool = False
    pool_timeout: float | None = None


@dataclass(frozen=True)
class Plan:
    """What one case does to a scenario."""

    strike: Strike | None = None
    fault: Fault | None = None
    schedule: Schedule | None = None
    interrupt: int | None = None
    """Raise KeyboardInterrupt in the victim at its chance with this number."""


class Lost(AssertionError):
    """The standard aftermath found something that should not be there."""


class Job:
    """Something that goes on beside the scenario."""

    def __init__(self) -> None:
        self.result: Any = None
        self.error: BaseException | None = None
        self.cancelled = False
        self.waits = 0
        """How often it waited; where a strike can hit."""
        self.cancel: Callable[[], object] = lambda: None
        self.wait: Callable[[], Coroutine[Any, Any, object]]

    async def join(self) -> Job:
        """Wait for its end, however it ends."""
        await self.wait()
        return self


class World:
    """Everything one run needs, made afresh for each."""

    name: ClassVar[str] = ""
    is_sync: ClassVar[bool] = False
    can_cancel: ClassVar[bool] = True
    speaks_tls: ClassVar[bool] = True
    is_exact: ClassVar[bool] = True
    """The same schedule leads to the same run."""
    modes: ClassVar[tuple[str, ...]] = ("cancels", "failures", "orders")
    leaves_out: ClassVar[frozenset[str]] = frozenset()
    """Scenarios that make no sense here."""

    @classmethod
    def prepare(cls) -> None:
        """Do what is needed once per process."""

    @classmethod
    def chances_of_victim(cls, world: World) -> int:
        """Say how often the victim could have been interrupted."""
        raise NotImplementedError

    def may_survive(self, strike: Strike) -> bool:
        """Whether a cancel can come too late to be noticed."""
        return False

    def __init__(self, setup: Setup | None = None, plan: Plan | None = None) -> None:
        self.setup = setup or Setup()
        self.plan = plan or Plan()
        self.limit = self.setup.limit
        self.schedule = self.plan.schedule or Schedule()
        self.faults = Faults(self.plan.fault)
        self.calls: dict[str, int] = {}
        """What the scenario asked of the backend, without the aftermath."""
        self.answers: dict[str, Answer] = {}
        self.connections: dict[str, int] = {}
        """How many each host has accepted."""
        self.hung: set[str] = set()
        self.mute: set[str] = set()
        self.served: list[Visit] = []
        self.victim: Job | None = None
        self.sockets: list[socket.socket] = []
        """Every socket that the client made."""
        self.most_open = 0
        self.warnings_allowed = False
        """Something is dropped on purpose, and may be complained of."""
        self.backend: Any = None
        self.transport: Any = None
        self.client: Any = None

    # -- what a scenario does with it ----------------------------------------------

    def serve(self, host: str, answer: Answer = ok) -> None:
        """Have requests to *host* answered, also on connections that are open."""
        self.answers[host] = answer
        self.hung.discard(host)
        self.mute.discard(host)
        self.listen(host)

    def swallow(self, host: str) -> None:
        """Let connects to *host* hang, as a firewall that drops packets does."""
        self.refuse(host)
        self.hung.add(host)

    def serve_mutely(self, host: str) -> None:
        """Accept connections to *host*, and not even shake hands."""
        self.mute.add(host)
        self.listen(host)

    def url(self, host: str, path: str = "/") -> str:
        return f"{'https' if self.setup.tls else 'http'}://{host}{path}"

    async def request(self, method: str, host: str, **options: Any) -> Any:
        """Send one request and read its response."""
        url = self.url(host, options.pop("path", "/"))
        got = self.client.request(method, url, **options)
        return got if self.is_sync else await got

    async def get(self, host: str, **options: Any) -> Any:
        return await self.request("GET", host, **options)

    async def open(self, method: str, host: str) -> Any:
        """Send a request and return its response unread, with nobody to close it."""
        request = self.client.build_request(method, self.url(host))
        got = self.client.send(request, stream=True)
        return got if self.is_sync else await got

    @asynccontextmanager
    async def stream(self, method: str, host: str) -> AsyncIterator[Any]:
        """Open a streamed response and close it after."""
        manager = self.client.stream(method, self.url(host))
        if self.is_sync:
            with manager as response:
                yield response
        else:
            async with manager as response:
                yield response

    def pieces(self, response: Any) -> Any:
        """Iterate over a streamed response with ``async for``, in all worlds."""
        if self.is_sync:
            return Blocking(response.iter_raw())
        return response.aiter_raw()

    async def close_response(self, response: Any) -> None:
        if self.is_sync:
            response.close()
        else:
            await response.aclose()

    def body(self, *pieces: bytes) -> Any:
        """Return a request body that takes its time and can be sent only once."""
        if not self.is_sync:
            return self._body(pieces)
        return self._blocking_body(pieces)

    async def _body(self, pieces: tuple[bytes, ...]) -> AsyncIterator[bytes]:
        for piece in pieces:
            await self.sleep(0.1)
            yield piece

    def _blocking_body(self, pieces: tuple[bytes, ...]) -> Any:
        for piece in pieces:
            drive(self.sleep(0.1))
            yield piece

    async def close(self) -> None:
        if self.is_sync:
            self.client.close()
        else:
            await self.client.aclose()

    def start_victim(self, action: Action) -> Job:
        """Start what the strike is meant for."""
        self.victim = self.start(action, "victim", self.plan.strike)
        return self.victim

    async def suffer(self, action: Action) -> Job:
        """Start the victim and wait for its end."""
        return await self.start_victim(action).join()

    # -- what worlds have their own way of --------------------------------------------

    def run(self, main: Action) -> None:
        """Play *main* and look for what it left behind."""
        raise NotImplementedError

    def start(self, action: Action, name: str, strike: Strike | None = None) -> Job:
        raise NotImplementedError

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError

    def listen(self, host: str) -> None:
        """Accept connections to *host*, if that is not done already."""
        raise NotImplementedError

    def refuse(self, host: str) -> None:
        """Accept no connections to *host* any more."""
        raise NotImplementedError

    def open_sockets(self) -> int:
        """Count the client's sockets, not asking the client."""
        open_now = sum(sock.fileno() >= 0 for sock in self.sockets)
        self.most_open = max(self.most_open, open_now)
        return open_now

    def note_socket(self, sock: socket.socket) -> socket.socket:
        """Remember a socket of the client; look whether there are too many."""
        self.sockets.append(sock)
        self.open_sockets()
        return sock

    def leftovers(self) -> list[str]:
        """Name what should be gone by now: tasks, timers, threads."""
        raise NotImplementedError

    # -- behind the scenes -------------------------------------------------------------

    def make_client(self, backend: Any) -> None:
        """Make the client that is tortured."""
        self.backend = backend
        kind, transport = (
            (mooring.Client, mooring.HTTPTransport)
            if self.is_sync
            else (mooring.AsyncClient, mooring.AsyncHTTPTransport)
        )
        verify: Any = False
        if self.setup.tls:
            from .tls import client_context

            verify = client_context()
        self.transport = transport(
            verify=verify,
            limits=mooring.Limits(
                max_connections=self.limit,
                max_keepalive_connections=self.limit,
                keepalive_expiry=self.seconds(5.0),
            ),
            retries=self.setup.retries,
            backend=backend,
        )
        self.client = kind(
            transport=self.transport,
            timeout=mooring.Timeout(
                self.seconds(5.0),
                pool=None
                if self.setup.pool_timeout is None
                else self.seconds(self.setup.pool_timeout),
            ),
            follow_redirects=True,
            trust_env=False,
        )

    def seconds(self, seconds: float) -> float:
        """Scale a time to what this world has time for."""
        return seconds

    def address(self, host: str) -> Address:
        raise NotImplementedError

    def hangs(self, address: Address) -> bool:
        return any(self.address(host) == address for host in self.hung)

    async def attend(self, host: str, peer: Peer) -> None:
        """Be a server to one connection."""
        if host in self.mute:
            while await peer.read():
                pass
            peer.close()
            return
        if self.setup.tls and self.speaks_tls:
            from .tls import TLSPeer

            peer = TLSPeer(peer)
        self.connections[host] = self.connections.get(host, 0) + 1
        reader = Reader(peer, self.connections[host])
        try:
            while (visit := await reader.head()) is not None:
                self.served.append(visit)
                if not await reader.body(visit):
                    break
                if not await self.answers[host](visit):
                    break
        except OSError:
            pass  # the client went away, as it may
        peer.close()

    async def settle(self) -> None:
        """Let everything happen that is going to happen by itself.

        A dial that nobody waits for any more may go on until its connect timeout.
        """
        await self.sleep(1.0)
        stats = self.transport.stats()
        if stats is not None and stats.dialing:
            await self.sleep(6.0)

    async def aftermath(self) -> None:
        """Whatever happened: nothing is lost, and the pool still serves everybody."""
        self.faults.fault = None
        self.calls = dict(self.faults.calls)
        self.schedule.recording = False
        if self.plan.interrupt is not None and self.victim is not None:
            error = self.victim.error
            if error is not None:
                # Nobody handles it for ever; until then it holds what was lost.
                error.__traceback__ = error.__context__ = None
        if self.warnings_allowed or self.plan.interrupt is not None:
            gc.collect()
        await self.settle()
        self._look_at_the_pool()
        closed = self.client.is_closed
        await self._serve_everybody(closed)
        await self.close()
        await self.settle()
        if self.open_sockets():
            raise Lost(f"{self.open_sockets()} sockets open in a closed pool")

    def _look_at_the_pool(self) -> None:
        stats = self.transport.stats()
        if stats is None:
            return
        check(self.transport._pool.core)
        if stats.leases or stats.queued or stats.dialing:
            raise Lost(f"not at rest: {stats}")
        if self.open_sockets() != stats.connections:
            raise Lost(f"{self.open_sockets()} sockets open, the pool says {stats}")

    async def _serve_everybody(self, closed: bool) -> None:
        """Each origin is asked, all at once and more than there may be connections."""
        jobs = []
        hosts = (
            sorted({*self.answers, *self.hung, *self.mute})
            + ["after.test"] * self.limit
        )
        for host in hosts:
            self.serve(host, ok)
            action = functools.partial(self.get, host)
            jobs.append(self.start(action, f"after {host}"))
        for job in jobs:
            await job.join()
            if closed:
                if not isinstance(job.error, RuntimeError | mooring.TransportError):
                    raise Lost(f"the closed client said {job.error!r}")
            elif job.error is not None or job.result.status_code != 200:
                raise Lost(f"a fresh request got {job.error!r} {job.result!r}")
        self.open_sockets()
        # What is lost to an interrupt in the middle of a connect stays open for as
        # long as the exception refers to it.
        if self.most_open > self.limit and self.plan.interrupt is None:
            raise Lost(f"{self.most_open} sockets at once, {self.limit} allowed")


class Blocking:
    """An iterator that blocks, with ``async`` written in front of it."""

    def __init__(self, pieces: Any) -> None:
        self._pieces = pieces

    def __aiter__(self) -> Blocking:
        return self

    async def __anext__(self) -> bytes:
        try:
            piece = next(self._pieces)
        except StopIteration:
            raise StopAsyncIteration from None
        assert isinstance(piece, bytes)
        return piece

    async def aclose(self) -> None:
        self._pieces.close()


def drive(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine that never suspends."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("a blocking coroutine suspended")
