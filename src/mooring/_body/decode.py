"""Undo ``Content-Encoding`` (RFC 9110 section 8.4) in bounded steps.

1. No step takes more than 16 KiB in or gives more than 64 KiB out, so a small body
   that means a huge one costs time but no memory.
2. At most five codings, counted over all fields, are undone.
3. A body that stops before its coding does is an error, not a short success.
4. Codings we do not know end the undoing: what is left is passed on as it is.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

from .._errors import DecodingError

if TYPE_CHECKING:
    from types import ModuleType

__all__ = [
    "ContentDecoder",
    "IdentityDecoder",
    "decoded_pieces",
    "decoder_for",
    "supported_codings",
]

MAX_CODINGS = 5
MAX_OUTPUT_BYTES = 64 * 1024
# zlib hands back what it has not consumed as a copy. Small slices keep the copies of
# one long input from adding up to the square of its length.
MAX_INPUT_BYTES = 16 * 1024
# brotli compares its limit with the buffers it has filled before it adds another: a
# little under 32 KiB, then 64. This stops it after the first.
BROTLI_LIMIT = 16 * 1024
# RFC 9659: a zstd content coding may ask for a window of 8 MiB at most.
ZSTD_WINDOW_LOG = 23
# gzip members and zstd frames may be empty and may follow each other without end.
MAX_EMPTY_MEMBERS = 1000


class ForeignDecoder(Protocol):
    """A decoder of httpx's kind, which code may set as ``Response._decoder``."""

    def decode(self, data: bytes) -> bytes: ...

    def flush(self) -> bytes: ...


class ContentDecoder:
    """Base of the decoders: undoes one coding, and by itself none.

    Feed everything through :meth:`pieces`, take all that comes, then :meth:`finish`.
    """

    __slots__ = ()

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """Yield what *data* means, in steps of at most 64 KiB."""
        yield data

    def finish(self) -> None:
        """Check that the body was complete.

        Raises:
            DecodingError: It was not.
        """

    def decode(self, data: bytes) -> bytes:
        """Return all that *data* means at once, however much that is."""
        return b"".join(self.pieces(data))

    def flush(self) -> bytes:
        """As :meth:`finish`; there is never anything left to give out."""
        self.finish()
        return b""


class IdentityDecoder(ContentDecoder):
    """Leaves the body as it is."""

    __slots__ = ()


class _Inflater(Protocol):
    """The part of ``zlib.decompressobj()`` that is used here."""

    @property
    def eof(self) -> bool: ...
    @property
    def unconsumed_tail(self) -> bytes: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class GZipDecoder(ContentDecoder):
    """gzip (RFC 1952), of any number of members; other bytes at the end are ignored."""

    __slots__ = ("_begun", "_empty_members", "_inflater", "_tail")

    _MAGIC = b"\x1f\x8b"

    def __init__(self) -> None:
        self._inflater: _Inflater | None = _new_gzip()
        self._begun = False
        self._empty_members = 0
        # The first bytes after a member, until they tell whether another begins.
        self._tail = b""

    def pieces(self, data: bytes) -> Iterator[bytes]:
        for part in _slices(data):
            yield from self._inflate(part)

    def _inflate(self, data: bytes) -> Iterator[bytes]:
        while data and (inflater := self._inflater) is not None:
            if inflater.eof:
                data = self._next_member(data)
                continue
            self._begun = True
            piece, data = _step(inflater, data, "gzip")
            if piece:
                self._empty_members = 0
                yield piece

    def _next_member(self, data: bytes) -> bytes:
        """Begin the member that *data* begins, and return what to feed it."""
        data = self._tail + data
        self._tail = b""
        if data == self._MAGIC[:1]:
            self._tail = data
            return b""
        if not data.startswith(self._MAGIC):
            self._inflater = None
            return b""
        self._empty_members += 1
        _check_empty_members(self._empty_members, "gzip members")
        self._inflater = _new_gzip()
        return data

    def finish(self) -> None:
        inflater = self._inflater
        if inflater is not None and self._begun and not inflater.eof:
            raise _truncated("gzip")


class DeflateDecoder(ContentDecoder):
    """deflate: a zlib stream (RFC 1950) or, from servers that got it wrong, raw."""

    __slots__ = ("_head", "_inflater")

    def __init__(self) -> None:
        self._inflater: _Inflater | None = None
        self._head = b""

    def pieces(self, data: bytes) -> Iterator[bytes]:
        if self._inflater is None:
            data = self._head + data
            if len(data) < 2:
                self._head = data
                return
            raw = not _is_zlib_header(data[0], data[1])
            self._inflater = zlib.decompressobj(
                -zlib.MAX_WBITS if raw else zlib.MAX_WBITS
            )
        for part in _slices(data):
            left = part
            while left and not self._inflater.eof:
                piece, left = _step(self._inflater, left, "deflate")
                if piece:
                    yield piece

    def finish(self) -> None:
        if self._head if self._inflater is None else not self._inflater.eof:
            raise _truncated("deflate")


class _BrotliDecompressor(Protocol):
    """The part of ``brotli.Decompressor`` (1.2 and later) that is used here."""

    def process(self, data: bytes, *, output_buffer_limit: int) -> bytes: ...
    def is_finished(self) -> bool: ...


class BrotliDecoder(ContentDecoder):
    """br (RFC 7932), through the ``brotli`` or ``brotlicffi`` package."""

    __slots__ = ("_begun", "_brotli", "_decompressor")

    def __init__(self) -> None:
        self._brotli = _required(_brotli_module())
        self._decompressor: _BrotliDecompressor = self._brotli.Decompressor()
        self._begun = False

    def pieces(self, data: bytes) -> Iterator[bytes]:
        for part in _slices(data):
            self._begun = True
            left = part
            while not self._decompressor.is_finished():
                piece = self._step(left)
                left = b""  # brotli keeps what it has not used
                if not piece:
                    break
                yield piece

    def _step(self, data: bytes) -> bytes:
        try:
            return self._decompressor.process(data, output_buffer_limit=BROTLI_LIMIT)
        except self._brotli.error as exc:
            raise _broken("br", exc) from exc

    def finish(self) -> None:
        if self._begun and not self._decompressor.is_finished():
            raise _truncated("br")


class _ZstdDecompressor(Protocol):
    """The part of ``compression.zstd.ZstdDecompressor`` that is used here."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class ZstdDecoder(ContentDecoder):
    """zstd (RFC 8878), of any number of frames.

    Through the standard library of Python 3.14 or ``backports.zstd`` before that.
    """

    __slots__ = ("_begun", "_decompressor", "_empty_frames", "_zstd")

    def __init__(self) -> None:
        self._zstd = _required(_zstd_module())
        self._decompressor = self._new_frame()
        self._begun = False
        self._empty_frames = 0

    def _new_frame(self) -> _ZstdDecompressor:
        window = self._zstd.DecompressionParameter.window_log_max
        return cast(  # the module is looked up by name, so it has no types
            "_ZstdDecompressor",
            self._zstd.ZstdDecompressor(options={window: ZSTD_WINDOW_LOG}),
        )

    def pieces(self, data: bytes) -> Iterator[bytes]:
        for part in _slices(data):
            left = part
            while left or not (
                self._decompressor.eof or self._decompressor.needs_input
            ):
                self._begun = True
                if self._decompressor.eof:
                    self._empty_frames += 1
                    _check_empty_members(self._empty_frames, "zstd frames")
                    self._decompressor = self._new_frame()
                piece, left = self._step(left)
                if piece:
                    self._empty_frames = 0
                    yield piece

    def _step(self, data: bytes) -> tuple[bytes, bytes]:
        decompressor = self._decompressor
        try:
            piece = decompressor.decompress(data, MAX_OUTPUT_BYTES)
        except self._zstd.ZstdError as exc:
            raise _broken("zstd", exc) from exc
        return piece, decompressor.unused_data if decompressor.eof else b""

    def finish(self) -> None:
        if self._begun and not self._decompressor.eof:
            raise _truncated("zstd")


class StackedDecoder(ContentDecoder):
    """Undoes several codings, the last applied first, one bounded step at a time."""

    __slots__ = ("_layers",)

    def __init__(self, layers: Sequence[ContentDecoder]) -> None:
        self._layers = layers

    def pieces(self, data: bytes) -> Iterator[bytes]:
        return self._through(self._layers, (data,))

    def _through(
        self, layers: Sequence[ContentDecoder], pieces: Iterable[bytes]
    ) -> Iterator[bytes]:
        for layer in layers:
            pieces = _layer_pieces(layer, pieces)
        return iter(pieces)

    def finish(self) -> None:
        for layer in self._layers:
            layer.finish()


def supported_codings() -> tuple[str, ...]:
    """The codings to name in ``Accept-Encoding``, the dearest to undo last.

    ``br`` and ``zstd`` are there if a package that can undo them in bounded steps is
    installed: ``brotli`` or ``brotlicffi`` from 1.2, ``backports.zstd`` before 3.14.
    """
    return tuple(name for name in _DECODERS if _is_installed(name))


def decoder_for(codings: Iterable[str]) -> ContentDecoder | None:
    """The decoder for a list of codings, in the order they were applied.

    Args:
        codings: The items of all ``Content-Encoding`` fields.

    Returns:
        A decoder, or ``None`` if there is nothing that we can undo.

    Raises:
        DecodingError: There are more than five.
    """
    names = [name for item in codings if (name := item.strip().lower())]
    applied = [_ALIASES.get(name, name) for name in names if name != "identity"]
    if len(applied) > MAX_CODINGS:
        raise DecodingError(
            f"the response declares {len(applied)} content codings;"
            f" at most {MAX_CODINGS} are undone"
        )
    layers: list[ContentDecoder] = []
    for name in reversed(applied):
        if not _is_installed(name):
            break
        layers.append(_DECODERS[name]())
    if not layers:
        return None
    return layers[0] if len(layers) == 1 else StackedDecoder(layers)


def decoded_pieces(
    decoder: ContentDecoder | ForeignDecoder, data: bytes
) -> Iterable[bytes]:
    """What *data* means to a decoder of ours or of httpx's kind."""
    if isinstance(decoder, ContentDecoder):
        return decoder.pieces(data)
    return (decoder.decode(data),)


def _layer_pieces(layer: ContentDecoder, pieces: Iterable[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        yield from layer.pieces(piece)


def _slices(data: bytes) -> Iterable[bytes]:
    if len(data) <= MAX_INPUT_BYTES:
        return (data,) if data else ()
    return (
        data[start : start + MAX_INPUT_BYTES]
        for start in range(0, len(data), MAX_INPUT_BYTES)
    )


def _new_gzip() -> _Inflater:
    return zlib.decompressobj(16 + zlib.MAX_WBITS)


def _is_zlib_header(method: int, flags: int) -> bool:
    # RFC 1950 section 2.2. A preset dictionary (0x20) has no place in HTTP.
    return method & 0x0F == 8 and (method << 8 | flags) % 31 == 0 and not flags & 0x20


def _step(inflater: _Inflater, data: bytes, coding: str) -> tuple[bytes, bytes]:
    """Feed *data*; return a piece of output and the input that is still to be fed."""
    try:
        piece = inflater.decompress(data, MAX_OUTPUT_BYTES)
    except zlib.error as exc:
        raise _broken(coding, exc) from exc
    return piece, inflater.unused_data if inflater.eof else inflater.unconsumed_tail


def _check_empty_members(count: int, what: str) -> None:
    if count > MAX_EMPTY_MEMBERS:
        raise DecodingError(f"more than {MAX_EMPTY_MEMBERS} empty {what} in a row")


def _truncated(coding: str) -> DecodingError:
    return DecodingError(
        f"the {coding} encoded body ended before its data was complete"
    )


def _broken(coding: str, cause: Exception) -> DecodingError:
    return DecodingError(f"the body is not valid {coding} data: {cause}")


def _required(module: ModuleType | None) -> ModuleType:
    if module is None:
        raise RuntimeError("no package for this content coding is installed")
    return module


@cache
def _brotli_module() -> ModuleType | None:
    for name in ("brotli", "brotlicffi"):
        try:
            module = import_module(name)
            # Releases before 1.2 have no limit to their output and do not know it.
            module.Decompressor().process(b"", output_buffer_limit=1)
        except (ImportError, AttributeError, TypeError):
            continue
        return module
    return None


@cache
def _zstd_module() -> ModuleType | None:
    for name in ("compression.zstd", "backports.zstd"):
        try:
            return import_module(name)
        except ImportError:
            continue
    return None


_ALIASES = {"x-gzip": "gzip"}  # RFC 9110 section 8.4.1.3

_DECODERS: dict[str, Callable[[], ContentDecoder]] = {
    "gzip": GZipDecoder,
    "deflate": DeflateDecoder,
    "br": BrotliDecoder,
    "zstd": ZstdDecoder,
}


def _is_installed(name: str) -> bool:
    if name == "br":
        return _brotli_module() is not None
    if name == "zstd":
        return _zstd_module() is not None
    return name in _DECODERS
