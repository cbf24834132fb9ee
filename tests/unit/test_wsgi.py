"""WSGITransport: what the app is given, and what becomes of what it gives."""

from __future__ import annotations

import inspect
import io
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from wsgiref.validate import validator

import pytest

import mooring

Environ = dict[str, Any]
StartResponse = Callable[..., Callable[[bytes], object]]
App = Callable[[Environ, StartResponse], Iterable[bytes]]

URL = "http://app.test/"
PLAIN = [("Content-Type", "text/plain")]


def client(app: Any, **options: Any) -> mooring.Client:
    return mooring.Client(transport=mooring.WSGITransport(app, **options))


def hello(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", PLAIN)
    return [b"Hello, ", b"", b"World!"]


def echo(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", PLAIN)
    yield environ["wsgi.input"].read()


def environ_of(
    method: str, url: str, *, options: dict[str, Any] | None = None, **request: Any
) -> Environ:
    environs: list[Environ] = []

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        environs.append(environ)
        return hello(environ, start_response)

    with client(app, **(options or {})) as http:
        http.headers.clear()
        http.request(method, url, **request)
    return environs[0]


class Output:
    """The iterable of an app, which knows what was done to it."""

    def __init__(self, *pieces: bytes, error: Exception | None = None) -> None:
        self.pieces = pieces
        self.error = error
        self.taken = 0
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        for piece in self.pieces:
            self.taken += 1
            yield piece
        if self.error is not None:
            raise self.error

    def close(self) -> None:
        self.closed += 1


def app_with(output: Output) -> App:
    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", PLAIN)
        return output

    return app


def test_signature_is_httpx_s() -> None:
    """Names, order and defaults are those of httpx."""
    parameters = inspect.signature(mooring.WSGITransport).parameters.values()

    assert [
        ("app", inspect.Parameter.empty),
        ("raise_app_exceptions", True),
        ("script_name", ""),
        ("remote_addr", "127.0.0.1"),
        ("wsgi_errors", None),
    ] == [(p.name, p.default) for p in parameters]


def test_a_request_is_answered() -> None:
    """Status, fields and body are the app's."""
    with client(hello) as http:
        response = http.get(URL)

    assert (200, "text/plain", "Hello, World!") == (
        response.status_code,
        response.headers["content-type"],
        response.text,
    )


def test_requests_are_what_the_standard_wants() -> None:
    """wsgiref's validator has nothing to say against either side."""

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        environ["wsgi.input"].read(4)
        start_response("200 OK", [*PLAIN, ("Content-Length", "2")])
        return [b"ok"]

    with client(validator(app)) as http:
        assert "ok" == http.post(URL, content=b"body").text


def test_environ() -> None:
    """Everything the request says is where CGI has it."""
    environ = environ_of(
        "PUT",
        "https://app.test:8443/a%20b?q=%201#part",
        headers={"X-Thing": "1", "Content-Type": "text/x"},
        content=b"12345",
        options={"script_name": "/sub", "remote_addr": "10.0.0.1"},
    )

    assert {
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "https",
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "REQUEST_METHOD": "PUT",
        "SCRIPT_NAME": "/sub",
        "PATH_INFO": "/a b",
        "QUERY_STRING": "q=%201",
        "SERVER_NAME": "app.test",
        "SERVER_PORT": "8443",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "10.0.0.1",
        "CONTENT_LENGTH": "5",
        "CONTENT_TYPE": "text/x",
        "HTTP_HOST": "app.test:8443",
        "HTTP_X_THING": "1",
    } == {name: value for name, value in environ.items() if name != "wsgi.input"}


@pytest.mark.parametrize(
    ("url", "port"), [("http://app.test", "80"), ("https://app.test", "443")]
)
def test_default_ports(url: str, port: str) -> None:
    """A URL without a port has its scheme's."""
    assert port == environ_of("GET", url)["SERVER_PORT"]


def test_paths_are_bytes_in_disguise() -> None:
    """PEP 3333: each byte of the unquoted path is a character up to U+00FF."""
    path = environ_of("GET", "http://app.test/caf\u00e9/%ff")["PATH_INFO"]

    assert b"/caf\xc3\xa9/\xff" == path.encode("latin-1")


def test_fields_of_one_name_become_one_variable() -> None:
    """CGI has room for one value, so they are joined."""
    environ = environ_of(
        "GET",
        URL,
        headers=[("X-A", "1"), ("X-A", "2"), ("Cookie", "a"), ("Cookie", "b")],
    )

    assert ("1, 2", "a; b") == (environ["HTTP_X_A"], environ["HTTP_COOKIE"])


def test_a_streamed_body_has_its_length() -> None:
    """A body of unknown length is read first, and then its length is known."""
    environ = environ_of("POST", URL, content=iter([b"12", b"34"]))

    assert ("4", b"1234") == (environ["CONTENT_LENGTH"], environ["wsgi.input"].read())


def test_errors_go_where_they_are_wanted() -> None:
    """wsgi_errors= is what the app finds as wsgi.errors."""
    errors = io.StringIO()

    assert (
        errors is environ_of("GET", URL, options={"wsgi_errors": errors})["wsgi.errors"]
    )


def test_bodies_come_back() -> None:
    """An app that is a generator has called start_response() when it is asked to."""
    with client(echo) as http:
        assert b"body" == http.post(URL, content=b"body").content


def test_the_body_is_taken_piece_by_piece() -> None:
    """The app runs as far as its reader does, and is closed at the end."""
    output = Output(b"", b"a", b"b", b"c")
    taken: list[int] = []
    with client(app_with(output)) as http, http.stream("GET", URL) as response:
        taken.append(output.taken)
        for _ in response.iter_raw():
            taken.append(output.taken)  # noqa: PERF401 - not after the loop

    assert ([2, 2, 3, 4], 1) == (taken, output.closed)


def test_an_unread_body_is_closed() -> None:
    """Leaving early closes the app's iterable, once."""
    output = Output(b"a", b"b")
    with client(app_with(output)) as http, http.stream("GET", URL) as response:
        pass
    response.close()

    assert (1, 1) == (output.taken, output.closed)


def test_what_is_written_is_part_of_the_body() -> None:
    """The write() of old apps comes before what they return."""

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        write = start_response("200 OK", PLAIN)
        write(b"a")
        write(b"b")

        def rest() -> Iterator[bytes]:
            yield b"c"
            write(b"d")
            yield b"e"
            write(b"f")

        return rest()

    with client(app) as http:
        assert b"abcdef" == http.get(URL).content


# -- failures --------------------------------------------------------------------


def reports(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", PLAIN)
    try:
        raise ZeroDivisionError("reported")
    except ZeroDivisionError:
        start_response("500 Oh", PLAIN, sys.exc_info())
    return [b"sorry"]


def fails(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    raise ZeroDivisionError("before")


@pytest.mark.parametrize("app", [reports, fails])
def test_what_the_app_raises_is_raised(app: App) -> None:
    """Reported through exc_info or not caught at all."""
    with client(app) as http, pytest.raises(ZeroDivisionError):
        http.get(URL)


def test_what_the_app_reports_is_a_response() -> None:
    """With raise_app_exceptions=False its answer to its own failure can be tested."""
    with client(reports, raise_app_exceptions=False) as http:
        response = http.get(URL)

    assert (500, b"sorry") == (response.status_code, response.content)


def test_an_iterable_that_fails_at_once_is_closed() -> None:
    """No response comes of it, so nobody else could."""
    output = Output(error=ZeroDivisionError("first"))
    with client(app_with(output)) as http, pytest.raises(ZeroDivisionError):
        http.get(URL)

    assert 1 == output.closed


def test_an_iterable_that_fails_later_is_closed() -> None:
    """What came before can be read."""
    output = Output(b"a", error=ZeroDivisionError("later"))
    pieces: list[bytes] = []
    http = client(app_with(output))
    with pytest.raises(ZeroDivisionError), http.stream("GET", URL) as response:
        for piece in response.iter_raw():
            pieces += [piece]

    assert ([b"a"], 1) == (pieces, output.closed)


def test_reporting_after_the_body_began() -> None:
    """Too late for another head: start_response() raises what it was told."""

    def app(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
        start_response("200 OK", PLAIN)
        yield b"begun"
        try:
            raise ZeroDivisionError("late")
        except ZeroDivisionError:
            start_response("500 Oh", PLAIN, sys.exc_info())
        yield b"never"

    http = client(app, raise_app_exceptions=False)
    with pytest.raises(ZeroDivisionError, match="late"):
        http.get(URL)


def never_starts(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    return [b"x"]


def no_status(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("OK", PLAIN)
    return [b"x"]


def starts_twice(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", PLAIN)
    yield b"x"
    start_response("200 OK", PLAIN)


@pytest.mark.parametrize(
    ("app", "text"),
    [
        (never_starts, r"did not call start_response\(\)"),
        (no_status, "'OK', which is no status"),
        (starts_twice, "again after it had begun"),
    ],
)
def test_apps_that_do_not_keep_to_wsgi(app: App, text: str) -> None:
    """The error names what the app left out."""
    with pytest.raises(mooring.RemoteProtocolError, match=text) as caught:
        client(app).get(URL)

    assert URL == str(caught.value.request.url)


def test_other_schemes_are_refused() -> None:
    """There is no port, and no wsgi.url_scheme, for ftp."""
    with pytest.raises(mooring.UnsupportedProtocol, match="'ftp'"):
        client(hello).get("ftp://app.test/")
