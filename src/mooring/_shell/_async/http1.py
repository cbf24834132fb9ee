"""Moves the bytes of HTTP/1.1 exchanges over one stream, one after another."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable
from typing import TypeAlias, cast

from mooring._body.streams import ByteStream, aclose_iterator
from mooring._errors import (
    ReadError,
    ReadTimeout,
    RemoteProtocolError,
    TransportError,
    WriteError,
    WriteTimeout,
)
from mooring._io.base import AsyncStream
from mooring._messages.request import Request
from mooring._pool.holder import Phase
from mooring._pool.info import DialInfo
from mooring._pool.model import Ticket
from mooring._pool.wording import seconds
from mooring._protocol.http1 import HTTP1Connection
from mooring._protocol.http1_write import RequestHead
from mooring._shell._async.network_stream import AsyncNetworkStream
from mooring._shell.failures import forget_frames, reason_of

HEADERS = Phase.HEADERS
Pieces: TypeAlias = AsyncIterable[bytes]


class AsyncHTTP1Driver:
    """A stream and the protocol state that belongs to it.

    ``sent`` and ``protocol.begun`` are the facts a retry is decided on.
    """

    __slots__ = (
        "_began",
        "_now",
        "_write_failure",
        "body_begun",
        "info",
        "network_stream",
        "on_noise",
        "peer",
        "protocol",
        "sent",
        "stream",
    )

    def __init__(
        self,
        stream: AsyncStream,
        peer: str,
        now: Callable[[], float],
        info: DialInfo,
    ) -> None:
        self.stream = stream
        self.peer = peer
        self.info = info
        self.protocol = HTTP1Connection(peer)
        self.network_stream = AsyncNetworkStream(self)
        self.sent = False
        """A byte of the request may have reached the network."""
        self.body_begun = False
        """The request's body was asked for its first piece."""
        self.on_noise: Callable[[], None] | None = None
        self._now = now
        self._began = 0.0
        self._write_failure: WriteError | None = None

    @property
    def reusable(self) -> bool:
        """Another exchange may follow, as far as is known from this one."""
        return self.protocol.reusable and self._write_failure is None

    async def exchange(
        self,
        head: RequestHead,
        request: Request,
        *,
        ticket: Ticket,
        write_timeout: float | None,
        read_timeout: float | None,
    ) -> None:
        """Send *request* and receive until the head of its response is there.

        A server may answer and close before it has read everything, so a failed
        write is an error only if no response comes. *ticket* is whose exchange it
        is, for error texts and reports.
        """
        self.sent = self.body_begun = False
        self._began = ticket.asked_at
        protocol = self.protocol
        data = protocol.begin(head)
        self.sent = True
        stream = request.stream
        try:
            if isinstance(stream, ByteStream):
                await self._write(self._whole(data, stream.body), write_timeout)
            else:
                # Anything that can be iterated over; the client has seen to that.
                body = cast("Pieces", stream)
                await self._send_pieces(data, body, write_timeout)
        except WriteError as error:
            if error is not self._write_failure:
                raise  # the body's own: it may come from another connection
        ticket.holder.phase = HEADERS
        try:
            while not protocol.head_complete:
                await self.receive(read_timeout)
        except (ReadError, RemoteProtocolError):
            failed = self._write_failure
            if failed is not None:
                raise failed from failed.__cause__
            raise
        if self._write_failure is not None:
            # Its traceback would keep the callers' frames, and with them the response.
            forget_frames(self._write_failure)

    def _whole(self, head: bytes, body: bytes) -> bytes:
        """Put a request whose body is at hand into one piece."""
        protocol = self.protocol
        if not body and protocol.request_sent:
            return head
        return head + protocol.body(body) + protocol.end_body()

    async def _send_pieces(
        self, head: bytes, stream: Pieces, timeout: float | None
    ) -> None:
        protocol = self.protocol
        await self._write(head, timeout)
        self.body_begun = True
        pieces = aiter(stream)
        try:
            async for piece in pieces:
                if piece:
                    await self._write(protocol.body(piece), timeout)
        finally:
            # Nobody but us knows that a generator was left half way.
            if pieces is not cast("object", stream):
                await aclose_iterator(pieces)
        tail = protocol.end_body()
        if tail:
            await self._write(tail, timeout)

    async def _write(self, data: bytes, timeout: float | None) -> None:
        try:
            await self.stream.write(data, timeout)
        except TimeoutError as error:
            raise WriteTimeout(
                f"{self.peer} took no data for {seconds(timeout or 0.0)} "
                f"while the request was sent"
            ) from error
        except OSError as error:
            self._write_failure = WriteError(
                f"could not send the request to {self.peer}: {reason_of(error)}"
            )
            raise self._write_failure from error

    async def receive(self, timeout: float | None) -> None:
        """Take in the next bytes, whatever they mean.

        Raises:
            ReadTimeout, ReadError, RemoteProtocolError
        """
        try:
            data = await self.stream.read(timeout)
        except TimeoutError as error:
            raise self._timed_out(timeout or 0.0) from error
        except OSError as error:
            raise ReadError(
                f"lost the connection to {self.peer} while {self._doing()}: "
                f"{reason_of(error)}"
            ) from error
        if data:
            self.protocol.receive(data)
        else:
            self.protocol.receive_eof()

    async def drain(self, most: int, budget: float) -> bool:
        """Read the rest of a response that nobody wants, if it is a small rest.

        At most *most* bytes and *budget* seconds. Says whether the connection is
        clean after it.
        """
        protocol = self.protocol
        remaining = protocol.remaining
        if remaining is None or remaining > most:
            return protocol.complete
        deadline = self._now() + budget
        try:
            while not protocol.complete:
                left = deadline - self._now()
                if left <= 0:
                    return False
                await self.receive(left)
                protocol.take_body()
        except TransportError:
            return False
        return True

    async def is_quiet(self) -> bool:
        """Say whether the connection, idle until now, may be used again."""
        try:
            return await self.stream.is_quiet()
        except OSError:
            return False

    def abort(self) -> None:
        """Close without waiting."""
        self.stream.abort()

    def _doing(self) -> str:
        if self.protocol.head_complete:
            return "reading the response body"
        return "waiting for response headers"

    def _timed_out(self, timeout: float) -> ReadTimeout:
        total = seconds(self._now() - self._began)
        return ReadTimeout(
            f"no data from {self.peer} for {seconds(timeout)} while {self._doing()} "
            f"(request sent, {total} in total)"
        )
