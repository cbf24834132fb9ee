"""The name under which released code looks for a connection, to patch it."""

from __future__ import annotations

from mooring.compat.httpcore._async.interfaces import AsyncConnectionInterface
from mooring.compat.httpcore._models import Request, Response

__all__ = ["AsyncHTTPConnection"]


class AsyncHTTPConnection(AsyncConnectionInterface):
    """A connection to one origin. Our pools never show theirs as one of these."""

    async def handle_async_request(self, request: Request) -> Response:
        """Carry out one exchange; here for those who replace it."""
        return await super().handle_async_request(request)
