"""A transport that asks a function instead of the network."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TypeAlias

from .._messages.request import Request
from .._messages.response import Response
from .base import AsyncBaseTransport, BaseTransport

__all__ = ["MockTransport"]

SyncHandler: TypeAlias = Callable[[Request], Response]
AsyncHandler: TypeAlias = Callable[[Request], Coroutine[None, None, Response]]


class MockTransport(AsyncBaseTransport, BaseTransport):
    """Answer every request with what *handler* returns for it.

    The request's body has been read by then. *handler* may be a coroutine function
    when the transport is given to an ``AsyncClient``::

        def handler(request):
            return mooring.Response(200, json={"path": request.url.path})

        client = mooring.Client(transport=mooring.MockTransport(handler))
        assert client.get("https://example.org/a").json() == {"path": "/a"}
    """

    def __init__(self, handler: SyncHandler | AsyncHandler) -> None:
        self.handler = handler

    def handle_request(self, request: Request) -> Response:
        """Return what the handler makes of *request*.

        Raises:
            TypeError: The handler is a coroutine function, or gives no response.
        """
        request.read()
        answer = self.handler(request)
        if isinstance(answer, Coroutine):
            answer.close()
            raise TypeError("Cannot use an async handler in a sync Client")
        if not isinstance(answer, Response):
            raise TypeError(
                f"the handler of MockTransport returned a {type(answer).__name__},"
                " not a Response"
            )
        return answer

    async def handle_async_request(self, request: Request) -> Response:
        """Return what the handler, plain or coroutine, makes of *request*."""
        await request.aread()
        answer = self.handler(request)
        if isinstance(answer, Response):
            return answer
        return await answer
