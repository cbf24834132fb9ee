"""``EventSource``: the server-sent events of a response."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from types import AsyncGeneratorType, GeneratorType
from typing import TYPE_CHECKING

from .._body.sse import DEFAULT_MAX_EVENT_SIZE_BYTES, EventParser, ServerSentEvent
from .._body.streams import aclose_iterator, close_iterator
from .._errors import SSEError

if TYPE_CHECKING:
    from .._messages.response import Response

__all__ = ["EventSource"]

_CONTENT_TYPE = "text/event-stream"
# What a server may say in an error text of ours.
_MAX_SHOWN_CHARS = 100


class EventSource:
    """The events of *response*, one by one as they arrive.

    ``client.sse()`` makes one; so does anybody who has a streamed response::

        with mooring.stream("POST", url, json=question) as response:
            for event in mooring.EventSource(response):
                print(event.event, event.data)

    The text is UTF-8, whatever the response says, as the format wants it.

    Args:
        response: A response that has not been read.
        max_event_size: Bytes that one event may have; ``None`` for no limit.

    Raises:
        SSEError: On iterating: the response is no event stream, or an event is larger
            than it may be.
    """

    def __init__(
        self,
        response: Response,
        max_event_size: int | None = DEFAULT_MAX_EVENT_SIZE_BYTES,
    ) -> None:
        self._response = response
        self._max_event_size = max_event_size
        self._iterators: list[Generator[ServerSentEvent]] = []
        self._async_iterators: list[AsyncGenerator[ServerSentEvent]] = []

    @property
    def response(self) -> Response:
        """The response that the events come from."""
        return self._response

    def __iter__(self) -> Generator[ServerSentEvent]:
        events = self._events()
        self._iterators.append(events)
        return events

    def __aiter__(self) -> AsyncGenerator[ServerSentEvent]:
        events = self._async_events()
        self._async_iterators.append(events)
        return events

    def _events(self) -> Generator[ServerSentEvent]:
        pieces = self._response.iter_bytes()
        try:
            self._check_content_type()
            parser = EventParser(self._max_event_size)
            for piece in pieces:
                yield from parser.feed(piece)
        except SSEError as exc:
            exc._request = self._response._request
            raise
        finally:
            close_iterator(pieces)

    async def _async_events(self) -> AsyncGenerator[ServerSentEvent]:
        pieces = self._response.aiter_bytes()
        try:
            self._check_content_type()
            parser = EventParser(self._max_event_size)
            async for piece in pieces:
                for event in parser.feed(piece):
                    yield event
        except SSEError as exc:
            exc._request = self._response._request
            raise
        finally:
            await aclose_iterator(pieces)

    def _check_content_type(self) -> None:
        response = self._response
        found = response.headers.get("content-type", "").partition(";")[0].strip()
        if found.lower() == _CONTENT_TYPE:
            return
        request = response._request
        server = "the server" if request is None else request.url.host
        said = repr(found[:_MAX_SHOWN_CHARS]) if found else "no content type"
        raise SSEError(
            f"{server} answered with {said}, not {_CONTENT_TYPE!r}"
            f" (status {response.status_code})"
        )

    # Leaving "async for" early leaves its generator unfinished, and trio warns of one
    # that is collected. These end what is still suspended; the response first, which
    # can be read to an end that is near, as a generator that is closed cannot.

    def _close(self) -> None:
        try:
            self._response.close()
        finally:
            for events in self._iterators:
                if isinstance(events, GeneratorType) and not events.gi_running:
                    events.close()

    async def _aclose(self) -> None:
        try:
            await self._response.aclose()
        finally:
            for events in self._async_iterators:
                if isinstance(events, AsyncGeneratorType) and not events.ag_running:
                    await events.aclose()
