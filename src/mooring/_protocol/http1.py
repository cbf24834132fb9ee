"""One HTTP/1.1 client connection, exchange after exchange: bytes in, facts out.

1. What to send comes back from methods; what was received is plain attributes.
2. A fault of the peer ends the connection; a fault of the caller changes nothing.
3. Bytes nobody asked for are never parsed: they make the connection unusable.
4. Only exact framing without any leniency leaves a connection reusable.
5. The same bytes give the same facts however they are cut into pieces.
"""

from __future__ import annotations

from enum import Enum

from mooring._errors import LocalProtocolError, RemoteProtocolError

from .http1_block import LineBlock
from .http1_chunked import ChunkedBody
from .http1_grammar import BLANK_LINE, CRLF, MalformedError
from .http1_head import (
    OPENING_BYTES,
    FieldReader,
    Fields,
    Framing,
    NotHTTPError,
    StatusLine,
    check_codings,
    check_opening,
    framing_of,
    greeting_error,
    may_be_http,
    status_lines,
)
from .http1_limits import DEFAULT_HTTP1_LIMITS, HTTP1Limits
from .http1_write import (
    LAST_CHUNK,
    FieldBlock,
    RequestHead,
    encode_chunk,
    encode_head,
)


class _Phase(Enum):
    IDLE = "no response is due"
    HEAD = "in the response head, or before it"
    BY_LENGTH = "in a body of known length"
    CHUNKED = "in a chunked body"
    UNTIL_EOF = "in a body that ends with the connection"
    SWITCHED = "another protocol has taken over"
    DEAD = "the peer broke the rules"


# Module globals, because looking a member up on an Enum class is slow.
_IDLE = _Phase.IDLE
_HEAD = _Phase.HEAD
_BY_LENGTH = _Phase.BY_LENGTH
_CHUNKED = _Phase.CHUNKED
_UNTIL_EOF = _Phase.UNTIL_EOF
_SWITCHED = _Phase.SWITCHED
_DEAD = _Phase.DEAD

# curl tells these apart from other answers that are none.
CURL_PARTIAL_FILE = 18
CURL_GOT_NOTHING = 52

# Methods whose answers do not always end where their fields say.
_ODD_METHODS = frozenset((b"HEAD", b"CONNECT"))
_BLANK_LINE_SIZE = len(BLANK_LINE)


class HTTP1Connection:
    r"""The client side of one HTTP/1.1 connection, without the connection.

    For each exchange call ``start``, then ``body`` and ``end_body`` if a body was
    promised, and hand what arrives to ``receive`` (at the end of the stream, to
    ``receive_eof``), in any order the network likes. Look at the attributes after
    each call.

    >>> connection = HTTP1Connection("example.org:80")
    >>> connection.start("GET", b"/", [(b"Host", b"example.org")])
    b'GET / HTTP/1.1\r\nHost: example.org\r\n\r\n'
    >>> connection.receive(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    >>> connection.status, connection.take_body(), connection.reusable
    (200, [b'ok'], True)
    """

    __slots__ = (
        "_asked",
        "_block",
        "_chunked",
        "_fault",
        "_interim_bytes",
        "_keep",
        "_left",
        "_limits",
        "_method",
        "_peer",
        "_phase",
        "_quick_bytes",
        "_reader",
        "_unsent",
        "begun",
        "chunks",
        "complete",
        "content_length",
        "desync",
        "head_complete",
        "headers",
        "http_version",
        "interim",
        "keep_alive",
        "reason",
        "request_sent",
        "status",
        "trailers",
        "trailing",
        "upgraded",
    )

    def __init__(self, peer: str, limits: HTTP1Limits = DEFAULT_HTTP1_LIMITS) -> None:
        """Begin a connection to *peer*, a label such as ``example.org:443``."""
        self._peer = peer
        self._limits = limits
        # Heads up to this size need no check of single lines.
        self._quick_bytes = min(limits.line_bytes, limits.head_bytes)
        self._reader = FieldReader()
        self._phase = _IDLE
        self._block: LineBlock | None = None  # a head that came in pieces, so far
        self._chunked: ChunkedBody | None = None
        self._left = 0  # while in a body of known length
        self._interim_bytes = 0
        self._fault = ""
        self._keep = True
        self._unsent: int | None = 0
        self._method: bytes
        self._asked: FieldBlock
        self.request_sent = False
        """The request, body included, has been handed out for sending."""
        self.desync = False
        """The peer sent bytes nobody asked for."""
        self.upgraded = False
        """Another protocol has taken over: a 101 we asked for, or a tunnel."""
        self.trailing = b""
        """Bytes received that belong to that other protocol."""
        self.begun = False
        """Some byte of the response has come."""
        self.head_complete = False
        self.complete = False
        self.status = 0
        self.reason = b""
        self.http_version = b""
        self.headers: Fields = []
        self.keep_alive: bytes | None = None
        """The field ``Keep-Alive`` of the response, if it has one."""
        self.trailers: Fields = []
        """Fields after a chunked body; never merged into ``headers``."""
        self.interim: list[tuple[int, Fields]] = []
        """Status and fields of each 1xx response, in order."""
        self.chunks: list[bytes] = []
        """Body pieces not taken yet; see ``take_body``."""
        self.content_length: int | None = None
        """Length of the body if the head tells it (0 where there is none)."""

    @property
    def reusable(self) -> bool:
        """Another exchange may follow on this connection."""
        return self.complete and self.request_sent and self._keep

    @property
    def remaining(self) -> int | None:
        """Body bytes still to come; None while that is not known."""
        if self.complete:
            return 0
        return self._left if self._phase is _BY_LENGTH else None

    def start(
        self, method: str | bytes, target: bytes, headers: list[tuple[bytes, bytes]]
    ) -> bytes:
        """Begin an exchange and return the request head to send.

        The headers choose how the body is framed: ``Content-Length``,
        ``Transfer-Encoding: chunked``, or neither and no body. Raises
        ``LocalProtocolError``, with nothing changed, when the last exchange is not
        over, the connection cannot be used again, or anything given is not fit to
        be sent (RFC 9110 section 5, RFC 9112 section 3).
        """
        return self.begin(encode_head(method, target, headers))

    def begin(self, head: RequestHead) -> bytes:
        """Begin an exchange with a head that was encoded before; return its bytes.

        Raises ``LocalProtocolError``, with nothing changed, when the last exchange
        is not over or the connection cannot be used again.
        """
        if self._phase is not _IDLE or self._unsent != 0 or not self._keep:
            raise self._not_ready()
        # Forget the last exchange: what every exchange changes, then what few do.
        self._phase = _HEAD
        self.begun = self.head_complete = self.complete = False
        self.status = 0
        self.reason = self.http_version = b""
        self.headers = []
        self.chunks = []
        self.content_length = None
        if self.trailers:
            self.trailers = []
        if self.interim:
            self.interim = []
            self._interim_bytes = 0
        data, self._method, asked = head
        self._asked = asked
        self._unsent = unsent = asked.body_bytes
        self.request_sent = unsent == 0
        return data

    def _not_ready(self) -> LocalProtocolError:
        if self._phase is not _IDLE or self._unsent != 0:
            return LocalProtocolError(
                f"the exchange before this one is not over ({self._peer})"
            )
        return LocalProtocolError(f"the connection cannot be used again ({self._peer})")

    def body(self, chunk: bytes) -> bytes:
        """Return the bytes that carry *chunk*, a piece of the request body.

        Raises ``LocalProtocolError`` for more than Content-Length promised.
        """
        if self._unsent is None or not chunk:
            return encode_chunk(chunk)
        if len(chunk) > self._unsent:
            raise LocalProtocolError(
                f"request body is longer than announced: {len(chunk)} bytes given,"
                f" {self._unsent} left"
            )
        self._unsent -= len(chunk)
        self.request_sent = self._unsent == 0
        return chunk

    def end_body(self) -> bytes:
        """Return the bytes that end the request body.

        Raises ``LocalProtocolError`` for less than Content-Length promised.
        """
        if self._unsent is None:
            self._unsent = 0
            self.request_sent = True
            return LAST_CHUNK
        if self._unsent:
            raise LocalProtocolError(
                f"request body ended {self._unsent} bytes short of its Content-Length"
            )
        return b""

    def take_body(self) -> list[bytes]:
        """Hand over the body pieces that have come since the last call."""
        chunks = self.chunks
        self.chunks = []
        return chunks

    def receive(self, data: bytes) -> None:
        """Take in *data* from the peer; the attributes tell what it meant.

        Bytes when no response is due (before ``start``, after the end) raise
        nothing: they set ``desync``, and ``reusable`` is False from then on.

        Raises ``RemoteProtocolError`` for what breaks HTTP or a limit. The body that
        came before the fault can still be taken.
        """
        try:
            while data:
                if self._phase is _HEAD:
                    data = self._read_head(data)
                else:
                    data = self._step(data)
        except MalformedError as fault:
            raise self._die(self._describe(fault)) from fault

    def receive_eof(self) -> None:
        """Take note that the peer will send no more.

        Completes a body that ends with the connection, and is no fault while no
        response is due. Raises ``RemoteProtocolError`` for a response cut short.
        """
        self._keep = False
        phase = self._phase
        if phase is _UNTIL_EOF:
            self._finish()
        elif phase is not _IDLE and phase is not _SWITCHED:
            raise self._die(self._fault) if self._fault else self._broken_off()

    def _step(self, data: bytes) -> bytes:
        """Take in what belongs to the present phase; return the rest of *data*."""
        phase = self._phase
        if phase is _BY_LENGTH:
            return self._read_by_length(data)
        if self._chunked is not None and phase is _CHUNKED:
            return self._read_chunked(self._chunked, data)
        if phase is _UNTIL_EOF:
            self.chunks.append(data)
        elif phase is _SWITCHED:
            self.trailing += data
        elif phase is _IDLE:
            self.desync = True
            self._keep = False
        else:
            raise self._die(self._fault)
        return b""

    def _read_head(self, data: bytes) -> bytes:
        self.begun = True
        if self._block is None:
            end = data.find(BLANK_LINE, 0, self._quick_bytes)
            if end >= 0:  # a whole head at once: nearly always
                return self._take_head(data, end + _BLANK_LINE_SIZE)
        gathered = self._gather_head(data)
        if gathered is None:
            return b""
        self._block = None
        head, rest = gathered
        return self._take_head(head + rest, len(head))

    def _gather_head(self, data: bytes) -> tuple[bytes, bytes] | None:
        block = self._block
        if block is None:
            block = self._block = self._head_block(spent=0)
        check_opening(block.opening(data, size=OPENING_BYTES))
        return block.push(data)

    def _head_block(self, *, spent: int) -> LineBlock:
        return LineBlock(
            "the response head",
            max_bytes=self._limits.head_bytes,
            max_line_bytes=self._limits.line_bytes,
            spent=spent,
        )

    def _take_head(self, data: bytes, end: int) -> bytes:
        """Take in the head in ``data[:end]``; return what is left of *data*."""
        line_end = data.find(CRLF)
        line = status_lines[data[:line_end]]
        fields, is_lenient = self._reader.read(data[line_end:end])
        if len(fields) > self._limits.head_fields:
            raise MalformedError(
                f"the response head is over {self._limits.head_fields} fields"
            )
        framing = length, codings, closes, _, self.keep_alive = framing_of(fields)
        if (
            length is not None
            and (stop := end + length) <= len(data)
            and line.is_plain
            and self._method not in _ODD_METHODS
            and not (codings or closes or is_lenient or self._asked.closes)
        ):
            self._take_whole(line, fields, data[end:stop])
            return data[stop:]
        if line.status < 200:
            self._take_interim(line, fields, end)
        else:
            self._take_final(line, fields, framing, is_lenient=is_lenient)
        return data[end:]

    def _take_whole(self, line: StatusLine, fields: Fields, body: bytes) -> None:
        """Take in a plain response, all of it: the short way through the rules.

        ``_take_final`` and what follows it come to the same facts, step by step
        (benchmarks sync-1, asyncio-100).
        """
        self.http_version = line.version
        self.status = line.status
        self.reason = line.reason
        self.headers = fields
        self.content_length = len(body)
        if body:
            self.chunks = [body]
        self.head_complete = self.complete = True
        self._phase = _IDLE

    def _take_interim(self, line: StatusLine, fields: Fields, size: int) -> None:
        if line.status == 101:
            if not self._asked.asks_upgrade:
                raise MalformedError("101 Switching Protocols without being asked")
            self._set_head(line, fields)
            self._switch()
            return
        if len(self.interim) >= self._limits.interim_responses:
            raise MalformedError(
                f"over {self._limits.interim_responses} interim responses"
            )
        self.interim.append((line.status, fields))
        # Interim heads share the cap with the final one, or they could go on for ever.
        self._interim_bytes += size
        self._block = self._head_block(spent=self._interim_bytes)

    def _take_final(
        self, line: StatusLine, fields: Fields, framing: Framing, *, is_lenient: bool
    ) -> None:
        # RFC 9112 section 6.3, in its order.
        length, codings, closes, keeps_alive, _ = framing
        status = line.status
        has_body = self._method != b"HEAD" and status != 204 and status != 304
        is_tunnel = self._method == b"CONNECT" and status < 300
        if codings and has_body and not is_tunnel:
            check_codings(codings)
        self._set_head(line, fields)
        is_modern = line.version == b"HTTP/1.1"
        is_ambiguous = length is not None and bool(codings)  # chunked wins
        self._keep = (
            not (self._asked.closes or closes or is_ambiguous or is_lenient)
            # RFC 9112 section 9.3; chunked is not HTTP/1.0, who knows what it meant.
            and (is_modern or (keeps_alive and not codings))
        )
        if is_tunnel:
            self._switch()
        elif not has_body:
            self.content_length = 0
            self._finish()
        elif codings:
            self._phase = _CHUNKED
            self._chunked = ChunkedBody(self._limits)
        elif length is None:
            self._phase = _UNTIL_EOF
            self._keep = False
        else:
            self.content_length = self._left = length
            self._phase = _BY_LENGTH
            if not length:
                self._finish()

    def _set_head(self, line: StatusLine, fields: Fields) -> None:
        self.http_version = line.version
        self.status = line.status
        self.reason = line.reason
        self.headers = fields
        self.head_complete = True

    def _switch(self) -> None:
        self._phase = _SWITCHED
        self._keep = False
        self.upgraded = self.complete = True

    def _finish(self) -> None:
        self._phase = _IDLE
        self.complete = True

    def _read_by_length(self, data: bytes) -> bytes:
        left = self._left
        if len(data) < left:
            self.chunks.append(data)
            self._left = left - len(data)
            return b""
        self.chunks.append(data[:left])
        self._finish()
        return data[left:]

    def _read_chunked(self, body: ChunkedBody, data: bytes) -> bytes:
        pieces: list[bytes] = []
        try:
            rest = body.push(data, pieces)
        finally:
            # Joined, so that a body in tiny chunks does not become a million objects.
            if pieces:
                self.chunks.append(b"".join(pieces))
        if rest is None:
            return b""
        self.trailers = body.trailers
        self._chunked = None
        self._finish()
        return rest

    def _die(self, fault: str) -> RemoteProtocolError:
        self._phase = _DEAD
        self._keep = False
        self._fault = fault
        return RemoteProtocolError(fault)

    def _broken_off(self) -> RemoteProtocolError:
        error = self._die(self._cut_short())
        if self.head_complete:
            error.exit_code = CURL_PARTIAL_FILE
        elif not self.begun:
            error.exit_code = CURL_GOT_NOTHING
        return error

    def _describe(self, fault: MalformedError) -> str:
        if isinstance(fault, NotHTTPError):
            return str(fault)
        return f"invalid response from {self._peer}: {fault}"

    def _cut_short(self) -> str:
        """Say what a connection that ended now has cut off."""
        if self._chunked is not None:
            received = self._chunked.received
            cut = f"closed after {received} body bytes, before the last chunk"
        elif self.content_length is not None:
            received = self.content_length - self._left
            cut = f"closed after {received} of {self.content_length} body bytes"
        elif self._block is not None and self._block.size:
            opening = self._block.opening(b"", size=OPENING_BYTES)
            if not may_be_http(opening):
                return str(greeting_error(opening))
            cut = f"closed after {self._block.size} bytes of the response head"
        elif self.interim:
            cut = f"closed after {len(self.interim)} interim responses"
        else:
            cut = "closed the connection without sending a response"
        return f"server {cut} ({self._peer})"
