"""One exchange on an HTTP/2 connection: what was received, as plain attributes."""

from __future__ import annotations

from mooring._errors import RemoteProtocolError

from .http1_grammar import MalformedError
from .http1_head import Fields
from .http2_flow import ReceiveWindow
from .http2_frames import FLOW_CONTROL_ERROR, PROTOCOL_ERROR, StreamFault
from .http2_head import HeaderList, ResponseHead
from .http2_limits import HTTP2Limits

_BODILESS = frozenset((204, 304))
_CRUMB_BYTES = 256
_JOINED_BYTES = 4096


class HTTP2Stream:
    """The facts about one exchange; only the connection changes them.

    They stay true when the connection has forgotten the stream.
    """

    __slots__ = (
        "_begun_at",
        "_is_bodiless",
        "_is_news",
        "_limits",
        "_received",
        "_send_window",
        "_unsent",
        "_waits",
        "_window",
        "begun",
        "chunks",
        "closed",
        "complete",
        "content_length",
        "error",
        "head_complete",
        "headers",
        "id",
        "interim",
        "refused",
        "request_sent",
        "reset_code",
        "status",
        "trailers",
    )

    def __init__(
        self,
        stream_id: int,
        limits: HTTP2Limits,
        *,
        is_head: bool,
        unsent: int | None,
        send_window: int,
        begun_at: int,
    ) -> None:
        self.id = stream_id
        self.begun = False
        """Some frame of the response has come."""
        self.head_complete = False
        self.complete = False
        """The whole response has come."""
        self.request_sent = unsent == 0
        """The request, body included, has been handed out for sending."""
        self.closed = False
        """Nothing more is sent or received; the connection has forgotten the stream."""
        self.status = 0
        self.headers: Fields = []
        self.trailers: Fields = []
        """Fields after the body; never merged into ``headers``."""
        self.interim: list[tuple[int, Fields]] = []
        """Status and fields of each 1xx response, in order."""
        self.chunks: list[bytes] = []
        """Body pieces not taken yet; take them by ``HTTP2Connection.take_body``."""
        self.content_length: int | None = None
        """Length of the body if the head tells it (0 where there is none)."""
        self.error: RemoteProtocolError | None = None
        """Why the response will never be complete."""
        self.refused = False
        """The peer has promised that it did nothing: the request may be sent again."""
        self.reset_code: int | None = None
        """The error code with which either side reset the stream."""
        self._limits = limits
        self._is_bodiless = is_head
        self._unsent = unsent
        self._send_window = send_window
        self._begun_at = begun_at
        self._received = 0
        self._window = ReceiveWindow(limits.stream_window)
        self._is_news = False
        self._waits = False

    @property
    def remaining(self) -> int | None:
        """Body bytes still to come; None while that is not known."""
        if self.complete:
            return 0
        if self.content_length is None:
            return None
        return self.content_length - self._received

    @property
    def send_window(self) -> int:
        """Body bytes that the peer lets us send on this stream; may be negative."""
        return self._send_window

    @property
    def receive_window(self) -> int:
        """Body bytes that we let the peer send on this stream."""
        return self._window.left

    def _take_headers(self, decoded: HeaderList, *, ends: bool) -> None:
        """Take in a header list. Raises ``StreamFault``."""
        self.begun = True
        try:
            if self.head_complete:
                self._take_trailers(decoded, ends=ends)
            else:
                head = decoded.head()
                if head.status < 200:
                    self._take_interim(head, decoded.size, ends=ends)
                else:
                    self._take_final(head)
        except MalformedError as fault:
            raise StreamFault(PROTOCOL_ERROR, str(fault)) from fault
        if ends:
            self._finish()

    def _take_final(self, head: ResponseHead) -> None:
        fields = head.fields
        if len(fields) > self._limits.head_fields:
            raise MalformedError(
                f"the response head is over {self._limits.head_fields} fields"
            )
        self.status = head.status
        self.headers = fields
        if self._is_bodiless or head.status in _BODILESS:
            self._is_bodiless = True
            self.content_length = 0
        else:
            self.content_length = head.length
        self.head_complete = True

    def _take_interim(self, head: ResponseHead, size: int, *, ends: bool) -> None:
        if ends:
            raise MalformedError(f"the response ended with status {head.status}")
        limits = self._limits
        if len(self.interim) >= limits.interim_responses:
            raise MalformedError(f"over {limits.interim_responses} interim responses")
        held = sum(HeaderList(fields).size for _, fields in self.interim)
        if held + size > limits.header_list_bytes:
            raise MalformedError(
                f"the interim responses are over {limits.header_list_bytes} bytes"
            )
        self.interim.append((head.status, head.fields))

    def _take_trailers(self, decoded: HeaderList, *, ends: bool) -> None:
        if not ends:
            raise MalformedError("a second response head")
        limits = self._limits
        if len(decoded.fields) > limits.trailer_fields:
            raise MalformedError(
                f"the trailers are over {limits.trailer_fields} fields"
            )
        if decoded.size > limits.trailer_bytes:
            raise MalformedError(f"the trailers are over {limits.trailer_bytes} bytes")
        self.trailers = decoded.trailers()

    def _take_data(self, data: bytes, size: int, *, ends: bool) -> None:
        """Take in DATA that cost *size* bytes of window. Raises ``StreamFault``."""
        self._window.left -= size
        if self._window.left < 0:
            raise StreamFault(FLOW_CONTROL_ERROR, "more body than the window allows")
        if not self.head_complete:
            raise StreamFault(PROTOCOL_ERROR, "DATA before the response head")
        if data:
            self._received += len(data)
            if self._is_bodiless:
                raise StreamFault(
                    PROTOCOL_ERROR, "a body where the response cannot have one"
                )
            if self.content_length is not None and self._received > self.content_length:
                raise StreamFault(
                    PROTOCOL_ERROR,
                    f"over the {self.content_length} body bytes announced",
                )
        if ends:
            self._finish()
        if data:
            self._append(data)

    def _append(self, data: bytes) -> None:
        chunks = self.chunks
        if (
            chunks
            and len(data) < _CRUMB_BYTES
            and len(chunks[-1]) + len(data) <= _JOINED_BYTES
        ):
            # Or a body in tiny frames would become a million objects.
            chunks[-1] += data
        else:
            chunks.append(data)

    def _finish(self) -> None:
        length = self.content_length
        if length is not None and self._received != length:
            raise StreamFault(
                PROTOCOL_ERROR, f"ended after {self._received} of {length} body bytes"
            )
        self.complete = True
