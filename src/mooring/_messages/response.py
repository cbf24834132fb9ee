"""``Response``: what came back, readable in both colours.

1. The body is taken from ``stream`` once: whole (``read``) or in pieces (``iter_*``).
2. Whoever stops taking it, at the end, early or by an error, closes the response.
3. Nothing is looked up, decoded or guessed before somebody asks for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from .._body.decode import IdentityDecoder, decoded_pieces, decoder_for
from .._body.encode import encode_response
from .._body.streams import (
    AsyncByteStream,
    ByteStream,
    SyncByteStream,
    UnattachedStream,
    aclose_iterator,
    is_async_stream,
    is_sync_stream,
)
from .._body.text import (
    LineDecoder,
    PieceChunker,
    TextDecoder,
    is_text_charset,
)
from .._errors import (
    DecodingError,
    HTTPStatusError,
    RequestError,
    ResponseNotRead,
    StreamClosed,
    StreamConsumed,
)
from .._headers import Headers
from .head import ResponseHead

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping
    from datetime import timedelta
    from typing import Self

    from .._body.decode import ContentDecoder, ForeignDecoder
    from .._cookies import Cookies
    from .._types import HeaderTypes, ResponseContent, ResponseExtensions
    from .._url import URL
    from .request import Request

__all__ = ["Response"]

_NOT_PICKLED = frozenset(
    {
        "_clock",
        "_decoder",
        "_elapsed_start",
        "_trip",
        "extensions",
        "is_closed",
        "stream",
    }
)


class Response(ResponseHead):
    """An HTTP response.

    Args:
        status_code: The status.
        headers: Header fields, read when first asked for.
        content: The body: bytes, text, or an iterable or asynchronous iterable of
            bytes.
        text: The body as plain text.
        html: The body as HTML.
        json: What the body says in JSON.
        stream: The body as a stream, with no header field added for it.
        request: The request that this answers.
        extensions: What the transport knows besides, such as ``http_version``.
        history: The redirects that were followed on the way here.
        default_encoding: The charset of text that does not name one, or a callable
            that guesses it from the content.

    Raises:
        DecodingError: *content* does not match the content coding in *headers*.

    Example::

        >>> Response(200, json={"a": 1}).json()
        {'a': 1}
    """

    status_code: int
    stream: SyncByteStream | AsyncByteStream
    extensions: dict[str, object]
    history: list[Response]
    _content: bytes
    _text: str
    _decoder: ContentDecoder | ForeignDecoder
    _request: Request | None

    # Defaults on the class are those that most responses never differ from.
    next_request: Request | None = None
    is_closed: bool = False
    is_stream_consumed: bool = False
    default_encoding: str | Callable[[bytes], str | None] = "utf-8"
    _num_bytes_downloaded: int = 0

    # The client sets these two when it starts to wait; closing stops the watch.
    # Without a clock of its own a response asks the one that Python has.
    _elapsed_start: float | None = None
    _clock: Callable[[], float] | None = None
    _elapsed: float | timedelta | None = None
    _encoding: str | None = None
    _cookies: Cookies | None = None

    def __init__(
        self,
        status_code: int,
        *,
        headers: HeaderTypes | None = None,
        content: ResponseContent | None = None,
        text: str | None = None,
        html: str | None = None,
        json: object = None,
        stream: SyncByteStream | AsyncByteStream | None = None,
        request: Request | None = None,
        extensions: ResponseExtensions | None = None,
        history: list[Response] | None = None,
        default_encoding: str | Callable[[bytes], str | None] = "utf-8",
    ) -> None:
        self.status_code = status_code
        self._request = request
        self.extensions = {} if extensions is None else dict(extensions)
        self.history = [] if history is None else list(history)
        if default_encoding != "utf-8":
            self.default_encoding = default_encoding
        if type(headers) is list:
            self._wire_fields = headers.copy()
        elif type(headers) is Headers:
            self._headers = headers.copy()
        else:
            self._headers = Headers(headers)
        if stream is not None:
            # Fields describe content that we have encoded. Who brings a stream of
            # their own, such as a transport, brings the fields with it.
            self.stream = stream
            return
        described, self.stream = encode_response(content, text, html, json)
        if described:
            self._prepare(described)
        if type(self.stream) is ByteStream:
            self.read()
            self._num_bytes_downloaded = 0  # nothing came over a network

    def _prepare(self, default_headers: Mapping[str, str]) -> None:
        headers = self.headers
        for name, value in default_headers.items():
            # RFC 9112 section 6.2: a length says nothing next to a transfer coding.
            if name == "Content-Length" and "Transfer-Encoding" in headers:
                continue
            headers.setdefault(name, value)

    # -- head ---------------------------------------------------------------

    @property
    def request(self) -> Request:
        """The request that this answers.

        Raises:
            RuntimeError: Nobody has attached one.
        """
        if self._request is None:
            raise RuntimeError(
                "The request instance has not been set on this response."
            )
        return self._request

    @request.setter
    def request(self, value: Request) -> None:
        self._request = value

    @property
    def url(self) -> URL:
        """The URL that was asked for in the end, redirects included."""
        return self.request.url

    @property
    def elapsed(self) -> timedelta:
        """The time from sending the request to closing the response.

        Raises:
            RuntimeError: The response is still open.
        """
        elapsed = self._elapsed
        if elapsed is None:
            raise RuntimeError(
                "'.elapsed' may only be accessed "
                "after the response has been read or closed."
            )
        if isinstance(elapsed, (int, float)):
            from datetime import timedelta  # few programs ask for it

            elapsed = self._elapsed = timedelta(seconds=elapsed)
        return elapsed

    @elapsed.setter
    def elapsed(self, elapsed: timedelta) -> None:
        self._elapsed = elapsed

    def raise_for_status(self) -> Self:
        """Return the response if its status is 2xx.

        Raises:
            HTTPStatusError: It is anything else.
            RuntimeError: No request is attached, so there would be no telling which.
        """
        if self._request is None:
            raise RuntimeError(
                "Cannot call `raise_for_status` as the request "
                "instance has not been set on this response."
            )
        if self.is_success:
            return self
        raise HTTPStatusError(
            self._status_error_text(self._request), request=self._request, response=self
        )

    @property
    def cookies(self) -> Cookies:
        """The cookies that this response sets."""
        if self._cookies is None:
            from .._cookies import Cookies  # most programs leave them to the client

            self._cookies = Cookies()
            if "set-cookie" in self.headers:
                self._cookies.extract_cookies(self)
        return self._cookies

    # -- text ---------------------------------------------------------------

    @property
    def encoding(self) -> str | None:
        """The charset that ``text`` is decoded with; can be set before that."""
        if self._encoding is not None:
            return self._encoding
        charset = self.charset_encoding
        if charset is not None and is_text_charset(charset):
            self._encoding = charset
        elif isinstance(self.default_encoding, str):
            self._encoding = self.default_encoding
        elif hasattr(self, "_content"):
            self._encoding = self.default_encoding(self._content) or "utf-8"
        # A guess needs content. Until then the answer must not be kept.
        return self._encoding or "utf-8"

    @encoding.setter
    def encoding(self, value: str) -> None:
        if hasattr(self, "_text"):
            raise ValueError(
                "Setting encoding after `text` has been accessed is not allowed."
            )
        self._encoding = value

    @property
    def text(self) -> str:
        """The content as text; what is not text in its charset becomes U+FFFD.

        Raises:
            ResponseNotRead: The content has not been read.
            LookupError: The encoding that was set is not one.
        """
        if not hasattr(self, "_text"):
            content = self.content
            encoding = self.encoding or "utf-8"
            self._text = content.decode(encoding, errors="replace") if content else ""
        return self._text

    # Any is the honest type: it is the server's choice.
    def json(self, **kwargs: Any) -> Any:  # noqa: ANN401
        """Return the content read as JSON. Arguments are those of ``json.loads``.

        Raises:
            json.JSONDecodeError: It is not JSON.
            ResponseNotRead: The content has not been read.
        """
        import json  # it takes 5 ms, and not every program reads it

        return json.loads(self.content, **kwargs)

    # -- body ---------------------------------------------------------------

    @property
    def content(self) -> bytes:
        """The whole body, content codings undone.

        Raises:
            ResponseNotRead: It has not been read.
        """
        try:
            return self._content
        except AttributeError:
            raise ResponseNotRead from None

    @property
    def num_bytes_downloaded(self) -> int:
        """How many bytes of the body came so far, before undoing any coding."""
        return self._num_bytes_downloaded

    def _get_content_decoder(self) -> ContentDecoder | ForeignDecoder:
        """The decoder of this response, the same one on every call."""
        if not hasattr(self, "_decoder"):
            codings = self._content_codings()
            self._decoder = (codings and decoder_for(codings)) or IdentityDecoder()
        return self._decoder

    def read(self) -> bytes:
        """Read the rest of the body into memory, close the response, return it all.

        Raises:
            DecodingError: The body does not match its content coding.
            RequestError: The connection failed.
            StreamConsumed: The body was taken in pieces already.
            StreamClosed: The response was closed before it was read.
        """
        if not hasattr(self, "_content") and not self._take_content():
            self._content = b"".join(self.iter_bytes())
        return self._content

    async def aread(self) -> bytes:
        """As :meth:`read`, for asynchronous responses."""
        if not hasattr(self, "_content") and not self._take_content():
            self._content = b"".join([piece async for piece in self.aiter_bytes()])
        return self._content

    def _take_content(self) -> bool:
        """Take a body that is in memory already, all at once, if it is."""
        stream = self.stream
        # Subclasses may want to see the body go through their own iter_bytes().
        if type(stream) is not ByteStream or type(self) is not Response:
            return False
        if self.is_stream_consumed or self.is_closed:
            self._check_streamable()  # says what is wrong
        self.is_stream_consumed = self.is_closed = True
        body = stream.body
        self._num_bytes_downloaded = len(body)
        self._stop_watch()
        if hasattr(self, "_decoder") or self._content_codings():
            body = self._decoded(body)
        self._content = body
        return True

    def _decoded(self, body: bytes) -> bytes:
        try:
            decoder = self._get_content_decoder()
            return b"".join([*decoded_pieces(decoder, body), decoder.flush()])
        except DecodingError as exc:
            self._blame(exc)
            raise

    def _check_streamable(self) -> None:
        if self.is_stream_consumed:
            raise StreamConsumed
        if self.is_closed:
            raise StreamClosed

    def _begin_streaming(self) -> None:
        self.is_stream_consumed = True
        self._num_bytes_downloaded = 0

    def _blame(self, exc: RequestError) -> None:
        """Let *exc* know the request that it is about."""
        if exc._request is None:
            exc._request = self._request

    def _stop_watch(self) -> None:
        clock, start = self._clock, self._elapsed_start
        if clock is not None and start is not None and self._elapsed is None:
            self._elapsed = clock() - start

    def iter_raw(self, chunk_size: int | None = None) -> Iterator[bytes]:
        """Yield the body as it came, in pieces of *chunk_size* bytes if given.

        Raises:
            RequestError: The connection failed.
            StreamConsumed: The body was taken already.
            StreamClosed: The response was closed.
        """
        self._check_streamable()
        stream = self.stream
        if not is_sync_stream(stream):
            raise _wrong_colour("a sync iterator on an async stream")
        chunker: PieceChunker[bytes] = PieceChunker(chunk_size)
        self._begin_streaming()
        try:
            for piece in stream:
                self._num_bytes_downloaded += len(piece)
                yield from chunker.feed(piece)
            yield from chunker.flush()
        except RequestError as exc:
            self._blame(exc)
            raise
        finally:
            self.close()

    def iter_bytes(self, chunk_size: int | None = None) -> Iterator[bytes]:
        """Yield the content, codings undone, in pieces of *chunk_size* bytes if given.

        No piece is empty. Content that was read already is given once more.

        Raises:
            DecodingError: The body does not match its content coding.
            RequestError: The connection failed.
            StreamConsumed: The body was taken in pieces already.
            StreamClosed: The response was closed.
        """
        chunker: PieceChunker[bytes] = PieceChunker(chunk_size)
        if hasattr(self, "_content"):
            yield from chunker.feed(self._content)
            yield from chunker.flush()
            return
        pieces = self.iter_raw()
        try:
            decoder = self._get_content_decoder()
            for raw in pieces:
                for piece in decoded_pieces(decoder, raw):
                    yield from chunker.feed(piece)
            yield from chunker.feed(decoder.flush())
            yield from chunker.flush()
        except DecodingError as exc:
            self.close()
            self._blame(exc)
            raise

    def iter_text(self, chunk_size: int | None = None) -> Iterator[str]:
        """Yield the content as text, in pieces of *chunk_size* characters if given."""
        decoder = TextDecoder(self.encoding or "utf-8")
        chunker: PieceChunker[str] = PieceChunker(chunk_size)
        for piece in self.iter_bytes():
            yield from chunker.feed(decoder.decode(piece))
        yield from chunker.feed(decoder.flush())
        yield from chunker.flush()

    def iter_lines(self) -> Iterator[str]:
        """Yield the content as text, line by line, without the line ends."""
        decoder = LineDecoder()
        for text in self.iter_text():
            yield from decoder.decode(text)
        yield from decoder.flush()

    def close(self) -> None:
        """Give up the rest of the body and what holds it. Closing twice is fine.

        Raises:
            RuntimeError: The body is asynchronous.
        """
        stream = self.stream
        if not is_sync_stream(stream):
            raise _wrong_colour("a sync close on an async stream")
        if self.is_closed:
            return
        self.is_closed = True
        try:
            if (close := getattr(stream, "close", None)) is not None:
                close()
        except RequestError as exc:
            self._blame(exc)
            raise
        finally:
            self._stop_watch()

    async def aiter_raw(self, chunk_size: int | None = None) -> AsyncIterator[bytes]:
        """As :meth:`iter_raw`, for asynchronous responses."""
        self._check_streamable()
        stream = self.stream
        if not is_async_stream(stream):
            raise _wrong_colour("an async iterator on a sync stream")
        chunker: PieceChunker[bytes] = PieceChunker(chunk_size)
        self._begin_streaming()
        pieces = aiter(stream)
        try:
            async for piece in pieces:
                self._num_bytes_downloaded += len(piece)
                for chunk in chunker.feed(piece):
                    yield chunk
            for chunk in chunker.flush():
                yield chunk
        except RequestError as exc:
            self._blame(exc)
            raise
        finally:
            try:
                # An object that is its own iterator is closed as the stream it is.
                if pieces is not cast("object", stream):
                    await aclose_iterator(pieces)
            finally:
                await self.aclose()

    async def aiter_bytes(self, chunk_size: int | None = None) -> AsyncIterator[bytes]:
        """As :meth:`iter_bytes`, for asynchronous responses."""
        chunker: PieceChunker[bytes] = PieceChunker(chunk_size)
        if hasattr(self, "_content"):
            for chunk in (*chunker.feed(self._content), *chunker.flush()):
                yield chunk
            return
        pieces = self.aiter_raw()
        try:
            decoder = self._get_content_decoder()
            async for raw in pieces:
                for piece in decoded_pieces(decoder, raw):
                    for chunk in chunker.feed(piece):
                        yield chunk
            for chunk in (*chunker.feed(decoder.flush()), *chunker.flush()):
                yield chunk
        except DecodingError as exc:
            await self.aclose()
            self._blame(exc)
            raise
        finally:
            # Unlike a plain generator, an asynchronous one that is dropped half
            # way is not finished by the reference count.
            await aclose_iterator(pieces)

    async def aiter_text(self, chunk_size: int | None = None) -> AsyncIterator[str]:
        """As :meth:`iter_text`, for asynchronous responses."""
        decoder = TextDecoder(self.encoding or "utf-8")
        chunker: PieceChunker[str] = PieceChunker(chunk_size)
        pieces = self.aiter_bytes()
        try:
            async for piece in pieces:
                for chunk in chunker.feed(decoder.decode(piece)):
                    yield chunk
        finally:
            await aclose_iterator(pieces)
        for chunk in (*chunker.feed(decoder.flush()), *chunker.flush()):
            yield chunk

    async def aiter_lines(self) -> AsyncIterator[str]:
        """As :meth:`iter_lines`, for asynchronous responses."""
        decoder = LineDecoder()
        texts = self.aiter_text()
        try:
            async for text in texts:
                for line in decoder.decode(text):
                    yield line
        finally:
            await aclose_iterator(texts)
        for line in decoder.flush():
            yield line

    async def aclose(self) -> None:
        """As :meth:`close`, for asynchronous responses."""
        stream = self.stream
        if not is_async_stream(stream):
            raise _wrong_colour("an async close on a sync stream")
        if self.is_closed:
            return
        self.is_closed = True
        try:
            await aclose_iterator(stream)
        except RequestError as exc:
            self._blame(exc)
            raise
        finally:
            self._stop_watch()

    def __getstate__(self) -> dict[str, object]:
        return {
            name: value
            for name, value in self.__dict__.items()
            if name not in _NOT_PICKLED
        }

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)
        self.is_closed = True
        self.extensions = {}
        self.stream = UnattachedStream()


def _wrong_colour(what: str) -> RuntimeError:
    exc = RuntimeError(f"Attempted to call {what}.")
    exc.add_note(
        "A response of an AsyncClient is read with 'await response.aread()' or"
        " 'async for' over response.aiter_*(); one of a Client without the 'a'."
    )
    return exc


Response.__module__ = "mooring"
