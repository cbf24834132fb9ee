"""``httpx._transports.base``: what a client needs of a transport."""

from ...._transports.base import AsyncBaseTransport, BaseTransport

__all__ = ["AsyncBaseTransport", "BaseTransport"]
