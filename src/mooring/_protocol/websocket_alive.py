"""When to ping a WebSocket's peer, and when to give it up. Told the time."""

from __future__ import annotations

from enum import Enum

__all__ = ["Due", "KeepAlive"]


class Due(Enum):
    """What is to be done now."""

    NOTHING = "nothing"
    PING = "ping"
    GIVE_UP = "give up"


class KeepAlive:
    """A ping every *interval* seconds, and *timeout* seconds for a sign of life.

    The next ping is due an interval after the last was answered. Until then any byte
    is a sign of life: a pong can be far behind in what the peer has to send.
    """

    __slots__ = ("_awaited", "_interval", "_timeout", "due_at")

    def __init__(
        self, interval: float | None, timeout: float | None, now: float
    ) -> None:
        self._interval = interval
        self._timeout = timeout
        self._awaited: bytes | None = None
        self.due_at = None if interval is None else now + interval
        """When ``due`` is to be asked; ``None`` is never."""

    def due(self, now: float) -> Due:
        """Say what is to be done at *now*."""
        if self.due_at is None or now < self.due_at:
            return Due.NOTHING
        return Due.PING if self._awaited is None else Due.GIVE_UP

    def pinged(self, payload: bytes, now: float) -> None:
        """Remember that a ping went out."""
        if self._timeout is not None:
            self._awaited = payload
            self.due_at = now + self._timeout
        elif self._interval is not None:
            self.due_at = now + self._interval

    def heard(self, now: float) -> None:
        """Remember that bytes came, or that nobody was listening until now."""
        if self._awaited is not None and self._timeout is not None:
            self.due_at = now + self._timeout

    def ponged(self, payload: bytes, now: float) -> None:
        """Remember that the peer answered a ping."""
        if payload == self._awaited and self._interval is not None:
            self._awaited = None
            self.due_at = now + self._interval
