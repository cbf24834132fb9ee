"""What can go wrong with a WebSocket. The names are httpx2's, without its prefix."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._errors import NetworkError, RequestError

if TYPE_CHECKING:
    from wsproto.events import Event

    from .._messages.response import Response

__all__ = [
    "WebSocketDisconnect",
    "WebSocketError",
    "WebSocketInvalidTypeReceived",
    "WebSocketNetworkError",
    "WebSocketUpgradeError",
]


class WebSocketError(Exception):
    """Root of everything that a WebSocket raises, but for timeouts."""

    exit_code: int = 56


class WebSocketUpgradeError(WebSocketError, RequestError):
    """The server did not open a WebSocket; ``response`` is what it answered."""

    code = "websocket-upgrade"
    exit_code = 22

    def __init__(self, response: Response, problem: str | None = None) -> None:
        request = response._request
        server = "the server" if request is None else request.url.host
        problem = problem or f"answered with status {response.status_code}, not 101"
        super().__init__(f"{server} {problem}: no WebSocket", request=request)
        self.response = response
        self._problem = problem

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.response, self._problem)


class WebSocketDisconnect(WebSocketError):
    """The WebSocket has been closed.

    Unlike elsewhere, ``code`` is a number here: the one the connection was closed with,
    as httpx2 has it. 1000 is the ordinary end.
    """

    def __init__(self, code: int = 1000, reason: str | None = None) -> None:
        self.code = code
        self.reason = reason or ""
        said = f": {self.reason}" if self.reason else ""
        super().__init__(f"the WebSocket was closed with code {int(code)}{said}")

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.code, self.reason)


class WebSocketInvalidTypeReceived(WebSocketError):
    """A message came that is not of the type asked for; ``event`` is it."""

    code: str = "websocket-type"

    def __init__(self, event: Event) -> None:
        super().__init__(f"received a {type(event).__name__} that was not asked for")
        self.event = event

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.event,)


class WebSocketNetworkError(WebSocketError, NetworkError):
    """The connection under the WebSocket broke, or the peer fell silent."""

    code = "websocket-network"

    def __init__(self, message: str = "the connection of the WebSocket broke") -> None:
        super().__init__(message)


# People read, pickle and report these under the name they import them by.
for _name in __all__:
    globals()[_name].__module__ = "mooring"
del _name
