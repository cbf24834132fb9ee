"""The body of a request on its way into an ASGI app.

Apps look for a disconnect by cancelling a ``receive()`` that they have just called. A
body that is still being made must not be lost by that, so it is made in a task of its
own, one piece at a time, whenever somebody asks for a piece.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._body.streams import ByteStream, aclose_iterator
from .._io.tasks import start_task
from .asgi_side import Side

if TYPE_CHECKING:
    from .._body.streams import AsyncByteStream
    from .._io.tasks import BackgroundTask


class Upload:
    """Pieces of *stream*, for any number of tasks and whatever cancels them."""

    def __init__(self, stream: AsyncByteStream) -> None:
        self._stream = stream
        self._piece: bytes | None = None
        self._is_wanted = False
        self._is_over = False
        self._task: BackgroundTask | None = None
        if type(stream) is ByteStream:
            # Most are in memory, and no task is needed to wait for those.
            self._piece = stream.body
            self._is_over = True

    async def next_piece(self) -> bytes | None:
        """Return the next piece; ``None`` at the end.

        Raises:
            Exception: What the stream raised.
        """
        if not self._is_over:
            await self._wait_piece()
        piece, self._piece = self._piece, None
        return piece

    async def aclose(self) -> None:
        """Take what makes the pieces down."""
        if self._task is not None:
            self._task.cancel()
            await self._task.join()

    async def _wait_piece(self) -> None:
        task = self._task
        if task is None:
            task = self._task = start_task(
                self._run, name="mooring-asgi-upload", ended=self._on_end
            )
            self._maker, self._takers = Side(task), Side(task)
        self._is_wanted = True
        self._maker.wake()
        await self._takers.until(lambda: self._piece is not None or task.is_done)
        if task.error is not None and not self._is_over:
            self._is_over = True
            raise task.error
        self._is_over = task.is_done

    async def _run(self) -> None:
        pieces = aiter(self._stream)
        try:
            async for piece in pieces:
                await self._maker.until(lambda: self._is_wanted)
                self._piece = piece
                self._is_wanted = False
                self._takers.wake()
                await self._maker.until(lambda: self._is_wanted)
        finally:
            await aclose_iterator(pieces)

    def _on_end(self) -> None:
        self._takers.wake()
