"""What callers pass, and the fields and bytes it becomes."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator

import pytest

from mooring._body.encode import encode_request, encode_response


def encoded(**body: object) -> tuple[dict[str, str], bytes]:
    headers, stream = encode_request(**body)  # type: ignore[arg-type]
    return headers, b"".join(stream)  # type: ignore[arg-type]


def length(size: int) -> dict[str, str]:
    return {"Content-Length": str(size)}


@pytest.mark.parametrize("content", ["é", b"\xc3\xa9", bytearray(b"\xc3\xa9")])
def test_text_and_bytes_have_a_length(content: object) -> None:
    """Text is sent as UTF-8; the length is that of the bytes."""
    assert (length(2), b"\xc3\xa9") == encoded(content=content)


@pytest.mark.parametrize("body", [{}, {"content": b""}, {"data": {}}, {"files": []}])
def test_no_body_has_no_fields(body: dict[str, object]) -> None:
    """Nothing, however it is spelled, is described by nothing."""
    assert ({}, b"") == encoded(**body)


def test_iterables_are_chunked() -> None:
    """Who yields pieces does not say how many."""
    assert ({"Transfer-Encoding": "chunked"}, b"ab") == encoded(content=[b"a", b"b"])


def test_async_iterables_are_chunked() -> None:
    """So do asynchronous ones."""

    async def body() -> AsyncIterator[bytes]:
        yield b"a"

    assert {"Transfer-Encoding": "chunked"} == encode_request(content=body())[0]


def test_file_length_is_what_remains() -> None:
    """A file is sent from where it stands, and only that is counted."""
    file = io.BytesIO(b"abc")
    file.read(1)

    assert (length(2), b"bc") == encoded(content=file)


def test_form_values() -> None:
    """Lists repeat the name; bools, None and numbers are spelled as in JSON."""
    headers, body = encoded(data={"a": [1, None, True, 2.5], "b": "é ü+", "c": b"x"})

    assert b"a=1&a=&a=true&a=2.5&b=%C3%A9+%C3%BC%2B&c=x" == body
    assert "application/x-www-form-urlencoded" == headers["Content-Type"]


def test_json_is_compact_utf8() -> None:
    """No blanks, no escapes for what UTF-8 can say."""
    headers, body = encoded(json={"a": "é", "b": [1, 2]})

    assert '{"a":"é","b":[1,2]}'.encode() == body
    assert {**length(20), "Content-Type": "application/json"} == headers


def test_json_has_no_nan() -> None:
    """JSON cannot say NaN, so neither do we."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        encoded(json=float("nan"))


@pytest.mark.parametrize("other", ["data", "files"])
def test_json_next_to_another_body_is_refused(other: str) -> None:
    """httpx drops one of them silently; we name both."""
    with pytest.raises(TypeError, match=f"either 'json' or '{other}'"):
        encoded(json={}, **{other: {"a": b"b"}})


@pytest.mark.parametrize("content", [5, {"a": 1}, io.StringIO("a")])
def test_wrong_content_is_refused(content: object) -> None:
    """Numbers, mappings and text files are not bodies."""
    with pytest.raises(TypeError):
        encoded(content=content)


def test_raw_data_warns() -> None:
    """Content under the name of form fields works as in requests, with a warning."""
    with pytest.warns(DeprecationWarning, match="Use 'content="):
        assert (length(3), b"raw") == encoded(data=b"raw")


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ({"text": "é"}, "text/plain; charset=utf-8"),
        ({"html": "é"}, "text/html; charset=utf-8"),
    ],
)
def test_response_text_says_its_charset(
    body: dict[str, str], content_type: str
) -> None:
    """Text of a response is UTF-8 and says so."""
    headers, _ = encode_response(**body)

    assert {**length(2), "Content-Type": content_type} == headers
