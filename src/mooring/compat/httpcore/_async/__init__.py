"""The asynchronous half of the shim, by httpcore's module names."""

from mooring.compat.httpcore._async.connection import AsyncHTTPConnection
from mooring.compat.httpcore._async.connection_pool import AsyncConnectionPool
from mooring.compat.httpcore._async.http2 import AsyncHTTP2Connection
from mooring.compat.httpcore._async.http11 import AsyncHTTP11Connection
from mooring.compat.httpcore._async.http_proxy import AsyncHTTPProxy
from mooring.compat.httpcore._async.interfaces import AsyncConnectionInterface
from mooring.compat.httpcore._async.socks_proxy import AsyncSOCKSProxy

__all__ = [
    "AsyncConnectionInterface",
    "AsyncConnectionPool",
    "AsyncHTTP2Connection",
    "AsyncHTTP11Connection",
    "AsyncHTTPConnection",
    "AsyncHTTPProxy",
    "AsyncSOCKSProxy",
]
