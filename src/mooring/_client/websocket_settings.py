"""httpx2's defaults for WebSockets, and what is said when wsproto is not there."""

from __future__ import annotations

DEFAULT_MAX_MESSAGE_SIZE_BYTES = 65_536
DEFAULT_QUEUE_SIZE = 512
DEFAULT_KEEPALIVE_PING_INTERVAL_SECONDS = 20.0
DEFAULT_KEEPALIVE_PING_TIMEOUT_SECONDS = 20.0


def require_wsproto() -> None:
    """Check, before anything is sent, that WebSockets can be spoken.

    Raises:
        ImportError: The extra is not installed.
    """
    try:
        import wsproto  # noqa: F401
    except ImportError as error:
        raise ImportError(
            "WebSockets need the package wsproto: pip install 'mooring[ws]'",
            name=error.name,
        ) from error
