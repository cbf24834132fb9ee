"""CONNECT without a socket: what is asked, what is granted, what is refused."""

from __future__ import annotations

from base64 import b64decode, b64encode
from itertools import pairwise

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mooring._errors import LocalProtocolError, ProxyError, RemoteProtocolError
from mooring._protocol.connect import ConnectTunnel, proxy_authorization
from mooring._protocol.connect_target import Tunnel
from mooring._protocol.http1_limits import HTTP1Limits
from mooring._protocol.socks5 import SOCKS5Tunnel

AUTH = (b"alice", b"sesame-open")
TOKEN = b64encode(b":".join(AUTH))
GRANTED = b"HTTP/1.1 200 Connection established\r\n\r\n"
WHERE = "no tunnel to example.org:443 through the proxy proxy:3128: "


def a_tunnel(
    host: str = "example.org",
    port: int = 443,
    *,
    auth: tuple[bytes, bytes] | None = None,
    headers: list[tuple[bytes, bytes]] | None = None,
) -> ConnectTunnel:
    return ConnectTunnel("proxy:3128", host, port, auth=auth, headers=headers or [])


def started(*, auth: tuple[bytes, bytes] | None = None) -> ConnectTunnel:
    tunnel = a_tunnel(auth=auth)
    tunnel.start()
    return tunnel


def failure(tunnel: ConnectTunnel, *answers: bytes) -> ProxyError:
    """Return the error that the last of *answers* ends in; ``b""`` is the end."""
    with pytest.raises(ProxyError) as caught:
        for answer in answers:
            tunnel.receive(answer) if answer else tunnel.receive_eof()
    assert not tunnel.established
    assert b"" == tunnel.trailing
    return caught.value


def why(tunnel: ConnectTunnel, *answers: bytes) -> str:
    error = str(failure(tunnel, *answers))
    assert error.startswith(WHERE)
    return error.removeprefix(WHERE)


def refusal(status: bytes, *fields: bytes) -> bytes:
    lines = [b"HTTP/1.1 " + status, *fields, b"Content-Length: 9", b"", b"<go away>"]
    return b"\r\n".join(lines)


def test_the_request_names_the_target_only() -> None:
    """Target and Host are the authority, and nobody is told who we are."""
    assert (
        b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n"
        == a_tunnel().start()
    )


def test_addresses_are_bracketed() -> None:
    """An IPv6 address without brackets would swallow the port."""
    assert b"CONNECT [2001:db8::1]:80 HTTP/1.1\r\nHost: [2001:db8::1]:80\r\n" in (
        a_tunnel("2001:db8::1", 80).start()
    )


def test_fields_for_the_proxy_are_sent() -> None:
    """What a Proxy has for headers, as it was given."""
    head = a_tunnel(headers=[(b"X-Via", b"a"), (b"User-Agent", b"me")]).start()

    assert head.endswith(b":443\r\nX-Via: a\r\nUser-Agent: me\r\n\r\n")


def test_credentials_are_in_the_request_for_the_tunnel() -> None:
    """Proxy-Authorization is in CONNECT, once; nothing follows it (P004)."""
    tunnel = a_tunnel(auth=AUTH)
    head = tunnel.start()

    assert 1 == head.count(b"\r\nProxy-Authorization: Basic " + TOKEN + b"\r\n")
    assert b"" == tunnel.receive(GRANTED)


def test_a_field_of_ones_own_stands_in_place_of_the_credentials() -> None:
    """Two Proxy-Authorization fields would be one too many."""
    head = a_tunnel(auth=AUTH, headers=[(b"proxy-authorization", b"Bearer x")]).start()

    assert b"\r\nproxy-authorization: Bearer x\r\n" in head
    assert TOKEN not in head


def test_credentials_are_of_one_tunnel() -> None:
    """Neither another proxy nor no proxy user inherits them (P012, P013, P028)."""
    heads = [
        a_tunnel(auth=auth).start() for auth in (AUTH, (b"bob", b"b"), None, AUTH, None)
    ]

    assert [True, False, False, True, False] == [TOKEN in head for head in heads]
    assert [True, True, False, True, False] == [b"Proxy-Auth" in h for h in heads]


@pytest.mark.parametrize(
    ("user", "password"), [(b"", b""), (b"u", b""), (b"\xc3\xbc", b"a:b"), AUTH]
)
def test_basic_is_base64(user: bytes, password: bytes) -> None:
    """User, colon, password (RFC 7617)."""
    scheme, _, token = proxy_authorization(user, password).partition(b" ")

    assert (b"Basic", user + b":" + password) == (scheme, b64decode(token))


def test_a_colon_in_the_user_name_is_refused() -> None:
    """The proxy would take it for the end of the name; the text keeps the name."""
    with pytest.raises(LocalProtocolError, match="a colon in it") as caught:
        a_tunnel(auth=(b"dom:alice", b"sesame"))

    assert "alice" not in str(caught.value)


@pytest.mark.parametrize(
    "header",
    [
        (b"Host", b"other.example"),
        (b"X", b"a\r\nEvil: 1"),
        (b"X\r\nEvil", b"1"),
        (b"Content-Length", b"5"),
        (b"Transfer-Encoding", b"chunked"),
        (b"Proxy-Authorization", b"Basic sesame\n"),
    ],
)
def test_what_is_not_fit_to_be_sent_is_refused(header: tuple[bytes, bytes]) -> None:
    """Fields for the proxy are checked like any others, before anything is sent."""
    with pytest.raises(LocalProtocolError) as caught:
        a_tunnel(headers=[header])

    assert "sesame" not in str(caught.value)


@pytest.mark.parametrize(
    "host", ["", "a b", "a/b", "a\r\nb", "user@host", "a?b", "a#b", "b\xfccher", "a:1"]
)
def test_odd_hosts_are_refused(host: str) -> None:
    """What a proxy might read as another host never reaches it."""
    with pytest.raises(LocalProtocolError, match="a proxy cannot be asked for"):
        a_tunnel(host)


def test_zones_are_refused() -> None:
    """The proxy has other links."""
    with pytest.raises(LocalProtocolError, match="the zone is one of this machine"):
        a_tunnel("fe80::1%eth0")


@pytest.mark.parametrize(
    "answer",
    [
        GRANTED,
        b"HTTP/1.0 200 OK\r\n\r\n",
        b"HTTP/1.1 204\r\n\r\n",
        b"HTTP/1.1 299 ?\r\nVia: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" + GRANTED,
    ],
)
def test_any_2xx_grants_the_tunnel(answer: bytes) -> None:
    """With no body, whatever the fields say (RFC 9110 section 9.3.6)."""
    tunnel = started()

    tunnel.receive(answer)

    assert tunnel.established
    assert b"" == tunnel.trailing


def test_bytes_after_the_head_are_the_targets() -> None:
    """They are handed over, as is what arrives later."""
    tunnel = started()

    tunnel.receive(GRANTED + b"early")
    tunnel.receive(b" bird")
    tunnel.receive_eof()

    assert b"early bird" == tunnel.trailing


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        (b"403 Blocked by policy", "it answered 403 Blocked by policy"),
        (b"502 Bad Gateway", "it answered 502 Bad Gateway"),
        (b"503", "it answered 503 Service Unavailable"),
        (b"302 Found", "it answered 302 Found"),
        (b"599", "it answered 599"),
        (b"400 \xff'\"", "it answered 400 \\xff\\'\""),
    ],
)
def test_refusals_say_what_the_proxy_said(status: bytes, shown: str) -> None:
    """The head is told of, the body is nobody's (P007)."""
    tunnel = started()

    assert shown == why(tunnel, refusal(status))
    assert int(status[:3]) == tunnel.status


def test_long_reasons_are_cut() -> None:
    """An error text is no place for a page."""
    assert len("it answered 502 ") + 100 == len(
        why(started(), refusal(b"502 " + b"x" * 5000))
    )


def test_a_proxy_that_wants_authentication_is_told_of() -> None:
    """407 gives the schemes on offer and where credentials go (P007)."""
    fields = [
        b'Proxy-Authenticate: Basic realm="a"',
        b"proxy-authenticate: NTLM",
        b"Proxy-Authenticate: Basic",
    ]
    error = failure(started(), refusal(b"407 Auth needed", *fields))

    expected = WHERE + "it asks for a user name and password (407 Auth needed)"
    assert expected == str(error)
    assert [
        "it offers Basic, NTLM",
        "credentials go into the proxy's URL: http://user:password@host",
    ] == error.__notes__


def test_refused_credentials_are_told_of() -> None:
    """407 though they were sent; the text has none of them."""
    error = failure(started(auth=AUTH), refusal(b"407 No"))

    assert WHERE + "it refused the credentials (407 No)" == str(error)
    assert ["it names no scheme"] == error.__notes__


def test_a_proxy_that_does_not_speak_basic_is_told_of() -> None:
    """The user cannot know that there is no more."""
    error = failure(
        started(auth=AUTH), refusal(b"407 No", b"Proxy-Authenticate: Negotiate")
    )

    assert ["it offers Negotiate; only Basic is spoken here"] == error.__notes__


@pytest.mark.parametrize(
    "quoted", [TOKEN, AUTH[1], b"alice:sesame-open", b"Basic " + TOKEN, TOKEN[:8]]
)
def test_credentials_that_are_quoted_back_are_not_shown(quoted: bytes) -> None:
    """Some proxies put what they refuse into the status line."""
    answer = refusal(b"407 bad credentials " + quoted)

    expected = "it refused the credentials (407 Proxy Authentication Required)"
    assert expected == why(started(auth=AUTH), answer)


def test_an_echo_is_not_shown() -> None:
    """What is no HTTP at all may hold them, too."""
    echo = b"you said 'Basic " + TOKEN + b"'\r\n"

    assert "server sent [redacted], which is not HTTP" == why(started(auth=AUTH), echo)


def test_a_long_answer_is_not_looked_through() -> None:
    """Beyond the first pages nobody can tell what a quotation would hold."""
    error = why(started(auth=AUTH), b"HTTP/1.1 2000 " + b"x" * 5000 + b"\r\n\r\n")

    assert "invalid response from proxy:3128: bad status line [redacted]" == error


def test_a_stranger_is_quoted() -> None:
    """A greeting without our credentials helps to see who answered."""
    assert "server sent 'SSH-2.0-x', which is not HTTP" == why(
        started(auth=AUTH), b"SSH-2.0-x\r\n"
    )


def test_a_proxy_that_speaks_tls_is_recognised() -> None:
    """The alert a TLS server gives to plain text gets a hint."""
    error = failure(started(), b"\x15", b"\x03\x01\x00\x02\x02\x16", b"")

    assert WHERE + "it answered in TLS to plain HTTP" == str(error)
    assert ["use https:// for a proxy that speaks TLS on that port"] == error.__notes__


@pytest.mark.parametrize(
    ("answers", "shown"),
    [
        ([b""], "server closed the connection without sending a response"),
        ([b"HTTP/1.1 200", b""], "server closed after 12 bytes of the response head"),
        ([b"HTTP/1.1 2000 x\r\n\r\n"], "bad status line 'HTTP/1.1 2000 x'"),
        ([b"HTTP/2 200\r\n\r\n"], "HTTP/2 is not spoken here"),
        ([b"HTTP/1.1 101 Switching\r\n\r\n"], "101 Switching Protocols without being"),
        ([b"HTTP/1.1 200 OK\r\nA\0: b\r\n\r\n"], "invalid response from proxy:3128"),
    ],
)
def test_what_is_no_answer_is_refused(answers: list[bytes], shown: str) -> None:
    """Whatever the engine for HTTP/1.1 refuses becomes a ProxyError."""
    error = failure(started(), *answers)

    assert shown in str(error)
    assert isinstance(error.__cause__, RemoteProtocolError)


def test_101_is_no_tunnel() -> None:
    """Not even if a field for the proxy asked for an upgrade."""
    tunnel = a_tunnel(headers=[(b"Connection", b"upgrade"), (b"Upgrade", b"h2c")])
    tunnel.start()

    assert "it answered 101 Sure" == why(tunnel, b"HTTP/1.1 101 Sure\r\n\r\nx")


@pytest.mark.parametrize(
    ("opening", "line"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"X-Filler: " + b"x" * 1000 + b"\r\n"),
        (b"HTTP/1.1 200 OK\r\n", b"x: y\r\n"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 200 ", b"x" * 1000),
    ],
)
def test_endless_heads_are_refused_at_the_cap(opening: bytes, line: bytes) -> None:
    """A proxy that never comes to an end meets a limit (P010)."""
    limits = HTTP1Limits()
    tunnel = ConnectTunnel("proxy:3128", "a.example", 443, limits=limits)
    tunnel.start()
    tunnel.receive(opening)
    sent = 0

    with pytest.raises(ProxyError):
        while sent <= 2 * limits.head_bytes:
            tunnel.receive(line)
            sent += len(line)

    assert sent <= limits.head_bytes


def test_bytes_before_the_request_are_refused() -> None:
    """A proxy that speaks first is none."""
    assert "it spoke before it was asked" == why(a_tunnel(), b"SSH-2.0-x\r\n")


def test_an_end_before_the_request_is_refused() -> None:
    """Nobody was asked, and nobody is there."""
    assert "it closed the connection before it was asked" == why(a_tunnel(), b"")


def test_a_failed_tunnel_stays_failed() -> None:
    """What comes after the end changes nothing, and the hint stays."""
    tunnel = started()
    first = failure(tunnel, refusal(b"407 x", b"Proxy-Authenticate: Basic"))

    for later in (GRANTED, b""):
        again = failure(tunnel, later)
        assert (str(first), first.__notes__) == (str(again), again.__notes__)


@pytest.mark.parametrize(("size", "noun"), [(1, "1 byte"), (10240, "10240 bytes")])
def test_a_target_that_must_not_speak_first_is_refused(size: int, noun: str) -> None:
    """Neither TLS nor HTTP/1.1 begins with the server."""
    tunnel = started()
    tunnel.receive(GRANTED)
    tunnel.check_silence()
    tunnel.receive(b"x" * size)

    with pytest.raises(ProxyError, match=f"it sent {noun} that nobody asked for"):
        tunnel.check_silence()
    assert not tunnel.established
    assert b"" == tunnel.trailing


def test_a_broken_connection_is_told_of() -> None:
    """With what the system said."""
    assert WHERE + "reset by the server" == str(started().lost("reset by the server"))


def test_both_ways_through_a_proxy_are_driven_alike() -> None:
    """One loop in the shell does for CONNECT and SOCKS5."""
    ways: list[tuple[Tunnel, list[bytes]]] = [
        (a_tunnel(), [GRANTED]),
        (
            SOCKS5Tunnel("proxy:1080", "example.org", 443, auth=AUTH),
            [b"\x05\x02", b"\x01\x00", b"\x05\x00\x00\x01" + bytes(6)],
        ),
    ]

    for tunnel, answers in ways:
        sent = [tunnel.start()]
        while not tunnel.established:
            sent.append(tunnel.receive(answers.pop(0)))

        tunnel.check_silence()
        assert [] == answers
        assert b"example.org" in b"".join(sent)


def test_what_is_waited_for_is_told() -> None:
    """A text on a timeout says that it is the proxy's answer (P010)."""
    assert "asking the proxy proxy:3128 for a tunnel" == started().doing


@given(
    answer=st.sampled_from([GRANTED + b"more", refusal(b"403 No"), b"SSH-2.0-x\r\n"]),
    cuts=st.sets(st.integers(1, 60)),
)
def test_pieces_do_not_matter(answer: bytes, cuts: set[int]) -> None:
    """The same bytes give the same facts however they are cut."""

    def outcome(*pieces: bytes) -> tuple[bool, bytes, str]:
        tunnel = started()
        try:
            for piece in pieces:
                tunnel.receive(piece)
        except ProxyError as error:
            return False, b"", str(error)
        return tunnel.established, tunnel.trailing, ""

    edges = [0, *sorted(cuts), len(answer)]
    pieces = [answer[a:b] for a, b in pairwise(edges)]

    assert outcome(answer) == outcome(*pieces)


@given(
    answers=st.lists(
        st.one_of(
            st.binary(max_size=200),
            st.sampled_from(
                [b"HTTP/1.1 ", b"407 ", b"200 ", b"\r\n", b"\r\n\r\n", TOKEN, AUTH[1]]
            ),
        ),
        max_size=8,
    )
)
def test_any_answer_ends_well(answers: list[bytes]) -> None:
    """Whatever comes: a tunnel, or one line that says why not, and no secret."""
    tunnel = started(auth=AUTH)
    said = ""

    try:
        for answer in answers:
            tunnel.receive(answer)
        tunnel.receive_eof()
    except ProxyError as error:
        said = str(error)

    assert tunnel.established is not bool(said)
    assert said.isprintable()
    assert AUTH[1].decode() not in said
    assert TOKEN.decode() not in said


@given(
    host=st.one_of(
        st.text(max_size=30), st.from_regex(r"[a-z0-9.-]{1,20}", fullmatch=True)
    ),
    port=st.integers(1, 65535),
    auth=st.none() | st.tuples(st.binary(max_size=9), st.binary(max_size=9)),
)
def test_another_parser_reads_what_was_meant(
    host: str, port: int, auth: tuple[bytes, bytes] | None
) -> None:
    """A server by h11 sees this one request, or nothing was sent."""
    try:
        head = a_tunnel(host, port, auth=auth).start()
    except LocalProtocolError:
        return
    server = h11.Connection(h11.SERVER)
    server.receive_data(head)
    request = server.next_event()

    assert isinstance(request, h11.Request)
    authority = f"{host}:{port}".encode()
    assert (b"CONNECT", authority) == (request.method, request.target)
    fields = [(b"host", authority)]
    if auth is not None:
        fields.append((b"proxy-authorization", proxy_authorization(*auth)))
    assert fields == list(request.headers)
