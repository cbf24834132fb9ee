"""Multipart forms (RFC 7578) come apart again in a parser that is not ours."""

from __future__ import annotations

import io
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from python_multipart.multipart import MultipartParser, parse_options_header

import mooring


class Part(NamedTuple):
    """What a server sees of one part."""

    name: str
    filename: str | None
    content_type: str | None
    content: bytes


class Reader:
    """Collects the parts that the parser tells of."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.fields: dict[str, str] = {}
        self.name = self.value = self.content = b""

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self.name += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self.value += data[start:end]

    def on_header_end(self) -> None:
        self.fields[self.name.decode().lower()] = self.value.decode("latin-1")
        self.name = self.value = b""

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        self.content += data[start:end]

    def on_part_end(self) -> None:
        kind, options = parse_options_header(self.fields["content-disposition"])
        assert b"form-data" == kind
        filename = options.get(b"filename")
        self.parts.append(
            Part(
                _unescaped(options[b"name"]),
                None if filename is None else _unescaped(filename),
                self.fields.get("content-type"),
                self.content,
            )
        )
        self.fields, self.content = {}, b""


def _unescaped(name: bytes) -> str:
    """Undo what the HTML standard escapes in names (section 4.10.21.8)."""
    text = name.decode("utf-8")
    return text.replace("%22", '"').replace("%0D", "\r").replace("%0A", "\n")


def parts_of(request: mooring.Request) -> list[Part]:
    """Return the parts of *request*, whose length is what it says."""
    body = request.read()
    assert str(len(body)) == request.headers["content-length"]
    return parsed(request.headers["content-type"], body)


def parsed(content_type: str, body: bytes) -> list[Part]:
    kind, options = parse_options_header(content_type)
    assert b"multipart/form-data" == kind
    reader = Reader()
    callbacks: Any = {
        name: getattr(reader, name) for name in dir(reader) if name.startswith("on_")
    }
    parser = MultipartParser(options[b"boundary"], callbacks)
    parser.write(body)
    parser.finalize()
    return reader.parts


def form(**arguments: Any) -> mooring.Request:
    return mooring.Request("POST", "https://a.test/", **arguments)


FORMS: list[tuple[dict[str, Any], list[Part]]] = [
    (
        {"files": {"f": b"hello"}},
        [Part("f", "upload", "application/octet-stream", b"hello")],
    ),
    (
        {"files": {"f": ("a.txt", b"hello")}},
        [Part("f", "a.txt", "text/plain", b"hello")],
    ),
    (
        {"files": {"f": ("a", "text", "text/x")}},
        [Part("f", "a", "text/x", b"text")],
    ),
    (
        {"files": {"f": (None, b"no file")}},
        [Part("f", None, None, b"no file")],
    ),
    (
        {"files": {"f": ("a", io.BytesIO(b"from a file"), None)}},
        [Part("f", "a", "application/octet-stream", b"from a file")],
    ),
    (
        {"data": {"x": ["1", "2"], "y": 3}, "files": [("f", ("a", b"", "a/b"))]},
        [
            Part("x", None, None, b"1"),
            Part("x", None, None, b"2"),
            Part("y", None, None, b"3"),
            Part("f", "a", "a/b", b""),
        ],
    ),
    (
        {"files": [("f", ("é.txt", b"1", "a/b")), ("日本", ('"q".txt', b"2", "a/b"))]},
        [Part("f", "é.txt", "a/b", b"1"), Part("日本", '"q".txt', "a/b", b"2")],
    ),
    (
        {"files": {"f": ("a", b"\r\n--x\r\n--\r\n", "a/b")}},
        [Part("f", "a", "a/b", b"\r\n--x\r\n--\r\n")],
    ),
    (
        {"files": {"f": ("a\r\nb", b"1", "a/b")}},
        [Part("f", "a\r\nb", "a/b", b"1")],
    ),
]


@pytest.mark.parametrize(("arguments", "expected"), FORMS)
def test_form(arguments: dict[str, Any], expected: list[Part]) -> None:
    """A server gets the parts that went in, with their names and types."""
    assert expected == parts_of(form(**arguments))


# The parser takes a backslash for an escape, which the HTML standard does not have.
names = st.text(
    st.characters(exclude_categories=["Cc", "Cs"], exclude_characters='\\%"'),
    min_size=1,
    max_size=20,
)
contents = st.binary(max_size=200)


@given(
    fields=st.dictionaries(names, st.text(max_size=20), max_size=3),
    files=st.lists(st.tuples(names, names, contents), min_size=1, max_size=3),
)
def test_any_form(fields: dict[str, str], files: list[tuple[str, str, bytes]]) -> None:
    """Whatever the names and contents, the parts are the parts."""
    request = form(
        data={name: value.encode("utf-8", "replace") for name, value in fields.items()},
        files=[(name, (filename, data, "a/b")) for name, filename, data in files],
    )

    assert [
        *[
            Part(name, None, None, value.encode("utf-8", "replace"))
            for name, value in fields.items()
        ],
        *[Part(name, filename, "a/b", data) for name, filename, data in files],
    ] == parts_of(request)


@given(position=st.integers(0, 50), data=st.binary(max_size=50))
def test_a_file_in_a_form_is_sent_whole(position: int, data: bytes) -> None:
    """Unlike as content=, a file is sent from its beginning, as httpx does."""
    file = io.BytesIO(data)
    file.seek(position)

    [part] = parts_of(form(files={"f": ("a", file, "a/b")}))

    assert data == part.content


class Pipe(io.RawIOBase):
    """A file that cannot say how long it is."""

    def __init__(self, data: bytes) -> None:
        self.rest = data

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        piece, self.rest = self.rest[:size], self.rest[size:]
        return piece


def test_a_pipe_is_sent_in_chunks() -> None:
    """Without a length the form is framed by chunks, and whole."""
    request = form(files={"f": ("a", Pipe(b"x" * 100_000), "a/b")})

    assert "content-length" not in request.headers
    assert "chunked" == request.headers["transfer-encoding"]
    assert [Part("f", "a", "a/b", b"x" * 100_000)] == parsed(
        request.headers["content-type"], request.read()
    )


def test_httpx2_is_read_the_same_way() -> None:
    """The reader of these tests reads the forms of httpx2 too."""
    import httpx2

    theirs = httpx2.Request("POST", "https://a.test/", files={"f": ("é", b"1")})
    ours = form(files={"f": ("é", b"1")})

    assert parts_of(ours) == parsed(theirs.headers["content-type"], theirs.read())
