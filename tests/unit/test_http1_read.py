"""Reading responses: the rows of the hostile-input table, cut at every byte."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mooring._errors import LocalProtocolError, RemoteProtocolError
from mooring._protocol.http1 import HTTP1Connection

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
HOST = [(b"Host", b"example.org")]

Facts = tuple[object, ...]


def a_connection(
    method: str = "GET", *more: tuple[bytes, bytes], target: bytes = b"/"
) -> HTTP1Connection:
    connection = HTTP1Connection("example.org:80")
    connection.start(method, target, [*HOST, *more])
    return connection


def facts_of(
    pieces: list[bytes], connection: HTTP1Connection, *, eof: bool = False
) -> Facts:
    """Feed *pieces*; return everything a caller can see, and whether it failed."""
    fault = False
    try:
        for piece in pieces:
            connection.receive(piece)
        if eof:
            connection.receive_eof()
    except RemoteProtocolError as error:
        fault = "\n" not in str(error)
    c = connection
    body = b"".join(c.take_body())
    return (
        fault, c.status, c.reason, c.http_version, c.headers, body, c.trailers,
        c.interim, c.head_complete, c.complete, c.reusable, c.desync, c.upgraded,
        c.trailing, c.content_length, c.remaining, c.begun,
    )  # fmt: skip


def every_cut(raw: bytes) -> list[list[bytes]]:
    cuts = [[raw[:at], raw[at:]] for at in range(len(raw))]
    return [*cuts, [raw[at : at + 1] for at in range(len(raw))]]


ACCEPTED = {
    # id: (raw, status, body, reusable, desync)
    "F001": (OK + b"Content-Length: 2\r\n\r\nok", 200, b"ok", True, False),
    "F009": (
        b"HTTP/1.1 999 ODD\r\nContent-Length: 2\r\n\r\nok",
        999,
        b"ok",
        True,
        False,
    ),
    "F024": (
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        200,
        b"ok",
        False,
        False,
    ),
    "1.0 keep-alive": (
        b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nok",
        200,
        b"ok",
        True,
        False,
    ),
    "close": (
        OK + b"Connection: a, b\r\nConnection: x ,CLOSE\r\nContent-Length: 2\r\n\r\nok",
        200,
        b"ok",
        False,
        False,
    ),
    "no reason": (
        b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok",
        200,
        b"ok",
        True,
        False,
    ),
    "long reason": (
        b"HTTP/1.1 200 " + b"x" * 70 + b"\r\nContent-Length: 0\r\n\r\n",
        200,
        b"",
        True,
        False,
    ),
    "F109": (
        OK + b"Set-Cookie: a=b\r\n\tSet-Cookie: evil=1\r\nContent-Length: 2\r\n\r\nok",
        200,
        b"ok",
        False,
        False,
    ),
    "F111": (
        OK + b"X-A: caf\xe9\r\nContent-Length: 2\r\n\r\nok",
        200,
        b"ok",
        True,
        False,
    ),
    "F113": (
        b"HTTP/1.1 302 Found\r\nLocation: /a\r\nLocation: /b\r\n"
        b"Content-Length: 0\r\n\r\n",
        302,
        b"",
        True,
        False,
    ),
    "F203": (
        OK + b"Content-Length: 42\r\n" * 2 + b"\r\n" + b"x" * 42,
        200,
        b"x" * 42,
        False,
        False,
    ),
    "list": (OK + b"Content-Length: 2, 2\r\n\r\nok", 200, b"ok", False, False),
    "F216": (
        OK + b"Content-Length: 042\r\n\r\n" + b"x" * 42,
        200,
        b"x" * 42,
        True,
        False,
    ),
    "F222": (
        OK + b"Content-Length: 2\r\n\r\nok" + OK + b"Content-Length: 4\r\n\r\nEVIL",
        200,
        b"ok",
        False,
        True,
    ),
    "stray CRLF": (OK + b"Content-Length: 2\r\n\r\nok\r\n", 200, b"ok", False, True),
    "F301": (CHUNKED + b"2\r\nok\r\n0\r\n\r\n", 200, b"ok", True, False),
    "F302": (
        OK + b"Transfer-Encoding: Chunked \r\n\r\n2\r\nok\r\n0\r\n\r\n",
        200,
        b"ok",
        True,
        False,
    ),
    "F304": (
        OK
        + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"2\r\nok\r\n0\r\n\r\n",
        200,
        b"ok",
        False,
        False,
    ),
    "F330": (
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n"
        b"2\r\nok\r\n0\r\n\r\n",
        200,
        b"ok",
        False,
        False,
    ),
    "F331": (b"HTTP/1.1 204 No\r\nContent-Length: 2\r\n\r\nok", 204, b"", False, True),
    "F332": (
        b"HTTP/1.1 304 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        304,
        b"",
        False,
        True,
    ),
    "304 length": (
        b"HTTP/1.1 304 No\r\nContent-Length: 9\r\n\r\n",
        304,
        b"",
        True,
        False,
    ),
    "F403": (CHUNKED + b"2 \r\nok\r\n0\r\n\r\n", 200, b"ok", True, False),
    "extension": (CHUNKED + b'2;a="b";c\r\nok\r\n0;d\r\n\r\n', 200, b"ok", True, False),
    "F419": (CHUNKED + b"2\r\nok\r\n00000000\r\n\r\n", 200, b"ok", True, False),
    "F421": (
        CHUNKED + b"2\r\nok\r\n0\r\nContent-Length: 999\r\nSet-Cookie: evil=1\r\n\r\n",
        200,
        b"ok",
        True,
        False,
    ),
    "chunked + more": (
        CHUNKED + b"2\r\nok\r\n0\r\nA: b\r\n\r\n\r\n",
        200,
        b"ok",
        False,
        True,
    ),
    "L008": (
        b"HTTP/1.1 103 Early\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
        + OK
        + b"Content-Length: 2\r\n\r\nok",
        200,
        b"ok",
        True,
        False,
    ),
    "L009": (
        b"HTTP/1.1 100 Go\r\nContent-Length: 5\r\nConnection: close\r\n\r\n"
        + OK
        + b"Content-Length: 2\r\n\r\nok",
        200,
        b"ok",
        True,
        False,
    ),
}

REJECTED = {
    "F004": b"<html>hello</html>\r\n",
    "F011": b"HTTP/1.2 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/2": b"HTTP/2 200 OK\r\n\r\n",
    "no version": b"HTTP/x 200 OK\r\n\r\n",
    "no code": b"HTTP/1.1\r\n\r\n",
    "code 099": b"HTTP/1.1 099 OK\r\n\r\n",
    "F016": b"HTTP/1.1 200 O\x00K\r\nContent-Length: 2\r\n\r\nok",
    "F018": b"ICY 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "leading CRLF": b"\r\n" + OK + b"\r\n",
    "TLS alert": b"\x15\x03\x01\x00\x02\x02\x28",
    "F102": OK + b"Content-Length : 2\r\n\r\nok",
    "F103": OK + b": v\r\nContent-Length: 2\r\n\r\nok",
    "F105": OK + b"X-A: a\rb\r\nContent-Length: 2\r\n\r\nok",
    "F106": OK + b"X-A: a\x01\x1bb\r\nContent-Length: 2\r\n\r\nok",
    "F108": OK + b" X-A: a\r\nContent-Length: 2\r\n\r\nok",
    "F110": OK + b"X-\xef\xbf: a\r\nContent-Length: 2\r\n\r\nok",
    "F115": OK + b"X-\nA: b\r\nContent-Length: 2\r\n\r\nok",
    "bare LF": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
    "fold and worse": OK + b"A: b\r\n c\r\nX : 2\r\n\r\n",
    "F205": OK + b"Content-Length: 30\r\nContent-Length: 42\r\n\r\n" + b"x" * 42,
    "F209": OK + b"Content-Length: +42\r\n\r\n" + b"x" * 42,
    "F211": OK + b"Content-Length: 0x2a\r\n\r\n" + b"x" * 42,
    "F215": OK + b"Content-Length: \xef\xbc\x94\xef\xbc\x92\r\n\r\n" + b"x" * 42,
    "20 digits": OK + b"Content-Length: 00000000000000000002\r\n\r\nok",
    "F305": OK + b"Transfer-Encoding: xchunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "F307": OK + b"Transfer-Encoding: chunked\r\n" * 2 + b"\r\n2\r\nok\r\n0\r\n\r\n",
    "F309": OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "Kelvin sign": OK + "Transfer-Encoding: chun\u212aed\r\n\r\n".encode(),
    "F405": CHUNKED + b"+2\r\nok\r\n0\r\n\r\n",
    "F406": CHUNKED + b"-2\r\nok\r\n0\r\n\r\n",
    "F408": CHUNKED + b" 2\r\nok\r\n0\r\n\r\n",
    "F410": CHUNKED + b"2\nok\r\n0\r\n\r\n",
    "F411": CHUNKED + b"2;a\nb\r\nok\r\n0\r\n\r\n",
    "F414": CHUNKED + b"3\r\nok\r\n0\r\n\r\n",
    "longer than said": CHUNKED + b"2\r\nokay\r\n0\r\n\r\n",
    "F415": CHUNKED + b"FFFFFFFFFFFFFFFFF\r\nok",
    "trailer LF": CHUNKED + b"0\r\nA: b\nC: d\r\n\r\n",
    "trailer fold": CHUNKED + b"0\r\nA: b\r\n c\r\n\r\n",
    "trailer name": CHUNKED + b"0\r\nA : b\r\n\r\n",
    "L010": b"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n\0",
}

CUT_SHORT = {
    "F021": (OK + b"Content-Length: 2\r\n", "after 36 bytes of the response head"),
    "F220": (OK + b"Content-Length: 10\r\n\r\nabc", "closed after 3 of 10 body bytes"),
    "F221": (
        OK + b"Content-Length: 1099511627776\r\n\r\nabc",
        "closed after 3 of 1099511627776 body bytes",
    ),
    "F417": (CHUNKED + b"2\r\nok\r\n", "after 2 body bytes, before the last chunk"),
    "in a chunk": (CHUNKED + b"4\r\nok", "after 2 body bytes, before the last chunk"),
    "nothing": (b"", "closed the connection without sending a response"),
    "interim": (b"HTTP/1.1 100 Go\r\n\r\n", "closed after 1 interim responses"),
    "half a greeting": (b"220 mail", "server sent '220 mail', which is not HTTP"),
}


@pytest.mark.parametrize("row", ACCEPTED)
def test_accepted_rows(row: str) -> None:
    """A good response gives its body, and the connection the reuse it deserves."""
    raw, status, body, reusable, desync = ACCEPTED[row]
    connection = a_connection()

    connection.receive(raw)

    got = b"".join(connection.take_body())
    assert (status, body, True) == (connection.status, got, connection.complete)
    assert (reusable, desync) == (connection.reusable, connection.desync)


@pytest.mark.parametrize("row", ACCEPTED)
def test_accepted_rows_in_pieces(row: str) -> None:
    """Cut anywhere, a good response gives the same facts."""
    raw = ACCEPTED[row][0]
    expected = facts_of([raw], a_connection())

    for pieces in every_cut(raw):
        assert expected == facts_of(pieces, a_connection())


@pytest.mark.parametrize("row", REJECTED)
def test_rejected_rows_in_pieces(row: str) -> None:
    """Cut anywhere, a bad response is refused and the connection is done for."""
    raw = REJECTED[row]
    expected = facts_of([raw], a_connection())
    assert expected[0]

    for pieces in every_cut(raw):
        connection = a_connection()
        assert expected == facts_of(pieces, connection)
        assert not connection.reusable


@pytest.mark.parametrize("row", CUT_SHORT)
def test_cut_short_rows(row: str) -> None:
    """A response cut off is an error that says how much there was, never silence."""
    raw, text = CUT_SHORT[row]
    connection = a_connection()
    connection.receive(raw)

    with pytest.raises(RemoteProtocolError) as caught:
        connection.receive_eof()

    assert text in str(caught.value)
    assert not connection.complete


@given(st.sampled_from([*ACCEPTED]), st.lists(st.integers(0, 120), max_size=6))
@settings(max_examples=80, deadline=None)
def test_random_cuts(row: str, at: list[int]) -> None:
    """Any segmentation gives the same facts."""
    raw = ACCEPTED[row][0]
    edges = [0, *sorted(at), len(raw)]
    pieces = [raw[a:b] for a, b in pairwise(edges)]

    assert facts_of([raw], a_connection()) == facts_of(pieces, a_connection())


def test_body_before_a_fault_can_be_taken() -> None:
    """What came before a broken chunk is not lost."""
    connection = a_connection()

    with pytest.raises(RemoteProtocolError):
        connection.receive(CHUNKED + b"2\r\nok\r\nZ\r\n")

    assert [b"ok"] == connection.take_body()


def test_fault_repeats() -> None:
    """A connection that died says so again, whatever arrives."""
    connection = a_connection()
    with pytest.raises(RemoteProtocolError):
        connection.receive(b"ICY 200 OK\r\n")

    with pytest.raises(RemoteProtocolError, match="ICY"):
        connection.receive(b"more")
    with pytest.raises(RemoteProtocolError, match="ICY"):
        connection.receive_eof()


@pytest.mark.parametrize("cut", range(20))
def test_banner_is_quoted(cut: int) -> None:
    """A server of another kind is recognised by what it said."""
    banner = b"SSH-2.0-OpenSSH_9\r\n"
    connection = a_connection()

    with pytest.raises(RemoteProtocolError) as caught:
        for piece in (banner[:cut], banner[cut:]):
            connection.receive(piece)

    text = "server sent 'SSH-2.0-OpenSSH_9', which is not HTTP"
    assert text == str(caught.value)


def test_long_banner_is_capped() -> None:
    """A stranger's line is quoted up to 100 bytes."""
    with pytest.raises(RemoteProtocolError, match=r"'x{100}'"):
        a_connection().receive(b"x" * 1000)


def test_folded_field_is_one_field() -> None:
    """A folded line continues its field with one space (F109)."""
    connection = a_connection()

    connection.receive(ACCEPTED["F109"][0])

    assert (b"Set-Cookie", b"a=b Set-Cookie: evil=1") == connection.headers[0]


def test_equal_lengths_collapse() -> None:
    """Equal Content-Length fields become one (F203)."""
    connection = a_connection()

    connection.receive(ACCEPTED["F203"][0])

    assert [(b"Content-Length", b"42")] == connection.headers


def test_values_lose_outer_white_space_only() -> None:
    """White space around a value is not part of it."""
    connection = a_connection()

    connection.receive(OK + b"A: \t b c \t\r\nB:\r\nContent-Length: 0\r\n\r\n")

    assert [(b"A", b"b c"), (b"B", b"")] == connection.headers[:2]


def test_trailers_stay_apart() -> None:
    """Trailers are facts of their own (F421)."""
    connection = a_connection()

    connection.receive(ACCEPTED["F421"][0])

    expected = [(b"Content-Length", b"999"), (b"Set-Cookie", b"evil=1")]
    assert expected == connection.trailers
    assert [(b"Transfer-Encoding", b"chunked")] == connection.headers


def test_interim_responses_stay_apart() -> None:
    """Interim heads are kept, in order, and not merged (L008)."""
    connection = a_connection()

    connection.receive(ACCEPTED["L008"][0])

    assert [(103, [(b"Link", b"</a>")]), (100, [])] == connection.interim
    assert [(b"Content-Length", b"2")] == connection.headers


def test_body_until_eof() -> None:
    """Without framing the body ends with the connection."""
    connection = a_connection()
    connection.receive(OK + b"\r\nab")
    connection.receive(b"c")
    assert connection.remaining is None

    connection.receive_eof()

    assert ([b"ab", b"c"], True) == (connection.take_body(), connection.complete)
    assert not connection.reusable


def test_remaining_counts_down() -> None:
    """The rest of a body of known length is told at every moment."""
    connection = a_connection()
    seen = [connection.remaining]
    for data in (OK + b"Content-Length: 3\r\n\r\n", b"a", b"bc"):
        connection.receive(data)
        seen.append(connection.remaining)

    assert [None, 3, 2, 0] == seen


@pytest.mark.parametrize(
    "fields", [b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b""]
)
def test_answers_to_head_have_no_body(fields: bytes) -> None:
    """A reply to HEAD ends with its head, and the next exchange works."""
    connection = a_connection("HEAD")
    connection.receive(OK + fields + b"\r\n")
    assert (True, 0) == (connection.reusable, connection.content_length)

    connection.start("GET", b"/", HOST)
    connection.receive(OK + b"Content-Length: 2\r\n\r\nok")

    assert [b"ok"] == connection.take_body()


def test_upgrade_hands_over() -> None:
    """After the 101 we asked for, every byte belongs to the other protocol."""
    raw = b"HTTP/1.1 101 S\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"
    asked = [(b"Upgrade", b"x"), (b"Connection", b"Upgrade")]
    connection = a_connection("GET", *asked)

    connection.receive(raw + b"\0\1")
    connection.receive(b"\2")
    connection.receive_eof()

    assert (101, True, b"\0\1\2") == (
        connection.status, connection.upgraded, connection.trailing,
    )  # fmt: skip
    assert not connection.reusable


def test_connect_hands_over_on_success() -> None:
    """A 2xx to CONNECT opens the tunnel; framing fields in it mean nothing."""
    connection = a_connection("CONNECT", target=b"example.org:443")

    connection.receive(OK + b"Transfer-Encoding: gzip\r\n\r\ntls")

    assert (True, b"tls") == (connection.upgraded, connection.trailing)


def test_connect_refused_is_a_response() -> None:
    """Any other answer to CONNECT is an ordinary response."""
    connection = a_connection("CONNECT", target=b"example.org:443")

    connection.receive(b"HTTP/1.1 407 No\r\nContent-Length: 2\r\n\r\nno")

    assert (False, [b"no"]) == (connection.upgraded, connection.take_body())


def test_bytes_before_the_first_request_are_poison() -> None:
    """A server that talks first is never given a request."""
    connection = HTTP1Connection("example.org:80")

    connection.receive(OK)

    assert connection.desync
    with pytest.raises(LocalProtocolError, match="cannot be used again"):
        connection.start("GET", b"/", HOST)


def test_eof_while_idle_is_no_fault() -> None:
    """A connection closed between exchanges is just not reusable."""
    connection = a_connection()
    connection.receive(OK + b"Content-Length: 0\r\n\r\n")

    connection.receive_eof()

    assert (True, False) == (connection.complete, connection.reusable)
