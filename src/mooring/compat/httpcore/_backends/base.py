"""The base classes, by httpcore's module name."""

from .._async.backends import AsyncNetworkBackend, AsyncNetworkStream
from .._sync.backends import NetworkBackend, NetworkStream
from .._types import SOCKET_OPTION

__all__ = [
    "SOCKET_OPTION",
    "AsyncNetworkBackend",
    "AsyncNetworkStream",
    "NetworkBackend",
    "NetworkStream",
]
