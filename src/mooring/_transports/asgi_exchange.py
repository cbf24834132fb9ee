"""One request that an ASGI app answers, with the app in a task of its own.

1. The app runs no further ahead than one piece of the body that nobody took yet.
2. What it raises is raised to whoever waits for the head or for the body.
3. Who lets go of the response early takes the app down: first it is told, then
   cancelled. Nobody leaves before it has ended.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from .._body.streams import is_async_stream
from .._errors import ReadError, RemoteProtocolError, StreamClosed
from .._io.tasks import start_task
from .asgi_side import Side
from .asgi_upload import Upload

if TYPE_CHECKING:
    from .._body.streams import AsyncByteStream
    from .._messages.request import Request

# Any is what the ASGI specification says of messages and scopes.
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
ASGIApp: TypeAlias = Callable[[Message, Receive, Send], Awaitable[None]]

_logger = logging.getLogger("mooring")


class ClientDisconnected(OSError):
    """What ``send()`` raises when nobody reads the response any more.

    An ``OSError``, as the ASGI specification (HTTP, version 2.4) wants it.
    """


@dataclass(frozen=True, slots=True)
class Head:
    """What ``http.response.start`` said."""

    status_code: int
    headers: list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Rules:
    """How the transport wants an app to be treated."""

    raise_app_exceptions: bool
    disconnect_timeout: float


class Exchange:
    """Both ends of one exchange: ``receive`` and ``send`` for the app, the rest for us.

    Must be made in a running event loop; the app starts at the next turn.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        scope: Message,
        request: Request,
        rules: Rules,
        ended: Callable[[Exchange], None],
    ) -> None:
        self.head: Head | None = None
        self.debug: object = None
        self._app = app
        self._scope = scope
        self._method = request.method
        self._upload = Upload(_async_body(request))
        self._rules = rules
        self._ended = ended
        self._is_uploaded = False
        self._piece: bytes | None = None
        self._is_complete = False
        self._is_abandoned = False
        self._is_error_told = False
        self._task = start_task(self._run, name="mooring-asgi-app", ended=self._on_end)
        self._app_side = Side(self._task)
        self._our_side = Side(self._task)

    # -- the app's end ------------------------------------------------------

    async def _run(self) -> None:
        try:
            await self._app(self._scope, self.receive, self.send)
        finally:
            await self._upload.aclose()

    def _on_end(self) -> None:
        self._our_side.wake()
        self._ended(self)

    async def receive(self) -> Message:
        """Give the app the next piece of the request, or tell it that we are gone."""
        if not (self._is_uploaded or self._is_abandoned):
            piece = await self._upload.next_piece()
            self._is_uploaded = piece is None
            return {
                "type": "http.request",
                "body": piece or b"",
                "more_body": piece is not None,
            }
        # Does not suspend when it is so: who asks from inside a cancelled scope, as
        # Starlette does to look without waiting, gets the answer.
        await self._app_side.until(lambda: self._is_complete or self._is_abandoned)
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Take a message of the app's; a piece of body once the last one was taken."""
        if self._is_abandoned:
            raise ClientDisconnected("the client has gone")
        match message["type"]:
            case "http.response.start":
                self._start(message)
            case "http.response.body":
                await self._hand_over(message)
            case "http.response.debug":
                self.debug = message.get("info")

    def _start(self, message: Message) -> None:
        if self.head is not None:
            raise RuntimeError("the app sent a second http.response.start")
        headers = [(bytes(k), bytes(v)) for k, v in message.get("headers", ())]
        self.head = Head(message["status"], headers)
        self._our_side.wake()

    async def _hand_over(self, message: Message) -> None:
        if self.head is None:
            raise RuntimeError(
                "the app sent http.response.body before http.response.start"
            )
        if self._is_complete:
            raise RuntimeError(
                "the app sent http.response.body after the last one (more_body=False)"
            )
        # Several tasks of one app may be sending.
        await self._app_side.until(lambda: self._piece is None or self._is_abandoned)
        self._piece = bytes(message.get("body", b""))
        if self._method == "HEAD":
            self._piece = b""
        self._is_complete = not message.get("more_body", False)
        self._our_side.wake()
        if self._is_complete:
            # The app need not wait for this one to be taken: it may have work to do
            # after the response, which must not depend on anybody reading it.
            self._app_side.wake()
            return
        await self._app_side.until(lambda: self._piece is None or self._is_abandoned)
        if self._is_abandoned:
            raise ClientDisconnected("the client has gone")

    # -- our end ------------------------------------------------------------

    @property
    def is_here(self) -> bool:
        """Whether the caller runs in the loop that the app runs in."""
        return self._task.is_current()

    async def wait_head(self) -> Head:
        """Return the head of the response.

        By then the app has come as far as it can without waiting for anything. If it
        failed there, before any of the body, it failed before the response.
        """
        try:
            await self._our_side.until(
                lambda: self.head is not None or self._task.is_done
            )
        except BaseException:
            await self._abandon_now()
            raise
        if self._task.is_done and self._piece is None:
            self._raise_failure()
            return self.head or Head(500, [])
        assert self.head is not None
        return self.head

    async def next_piece(self) -> bytes | None:
        """Return the next piece of the body; ``None`` when there is no more.

        The end of the body is the end of the app: what it does after its response is
        done by then, and what it raises there is raised here.
        """
        if self._is_abandoned:
            raise StreamClosed
        try:
            await self._our_side.until(
                lambda: (
                    self._piece is not None or self._is_complete or self._task.is_done
                )
            )
        except BaseException:
            await self._abandon_now()
            raise
        piece, self._piece = self._piece, None
        if piece is not None:
            self._app_side.wake()
            return piece
        if self._is_complete:
            await self._task.join()
        self._raise_failure()
        return None

    async def aclose(self) -> None:
        """Let go of the response, and come back when the app has ended."""
        if self._is_abandoned:
            await self._task.join()
        elif self._is_complete or self._task.is_done:
            await self._task.join()
            self._raise_failure()
        else:
            await self._dismiss()

    async def _dismiss(self) -> None:
        """Tell the app that the client is gone; cancel it if it does not go as well.

        An app that waits for something else than us would not hear of it: that one
        is cancelled at once.
        """
        is_listening = self._app_side.is_waiting
        self._is_abandoned = True
        self._app_side.wake()
        self._our_side.wake()
        try:
            if is_listening:
                deadline = self._task.now() + self._rules.disconnect_timeout
                await self._our_side.until(lambda: self._task.is_done, deadline)
        finally:
            await self._abandon_now()

    async def _abandon_now(self) -> None:
        self._is_abandoned = True
        self._task.cancel()
        await self._task.join()
        self._report_leftover()

    def _raise_failure(self) -> None:
        """Raise what kept the app from giving a whole response, if anything did."""
        error = self._task.error
        if error is not None:
            if self._is_error_told:
                return
            if self._rules.raise_app_exceptions or not isinstance(error, Exception):
                self._is_error_told = True
                raise error
        elif self._is_abandoned:
            raise ReadError("the response was closed while the app was sending it")
        elif self.head is None:
            raise RemoteProtocolError("the app ended without http.response.start")
        elif not self._is_complete and not self._is_error_told:
            self._is_error_told = True
            raise RemoteProtocolError(
                "the app ended before the body of its response did: the last"
                " http.response.body had more_body=True, or there was none"
            )

    def _report_leftover(self) -> None:
        """Log what an app raised that nobody waits for any more, as a server would."""
        error = self._task.error
        if error is None or self._is_error_told or _is_about_leaving(error):
            return
        self._is_error_told = True
        if not isinstance(error, Exception):
            raise error
        _logger.error("the app failed after its client had gone", exc_info=error)


def _async_body(request: Request) -> AsyncByteStream:
    stream = request.stream
    if not is_async_stream(stream):
        raise RuntimeError("the body of the request is synchronous, the app is not")
    return stream


def _is_about_leaving(error: BaseException | None) -> bool:
    """Whether *error* came of what ``send()`` raises once the client is gone."""
    if error is None or isinstance(error, ClientDisconnected):
        return error is not None
    inner = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    reasons = (*inner, error.__cause__ or error.__context__)
    return any(_is_about_leaving(reason) for reason in reasons)
