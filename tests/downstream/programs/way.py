"""Which way in the program takes: none (``real``), the ``alias`` or the ``bridge``.

The programs beside this one import no mooring: they are what users have. Under the
alias they are started by ``python -m mooring.run``.
"""

from __future__ import annotations

import importlib
import os
import socket
import sys
from typing import Any

WAY = os.environ["WAY"]
URL = os.environ["SERVER_URL"]

_transports: list[Any] = []


def client(name: str = "httpx2", **settings: Any) -> Any:
    """Return a client of *name*; on the way of the bridge it runs on our pool."""
    library = importlib.import_module(name)
    return library.Client(**settings, **transport("Transport", name))


def async_client(name: str = "httpx2", **settings: Any) -> Any:
    """Return an asynchronous client of *name*, likewise."""
    library = importlib.import_module(name)
    return library.AsyncClient(**settings, **transport("AsyncTransport", name))


def transport(kind: str, name: str = "httpx2") -> dict[str, Any]:
    """Return the keyword that makes a client run on our pool, if that is the way."""
    if WAY != "bridge":
        return {}
    made = getattr(importlib.import_module(f"mooring.compat.{name}"), kind)()
    _transports.append(made)
    return {"transport": made}


def nobody() -> str:
    """Return the URL of a port at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


def done(*names: str) -> None:
    """Prove that the program took the way it was sent."""
    for name in names or ("httpx2",):
        home = sys.modules[name].Client.__module__
        assert home == ("mooring" if WAY == "alias" else name), home
    if WAY == "real":
        assert "mooring" not in sys.modules
    if WAY == "bridge":
        assert _transports
        for made in _transports:
            assert made._transport.stats() is not None, "nothing went over our pool"
    sys.stdout.write(f"done {WAY}\n")
