"""The body of a response that is still on its way, and the lease it holds."""

from __future__ import annotations

from collections.abc import AsyncIterator

from mooring._body.streams import AsyncByteStream
from mooring._errors import StreamClosed
from mooring._pool.holder import Phase
from mooring._pool.model import Reason, Ticket
from mooring._shell._async.http1 import AsyncHTTP1Driver
from mooring._shell._async.pool import AsyncPool
from mooring._shell.leaks import warn_of_leak

BODY, UNREAD = Phase.BODY, Phase.UNREAD
DRAIN_BYTES = 64 * 1024
DRAIN_SECONDS = 0.05


class AsyncHTTP1Body(AsyncByteStream):
    """Yields the body as it arrives; gives the connection back exactly once.

    The lease ends as soon as the last byte is in, before it is yielded, or when
    the stream is closed, fails or is cancelled; never later than that.
    """

    def __init__(
        self,
        pool: AsyncPool,
        ticket: Ticket,
        connection: AsyncHTTP1Driver,
        read_timeout: float | None,
    ) -> None:
        self._pool = pool
        self._ticket = ticket
        self._generation = ticket.generation
        self._connection = connection
        self._read_timeout = read_timeout
        self._over = False
        self._closing = False
        self._in_use = False
        """Somebody is between two pieces, and has the connection to itself."""
        self._note(UNREAD)

    def __del__(self) -> None:
        # Dropped without being closed: the lease must not be lost with it.
        if not self._over:
            self._over = True
            is_leak = self._ticket.connection is not None  # or the pool was closed
            self._pool.release_soon(self._ticket, self._generation)
            if is_leak:
                warn_of_leak(self._ticket, self)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        connection = self._connection
        protocol = connection.protocol
        try:
            # Set first, look second; aclose() does it the other way round.
            self._in_use = True
            self._note(BODY)
            while not (self._over or self._closing):
                pieces = protocol.take_body()
                if protocol.complete:
                    self._end(None if connection.reusable else Reason.UNUSABLE)
                for piece in pieces:
                    self._in_use = False
                    self._note(UNREAD)
                    yield piece
                    self._in_use = True
                    self._note(BODY)
                if not (self._over or self._closing):
                    await connection.receive(self._read_timeout)
        except GeneratorExit:
            # Maybe in a finalizer, so not the way that takes the lock.
            if not (self._over or self._closing):
                self._over = True
                self._pool.release_soon(self._ticket, self._generation)
            raise
        except Exception:
            self._end(Reason.BROKEN)
            raise
        except BaseException:
            self._end(Reason.CANCELLED)
            raise
        if self._closing:
            raise StreamClosed  # or what came so far would pass for all of it

    async def aclose(self) -> None:
        """Give the connection back: clean if little is left to read, else closed.

        While another task or thread reads, nothing is left to it but an error.
        """
        if self._over or self._closing:
            return
        self._closing = True
        clean = False
        try:
            if not self._in_use:
                clean = await self._connection.drain(DRAIN_BYTES, DRAIN_SECONDS)
        finally:
            reusable = clean and self._connection.reusable
            self._end(None if reusable else Reason.ABANDONED)

    def _note(self, phase: Phase) -> None:
        """Keep for reports what is being done with the connection, and since when."""
        holder = self._ticket.holder
        holder.phase = phase
        holder.since = self._pool.now()

    def _end(self, reason: Reason | None) -> None:
        if not self._over:
            # Said twice does no harm; said never, when something strikes between, does.
            self._pool.release(self._ticket, self._generation, self._connection, reason)
            self._over = True
