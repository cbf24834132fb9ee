"""The public surface of a package as facts: one line of text for each name.

Two packages with equal facts can stand in for each other as far as a caller's code is
written; what the names *do* is the business of the rows.
"""

from __future__ import annotations

import inspect
import re
from types import ModuleType
from typing import Any

from .rows import anonymous

__all__ = ["Facts", "facts_of"]

Facts = dict[str, str]

# One object of each class, for what only objects have.
SAMPLES = {
    "BasicAuth": "BasicAuth('user', 'password')",
    "ByteStream": "ByteStream(b'')",
    "Client": "Client(transport=MockTransport(None))",
    "AsyncClient": "AsyncClient(transport=MockTransport(None))",
    "Cookies": "Cookies()",
    "Headers": "Headers({'A': '1', 'Authorization': 'secret'})",
    "HTTPStatusError": "HTTPStatusError('x', request=None, response=None)",
    "InvalidURL": "InvalidURL('x')",
    "Limits": "Limits(max_connections=1)",
    "MockTransport": "MockTransport(None)",
    "Proxy": "Proxy('http://user:password@a.test:8080', headers={'a': '1'})",
    "QueryParams": "QueryParams('a=1&a=2')",
    "ReadTimeout": "ReadTimeout('x')",
    "Request": "Request('GET', 'https://a.test/')",
    "Response": "Response(200, content=b'')",
    "StreamConsumed": "StreamConsumed()",
    "Timeout": "Timeout(5, read=1)",
    "URL": "URL('https://user:password@a.test/')",
    "codes": "codes(404)",
}

# What the interpreter adds to classes by itself, depending on how they were written.
_MACHINERY = """
    abstractmethods annotations class class_getitem dataclass_fields dataclass_params
    delattr dict dir doc firstlineno format getattribute getstate init init_subclass
    match_args module new orig_bases parameters qualname reduce reduce_ex replace
    reversed setattr setstate sizeof slots static_attributes str subclasshook weakref
"""
_MACHINERY_NAMES = frozenset(f"__{name}__" for name in _MACHINERY.split())
# Values that stand for "not given" have an address, and no repr, in httpx.
_SENTINEL = re.compile(r"<\w+\._\w+\.(\w+) object at 0x[0-9a-f]+>")
_KIND_MARKS = {
    inspect.Parameter.POSITIONAL_ONLY: "{} /",
    inspect.Parameter.POSITIONAL_OR_KEYWORD: "{}",
    inspect.Parameter.VAR_POSITIONAL: "*{}",
    inspect.Parameter.KEYWORD_ONLY: "[{}]",
    inspect.Parameter.VAR_KEYWORD: "**{}",
}
_SENTINEL_NAMES = {"UNSET": "UnsetType", "USE_CLIENT_DEFAULT": "UseClientDefault"}


def facts_of(package: ModuleType) -> Facts:
    """Return the facts about every public name of *package*.

    Keys read ``Client``, ``Client()``, ``Client.get``, ``Client.get()``; values say
    what it is, or with which parameters it is called, those by name only in brackets.
    """
    facts: Facts = {}
    for name in sorted(package.__all__):
        value = getattr(package, name)
        facts[name] = _kind(value)
        if isinstance(value, type):
            facts.update(_class_facts(name, value))
            if name in SAMPLES:
                facts.update(_object_facts(name, package))
        elif callable(value):
            facts[f"{name}()"] = _signature(value)
    return facts


def _class_facts(name: str, cls: type) -> Facts:
    facts = {f"{name}.mro": " ".join(_public_bases(cls))}
    if not issubclass(cls, int):
        facts[f"{name}()"] = _signature(cls)
    for attribute in filter(_is_public, dir(cls)):
        value = inspect.getattr_static(cls, attribute)
        facts[f"{name}.{attribute}"] = _member_kind(value)
        if _is_written_here(cls, attribute) and inspect.isroutine(value):
            function = getattr(cls, attribute)
            facts[f"{name}.{attribute}()"] = _signature(function)
    return facts


def _object_facts(name: str, package: ModuleType) -> Facts:
    sample = eval(SAMPLES[name], dict(vars(package)))
    own = set(filter(_is_public, dir(sample))) - set(dir(type(sample)))
    facts = {f"{name}.{attribute}": "attribute" for attribute in own}
    return {**facts, f"repr({SAMPLES[name]})": anonymous(repr(sample))}


def _public_bases(cls: type) -> list[str]:
    """The names of the classes that somebody could ask for with ``isinstance``."""
    return [
        base.__name__
        for base in cls.__mro__
        if base.__module__ in ("builtins", "collections.abc", cls.__module__)
        or base.__name__.startswith("Base")
    ]


def _is_public(name: str) -> bool:
    is_dunder = name.startswith("__") and name not in _MACHINERY_NAMES
    return is_dunder or not name.startswith("_")


def _is_written_here(cls: type, attribute: str) -> bool:
    """Whether a class of the same package defines it, not the interpreter."""
    owners = [base for base in cls.__mro__ if attribute in vars(base)]
    package = cls.__module__.partition(".")[0]
    return bool(owners) and owners[0].__module__.partition(".")[0] == package


def _kind(value: object) -> str:
    if isinstance(value, type):
        return "class"
    return "function" if inspect.isfunction(value) else type(value).__name__


def _member_kind(value: object) -> str:
    """What an attribute is to the caller: something to call, to read or to assign."""
    if isinstance(value, property):
        return "attribute" if value.fset else "read-only attribute"
    if inspect.isroutine(value) or isinstance(value, (classmethod, staticmethod)):
        colour = "coroutine " if inspect.iscoroutinefunction(value) else ""
        return f"{colour}method"
    return "attribute"


def _signature(function: Any) -> str:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return "(...)"
    return ", ".join([_parameter(p) for p in signature.parameters.values()])


def _parameter(parameter: inspect.Parameter) -> str:
    text = _KIND_MARKS[parameter.kind].format(parameter.name)
    if parameter.default is parameter.empty:
        return text
    default = _SENTINEL.sub(r"\1", repr(parameter.default))
    return f"{text}={_SENTINEL_NAMES.get(default, default)}"
