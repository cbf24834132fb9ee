"""How reports of the pool are worded: durations, counts, and one-line text.

What comes from outside (paths, task names, error texts) is made harmless for a log
here: on one line, printable, and short.
"""

from __future__ import annotations

import dataclasses
import enum
import math
from collections.abc import Hashable, Mapping

from .route import label

MAX_TEXT = 120
"""Characters shown of one path or name; what matters of it stands in front."""


def seconds(value: float) -> str:
    """Format a duration the way all texts do: ``5.0s``, ``0.25s``."""
    return f"{value:.3g}s" if value < 1 else f"{value:.1f}s"


def counted(number: float, noun: str) -> str:
    """Return the number with its noun.

    >>> counted(1, "connection"), counted(3, "connection")
    ('1 connection', '3 connections')
    """
    return f"{amount(number)} {noun}" if number == 1 else f"{amount(number)} {noun}s"


def amount(number: float) -> str:
    """Return a limit or a count; no limit is called that."""
    return "no limit" if number == math.inf else f"{number:.0f}"


def one_line(text: str, most: int = MAX_TEXT) -> str:
    r"""Return *text* as a log can take it.

    >>> one_line("two\nlines")
    'two\\nlines'
    """
    if len(text) > most:
        text = text[: most - 3] + "..."
    if text.isprintable():
        return text
    return text.encode("unicode_escape").decode("ascii")


def origin_of(key: Hashable) -> str:
    """Name the origin behind the key of a host, ``https://example.org:443``."""
    if not isinstance(key, tuple):
        return str(key)
    origin = f"{key[0]}://{label(key)}"
    return origin if len(key) == 3 else f"{origin} (TLS name {key[3]})"


def plain(value: object) -> object:
    """Return *value* as JSON can carry it: dicts, lists, numbers and text.

    Dataclasses become dicts of their fields; ``math.inf``, no limit, ``None``.
    """
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, enum.Enum):
        return plain(value.value)
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if dataclasses.is_dataclass(value):
        return {
            f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)
        }
    return one_line(str(value))
