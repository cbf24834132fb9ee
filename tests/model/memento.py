"""Put a graph of objects back into what it was, in place.

A search makes every move from every state. Reading each state back from its pickle
takes several times as long as undoing what a move did to it.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from typing import Any

MISSING = object()
ATOMS = frozenset((int, float, str, bytes, bool, type(None)))


class Memento:
    """What all objects reachable from *root* are now."""

    def __init__(self, root: object) -> None:
        self._lists: list[tuple[list[Any], list[Any]]] = []
        self._maps: list[tuple[Any, Any]] = []
        """Dicts, sets and the dicts of instances, each with a copy."""
        self._slots: list[tuple[Callable[[Any, Any], None], Any, tuple[Any, ...]]] = []
        seen: set[int] = set()
        todo = [root]
        while todo:
            item = todo.pop()
            if type(item) not in ATOMS and id(item) not in seen:
                seen.add(id(item))
                self._note(item, todo)

    def restore(self) -> None:
        """Make them what they were. Objects made meanwhile are left alone."""
        for items, copy in self._lists:
            items[:] = copy
        for items, copy in self._maps:
            items.clear()
            items.update(copy)
        for put, item, values in self._slots:
            put(item, values)

    def _note(self, item: Any, todo: list[Any]) -> None:
        """Remember *item*; what it holds is to be looked at, too."""
        if isinstance(item, list):
            self._lists.append((item, item.copy()))
            todo += item
        elif isinstance(item, dict):
            self._maps.append((item, item.copy()))
            todo += item
            todo += item.values()
        elif isinstance(item, set):
            self._maps.append((item, item.copy()))
            todo += item
        elif isinstance(item, tuple | frozenset):
            todo += item
        else:
            self._note_instance(item, todo)

    def _note_instance(self, item: Any, todo: list[Any]) -> None:
        plan = plan_for(type(item))
        if plan.has_dict:
            todo.append(vars(item))
        if plan.put is not None:
            values = plan.get(item)
            self._slots.append((plan.put, item, values))
            todo += values


class Plan:
    """How the instances of one class are read and written."""

    def __init__(self, cls: type) -> None:
        self.names = slots(cls)
        is_frozen = "__setattr__" in vars(cls)
        leaf = is_frozen or cls.__module__ == "builtins" or issubclass(cls, enum.Enum)
        self.has_dict = not leaf and cls.__dictoffset__ != 0
        self.put = _putter(self.names) if self.names and not leaf else None

    def get(self, item: object) -> tuple[Any, ...]:
        return tuple([getattr(item, name, MISSING) for name in self.names])


def _putter(names: tuple[str, ...]) -> Callable[[Any, Any], None]:
    """A function that sets all *names* of an object at once."""
    # Written out, an assignment costs a tenth of what setattr() does.
    targets = ", ".join(f"item.{name}" for name in names)
    space: dict[str, Any] = {}
    exec(f"def put(item, values):\n    ({targets},) = values", space)
    fast = space["put"]

    def put(item: Any, values: tuple[Any, ...]) -> None:
        fast(item, values)
        if MISSING in values:
            for name, value in zip(names, values, strict=True):
                if value is MISSING:
                    delattr(item, name)

    return put


_plans: dict[type, Plan] = {}


def plan_for(cls: type) -> Plan:
    plan = _plans.get(cls)
    if plan is None:
        plan = _plans[cls] = Plan(cls)
    return plan


def slots(cls: type) -> tuple[str, ...]:
    """The names in the ``__slots__`` of *cls* and its bases."""
    return tuple(_slots(cls))


def _slots(cls: type) -> Iterator[str]:
    for base in cls.__mro__:
        for name in vars(base).get("__slots__", ()):
            if name not in ("__dict__", "__weakref__"):
                yield name
