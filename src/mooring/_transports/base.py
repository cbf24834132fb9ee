"""What a client needs of a transport: one request in, one response out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

    from .._messages.request import Request
    from .._messages.response import Response

__all__ = ["AsyncBaseTransport", "BaseTransport"]


class BaseTransport:
    """Base class of every transport a ``Client`` can send through.

    Subclasses override ``handle_request`` and, when they hold something that must
    be given back, ``close``::

        class Teapot(mooring.BaseTransport):
            def handle_request(self, request):
                return mooring.Response(418, text="short and stout")

        client = mooring.Client(transport=Teapot())
    """

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        self.close()

    def handle_request(self, request: Request) -> Response:
        """Carry out one exchange and return once the response's head is there.

        Redirects, cookies and authentication are the client's business. Whoever
        calls this must read the response's stream to its end or close it.
        """
        raise NotImplementedError(
            f"{type(self).__name__} does not override handle_request()"
        )

    def close(self) -> None:
        """Give back what the transport holds. Nothing by default."""


class AsyncBaseTransport:
    """Base class of every transport an ``AsyncClient`` can send through.

    Subclasses override ``handle_async_request`` and, when they hold something that
    must be given back, ``aclose``::

        class Teapot(mooring.AsyncBaseTransport):
            async def handle_async_request(self, request):
                return mooring.Response(418, text="short and stout")

        client = mooring.AsyncClient(transport=Teapot())
    """

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self.aclose()

    async def handle_async_request(self, request: Request) -> Response:
        """Carry out one exchange and return once the response's head is there.

        Redirects, cookies and authentication are the client's business. Whoever
        calls this must read the response's stream to its end or close it.
        """
        raise NotImplementedError(
            f"{type(self).__name__} does not override handle_async_request()"
        )

    async def aclose(self) -> None:
        """Give back what the transport holds. Nothing by default."""
