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
    websocket,
)
from ._body.sse import ServerSentEvent
from ._body.streams import AsyncByteStream, ByteStream, SyncByteStream
from ._client._async.client import AsyncClient
from ._client._sync.client import Client
from ._client.base import USE_CLIENT_DEFAULT
from ._client.sse import EventSource
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
    from ._cli import main
    from ._client._async.websocket_session import AsyncWebSocketSession
    from ._client._sync.websocket_session import WebSocketSession
    from ._client.schemes import DigestAuth, NetRCAuth
    from ._client.websocket_errors import (
        WebSocketDisconnect,
        WebSocketError,
        WebSocketInvalidTypeReceived,
        WebSocketNetworkError,
        WebSocketUpgradeError,
    )
    from ._io.tls import create_ssl_context
    from ._pool.events import (
        ConnectFailed,
        ConnectionClosed,
        ConnectionOpened,
        LeakSuspected,
        LeaseHeldLong,
        LeaseReturned,
        PoolEvent,
        PoolTimedOut,
        RequestAssigned,
        RequestQueued,
        RequestReleased,
        RequestRetried,
    )
    from ._pool.info import ConnectionInfo, DialInfo
    from ._pool.report import Diagnosis
    from ._pool.snapshot import (
        ConnectionSnapshot,
        HolderSnapshot,
        HostSnapshot,
        PoolSnapshot,
        WaiterSnapshot,
    )
    from ._pool.stats import PoolStats
    from ._pool.verdict import Verdict
    from ._transports._async.http import AsyncHTTPTransport
    from ._transports._async.view import AsyncClientPool
    from ._transports._sync.http import HTTPTransport
    from ._transports._sync.view import ClientPool
    from ._transports.asgi import ASGITransport
    from ._transports.wsgi import WSGITransport
    from .compat.alias import alias_httpx, install_as

__all__ = [
    "DEFAULT_LIMITS",
    "URL",
    "USE_CLIENT_DEFAULT",
    "ASGITransport",
    "AsyncBaseTransport",
    "AsyncByteStream",
    "AsyncClient",
    "AsyncClientPool",
    "AsyncHTTPTransport",
    "AsyncWebSocketSession",
    "Auth",
    "BaseTransport",
    "BasicAuth",
    "ByteStream",
    "CertificateError",
    "Client",
    "ClientPool",
    "CloseError",
    "ConnectError",
    "ConnectFailed",
    "ConnectTimeout",
    "ConnectionClosed",
    "ConnectionInfo",
    "ConnectionOpened",
    "ConnectionSnapshot",
    "CookieConflict",
    "Cookies",
    "DNSError",
    "DecodingError",
    "Diagnosis",
    "DialInfo",
    "DigestAuth",
    "EventSource",
    "FunctionAuth",
    "HTTPError",
    "HTTPStatusError",
    "HTTPTransport",
    "HTTPXDeprecationWarning",
    "Headers",
    "HolderSnapshot",
    "HostSnapshot",
    "InvalidURL",
    "LeakSuspected",
    "LeaseHeldLong",
    "LeaseReturned",
    "Limits",
    "LocalProtocolError",
    "MockTransport",
    "NetRCAuth",
    "NetworkError",
    "Origin",
    "PoolEvent",
    "PoolSnapshot",
    "PoolStats",
    "PoolTimedOut",
    "PoolTimeout",
    "ProtocolError",
    "Proxy",
    "ProxyError",
    "QueryParams",
    "ReadError",
    "ReadTimeout",
    "RemoteProtocolError",
    "Request",
    "RequestAssigned",
    "RequestError",
    "RequestNotRead",
    "RequestQueued",
    "RequestReleased",
    "RequestRetried",
    "Response",
    "ResponseNotRead",
    "SSEError",
    "ServerSentEvent",
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
    "Verdict",
    "WSGITransport",
    "WaiterSnapshot",
    "WebSocketDisconnect",
    "WebSocketError",
    "WebSocketInvalidTypeReceived",
    "WebSocketNetworkError",
    "WebSocketSession",
    "WebSocketUpgradeError",
    "WriteError",
    "WriteTimeout",
    "__description__",
    "__title__",
    "__version__",
    "alias_httpx",
    "codes",
    "create_ssl_context",
    "delete",
    "get",
    "head",
    "install_as",
    "main",
    "options",
    "patch",
    "post",
    "put",
    "query",
    "request",
    "stream",
    "websocket",
]

# What these modules import (ssl above all) costs more than the rest of mooring.
_LAZY = {
    "ASGITransport": "._transports.asgi",
    "AsyncClientPool": "._transports._async.view",
    "AsyncHTTPTransport": "._transports._async.http",
    "AsyncWebSocketSession": "._client._async.websocket_session",
    "ClientPool": "._transports._sync.view",
    "ConnectFailed": "._pool.events",
    "ConnectionClosed": "._pool.events",
    "ConnectionInfo": "._pool.info",
    "ConnectionOpened": "._pool.events",
    "ConnectionSnapshot": "._pool.snapshot",
    "Diagnosis": "._pool.report",
    "DialInfo": "._pool.info",
    "DigestAuth": "._client.schemes",
    "HTTPTransport": "._transports._sync.http",
    "HolderSnapshot": "._pool.snapshot",
    "HostSnapshot": "._pool.snapshot",
    "LeakSuspected": "._pool.events",
    "LeaseHeldLong": "._pool.events",
    "LeaseReturned": "._pool.events",
    "NetRCAuth": "._client.schemes",
    "PoolEvent": "._pool.events",
    "PoolSnapshot": "._pool.snapshot",
    "PoolStats": "._pool.stats",
    "PoolTimedOut": "._pool.events",
    "RequestAssigned": "._pool.events",
    "RequestQueued": "._pool.events",
    "RequestReleased": "._pool.events",
    "RequestRetried": "._pool.events",
    "Verdict": "._pool.verdict",
    "WSGITransport": "._transports.wsgi",
    "WaiterSnapshot": "._pool.snapshot",
    "WebSocketDisconnect": "._client.websocket_errors",
    "WebSocketError": "._client.websocket_errors",
    "WebSocketInvalidTypeReceived": "._client.websocket_errors",
    "WebSocketNetworkError": "._client.websocket_errors",
    "WebSocketUpgradeError": "._client.websocket_errors",
    "WebSocketSession": "._client._sync.websocket_session",
    "alias_httpx": ".compat.alias",
    "create_ssl_context": "._io.tls",
    "install_as": ".compat.alias",
    "main": "._cli",
}


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        raise AttributeError(f"module 'mooring' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_LAZY[name], __name__), name)
    if isinstance(value, type):
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
