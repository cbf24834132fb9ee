"""The private names of httpx that released code imports are there under the alias."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Optional, get_args

import pytest

import mooring.compat.facade
import mooring.compat.httpcore

# By module, what code on the package index was seen to import or to patch.
TOUCHED = {
    "_api": "delete get head options patch post put query request stream",
    "_auth": "Auth BasicAuth DigestAuth FunctionAuth NetRCAuth",
    "_client": (
        "AsyncClient Client ClientState USE_CLIENT_DEFAULT UseClientDefault logger"
    ),
    "_config": (
        "DEFAULT_LIMITS DEFAULT_MAX_REDIRECTS DEFAULT_TIMEOUT_CONFIG Limits Proxy"
        " Timeout create_ssl_context"
    ),
    "_content": (
        "AsyncIteratorByteStream ByteStream IteratorByteStream encode_request"
        " encode_response"
    ),
    "_decoders": (
        "BrotliDecoder ContentDecoder DeflateDecoder GZipDecoder IdentityDecoder"
        " LineDecoder MultiDecoder SUPPORTED_DECODERS TextDecoder ZStandardDecoder"
    ),
    "_exceptions": (
        "CloseError ConnectError ConnectTimeout CookieConflict DecodingError HTTPError"
        " HTTPStatusError InvalidURL LocalProtocolError NetworkError PoolTimeout"
        " ProtocolError ProxyError ReadError ReadTimeout RemoteProtocolError"
        " RequestError RequestNotRead ResponseNotRead StreamClosed StreamConsumed"
        " StreamError TimeoutException TooManyRedirects TransportError"
        " UnsupportedProtocol WriteError WriteTimeout request_context"
    ),
    "_main": "main",
    "_models": "Cookies Headers Request Response",
    "_multipart": "MultipartStream",
    "_sse": "EventSource SSEError ServerSentEvent",
    "_status_codes": "codes",
    "_transports": "AsyncHTTPTransport HTTPTransport MockTransport",
    "_transports.asgi": "ASGITransport",
    "_transports.base": "AsyncBaseTransport BaseTransport",
    "_transports.default": (
        "AsyncHTTPTransport AsyncResponseStream HTTPTransport ResponseStream"
        " map_httpcore_exceptions"
    ),
    "_transports.mock": "MockTransport",
    "_transports.wsgi": "WSGITransport",
    "_types": (
        "AsyncByteStream AuthTypes CertTypes CookieTypes FileTypes HeaderTypes"
        " PrimitiveData ProxyTypes QueryParamTypes RequestContent RequestData"
        " RequestExtensions RequestFiles ResponseContent ResponseExtensions"
        " SyncByteStream TimeoutTypes URLTypes"
    ),
    "_urls": "QueryParams URL",
    "_utils": "URLPattern get_environment_proxies",
    "websockets": (
        "AsyncWebSocketSession HTTPXWSException JSONMode WebSocketDisconnect"
        " WebSocketInvalidTypeReceived WebSocketNetworkError WebSocketSession"
        " WebSocketUpgradeError"
    ),
}
TOUCHED_IN_HTTPCORE = {
    "_async.connection": "AsyncHTTPConnection",
    "_async.connection_pool": "AsyncConnectionPool",
    "_async.http_proxy": "AsyncHTTPProxy",
    "_async.http11": "AsyncHTTP11Connection",
    "_async.http2": "AsyncHTTP2Connection",
    "_async.interfaces": "AsyncConnectionInterface",
    "_async.socks_proxy": "AsyncSOCKSProxy",
    "_backends.base": (
        "AsyncNetworkBackend AsyncNetworkStream NetworkBackend NetworkStream"
        " SOCKET_OPTION"
    ),
    "_backends.mock": "AsyncMockBackend AsyncMockStream MockBackend MockStream",
    "_exceptions": "ConnectError ConnectionNotAvailable ReadError WriteError",
    "_models": "ByteStream Origin Proxy Request Response URL",
    "_ssl": "default_ssl_context",
    "_sync.connection": "HTTPConnection",
    "_sync.connection_pool": "ConnectionPool",
    "_sync.http_proxy": "HTTPProxy",
    "_sync.interfaces": "ConnectionInterface",
    "_sync.socks_proxy": "SOCKSProxy",
}
NAMES = [
    *(
        (f"mooring.compat.facade.{module}", name)
        for module, names in TOUCHED.items()
        for name in names.split()
    ),
    *(
        (f"mooring.compat.httpcore.{module}", name)
        for module, names in TOUCHED_IN_HTTPCORE.items()
        for name in names.split()
    ),
]


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_the_name_is_there(module: str, name: str) -> None:
    """Released code finds what it imports."""
    assert name in importlib.import_module(module).__all__
    assert hasattr(importlib.import_module(module), name)


def test_no_facade_is_untested() -> None:
    """Each module of the facade is one that somebody was seen to import."""
    package = mooring.compat.facade
    found = pkgutil.walk_packages(package.__path__, f"{package.__name__}.")

    assert set(TOUCHED) == {
        module.name.removeprefix(f"{package.__name__}.") for module in found
    }


def test_public_names_are_the_public_objects() -> None:
    """A class taken from a facade is the class that mooring itself shows."""
    strangers = [
        (module, name)
        for module, name in NAMES
        if module.startswith("mooring.compat.facade")
        and name in mooring.__all__
        and getattr(importlib.import_module(module), name) is not getattr(mooring, name)
    ]

    assert [] == strangers


def test_type_aliases_work_at_run_time() -> None:
    """Applications put them into unions that are evaluated."""
    types = importlib.import_module("mooring.compat.facade._types")
    aliases = [name for name in types.__all__ if name.endswith("Types")]

    assert [] == [
        name
        for name in aliases
        if type(None) not in get_args(Optional[getattr(types, name)])  # noqa: UP045
    ]


def test_every_httpcore_name_is_there() -> None:
    """What ``httpcore.__all__`` promises can be had."""
    package = mooring.compat.httpcore

    assert [] == [name for name in package.__all__ if not hasattr(package, name)]
