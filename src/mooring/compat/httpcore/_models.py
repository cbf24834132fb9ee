"""The plain records that httpcore's pools take and return."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..._body.streams import ByteStream

if TYPE_CHECKING:
    import ssl

    from ._types import Content, Extensions, HeaderTypes

__all__ = ["URL", "ByteStream", "Origin", "Proxy", "Request", "Response"]

_DEFAULT_PORTS = {
    b"http": 80,
    b"https": 443,
    b"ws": 80,
    b"wss": 443,
    b"socks5": 1080,
    b"socks5h": 1080,
}


class Origin:
    """Scheme, host and port."""

    def __init__(self, scheme: bytes, host: bytes, port: int) -> None:
        self.scheme = scheme
        self.host = host
        self.port = port

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Origin):
            return NotImplemented
        return vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((self.scheme, self.host, self.port))

    def __str__(self) -> str:
        return (
            f"{self.scheme.decode('ascii')}://{self.host.decode('ascii')}:{self.port}"
        )


class URL:
    """Where a request goes, and the target that is written into it.

    Args:
        url: All of it in one string; without it, the parts:
        scheme: ``b"https"``.
        host: Host name, in ASCII.
        port: Port, if it is not the scheme's own.
        target: Path and query, or whatever else shall stand in the request line.
    """

    def __init__(
        self,
        url: bytes | str = "",
        *,
        scheme: bytes | str = b"",
        host: bytes | str = b"",
        port: int | None = None,
        target: bytes | str = b"",
    ) -> None:
        if url:
            parts = urlsplit(ascii_bytes(url, "url"))
            self.scheme = parts.scheme
            self.host = parts.hostname or b""
            self.port = parts.port
            self.target = (parts.path or b"/") + (parts.query and b"?" + parts.query)
        else:
            self.scheme = ascii_bytes(scheme, "scheme")
            self.host = ascii_bytes(host, "host")
            self.port = port
            self.target = ascii_bytes(target, "target")

    @property
    def origin(self) -> Origin:
        """Scheme, host and port, the port filled in."""
        port = self.port or _DEFAULT_PORTS[self.scheme]
        return Origin(self.scheme, self.host, port)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, URL):
            return NotImplemented
        return vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((self.scheme, self.host, self.port, self.target))

    def __bytes__(self) -> bytes:
        port = b"" if self.port is None else b":%d" % self.port
        return b"%b://%b%b%b" % (self.scheme, self.host, port, self.target)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(scheme={self.scheme!r}, host={self.host!r}, "
            f"port={self.port!r}, target={self.target!r})"
        )


class Request:
    """What is to be sent."""

    def __init__(
        self,
        method: bytes | str,
        url: URL | bytes | str,
        *,
        headers: HeaderTypes = None,
        content: Content = None,
        extensions: Extensions | None = None,
    ) -> None:
        self.method = ascii_bytes(method, "method")
        self.url = url if isinstance(url, URL) else URL(url)
        self.headers = header_list(headers)
        self.stream = body_stream(content)
        self.extensions: Extensions = {} if extensions is None else extensions
        if "target" in self.extensions:
            self.url = URL(
                scheme=self.url.scheme,
                host=self.url.host,
                port=self.url.port,
                target=self.extensions["target"],
            )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} [{self.method!r}]>"


class Response:
    """What came back."""

    _content: bytes

    def __init__(
        self,
        status: int,
        *,
        headers: HeaderTypes = None,
        content: Content = None,
        extensions: Extensions | None = None,
    ) -> None:
        self.status = status
        self.headers = header_list(headers)
        self.stream = body_stream(content)
        self.extensions: Extensions = {} if extensions is None else extensions
        self._is_streamed = False

    @property
    def content(self) -> bytes:
        """The body, once it has been read.

        Raises:
            RuntimeError: It has not been.
        """
        if not hasattr(self, "_content"):
            raise RuntimeError("response.content is there only after response.read()")
        return self._content

    def __repr__(self) -> str:
        return f"<{type(self).__name__} [{self.status}]>"

    def _begin(self) -> None:
        if self._is_streamed:
            raise RuntimeError("the response has been streamed already")
        self._is_streamed = True

    def read(self) -> bytes:
        """Read the whole body."""
        if not hasattr(self, "_content"):
            self._content = b"".join(self.iter_stream())
        return self._content

    def iter_stream(self) -> Iterator[bytes]:
        """Yield the body in pieces, once."""
        self._begin()
        if not isinstance(self.stream, Iterable):
            raise TypeError("the response is asynchronous, use aiter_stream()")
        yield from self.stream

    def close(self) -> None:
        """Give the connection back."""
        close = getattr(self.stream, "close", None)
        if close is not None:
            close()

    async def aread(self) -> bytes:
        """Read the whole body."""
        if not hasattr(self, "_content"):
            self._content = b"".join([piece async for piece in self.aiter_stream()])
        return self._content

    async def aiter_stream(self) -> AsyncIterator[bytes]:
        """Yield the body in pieces, once."""
        self._begin()
        if not isinstance(self.stream, AsyncIterable):
            raise TypeError("the response is synchronous, use iter_stream()")
        async for piece in self.stream:
            yield piece

    async def aclose(self) -> None:
        """Give the connection back."""
        aclose = getattr(self.stream, "aclose", None)
        if aclose is not None:
            await aclose()


class Proxy:
    """A proxy, with the credentials and header fields it is to be sent."""

    def __init__(
        self,
        url: URL | bytes | str,
        auth: tuple[bytes | str, bytes | str] | None = None,
        headers: HeaderTypes = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self.url = url if isinstance(url, URL) else URL(url)
        self.headers = header_list(headers)
        self.ssl_context = ssl_context
        self.auth: tuple[bytes, bytes] | None = None
        if auth is not None:
            self.auth = ascii_bytes(auth[0], "auth"), ascii_bytes(auth[1], "auth")
            token = b"Basic " + base64.b64encode(b":".join(self.auth))
            self.headers = [(b"Proxy-Authorization", token), *self.headers]


def ascii_bytes(value: object, name: str) -> bytes:
    """Return *value*, bytes or text in ASCII, as bytes.

    Raises:
        TypeError: It is something else.
    """
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        raise TypeError(f"{name} must be bytes or str, but got {type(value).__name__}.")
    try:
        return value.encode("ascii")
    except UnicodeEncodeError as exc:
        raise TypeError(f"{name} strings may not include unicode characters.") from exc


def header_list(headers: HeaderTypes) -> list[tuple[bytes, bytes]]:
    """Return *headers* as pairs of bytes."""
    pairs: Iterable[tuple[Any, Any]]
    pairs = headers.items() if isinstance(headers, Mapping) else headers or ()
    return [
        (ascii_bytes(name, "header name"), ascii_bytes(value, "header value"))
        for name, value in pairs
    ]


def body_stream(content: Content) -> Iterable[bytes] | AsyncIterable[bytes]:
    """Return *content* as something to iterate over."""
    if content is None or isinstance(content, bytes):
        return ByteStream(content or b"")
    return content


def with_framing(
    headers: list[tuple[bytes, bytes]], url: URL, content: Content
) -> list[tuple[bytes, bytes]]:
    """Add ``Host`` and the fields that describe the body, unless they are there."""
    names = {name.lower() for name, _ in headers}
    if b"host" not in names:
        port = b"" if url.port is None else b":%d" % url.port
        headers = [(b"Host", url.host + port), *headers]
    if content is not None and not names & {b"content-length", b"transfer-encoding"}:
        if isinstance(content, bytes):
            headers = [*headers, (b"Content-Length", b"%d" % len(content))]
        else:
            headers = [*headers, (b"Transfer-Encoding", b"chunked")]
    return headers
