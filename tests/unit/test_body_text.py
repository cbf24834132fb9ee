"""Charsets, text, lines and chunks."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mooring._body.text import (
    LineDecoder,
    PieceChunker,
    TextDecoder,
    charset_of,
    is_text_charset,
)


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("text/plain", None),
        ("text/plain; charset=UTF-8", "utf-8"),
        ('text/plain; x=y; Charset="latin-1"', "latin-1"),
        ("text/plain; charset=", None),
    ],
)
def test_charset_is_found(content_type: str, expected: str | None) -> None:
    """The parameter is found in any case, quoted or not."""
    assert expected == charset_of(content_type)


@pytest.mark.parametrize(
    "name", ["nope", "hex", "punycode", "unicode_escape", "a" * 1000, "a\0b", ""]
)
def test_codecs_that_are_no_charsets_are_unknown(name: str) -> None:
    """Codecs that fail, warn or take forever are not used on a peer's word."""
    assert not is_text_charset(name)


@pytest.mark.parametrize("name", ["utf-8", "UTF-16", "cp1252", "shift_jis"])
def test_charsets_are_known(name: str) -> None:
    """Real charsets are."""
    assert is_text_charset(name)


def cut(text: str, cuts: list[int]) -> list[str]:
    places = sorted(min(place, len(text)) for place in cuts)
    return [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)]


@settings(max_examples=200)
@given(st.text("ab\r\n\x0b\x85\u2028"), st.lists(st.integers(0, 20)))
def test_lines_do_not_depend_on_the_cuts(text: str, cuts: list[int]) -> None:
    """Lines that come in pieces are the lines of the whole."""
    decoder = LineDecoder()
    lines = [line for piece in cut(text, cuts) for line in decoder.decode(piece)]
    lines += decoder.flush()

    assert text.splitlines() == lines


@settings(max_examples=100)
@given(st.binary(), st.lists(st.integers(0, 20)), st.integers(1, 7))
def test_chunks_have_one_size(data: bytes, cuts: list[int], size: int) -> None:
    """All chunks but the last have the size asked for, and nothing is lost."""
    places = sorted(min(place, len(data)) for place in cuts)
    chunker: PieceChunker[bytes] = PieceChunker(size)
    chunks: list[bytes] = []
    for a, b in zip([0, *places], [*places, len(data)], strict=True):
        chunks += chunker.feed(data[a:b])
    chunks += chunker.flush()

    assert [data[i : i + size] for i in range(0, len(data), size)] == chunks


def test_chunk_size_must_be_positive() -> None:
    """A size of nothing would never end."""
    with pytest.raises(ValueError, match="chunk_size must be 1 or more, not 0"):
        PieceChunker(0)


def test_characters_may_be_cut() -> None:
    """A character split over pieces comes out whole; a missing half is replaced."""
    decoder = TextDecoder("utf-8")

    assert ["", "é", "", "\ufffd"] == [
        decoder.decode(b"\xc3"),
        decoder.decode(b"\xa9"),
        decoder.decode(b"\xc3"),
        decoder.flush(),
    ]
