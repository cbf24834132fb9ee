"""The backends for tests, by httpcore's module name."""

from .._async.backends import AsyncMockBackend, AsyncMockStream
from .._sync.backends import MockBackend, MockStream

__all__ = ["AsyncMockBackend", "AsyncMockStream", "MockBackend", "MockStream"]
