"""mooring: an HTTP client whose connection pool keeps its promises."""

from __future__ import annotations

__version__ = "0.1.0"
__title__ = "mooring"
__description__ = "An HTTP client whose connection pool keeps its promises."

from types import FunctionType
from typing import TYPE_CHECKING

from ._api import (
    delete,
    get,
    head,
    options,
    patch,
    post,
    put,
    query,
    request,
    stream,
)
from ._body.streams import AsyncByteStream, ByteStream, SyncByteStream
from ._client._async.client import AsyncClient
from ._client._sync.client import Client
from ._client.base import USE_CLIENT_DEFAULT
from ._config import DEFAULT_LIMITS, Limits, Proxy, Timeout
from ._cookies import Cookies
from ._errors import (
    CertificateError,
    CloseError,
    ConnectError,
    ConnectTimeout,
    CookieConflict,
    DecodingError,
    DNSError,
    HTTPError,
    HTTPStatusError,
    HTTPXDeprecationWarning,
    InvalidURL,
    LocalProtocolError,
    NetworkError,
    PoolTimeout,
    ProtocolError,
    ProxyError,
    ReadError,
    ReadTimeout,
    RemoteProtocolError,
    RequestError,
    RequestNotRead,
    ResponseNotRead,
    SSEError,
    StreamClosed,
    StreamConsumed,
    StreamError,
    TimeoutException,
    TLSError,
    TooManyRedirects,
    TransportError,
    UnsupportedProtocol,
    WriteError,
    WriteTimeout,
)
from ._flow.auth import Auth, BasicAuth, FunctionAuth
from ._headers import Headers
from ._messages.request import Request
from ._messages.response import Response
from ._status import codes
from ._transports.base import AsyncBaseTransport, BaseTransport
from ._transports.mock import MockTransport
from ._url import URL, Origin, QueryParams

if TYPE_CHECKING:
    from ._transports._async.http import AsyncHTTPTransport
    from ._transports._sync.http import HTTPTransport

__all__ = [
    "DEFAULT_LIMITS",
    "URL",
    "USE_CLIENT_DEFAULT",
    "AsyncBaseTransport",
    "AsyncByteStream",
    "AsyncClient",
    "AsyncHTTPTransport",
    "Auth",
    "BaseTransport",
    "BasicAuth",
    "ByteStream",
    "CertificateError",
    "Client",
    "CloseError",
    "ConnectError",
    "ConnectTimeout",
    "CookieConflict",
    "Cookies",
    "DNSError",
    "DecodingError",
    "FunctionAuth",
    "HTTPError",
    "HTTPStatusError",
    "HTTPTransport",
    "HTTPXDeprecationWarning",
    "Headers",
    "InvalidURL",
    "Limits",
    "LocalProtocolError",
    "MockTransport",
    "NetworkError",
    "Origin",
    "PoolTimeout",
    "ProtocolError",
    "Proxy",
    "ProxyError",
    "QueryParams",
    "ReadError",
    "ReadTimeout",
    "RemoteProtocolError",
    "Request",
    "RequestError",
    "RequestNotRead",
    "Response",
    "ResponseNotRead",
    "SSEError",
    "StreamClosed",
    "StreamConsumed",
    "StreamError",
    "SyncByteStream",
    "TLSError",
    "Timeout",
    "TimeoutException",
    "TooManyRedirects",
    "TransportError",
    "UnsupportedProtocol",
    "WriteError",
    "WriteTimeout",
    "__description__",
    "__title__",
    "__version__",
    "codes",
    "delete",
    "get",
    "head",
    "options",
    "patch",
    "post",
    "put",
    "query",
    "request",
    "stream",
]

# What these modules import (ssl above all) costs more than the rest of mooring.
_LAZY = {
    "AsyncHTTPTransport": "._transports._async.http",
    "HTTPTransport": "._transports._sync.http",
}


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        raise AttributeError(f"module 'mooring' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_LAZY[name], __name__), name)
    value.__module__ = __name__
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


# The public name is the one to see in tracebacks and to pickle by.
for _value in [globals().get(name) for name in __all__]:
    if isinstance(_value, type | FunctionType):
        _value.__module__ = __name__
del _value
