"""The state of an HTTP/2 connection, and what follows when a stream ends.

Every change of the books (who is open, who waits, what a window holds) is made here.
"""

from __future__ import annotations

from mooring._errors import RemoteProtocolError

from .http2_compress import HeaderEncoder
from .http2_decompress import HeaderDecoder
from .http2_flow import ReceiveWindow
from .http2_frames import (
    END_STREAM,
    ENHANCE_YOUR_CALM,
    NO_ERROR,
    PREFACE,
    PROTOCOL_ERROR,
    STREAM_CLOSED,
    ConnectionFault,
    StreamFault,
    goaway_frame,
    reset_frame,
    settings_frame,
    window_frame,
)
from .http2_limits import DEFAULT_HTTP2_LIMITS, SPARE_STREAM_IDS, HTTP2Limits
from .http2_reader import FrameReader
from .http2_resets import Resets
from .http2_settings import DEFAULT_WINDOW, PeerSettings, our_settings
from .http2_stream import HTTP2Stream

# curl tells these apart.
CURL_HTTP2 = 16
CURL_HTTP2_STREAM = 92
CURL_PARTIAL_FILE = 18
CURL_GOT_NOTHING = 52


class HTTP2State:
    """What both halves of an HTTP/2 connection, sending and receiving, know."""

    __slots__ = (
        "_credits_at_once",
        "_decoder",
        "_empty_frames",
        "_encoder",
        "_goaway_text",
        "_heard",
        "_limits",
        "_next_id",
        "_out",
        "_peer",
        "_peer_settings",
        "_reader",
        "_replies",
        "_reset_debt",
        "_resets",
        "_retires_at",
        "_send_window",
        "_streams",
        "_touched",
        "_useless",
        "_waiting",
        "_window",
        "changes",
        "closed",
        "error",
        "goaway_code",
        "goaway_last",
        "refusals",
        "settings_acknowledged",
    )

    def __init__(self, peer: str, limits: HTTP2Limits = DEFAULT_HTTP2_LIMITS) -> None:
        """Begin a connection to *peer*, a label such as ``example.org:443``."""
        self._peer = peer
        self._limits = limits
        self._reader = FrameReader(limits)
        self._encoder = HeaderEncoder(limits.header_table_bytes)
        self._decoder = HeaderDecoder(limits.header_list_bytes)
        self._peer_settings = PeerSettings()
        self._resets = Resets()
        self._streams: dict[int, HTTP2Stream] = {}
        # Streams whose bodies wait for a window; who was served goes to the end.
        self._waiting: dict[int, HTTP2Stream] = {}
        self._touched: list[HTTP2Stream] = []
        self._next_id = 1
        self._retires_at = limits.last_stream_id - 2 * SPARE_STREAM_IDS
        self._send_window = DEFAULT_WINDOW
        size = max(limits.connection_window, DEFAULT_WINDOW)
        self._window = ReceiveWindow(size)
        # If all streams together could hold more than the connection's window, bodies
        # nobody reads would stop everybody else's.
        self._credits_at_once = limits.streams * limits.stream_window > size
        self._heard = 0  # calls of receive, as a clock
        self._replies = 0  # since data was last handed out
        self._empty_frames = 0
        self._useless = 0
        self._reset_debt = 0
        self._goaway_text = ""
        self.changes = 0
        """Goes up whenever ``cap``, ``available``, ``is_draining`` and the like change
        through the peer's doing."""
        self.closed = False
        """Neither side says more on this connection."""
        self.error: RemoteProtocolError | None = None
        """What the peer did to end the connection, if it was its fault."""
        self.goaway_last: int | None = None
        """The last stream the peer will process, once it has said so; may be 0."""
        self.goaway_code = NO_ERROR
        self.refusals = 0
        """Streams refused by REFUSED_STREAM."""
        self.settings_acknowledged = False
        self._out = [PREFACE, settings_frame(our_settings(limits))]
        if size > DEFAULT_WINDOW:
            self._out.append(window_frame(0, size - DEFAULT_WINDOW))

    # --- facts ---------------------------------------------------------------

    @property
    def settings_seen(self) -> bool:
        """The peer's SETTINGS have come, so ``cap`` is not provisional any more."""
        return self._peer_settings.seen

    @property
    def cap(self) -> int:
        """Streams at the same time: the peer's limit or ours, which is lower."""
        limits = self._limits
        theirs = self._peer_settings.streams
        if not self._peer_settings.seen:
            theirs = limits.provisional_streams
        return limits.streams if theirs is None else min(theirs, limits.streams)

    @property
    def streams(self) -> int:
        """Streams that are open now."""
        return len(self._streams)

    @property
    def zombies(self) -> int:
        """Streams that we reset and that may still take a slot at the peer."""
        return self._resets.zombies

    @property
    def available(self) -> int:
        """Streams that may be begun now."""
        zombies = self._resets.zombies
        if self.is_draining or zombies >= self._limits.concurrent_resets:
            return 0
        return max(0, self.cap - len(self._streams) - zombies)

    @property
    def is_draining(self) -> bool:
        """No stream should be begun here any more; those open may end."""
        return (
            self.goaway_last is not None
            or self.closed
            or self._next_id > self._retires_at
            or self._reset_debt >= self._limits.own_resets
        )

    @property
    def pings_sent(self) -> int:
        """Number of the last PING sent, by ``ping`` or after a reset."""
        return self._resets.sent

    @property
    def pings_answered(self) -> int:
        """Number of the last PING answered."""
        return self._resets.answered

    @property
    def send_window(self) -> int:
        """Body bytes that the peer lets us send on all streams together."""
        return self._send_window

    @property
    def receive_window(self) -> int:
        """Body bytes that we let the peer send on all streams together."""
        return self._window.left

    @property
    def held(self) -> int:
        """Bytes of the connection's window in the hands of readers, or lost."""
        return self._window.held

    # --- what follows from what happened --------------------------------------

    def _known(self, stream_id: int, what: str) -> HTTP2Stream | None:
        """Return a stream, None for one that is over; refuse one we never began."""
        stream = self._streams.get(stream_id)
        if stream is None and (not stream_id & 1 or stream_id >= self._next_id):
            raise ConnectionFault(
                PROTOCOL_ERROR, f"{what} on stream {stream_id}, which we never began"
            )
        return stream

    def _late(
        self, stream: HTTP2Stream | None, stream_id: int, flags: int, what: str
    ) -> None:
        """Judge what came for a stream that expects nothing."""
        if stream is not None:  # complete, while we still send
            fault = StreamFault(STREAM_CLOSED, f"{what} after the end of the response")
            self._refuse(stream, fault)
            return
        self._known(stream_id, what)
        if stream_id not in self._resets:
            raise ConnectionFault(
                STREAM_CLOSED, f"{what} on stream {stream_id}, which has ended"
            )
        self._spend()
        if flags & END_STREAM:
            self._resets.remove(stream_id)
            self.changes += 1

    def _completed(self, stream: HTTP2Stream) -> None:
        if self._reset_debt:
            self._reset_debt -= 1
        if stream.request_sent:
            stream.closed = True
            del self._streams[stream.id]

    def _close(self, stream: HTTP2Stream) -> None:
        stream.closed = True
        self._streams.pop(stream.id, None)
        self._waiting.pop(stream.id, None)

    def _reset(self, stream: HTTP2Stream, code: int) -> None:
        stream.reset_code = code
        self._out.append(reset_frame(stream.id, code))
        self._close(stream)
        if not stream.complete:
            self._reset_debt += 1
            ping = self._resets.add(
                stream.id, is_silent=stream._begun_at == self._heard
            )
            if ping:
                self._out.append(ping)

    def _refuse(self, stream: HTTP2Stream, fault: StreamFault) -> None:
        """End a stream for what the peer did on it."""
        self._reset(stream, fault.code)
        if not stream.complete:
            stream.error = RemoteProtocolError(
                f"invalid response from {self._peer}: {fault}"
            )
            stream.error.exit_code = CURL_HTTP2_STREAM
        self._touch(stream)

    def _wake(self, stream: HTTP2Stream) -> None:
        if stream._send_window > 0 and self._send_window > 0:
            self._touch(stream)

    def _wake_all(self) -> None:
        if self._waiting:
            for stream in self._waiting.values():
                self._wake(stream)

    def _credit(self, size: int) -> None:
        increment = self._window.credit(size)
        if increment and not self.closed:
            self._out.append(window_frame(0, increment))

    def _credit_stream(self, stream: HTTP2Stream, size: int) -> None:
        increment = stream._window.credit(size)
        if increment:
            self._out.append(window_frame(stream.id, increment))

    def _reply(self, data: bytes) -> None:
        self._replies += 1
        if self._replies > self._limits.queued_replies:
            raise ConnectionFault(
                ENHANCE_YOUR_CALM,
                f"over {self._limits.queued_replies} frames to answer at once",
            )
        self._out.append(data)

    def _spend(self) -> None:
        self._useless += 1
        if self._useless > self._limits.useless_frames:
            raise ConnectionFault(
                ENHANCE_YOUR_CALM,
                f"over {self._limits.useless_frames} frames that advance no stream",
            )

    def _count_empty(self) -> None:
        self._empty_frames += 1
        if self._empty_frames > self._limits.empty_data_frames:
            raise ConnectionFault(
                ENHANCE_YOUR_CALM,
                f"over {self._limits.empty_data_frames} empty DATA frames in a row",
            )

    def _news(self) -> list[HTTP2Stream]:
        touched = self._touched
        if touched:
            self._touched = []
            for stream in touched:
                stream._is_news = False
        return touched

    def _touch(self, stream: HTTP2Stream) -> None:
        if not stream._is_news:
            stream._is_news = True
            self._touched.append(stream)

    # --- endings -------------------------------------------------------------

    def _die(self, fault: ConnectionFault) -> None:
        text = str(fault)
        if not text.startswith("server "):
            text = f"server broke HTTP/2: {text}"
        text = f"{text} ({self._peer})"
        self._out.append(
            goaway_frame(fault.code, str(fault).encode("ascii", "replace"))
        )
        self.error = RemoteProtocolError(text)
        self.error.exit_code = CURL_HTTP2
        self._end(text)

    def _end(self, text: str = "") -> None:
        """Close; every response that is not complete fails with an error of its own."""
        self.closed = True
        self.changes += 1
        for stream in list(self._streams.values()):
            if not stream.complete:
                if text:
                    stream.error = RemoteProtocolError(text)
                    stream.error.exit_code = CURL_HTTP2
                else:
                    stream.error = self._cut_short(stream)
            self._close(stream)
            self._touch(stream)
        self._resets.clear()

    def _cut_short(self, stream: HTTP2Stream) -> RemoteProtocolError:
        if stream.head_complete and stream.content_length is not None:
            cut = f"after {stream._received} of {stream.content_length} body bytes"
        elif stream.head_complete:
            cut = f"after {stream._received} body bytes, before the end"
        else:
            cut = "without sending a response"
        if self._goaway_text:
            cut += f", after {self._goaway_text}"
        error = self._stream_error(f"server closed the connection {cut}")
        if stream.head_complete:
            error.exit_code = CURL_PARTIAL_FILE
        elif not self._heard:
            error.exit_code = CURL_GOT_NOTHING
        return error

    def _stream_error(self, text: str) -> RemoteProtocolError:
        error = RemoteProtocolError(f"{text} ({self._peer})")
        error.exit_code = CURL_HTTP2_STREAM
        return error
