"""``httpx._types``: aliases for what the public functions accept."""

from ..._body.streams import AsyncByteStream, SyncByteStream
from ..._types import (
    AuthTypes,
    CertTypes,
    CookieTypes,
    FileContent,
    FileTypes,
    HeaderTypes,
    PrimitiveData,
    ProxyTypes,
    QueryParamTypes,
    RequestContent,
    RequestData,
    RequestExtensions,
    RequestFiles,
    ResponseContent,
    ResponseExtensions,
    TimeoutTypes,
    URLTypes,
)

__all__ = [
    "AsyncByteStream",
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
    "SyncByteStream",
    "TimeoutTypes",
    "URLTypes",
]
