"""``httpx2.websockets``: sessions and errors."""

from ..._client._async.websocket_session import AsyncWebSocketSession, JSONMode
from ..._client._sync.websocket_session import WebSocketSession
from ..._client.websocket_errors import (
    WebSocketDisconnect,
    WebSocketInvalidTypeReceived,
    WebSocketNetworkError,
    WebSocketUpgradeError,
)
from ..._client.websocket_errors import WebSocketError as HTTPXWSException

__all__ = [
    "AsyncWebSocketSession",
    "HTTPXWSException",
    "JSONMode",
    "WebSocketDisconnect",
    "WebSocketInvalidTypeReceived",
    "WebSocketNetworkError",
    "WebSocketSession",
    "WebSocketUpgradeError",
]
