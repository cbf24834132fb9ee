"""The clients under test behind one set of questions, by public API only."""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Protocol

NOTICEABLE = 0.001


@dataclass(frozen=True, slots=True)
class Settings:
    """What a scenario asks of a client. Seconds; ``None`` means no limit."""

    connections: int | None = 1
    keepalive_expiry: float = 60.0
    read: float | None = 30.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    body: bytes


class Subject(Protocol):
    """A client; for aiohttp, its session."""

    async def get(
        self, url: str, *, hasty: bool = False, follow: bool = False
    ) -> Answer:
        """GET *url*. *hasty*: it may not wait for a place in the pool."""
        ...

    async def send(self, method: str, url: str, body: AsyncIterator[bytes]) -> Answer:
        """Upload *body*, of which nothing is known beforehand."""
        ...

    async def post(self, url: str, body: bytes) -> Answer: ...

    async def open(self, url: str) -> Any:
        """GET *url* up to the head; what is returned stands for the rest."""
        ...

    async def read(self, opened: Any) -> bytes: ...

    async def leave(self, opened: Any) -> None:
        """Close a response, read or not."""
        ...

    async def close(self) -> None: ...


Make = Callable[..., Subject]


class HttpxLike:
    """httpx, httpx2 and mooring: one API."""

    def __init__(self, module: str, settings: Settings | None) -> None:
        self._module = httpx = importlib.import_module(module)
        if settings is None:
            self._client = httpx.AsyncClient()
            return
        self._timeout = httpx.Timeout(settings.read, pool=None)
        self._hasty = httpx.Timeout(settings.read, pool=0)
        self._client = httpx.AsyncClient(
            timeout=self._timeout,
            limits=httpx.Limits(
                max_connections=settings.connections,
                max_keepalive_connections=settings.connections,
                keepalive_expiry=settings.keepalive_expiry,
            ),
        )

    async def get(
        self, url: str, *, hasty: bool = False, follow: bool = False
    ) -> Answer:
        more = {"timeout": self._hasty} if hasty else {}
        response = await self._client.get(url, follow_redirects=follow, **more)
        return Answer(response.status_code, response.content)

    async def send(self, method: str, url: str, body: AsyncIterator[bytes]) -> Answer:
        response = await self._client.request(method, url, content=body)
        return Answer(response.status_code, response.content)

    async def post(self, url: str, body: bytes) -> Answer:
        response = await self._client.post(url, content=body)
        return Answer(response.status_code, response.content)

    async def open(self, url: str) -> Any:
        request = self._client.build_request("GET", url)
        return await self._client.send(request, stream=True)

    async def read(self, opened: Any) -> bytes:
        return bytes(await opened.aread())

    async def leave(self, opened: Any) -> None:
        await opened.aclose()

    async def close(self) -> None:
        await self._client.aclose()


class Aiohttp:
    """aiohttp; its timeout for the pool covers connecting too, and is never zero."""

    def __init__(self, settings: Settings | None) -> None:
        self._settings = settings
        self._made: Any = None

    @property
    def _session(self) -> Any:
        if self._made is not None:
            return self._made
        import aiohttp  # a session can only be made where a loop runs

        settings = self._settings
        if settings is None:
            self._made = aiohttp.ClientSession()
            return self._made
        self._hasty = aiohttp.ClientTimeout(
            total=None, connect=NOTICEABLE, sock_read=settings.read
        )
        connector = aiohttp.TCPConnector(
            limit=settings.connections or 0, keepalive_timeout=settings.keepalive_expiry
        )
        timeout = aiohttp.ClientTimeout(total=None, sock_read=settings.read)
        self._made = aiohttp.ClientSession(connector=connector, timeout=timeout)
        return self._made

    async def get(
        self, url: str, *, hasty: bool = False, follow: bool = False
    ) -> Answer:
        session = self._session
        more = {"timeout": self._hasty} if hasty else {}
        async with session.get(url, allow_redirects=follow, **more) as response:
            return Answer(response.status, await response.read())

    async def send(self, method: str, url: str, body: AsyncIterator[bytes]) -> Answer:
        async with self._session.request(method, url, data=body) as response:
            return Answer(response.status, await response.read())

    async def post(self, url: str, body: bytes) -> Answer:
        async with self._session.post(url, data=body) as response:
            return Answer(response.status, await response.read())

    async def open(self, url: str) -> Any:
        return await self._session.get(url)

    async def read(self, opened: Any) -> bytes:
        return bytes(await opened.read())

    async def leave(self, opened: Any) -> None:
        opened.close()

    async def close(self) -> None:
        await self._session.close()


def maker(name: str) -> Make:
    """Return what makes clients of that name."""

    def make(settings: Settings | None = None) -> Subject:
        return Aiohttp(settings) if name == "aiohttp" else HttpxLike(name, settings)

    return make


CLIENTS = ("mooring", "httpx", "httpx2", "aiohttp")
