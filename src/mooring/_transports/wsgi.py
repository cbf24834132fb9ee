"""A transport that calls a WSGI app instead of the network (PEP 3333)."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from io import BytesIO
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO, TypeAlias
from urllib.parse import unquote_to_bytes

from .._body.streams import SyncByteStream
from .._errors import RemoteProtocolError, UnsupportedProtocol
from .._messages.response import Response
from .base import BaseTransport

if TYPE_CHECKING:
    from collections.abc import Callable
    from wsgiref.types import WSGIApplication, WSGIEnvironment

    from .._messages.request import Request

__all__ = ["WSGITransport"]

_DEFAULT_PORTS = {"http": 80, "https": 443}
# RFC 3875 section 4.1: these two are no fields of the request's but its body's.
_PLAIN_NAMES = frozenset({"CONTENT_TYPE", "CONTENT_LENGTH"})

_ExcInfo: TypeAlias = (
    tuple[type[BaseException], BaseException, TracebackType | None]
    | tuple[None, None, None]
)


class WSGITransport(BaseTransport):
    """Let a WSGI app answer, in this process and without a socket.

    The request's body is read before the app is called; the app's response is taken
    piece by piece, when the caller asks for one::

        transport = mooring.WSGITransport(app=app)
        with mooring.Client(transport=transport, base_url="http://app") as client:
            response = client.get("/")

    Args:
        app: The WSGI application.
        raise_app_exceptions: Raise what the app reports to ``start_response`` as
            ``exc_info``. If False, what the app makes of its failure is the response.
            An exception that leaves the app is raised in either case.
        script_name: Where the app is mounted.
        remote_addr: Address that requests seem to come from.
        wsgi_errors: Where the app writes errors to; ``sys.stderr`` by default.
    """

    def __init__(
        self,
        app: WSGIApplication,
        raise_app_exceptions: bool = True,
        script_name: str = "",
        remote_addr: str = "127.0.0.1",
        wsgi_errors: TextIO | None = None,
    ) -> None:
        self.app = app
        self.raise_app_exceptions = raise_app_exceptions
        self.script_name = script_name
        self.remote_addr = remote_addr
        self.wsgi_errors = wsgi_errors

    def handle_request(self, request: Request) -> Response:
        """Call the app with *request*; return when it has begun its response.

        Raises:
            RemoteProtocolError: The app did not keep to WSGI.
            UnsupportedProtocol: The URL is neither http nor https.
        """
        call = _Call(self.app, self._environ(request))
        try:
            call.run_to_head()
            if self.raise_app_exceptions and call.reported is not None:
                raise call.reported
            return Response(
                call.status_code, headers=call.headers, stream=WSGIByteStream(call)
            )
        except BaseException:
            call.close()
            raise

    def _environ(self, request: Request) -> WSGIEnvironment:
        url = request.url
        if url.scheme not in _DEFAULT_PORTS:
            raise UnsupportedProtocol(
                f"a WSGI app is asked by http:// or https://, not by {url.scheme!r}"
            )
        content = request.read()
        environ: WSGIEnvironment = {
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": url.scheme,
            "wsgi.input": BytesIO(content),
            "wsgi.errors": self.wsgi_errors or sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            "REQUEST_METHOD": request.method,
            "SCRIPT_NAME": self.script_name,
            "PATH_INFO": _path_info(url.raw_path),
            "QUERY_STRING": url.query.decode("ascii"),
            "SERVER_NAME": url.host,
            "SERVER_PORT": str(url.port or _DEFAULT_PORTS[url.scheme]),
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": self.remote_addr,
        }
        if content and "Content-Length" not in request.headers:
            environ["CONTENT_LENGTH"] = str(len(content))
        for name, value in _variables(request):
            # RFC 3875 section 4.1.18: fields of one name become one variable.
            separator = "; " if name == "HTTP_COOKIE" else ", "
            before = environ.get(name)
            environ[name] = value if before is None else before + separator + value
        return environ


def _path_info(raw_path: bytes) -> str:
    # PEP 3333: text is bytes in disguise, each a character up to U+00FF.
    return unquote_to_bytes(raw_path.partition(b"?")[0]).decode("latin-1")


def _variables(request: Request) -> Iterator[tuple[str, str]]:
    for raw_name, raw_value in request.headers.raw:
        name = raw_name.decode("ascii").upper().replace("-", "_")
        if name not in _PLAIN_NAMES:
            name = f"HTTP_{name}"
        yield name, raw_value.decode("latin-1")


class _Call:
    """One call of an app: what it told ``start_response``, and its output."""

    def __init__(self, app: WSGIApplication, environ: WSGIEnvironment) -> None:
        self.reported: BaseException | None = None
        self._app = app
        self._environ = environ
        self._head: tuple[str, list[tuple[str, str]]] | None = None
        self._is_head_out = False
        self._written: list[bytes] = []
        self._result: Iterable[bytes] = ()
        self._output: Iterator[bytes] = iter(())
        self._is_closed = False

    def run_to_head(self) -> None:
        """Run the app up to its first piece of output, when its head must be there."""
        self._result = self._app(self._environ, self._start_response)
        self._output = iter(self._result)
        if not self._written:
            # A generator has not even called start_response() before this.
            for piece in self._output:
                self._written.append(piece)
                if piece:
                    break
        if self._head is None:
            raise RemoteProtocolError("the app did not call start_response()")
        self._is_head_out = True

    @property
    def status_code(self) -> int:
        status = self._head[0] if self._head else ""
        code = status.partition(" ")[0]
        if not (len(code) == 3 and code.isascii() and code.isdigit()):
            raise RemoteProtocolError(
                f"the app told start_response() {status[:100]!r}, which is no status"
            )
        return int(code)

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        fields = self._head[1] if self._head else []
        return [(k.encode("ascii"), v.encode("latin-1")) for k, v in fields]

    def pieces(self) -> Iterator[bytes]:
        """Yield the body, running the app as far as each piece needs."""
        yield from self._taken()
        for piece in self._output:
            # What write() was given during that step comes before it.
            yield from self._taken()
            if piece:
                yield piece
        yield from self._taken()

    def close(self) -> None:
        """Close the app's iterable, as PEP 3333 asks for after every call."""
        if self._is_closed:
            return
        self._is_closed = True
        close = getattr(self._result, "close", None)
        if close is not None:
            close()

    def _taken(self) -> list[bytes]:
        written = [piece for piece in self._written if piece]
        self._written.clear()  # write() goes on adding to this very list
        return written

    def _start_response(
        self,
        status: str,
        response_headers: list[tuple[str, str]],
        exc_info: _ExcInfo | None = None,
    ) -> Callable[[bytes], Any]:
        error = exc_info[1] if exc_info else None
        if self._is_head_out:
            # Too late for another head. The app's own failure goes back into it.
            if error is not None:
                raise error
            raise RemoteProtocolError(
                "the app called start_response() again after it had begun its body"
            )
        self.reported = error
        self._head = (status, response_headers)
        return self._written.append


class WSGIByteStream(SyncByteStream):
    """The body of a response, as the app yields it."""

    def __init__(self, call: _Call) -> None:
        self._call = call

    def __iter__(self) -> Iterator[bytes]:
        return self._call.pieces()

    def close(self) -> None:
        self._call.close()
