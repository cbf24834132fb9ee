"""The client side of one HTTP/2 connection: bytes in, facts out (RFC 9113).

1. What is to be sent gathers here until ``data_to_send`` hands it out, all at once.
2. What was received is plain attributes, of the streams and of the connection.
3. A fault of the peer is a fact, not an exception: a connection has many users, and
   the one who happens to read is not the one to blame. Each stream gets an error of
   its own. A fault of the caller raises ``LocalProtocolError`` and changes nothing.
4. The windows are kept here, for streams we have forgotten too.
5. The same bytes give the same facts however they are cut into pieces.
"""

from __future__ import annotations

from mooring._errors import LocalProtocolError

from .http2_frames import (
    CANCEL,
    DATA,
    END_STREAM,
    NO_ERROR,
    goaway_frame,
    header_frames,
    pack_frame_head,
)
from .http2_receive import HTTP2Receiver
from .http2_stream import HTTP2Stream
from .http2_write import FIELD_OVERHEAD, HTTP2Head

# What the three pseudo fields before :authority cost in a header list, names included.
_PSEUDO_BYTES = len(b":method:scheme:path") + 3 * FIELD_OVERHEAD


class HTTP2Connection(HTTP2Receiver):
    """The client side of one HTTP/2 connection, without the connection.

    For each exchange call ``begin``, then ``send_data`` until it has taken the body;
    hand what arrives to ``receive`` (at the end of the stream, to ``receive_eof``)
    and look at the streams it returns; call ``take_body`` for what came, and
    ``reset`` for a stream that nobody wants any more. After each call, or once after
    many, write what ``data_to_send`` returns.

    >>> from mooring._protocol.http2_write import encode_http2_head
    >>> connection = HTTP2Connection("example.org:443")
    >>> host = [(b"Host", b"example.org")]
    >>> stream = connection.begin(encode_http2_head("GET", b"https", b"/", host))
    >>> stream.id, stream.request_sent, connection.data_to_send()[:14]
    (1, True, b'PRI * HTTP/2.0')
    """

    __slots__ = ()

    def data_to_send(self) -> bytes:
        """Hand out everything that is to be sent."""
        data = b"".join(self._out)
        self._out.clear()
        self._replies = 0
        return data

    def begin(self, head: HTTP2Head, *, end_stream: bool = False) -> HTTP2Stream:
        """Begin an exchange; its head is part of what is to be sent next.

        A request whose fields announce no body ends with its head, *end_stream* or
        not. Raises ``LocalProtocolError``, with nothing changed, where there is no
        slot (see ``available``) and where the head is over the peer's limit.
        """
        method, scheme, path, rest = head
        unsent = rest.body_bytes
        if end_stream and unsent:
            raise _too_short(unsent)
        settings = self._peer_settings
        if (
            self.closed
            or self.goaway_last is not None
            or self._next_id > self._limits.last_stream_id
        ):
            raise LocalProtocolError(
                f"the connection takes no more requests ({self._peer})"
            )
        if len(self._streams) + self._resets.zombies >= self.cap:
            raise LocalProtocolError(
                f"all {self.cap} streams of the connection are in use ({self._peer})"
            )
        most = settings.header_list_bytes
        if most is not None:
            size = rest.size + len(method) + len(scheme) + len(path) + _PSEUDO_BYTES
            if size > most:
                raise LocalProtocolError(
                    f"the request head is {size} bytes, over the {most} that"
                    f" {self._peer} takes"
                )
        if end_stream:
            unsent = 0
        stream_id = self._next_id
        self._next_id = stream_id + 2
        block = self._encoder.encode(head)
        self._out.append(
            header_frames(stream_id, block, ends=unsent == 0, size=settings.frame_bytes)
        )
        stream = self._streams[stream_id] = HTTP2Stream(
            stream_id,
            self._limits,
            is_head=method == b"HEAD",
            unsent=unsent,
            send_window=settings.window,
            begun_at=self._heard,
        )
        return stream

    def send_data(self, stream: HTTP2Stream, data: bytes, *, end: bool = False) -> int:
        """Send as much of *data* as the windows let through; return how much.

        The rest must be given again, when ``receive`` has returned the stream. The
        stream ends with the last byte of *data* if *end* says so, or if that was the
        last byte that Content-Length announced.

        What is given after the stream has ended without a fault (the peer had its
        say, and stopped listening) counts as sent. Raises the stream's error, and
        ``LocalProtocolError`` for more or less than Content-Length promised.
        """
        if stream.closed and not stream.request_sent:
            if stream.error is not None:
                raise stream.error
            return len(data)
        unsent = stream._unsent
        size = len(data)
        if stream.request_sent or (unsent is not None and size > unsent):
            if not data:
                return 0
            raise LocalProtocolError(
                f"request body is longer than announced: {size} bytes given,"
                f" {unsent or 0} left"
            )
        if end and unsent is not None and size < unsent:
            raise _too_short(unsent - size)
        room = min(self._send_window, stream._send_window)
        waiting = self._waiting
        if room < size:
            if room > 0:
                waiting.pop(stream.id, None)  # the others first, next time
            waiting.setdefault(stream.id, stream)
            size = max(room, 0)
            end = False
        else:
            if waiting:
                waiting.pop(stream.id, None)
            end = end or unsent == size
        if size or end:
            self._write_data(stream, data, size, end=end)
        return size

    def _write_data(
        self, stream: HTTP2Stream, data: bytes, size: int, *, end: bool
    ) -> None:
        out = self._out
        most = self._peer_settings.frame_bytes
        start = 0
        while True:
            stop = min(start + most, size)
            flags = END_STREAM if end and stop == size else 0
            count = stop - start
            out.append(
                pack_frame_head(count >> 8, count & 0xFF, DATA, flags, stream.id)
            )
            out.append(data if count == len(data) else data[start:stop])
            start = stop
            if start >= size:
                break
        self._send_window -= size
        stream._send_window -= size
        self._useless = 0
        if stream._unsent is not None:
            stream._unsent -= size
        if end:
            stream._unsent = 0
            stream.request_sent = True
            if stream.complete:
                self._close(stream)

    def take_body(self, stream: HTTP2Stream) -> list[bytes]:
        """Hand over the body pieces that have come since the last call."""
        chunks = stream.chunks
        if chunks:
            stream.chunks = []
            size = sum(map(len, chunks))
            if not self._credits_at_once:
                self._credit(size)
            if not (stream.complete or stream.closed):
                self._credit_stream(stream, size)
        return chunks

    def reset(self, stream: HTTP2Stream, code: int = CANCEL) -> None:
        """Be done with a stream, whatever state it is in.

        The peer is told if it does not know; what was not taken is thrown away, and
        what still comes will be, without a cost to the other streams.
        """
        if not stream.closed:
            self._reset(stream, code)
        if stream.chunks:
            chunks = stream.chunks
            stream.chunks = []
            if not self._credits_at_once:
                self._credit(sum(map(len, chunks)))

    def ping(self) -> int:
        """Ask for a sign of life, unless that is being done already.

        The peer has given it once ``pings_answered`` has reached the number returned.
        """
        self._out.append(self._resets.ping())
        return self._resets.sent

    def refill(self) -> None:
        """Forget how many useless frames have come, to be called every second or so."""
        self._useless = 0

    def close(self, code: int = NO_ERROR) -> list[HTTP2Stream]:
        """Say goodbye; return the streams that end with it."""
        if not self.closed:
            self._out.append(goaway_frame(code))
            self._end(f"the connection was closed on our side ({self._peer})")
        return self._news()


def _too_short(missing: int) -> LocalProtocolError:
    return LocalProtocolError(
        f"request body ended {missing} bytes short of its Content-Length"
    )
