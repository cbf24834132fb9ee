"""Writing requests: what is refused, what is sent, how bodies are accounted for."""

from __future__ import annotations

import httptools
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mooring._errors import LocalProtocolError
from mooring._protocol.http1 import HTTP1Connection

HOST = (b"Host", b"example.org")
CONTROLS = [bytes([c]) for c in (*range(0x20), 0x7F) if c != 0x09]


def a_connection() -> HTTP1Connection:
    return HTTP1Connection("example.org:80")


def refused(
    connection: HTTP1Connection,
    *fields: tuple[bytes, bytes],
    method: str | bytes = "GET",
    target: bytes = b"/",
) -> str:
    """Check that ``start`` refuses and changes nothing; return the error text."""
    with pytest.raises(LocalProtocolError) as caught:
        connection.start(method, target, list(fields))
    assert not connection.request_sent
    connection.start("GET", b"/", [HOST])
    return str(caught.value)


def test_head_is_encoded_as_given() -> None:
    """Fields keep their order and case."""
    head = a_connection().start(
        "GET", b"/a?b", [HOST, (b"x-lower", b"caf\xe9\tx"), (b"Empty", b"")]
    )

    expected = (
        b"GET /a?b HTTP/1.1\r\nHost: example.org\r\nx-lower: caf\xe9\tx\r\nEmpty: "
    )
    assert expected + b"\r\n\r\n" == head


@pytest.mark.parametrize("name", [b"A\r\nB", b"A B", b"A:B", b"", b"\xc3\x84", b"A\0"])
def test_illegal_names_are_refused(name: bytes) -> None:
    """A name is a token (I004)."""
    assert "illegal header name" in refused(a_connection(), HOST, (name, b"v"))


@pytest.mark.parametrize("control", CONTROLS)
def test_controls_in_values_are_refused(control: bytes) -> None:
    """Values hold no control but HTAB, and the error keeps the value secret (I006)."""
    text = refused(a_connection(), HOST, (b"X-A", b"secret" + control + b"x"))

    assert "'X-A'" in text
    assert "secret" not in text


@pytest.mark.parametrize("name", [b"Host", b"Upgrade", b"Connection"])
def test_injection_by_known_fields_is_refused(name: bytes) -> None:
    """Fields we know are checked like any other (I016, I019)."""
    others = [] if name == b"Host" else [HOST]

    assert "illegal byte" in refused(a_connection(), *others, (name, b"a\r\nEvil: 1"))


@pytest.mark.parametrize("value", [b" a", b"a ", b"\ta", b"a\t", b" "])
def test_padded_values_are_refused(value: bytes) -> None:
    """The peer would not read the white space around a value."""
    assert "white space" in refused(a_connection(), HOST, (b"X-A", value))


def test_inner_white_space_is_sent() -> None:
    """White space within a value is the caller's."""
    head = a_connection().start("GET", b"/", [HOST, (b"A", b"b:  c")])

    assert b"A: b:  c\r\n" in head


@pytest.mark.parametrize(
    "target", [b"", b"/a b", b"/x HTTP/1.1\r\nEvil: 1", b"/\0", b"/\xe9", b"/\x7f"]
)
def test_illegal_targets_are_refused(target: bytes) -> None:
    """A target has neither spaces nor controls (I008)."""
    assert "illegal request target" in refused(a_connection(), HOST, target=target)


@pytest.mark.parametrize("method", ["", "GET ", b"G\r\nET", "G\u00c9T", "A:B"])
def test_illegal_methods_are_refused(method: str | bytes) -> None:
    """A method is a token."""
    assert "illegal method" in refused(a_connection(), HOST, method=method)


def test_unusual_method_is_sent() -> None:
    """Any token will do for a method."""
    assert a_connection().start(b"M-SEARCH", b"*", [HOST]).startswith(b"M-SEARCH * ")


@pytest.mark.parametrize("fields", [[], [HOST, HOST]])
def test_exactly_one_host(fields: list[tuple[bytes, bytes]]) -> None:
    """HTTP/1.1 wants one Host field (RFC 9112 section 3.2)."""
    assert f"not {len(fields)}" in refused(a_connection(), *fields)


@pytest.mark.parametrize(
    "fields",
    [
        [(b"Content-Length", b"1"), (b"content-length", b"2")],
        [(b"Content-Length", b"1"), (b"Transfer-Encoding", b"chunked")],
        [(b"Transfer-Encoding", b"chunked"), (b"Transfer-Encoding", b"chunked")],
        [(b"Transfer-Encoding", b"chunked"), (b"Content-Length", b"1")],
        [(b"Content-Length", b"+1")],
        [(b"Content-Length", b"1" * 20)],
        [(b"Transfer-Encoding", b"gzip, chunked")],
    ],
)
def test_contradictory_framing_is_refused(fields: list[tuple[bytes, bytes]]) -> None:
    """A request says once how long it is (I015)."""
    text = refused(a_connection(), HOST, *fields)

    assert "Content-Length" in text or "Transfer-Encoding" in text


def test_long_names_are_sent() -> None:
    """A name too long to be worth remembering works like any other."""
    name = b"x" * 100

    assert name + b": v\r\n" in a_connection().start("GET", b"/", [HOST, (name, b"v")])


def test_many_names_are_sent() -> None:
    """The memory for names is bounded; what does not fit still works."""
    fields = [(b"N%d" % number, b"v") for number in range(1100)]

    head = a_connection().start("GET", b"/", [HOST, *fields])

    assert 1102 == head.count(b"\r\n") - 1


def test_no_body() -> None:
    """A request that announces no body is sent with its head."""
    connection = a_connection()
    connection.start("GET", b"/", [HOST])

    assert connection.request_sent
    assert (b"", b"") == (connection.body(b""), connection.end_body())
    with pytest.raises(LocalProtocolError, match="1 bytes given, 0 left"):
        connection.body(b"x")


def test_body_by_length() -> None:
    """A body of announced length goes out as it is and is counted."""
    connection = a_connection()
    connection.start("POST", b"/", [HOST, (b"Content-Length", b"3")])

    assert b"ab" == connection.body(b"ab")
    with pytest.raises(LocalProtocolError, match="1 bytes short"):
        connection.end_body()
    with pytest.raises(LocalProtocolError, match="longer than announced"):
        connection.body(b"cd")
    assert not connection.request_sent
    assert b"c" == connection.body(b"c")
    assert connection.request_sent
    assert b"" == connection.end_body()


def test_chunked_body() -> None:
    """An empty piece is not sent: it would end the body."""
    connection = a_connection()
    connection.start("POST", b"/", [HOST, (b"Transfer-Encoding", b"Chunked")])

    sent = [connection.body(p) for p in (b"ab", b"", b"x" * 17)]

    assert [b"2\r\nab\r\n", b"", b"11\r\n" + b"x" * 17 + b"\r\n"] == sent
    assert not connection.request_sent
    assert b"0\r\n\r\n" == connection.end_body()
    assert connection.request_sent


def test_start_waits_for_the_response() -> None:
    """One exchange at a time."""
    connection = a_connection()
    connection.start("GET", b"/", [HOST])

    with pytest.raises(LocalProtocolError, match="not over"):
        connection.start("GET", b"/", [HOST])


def test_early_response_waits_for_the_request_body() -> None:
    """A response before the request is out leaves the connection busy until it is."""
    connection = a_connection()
    connection.start("POST", b"/", [HOST, (b"Content-Length", b"2")])
    connection.receive(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    assert not connection.reusable
    with pytest.raises(LocalProtocolError, match="not over"):
        connection.start("GET", b"/", [HOST])

    connection.body(b"ab")

    assert connection.reusable


def test_asking_to_close_ends_the_connection() -> None:
    """After our own Connection: close there is no other exchange."""
    connection = a_connection()
    connection.start("GET", b"/", [HOST, (b"Connection", b"x, close")])
    connection.receive(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    assert (True, False) == (connection.complete, connection.reusable)


class Parsed:
    """What llhttp, as a server, makes of a request."""

    def __init__(self) -> None:
        self.url = b""
        self.fields: list[tuple[bytes, bytes]] = []
        self.requests = 0

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name, value))

    def on_message_complete(self) -> None:
        self.requests += 1


@given(
    target=st.binary(min_size=1, max_size=8).map(lambda rest: b"/" + rest),
    fields=st.lists(
        st.tuples(st.binary(max_size=4).map(lambda n: b"X" + n), st.binary(max_size=8)),
        max_size=3,
    ),
)
@settings(max_examples=150, deadline=None)
def test_a_server_reads_what_was_meant(
    target: bytes, fields: list[tuple[bytes, bytes]]
) -> None:
    """Whatever is given is refused, or read by a server as exactly one request."""
    try:
        head = a_connection().start("GET", target, [HOST, *fields])
    except LocalProtocolError:
        return
    seen = Parsed()
    httptools.HttpRequestParser(seen).feed_data(head)

    assert (1, target, [HOST, *fields]) == (seen.requests, seen.url, seen.fields)
