"""``httpx._transports.asgi``: an ASGI app instead of the network."""

from ...._transports.asgi import ASGIResponseStream, ASGITransport

__all__ = ["ASGIResponseStream", "ASGITransport"]
