"""Server-sent events out of bytes, by the event stream format of the WHATWG.

(HTML Standard, section 9.2.6.) Bytes may be cut anywhere; the events are the same. Of
what is not finished no more is kept than an event may have.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .._errors import SSEError

__all__ = ["DEFAULT_MAX_EVENT_SIZE_BYTES", "EventParser", "ServerSentEvent"]

DEFAULT_MAX_EVENT_SIZE_BYTES = 1024 * 1024

_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class ServerSentEvent:
    """One event of a stream.

    Attributes:
        event: Its type.
        data: Its data; lines are joined by newlines.
        id: The last event ID of the stream so far, this event's own included.
        retry: Milliseconds to wait before reconnecting, if this event says so.

    Example::

        >>> ServerSentEvent(data='{"a": 1}').json()
        {'a': 1}
    """

    event: str = "message"
    data: str = ""
    id: str = ""
    retry: int | None = None

    def json(self) -> object:
        """Return the data read as JSON.

        Raises:
            json.JSONDecodeError: It is not JSON.
        """
        import json  # it takes 5 ms, and not every program reads it

        return json.loads(self.data)


class EventParser:
    """Parse a stream that comes in pieces.

    Args:
        max_event_size: Bytes that the lines of one event may have, without their ends
            and without comments; ``None`` for no limit.
    """

    __slots__ = (
        "_after_cr",
        "_data",
        "_event",
        "_event_size",
        "_has_fields",
        "_in_comment",
        "_last_event_id",
        "_line",
        "_line_size",
        "_max_event_size",
        "_opening",
        "_retry",
    )

    def __init__(
        self, max_event_size: int | None = DEFAULT_MAX_EVENT_SIZE_BYTES
    ) -> None:
        self._max_event_size = max_event_size
        self._opening: bytes | None = b""
        self._after_cr = False
        self._in_comment = False
        self._line: list[bytes] = []
        self._line_size = 0
        self._last_event_id = ""
        self._event = ""
        self._data: list[str] = []
        self._retry: int | None = None
        self._event_size = 0
        self._has_fields = False

    def feed(self, data: bytes) -> Iterator[ServerSentEvent]:
        """Yield the events that are complete with *data*.

        What the end of the stream leaves unfinished is no event, so there is nothing
        to be asked for after the last piece.

        Raises:
            SSEError: An event is too large.
        """
        if self._opening is not None:
            data = self._without_bom(data)
        if self._after_cr and data:
            self._after_cr = False
            data = data.removeprefix(b"\n")
        if not data:
            return
        self._after_cr = data.endswith(b"\r")
        lines = data.splitlines()
        rest = b"" if data.endswith((b"\r", b"\n")) else lines.pop()
        for line in lines:
            if self._in_comment:
                self._in_comment = False
            elif (event := self._take_line(self._finished(line))) is not None:
                yield event
        if rest and not self._in_comment:
            self._keep(rest)

    def _without_bom(self, data: bytes) -> bytes:
        """Strip the byte order mark that a stream may begin with."""
        assert self._opening is not None
        data = self._opening + data
        if len(data) < len(_BOM) and _BOM.startswith(data):
            self._opening = data
            return b""
        self._opening = None
        return data.removeprefix(_BOM)

    def _finished(self, line: bytes) -> bytes:
        if not self._line:
            return line
        line = b"".join([*self._line, line])
        self._line.clear()
        self._line_size = 0
        return line

    def _keep(self, rest: bytes) -> None:
        if not self._line and rest.startswith(b":"):
            # Servers send comments to keep the connection; nobody gets to see them.
            self._in_comment = True
            return
        self._line.append(rest)
        self._line_size += len(rest)
        self._check_size(self._event_size + self._line_size)

    def _take_line(self, line: bytes) -> ServerSentEvent | None:
        if not line:
            return self._end_event()
        if line.startswith(b":"):
            return None
        self._event_size += len(line)
        self._check_size(self._event_size)
        name, _, raw_value = line.partition(b":")
        value = raw_value.removeprefix(b" ").decode("utf-8", "replace")
        match name:
            case b"data":
                self._data.append(value)
            case b"event":
                self._event = value
            case b"id" if "\0" not in value:
                self._last_event_id = value
            case b"retry" if (milliseconds := _as_digits(value)) is not None:
                self._retry = milliseconds
            case _:
                return None
        self._has_fields = True
        return None

    def _end_event(self) -> ServerSentEvent | None:
        # A browser drops events that have no data. httpx2 gives them, and there is no
        # other way to learn of a "retry" or an "id" that comes alone.
        event = None
        if self._has_fields:
            event = ServerSentEvent(
                event=self._event or "message",
                data="\n".join(self._data),
                id=self._last_event_id,
                retry=self._retry,
            )
        self._begin_event()
        return event

    def _begin_event(self) -> None:
        self._event = ""
        self._data = []
        self._retry = None
        self._event_size = 0
        self._has_fields = False

    def _check_size(self, size: int) -> None:
        if self._max_event_size is not None and size > self._max_event_size:
            error = SSEError(
                f"an event of the stream is larger than {self._max_event_size} bytes"
                " (max_event_size)"
            )
            error.add_note("max_event_size= sets another limit, None lifts it")
            raise error


def _as_digits(value: str) -> int | None:
    if not (value.isascii() and value.isdigit()):
        return None
    try:
        return int(value)
    except ValueError:  # more digits than Python converts
        return None
