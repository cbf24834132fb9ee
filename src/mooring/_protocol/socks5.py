"""The client side of SOCKS5 (RFC 1928, RFC 1929), without the connection.

1. Credentials are sent to a proxy that asks for them, and never shown.
2. The host is sent as it was given: a name is resolved by the proxy, not here.
3. Whatever the proxy says beyond or besides its answer ends the conversation.
4. The same bytes come to the same end however they are cut into pieces.
"""

from __future__ import annotations

from enum import Enum
from ipaddress import IPv4Address

from mooring._errors import LocalProtocolError, ProxyError

from .connect_target import TunnelTarget, tunnel_target
from .http1_grammar import escaped

__all__ = ["SOCKS5Tunnel"]

_VERSION = 5
_AUTH_VERSION = 1  # of RFC 1929, which has a version of its own
_CONNECT = 1
_NO_AUTHENTICATION = 0
_USER_AND_PASSWORD = 2
_NOTHING_SUITS = 0xFF
_IPV4, _NAME, _IPV6 = 1, 3, 4
_ADDRESS_BYTES = {_IPV4: 4, _IPV6: 16}
_MOST = 0xFF  # what a length of one byte can tell

# RFC 1928 section 6.
_REPLIES = {
    1: "it failed in general",
    2: "its rules do not allow it",
    3: "network unreachable",
    4: "host unreachable",
    5: "connection refused",
    6: "time to live expired",
    7: "it does not know the command CONNECT",
    8: "it does not take this kind of address",
}


class _Phase(Enum):
    """The value is what the proxy is busy with, for texts."""

    NEW = "nothing yet"
    GREETING = "the greeting"
    AUTHENTICATION = "the authentication"
    REQUEST = "the request"
    OPEN = "the tunnel"
    DEAD = "nothing any more"


class SOCKS5Tunnel:
    r"""One conversation with a SOCKS5 proxy; see ``Tunnel`` for how to use it.

    *proxy* is a label for texts. *auth* is a user name and a password.

    Raises ``LocalProtocolError`` for what the protocol cannot express.

    >>> tunnel = SOCKS5Tunnel("proxy:1080", "example.org", 80)
    >>> tunnel.start()
    b'\x05\x01\x00'
    >>> tunnel.receive(b"\x05\x00")
    b'\x05\x01\x00\x03\x0bexample.org\x00P'
    >>> tunnel.receive(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
    b''
    >>> tunnel.established
    True
    """

    __slots__ = (
        "_auth",
        "_buffer",
        "_fault",
        "_phase",
        "_proxy",
        "_request",
        "_target",
    )

    def __init__(
        self,
        proxy: str,
        host: str,
        port: int,
        *,
        auth: tuple[bytes, bytes] | None = None,
    ) -> None:
        self._proxy = proxy
        self._target = tunnel_target(host, port)
        self._request = _request(self._target)
        self._auth = None if auth is None else _authentication(*auth)
        self._phase = _Phase.NEW
        self._buffer = b""
        self._fault = ""

    @property
    def doing(self) -> str:
        """What is being waited for, as a text on a timeout says it."""
        return f"in {self._phase.value} with the SOCKS5 proxy {self._proxy}"

    @property
    def established(self) -> bool:
        """From here on the bytes are the target's."""
        return self._phase is _Phase.OPEN

    @property
    def trailing(self) -> bytes:
        """Bytes received that are the target's already."""
        return self._buffer if self.established else b""

    def start(self) -> bytes:
        """Return the first bytes to send."""
        self._phase = _Phase.GREETING
        # The one we prefer first, though the choice is the proxy's: many take a
        # user name for more than a right of entry (which exit, which circuit).
        methods = [_USER_AND_PASSWORD, _NO_AUTHENTICATION]
        if self._auth is None:
            methods = [_NO_AUTHENTICATION]
        return bytes([_VERSION, len(methods), *methods])

    def receive(self, data: bytes) -> bytes:
        """Take in *data* from the proxy; return what to send now, maybe nothing.

        Raises ``ProxyError``.
        """
        if self._phase is _Phase.DEAD:
            raise self._failure()
        self._buffer += data
        match self._phase:
            case _Phase.GREETING:
                return self._read_choice()
            case _Phase.AUTHENTICATION:
                return self._read_verdict()
            case _Phase.REQUEST:
                self._read_reply()
            case _Phase.NEW if data:
                raise self._unasked(len(data))
        return b""

    def receive_eof(self) -> None:
        """Take note that the proxy has closed.

        Raises ``ProxyError`` unless the tunnel stood.
        """
        if self._phase is _Phase.DEAD:
            raise self._failure()
        if self._phase is not _Phase.OPEN:
            raise self._die(f"it closed the connection during {self._phase.value}")

    def check_silence(self) -> None:
        """Make sure that nothing trails, where the target must not speak first.

        Neither TLS nor HTTP/1.1 lets it. Raises ``ProxyError``.
        """
        if self.trailing:
            raise self._unasked(len(self.trailing))

    def lost(self, why: str) -> ProxyError:
        """Return the error for a connection that broke, for the reason given."""
        return self._die(f"{why} during {self._phase.value}")

    def _read_choice(self) -> bytes:
        answer = self._buffer
        if answer and answer[0] != _VERSION:
            raise self._die(
                f"it answered {escaped(answer)}, which is not SOCKS5",
                "use http:// for a proxy that speaks HTTP"
                if b"HTTP/1.1"[: len(answer)] == answer[:8]
                else None,
            )
        if len(answer) < 2:
            return b""
        method = answer[1]
        if method == _NO_AUTHENTICATION:
            return self._next(_Phase.REQUEST, 2, self._request)
        if method == _USER_AND_PASSWORD and self._auth is not None:
            return self._next(_Phase.AUTHENTICATION, 2, self._auth)
        if method != _NOTHING_SUITS:
            raise self._die(f"it chose method {method}, which was not offered")
        if self._auth is None:
            raise self._die(
                "it does not let us in without authentication",
                "credentials go into the proxy's URL: socks5://user:password@host",
            )
        raise self._die("it takes neither a user name and password nor none")

    def _read_verdict(self) -> bytes:
        answer = self._buffer
        if answer and answer[0] != _AUTH_VERSION:
            raise self._die(f"it answered in version {answer[0]} of authentication")
        if len(answer) < 2:
            return b""
        if answer[1] != 0:
            raise self._die(
                f"it refused the user name and password (status {answer[1]})"
            )
        return self._next(_Phase.REQUEST, 2, self._request)

    def _read_reply(self) -> None:
        answer = self._buffer
        if answer and answer[0] != _VERSION:
            raise self._die(f"it replied in version {answer[0]}")
        # A refusal need not come with an address: the proxy closes after it.
        if len(answer) >= 2 and answer[1] != 0:
            why = _REPLIES.get(
                answer[1], "for a reason that the protocol has no name for"
            )
            raise self._die(f"{why} (reply {answer[1]})")
        if len(answer) < 4:
            return
        size = self._reply_bytes(answer)
        if size is not None and len(answer) >= size:
            self._phase = _Phase.OPEN
            self._buffer = answer[size:]

    def _reply_bytes(self, answer: bytes) -> int | None:
        """Return how long a reply is; ``None`` while that cannot be known."""
        kind = answer[3]
        if kind in _ADDRESS_BYTES:
            return 4 + _ADDRESS_BYTES[kind] + 2
        if kind != _NAME:
            raise self._die(f"it replied with an address of the unknown kind {kind}")
        return 4 + 1 + answer[4] + 2 if len(answer) > 4 else None

    def _next(self, phase: _Phase, size: int, message: bytes) -> bytes:
        """Go over to *phase*, which begins with *message*."""
        surplus = len(self._buffer) - size
        if surplus:
            # What would stand there as the answer to a question not asked yet.
            raise self._unasked(surplus)
        self._buffer = b""
        self._phase = phase
        return message

    def _unasked(self, count: int) -> ProxyError:
        noun = "byte" if count == 1 else "bytes"
        return self._die(f"it sent {count} {noun} that nobody asked for")

    def _die(self, why: str, note: str | None = None) -> ProxyError:
        self._fault = why
        self._phase = _Phase.DEAD
        self._buffer = b""
        failure = self._failure()
        if note is not None:
            failure.add_note(note)
        return failure

    def _failure(self) -> ProxyError:
        return ProxyError(
            f"no way to {self._target} through the SOCKS5 proxy {self._proxy}:"
            f" {self._fault}"
        )


def _request(target: TunnelTarget) -> bytes:
    head = bytes([_VERSION, _CONNECT, 0])
    port = target.port.to_bytes(2, "big")
    address = target.address
    if address is not None:
        kind = _IPV4 if isinstance(address, IPv4Address) else _IPV6
        return head + bytes([kind]) + address.packed + port
    name = target.name.encode("ascii")
    if len(name) > _MOST:
        # CVE-2023-38545: neither cut short, nor resolved here behind one's back.
        raise LocalProtocolError(
            f"a host name of {len(name)} bytes is too long for SOCKS5 (limit {_MOST})"
        )
    return head + bytes([_NAME, len(name)]) + name + port


def _authentication(user: bytes, password: bytes) -> bytes:
    # RFC 1929 wants at least one byte of each; many services take a token for the
    # user name and no password, and no proxy minds.
    for what, value in (("user name", user), ("password", password)):
        if len(value) > _MOST:
            raise LocalProtocolError(
                f"a {what} of {len(value)} bytes is too long for SOCKS5 (limit {_MOST})"
            )
    return b"".join(
        [bytes([_AUTH_VERSION, len(user)]), user, bytes([len(password)]), password]
    )
