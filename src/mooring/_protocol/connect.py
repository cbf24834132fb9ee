"""Tunnels through HTTP proxies by ``CONNECT`` (RFC 9110 section 9.3.6).

1. Nothing but the request for the tunnel is sent before the proxy has granted it.
2. The body of a refusal is the proxy's, never the target's: nobody reads it.
3. Credentials go into this one request, and never into a text.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence

from mooring._errors import LocalProtocolError, ProxyError, RemoteProtocolError
from mooring._status import codes

from .connect_target import tunnel_target
from .http1 import HTTP1Connection
from .http1_grammar import escaped
from .http1_limits import DEFAULT_HTTP1_LIMITS, HTTP1Limits
from .http1_write import encode_head

__all__ = ["ConnectTunnel", "proxy_authorization"]

_PROXY_AUTHENTICATION_REQUIRED = 407
_OPENS_LIKE_TLS = b"\x15"  # an alert: what a TLS server says to plain text
_OPENING_BYTES = 4096  # more of a strange answer is not looked through for secrets
_TELLTALE_BYTES = 4
_QUOTED = re.compile(r"['\"].*['\"]", re.DOTALL)
_scheme_of = re.compile(rb"[A-Za-z][A-Za-z0-9-]{0,30}").match


class ConnectTunnel:
    r"""One request for a tunnel; see ``Tunnel`` for how to use it.

    *proxy* is a label for texts. *auth* is a user name and a password, in UTF-8.
    *headers* are fields meant for the proxy; a ``Proxy-Authorization`` among them
    stands in place of *auth*.

    Raises ``LocalProtocolError`` for what is not fit to be sent.

    >>> tunnel = ConnectTunnel("proxy:3128", "example.org", 443)
    >>> tunnel.start()
    b'CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n'
    >>> tunnel.receive(b"HTTP/1.1 200 Connection established\r\n\r\n")
    b''
    >>> tunnel.established, tunnel.trailing
    (True, b'')
    """

    __slots__ = (
        "_authenticates",
        "_connection",
        "_fault",
        "_head",
        "_notes",
        "_opening",
        "_proxy",
        "_secrets",
        "_target",
        "established",
    )

    def __init__(
        self,
        proxy: str,
        host: str,
        port: int,
        *,
        auth: tuple[bytes, bytes] | None = None,
        headers: Sequence[tuple[bytes, bytes]] = (),
        limits: HTTP1Limits = DEFAULT_HTTP1_LIMITS,
    ) -> None:
        self._proxy = proxy
        self._target = tunnel_target(host, port)
        fields = [(b"Host", str(self._target).encode("ascii")), *headers]
        given = [v for k, v in headers if k.lower() == b"proxy-authorization"]
        if auth is not None and not given:
            fields.append((b"Proxy-Authorization", proxy_authorization(*auth)))
        self._authenticates = bool(auth is not None or given)
        self._secrets = _secrets(auth, given)
        self._head = encode_head("CONNECT", fields[0][1], fields)
        if self._head[2].body_bytes != 0:
            raise LocalProtocolError("the request for a tunnel has no body to announce")
        self._connection = HTTP1Connection(proxy, limits)
        self._opening = b""
        self._fault = ""
        self._notes: tuple[str, ...] = ()
        self.established = False
        """From here on the bytes are the target's."""

    @property
    def doing(self) -> str:
        """What is being waited for, as a text on a timeout says it."""
        return f"asking the proxy {self._proxy} for a tunnel"

    @property
    def trailing(self) -> bytes:
        """Bytes received that are the target's already."""
        return self._connection.trailing if self.established else b""

    @property
    def status(self) -> int:
        """The status of the proxy's answer; 0 as long as there is none."""
        return self._connection.status

    def start(self) -> bytes:
        """Return the request to send."""
        return self._connection.begin(self._head)

    def receive(self, data: bytes) -> bytes:
        """Take in *data* from the proxy. There is nothing more to send: ``b""``.

        Raises ``ProxyError``: the tunnel was refused, or the answer is none.
        """
        if self._fault:
            raise self._failure()
        connection = self._connection
        self._opening = (self._opening + data[:_OPENING_BYTES])[:_OPENING_BYTES]
        try:
            connection.receive(data)
        except RemoteProtocolError as error:
            raise self._broken(error) from error
        if connection.desync:
            raise self._die("it spoke before it was asked")
        if connection.head_complete and not self.established:
            if not (connection.upgraded and 200 <= connection.status < 300):
                raise self._refused()
            self.established = True
        return b""

    def receive_eof(self) -> None:
        """Take note that the proxy has closed.

        Raises ``ProxyError`` unless the tunnel stood.
        """
        if self._fault:
            raise self._failure()
        try:
            self._connection.receive_eof()
        except RemoteProtocolError as error:
            raise self._broken(error) from error
        if not self.established:
            raise self._die("it closed the connection before it was asked")

    def check_silence(self) -> None:
        """Make sure that nothing trails, where the target must not speak first.

        Neither TLS nor HTTP/1.1 lets it. Raises ``ProxyError``.
        """
        count = len(self.trailing)
        if count:
            noun = "byte" if count == 1 else "bytes"
            raise self._die(f"it sent {count} {noun} that nobody asked for")

    def lost(self, why: str) -> ProxyError:
        """Return the error for a connection that broke, for the reason given."""
        return self._die(why)

    def _refused(self) -> ProxyError:
        answer = self._answer()
        if self.status != _PROXY_AUTHENTICATION_REQUIRED:
            return self._die(f"it answered {answer}")
        schemes = self._schemes()
        offer = f"it offers {', '.join(schemes)}" if schemes else "it names no scheme"
        if schemes and "basic" not in [scheme.lower() for scheme in schemes]:
            offer += "; only Basic is spoken here"
        if self._authenticates:
            return self._die(f"it refused the credentials ({answer})", offer)
        return self._die(
            f"it asks for a user name and password ({answer})",
            offer,
            "credentials go into the proxy's URL: http://user:password@host",
        )

    def _answer(self) -> str:
        """Return status and reason of the answer, as a text may show them."""
        reason = self._connection.reason
        if not reason or self._is_telling(reason):
            return f"{self.status} {codes.get_reason_phrase(self.status)}".rstrip()
        return f"{self.status} {escaped(reason)[1:-1]}"

    def _schemes(self) -> list[str]:
        """Return the schemes of authentication the proxy offers, without the rest."""
        values = [
            value
            for name, value in self._connection.headers
            if name.lower() == b"proxy-authenticate"
        ]
        matches = [_scheme_of(value) for value in values]
        return list(dict.fromkeys(m[0].decode() for m in matches if m is not None))

    def _broken(self, error: RemoteProtocolError) -> ProxyError:
        if self._opening.startswith(_OPENS_LIKE_TLS):
            return self._die(
                "it answered in TLS to plain HTTP",
                "use https:// for a proxy that speaks TLS on that port",
            )
        text = str(error)
        if self._is_telling(self._opening):
            text = _QUOTED.sub("[redacted]", text)
        return self._die(text)

    def _is_telling(self, answer: bytes) -> bool:
        """Say whether to quote *answer* might be to show our credentials.

        Some proxies quote what they refuse, and what arrives may be cut anywhere.
        """
        return bool(self._secrets) and (
            len(answer) >= _OPENING_BYTES
            or any(secret[:_TELLTALE_BYTES] in answer for secret in self._secrets)
        )

    def _die(self, why: str, *notes: str) -> ProxyError:
        self._fault = why
        self._notes = notes
        self.established = False
        return self._failure()

    def _failure(self) -> ProxyError:
        where = f"no tunnel to {self._target} through the proxy {self._proxy}"
        failure = ProxyError(f"{where}: {self._fault}")
        for note in self._notes:
            failure.add_note(note)
        return failure


def proxy_authorization(user: bytes, password: bytes) -> bytes:
    """Return the value of ``Proxy-Authorization`` for Basic (RFC 7617).

    Raises ``LocalProtocolError`` for a user name that Basic cannot carry.

    >>> proxy_authorization(b"Aladdin", b"open sesame")
    b'Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=='
    """
    if b":" in user:
        raise LocalProtocolError(
            "a user name with a colon in it cannot be sent with Basic authentication"
        )
    return b"Basic " + b64encode(user + b":" + password)


def _secrets(
    auth: tuple[bytes, bytes] | None, given: Sequence[bytes]
) -> tuple[bytes, ...]:
    """Collect what no text may show: passwords, and credentials as they are sent."""
    found = [value.rpartition(b" ")[2] for value in given]
    if auth is not None:
        found += [auth[1], proxy_authorization(*auth).rpartition(b" ")[2]]
    return tuple(secret for secret in found if secret)
