"""Transports that let a client of httpx2 run on mooring's pool.

The client, and everything typed against it, stays httpx2's::

    import httpx2
    from mooring.compat.httpx2 import Transport

    client = httpx2.Client(transport=Transport())
"""

from __future__ import annotations

from collections.abc import Callable

import httpx2

from ._async.bridge import AsyncBridge, AsyncBridgeStream
from ._sync.bridge import Bridge, BridgeStream

__all__ = ["AsyncTransport", "Transport"]


class _Stream(BridgeStream, httpx2.SyncByteStream):  # type: ignore[misc]
    _library = httpx2


class _AsyncStream(AsyncBridgeStream, httpx2.AsyncByteStream):  # type: ignore[misc]
    _library = httpx2


class Transport(Bridge, httpx2.BaseTransport):  # type: ignore[misc]
    """For ``httpx2.Client(transport=...)``.

    What the client would tell its own transport, our transport has to be told::

        pool = mooring.HTTPTransport(verify=False, limits=mooring.Limits(10))
        client = httpx2.Client(transport=Transport(pool))

    Exceptions are httpx2's, with our texts; the cause of each is ours.

    Args:
        transport: What requests go through; a new ``mooring.HTTPTransport`` by
            default. Closing the client closes it.
    """

    _library = httpx2
    _stream_class: Callable[..., object] = _Stream


class AsyncTransport(AsyncBridge, httpx2.AsyncBaseTransport):  # type: ignore[misc]
    """For ``httpx2.AsyncClient(transport=...)``, on asyncio and on trio.

    What the client would tell its own transport, our transport has to be told::

        pool = mooring.AsyncHTTPTransport(limits=mooring.Limits(max_connections=10))
        client = httpx2.AsyncClient(transport=AsyncTransport(pool))

    Exceptions are httpx2's, with our texts; the cause of each is ours.

    Args:
        transport: What requests go through; a new ``mooring.AsyncHTTPTransport`` by
            default. Closing the client closes it.
    """

    _library = httpx2
    _stream_class: Callable[..., object] = _AsyncStream
