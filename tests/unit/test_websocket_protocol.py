"""WebSocket without I/O: messages and their sizes, answers, keep-alive, handshake."""

from __future__ import annotations

from typing import Any

import pytest
from wsproto import ConnectionType
from wsproto.connection import Connection
from wsproto.events import (
    BytesMessage,
    CloseConnection,
    Message,
    Ping,
    Pong,
    TextMessage,
)

import mooring
from mooring._protocol.websocket import Close, WebSocketProtocol
from mooring._protocol.websocket_alive import Due, KeepAlive
from mooring._protocol.websocket_handshake import handshake_fields, handshake_problem


def server() -> Connection:
    return Connection(ConnectionType.SERVER)


def frames(*events: Any) -> bytes:
    peer = server()
    return b"".join(bytes(peer.send(event)) for event in events)


def seen(data: bytes) -> list[Any]:
    """What a server makes of bytes that we sent."""
    peer = server()
    peer.receive_data(data)
    return list(peer.events())


def fragments(*pieces: Any) -> list[Message[Any]]:
    kind = TextMessage if isinstance(pieces[0], str) else BytesMessage
    last = len(pieces) - 1
    return [kind(p, message_finished=i == last) for i, p in enumerate(pieces)]


def test_fragments_become_one_message() -> None:
    """Also with a ping in between, and an empty piece."""
    one, two, three = fragments("moor", "", "ing")
    received = WebSocketProtocol(100).receive(frames(one, Ping(b"x"), two, three))

    assert [TextMessage("mooring")] == received.messages
    assert [Pong(b"x")] == seen(received.reply)


@pytest.mark.parametrize("message", [TextMessage("grün"), BytesMessage(b"\0\xff")])
def test_bytes_one_by_one(message: Message[Any]) -> None:
    """However the network cuts it, the message is the same."""
    protocol = WebSocketProtocol(100)
    received = [protocol.receive(bytes([b])) for b in frames(message)]

    assert [message] == [m for each in received for m in each.messages]


def test_a_message_may_have_just_its_size() -> None:
    """The limit counts bytes, not characters."""
    assert [TextMessage("üü")] == WebSocketProtocol(4).receive(
        frames(TextMessage("üü"))
    ).messages


@pytest.mark.parametrize(
    "events",
    [
        [TextMessage("üü")],
        [BytesMessage(b"1234")],
        fragments(b"12", b"34"),
        fragments("a", "", "b", "cd"),
    ],
)
def test_a_message_that_is_too_large(events: list[Message[Any]]) -> None:
    """It closes the connection with 1009, and nothing after it is looked at."""
    protocol = WebSocketProtocol(3)
    received = protocol.receive(frames(*events, TextMessage("x")))

    assert Close(1009, "Message too big") == received.close
    assert [] == received.messages
    assert [CloseConnection(1009, "Message too big")] == seen(received.reply)
    assert [] == protocol.receive(frames(TextMessage("x"))).messages


def test_a_huge_frame_is_refused_at_its_first_bytes() -> None:
    """What the head of a frame announces is not waited for."""
    head = frames(BytesMessage(bytes(70_000)))[:20]

    assert Close(1009, "Message too big") == WebSocketProtocol(5).receive(head).close


def test_sizes_are_counted_per_message() -> None:
    """Many small ones are never too large."""
    received = WebSocketProtocol(3).receive(frames(*[TextMessage("abc")] * 5))

    assert 5 == len(received.messages)
    assert received.close is None


def test_only_the_last_of_many_pings_is_answered() -> None:
    """As RFC 6455 allows, so that a flood in is not a flood out."""
    received = WebSocketProtocol(9).receive(frames(Ping(b"1"), Ping(b"2"), Ping(b"3")))

    assert [Pong(b"3")] == seen(received.reply)


@pytest.mark.parametrize(
    ("code", "reason", "answer"),
    [(1000, "", 1000), (4000, "bye", 4000), (1005, "", 1005)],
)
def test_a_close_is_answered(code: int, reason: str, answer: int) -> None:
    """With the code it came with, or with none."""
    sent = CloseConnection(code, reason) if code != 1005 else None
    data = frames(sent) if sent else b"\x88\x00"
    received = WebSocketProtocol(9).receive(data)

    assert Close(code, reason) == received.close
    assert [answer] == [event.code for event in seen(received.reply)]


def test_our_close_is_said_once() -> None:
    """A second one, and the answer to the peer's answer, are nothing."""
    protocol = WebSocketProtocol(9)

    assert [CloseConnection(1001, "off")] == seen(protocol.send_close(1001, "off"))
    assert b"" == protocol.send_close(1000, None)
    assert b"" == protocol.receive(frames(CloseConnection(1001))).reply


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\x81\x81\0\0\0\0a", 1002),  # masked, by a server
        (b"\xc1\x01a", 1002),  # a reserved bit
        (b"\x83\x00", 1002),  # an opcode that there is not
        (b"\x80\x01a", 1002),  # a continuation of nothing
        (b"\x81\x01\xff", 1007),  # no UTF-8
        (b"\x88\x02\x03\xed", 1002),  # closed with 1005, which is not for the wire
        (b"\x89\x7e\x00\x7e" + bytes(126), 1002),  # a ping too long
    ],
)
def test_a_violation_closes(data: bytes, code: int) -> None:
    """The peer is told which kind it was."""
    received = WebSocketProtocol(200).receive(data)

    assert received.close is not None
    assert received.close.reason
    assert [code, code] == [received.close.code, seen(received.reply)[0].code]


def test_what_cannot_be_sent() -> None:
    """Whatever wsproto raises is a LocalProtocolError of ours."""
    protocol = WebSocketProtocol(9)
    with pytest.raises(mooring.LocalProtocolError, match="payload too long"):
        protocol.send_ping(bytes(126))
    protocol.send_close(1000, None)
    with pytest.raises(mooring.LocalProtocolError, match="that is local closing"):
        protocol.send_message("x")


def test_a_ping_is_due_after_each_interval() -> None:
    """The interval runs from the answer to the last one."""
    alive = KeepAlive(20, 5, now=100)
    assert (Due.NOTHING, Due.PING) == (alive.due(119.9), alive.due(120))
    alive.pinged(b"1", 120)
    assert 125 == alive.due_at
    alive.ponged(b"1", 123)

    assert (143, Due.PING) == (alive.due_at, alive.due(143))


def test_a_silent_peer_is_given_up() -> None:
    """Nothing came for as long as a pong may take."""
    alive = KeepAlive(20, 5, now=0)
    alive.pinged(b"1", 20)

    assert (Due.NOTHING, Due.GIVE_UP) == (alive.due(24.9), alive.due(25))


def test_any_byte_is_a_sign_of_life() -> None:
    """A pong may stand behind a long message; somebody else's pong is none of ours."""
    alive = KeepAlive(20, 5, now=0)
    alive.pinged(b"1", 20)
    alive.heard(24)
    alive.ponged(b"other", 24)

    assert (29, Due.GIVE_UP) == (alive.due_at, alive.due(29))


def test_pings_without_a_limit_for_the_pong() -> None:
    """They go on, and nobody is given up."""
    alive = KeepAlive(20, None, now=0)
    alive.pinged(b"1", 20)
    alive.heard(30)

    assert (40, Due.PING) == (alive.due_at, alive.due(40))


def test_no_pings() -> None:
    """Nothing is ever due."""
    alive = KeepAlive(None, 5, now=0)
    alive.heard(1)
    alive.ponged(b"1", 2)

    assert (None, Due.NOTHING) == (alive.due_at, alive.due(1e9))


NONCE = b"the sample nonce"  # RFC 6455 section 1.3
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def problem(status: int = 101, *subprotocols: str, **answer: str) -> str | None:
    asked = mooring.Headers(handshake_fields(NONCE, list(subprotocols) or None))
    fields = {f"Sec-WebSocket-{k}": v for k, v in {"accept": ACCEPT, **answer}.items()}
    return handshake_problem(status, mooring.Headers(fields), asked)


def test_the_key_of_the_rfc() -> None:
    """Its sample key, and the answer to it."""
    assert (
        "dGhlIHNhbXBsZSBub25jZQ==" == handshake_fields(NONCE, None)["Sec-WebSocket-Key"]
    )
    assert problem() is None


def test_a_subprotocol_of_those_offered() -> None:
    """The server may choose one, or none."""
    assert problem(101, "chat", "superchat", protocol="superchat") is None
    assert problem(101, "chat") is None


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (problem(403), "status 403"),
        (problem(accept=""), "no Sec-WebSocket-Accept"),
        (problem(accept="x" * 28), "'xxxxx"),
        (problem(protocol="chat"), "the subprotocol 'chat'"),
        (problem(101, "chat", protocol="Chat"), "the subprotocol 'Chat'"),
        (problem(extensions="permessage-deflate"), "'permessage-deflate'"),
    ],
)
def test_what_is_no_handshake(found: str | None, text: str) -> None:
    """RFC 6455 section 4.1 has the client fail the connection."""
    assert found is not None
    assert text in found
