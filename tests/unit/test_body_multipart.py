"""Forms with files: layout, length, escaping, streaming."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mooring._body.multipart import MultipartStream, boundary_of
from mooring._errors import StreamConsumed


def form(files: object, data: object = None) -> MultipartStream:
    return MultipartStream(data or {}, files, b"BB")  # type: ignore[arg-type]


def body(files: object, data: object = None) -> bytes:
    return b"".join(form(files, data))


class Pipe:
    """A file that can neither seek nor tell its length."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = list(pieces)

    def read(self, size: int = -1) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""


def test_layout() -> None:
    """Fields first, then files, each with its head, then the closing boundary."""
    assert (
        b'--BB\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
        b'--BB\r\nContent-Disposition: form-data; name="f"; filename="upload"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\nabc\r\n--BB--\r\n"
    ) == body({"f": b"abc"}, {"a": 1})


@settings(max_examples=50)
@given(
    st.dictionaries(st.text(max_size=5), st.text(max_size=5)),
    st.lists(st.tuples(st.text(max_size=5), st.binary(max_size=9)), min_size=1),
)
def test_length_is_exact(data: dict[str, str], files: list[tuple[str, bytes]]) -> None:
    """The announced length is that of the body, whatever the names are."""
    given_files = [(name, ("n", io.BytesIO(content))) for name, content in files]
    stream = form(given_files, data)

    assert stream.content_length() == len(b"".join(stream))


def test_names_cannot_leave_their_quotes() -> None:
    """Quotes and line breaks are escaped as browsers do."""
    assert b'name="a%22%0D%0A"; filename="b%22\\\\.txt"' in body(
        {'a"\r\n': ('b"\\.txt', b"")}
    )


@pytest.mark.parametrize(
    "file",
    [("a", b"", "text/x\r\nEvil: 1"), ("a", b"", "text/x", {"X": "y\nEvil: 1"})],
)
def test_part_headers_cannot_leave_their_line(file: object) -> None:
    """Line breaks in types and headers are refused."""
    with pytest.raises(ValueError, match="line break or NUL in a multipart header"):
        form({"f": file})


def test_file_name_and_type_come_from_the_file(tmp_path: Path) -> None:
    """An open file knows its name; the name tells the type."""
    path = tmp_path / "a.png"
    path.write_bytes(b"x")
    with path.open("rb") as file:
        assert b'filename="a.png"\r\nContent-Type: image/png' in body({"f": file})


def test_given_type_and_headers_are_used() -> None:
    """A content type among the headers stands over the argument."""
    assert b"X: y\r\ncontent-type: z/y\r\n\r\nabc" in body(
        {"f": ("n", b"abc", "t/x", {"X": "y", "content-type": "z/y"})}
    )


def test_no_file_name_makes_a_plain_field() -> None:
    """Without a name there is no type either."""
    assert (
        b'--BB\r\nContent-Disposition: form-data; name="f"\r\n\r\nx\r\n--BB--\r\n'
    ) == body({"f": (None, b"x")})


def test_files_are_rewound_for_each_pass() -> None:
    """A form holds whole files, and can be sent again."""
    file = io.BytesIO(b"abc")
    file.read(1)
    stream = form({"f": file})

    assert b"".join(stream) == b"".join(stream)
    assert b"\r\n\r\nabc\r\n" in b"".join(stream)


def test_file_of_unknown_length_is_chunked_and_sent_once() -> None:
    """A pipe has no length and no second pass."""
    stream = form({"f": ("n", Pipe(b"a", b"b"))})
    assert "chunked" == stream.get_headers()["Transfer-Encoding"]
    assert b"\r\n\r\nab\r\n" in b"".join(stream)

    with pytest.raises(StreamConsumed):
        list(stream)


def test_boundary_comes_from_a_callable() -> None:
    """Chance is brought in from outside."""
    stream = MultipartStream({}, {"f": b""}, lambda: b"XX")

    assert "multipart/form-data; boundary=XX" == stream.content_type


def test_boundaries_differ() -> None:
    """Left out, the boundary is random."""
    first, second = (MultipartStream({}, {"f": b""}) for _ in range(2))

    assert first.boundary != second.boundary


def text_files() -> Iterator[object]:
    yield io.StringIO("x")
    yield ["x"]
    yield ("a", 5)
    yield ("a",)


@pytest.mark.parametrize("file", list(text_files()))
def test_wrong_files_are_refused(file: object) -> None:
    """Text files and things that are no files raise TypeError."""
    with pytest.raises(TypeError):
        form({"f": file})


@pytest.mark.parametrize("data", [{"a": {"x": 1}}, {1: "x"}])
def test_wrong_fields_are_refused(data: object) -> None:
    """Names are text and values primitive."""
    with pytest.raises(TypeError, match="Invalid type for"):
        form({"f": b""}, data)


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        (None, None),
        ("text/plain; boundary=a", None),
        ("multipart/form-data", None),
        ('multipart/form-data; boundary="a b"; x=1', b"a b"),
    ],
)
def test_boundary_of(content_type: str | None, expected: bytes | None) -> None:
    """A boundary set by the caller is found, quoted or not."""
    assert expected == boundary_of(content_type)
