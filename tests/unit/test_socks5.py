"""SOCKS5 without a socket: what is sent, what is believed, what is refused."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mooring._errors import LocalProtocolError, ProxyError
from mooring._protocol.socks5 import SOCKS5Tunnel

AUTH = (b"alice", b"sesame-open")
CHOICE_NONE = b"\x05\x00"
CHOICE_AUTH = b"\x05\x02"
WELCOME = b"\x01\x00"
REPLY_IPV4 = b"\x05\x00\x00\x01\x7f\x00\x00\x01\x1f\x90"
REPLY_NAME = b"\x05\x00\x00\x03\x05a.foo\x1f\x90"
REPLY_IPV6 = b"\x05\x00\x00\x04" + IPv6Address("::1").packed + b"\x1f\x90"
REPLIES = [REPLY_IPV4, REPLY_NAME, REPLY_IPV6]


def a_tunnel(
    host: str = "example.org",
    port: int = 443,
    *,
    auth: tuple[bytes, bytes] | None = None,
) -> SOCKS5Tunnel:
    return SOCKS5Tunnel("proxy:1080", host, port, auth=auth)


def started(*, auth: tuple[bytes, bytes] | None = None) -> SOCKS5Tunnel:
    tunnel = a_tunnel(auth=auth)
    tunnel.start()
    return tunnel


def failure(tunnel: SOCKS5Tunnel, *answers: bytes) -> ProxyError:
    """Return the error that the last of *answers* ends in; ``b""`` is the end."""
    with pytest.raises(ProxyError) as caught:
        for answer in answers:
            tunnel.receive(answer) if answer else tunnel.receive_eof()
    assert not tunnel.established
    return caught.value


def text(tunnel: SOCKS5Tunnel, *answers: bytes) -> str:
    return str(failure(tunnel, *answers))


def request_for(host: str, port: int) -> bytes:
    tunnel = a_tunnel(host, port)
    tunnel.start()
    return tunnel.receive(CHOICE_NONE)


@pytest.mark.parametrize("reply", REPLIES)
def test_a_tunnel_without_authentication(reply: bytes) -> None:
    """Greeting, choice, request, reply: then the bytes are the target's."""
    tunnel = a_tunnel()

    assert b"\x05\x01\x00" == tunnel.start()
    assert b"\x05\x01\x00\x03\x0bexample.org\x01\xbb" == tunnel.receive(CHOICE_NONE)
    assert not tunnel.established
    assert b"" == tunnel.receive(reply)
    assert tunnel.established
    assert b"" == tunnel.trailing


def test_a_tunnel_with_user_and_password() -> None:
    """The credentials go out when they are asked for, in a message of their own."""
    tunnel = a_tunnel(auth=AUTH)

    assert b"\x05\x02\x02\x00" == tunnel.start()
    assert b"\x01\x05alice\x0bsesame-open" == tunnel.receive(CHOICE_AUTH)
    assert tunnel.receive(WELCOME).startswith(b"\x05\x01\x00\x03")
    tunnel.receive(REPLY_IPV4)
    assert tunnel.established


def test_credentials_stay_here_if_not_asked_for() -> None:
    """A proxy that lets anybody in does not learn a password."""
    assert b"sesame" not in started(auth=AUTH).receive(CHOICE_NONE)


def test_a_user_name_alone_is_sent() -> None:
    """Many services take a token for the user name and no password."""
    tunnel = started(auth=(b"token", b""))

    assert b"\x01\x05token\x00" == tunnel.receive(CHOICE_AUTH)


@pytest.mark.parametrize(
    ("host", "sent"),
    [
        ("192.0.2.7", b"\x01" + IPv4Address("192.0.2.7").packed),
        ("2001:db8::7", b"\x04" + IPv6Address("2001:db8::7").packed),
        ("a" * 255, b"\x03\xff" + b"a" * 255),
        ("xn--bcher-kva.example", b"\x03\x15xn--bcher-kva.example"),
    ],
)
def test_addresses_go_as_addresses_and_names_as_names(host: str, sent: bytes) -> None:
    """Nothing is resolved here, whatever the proxy may make of it."""
    assert b"\x05\x01\x00" + sent + b"\x20\xfb" == request_for(host, 8443)


@pytest.mark.parametrize("length", [256, 300, 1000])
def test_long_names_are_refused(length: int) -> None:
    """A name over 255 bytes is neither cut short nor resolved here (P017)."""
    with pytest.raises(LocalProtocolError) as caught:
        a_tunnel("a" * length)

    assert f"a host name of {length} bytes is too long for SOCKS5 (limit 255)" == str(
        caught.value
    )


@pytest.mark.parametrize(
    "host",
    [
        "",
        "a b",
        "a\0b",
        "a/b",
        "user@host",
        "b\xfccher",
        "fe80::1%eth0",
        "[::1]",
        "a:b",
    ],
)
def test_odd_hosts_are_refused(host: str) -> None:
    """What a proxy might read as another host never reaches it."""
    with pytest.raises(LocalProtocolError, match="a proxy cannot be asked for"):
        a_tunnel(host)


@pytest.mark.parametrize("port", [-1, 65536])
def test_odd_ports_are_refused(port: int) -> None:
    """A port has two bytes."""
    with pytest.raises(LocalProtocolError, match="out of range"):
        a_tunnel("a.example", port)


@pytest.mark.parametrize(
    ("auth", "what"),
    [((b"u" * 256, b"p"), "user name"), ((b"u", b"sesame" * 50), "password")],
)
def test_long_credentials_are_refused(auth: tuple[bytes, bytes], what: str) -> None:
    """Too long for their length byte; the text has the length only."""
    with pytest.raises(LocalProtocolError, match=f"a {what} of ") as caught:
        a_tunnel(auth=auth)

    assert "sesame" not in str(caught.value)


@pytest.mark.parametrize(
    ("code", "why"),
    [
        (1, "it failed in general (reply 1)"),
        (2, "its rules do not allow it (reply 2)"),
        (3, "network unreachable (reply 3)"),
        (4, "host unreachable (reply 4)"),
        (5, "connection refused (reply 5)"),
        (6, "time to live expired (reply 6)"),
        (7, "it does not know the command CONNECT (reply 7)"),
        (8, "it does not take this kind of address (reply 8)"),
        (9, "for a reason that the protocol has no name for (reply 9)"),
        (255, "for a reason that the protocol has no name for (reply 255)"),
    ],
)
def test_refusals_are_put_into_words(code: int, why: str) -> None:
    """The error says from where to where, and the reason the proxy gave (P019)."""
    reply = bytes([5, code, 0, 1]) + bytes(6)

    expected = f"no way to example.org:443 through the SOCKS5 proxy proxy:1080: {why}"
    assert expected == text(started(), CHOICE_NONE, reply)
    # Some proxies hang up after two bytes.
    assert expected == text(started(), CHOICE_NONE, reply[:2])


def test_a_proxy_that_wants_authentication_is_told_of() -> None:
    """0xFF with nothing to offer gives the hint where credentials go (P019)."""
    error = failure(started(), b"\x05\xff")

    assert "does not let us in without authentication" in str(error)
    assert ["credentials go into the proxy's URL: socks5://user:password@host"] == (
        error.__notes__
    )


def test_a_proxy_that_takes_no_offer_is_told_of() -> None:
    """0xFF though both ways were offered (P019)."""
    assert "neither a user name and password nor none" in text(
        started(auth=AUTH), b"\x05\xff"
    )


def test_refused_credentials_are_told_of() -> None:
    """The text has the status, and nothing of the credentials."""
    error = text(started(auth=AUTH), CHOICE_AUTH, b"\x01\x07")

    assert error.endswith("it refused the user name and password (status 7)")
    assert "sesame" not in error
    assert "alice" not in error


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ([b"\x04\x5a"], r"it answered '\x04Z', which is not SOCKS5"),
        ([b"HTTP/1.1 400 Bad"], "it answered 'HTTP/1.1 400 Bad', which is not SOCKS5"),
        ([b"\x05\x01"], "it chose method 1, which was not offered"),
        ([CHOICE_AUTH], "it chose method 2, which was not offered"),
        ([CHOICE_NONE, b"\x04"], "it replied in version 4"),
        ([CHOICE_NONE, b"\x05\x00\x00\x02"], "an address of the unknown kind 2"),
        ([CHOICE_NONE + b"x"], "it sent 1 byte that nobody asked for"),
        ([CHOICE_NONE + REPLY_IPV4], "it sent 10 bytes that nobody asked for"),
        ([b"\x05" * 10240], "it chose method 5, which was not offered"),
        ([CHOICE_NONE + bytes(10240)], "it sent 10240 bytes that nobody asked for"),
        ([CHOICE_NONE, b"A" * 10240], "it replied in version 65"),
        ([b""], "it closed the connection during the greeting"),
        ([b"\x05", b""], "it closed the connection during the greeting"),
        ([CHOICE_NONE, b""], "it closed the connection during the request"),
        ([CHOICE_NONE, REPLY_NAME[:-1], b""], "during the request"),
    ],
)
def test_what_is_not_socks5_is_refused(answers: list[bytes], why: str) -> None:
    """Wrong versions, methods and kinds, surplus and short answers (P019)."""
    assert why in text(started(), *answers)


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ([b"\x05\x00"], "it answered in version 5 of authentication"),
        ([b"\x01\x00\x05"], "it sent 1 byte that nobody asked for"),
        ([b""], "it closed the connection during the authentication"),
    ],
)
def test_broken_authentication_is_refused(answers: list[bytes], why: str) -> None:
    """RFC 1929 has a version of its own, and answers of two bytes."""
    assert why in text(started(auth=AUTH), CHOICE_AUTH, *answers)


def test_an_http_proxy_is_recognised() -> None:
    """The most common mix-up gets a hint."""
    error = failure(started(), b"HTTP/1.1 400 Bad Request\r\n\r\n")

    assert ["use http:// for a proxy that speaks HTTP"] == error.__notes__


def test_an_echo_of_the_greeting_does_not_get_the_credentials() -> None:
    """A server that sends back what it gets has not asked for a password."""
    tunnel = a_tunnel(auth=AUTH)

    assert "it sent 2 bytes that nobody asked for" in text(tunnel, tunnel.start())


def test_bytes_before_the_greeting_are_refused() -> None:
    """A proxy that speaks first is none."""
    assert "it sent 3 bytes that nobody asked for" in text(a_tunnel(), b"SSH")


def test_a_failed_tunnel_stays_failed() -> None:
    """What comes after the end changes nothing."""
    tunnel = started()
    first = text(tunnel, b"\x05\xff")

    assert first == text(tunnel, CHOICE_NONE)
    assert first == text(tunnel, b"")


def test_bytes_after_the_reply_are_the_targets() -> None:
    """They are handed over, as is what arrives later."""
    tunnel = started()
    tunnel.receive(CHOICE_NONE)

    tunnel.receive(REPLY_NAME + b"early")
    tunnel.receive(b" bird")
    tunnel.receive_eof()

    assert b"early bird" == tunnel.trailing


@pytest.mark.parametrize(("size", "noun"), [(1, "1 byte"), (10240, "10240 bytes")])
def test_a_target_that_must_not_speak_first_is_refused(size: int, noun: str) -> None:
    """Neither TLS nor HTTP/1.1 begins with the server (P019: a 10 KiB reply)."""
    tunnel = started()
    tunnel.receive(CHOICE_NONE)
    tunnel.receive(REPLY_IPV4)
    tunnel.check_silence()
    tunnel.receive(b"x" * size)

    with pytest.raises(ProxyError, match=f"it sent {noun} that nobody asked for"):
        tunnel.check_silence()
    assert not tunnel.established
    assert b"" == tunnel.trailing


def test_a_broken_connection_is_told_of() -> None:
    """With what the system said, and how far the conversation was."""
    tunnel = started()
    tunnel.receive(CHOICE_NONE)

    assert (
        "no way to example.org:443 through the SOCKS5 proxy proxy:1080:"
        " reset by the server during the request"
    ) == str(tunnel.lost("reset by the server"))


def test_what_is_waited_for_is_told() -> None:
    """A text on a timeout says how far the conversation was (P019)."""
    tunnel = started(auth=AUTH)

    said = [tunnel.doing]
    for answer in (CHOICE_AUTH, WELCOME):
        tunnel.receive(answer)
        said.append(tunnel.doing)

    assert [
        "in the greeting with the SOCKS5 proxy proxy:1080",
        "in the authentication with the SOCKS5 proxy proxy:1080",
        "in the request with the SOCKS5 proxy proxy:1080",
    ] == said


@given(
    authenticates=st.booleans(),
    reply=st.sampled_from(REPLIES),
    cuts=st.sets(st.integers(1, 30)),
    trailing=st.binary(max_size=5),
)
def test_pieces_do_not_matter(
    authenticates: bool, reply: bytes, cuts: set[int], trailing: bytes
) -> None:
    """Answers may come one byte at a time (P019)."""
    tunnel = started(auth=AUTH if authenticates else None)
    answers = [CHOICE_AUTH, WELCOME] if authenticates else [CHOICE_NONE]
    sent = b""

    for answer in [*answers, reply + trailing]:
        last = 0
        for cut in sorted(cuts | {len(answer)}):
            sent += tunnel.receive(answer[last:cut])
            last = min(cut, len(answer))

    assert tunnel.established
    assert trailing == tunnel.trailing
    assert 1 == sent.count(b"example.org")
    assert int(authenticates) == sent.count(b"sesame-open")


@given(st.lists(st.binary(max_size=300), max_size=6), st.booleans())
def test_any_answer_ends_well(answers: list[bytes], authenticates: bool) -> None:
    """Whatever comes: a tunnel, or one line that says why not, and no secret."""
    tunnel = started(auth=AUTH if authenticates else None)

    said = ""

    try:
        for answer in answers:
            tunnel.receive(answer)
        tunnel.receive_eof()
    except ProxyError as error:
        said = str(error)

    assert tunnel.established is not bool(said)
    assert said.isprintable()
    assert "sesame" not in said


@given(st.text(max_size=300), st.integers(0, 65535))
def test_any_host_is_sent_whole_or_refused(host: str, port: int) -> None:
    """The proxy reads the very host and port that were meant."""
    try:
        request = request_for(host, port)
    except LocalProtocolError:
        return

    kind, body = request[3], request[4:]
    assert port == int.from_bytes(body[-2:], "big")
    if kind == 3:
        assert (len(host), host.encode()) == (body[0], body[1:-2])
    elif kind == 1:
        assert IPv4Address(host).packed == body[:-2]
    else:
        assert IPv6Address(host).packed == body[:-2]
