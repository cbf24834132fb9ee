"""Content codings: what is undone, what is refused, and how much at once."""

from __future__ import annotations

import gzip
import importlib
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mooring._body.decode import ContentDecoder, decoder_for, supported_codings
from mooring._errors import DecodingError


def raw_deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()


def packers() -> dict[str, object]:
    """A function that applies each coding that is installed."""
    found: dict[str, object] = {"gzip": gzip.compress, "deflate": zlib.compress}
    if "br" in supported_codings():
        found["br"] = importlib.import_module("brotli").compress
    if "zstd" in supported_codings():
        try:
            module = importlib.import_module("compression.zstd")
        except ImportError:
            module = importlib.import_module("backports.zstd")
        found["zstd"] = module.compress
    return found


PACKERS = packers()


def pack(coding: str, data: bytes) -> bytes:
    return PACKERS[coding](data)  # type: ignore[operator, no-any-return]


def decoder(*codings: str) -> ContentDecoder:
    found = decoder_for(codings)
    assert found is not None
    return found


def unpack(data: bytes, *codings: str, step: int | None = None) -> bytes:
    undo = decoder(*codings)
    size = step or max(1, len(data))
    parts = [undo.decode(data[i : i + size]) for i in range(0, len(data), size)]
    return b"".join(parts) + undo.flush()


def outcome(data: bytes, coding: str, step: int | None = None) -> bytes | None:
    """The content, or nothing if it was refused."""
    try:
        return unpack(data, coding, step=step)
    except DecodingError:
        return None


@pytest.mark.parametrize("coding", PACKERS)
@pytest.mark.parametrize("step", [None, 1, 3])
def test_codings_are_undone(coding: str, step: int | None) -> None:
    """However the bytes arrive, the content comes out."""
    assert b"hello" * 99 == unpack(pack(coding, b"hello" * 99), coding, step=step)


@pytest.mark.parametrize("coding", PACKERS)
def test_truncated_body_is_an_error(coding: str) -> None:
    """A body that was cut off is not a short success."""
    with pytest.raises(DecodingError, match=f"{coding} encoded body ended before"):
        unpack(pack(coding, b"hello" * 99)[:-3], coding)


@pytest.mark.parametrize("coding", PACKERS)
def test_no_body_is_no_error(coding: str) -> None:
    """Answers to HEAD name a coding and have no body."""
    assert b"" == decoder(coding).flush()


@pytest.mark.parametrize("coding", PACKERS)
def test_garbage_is_an_error(coding: str) -> None:
    """A body that is not in its coding is refused."""
    with pytest.raises(DecodingError):
        unpack(b"\xff\xfe\xfd" * 20, coding)


@pytest.mark.parametrize("coding", PACKERS)
def test_output_comes_in_bounded_steps(coding: str) -> None:
    """A small body that means a huge one is never in memory as a whole."""
    bomb = pack(coding, bytes(4 * 1024 * 1024))
    sizes = [len(piece) for piece in decoder(coding).pieces(bomb)]

    assert 4 * 1024 * 1024 == sum(sizes)
    assert 64 * 1024 >= max(sizes)


@pytest.mark.parametrize("coding", PACKERS)
def test_bytes_after_the_end_do_not_spin(coding: str) -> None:
    """Bytes after the end are ignored or refused, one by one and at once."""
    data = pack(coding, b"hello") + b"junk"
    for step in (None, 1):
        assert outcome(data, coding, step=step) in (b"hello", None)


def test_raw_deflate_is_understood() -> None:
    """Some servers leave out the zlib header."""
    assert b"hello" * 9 == unpack(raw_deflate(b"hello" * 9), "deflate", step=1)


def test_gzip_members_follow_each_other() -> None:
    """RFC 1952: several members are one body."""
    data = gzip.compress(b"a") + gzip.compress(b"b")

    assert b"ab" == unpack(data, "gzip") == unpack(data, "gzip", step=1)


def test_endless_empty_members_are_refused() -> None:
    """Members without content cannot go on for ever."""
    with pytest.raises(DecodingError, match="more than 1000 empty gzip members"):
        unpack(gzip.compress(b"") * 1002, "gzip")


def test_codings_stack() -> None:
    """The last coding applied is the first undone; identity is none."""
    data = gzip.compress(zlib.compress(b"hello"))

    assert b"hello" == unpack(data, "deflate", " GZIP ", "identity", step=2)


def test_stacked_bomb_stays_bounded() -> None:
    """Every layer yields bounded steps, and so does the stack."""
    bomb = gzip.compress(gzip.compress(bytes(4 * 1024 * 1024)))
    sizes = [len(piece) for piece in decoder("gzip", "gzip").pieces(bomb)]

    assert (4 * 1024 * 1024, True) == (sum(sizes), max(sizes) <= 64 * 1024)


def test_more_than_five_codings_are_refused() -> None:
    """Six layers are an attack."""
    with pytest.raises(DecodingError, match="6 content codings; at most 5"):
        decoder_for(["gzip"] * 6)


@pytest.mark.parametrize("codings", [[], ["identity"], ["frobnicate"], ["gzip", "x"]])
def test_unknown_codings_are_left_alone(codings: list[str]) -> None:
    """What cannot be undone, and what is under it, is passed on."""
    assert decoder_for(codings) is None


def test_x_gzip_is_gzip() -> None:
    """RFC 9110 section 8.4.1.3 keeps the old name alive."""
    assert b"a" == unpack(gzip.compress(b"a"), "x-gzip")


@settings(max_examples=60)
@given(st.binary(), st.sampled_from(["gzip", "deflate"]))
def test_no_input_raises_anything_else(data: bytes, coding: str) -> None:
    """Bytes from a peer give content or DecodingError."""
    assert isinstance(outcome(data, coding), bytes | None)
