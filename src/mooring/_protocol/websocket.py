"""WebSocket after the handshake (RFC 6455): bytes in, whole messages and facts out.

Frames are wsproto's business. What is added here: messages put together up to a size,
and what is owed to the peer for its pings and for its close. Imported when needed,
since wsproto comes with the extra ``ws``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from wsproto import ConnectionType
from wsproto.connection import Connection, ConnectionState
from wsproto.events import (
    BytesMessage,
    CloseConnection,
    Event,
    Message,
    Ping,
    Pong,
    TextMessage,
)
from wsproto.frame_protocol import CloseReason
from wsproto.utilities import LocalProtocolError as NotNow

from .._errors import LocalProtocolError

__all__ = ["Close", "Received", "WebSocketProtocol"]

_OPEN = (ConnectionState.OPEN, ConnectionState.REMOTE_CLOSING)


@dataclass(frozen=True, slots=True)
class Close:
    """With what the connection was closed."""

    code: int
    reason: str


@dataclass(slots=True)
class Received:
    """What some bytes meant."""

    messages: list[Event] = field(default_factory=list)
    pongs: list[bytes] = field(default_factory=list)
    reply: bytes = b""
    """To be sent: the answer to a ping, to a close, or to a violation."""
    close: Close | None = None
    """Nothing comes any more; by the peer's wish, or because it broke a rule."""


class WebSocketProtocol:
    """One client's end of a WebSocket. Not safe for threads."""

    def __init__(self, max_message_size: int) -> None:
        self.connection = Connection(ConnectionType.CLIENT)
        self._max_message_size = max_message_size
        self._pieces: list[str | bytes] = []
        self._size = 0
        self._is_over = False

    def send(self, event: Event) -> bytes:
        """Return the frame for *event*.

        Raises:
            LocalProtocolError: It cannot be sent, in this state or at all.
        """
        try:
            return bytes(self.connection.send(event))
        except NotNow as error:
            raise LocalProtocolError(
                f"cannot send a {type(event).__name__} on a WebSocket that is"
                f" {self.connection.state.name.lower().replace('_', ' ')}"
            ) from error
        except (TypeError, ValueError) as error:
            raise LocalProtocolError(
                f"cannot send this {type(event).__name__} on a WebSocket: {error}"
            ) from error

    def send_message(self, data: str | bytes) -> bytes:
        """Return the frame for a whole message."""
        if isinstance(data, str):
            return self.send(TextMessage(data))
        return self.send(BytesMessage(data))

    def send_ping(self, payload: bytes) -> bytes:
        """Return the frame of a ping."""
        return self.send(Ping(payload))

    def send_close(self, code: int, reason: str | None) -> bytes:
        """Return the frame that closes, or nothing if one was made before."""
        if self.connection.state not in _OPEN:
            return b""
        if code == CloseReason.NO_STATUS_RCVD:
            code = CloseReason.NO_STATUS_RCVD  # told apart by identity: send none
        return self.send(CloseConnection(code, reason))

    def receive(self, data: bytes) -> Received:
        """Say what *data* means. Of several pings, the last one is answered."""
        received = Received()
        if self._is_over:
            return received
        self.connection.receive_data(data)
        pinged: Ping | None = None
        for event in self.connection.events():
            if isinstance(event, Ping):
                pinged = event
            elif isinstance(event, Pong):
                received.pongs.append(bytes(event.payload))
            elif isinstance(event, CloseConnection):
                received.close = Close(int(event.code), event.reason or "")
            elif isinstance(event, Message) and not self._add(event, received):
                received.close = Close(CloseReason.MESSAGE_TOO_BIG, "Message too big")
            if received.close is not None:
                self._is_over = True
                break
        if pinged is not None and self.connection.state is ConnectionState.OPEN:
            received.reply = self.send(pinged.response())
        if received.close is not None:
            self._pieces.clear()
            received.reply += self.send_close(
                received.close.code, received.close.reason
            )
        return received

    def _add(self, event: Message[Any], received: Received) -> bool:
        """Take a piece of a message. False if the message has become too large."""
        data = event.data
        self._size += len(data.encode() if isinstance(data, str) else data)
        if self._size > self._max_message_size:
            return False
        if data:
            self._pieces.append(data if isinstance(data, str) else bytes(data))
        if event.message_finished:
            received.messages.append(self._whole(isinstance(data, str)))
            self._size = 0
            self._pieces.clear()
        return True

    def _whole(self, is_text: bool) -> Event:
        if is_text:
            return TextMessage("".join(str(piece) for piece in self._pieces))
        return BytesMessage(
            b"".join(piece for piece in self._pieces if isinstance(piece, bytes))
        )
