"""Both clients over mock transports: three worlds, bodies that count, small sites."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Any

import pytest
import trio

import mooring

A = "https://a.test/"
B = "https://b.test/"

Handler = Callable[[mooring.Request], mooring.Response]


def run_sync(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return function(*args, **kwargs)


def run_asyncio(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return asyncio.run(function(*args, **kwargs))


def run_trio(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return trio.run(partial(function, *args, **kwargs))


class World:
    """One way to use mooring, seen as blocking calls."""

    def __init__(self, name: str) -> None:
        self.is_async = name != "sync"
        self.run = {"sync": run_sync, "asyncio": run_asyncio, "trio": run_trio}[name]

    def client(self, handler: Handler, **settings: Any) -> Any:
        settings.setdefault("transport", mooring.MockTransport(handler))
        cls = mooring.AsyncClient if self.is_async else mooring.Client
        return cls(**settings)

    def call(self, target: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        if self.is_async:
            name = {"close": "aclose", "read": "aread"}.get(name, name)
        return self.run(getattr(target, name), *args, **kwargs)

    def get(self, handler: Handler, url: str = A, **kwargs: Any) -> mooring.Response:
        response = self.call(self.client(handler), "get", url, **kwargs)
        assert isinstance(response, mooring.Response)
        return response

    def hook(self, function: Callable[[Any], None]) -> Callable[[Any], Any]:
        async def async_hook(value: Any) -> None:
            function(value)

        return async_hook if self.is_async else function


@pytest.fixture(params=["sync", "asyncio", "trio"])
def world(request: pytest.FixtureRequest) -> World:
    return World(request.param)


class Body(mooring.SyncByteStream, mooring.AsyncByteStream):
    """A response body of both colours that counts what happens to it."""

    def __init__(self, *chunks: bytes, error: BaseException | None = None) -> None:
        self.chunks = chunks
        self.error = error
        self.taken = 0
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self.chunks:
            self.taken += len(chunk)
            yield chunk
        if self.error is not None:
            raise self.error

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self:
            yield chunk

    def close(self) -> None:
        self.closed += 1

    async def aclose(self) -> None:
        self.closed += 1


def ok(request: mooring.Request) -> mooring.Response:
    return mooring.Response(200, text=f"{request.method} {request.url}")


class Site:
    """Answers by path, remembers what it was asked."""

    def __init__(self, **pages: mooring.Response) -> None:
        self.pages = {f"/{name}": page for name, page in pages.items()}
        self.requests: list[mooring.Request] = []

    def __call__(self, request: mooring.Request) -> mooring.Response:
        self.requests.append(request)
        return self.pages.get(request.url.path) or ok(request)


def redirect(location: str, status_code: int = 302, **kwargs: Any) -> mooring.Response:
    return mooring.Response(status_code, headers={"Location": location}, **kwargs)
