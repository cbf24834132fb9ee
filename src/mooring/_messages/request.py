"""``Request``: what is to be sent, before anybody has opened a connection."""

from __future__ import annotations

from functools import lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING

from .._body.encode import EMPTY_STREAM, encode_request
from .._body.multipart import boundary_of
from .._body.streams import (
    AsyncByteStream,
    ByteStream,
    SyncByteStream,
    UnattachedStream,
    is_async_stream,
    is_sync_stream,
)
from .._errors import RequestNotRead
from .._headers import Field, Headers
from .._url import URL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._types import (
        CookieTypes,
        HeaderTypes,
        QueryParamTypes,
        RequestContent,
        RequestData,
        RequestExtensions,
        RequestFiles,
    )

__all__ = ["Request", "masked_url"]

# RFC 9110 section 8.6: where a body is expected, its absence is worth saying.
_METHODS_WITH_BODY = frozenset({"PATCH", "POST", "PUT", "QUERY"})
_LENGTH_ZERO = (b"Content-Length", b"content-length", b"0")
_FRAMING = frozenset({b"content-length", b"transfer-encoding"})
_lower_name = itemgetter(1)
# Not worth keeping: a stream cannot be pickled, extensions may hold anything.
_NOT_PICKLED = frozenset({"stream", "extensions"})


class Request:
    """An HTTP request.

    Args:
        method: The method; upper case is made of any other.
        url: Where to send it.
        params: Query parameters, in place of the query of *url*.
        headers: Header fields. ``Host`` and the fields that describe the body are
            added unless they are there.
        cookies: Cookies to send with it.
        content: The body: bytes, text, an iterable or asynchronous iterable of
            bytes, or a file opened for reading bytes.
        data: Form fields.
        files: Files for a ``multipart/form-data`` body.
        json: What to send as JSON.
        stream: A body stream as it is, with no header field added for it.
        extensions: Anything for the transport, such as ``{"timeout": {...}}``.

    Raises:
        TypeError: A body of the wrong type, or *json* next to *data* or *files*.
        ValueError: *json* holds NaN or an infinity.
        InvalidURL: *url* is not a URL.

    Example::

        >>> request = Request("POST", "https://example.org/", json={"a": 1})
        >>> request.headers["content-type"], request.content
        ('application/json', b'{"a":1}')
    """

    method: str
    url: URL
    headers: Headers
    stream: SyncByteStream | AsyncByteStream
    extensions: dict[str, object]
    _content: bytes

    def __init__(
        self,
        method: str,
        url: URL | str,
        *,
        params: QueryParamTypes | None = None,
        headers: HeaderTypes | None = None,
        cookies: CookieTypes | None = None,
        content: RequestContent | None = None,
        data: RequestData | None = None,
        files: RequestFiles | None = None,
        json: object = None,
        stream: SyncByteStream | AsyncByteStream | None = None,
        extensions: RequestExtensions | None = None,
    ) -> None:
        self.method = method.upper() if type(method) is str else _method_name(method)
        if params is not None:
            self.url = URL(url, params=params)
        else:
            self.url = url if type(url) is URL else URL(url)
        self.extensions = {} if extensions is None else dict(extensions)
        if type(headers) is not Headers:
            headers = Headers(headers)
        if stream is not None:
            # Fields describe content that we have encoded. Who brings a stream of
            # their own, such as a redirect, brings the fields with it.
            self.headers = headers.copy()
            self.stream = stream
        elif content is None and data is None and files is None and json is None:
            self.stream = EMPTY_STREAM
            self._content = b""
            self._prepare(headers, None)
        else:
            boundary = boundary_of(headers.get("content-type")) if files else None
            described, self.stream = encode_request(
                content, data, files, json, boundary
            )
            if type(self.stream) is ByteStream:
                self._content = self.stream.body
            self._prepare(headers, described)
        if cookies:
            from .._cookies import Cookies  # most requests have none of their own

            Cookies(cookies).set_cookie_header(self)

    def _prepare(self, given: Headers, described: Mapping[str, str] | None) -> None:
        """Take the caller's fields, after ``Host`` and before those of the body."""
        fields = given._list
        if described or self.method in _METHODS_WITH_BODY:
            fields = _with_body_fields(fields, described)
        if b"host" not in map(_lower_name, fields):
            reference = self.url._uri_reference
            fields = _host_fields(reference.host, reference.port) + fields
        self.headers = Headers._of(fields, given._encoding)

    @property
    def content(self) -> bytes:
        """The body in bytes.

        Raises:
            RequestNotRead: It is a stream that has not been read.
        """
        if not hasattr(self, "_content"):
            raise RequestNotRead
        return self._content

    def read(self) -> bytes:
        """Read the body into memory and return it. The request can then be resent.

        Raises:
            RuntimeError: The body is asynchronous.
            StreamConsumed: The body was a generator and has been sent.
        """
        if not hasattr(self, "_content"):
            stream = self.stream
            if not is_sync_stream(stream):
                raise RuntimeError(
                    "Attempted to read an async request body with read()."
                    " Use 'await request.aread()'."
                )
            self._keep(b"".join(stream))
        return self._content

    async def aread(self) -> bytes:
        """Read the body into memory and return it. The request can then be resent.

        Raises:
            RuntimeError: The body is synchronous.
            StreamConsumed: The body was a generator and has been sent.
        """
        if not hasattr(self, "_content"):
            stream = self.stream
            if not is_async_stream(stream):
                raise RuntimeError(
                    "Attempted to read a sync request body with aread()."
                    " Use 'request.read()'."
                )
            self._keep(b"".join([piece async for piece in stream]))
        return self._content

    def _keep(self, content: bytes) -> None:
        self._content = content
        if type(self.stream) is not ByteStream:
            self.stream = ByteStream(content)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}({self.method!r}, {masked_url(self.url)!r})>"

    def __getstate__(self) -> dict[str, object]:
        return {
            name: value
            for name, value in self.__dict__.items()
            if name not in _NOT_PICKLED
        }

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)
        self.extensions = {}
        self.stream = UnattachedStream()
        if "_content" in state:
            self.stream = ByteStream(self._content)


def masked_url(url: URL) -> str:
    """*url* as text for people and logs: without the user name and password."""
    text = str(url)
    userinfo = url.userinfo.decode("ascii")
    return text.replace(f"//{userinfo}@", "//[secure]@", 1) if userinfo else text


@lru_cache(maxsize=1024)
def _host_fields(host: str, port: int | None) -> tuple[Field, ...]:
    """The ``Host`` field for an address; none for a URL without a host."""
    if not host:
        return ()
    netloc = f"[{host}]" if ":" in host else host
    value = netloc if port is None else f"{netloc}:{port}"
    return ((b"Host", b"host", value.encode("ascii")),)


def _with_body_fields(
    given: tuple[Field, ...], described: Mapping[str, str] | None
) -> tuple[Field, ...]:
    """Add what says how long the body is and what it is."""
    names = [name for _, name, _ in given]
    has_length = b"content-length" in names or b"transfer-encoding" in names
    if not described:
        return given if has_length else (_LENGTH_ZERO, *given)
    tail = [
        field
        for field in map(_field, described.items())
        # RFC 9112 section 6.2: one framing only, and the caller's goes first.
        if field[1] not in names and not (has_length and field[1] in _FRAMING)
    ]
    return (*given, *tail)


def _field(item: tuple[str, str]) -> Field:
    name = item[0].encode("ascii")
    return name, name.lower(), item[1].encode("latin-1")


def _method_name(method: str | bytes) -> str:
    if isinstance(method, bytes):
        method = method.decode("ascii")
    return method.upper()


Request.__module__ = "mooring"
