"""``httpx._transports.wsgi``: a WSGI app instead of the network."""

from ...._transports.wsgi import WSGITransport

__all__ = ["WSGITransport"]
