"""The opening handshake of a WebSocket (RFC 6455 section 4.1), the client's half."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence

__all__ = ["handshake_fields", "handshake_problem"]

_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
# What a server may say in an error text of ours.
_MAX_SHOWN_CHARS = 100


def handshake_fields(
    nonce: bytes, subprotocols: Sequence[str] | None
) -> dict[str, str]:
    """Return the header fields that ask for a WebSocket; *nonce* has 16 bytes."""
    fields = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Key": base64.b64encode(nonce).decode(),
        "Sec-WebSocket-Version": "13",
    }
    if subprotocols is not None:
        fields["Sec-WebSocket-Protocol"] = ", ".join(subprotocols)
    return fields


def handshake_problem(
    status: int, answer: Mapping[str, str], asked: Mapping[str, str]
) -> str | None:
    """Say why a response is not the handshake that was asked for; both as headers."""
    if status != 101:
        return f"answered with status {status}, not 101"
    accept = answer.get("sec-websocket-accept", "").strip()
    if accept != _accept(asked["sec-websocket-key"]):
        said = _shown(accept) if accept else "no"
        return f"answered with {said} Sec-WebSocket-Accept, not the one for our key"
    protocol = answer.get("sec-websocket-protocol")
    offered = [p.strip() for p in asked.get("sec-websocket-protocol", "").split(",")]
    if protocol is not None and protocol not in offered:
        return f"chose the subprotocol {_shown(protocol)}, which was not offered"
    extensions = answer.get("sec-websocket-extensions")
    if extensions and "sec-websocket-extensions" not in asked:
        return f"chose the extension {_shown(extensions)}, which was not offered"
    return None


def _accept(key: str) -> str:
    digest = hashlib.sha1((key + _GUID).encode(), usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


def _shown(text: str) -> str:
    return repr(text[:_MAX_SHOWN_CHARS])
