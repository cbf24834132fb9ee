"""TLS without sockets: an engine that trio and threads drive over any stream."""

from __future__ import annotations

import ssl

from mooring._io.sockets import as_os_error

# OpenSSL hands out one record at a time, and none is longer.
_RECORD = 16 * 1024
# How much plaintext one read gathers before it goes to the caller.
_GATHER = 256 * 1024


class TLSEngine:
    """The client's end of one TLS connection: bytes in, bytes out, no I/O.

    1. Call :meth:`handshake` until it is true; before each further call send
       :meth:`outgoing` and :meth:`feed` what the peer sent.
    2. :meth:`encrypt` gives what to send, :meth:`decrypt` what was received.
    3. Whenever :attr:`has_outgoing` is true afterwards, send :meth:`outgoing`:
       the protocol itself has something to say.

    Not for use by two threads at once.
    """

    __slots__ = ("_ended", "_incoming", "_outgoing", "ssl_object")

    def __init__(self, context: ssl.SSLContext, server_hostname: str) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._ended = False
        try:
            self.ssl_object = context.wrap_bio(
                self._incoming, self._outgoing, server_hostname=server_hostname
            )
        except ValueError as error:
            # A host name that cannot be in a certificate.
            raise as_os_error(error) from error

    def handshake(self) -> bool:
        """Go as far as possible; true when the connection is set up.

        Raises:
            ssl.SSLError: The peer's certificate or protocol is not acceptable.
                There may be an alert to send.
        """
        try:
            self.ssl_object.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    @property
    def has_outgoing(self) -> bool:
        return self._outgoing.pending > 0

    def outgoing(self) -> bytes:
        """Take all the bytes that are to be sent."""
        return self._outgoing.read()

    def feed(self, data: bytes) -> None:
        """Take in what the peer sent; ``b""`` is the end of its stream."""
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    def encrypt(self, data: bytes) -> bytes:
        """Turn *data* into what to send, together with anything else due."""
        sent = self.ssl_object.write(data)
        if sent < len(data):
            rest = memoryview(data)[sent:]
            while rest:
                rest = rest[self.ssl_object.write(rest) :]
        return self._outgoing.read()

    def decrypt(self) -> bytes | None:
        """Return the plaintext at hand, ``b""`` at the end, ``None`` for not yet."""
        incoming = self._incoming
        if not (incoming.pending or incoming.eof or self.ssl_object.pending()):
            # Saves an exception: all that was fed is used up.
            return b"" if self._ended else None
        first = self._read_record()
        if not first or not self._incoming.pending:
            return first
        pieces = [first]
        gathered = len(first)
        while gathered < _GATHER and self._incoming.pending:
            piece = self._read_record()
            if not piece:
                break  # half a record, or the end, which the next call reports
            pieces.append(piece)
            gathered += len(piece)
        return b"".join(pieces)

    def goodbye(self) -> bytes:
        """Return a close_notify to send if there is one to be had."""
        try:
            self.ssl_object.unwrap()
        except (ssl.SSLError, OSError, ValueError):
            pass  # it wants the peer's answer, or there is no connection to close
        return self._outgoing.read()

    def _read_record(self) -> bytes | None:
        try:
            data = self.ssl_object.read(_RECORD)
        except ssl.SSLWantReadError:
            return None
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            # Many servers close without a close_notify, and asyncio cannot tell the
            # two apart; framing, not TLS, says whether a body is complete.
            data = b""
        self._ended = not data
        return data
