"""``Headers``: an ordered, case-insensitive multimap that keeps the bytes it got.

Rules of the inside:

1. Exactly one of ``_pairs`` (as on the wire) and ``_triples`` (with the name in
   lower case) is set. What arrives from the network stays pairs until somebody
   looks something up: most fields of most responses are never looked at.
2. Everything that changes the content works on the triples.
3. Neither sequence is ever changed, only replaced. So copies share it, and what
   happens to one of them cannot reach another.
"""

from __future__ import annotations

from collections.abc import (
    ItemsView,
    Iterator,
    KeysView,
    Mapping,
    MutableMapping,
    ValuesView,
)
from typing import TYPE_CHECKING, Self, TypeAlias, TypeVar, overload

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ._types import HeaderTypes

__all__ = ["Field", "Headers"]

_T = TypeVar("_T")

# Name as spelled, name in lower case, value.
Field: TypeAlias = tuple[bytes, bytes, bytes]

# Bound once: every response makes one object this way.
_new = object.__new__

# A dict is a Mapping too; named first, it is spared the slow question.
_MAPPINGS = (dict, Mapping)

# Values of these fields are credentials, so ``repr`` does not show them.
_SECRET = frozenset(
    {
        b"authorization",
        b"proxy-authorization",
        b"cookie",
        b"set-cookie",
    }
)


class Headers(MutableMapping[str, str]):
    """The fields of a request or response.

    Names compare without regard to case; order, spelling and repeated fields are
    kept. Reading a repeated field joins its values with ``", "`` (RFC 9110 section
    5.3); :meth:`get_list` gives them one by one and :attr:`raw` gives the bytes.

    Args:
        headers: A mapping, a sequence of pairs, or other headers. Names and values
            may be ``str`` or ``bytes``.
        encoding: How ``str`` and ``bytes`` translate. Left out, text given must be
            ASCII and bytes are read as ASCII, UTF-8 or ISO-8859-1, the first that fits.

    Raises:
        TypeError: A value is neither ``str`` nor ``bytes``.

    Example::

        >>> headers = Headers({"Content-Type": "text/plain"})
        >>> headers["content-type"]
        'text/plain'
    """

    __slots__ = ("_encoding", "_pairs", "_triples")

    _pairs: list[tuple[bytes, bytes]] | None
    _triples: tuple[Field, ...] | None
    _encoding: str | None

    def __init__(
        self, headers: HeaderTypes | None = None, encoding: str | None = None
    ) -> None:
        self._encoding = encoding
        self._pairs = None
        if headers is None:
            self._triples = ()
        elif isinstance(headers, Headers):
            self._triples = headers._list
        else:
            items: Iterable[tuple[str | bytes, str | bytes]] = (
                headers.items() if isinstance(headers, _MAPPINGS) else headers
            )
            self._triples = tuple(
                [_triple(name, value, encoding) for name, value in items]
            )

    @staticmethod
    def _adopt(pairs: list[tuple[bytes, bytes]]) -> Headers:
        """Take over the list of a received head, doing nothing else.

        The caller must not touch *pairs* afterwards.
        """
        adopted = _new(Headers)
        adopted._pairs = pairs
        adopted._triples = adopted._encoding = None
        return adopted

    @staticmethod
    def _of(fields: tuple[Field, ...], encoding: str | None) -> Headers:
        """Make headers of fields that are ready."""
        made = _new(Headers)
        made._pairs = None
        made._triples = fields
        made._encoding = encoding
        return made

    @property
    def _list(self) -> tuple[Field, ...]:
        """The fields as triples, for lookup and change."""
        triples = self._triples
        if triples is None:
            triples = tuple(
                [(name, name.lower(), value) for name, value in self._pairs or ()]
            )
            self._triples = triples
            self._pairs = None
        return triples

    @_list.setter
    def _list(self, triples: tuple[Field, ...]) -> None:
        self._triples = triples
        self._pairs = None

    def _values_of(self, lower_name: bytes) -> list[bytes]:
        """Values of one field as bytes; *lower_name* must be in lower case."""
        return [value for _, name, value in self._list if name == lower_name]

    @property
    def encoding(self) -> str:
        """The encoding asked for, else the first that fits every name and value."""
        if self._encoding is not None:
            return self._encoding
        joined = b"".join([part for pair in self.raw for part in pair])
        if joined.isascii():
            return "ascii"
        try:
            for pair in self.raw:
                for part in pair:
                    part.decode("utf-8")
        except UnicodeDecodeError:
            # Gives every byte a meaning, so it always fits.
            return "iso-8859-1"
        return "utf-8"

    @encoding.setter
    def encoding(self, value: str) -> None:
        self._encoding = value

    @property
    def raw(self) -> list[tuple[bytes, bytes]]:
        """Names and values as the bytes that go or came over the wire."""
        if self._pairs is not None:
            return self._pairs.copy()
        return [(name, value) for name, _, value in self._list]

    def keys(self) -> KeysView[str]:
        """The names in lower case, each once."""
        encoding = self.encoding
        return {name.decode(encoding): None for _, name, _ in self._list}.keys()

    def values(self) -> ValuesView[str]:
        """The values, those of a repeated field joined with ``", "``."""
        return self._joined().values()

    def items(self) -> ItemsView[str, str]:
        """Names and values, those of a repeated field joined with ``", "``."""
        return self._joined().items()

    def multi_items(self) -> list[tuple[str, str]]:
        """Names and values field by field, repeated ones too."""
        encoding = self.encoding
        return [
            (name.decode(encoding), value.decode(encoding))
            for _, name, value in self._list
        ]

    @overload
    def get(self, key: str, /) -> str | None: ...

    @overload
    def get(self, key: str, default: str) -> str: ...

    @overload
    def get(self, key: str, default: _T) -> str | _T: ...

    def get(self, key: str, default: str | _T | None = None) -> str | _T | None:
        """The value of a field, joined with ``", "`` if repeated, or *default*."""
        values = self._decoded_values(key)
        return ", ".join(values) if values else default

    def get_list(self, key: str, split_commas: bool = False) -> list[str]:
        """The values of a field one by one.

        With *split_commas* every value is also split at its commas. That is wrong
        for fields whose values contain commas, such as ``Set-Cookie`` and dates.
        """
        values = self._decoded_values(key)
        if not split_commas:
            return values
        return [item.strip() for value in values for item in value.split(",")]

    def update(self, headers: HeaderTypes | None = None) -> None:  # type: ignore[override]
        """Replace the fields that *headers* names, and add the others at the end."""
        new = Headers(headers)._list
        names = {name for _, name, _ in new}
        kept = [field for field in self._list if field[1] not in names]
        self._list = (*kept, *new)

    def copy(self) -> Headers:
        """An independent copy."""
        other = _new(Headers)
        other._pairs = self._pairs
        other._triples = self._triples
        other._encoding = self._encoding
        return other

    __copy__ = copy

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.raw, self._encoding)

    def __or__(self, other: Mapping[str, str]) -> Headers:
        if not isinstance(other, Mapping):
            return NotImplemented
        merged = self.copy()
        merged.update(other)
        return merged

    def __ror__(self, other: Mapping[str, str]) -> Headers:
        if not isinstance(other, Mapping):
            return NotImplemented
        merged = Headers(other)
        merged.update(self)
        return merged

    def __ior__(self, other: HeaderTypes) -> Self:
        self.update(other)
        return self

    def __getitem__(self, key: str) -> str:
        values = self._decoded_values(key)
        if not values:
            raise KeyError(key)
        return ", ".join(values)

    def __setitem__(self, key: str, value: str) -> None:
        """Give the field this one value, where its first occurrence stood."""
        # Unlike the constructor this takes any text: it is what httpx does.
        field = _triple(key, value, self._encoding or "utf-8")
        fields = self._list
        if not any(name == field[1] for _, name, _ in fields):
            self._list = (*fields, field)
            return
        pending = [field]
        self._list = tuple(
            [
                kept if kept[1] != field[1] else pending.pop()
                for kept in fields
                if kept[1] != field[1] or pending
            ]
        )

    def __delitem__(self, key: str) -> None:
        name = self._lookup_name(key)
        kept = [field for field in self._list if field[1] != name]
        if len(kept) == len(self._list):
            raise KeyError(key)
        self._list = tuple(kept)

    def __contains__(self, key: object) -> bool:
        name = self._lookup_name(key) if isinstance(key, str) else None
        return name in [known for _, known, _ in self._list]

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        pairs = self._pairs
        return len(self._list if pairs is None else pairs)

    def __eq__(self, other: object) -> bool:
        try:
            others = Headers(other)._list  # type: ignore[arg-type]
        except (TypeError, ValueError, AttributeError):
            return False
        mine = [(name, value) for _, name, value in self._list]
        return sorted(mine) == sorted((name, value) for _, name, value in others)

    def __repr__(self) -> str:
        encoding = self.encoding
        suffix = "" if encoding == "ascii" else f", encoding={encoding!r}"
        return f"{type(self).__name__}({self._shown()!r}{suffix})"

    def _shown(self) -> dict[str, str] | list[tuple[str, str]]:
        """The fields as they may appear in a log: without credentials."""
        encoding = self.encoding
        fields = [
            (
                name.decode(encoding),
                "[secure]" if name in _SECRET else value.decode(encoding),
            )
            for _, name, value in self._list
        ]
        by_name = dict(fields)
        return by_name if len(by_name) == len(fields) else fields

    def _lookup_name(self, key: str) -> bytes | None:
        """*key* as it stands in the triples; ``None`` if no field can have it."""
        try:
            return key.lower().encode(self._encoding or "ascii")
        except UnicodeEncodeError:
            pass
        try:
            return key.lower().encode(self.encoding)
        except UnicodeEncodeError:
            return None

    def _decoded_values(self, key: str) -> list[str]:
        name = self._lookup_name(key)
        values = [value for _, known, value in self._list if known == name]
        try:
            return [value.decode(self._encoding or "ascii") for value in values]
        except UnicodeDecodeError:
            if self._encoding is not None:
                raise
        # The encoding is a property of all fields together; it takes a walk over
        # all of them, which plain ASCII values make unnecessary.
        encoding = self.encoding
        return [value.decode(encoding) for value in values]

    def _joined(self) -> dict[str, str]:
        joined: dict[str, str] = {}
        for name, value in self.multi_items():
            joined[name] = f"{joined[name]}, {value}" if name in joined else value
        return joined


def _triple(name: str | bytes, value: str | bytes, encoding: str | None) -> Field:
    if not isinstance(name, bytes):
        if not isinstance(name, str):
            raise TypeError(f"Header name must be str or bytes, not {type(name)}")
        name = name.encode(encoding or "ascii")
    if not isinstance(value, bytes):
        if not isinstance(value, str):
            raise TypeError(f"Header value must be str or bytes, not {type(value)}")
        value = value.encode(encoding or "ascii")
    return name, name.lower(), value


Headers.__module__ = "mooring"
