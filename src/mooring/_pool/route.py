"""The key under which connections are interchangeable.

A plain tuple, because it is hashed on every request: scheme, host in ASCII and
port, as the URL has them ready; a server name for TLS follows where the request
set one of its own.
"""

from __future__ import annotations

from typing import TypeAlias

Route: TypeAlias = tuple[str, str, int] | tuple[str, str, int, str]


def label(route: Route) -> str:
    """Return ``host:port`` as error texts show it.

    >>> label(("http", "::1", 8000))
    '[::1]:8000'
    """
    host, port = route[1], route[2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def server_name(route: Route) -> str:
    """Return the name that TLS asks for and checks."""
    return route[3] if len(route) == 4 else route[1]
