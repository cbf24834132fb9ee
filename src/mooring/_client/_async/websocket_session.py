"""An open WebSocket: sent to and received from by the caller, read by one task."""

from __future__ import annotations

import itertools
import json
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, Self

from ..._errors import ReadTimeout
from ..._io.current import current_async_backend
from ..._protocol.websocket_alive import Due, KeepAlive
from ..background import start_async_task
from ..websocket_errors import (
    WebSocketDisconnect,
    WebSocketError,
    WebSocketInvalidTypeReceived,
    WebSocketNetworkError,
)
from ..websocket_settings import (
    DEFAULT_KEEPALIVE_PING_INTERVAL_SECONDS,
    DEFAULT_KEEPALIVE_PING_TIMEOUT_SECONDS,
    DEFAULT_MAX_MESSAGE_SIZE_BYTES,
    DEFAULT_QUEUE_SIZE,
)
from .news import AsyncNews

if TYPE_CHECKING:
    from types import TracebackType

    from wsproto.connection import Connection
    from wsproto.events import Event

    from ..._io.base import AsyncBackend
    from ..._messages.response import Response
    from ..._protocol.websocket import Received
    from ..background import AsyncTask

JSONMode = Literal["text", "binary"]

_READ_SIZE = 65_536
# How long a goodbye may take: to be sent, and to be answered.
_CLOSE_SECONDS = 1.0
# Answers to pings wait behind a message that is being sent; only the last ones count.
_MOST_OWED_BYTES = 4096


class AsyncPong:
    """What ``ping`` returns: set when the peer has answered."""

    def __init__(self, session: AsyncWebSocketSession) -> None:
        self._session = session
        self._is_set = False

    def is_set(self) -> bool:
        """Say whether the pong has come."""
        return self._is_set

    def set(self) -> None:
        """Call it answered."""
        self._is_set = True
        self._session._news.tell()

    async def wait(self, timeout: float | None = None) -> bool:
        """Wait for the pong, *timeout* seconds at most; say whether it came.

        Raises:
            WebSocketDisconnect: The WebSocket was closed before.
            WebSocketNetworkError: Its connection broke before.
        """
        session = self._session
        await session._news.until(
            lambda: self._is_set or session._ending is not None, timeout
        )
        if not self._is_set and session._ending is not None:
            raise session._ending()
        return self._is_set


class AsyncWebSocketSession:
    """An open WebSocket, as ``client.websocket()`` gives it.

    Sending and receiving may go on at the same time. Pings of the peer are answered,
    and pings sent to it, as long as the context lasts::

        async with client.websocket("wss://example.org/chat") as ws:
            await ws.send_text("hello")
            answer = await ws.receive_text(timeout=5)

    Args:
        stream: The connection, as ``response.extensions["network_stream"]`` has it.
        max_message_size_bytes: Bytes that a message may have; a larger one closes the
            WebSocket with code 1009.
        queue_size: Messages to keep for the caller. When so many wait, nothing more is
            read from the peer.
        keepalive_ping_interval_seconds: Seconds between pings; ``None`` for no pings.
        keepalive_ping_timeout_seconds: Seconds that a pong may take; ``None`` for ever.
        response: The response to the handshake.
    """

    subprotocol: str | None
    """The one that the server chose."""
    response: Response | None
    """The response to the handshake."""

    def __init__(
        self,
        stream: Any,  # noqa: ANN401 - ours, or anything with the methods of one
        *,
        max_message_size_bytes: int = DEFAULT_MAX_MESSAGE_SIZE_BYTES,
        queue_size: int = DEFAULT_QUEUE_SIZE,
        keepalive_ping_interval_seconds: float
        | None = DEFAULT_KEEPALIVE_PING_INTERVAL_SECONDS,
        keepalive_ping_timeout_seconds: float
        | None = DEFAULT_KEEPALIVE_PING_TIMEOUT_SECONDS,
        response: Response | None = None,
    ) -> None:
        from ..._protocol.websocket import WebSocketProtocol  # needs the extra "ws"

        self.stream = stream
        self.response = response
        self.subprotocol = None
        if response is not None:
            self.subprotocol = response.headers.get("sec-websocket-protocol")
        self._protocol = WebSocketProtocol(max_message_size_bytes)
        self._queue_size = queue_size
        self._interval = keepalive_ping_interval_seconds
        self._patience = keepalive_ping_timeout_seconds
        self._messages: deque[Event] = deque()
        self._pings: dict[bytes, list[AsyncPong]] = {}
        self._ping_numbers = itertools.count(1)
        self._is_sending = False
        self._goodbye: Callable[[], WebSocketError] | None = None
        self._owed = b""
        self._ending: Callable[[], WebSocketError] | None = None

    @property
    def connection(self) -> Connection:
        """What wsproto knows of the connection."""
        return self._protocol.connection

    async def __aenter__(self) -> Self:
        self._backend: AsyncBackend = current_async_backend()
        self._news = AsyncNews(self._backend)
        self._alive = KeepAlive(self._interval, self._patience, self._backend.now())
        self._task: AsyncTask = start_async_task(
            self._run, name="mooring-websocket", ended=self._on_task_end
        )
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc: BaseException | None = None,
        tb: TracebackType | None = None,
    ) -> None:
        try:
            # Whoever was cancelled does not wait for goodbyes.
            if exc_type is None or issubclass(exc_type, Exception):
                await self.close()
        finally:
            await self._tear_down()

    async def _tear_down(self) -> None:
        """Leave neither socket nor task behind, whatever happens meanwhile."""
        self._end(lambda: WebSocketDisconnect(1000))
        try:
            await self.stream.aclose()
        finally:
            self._task.cancel()
            await self._task.join()
        if self._task.error is not None:
            raise self._task.error  # KeyboardInterrupt and the like, struck there

    # --- sending --------------------------------------------------------------------

    async def ping(self, payload: bytes = b"") -> AsyncPong:
        """Send a ping, and return what can be waited on for its pong.

        Nobody has to be receiving for it to come::

            pong = await ws.ping()
            await pong.wait()

        Args:
            payload: What the pong is known by, 125 bytes at most. One is made up.
        """
        payload = payload or self._ping_payload()
        pong = AsyncPong(self)
        with self._news.mutex:
            self._pings.setdefault(payload, []).append(pong)
        try:
            await self._transmit(lambda: self._protocol.send_ping(payload))
        except BaseException:
            with self._news.mutex:
                self._pings.pop(payload, None)
            raise
        return pong

    async def send(self, event: Event) -> None:
        """Send an event of wsproto, for what the other methods cannot say.

        A send that is cancelled ends the WebSocket: half a frame may be on its way.

        Raises:
            WebSocketDisconnect: The WebSocket has been closed.
            WebSocketNetworkError: Its connection broke.
            LocalProtocolError: The event cannot be sent.
        """
        await self._transmit(lambda: self._protocol.send(event))

    async def send_text(self, data: str) -> None:
        """Send a message of text. Errors as for ``send``."""
        await self._transmit(lambda: self._protocol.send_message(str(data)))

    async def send_bytes(self, data: bytes) -> None:
        """Send a message of bytes. Errors as for ``send``."""
        await self._transmit(lambda: self._protocol.send_message(bytes(data)))

    async def send_json(self, data: Any, mode: JSONMode = "text") -> None:  # noqa: ANN401
        """Send *data* encoded as JSON, as ``"text"`` or ``"binary"``."""
        is_text = _is_text(mode)
        encoded = json.dumps(data)
        if is_text:
            await self.send_text(encoded)
        else:
            await self.send_bytes(encoded.encode())

    async def _transmit(self, frame: Callable[[], bytes]) -> None:
        await self._news.until(lambda: self._ending is not None or self._take_turn())
        try:
            if self._ending is not None:
                raise self._ending()
            with self._news.mutex:
                data = frame()
            await self._write(data)
        finally:
            await self._end_turn()

    def _take_turn(self) -> bool:
        """Take the right to write, if nobody has it; asked with the mutex held."""
        is_free = not self._is_sending
        self._is_sending = True
        return is_free

    async def _end_turn(self) -> None:
        """Send what had to wait for this, and let the next one write."""
        while True:
            with self._news.mutex:
                owed, self._owed = self._owed, b""
                if not owed or self._ending is not None:
                    self._is_sending = False
                    break
            try:
                await self._write(owed)
            except WebSocketError:
                pass  # it has ended, and whoever asks is told so
        self._news.tell()

    async def _write(self, data: bytes, timeout: float | None = None) -> None:
        try:
            await self.stream.write(data, timeout)
        except Exception as error:
            raise self._break(error) from error
        except BaseException:
            # Cancelled, perhaps in the middle of a frame.
            text = "the WebSocket ended with a send that was cancelled"
            self._end(lambda: WebSocketNetworkError(text))
            await self.stream.aclose()
            raise

    # --- receiving ------------------------------------------------------------------

    async def receive(self, timeout: float | None = None) -> Event:
        """Return the next message, as an event of wsproto; wait for it if need be.

        What came before the end is given first; then every call raises how it ended.

        Raises:
            TimeoutError: Nothing came for *timeout* seconds.
            WebSocketDisconnect: The WebSocket was closed.
            WebSocketNetworkError: Its connection broke.
        """
        taken: list[Event] = []

        def take() -> bool:
            if self._messages:
                taken.append(self._messages.popleft())
            return bool(taken) or self._ending is not None

        await self._news.until(take, timeout)
        if taken:
            self._news.tell()  # there is room
            return taken[0]
        if self._ending is not None:
            raise self._ending()
        raise TimeoutError(f"no message from {self._peer} for {timeout or 0:g} s")

    async def receive_text(self, timeout: float | None = None) -> str:
        """Return the next message, a text. Errors as for ``receive``.

        Raises:
            WebSocketInvalidTypeReceived: It was of another type.
        """
        return str(await self._receive("TextMessage", timeout))

    async def receive_bytes(self, timeout: float | None = None) -> bytes:
        """Return the next message, of bytes. Errors as for ``receive``.

        Raises:
            WebSocketInvalidTypeReceived: It was of another type.
        """
        return bytes(await self._receive("BytesMessage", timeout))

    async def receive_json(
        self, timeout: float | None = None, mode: JSONMode = "text"
    ) -> Any:  # noqa: ANN401 - whatever it is
        """Return the next message, ``"text"`` or ``"binary"``, decoded from JSON."""
        if _is_text(mode):
            return json.loads(await self.receive_text(timeout))
        return json.loads(await self.receive_bytes(timeout))

    async def _receive(self, kind: str, timeout: float | None) -> Any:  # noqa: ANN401
        event = await self.receive(timeout)
        if type(event).__name__ != kind:
            raise WebSocketInvalidTypeReceived(event)
        return event.data  # type: ignore[attr-defined]  # it is a message

    # --- the end --------------------------------------------------------------------

    async def close(self, code: int = 1000, reason: str | None = None) -> None:
        """Close the WebSocket: say so, wait a second for the answer, disconnect.

        Closing twice is fine.
        """
        try:
            if self._ending is None:
                await self._say_goodbye(code, reason)
        finally:
            self._end(lambda: WebSocketDisconnect(code, reason))
            await self.stream.aclose()

    async def _say_goodbye(self, code: int, reason: str | None) -> None:
        now = self._backend.now
        deadline = now() + _CLOSE_SECONDS
        if not await self._news.until(self._take_turn, _CLOSE_SECONDS):
            return
        try:
            with self._news.mutex:
                data = self._protocol.send_close(code, reason)
                self._goodbye = lambda: WebSocketDisconnect(code, reason)
            if data and self._ending is None:
                await self._write(data, max(0.0, deadline - now()))
        except WebSocketError:
            return
        finally:
            await self._end_turn()
        await self._news.until(
            lambda: self._ending is not None, max(0.0, deadline - now())
        )

    def _end(self, ending: Callable[[], WebSocketError]) -> None:
        """Fix how it ended; the first word counts."""
        with self._news.mutex:
            if self._ending is None:
                self._ending = ending
        self._news.tell()

    def _break(self, cause: Exception) -> WebSocketError:
        """End it for *cause*, unless it has ended; return what to raise."""
        detail = str(cause) or type(cause).__name__

        def ending() -> WebSocketError:
            error = WebSocketNetworkError(
                f"the WebSocket to {self._peer} broke: {detail}"
            )
            error.__cause__ = cause
            return error

        # After our goodbye the peer may hang up without its own.
        self._end(self._goodbye or ending)
        assert self._ending is not None
        return self._ending()

    @property
    def _peer(self) -> str:
        request = None if self.response is None else self.response._request
        return "the server" if request is None else request.url.host

    # --- the task that reads --------------------------------------------------------

    async def _run(self) -> None:
        try:
            while self._ending is None:
                data = await self._read()
                if data is not None:
                    await self._digest(data)
        except Exception as error:
            self._break(error)
        finally:
            await self.stream.aclose()

    def _on_task_end(self) -> None:
        text = "the task that read the WebSocket was ended"
        self._end(lambda: WebSocketNetworkError(text))

    async def _read(self) -> bytes | None:
        """Return bytes; or ``None`` if it was time to look after the connection."""
        now = self._backend.now
        due_at = self._alive.due_at
        timeout = None if due_at is None else max(0.0, due_at - now())
        try:
            data: bytes = await self.stream.read(_READ_SIZE, timeout)
        except (ReadTimeout, TimeoutError):
            await self._keep_alive()
            return None
        if not data:
            raise ConnectionError("it was closed without a goodbye")
        self._alive.heard(now())
        return data

    async def _keep_alive(self) -> None:
        due = self._alive.due(self._backend.now())
        if due is Due.GIVE_UP:
            raise ConnectionError(f"no pong for {self._patience:g} s")
        if due is Due.PING:
            payload = self._ping_payload()
            with self._news.mutex:
                frame = self._protocol.send_ping(payload)
            self._alive.pinged(payload, self._backend.now())
            await self._answer(frame)

    async def _digest(self, data: bytes) -> None:
        with self._news.mutex:
            received = self._protocol.receive(data)
        self._acknowledge(received)
        await self._answer(received.reply)
        for message in received.messages:
            await self._news.until(lambda message=message: self._put(message))  # type: ignore[misc]
            self._news.tell()
        close = received.close
        if close is not None:
            self._end(lambda: WebSocketDisconnect(close.code, close.reason))
        # Nobody listened while there was no room.
        self._alive.heard(self._backend.now())

    def _acknowledge(self, received: Received) -> None:
        for payload in received.pongs:
            self._alive.ponged(payload, self._backend.now())
            with self._news.mutex:
                pongs = self._pings.pop(payload, [])
            for pong in pongs:
                pong.set()

    def _put(self, message: Event) -> bool:
        """Keep *message* if there is room; without, drop it when nobody will ask."""
        if len(self._messages) < max(1, self._queue_size):
            self._messages.append(message)
            return True
        return self._goodbye is not None or self._ending is not None

    async def _answer(self, frames: bytes) -> None:
        """Send *frames*; if a message is on its way, have its sender do it.

        The task must go on reading: a peer that does not read may wait for just that.
        """
        if not frames:
            return
        with self._news.mutex:
            if not self._take_turn():
                too_much = len(self._owed) > _MOST_OWED_BYTES
                self._owed = (b"" if too_much else self._owed) + frames
                return
        try:
            patience = self._patience or DEFAULT_KEEPALIVE_PING_TIMEOUT_SECONDS
            await self._write(frames, patience)
        finally:
            await self._end_turn()

    def _ping_payload(self) -> bytes:
        return b"mooring-%d" % next(self._ping_numbers)


def _is_text(mode: str) -> bool:
    if mode not in ("text", "binary"):
        raise ValueError(f"mode must be 'text' or 'binary', not {mode!r}")
    return mode == "text"
