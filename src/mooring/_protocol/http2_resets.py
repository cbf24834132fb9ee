"""Streams we reset, until the peer has confirmed it; and the PINGs that ask for that.

A peer that still answers frees a stream when it reads our RST_STREAM, so such a stream
costs no slot. Of one that has been silent since the stream began nobody knows: its slot
stays taken until it answers a PING sent after the reset. At most one PING is under
way, because there are servers that hang up on clients that ping much.
"""

from __future__ import annotations

from .http2_frames import PING, frame

_REMEMBERED = 1000


class Resets:
    """What is left of streams that we reset, and the count of our PINGs."""

    __slots__ = ("_begun", "_ids", "answered", "sent")

    def __init__(self) -> None:
        self.sent = 0
        """Number of the last PING sent."""
        self.answered = 0
        """Number of the last PING answered."""
        self._ids: dict[int, None] = {}
        self._begun: dict[int, int] = {}

    def __contains__(self, stream_id: int) -> bool:
        """Say whether late frames for the stream are to be expected."""
        return stream_id in self._ids

    @property
    def zombies(self) -> int:
        """Streams that may still take a slot at the peer."""
        return len(self._begun)

    def add(self, stream_id: int, *, is_silent: bool) -> bytes:
        """Take note of a reset; return the PING to send, if any."""
        self._ids[stream_id] = None
        if len(self._ids) > _REMEMBERED:
            self.remove(next(iter(self._ids)))
        if not is_silent:
            return b""
        self._begun[stream_id] = self.sent + 1
        return self._ping() if self.sent == self.answered else b""

    def remove(self, stream_id: int) -> None:
        """Forget a stream: the peer has ended it."""
        self._ids.pop(stream_id, None)
        self._begun.pop(stream_id, None)

    def clear(self) -> None:
        self._ids.clear()
        self._begun.clear()

    def ping(self) -> bytes:
        """Return a PING to send, or nothing if one is under way."""
        return b"" if self.sent > self.answered else self._ping()

    def answer(self, payload: bytes) -> bytes:
        """Take in an answer to a PING; return the next PING to send, if any."""
        if self.sent == self.answered or payload != self.sent.to_bytes(8, "big"):
            return b""  # not to ours
        self.answered = self.sent
        begun = self._begun
        for stream_id in [key for key, ping in begun.items() if ping <= self.sent]:
            del begun[stream_id]
        return self._ping() if begun else b""

    def _ping(self) -> bytes:
        self.sent += 1
        return frame(PING, 0, 0, self.sent.to_bytes(8, "big"))
