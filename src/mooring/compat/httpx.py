"""Transports that let a client of httpx run on mooring's pool.

The client, and everything typed against it, stays httpx's::

    import httpx
    from mooring.compat.httpx import Transport

    client = httpx.Client(transport=Transport())
"""

from __future__ import annotations

from collections.abc import Callable

import httpx

from ._async.bridge import AsyncBridge, AsyncBridgeStream
from ._sync.bridge import Bridge, BridgeStream

__all__ = ["AsyncTransport", "Transport"]


class _Stream(BridgeStream, httpx.SyncByteStream):  # type: ignore[misc]
    _library = httpx


class _AsyncStream(AsyncBridgeStream, httpx.AsyncByteStream):  # type: ignore[misc]
    _library = httpx


class Transport(Bridge, httpx.BaseTransport):  # type: ignore[misc]
    """For ``httpx.Client(transport=...)``.

    What the client would tell its own transport, our transport has to be told::

        pool = mooring.HTTPTransport(verify=False, limits=mooring.Limits(10))
        client = httpx.Client(transport=Transport(pool))

    Exceptions are httpx's, with our texts; the cause of each is ours.

    Args:
        transport: What requests go through; a new ``mooring.HTTPTransport`` by
            default. Closing the client closes it.
    """

    _library = httpx
    _stream_class: Callable[..., object] = _Stream


class AsyncTransport(AsyncBridge, httpx.AsyncBaseTransport):  # type: ignore[misc]
    """For ``httpx.AsyncClient(transport=...)``, on asyncio and on trio.

    What the client would tell its own transport, our transport has to be told::

        pool = mooring.AsyncHTTPTransport(limits=mooring.Limits(max_connections=10))
        client = httpx.AsyncClient(transport=AsyncTransport(pool))

    Exceptions are httpx's, with our texts; the cause of each is ours.

    Args:
        transport: What requests go through; a new ``mooring.AsyncHTTPTransport`` by
            default. Closing the client closes it.
    """

    _library = httpx
    _stream_class: Callable[..., object] = _AsyncStream
