"""Response: reading in both colours, text, status, closing and pickling."""

from __future__ import annotations

import asyncio
import gzip
import json
import pickle
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta

import pytest

from mooring._body.streams import AsyncByteStream, ByteStream, SyncByteStream
from mooring._errors import (
    DecodingError,
    HTTPStatusError,
    ReadError,
    ResponseNotRead,
    StreamClosed,
    StreamConsumed,
)
from mooring._headers import Headers
from mooring._messages.request import Request
from mooring._messages.response import Response

REQUEST = Request("GET", "https://example.org/")
GZIP = [(b"Content-Encoding", b"gzip")]


class Source(SyncByteStream, AsyncByteStream):
    """A body of both colours that fails if told so, and counts its closings."""

    def __init__(self, *pieces: bytes, error: Exception | None = None) -> None:
        self.closed = 0
        self._pieces = pieces
        self._error = error

    def __iter__(self) -> Iterator[bytes]:
        yield from self._pieces
        if self._error is not None:
            raise self._error

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece

    def close(self) -> None:
        self.closed += 1

    async def aclose(self) -> None:
        self.closed += 1


def sync_only() -> Iterator[bytes]:
    yield b"a"


async def async_only() -> AsyncIterator[bytes]:
    yield b"a"


def read(response: Response) -> bytes:
    return response.read()


def aread(response: Response) -> bytes:
    return asyncio.run(response.aread())


def iterate(response: Response, method: str, **arguments: object) -> list[object]:
    """Everything that an iterator of the response gives, whatever its colour."""
    if not method.startswith("a"):
        return list(getattr(response, method)(**arguments))

    async def run() -> list[object]:
        return [piece async for piece in getattr(response, method)(**arguments)]

    return asyncio.run(run())


both_colours = pytest.mark.parametrize("reader", [read, aread])
a_or_not = pytest.mark.parametrize("a", ["", "a"])


@both_colours
@pytest.mark.parametrize("stream", [ByteStream(b"abc"), Source(b"a", b"", b"bc")])
def test_reading_gives_content_and_closes(
    reader: Callable[[Response], bytes], stream: SyncByteStream
) -> None:
    """The whole body is kept, counted, and the response closed."""
    response = Response(200, stream=stream)

    assert b"abc" == reader(response) == response.content
    assert (True, True, 3) == (
        response.is_closed,
        response.is_stream_consumed,
        response.num_bytes_downloaded,
    )


@both_colours
@pytest.mark.parametrize("whole", [True, False])
def test_reading_undoes_the_coding(
    reader: Callable[[Response], bytes], whole: bool
) -> None:
    """Bytes on the wire are counted as they came; content is what they mean."""
    body = gzip.compress(b"abc")
    stream = ByteStream(body) if whole else Source(body[:5], body[5:])
    response = Response(200, headers=GZIP, stream=stream)

    assert b"abc" == reader(response)
    assert len(body) == response.num_bytes_downloaded


@both_colours
@pytest.mark.parametrize("whole", [True, False])
def test_broken_coding_closes_and_names_the_request(
    reader: Callable[[Response], bytes], whole: bool
) -> None:
    """A truncated body is DecodingError, and nothing stays open."""
    body = gzip.compress(b"abc")[:-1]
    stream = ByteStream(body) if whole else Source(body)
    response = Response(200, headers=GZIP, stream=stream, request=REQUEST)

    with pytest.raises(DecodingError) as caught:
        reader(response)
    assert (REQUEST, True) == (caught.value.request, response.is_closed)


@both_colours
def test_too_many_codings_close_the_response(
    reader: Callable[[Response], bytes],
) -> None:
    """Refused before anything is decoded, the body is still given up."""
    source = Source(b"abc")
    response = Response(200, headers=GZIP * 6, stream=source, request=REQUEST)

    with pytest.raises(DecodingError):
        reader(response)
    assert 1 == source.closed


def test_no_body_needs_no_decoding() -> None:
    """Answers to HEAD, and 204 and 304, may name a coding all the same."""
    assert b"" == Response(304, headers=GZIP, stream=ByteStream(b"")).read()


@both_colours
def test_failure_closes_and_names_the_request(
    reader: Callable[[Response], bytes],
) -> None:
    """An error of the stream gets the request, and the stream is closed once."""
    source = Source(b"a", error=ReadError("gone"))
    response = Response(200, stream=source, request=REQUEST)

    with pytest.raises(ReadError) as caught:
        reader(response)
    assert (REQUEST, 1) == (caught.value.request, source.closed)


@a_or_not
@pytest.mark.parametrize(
    ("method", "arguments", "expected"),
    [
        ("iter_raw", {}, [b"a", b"bc"]),
        ("iter_raw", {"chunk_size": 2}, [b"ab", b"c"]),
        ("iter_bytes", {}, [b"a", b"bc"]),
        ("iter_bytes", {"chunk_size": 2}, [b"ab", b"c"]),
        ("iter_text", {}, ["a", "bc"]),
        ("iter_text", {"chunk_size": 2}, ["ab", "c"]),
        ("iter_lines", {}, ["abc"]),
    ],
)
def test_iterating(
    a: str, method: str, arguments: dict[str, object], expected: list[object]
) -> None:
    """Pieces come as asked for, none of them empty, and the response is closed."""
    source = Source(b"a", b"", b"bc")
    response = Response(200, stream=source)

    assert expected == iterate(response, a + method, **arguments)
    assert 1 == source.closed


@a_or_not
def test_content_can_be_iterated_again(a: str) -> None:
    """Read content is given as often as asked, raw bytes only once."""
    response = Response(200, content=b"abc")

    assert [b"ab", b"c"] == iterate(response, f"{a}iter_bytes", chunk_size=2)
    with pytest.raises(StreamConsumed):
        iterate(response, f"{a}iter_raw")


@a_or_not
def test_lines(a: str) -> None:
    """A line end may be cut in two."""
    response = Response(200, stream=Source(b"a\r", b"\nb\r\n"))

    assert ["a", "b"] == iterate(response, f"{a}iter_lines")


def test_stopping_early_closes() -> None:
    """A loop that is left gives the body up."""
    source = Source(b"a", b"b")
    pieces = Response(200, stream=source).iter_bytes()
    next(pieces)
    pieces.close()  # type: ignore[attr-defined]

    assert 1 == source.closed


def test_stopping_early_closes_async() -> None:
    """So does an asynchronous one, through all layers."""
    source = Source(b"a\nb\n", b"c")

    async def run() -> None:
        lines = Response(200, stream=source).aiter_lines()
        await anext(lines)
        await lines.aclose()  # type: ignore[attr-defined]

    asyncio.run(run())

    assert 1 == source.closed


def test_closed_response_cannot_be_read() -> None:
    """Closing gives up what was not read. It can be done twice."""
    source = Source(b"a")
    response = Response(200, stream=source)
    response.close()
    response.close()

    assert 1 == source.closed
    with pytest.raises(StreamClosed):
        response.read()
    with pytest.raises(ResponseNotRead):
        _ = response.content


def test_wrong_colours_say_so() -> None:
    """An asynchronous body in synchronous code is a mistake with a name."""
    with pytest.raises(RuntimeError, match="a sync iterator on an async stream"):
        Response(200, content=async_only()).read()
    with pytest.raises(RuntimeError, match="a sync close on an async stream"):
        Response(200, content=async_only()).close()
    with pytest.raises(RuntimeError, match="an async iterator on a sync stream"):
        aread(Response(200, content=sync_only()))
    with pytest.raises(RuntimeError, match="an async close on a sync stream"):
        asyncio.run(Response(200, content=sync_only()).aclose())


@pytest.mark.parametrize(
    ("status", "first_line"),
    [
        (101, "Informational response '101 Switching Protocols'"),
        (304, "Redirect response '304 Not Modified'"),
        (404, "Client error '404 Not Found'"),
        (500, "Server error '500 Internal Server Error'"),
        (600, "Invalid status code '600 '"),
    ],
)
def test_raise_for_status(status: int, first_line: str) -> None:
    """Applications match on these words. The user information is not in them."""
    request = Request("GET", "https://u:p@example.org/")
    with pytest.raises(HTTPStatusError) as caught:
        Response(status, request=request).raise_for_status()

    assert (
        f"{first_line} for url 'https://[secure]@example.org/'\n"
        "For more information check: "
        f"https://developer.mozilla.org/en-US/docs/Web/HTTP/Status/{status}"
    ) == str(caught.value)


def test_raise_for_status_names_the_location() -> None:
    """A redirect that was not followed says where it leads."""
    response = Response(302, headers={"location": "/x"}, request=REQUEST)

    with pytest.raises(HTTPStatusError, match="\nRedirect location: '/x'\n"):
        response.raise_for_status()


def test_raise_for_status_returns_the_response() -> None:
    """So that calls can be chained; but not without a request."""
    response = Response(200, request=REQUEST)

    assert response is response.raise_for_status()
    with pytest.raises(RuntimeError, match="Cannot call `raise_for_status`"):
        Response(200).raise_for_status()


def test_peer_words_are_short_and_printable() -> None:
    """A reason phrase cannot write to the terminal."""
    response = Response(200, extensions={"reason_phrase": b"\x1b[31m" + b"x" * 999})

    assert "<Response [200 \\x1b[31m" + "x" * 95 + "]>" == repr(response)


def test_extensions_name_version_and_reason() -> None:
    """What the transport saw stands over what is usual."""
    seen = {"http_version": b"HTTP/2", "reason_phrase": b"Fine"}

    assert ("HTTP/2", "Fine") == (
        Response(200, extensions=seen).http_version,
        Response(200, extensions=seen).reason_phrase,
    )
    assert ("HTTP/1.1", "OK") == (
        Response(200).http_version,
        Response(200).reason_phrase,
    )


@pytest.mark.parametrize(
    ("content_type", "default", "expected"),
    [
        ("text/plain; charset=latin-1", "utf-8", "é"),
        ("text/plain", "latin-1", "é"),
        ("text/plain; charset=nope", "utf-8", "\ufffd"),
        ("text/plain", lambda content: "cp1252", "é"),
        ("text/plain", lambda content: None, "\ufffd"),
    ],
)
def test_text(content_type: str, default: str, expected: str) -> None:
    """The charset is that of the field, of the default, or UTF-8."""
    response = Response(
        200,
        headers={"content-type": content_type},
        content=b"\xe9",
        default_encoding=default,
    )

    assert expected == response.text


def test_guess_waits_for_content() -> None:
    """Asking for the encoding early does not spoil the guess."""
    response = Response(
        200, stream=Source(b"\xe9"), default_encoding=lambda _: "cp1252"
    )
    assert "utf-8" == response.encoding

    response.read()

    assert "é" == response.text


def test_encoding_cannot_be_set_after_text() -> None:
    """It would have no effect."""
    response = Response(200, content=b"\xe9")
    response.encoding = "latin-1"
    assert "é" == response.text

    with pytest.raises(ValueError, match="Setting encoding after"):
        response.encoding = "utf-8"


def test_json() -> None:
    """Arguments go to json.loads; what is not JSON is its error."""
    assert ["1.5"] == Response(200, content=b"[1.5]").json(parse_float=str)
    with pytest.raises(json.JSONDecodeError):
        Response(200, content=b"x").json()


def test_elapsed_ends_with_closing() -> None:
    """The client starts the watch; closing stops it."""
    response = Response(200, stream=ByteStream(b""))
    response._elapsed_start, response._clock = 1.0, lambda: 3.5
    with pytest.raises(RuntimeError, match="may only be accessed after"):
        _ = response.elapsed

    response.read()

    assert timedelta(seconds=2.5) == response.elapsed


def test_links() -> None:
    """Links are found by relation, or else by URL."""
    links = Response(200, headers={"link": '<https://a/?b=1>; rel="next", <c>'}).links

    assert {
        "next": {"url": "https://a/?b=1", "rel": "next"},
        "c": {"url": "c"},
    } == links


def test_cookies() -> None:
    """What the response sets; without a request too, if it sets none."""
    response = Response(200, headers={"set-cookie": "a=b"}, request=REQUEST)

    assert ({"a": "b"}, {}) == (dict(response.cookies), dict(Response(200).cookies))


def test_wire_fields_are_not_shared() -> None:
    """A list of fields, or headers, can be used for many responses."""
    pairs, headers = [(b"A", b"b")], Headers({"A": "b"})
    for given in (pairs, headers):
        Response(200, headers=given).headers["a"] = "c"

    assert ([(b"A", b"b")], "b") == (pairs, headers["a"])


@pytest.mark.parametrize(
    "name", ["Content-Encoding", "content-encoding", "CONTENT-encodinG"]
)
def test_codings_are_found_in_any_spelling(name: str) -> None:
    """Names of fields from the wire compare without regard to case."""
    body = gzip.compress(b"abc")
    response = Response(
        200, headers=[(b"A", b"b"), (name.encode(), b"gzip")], stream=ByteStream(body)
    )

    assert b"abc" == response.read()


def test_headers_can_be_changed_before_reading() -> None:
    """Who adds a content coding has the body decoded, whatever was known before."""
    body = gzip.compress(b"abc")
    response = Response(200, headers=[(b"A", b"b")], stream=ByteStream(body))
    assert response._is_plain()

    response.headers["content-encoding"] = "gzip"

    assert b"abc" == response.read()


def test_fields_may_be_text() -> None:
    """A list of text pairs works like one from the wire."""
    body = gzip.compress(b"abc")
    response = Response(
        200, headers=[("Content-Encoding", "gzip")], stream=ByteStream(body)
    )

    assert b"abc" == response.read()


def test_pickled_response_keeps_its_content() -> None:
    """Content, history and text survive; stream and extensions do not."""
    response = Response(
        200, content=b"x", request=REQUEST, history=[Response(301)], extensions={"a": 1}
    )
    again = pickle.loads(pickle.dumps(response))

    assert (b"x", [301], {}, True, response.headers) == (
        again.read(),
        [past.status_code for past in again.history],
        again.extensions,
        again.is_closed,
        again.headers,
    )


def test_pickled_stream_is_closed() -> None:
    """What had not been read is gone."""
    with pytest.raises(StreamClosed):
        pickle.loads(pickle.dumps(Response(200, stream=Source(b"a")))).read()


def test_response_can_be_an_exception_too() -> None:
    """Starlette raises one."""

    class Denial(Response, ValueError):  # type: ignore[misc]
        pass

    with pytest.raises(Denial) as caught:
        raise Denial(403)
    assert 403 == caught.value.status_code


def test_content_can_be_deleted_and_read_again() -> None:
    """pytest-httpx hands one response out many times."""
    response = Response(200, content=b"abc")
    del response._content
    response.is_closed = response.is_stream_consumed = False

    assert b"abc" == response.read()


def test_subclass_sees_its_own_iteration() -> None:
    """A subclass that replaces iter_bytes is asked by read."""

    class Shouting(Response):
        def iter_bytes(self, chunk_size: int | None = None) -> Iterator[bytes]:
            for piece in super().iter_bytes(chunk_size):
                yield piece.upper()

    assert b"ABC" == Shouting(200, stream=ByteStream(b"abc")).read()
