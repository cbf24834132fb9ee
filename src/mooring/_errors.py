"""Every exception mooring raises on purpose.

The tree and its names are httpx's, so ``except`` clauses keep working; finer
classes are subclasses of the ones known there. Each class carries ``code``, a slug
for logs and documentation, and ``exit_code``, the number curl uses for the same
failure; an instance may set its own where the class is too coarse.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._messages.request import Request
    from ._messages.response import Response
    from ._pool.report import Diagnosis

__all__ = [
    "CertificateError",
    "CloseError",
    "ConnectError",
    "ConnectTimeout",
    "CookieConflict",
    "DNSError",
    "DecodingError",
    "HTTPError",
    "HTTPStatusError",
    "HTTPXDeprecationWarning",
    "InvalidURL",
    "LocalProtocolError",
    "NetworkError",
    "PoolTimeout",
    "ProtocolError",
    "ProxyError",
    "ReadError",
    "ReadTimeout",
    "RemoteProtocolError",
    "RequestError",
    "RequestNotRead",
    "ResponseNotRead",
    "SSEError",
    "StreamClosed",
    "StreamConsumed",
    "StreamError",
    "TLSError",
    "TimeoutException",
    "TooManyRedirects",
    "TransportError",
    "UnsupportedProtocol",
    "WriteError",
    "WriteTimeout",
]


class HTTPXDeprecationWarning(UserWarning):
    """Warn of something that still works and will not for ever.

    Not a ``DeprecationWarning``, because Python hides those outside ``__main__``.
    """


class HTTPError(Exception):
    """Root of everything that can go wrong with a request.

    Catch this to handle both failures to get a response and, after
    ``raise_for_status()``, responses that report a failure::

        try:
            mooring.get("https://example.org").raise_for_status()
        except mooring.HTTPError as exc:
            print(f"{exc.request.url}: {exc}")
    """

    code: str = "http"
    exit_code: int = 56

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self._request: Request | None = None

    @property
    def request(self) -> Request:
        """The request that failed.

        Raises:
            RuntimeError: Nobody has attached a request.
        """
        if self._request is None:
            raise RuntimeError("The .request property has not been set.")
        return self._request

    @request.setter
    def request(self, request: Request) -> None:
        self._request = request


class RequestError(HTTPError):
    """No usable response came back for a request."""

    code = "request"

    def __init__(self, message: str, *, request: Request | None = None) -> None:
        super().__init__(message)
        self._request = request


class TransportError(RequestError):
    """The transport could not carry out the exchange."""

    code = "transport"


class TimeoutException(TransportError):
    """Something took longer than the time allowed for it."""

    code = "timeout"
    exit_code = 28


class ConnectTimeout(TimeoutException):
    """Connecting to the host took too long."""

    code = "connect-timeout"


class ReadTimeout(TimeoutException):
    """The host sent nothing for too long."""

    code = "read-timeout"


class WriteTimeout(TimeoutException):
    """The host took in nothing of what we sent for too long."""

    code = "write-timeout"


class PoolTimeout(TimeoutException):
    """No connection of the pool became free in time.

    ``diagnosis`` says what stood in the way, and ``str`` and the notes of the
    exception say it in words::

        except mooring.PoolTimeout as error:
            print(error.diagnosis.verdict)
    """

    code = "pool-timeout"
    diagnosis: Diagnosis | None = None


class NetworkError(TransportError):
    """The network or the peer broke the connection, or never made one."""

    code = "network"


class ReadError(NetworkError):
    """Receiving from the connection failed."""

    code = "read"


class WriteError(NetworkError):
    """Sending on the connection failed."""

    code = "write"
    exit_code = 55


class ConnectError(NetworkError):
    """No connection could be made."""

    code = "connect"
    exit_code = 7


class DNSError(ConnectError):
    """The host name could not be resolved."""

    code = "dns"
    exit_code = 6


class TLSError(ConnectError):
    """The TLS handshake failed."""

    code = "tls"
    exit_code = 35


class CertificateError(ConnectError):
    """The peer's certificate is not one we trust for this host."""

    code = "certificate"
    exit_code = 60


class CloseError(NetworkError):
    """Closing the connection failed."""

    code = "close"


class ProxyError(TransportError):
    """The proxy refused or broke the way to the host."""

    code = "proxy"
    exit_code = 97  # CURLE_PROXY


class UnsupportedProtocol(TransportError):
    """The URL's scheme is missing or is none we speak."""

    code = "unsupported-protocol"
    exit_code = 1  # CURLE_UNSUPPORTED_PROTOCOL


class ProtocolError(TransportError):
    """One of the two sides broke the rules of HTTP."""

    code = "protocol"
    exit_code = 8  # CURLE_WEIRD_SERVER_REPLY


class LocalProtocolError(ProtocolError):
    """We were asked to send what HTTP does not allow."""

    code = "local-protocol"
    exit_code = 2


class RemoteProtocolError(ProtocolError):
    """The peer sent what HTTP does not allow."""

    code = "remote-protocol"


class SSEError(TransportError):
    """The response is not a stream of server-sent events."""

    code = "sse"
    exit_code = 8


class DecodingError(RequestError):
    """The body does not match its declared ``Content-Encoding``."""

    code = "decoding"
    exit_code = 61  # CURLE_BAD_CONTENT_ENCODING


class TooManyRedirects(RequestError):
    """More redirects in a row than the client follows."""

    code = "too-many-redirects"
    exit_code = 47


class HTTPStatusError(HTTPError):
    """The response reports a failure; raised by ``Response.raise_for_status()``."""

    code = "status"
    exit_code = 22

    def __init__(self, message: str, *, request: Request, response: Response) -> None:
        super().__init__(message)
        self.request = request
        self.response = response

    def __reduce__(self) -> tuple[object, ...]:
        # An exception is rebuilt from its positional arguments alone, which
        # leaves out the two keywords this one insists on.
        return _rebuild, (type(self), self.args), self.__dict__


class InvalidURL(Exception):
    """A URL is malformed, or ambiguous enough to be dangerous."""

    code: str = "invalid-url"
    exit_code: int = 3

    def __init__(self, message: str) -> None:
        super().__init__(message)


class CookieConflict(Exception):
    """A cookie was looked up by a name that several cookies have.

    Say ``domain=`` and ``path=`` in ``Cookies.get()`` to pick one.
    """

    code: str = "cookie-conflict"
    exit_code: int = 2

    def __init__(self, message: str) -> None:
        super().__init__(message)


class StreamError(RuntimeError):
    """A body was used in a way its present state does not allow.

    A mistake in the calling code, not a failure of the network.
    """

    code: str = "stream"
    exit_code: int = 2

    def __init__(self, message: str) -> None:
        super().__init__(message)

    def __reduce__(self) -> tuple[object, ...]:
        # The subclasses take no arguments, yet ``args`` holds their message.
        return _rebuild, (type(self), self.args), self.__dict__


class StreamConsumed(StreamError):
    """The body was already streamed and cannot be streamed again."""

    code = "stream-consumed"

    def __init__(self) -> None:
        super().__init__(
            "Attempted to read or stream some content, but the content has already"
            " been streamed. A request built from a generator cannot be sent twice, as"
            " a redirect or authentication needs; a response can be streamed only once."
        )


class StreamClosed(StreamError):
    """The body was asked for after it had been closed."""

    code = "stream-closed"

    def __init__(self) -> None:
        super().__init__(
            "Attempted to read or stream content, but the stream has been closed."
        )


class ResponseNotRead(StreamError):
    """The content of a streamed response was asked for before it was read."""

    code = "response-not-read"

    def __init__(self) -> None:
        super().__init__(
            "Attempted to access streaming response content,"
            " without having called `read()`."
        )


class RequestNotRead(StreamError):
    """The content of a streamed request was asked for before it was read."""

    code = "request-not-read"

    def __init__(self) -> None:
        super().__init__(
            "Attempted to access streaming request content,"
            " without having called `read()`."
        )


def _rebuild(cls: type[BaseException], args: tuple[object, ...]) -> BaseException:
    """Make an unpickled exception without running its own ``__init__``."""
    exc = cls.__new__(cls, *args)
    exc.args = args
    return exc


# People read, pickle and report these under the name they import them by.
for _name in __all__:
    globals()[_name].__module__ = "mooring"
del _name
