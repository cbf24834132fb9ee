"""``httpx._transports.mock``: a function instead of the network."""

from ...._transports.mock import MockTransport

__all__ = ["MockTransport"]
