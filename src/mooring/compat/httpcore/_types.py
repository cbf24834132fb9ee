"""Aliases for what the shim's functions accept."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Mapping, MutableMapping, Sequence
from typing import Any, TypeAlias

__all__ = [
    "SOCKET_OPTION",
    "Content",
    "Extensions",
    "HeaderTypes",
    "HeadersAsMapping",
    "HeadersAsSequence",
]

SOCKET_OPTION: TypeAlias = (
    tuple[int, int, int]
    | tuple[int, int, bytes | bytearray]
    | tuple[int, int, None, int]
)

Extensions: TypeAlias = MutableMapping[str, Any]
HeadersAsSequence: TypeAlias = Sequence[tuple[bytes | str, bytes | str]]
HeadersAsMapping: TypeAlias = Mapping[bytes | str, bytes | str]
HeaderTypes: TypeAlias = HeadersAsSequence | HeadersAsMapping | None
Content: TypeAlias = bytes | Iterable[bytes] | AsyncIterable[bytes] | None
