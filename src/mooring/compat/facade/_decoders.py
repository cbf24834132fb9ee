"""``httpx._decoders``: content codings, text and lines."""

from ..._body.decode import (
    BrotliDecoder,
    ContentDecoder,
    DeflateDecoder,
    GZipDecoder,
    IdentityDecoder,
    supported_codings,
)
from ..._body.decode import StackedDecoder as MultiDecoder
from ..._body.decode import ZstdDecoder as ZStandardDecoder
from ..._body.text import LineDecoder, TextDecoder

__all__ = [
    "SUPPORTED_DECODERS",
    "BrotliDecoder",
    "ContentDecoder",
    "DeflateDecoder",
    "GZipDecoder",
    "IdentityDecoder",
    "LineDecoder",
    "MultiDecoder",
    "TextDecoder",
    "ZStandardDecoder",
]

_ALL: dict[str, type[ContentDecoder]] = {
    "identity": IdentityDecoder,
    "gzip": GZipDecoder,
    "deflate": DeflateDecoder,
    "br": BrotliDecoder,
    "zstd": ZStandardDecoder,
}
SUPPORTED_DECODERS = {
    coding: decoder
    for coding, decoder in _ALL.items()
    if coding == "identity" or coding in supported_codings()
}
