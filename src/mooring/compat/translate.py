"""Our exceptions in the terms of another library with httpx's API."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from .._errors import HTTPError, InvalidURL, RequestError, StreamError

__all__ = ["translated"]


@contextmanager
def translated(
    library: ModuleType,
    request: Any = None,  # noqa: ANN401 - a Request of that library
) -> Iterator[None]:
    """Raise the exceptions of *library* in place of ours, with our texts."""
    try:
        yield
    except (HTTPError, InvalidURL, StreamError) as exc:
        theirs = _their_exception(library, exc, request)
        if theirs is None:
            raise
        raise theirs from exc


def _their_exception(
    library: ModuleType,
    exc: Exception,
    request: Any,  # noqa: ANN401
) -> Exception | None:
    """Return the nearest that *library* has; ours may be a finer class of one."""
    if isinstance(exc, library.HTTPError):
        return None  # under the alias theirs are ours
    for cls in type(exc).__mro__:
        theirs = getattr(library, cls.__name__, None)
        if cls.__module__ != "mooring" or theirs is None:
            continue
        made: Exception
        if issubclass(cls, RequestError):
            made = theirs(str(exc), request=request)
        elif issubclass(cls, StreamError) and cls is not StreamError:
            made = theirs()
        else:
            made = theirs(str(exc))
        return made
    return None
