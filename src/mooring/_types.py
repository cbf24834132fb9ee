"""Aliases for what the public functions accept.

They are real unions, not strings, because applications write
``Optional[QueryParamTypes]`` and ``HeaderTypes | None`` in code that runs. The
classes in quotes are forward references: importing them here would turn the floors
upside down, and ``http.cookiejar`` drags in ``ssl``.
"""

from __future__ import annotations

from collections.abc import (
    AsyncIterable,
    Callable,
    Iterable,
    Mapping,
    Sequence,
)
from typing import IO, TYPE_CHECKING, Any, TypeAlias, Union

if TYPE_CHECKING:
    from http.cookiejar import CookieJar

    from ._config import Proxy, Timeout
    from ._cookies import Cookies
    from ._flow.auth import Auth
    from ._headers import Headers
    from ._messages.request import Request
    from ._url import URL, QueryParams

__all__ = [
    "AuthTypes",
    "CertTypes",
    "CookieTypes",
    "FileContent",
    "FileTypes",
    "HeaderTypes",
    "PrimitiveData",
    "ProxyTypes",
    "QueryParamTypes",
    "RequestContent",
    "RequestData",
    "RequestExtensions",
    "RequestFiles",
    "ResponseContent",
    "ResponseExtensions",
    "TimeoutTypes",
    "URLTypes",
]

PrimitiveData: TypeAlias = str | int | float | bool | None

URLTypes: TypeAlias = Union["URL", str]

QueryParamTypes: TypeAlias = Union[
    "QueryParams",
    Mapping[str, PrimitiveData | Sequence[PrimitiveData]],
    list[tuple[str, PrimitiveData]],
    tuple[tuple[str, PrimitiveData], ...],
    str,
    bytes,
]

HeaderTypes: TypeAlias = Union[
    "Headers",
    Mapping[str, str],
    Mapping[bytes, bytes],
    Sequence[tuple[str, str]],
    Sequence[tuple[bytes, bytes]],
]

CookieTypes: TypeAlias = Union[
    "Cookies", "CookieJar", dict[str, str], list[tuple[str, str]]
]

TimeoutTypes: TypeAlias = Union[
    float,
    tuple[float | None, float | None, float | None, float | None],
    "Timeout",
    None,
]

ProxyTypes: TypeAlias = Union["URL", str, "Proxy"]

CertTypes: TypeAlias = str | tuple[str, str] | tuple[str, str, str]

AuthTypes: TypeAlias = Union[
    tuple[str | bytes, str | bytes],
    Callable[["Request"], "Request"],
    "Auth",
]

RequestContent: TypeAlias = str | bytes | Iterable[bytes] | AsyncIterable[bytes]
RequestData: TypeAlias = Mapping[str, Any]
RequestExtensions: TypeAlias = Mapping[str, Any]

ResponseContent: TypeAlias = str | bytes | Iterable[bytes] | AsyncIterable[bytes]
ResponseExtensions: TypeAlias = Mapping[str, Any]

FileContent: TypeAlias = IO[bytes] | bytes | str

# Content alone, or (file name, content[, content type[, part headers]]).
FileTypes: TypeAlias = (
    FileContent
    | tuple[str | None, FileContent]
    | tuple[str | None, FileContent, str | None]
    | tuple[str | None, FileContent, str | None, Mapping[str, str]]
)
RequestFiles: TypeAlias = Mapping[str, FileTypes] | Sequence[tuple[str, FileTypes]]
