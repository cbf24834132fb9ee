"""``default_ssl_context``."""

from __future__ import annotations

import ssl

from ..._io.tls import create_ssl_context

__all__ = ["default_ssl_context"]


def default_ssl_context() -> ssl.SSLContext:
    """Return a new context that trusts what the platform trusts."""
    return create_ssl_context()
