"""``QueryParams``: an immutable multimap for the query of a URL."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, KeysView, Mapping, ValuesView
from typing import TYPE_CHECKING, NoReturn, TypeVar, overload
from urllib.parse import parse_qsl, urlencode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .._types import QueryParamTypes

__all__ = ["QueryParams"]

_T = TypeVar("_T")


class QueryParams(Mapping[str, str]):
    """Query parameters, in order, each name with one or more values.

    Args:
        args: A query string, a mapping (whose values may be lists), or pairs.
        kwargs: Parameters by name, instead of that.

    ``True``, ``False`` and ``None`` become ``true``, ``false`` and nothing; other
    values become ``str(value)``. Methods that change something return a new object.

    Example::

        >>> QueryParams("a=1&a=2").add("b", True)
        QueryParams('a=1&a=2&b=true')
    """

    __slots__ = ("_dict",)

    _dict: dict[str, list[str]]

    # The first argument has no name, so that any name can be a parameter's.
    def __init__(self, *args: QueryParamTypes | None, **kwargs: object) -> None:
        if len(args) > 1:
            raise TypeError(f"QueryParams takes one set of them, not {len(args)}")
        if kwargs and args:
            raise TypeError("Cannot mix named and unnamed arguments.")
        given: object = kwargs or (args[0] if args else None)
        if isinstance(given, QueryParams):
            self._dict = {name: list(values) for name, values in given._dict.items()}
        elif isinstance(given, Mapping):
            self._dict = _from_mapping(given)
        elif isinstance(given, (str, bytes)):
            text = given.decode("ascii") if isinstance(given, bytes) else given
            self._dict = _from_pairs(parse_qsl(text, keep_blank_values=True))
        elif given is None:
            self._dict = {}
        elif isinstance(given, (list, tuple)):
            self._dict = _from_pairs(given)
        else:
            raise TypeError(
                "Query parameters must be a str, bytes, mapping or list of pairs,"
                f" not {type(given)}"
            )

    def keys(self) -> KeysView[str]:
        """The names, each once."""
        return self._dict.keys()

    def values(self) -> ValuesView[str]:
        """The first value of every name."""
        return self._first().values()

    def items(self) -> ItemsView[str, str]:
        """Every name with its first value."""
        return self._first().items()

    def multi_items(self) -> list[tuple[str, str]]:
        """Every name with every value, values of one name together."""
        return [
            (name, value) for name, values in self._dict.items() for value in values
        ]

    @overload
    def get(self, key: str, /) -> str | None: ...

    @overload
    def get(self, key: str, default: str) -> str: ...

    @overload
    def get(self, key: str, default: _T) -> str | _T: ...

    def get(self, key: str, default: str | _T | None = None) -> str | _T | None:
        """The first value of a name, or *default*."""
        values = self._dict.get(key)
        return values[0] if values else default

    def get_list(self, key: str) -> list[str]:
        """All values of a name."""
        return list(self._dict.get(str(key), ()))

    def set(self, key: str, value: object = None) -> QueryParams:
        """A copy in which the name has this value alone."""
        return self._with({str(key): [_text(value)]})

    def add(self, key: str, value: object = None) -> QueryParams:
        """A copy in which the name has this value as well."""
        return self._with({str(key): [*self.get_list(key), _text(value)]})

    def remove(self, key: str) -> QueryParams:
        """A copy without the name."""
        copy = self._with({})
        copy._dict.pop(str(key), None)
        return copy

    def merge(self, params: QueryParamTypes | None = None) -> QueryParams:
        """A copy in which the names in *params* have the values given there."""
        return self._with(QueryParams(params)._dict)

    def update(self, params: QueryParamTypes | None = None) -> NoReturn:
        """Refuse; see :meth:`merge`."""
        raise RuntimeError(
            "QueryParams are immutable since 0.18.0."
            " Use `q = q.merge(...)` to create an updated copy."
        )

    def __setitem__(self, key: str, value: str) -> NoReturn:
        raise RuntimeError(
            "QueryParams are immutable since 0.18.0."
            " Use `q = q.set(key, value)` to create an updated copy."
        )

    def __getitem__(self, key: str) -> str:
        return self._dict[key][0]

    def __contains__(self, key: object) -> bool:
        return key in self._dict

    def __iter__(self) -> Iterator[str]:
        return iter(self._dict)

    def __len__(self) -> int:
        return len(self._dict)

    def __bool__(self) -> bool:
        return bool(self._dict)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, QueryParams):
            return False
        return sorted(self.multi_items()) == sorted(other.multi_items())

    def __hash__(self) -> int:
        # Equality ignores the order, so the hash has to as well.
        return hash(tuple(sorted(self.multi_items())))

    def __str__(self) -> str:
        return urlencode(self.multi_items())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def _first(self) -> dict[str, str]:
        return {name: values[0] for name, values in self._dict.items()}

    def _with(self, changes: dict[str, list[str]]) -> QueryParams:
        copy = QueryParams()
        copy._dict = {**self._dict, **changes}
        return copy


def _text(value: object) -> str:
    if value is True:
        return "true"
    if value is False:
        return "false"
    return "" if value is None else str(value)


def _from_mapping(params: Mapping[object, object]) -> dict[str, list[str]]:
    parsed: dict[str, list[str]] = {}
    for name, value in params.items():
        values = value if isinstance(value, (list, tuple)) else (value,)
        if values:
            parsed[str(name)] = [_text(item) for item in values]
    return parsed


def _from_pairs(pairs: Iterable[tuple[object, object]]) -> dict[str, list[str]]:
    parsed: dict[str, list[str]] = {}
    for name, value in pairs:
        parsed.setdefault(str(name), []).append(_text(value))
    return parsed


QueryParams.__module__ = "mooring"
