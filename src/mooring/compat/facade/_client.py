"""``httpx._client``: the clients, and what stands for an argument left out."""

from ..._client._async.client import AsyncClient
from ..._client._sync.client import Client
from ..._client.base import (
    ACCEPT_ENCODING,
    USE_CLIENT_DEFAULT,
    USER_AGENT,
    BaseClient,
    ClientState,
    EventHook,
    UseClientDefault,
)
from ..._client.log import logger

__all__ = [
    "ACCEPT_ENCODING",
    "USER_AGENT",
    "USE_CLIENT_DEFAULT",
    "AsyncClient",
    "BaseClient",
    "Client",
    "ClientState",
    "EventHook",
    "UseClientDefault",
    "logger",
]
