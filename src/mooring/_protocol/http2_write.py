"""Request heads for HTTP/2: the last check before they leave (RFC 9113 section 8).

As for HTTP/1.1 whatever is wrong is refused, not mended, with one exception: fields
that only tell HTTP/1.1 how to frame the message or keep the connection (``Connection``
of keep-alive or close, ``Transfer-Encoding: chunked``) are left out, as HTTP/2 says
the same in another way.
"""

from __future__ import annotations

from mooring._errors import LocalProtocolError
from mooring._headers import Field, Headers

from .http1_grammar import (
    SPACE_OR_TAB,
    TARGET_BYTES,
    VALUE_BYTES,
    connection_says,
    escaped,
    is_token,
    length_from,
    tokens_of,
)

_HARMLESS_OPTIONS = frozenset((b"keep-alive", b"close"))
_FORBIDDEN = frozenset((b"upgrade", b"proxy-connection", b"keep-alive"))
_MEANINGFUL = _FORBIDDEN | {
    b"host",
    b"connection",
    b"te",
    b"content-length",
    b"transfer-encoding",
}
_SECRET = frozenset((b"authorization", b"proxy-authorization", b"cookie"))

_CACHED_NAMES = 1024
_CACHED_NAME_BYTES = 64

# RFC 9113 section 6.5.2: what an entry costs besides its name and value.
FIELD_OVERHEAD = 32


class RequestFields:
    """Checked fields of a request, authority first.

    A client that sends the same fields again gets the same object again.
    """

    __slots__ = ("body_bytes", "fields", "size")

    def __init__(
        self, fields: tuple[tuple[bytes, bytes, bool], ...], body_bytes: int | None
    ) -> None:
        self.fields = fields
        """Name, value, and whether it is a secret that no table may hold."""
        self.body_bytes = body_bytes
        """Bytes of body that must follow; None if that is open."""
        self.size = sum(
            len(name) + len(value) + FIELD_OVERHEAD for name, value, _ in fields
        )


HTTP2Head = tuple[bytes, bytes, bytes, RequestFields]
"""A checked request head: method, scheme, path, and the rest."""

_Triples = tuple[Field, ...]


class HTTP2HeadEncoder:
    """Checks request heads, and remembers the last block of fields.

    One block is remembered, so no secret outlives its client here.
    """

    __slots__ = ("_last",)

    def __init__(self) -> None:
        # One attribute for both, so that threads always see a pair that belongs
        # together.
        self._last: tuple[_Triples | None, RequestFields] = None, RequestFields((), 0)

    def encode(
        self, method: str, scheme: bytes, target: bytes, headers: Headers
    ) -> HTTP2Head:
        """Check the head of a request.

        Raises ``LocalProtocolError`` for anything that is not fit to be sent.
        """
        triples = headers._list
        last_triples, fields = self._last
        if triples is not last_triples and triples != last_triples:
            fields = check_fields(triples)
            self._last = triples, fields
        known = _methods.get(method)
        if known is None:
            known = _checked_method(method)
        if not target or target.translate(None, TARGET_BYTES):
            raise LocalProtocolError(f"illegal request target {escaped(target)}")
        return known, scheme, target, fields


def encode_http2_head(
    method: str | bytes,
    scheme: bytes,
    target: bytes,
    headers: list[tuple[bytes, bytes]],
) -> HTTP2Head:
    """Check a request head, or raise ``LocalProtocolError``."""
    text = method if isinstance(method, str) else method.decode("latin-1")
    return HTTP2HeadEncoder().encode(text, scheme, target, Headers(headers))


_methods = {
    method: method.encode()
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
}


def _checked_method(method: str) -> bytes:
    data = method.encode("ascii", "backslashreplace")
    if is_token(data) is None:
        raise LocalProtocolError(f"illegal method {escaped(data)}")
    if data == b"CONNECT":
        raise LocalProtocolError("CONNECT is not sent over HTTP/2")
    return data


_checked_names: set[bytes] = set()
"""Lower-case names known to be tokens: a bounded cache of pure answers."""


def _check_name(name: bytes) -> None:
    if is_token(name) is None:
        raise LocalProtocolError(f"illegal header name {escaped(name)}")
    if len(_checked_names) < _CACHED_NAMES and len(name) <= _CACHED_NAME_BYTES:
        _checked_names.add(name)


def check_fields(triples: _Triples) -> RequestFields:
    """Check the fields of a request, or raise ``LocalProtocolError``."""
    fields: list[tuple[bytes, bytes, bool]] = []
    meaningful: list[tuple[bytes, bytes]] = []
    for spelled, name, value in triples:
        if name not in _checked_names:
            _check_name(name)
        _check_value(spelled, value)
        if name in _MEANINGFUL:
            meaningful.append((name, value))
            if name != b"te" and name != b"content-length":
                continue
        fields.append((name, value, name in _SECRET))
    authority, body_bytes = _meaning_of(meaningful)
    return RequestFields(((b":authority", authority, False), *fields), body_bytes)


def _check_value(spelled: bytes, value: bytes) -> None:
    # Names the field and the byte, not the value, which may be a secret.
    rest = value.translate(None, VALUE_BYTES)
    if rest:
        raise LocalProtocolError(
            f"illegal byte {escaped(rest[:1])} in the value of header"
            f" {escaped(spelled)}"
        )
    if value and (value[0] in SPACE_OR_TAB or value[-1] in SPACE_OR_TAB):
        raise LocalProtocolError(
            f"the value of header {escaped(spelled)} begins or ends with white space"
        )


def _meaning_of(meaningful: list[tuple[bytes, bytes]]) -> tuple[bytes, int | None]:
    """Return the authority and the length of the body."""
    hosts: list[bytes] = []
    length: int | None = None
    is_chunked = False
    for name, value in meaningful:
        if name == b"host":
            hosts.append(value)
        elif name == b"content-length":
            if length is not None:
                raise _two_lengths()
            length = length_from(value)
            if length is None:
                raise LocalProtocolError(f"bad Content-Length {escaped(value)}")
        elif name == b"transfer-encoding":
            if is_chunked:
                raise _two_lengths()
            if value.lower() != b"chunked":
                raise LocalProtocolError(
                    f"unsupported Transfer-Encoding {escaped(value)}"
                )
            is_chunked = True
        else:
            _check_connection_field(name, value)
    if is_chunked and length is not None:
        raise _two_lengths()
    if len(hosts) != 1:
        raise LocalProtocolError(
            f"an HTTP/2 request needs exactly one Host header, not {len(hosts)}"
        )
    if not hosts[0] or hosts[0].translate(None, TARGET_BYTES) or b"@" in hosts[0]:
        raise LocalProtocolError(f"illegal Host {escaped(hosts[0])}")
    return hosts[0], None if is_chunked else length or 0


def _two_lengths() -> LocalProtocolError:
    return LocalProtocolError(
        "more than one of Content-Length and Transfer-Encoding headers"
    )


def _check_connection_field(name: bytes, value: bytes) -> None:
    """Refuse what has no meaning in HTTP/2 (RFC 9113 section 8.2.2)."""
    if name == b"connection":
        if any(connection_says(value)) and _HARMLESS_OPTIONS.issuperset(
            tokens_of(value)
        ):
            return
    elif name == b"te" and tokens_of(value) == [b"trailers"]:
        return
    raise LocalProtocolError(
        f"header {escaped(name)} with value {escaped(value)} cannot be sent over HTTP/2"
    )
