"""The receiving half of an HTTP/2 connection: what each frame means (RFC 9113)."""

from __future__ import annotations

from .http1_grammar import escaped
from .http2_frames import (
    ACK,
    END_STREAM,
    FLOW_CONTROL_ERROR,
    FRAME_SIZE_ERROR,
    PADDED,
    PING,
    PROTOCOL_ERROR,
    REFUSED_STREAM,
    SETTINGS,
    ConnectionFault,
    StreamFault,
    code_name,
    frame,
    read_goaway,
    read_number,
    read_settings,
    without_padding,
)
from .http2_limits import MAX_WINDOW
from .http2_state import HTTP2State
from .http2_stream import HTTP2Stream

_PING_BYTES = 8
_DEBUG_BYTES = 100
# Larger ones cannot go on for ever, as they fill the window up.
_SMALL_INCREMENT = 1024


class HTTP2Receiver(HTTP2State):
    """Takes in frames, and tells the state what they mean."""

    __slots__ = ()

    def receive(self, data: bytes) -> list[HTTP2Stream]:
        """Take in *data* from the peer; return the streams that it concerns.

        Those are streams with something new and streams that may send again. When
        ``closed`` is set afterwards, the connection is of no more use.
        """
        if self.closed:
            return []
        self._heard += 1
        handlers = _HANDLERS
        try:
            for kind, flags, stream_id, payload in self._reader.frames(data):
                if kind < len(handlers):
                    handlers[kind](self, flags, stream_id, payload)
                else:
                    self._spend()
        except ConnectionFault as fault:
            self._die(fault)
        return self._news()

    def receive_eof(self) -> list[HTTP2Stream]:
        """Take note that the peer will send no more; return the streams cut off."""
        if not self.closed:
            self._end()
        return self._news()

    def _on_data(self, flags: int, stream_id: int, payload: bytes) -> None:
        size = len(payload)
        window = self._window
        window.left -= size
        if window.left < 0:
            raise ConnectionFault(
                FLOW_CONTROL_ERROR, "more data than the window allows"
            )
        if flags & PADDED:
            payload = without_padding(payload)
        if payload:
            self._empty_frames = 0
        elif not flags & END_STREAM:
            self._count_empty()
        stream = self._streams.get(stream_id)
        if stream is None or stream.complete:
            self._credit(size)
            self._late(stream, stream_id, flags, "DATA")
            return
        if self._credits_at_once:
            self._credit(size)
        elif size != len(payload):
            self._credit(size - len(payload))
        try:
            stream._take_data(payload, size, ends=flags & END_STREAM != 0)
        except StreamFault as fault:
            if not self._credits_at_once:
                self._credit(len(payload))  # thrown away
            self._refuse(stream, fault)
            return
        self._useless = 0
        if stream.complete:
            self._completed(stream)
        elif size != len(payload):
            self._credit_stream(stream, size - len(payload))
        if not stream._is_news:
            stream._is_news = True
            self._touched.append(stream)

    def _on_headers(self, flags: int, stream_id: int, block: bytes) -> None:
        decoded = self._decoder.decode(block)  # also for those who do not listen
        stream = self._streams.get(stream_id)
        if stream is None or stream.complete:
            self._late(stream, stream_id, flags, "HEADERS")
            return
        try:
            stream._take_headers(decoded, ends=flags & END_STREAM != 0)
        except StreamFault as fault:
            self._refuse(stream, fault)
            return
        self._useless = 0
        if stream.complete:
            self._completed(stream)
        if not stream._is_news:
            stream._is_news = True
            self._touched.append(stream)

    def _on_priority(self, flags: int, stream_id: int, payload: bytes) -> None:
        self._spend()  # RFC 9113 section 5.3.2: of no meaning any more

    def _on_reset(self, flags: int, stream_id: int, payload: bytes) -> None:
        code = read_number(payload, "RST_STREAM")
        stream = self._known(stream_id, "RST_STREAM")
        if stream is None:
            self._spend()
            self._resets.remove(stream_id)
            self.changes += 1
            return
        self._touch(stream)
        stream.reset_code = code
        if not stream.complete:
            if code == REFUSED_STREAM and not stream.begun:
                stream.refused = True
                self.refusals += 1
            stream.error = self._stream_error(
                f"server reset the stream: {code_name(code)}"
            )
        self._close(stream)

    def _on_settings(self, flags: int, stream_id: int, payload: bytes) -> None:
        if stream_id:
            raise ConnectionFault(PROTOCOL_ERROR, f"SETTINGS on stream {stream_id}")
        self._spend()
        if flags & ACK:
            if payload:
                raise ConnectionFault(FRAME_SIZE_ERROR, "SETTINGS answered with data")
            if not self.settings_acknowledged:
                self.settings_acknowledged = True
                self._decoder.agree(self._limits.header_table_bytes)
            return
        settings = self._peer_settings
        window = settings.window
        settings.take(read_settings(payload))
        self._encoder.allow(settings.header_table_bytes)
        if settings.window != window:
            for stream in self._streams.values():
                stream._send_window += settings.window - window
                if stream._send_window > MAX_WINDOW:
                    raise ConnectionFault(
                        FLOW_CONTROL_ERROR, "INITIAL_WINDOW_SIZE overflows a window"
                    )
            self._wake_all()
        self._reply(frame(SETTINGS, ACK, 0))
        self.changes += 1

    def _on_push(self, flags: int, stream_id: int, payload: bytes) -> None:
        raise ConnectionFault(PROTOCOL_ERROR, "PUSH_PROMISE, which we have ruled out")

    def _on_ping(self, flags: int, stream_id: int, payload: bytes) -> None:
        if stream_id:
            raise ConnectionFault(PROTOCOL_ERROR, f"PING on stream {stream_id}")
        if len(payload) != _PING_BYTES:
            raise ConnectionFault(FRAME_SIZE_ERROR, f"PING of {len(payload)} bytes")
        self._spend()
        if flags & ACK:
            answered = self._resets.answered
            self._out.append(self._resets.answer(payload))
            if self._resets.answered != answered:
                self.changes += 1
        else:
            self._reply(frame(PING, ACK, 0, payload))

    def _on_goaway(self, flags: int, stream_id: int, payload: bytes) -> None:
        if stream_id:
            raise ConnectionFault(PROTOCOL_ERROR, f"GOAWAY on stream {stream_id}")
        last, code, debug = read_goaway(payload)
        self._spend()
        if self.goaway_last is not None:
            last = min(last, self.goaway_last)  # what was promised stays promised
        self.goaway_last = last
        self.goaway_code = code
        self._goaway_text = f"GOAWAY {code_name(code)}"
        if debug:
            self._goaway_text += f" {escaped(debug[:_DEBUG_BYTES])}"
        self.changes += 1
        for stream in [s for s in self._streams.values() if s.id > last]:
            if not stream.complete:
                stream.refused = not stream.begun
                stream.error = self._stream_error(
                    f"server will not answer: {self._goaway_text}"
                )
            self._close(stream)
            self._touch(stream)

    def _on_window(self, flags: int, stream_id: int, payload: bytes) -> None:
        increment = read_number(payload, "WINDOW_UPDATE") & MAX_WINDOW
        if not stream_id:
            if not increment:
                raise ConnectionFault(PROTOCOL_ERROR, "WINDOW_UPDATE of 0")
            self._send_window += increment
            if self._send_window > MAX_WINDOW:
                raise ConnectionFault(FLOW_CONTROL_ERROR, "a window over 2^31-1")
            if increment < _SMALL_INCREMENT:
                self._spend()
            self._wake_all()
            return
        stream = self._known(stream_id, "WINDOW_UPDATE")
        if stream is None or increment < _SMALL_INCREMENT:
            self._spend()
        if stream is None:
            return
        stream._send_window += increment
        if not increment:
            self._refuse(stream, StreamFault(PROTOCOL_ERROR, "WINDOW_UPDATE of 0"))
        elif stream._send_window > MAX_WINDOW:
            self._refuse(stream, StreamFault(FLOW_CONTROL_ERROR, "window over 2^31-1"))
        elif stream_id in self._waiting:
            self._wake(stream)


# In the order of the frame types; functions and not bound methods, so that a
# connection is in no reference cycle.
_HANDLERS = (
    HTTP2Receiver._on_data,
    HTTP2Receiver._on_headers,
    HTTP2Receiver._on_priority,
    HTTP2Receiver._on_reset,
    HTTP2Receiver._on_settings,
    HTTP2Receiver._on_push,
    HTTP2Receiver._on_ping,
    HTTP2Receiver._on_goaway,
    HTTP2Receiver._on_window,
)
