"""Request: fields, order, body and pickling."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import AsyncIterator, Iterator

import pytest

from mooring._body.streams import ByteStream
from mooring._errors import RequestNotRead, StreamClosed
from mooring._headers import Headers
from mooring._messages.request import Request

URL = "https://example.org/"
HOST = (b"Host", b"example.org")


def pieces() -> Iterator[bytes]:
    yield b"a"
    yield b"b"


async def async_pieces() -> AsyncIterator[bytes]:
    yield b"a"
    yield b"b"


@pytest.mark.parametrize(
    ("method", "arguments", "expected"),
    [
        ("get", {}, [HOST]),
        ("post", {}, [HOST, (b"Content-Length", b"0")]),
        ("get", {"headers": {"A": "b"}}, [HOST, (b"A", b"b")]),
        ("get", {"headers": {"A": "b", "host": "x"}}, [(b"A", b"b"), (b"host", b"x")]),
        (
            "post",
            {"headers": {"A": "b"}, "json": [1]},
            [
                HOST,
                (b"A", b"b"),
                (b"Content-Length", b"3"),
                (b"Content-Type", b"application/json"),
            ],
        ),
        (
            "post",
            {"headers": {"content-type": "x/y"}, "json": [1]},
            [HOST, (b"content-type", b"x/y"), (b"Content-Length", b"3")],
        ),
        (
            "post",
            {"headers": {"Content-Length": "3"}, "content": iter([b"abc"])},
            [HOST, (b"Content-Length", b"3")],
        ),
        (
            "post",
            {"headers": {"Transfer-Encoding": "chunked"}, "content": b"abc"},
            [HOST, (b"Transfer-Encoding", b"chunked")],
        ),
        ("post", {"stream": ByteStream(b"a")}, []),
        (
            "get",
            {"cookies": {"a": "b"}},
            [HOST, (b"Cookie", b"a=b")],
        ),
    ],
)
def test_fields_and_their_order(
    method: str, arguments: dict[str, object], expected: list[tuple[bytes, bytes]]
) -> None:
    """Host, a length of zero, the caller's fields, those of the body, cookies."""
    request = Request(method, URL, **arguments)  # type: ignore[arg-type]

    assert expected == request.headers.raw


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://h:81/", b"h:81"),
        ("http://[::1]:8/", b"[::1]:8"),
        ("http://h:80/", b"h"),
    ],
)
def test_host_field(url: str, host: bytes) -> None:
    """The port is there unless it is the usual one; addresses have brackets."""
    assert [(b"Host", host)] == Request("GET", url).headers.raw


def test_headers_are_copied() -> None:
    """What happens to a request does not happen to the headers it was made from."""
    headers = Headers({"a": "b"})
    Request("GET", URL, headers=headers).headers["a"] = "c"

    assert "b" == headers["a"]


def test_method_is_upper_case() -> None:
    """Methods are case-sensitive on the wire, callers are not."""
    assert "PATCH" == Request("patch", URL).method


def test_params_replace_the_query() -> None:
    """As in httpx."""
    assert f"{URL}?b=2" == str(Request("GET", f"{URL}?a=1", params={"b": "2"}).url)


def test_content_must_be_read_first() -> None:
    """A stream is not content until it is read; then it can be sent again."""
    request = Request("POST", URL, content=pieces())
    with pytest.raises(RequestNotRead):
        _ = request.content

    assert b"ab" == request.read() == request.content
    assert b"ab" == b"".join(request.stream)  # type: ignore[arg-type]


def test_async_content_can_be_read() -> None:
    """The asynchronous twin of reading."""
    request = Request("POST", URL, content=async_pieces())

    assert b"ab" == asyncio.run(request.aread()) == request.content


def test_reading_in_the_wrong_colour_says_so() -> None:
    """Synchronous code cannot read an asynchronous body, nor the other way round."""
    with pytest.raises(RuntimeError, match="aread"):
        Request("POST", URL, content=async_pieces()).read()
    with pytest.raises(RuntimeError, match="sync request body"):
        asyncio.run(Request("POST", URL, content=pieces()).aread())


def test_pickled_request_keeps_its_content() -> None:
    """Content survives and can be sent; extensions do not."""
    request = Request("POST", URL, json={"a": 1}, extensions={"x": print})
    again = pickle.loads(pickle.dumps(request))

    assert ("POST", URL, request.headers, request.content, {}) == (
        again.method,
        str(again.url),
        again.headers,
        again.content,
        again.extensions,
    )
    assert request.content == b"".join(again.stream)


def test_pickled_stream_is_closed() -> None:
    """A stream cannot be pickled."""
    again = pickle.loads(pickle.dumps(Request("POST", URL, content=pieces())))

    with pytest.raises(StreamClosed):
        again.read()


def test_repr_hides_the_user_information() -> None:
    """Names and passwords do not belong in logs."""
    request = Request("GET", "https://user:pass@example.org/")

    assert "<Request('GET', 'https://[secure]@example.org/')>" == repr(request)
