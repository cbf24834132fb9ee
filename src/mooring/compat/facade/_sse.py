"""``httpx2._sse``: server-sent events."""

from ..._body.sse import ServerSentEvent
from ..._client.sse import EventSource
from ..._errors import SSEError

__all__ = ["EventSource", "SSEError", "ServerSentEvent"]
