"""Random conversations with h2 as the server: both sides must have heard the same."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import h2.config
import h2.connection
import h2.events
import h2.settings
from hypothesis import given, settings
from hypothesis import strategies as st

from mooring._protocol.http2 import HTTP2Connection
from mooring._protocol.http2_limits import HTTP2Limits
from mooring._protocol.http2_stream import HTTP2Stream
from tests.unit.http2_peer import PREFACE, a_head, frames_of

Codes = h2.settings.SettingCodes

SETTINGS: list[dict[Any, int]] = [
    {Codes.INITIAL_WINDOW_SIZE: 10},
    {Codes.INITIAL_WINDOW_SIZE: 0},
    {Codes.INITIAL_WINDOW_SIZE: 100_000},
    {Codes.MAX_CONCURRENT_STREAMS: 1},
    {Codes.MAX_CONCURRENT_STREAMS: 0},
    {Codes.MAX_CONCURRENT_STREAMS: 20},
    {Codes.HEADER_TABLE_SIZE: 0},
    {Codes.HEADER_TABLE_SIZE: 4096},
    {Codes.MAX_FRAME_SIZE: 50_000},
]
FIELDS = [
    [],
    [(b"x-a", b"1")],
    [(b"x-a", b"2"), (b"set-cookie", b"a=b"), (b"set-cookie", b"c=d")],
    [(b"x-long", b"v" * 300), (b"priority", b"u=1")],
]
# Small windows, so that they matter; the connection's first size cannot be smaller.
ON_TAKE = HTTP2Limits(streams=2, stream_window=2000, connection_window=70_000)
AT_ONCE = HTTP2Limits(streams=100, stream_window=2000, connection_window=70_000)


@dataclass
class Exchange:
    """What each side did and heard on one stream."""

    stream: HTTP2Stream
    request: list[tuple[bytes, bytes]]
    uploaded: bytearray = field(default_factory=bytearray)
    upload_ended: bool = False
    downloaded: bytearray = field(default_factory=bytearray)
    we_reset: bool = False
    # The server's side of it.
    heard: list[tuple[bytes, bytes]] | None = None
    body: bytearray = field(default_factory=bytearray)
    body_ended: bool = False
    reset_heard: bool = False
    status: int = 0
    interim: int = 0
    fields: list[tuple[bytes, bytes]] = field(default_factory=list)
    trailers: list[tuple[bytes, bytes]] = field(default_factory=list)
    served: bytearray = field(default_factory=bytearray)
    ended: bool = False
    server_reset: int | None = None

    @property
    def serving(self) -> bool:
        """The server may still say something."""
        return not (
            self.heard is None
            or self.reset_heard
            or self.ended
            or self.server_reset is not None
        )


class Conversation:
    def __init__(self, limits: HTTP2Limits) -> None:
        self.client = HTTP2Connection("h:443", limits)
        config = h2.config.H2Configuration(client_side=False, header_encoding=None)
        self.server = h2.connection.H2Connection(config)
        self.server.initiate_connection()
        self.exchanges: list[Exchange] = []
        self.pings = 0
        self.pings_heard = 0
        self.settled = False

    def one(self, number: int) -> Exchange | None:
        return (
            self.exchanges[-1 - number % len(self.exchanges)]
            if self.exchanges
            else None
        )

    # --- the client's acts ---

    def begin(self, a: int, b: int) -> None:
        if not self.client.available:
            return
        upload = b % 2 == 1
        fields = list(FIELDS[a % len(FIELDS)])
        chunked = [(b"transfer-encoding", b"chunked")] if upload else []
        head = a_head(*fields, *chunked, method="POST" if upload else "GET")
        stream = self.client.begin(head)
        pseudo = [
            (b":method", b"POST" if upload else b"GET"),
            (b":scheme", b"https"),
            (b":path", b"/"),
            (b":authority", b"example.org"),
        ]
        self.exchanges.append(
            Exchange(stream, pseudo + fields, upload_ended=not upload)
        )

    def upload(self, a: int, b: int) -> None:
        exchange = self.one(a)
        if exchange is None or exchange.upload_ended or exchange.stream.error:
            return
        body = bytes([b % 251]) * (b * 37)
        end = b % 3 == 0
        heeded = not exchange.stream.closed
        count = self.client.send_data(exchange.stream, body, end=end)
        if heeded:
            exchange.uploaded += body[:count]
        exchange.upload_ended = end and count == len(body)

    def take(self, a: int, b: int) -> None:
        exchange = self.one(a)
        if exchange is not None:
            exchange.downloaded += b"".join(self.client.take_body(exchange.stream))

    def give_up(self, a: int, b: int) -> None:
        exchange = self.one(a)
        if exchange is not None and b % 3 == 0:
            exchange.downloaded += b"".join(self.client.take_body(exchange.stream))
            exchange.we_reset |= not exchange.stream.closed
            self.client.reset(exchange.stream)
            exchange.upload_ended = True

    def ping(self, a: int, b: int) -> None:
        self.client.ping()

    # --- the server's acts ---

    def respond(self, a: int, b: int) -> None:
        exchange = self.one(a)
        if exchange is None or not exchange.serving or exchange.status:
            return
        status = 103 if b % 4 == 3 else 200
        fields = FIELDS[b % len(FIELDS)]
        if status == 103:
            exchange.interim += 1
        else:
            exchange.status = status
            exchange.fields = fields
            exchange.ended = b % 5 == 0
        self.server.send_headers(
            exchange.stream.id,
            [(b":status", b"%d" % status), *fields],
            end_stream=exchange.ended,
        )

    def serve(self, a: int, b: int) -> None:
        exchange = self.one(a)
        if exchange is None or not exchange.serving or not exchange.status:
            return
        number = exchange.stream.id
        padding = b % 7 if b % 2 else None
        cost = 0 if padding is None else padding + 1
        room = self.server.local_flow_control_window(number) - cost
        if room < 0:
            return
        body = bytes([b % 251]) * min(b * 41, room, 16_384 - cost)
        if not body and b % 5 != 0:
            return
        exchange.ended = b % 5 == 0
        exchange.served += body
        self.server.send_data(
            number, body, end_stream=exchange.ended, pad_length=padding
        )

    def trail(self, a: int, b: int) -> None:
        exchange = self.one(a)
        if exchange is not None and exchange.serving and exchange.status:
            exchange.ended = True
            exchange.trailers = [(b"x-t", b"%d" % b)]
            self.server.send_headers(
                exchange.stream.id, exchange.trailers, end_stream=True
            )

    def refuse(self, a: int, b: int) -> None:
        exchange = self.one(a)
        if exchange is not None and exchange.serving and b % 3 == 0:
            exchange.server_reset = b % 13
            self.server.reset_stream(exchange.stream.id, exchange.server_reset)

    def set(self, a: int, b: int) -> None:
        # h2 takes one acknowledgement for all the settings that are under way.
        if self.settled:
            self.settled = False
            self.server.update_settings(SETTINGS[a % len(SETTINGS)])

    def credit(self, a: int, b: int) -> None:
        self.server.increment_flow_control_window(b + 1)
        exchange = self.one(a)
        if exchange is not None and exchange.serving and not exchange.body_ended:
            self.server.increment_flow_control_window(b + 1, exchange.stream.id)

    def server_ping(self, a: int, b: int) -> None:
        self.server.ping(b"%08d" % self.pings)
        self.pings += 1

    # --- the wire ---

    def to_server(self, a: int, b: int) -> None:
        self.tell_server(self.client.data_to_send())

    def tell_server(self, data: bytes) -> None:
        # One by one: h2 minds a new MAX_FRAME_SIZE from the next call on.
        if data.startswith(PREFACE):
            self.server.receive_data(PREFACE)
        frames = frames_of(data)
        assert data.removeprefix(PREFACE) == b"".join(f.serialize() for f in frames)
        for frame in frames:
            for event in self.server.receive_data(frame.serialize()):
                self.hear(event)

    def to_client(self, a: int, b: int) -> None:
        data = self.server.data_to_send()
        cut = b * 7 % (len(data) + 1)
        self.client.receive(data[:cut])
        self.client.receive(data[cut:])

    def hear(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.PingAckReceived):
            self.pings_heard += 1
        if isinstance(event, h2.events.SettingsAcknowledged):
            self.settled = True
        number = getattr(event, "stream_id", None)
        found = [e for e in self.exchanges if e.stream.id == number]
        if not found:
            return
        exchange = found[0]
        if isinstance(event, h2.events.RequestReceived):
            exchange.heard = [(bytes(n), bytes(v)) for n, v in event.headers]
        elif isinstance(event, h2.events.DataReceived):
            exchange.body += event.data
        elif isinstance(event, h2.events.StreamEnded):
            exchange.body_ended = True
        elif isinstance(event, h2.events.StreamReset):
            exchange.reset_heard = True

    def settle(self) -> None:
        """Carry everything over, until nobody has anything left to say."""
        for _ in range(100):
            to_server, to_client = (
                self.client.data_to_send(),
                self.server.data_to_send(),
            )
            if not to_server and not to_client:
                return
            self.tell_server(to_server)
            self.client.receive(to_client)
        raise AssertionError("they never stop talking")


def check(exchange: Exchange) -> None:
    stream = exchange.stream
    assert exchange.request == exchange.heard
    if exchange.we_reset:
        return
    if exchange.server_reset is None:
        assert exchange.uploaded == exchange.body
        assert stream.request_sent == exchange.body_ended
        assert stream.error is None
    elif not stream.complete:
        assert stream.error is not None
        assert exchange.server_reset == stream.reset_code
        assert stream.refused == (stream.reset_code == 7 and not stream.begun)
    assert exchange.ended == stream.complete
    assert exchange.status == stream.status
    assert exchange.interim == len(stream.interim)
    assert exchange.fields == stream.headers
    assert exchange.trailers == stream.trailers
    assert exchange.served == exchange.downloaded


ACTS = [
    "begin",
    "begin",
    "upload",
    "take",
    "give_up",
    "ping",
    "respond",
    "respond",
    "serve",
    "serve",
    "serve",
    "trail",
    "refuse",
    "set",
    "credit",
    "server_ping",
    "to_server",
    "to_server",
    "to_client",
    "to_client",
]


@settings(deadline=None, max_examples=150)
@given(
    st.lists(
        st.tuples(st.sampled_from(ACTS), st.integers(0, 9), st.integers(0, 500)),
        max_size=60,
    ),
    st.sampled_from([ON_TAKE, AT_ONCE]),
)
def test_both_sides_hear_the_same(
    acts: list[tuple[str, int, int]], limits: HTTP2Limits
) -> None:
    """Heads, bodies, trailers, resets, pings; and the same windows at the end."""
    talk = Conversation(limits)
    for name, a, b in acts:
        getattr(talk, name)(a, b)
    talk.settle()
    for exchange in talk.exchanges:
        exchange.downloaded += b"".join(talk.client.take_body(exchange.stream))
    talk.settle()

    assert talk.client.error is None
    for exchange in talk.exchanges:
        check(exchange)
    assert talk.pings == talk.pings_heard
    assert talk.client.pings_sent == talk.client.pings_answered
    assert 0 == talk.client.zombies
    assert 0 == talk.client.held
    client, server = talk.client, talk.server
    assert client.send_window == server.inbound_flow_control_window
    assert client.receive_window == server.outbound_flow_control_window
    for exchange in talk.exchanges:
        stream = exchange.stream
        if not stream.closed and exchange.serving:
            assert min(
                client.receive_window, stream.receive_window
            ) == server.local_flow_control_window(stream.id)
            if not exchange.body_ended:
                assert min(
                    client.send_window, stream.send_window
                ) == server.remote_flow_control_window(stream.id)
