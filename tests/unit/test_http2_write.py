"""Writing HTTP/2 requests: what is refused, what is sent, how bodies are counted."""

from __future__ import annotations

import hpack
import pytest
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    HeadersFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

from mooring._errors import LocalProtocolError
from mooring._headers import Headers
from mooring._protocol.http2 import HTTP2Connection
from mooring._protocol.http2_limits import HTTP2Limits
from mooring._protocol.http2_write import HTTP2HeadEncoder, encode_http2_head
from tests.unit.http2_peer import (
    HOST,
    PREFACE,
    a_connection,
    a_head,
    a_request,
    an_upload,
    frames_of,
    sent_by,
)

CONTROLS = [bytes([c]) for c in (*range(0x20), 0x7F) if c != 0x09]
LENGTH_5 = (b"Content-Length", b"5")


def refused(
    *fields: tuple[bytes, bytes], method: str = "GET", target: bytes = b"/"
) -> str:
    with pytest.raises(LocalProtocolError) as caught:
        encode_http2_head(method, b"https", target, list(fields))
    return str(caught.value)


def fields_of(head: HeadersFrame) -> list[tuple[bytes, bytes]]:
    return [(n, v) for n, v in hpack.Decoder().decode(head.data, raw=True)]


def test_a_connection_begins_with_preface_settings_and_its_window() -> None:
    """No push, our window and list size, no RFC 7540 priorities (section 3.4)."""
    connection = HTTP2Connection("example.org:443")
    data = connection.data_to_send()
    first, second = frames_of(data)

    assert data.startswith(PREFACE)
    assert isinstance(first, SettingsFrame)
    assert {2: 0, 4: 1 << 20, 6: 256 << 10, 9: 1} == first.settings
    assert isinstance(second, WindowUpdateFrame)
    assert (0, (16 << 20) - 65535) == (second.stream_id, second.window_increment)


def test_a_head_goes_out_with_pseudo_fields_first() -> None:
    """Names in lower case, Host as :authority, order kept."""
    connection = a_connection()
    connection.begin(
        a_head((b"X-A", b"caf\xe9\tx"), (b"Priority", b"u=1, i"), target=b"/a?b")
    )
    (head,) = sent_by(connection)

    assert isinstance(head, HeadersFrame)
    assert {"END_HEADERS", "END_STREAM"} == set(head.flags)
    assert [
        (b":method", b"GET"),
        (b":scheme", b"https"),
        (b":path", b"/a?b"),
        (b":authority", b"example.org"),
        (b"x-a", b"caf\xe9\tx"),
        (b"priority", b"u=1, i"),
    ] == fields_of(head)


@pytest.mark.parametrize(
    "field",
    [
        (b"Connection", b"keep-alive"),
        (b"Connection", b"close"),
        (b"Transfer-Encoding", b"chunked"),
    ],
)
def test_fields_that_only_frame_http1_are_left_out(field: tuple[bytes, bytes]) -> None:
    """They say nothing that HTTP/2 does not say in another way."""
    names = [name for name, _, _ in a_head(field)[3].fields]

    assert [b":authority"] == names


@pytest.mark.parametrize(
    "field",
    [
        (b"Connection", b"upgrade"),
        (b"Connection", b"x-other"),
        (b"Connection", b""),
        (b"Upgrade", b"websocket"),
        (b"Keep-Alive", b"timeout=5"),
        (b"Proxy-Connection", b"keep-alive"),
        (b"TE", b"gzip"),
    ],
)
def test_other_connection_fields_are_refused(field: tuple[bytes, bytes]) -> None:
    """They mean something that HTTP/2 cannot do (RFC 9113 section 8.2.2)."""
    assert "over HTTP/2" in refused(HOST, field)


def test_te_trailers_is_sent() -> None:
    """It is the one connection field HTTP/2 knows."""
    assert (b"te", b"trailers", False) in a_head((b"TE", b"trailers"))[3].fields


@pytest.mark.parametrize(
    "name", [b"A\r\nB", b"A B", b"A:B", b":path", b"", b"\xc3\x84", b"A\0"]
)
def test_illegal_names_are_refused(name: bytes) -> None:
    """A name is a token (I004)."""
    assert "illegal header name" in refused(HOST, (name, b"v"))


@pytest.mark.parametrize("control", CONTROLS)
def test_controls_in_values_are_refused(control: bytes) -> None:
    """Values hold no control but HTAB, and the error keeps the value secret (I006)."""
    text = refused(HOST, (b"X-A", b"secret" + control + b"x"))

    assert "'X-A'" in text
    assert "secret" not in text


@pytest.mark.parametrize("value", [b" v", b"v ", b"\tv", b"v\t"])
def test_padded_values_are_refused(value: bytes) -> None:
    """The peer would refuse them (RFC 9113 section 8.2.1)."""
    assert "white space" in refused(HOST, (b"X-A", value))


@pytest.mark.parametrize("target", [b"", b"/a b", b"/\r\n", b"/\xff"])
def test_illegal_targets_are_refused(target: bytes) -> None:
    """A path is visible ASCII."""
    assert "illegal request target" in refused(HOST, target=target)


@pytest.mark.parametrize("method", ["", "GE T", "G\r\nT", "G\u00c9T", "CONNECT"])
def test_illegal_methods_are_refused(method: str) -> None:
    """A method is a token, and tunnels are made by HTTP/1.1."""
    assert refused(HOST, method=method)


@pytest.mark.parametrize("hosts", [[], [b"a", b"b"], [b""], [b"user@a"], [b"a b"]])
def test_one_good_host_is_needed(hosts: list[bytes]) -> None:
    """Whom the request is for must be said, once (RFC 9113 section 8.3.1)."""
    assert "Host" in refused(*[(b"Host", host) for host in hosts])


@pytest.mark.parametrize(
    "fields",
    [
        [(b"Content-Length", b"+5")],
        [(b"Content-Length", b"5"), (b"Content-Length", b"5")],
        [(b"Content-Length", b"5"), (b"Transfer-Encoding", b"chunked")],
        [(b"Transfer-Encoding", b"gzip")],
    ],
)
def test_bad_lengths_are_refused(fields: list[tuple[bytes, bytes]]) -> None:
    """A body has one length, and it is a number."""
    assert refused(HOST, *fields)


def test_the_same_headers_are_checked_once() -> None:
    """The encoder gives the same fields for the same headers."""
    encoder = HTTP2HeadEncoder()
    headers = Headers([HOST])
    first = encoder.encode("GET", b"https", b"/", headers)[3]
    again = encoder.encode("POST", b"https", b"/b", headers.copy())[3]
    headers["X-A"] = "1"
    changed = encoder.encode("GET", b"https", b"/", headers)[3]

    assert first is again
    assert (b"x-a", b"1", False) in changed.fields


def test_a_long_head_goes_out_in_continuations() -> None:
    """No frame is over what the peer takes."""
    connection = a_connection()
    value = bytes(range(0x21, 0x7F)) * 500
    connection.begin(a_head((b"X-A", value)))
    first, *others = sent_by(connection)

    assert {"END_STREAM"} == set(first.flags)
    assert [16384, 16384] == [first.body_len, others[0].body_len]
    assert all(isinstance(frame, ContinuationFrame) for frame in others)
    assert [set()] * (len(others) - 1) + [{"END_HEADERS"}] == [
        set(frame.flags) for frame in others
    ]
    block = b"".join(frame.data for frame in (first, *others))
    assert (b"x-a", value) in [
        tuple(f) for f in hpack.Decoder(10**6).decode(block, raw=True)
    ]


def test_a_head_over_the_peers_limit_is_refused_here() -> None:
    """The peer has said how large a head may be (MAX_HEADER_LIST_SIZE)."""
    connection = a_connection({6: 200})
    connection.begin(a_head())
    with pytest.raises(LocalProtocolError, match="over the 200 that"):
        connection.begin(a_head((b"X-A", b"a" * 100)))

    assert 1 == connection.streams


def test_the_limit_is_counted_as_the_peer_counts() -> None:
    """Name, value and 32 bytes for every field (RFC 9113 section 6.5.2)."""
    size = sum(
        len(name) + len(value) + 32
        for name, value in (
            (b":method", b"GET"),
            (b":scheme", b"https"),
            (b":path", b"/"),
            (b":authority", b"example.org"),
        )
    )
    a_connection({6: size}).begin(a_head())
    with pytest.raises(LocalProtocolError):
        a_connection({6: size - 1}).begin(a_head())


def test_stream_ids_are_odd_and_grow() -> None:
    """Each exchange has the next id (RFC 9113 section 5.1.1)."""
    connection = a_connection()

    assert [1, 3, 5] == [a_request(connection).id for _ in range(3)]


def test_a_request_without_a_body_ends_with_its_head() -> None:
    """Nothing more needs to be said, and saying it again does no harm."""
    connection = a_connection()
    stream = a_request(connection)

    assert stream.request_sent
    assert 0 == connection.send_data(stream, b"", end=True)
    assert [] == sent_by(connection)


def test_a_body_of_known_length_ends_with_its_last_byte() -> None:
    """No empty frame is spent on the end."""
    connection = a_connection()
    stream = a_request(connection, LENGTH_5, method="POST")
    taken = [connection.send_data(stream, piece) for piece in (b"he", b"llo")]
    first, second = sent_by(connection)

    assert [2, 3] == taken
    assert [(b"he", set()), (b"llo", {"END_STREAM"})] == [
        (first.data, set(first.flags)),
        (second.data, set(second.flags)),
    ]
    assert stream.request_sent


def test_a_body_of_unknown_length_ends_when_told() -> None:
    """The end is an empty frame if nothing is left to carry it."""
    connection = a_connection()
    stream = an_upload(connection)
    connection.send_data(stream, b"hello")
    connection.send_data(stream, b"", end=True)
    first, second = sent_by(connection)

    assert [b"hello", b""] == [first.data, second.data]
    assert [set(), {"END_STREAM"}] == [set(first.flags), set(second.flags)]


def test_bodies_are_cut_to_the_peers_frame_size() -> None:
    """16 KiB unless it allows more (MAX_FRAME_SIZE)."""
    connection = a_connection({5: 20000})
    stream = an_upload(connection)
    connection.send_data(stream, b"a" * 45000, end=True)
    frames = sent_by(connection)

    assert [20000, 20000, 5000] == [f.body_len for f in frames]
    assert ["END_STREAM" in f.flags for f in frames] == [False, False, True]


@pytest.mark.parametrize("pieces", [[b"hello!"], [b"hell", b"oo"], [b"hello", b"x"]])
def test_more_than_announced_is_refused(pieces: list[bytes]) -> None:
    """Nothing beyond Content-Length is sent."""
    connection = a_connection()
    stream = a_request(connection, LENGTH_5, method="POST")
    with pytest.raises(LocalProtocolError, match="longer than announced"):
        for piece in pieces:
            connection.send_data(stream, piece)

    assert 5 >= sum(f.body_len for f in sent_by(connection))


def test_less_than_announced_is_refused() -> None:
    """The end comes after the last byte of Content-Length."""
    connection = a_connection()
    stream = a_request(connection, LENGTH_5, method="POST")
    connection.send_data(stream, b"hell")
    with pytest.raises(LocalProtocolError, match="1 bytes short"):
        connection.send_data(stream, b"", end=True)
    with pytest.raises(LocalProtocolError, match="5 bytes short"):
        connection.begin(a_head(LENGTH_5, method="POST"), end_stream=True)


def test_everything_of_a_turn_goes_out_at_once() -> None:
    """One write carries many requests."""
    connection = a_connection()
    for _ in range(3):
        stream = connection.begin(a_head((b"Transfer-Encoding", b"chunked")))
        connection.send_data(stream, b"x", end=True)

    assert [1, 1, 3, 3, 5, 5] == [f.stream_id for f in sent_by(connection)]
    assert b"" == connection.data_to_send()


def test_a_table_of_our_own_size_is_announced() -> None:
    """HEADER_TABLE_SIZE goes out if it is not the usual one."""
    connection = HTTP2Connection("h:1", HTTP2Limits(header_table_bytes=0))
    first, *_ = sent_by(connection)

    assert isinstance(first, SettingsFrame)
    assert 0 == first.settings[1]


def test_the_peers_table_size_is_kept_to() -> None:
    """Told at the start of the next head, and then no table is used."""
    connection = a_connection({1: 0})
    theirs = hpack.Decoder()
    theirs.max_allowed_table_size = 0
    starts = []
    for _ in range(4):
        connection.begin(a_head((b"X-A", b"1")))
        (head,) = sent_by(connection)
        assert (b"x-a", b"1") in list(theirs.decode(head.data, raw=True))
        starts.append(head.data[:1])

    assert [b"\x20", b"\x82", b"\x82", b"\x82"] == starts


def test_a_smaller_window_for_data_is_no_window_for_heads() -> None:
    """Flow control is about DATA alone."""
    connection = a_connection({4: 0})
    a_request(connection)
    stream = an_upload(connection)

    assert 0 == connection.send_data(stream, b"x", end=True)
    assert not any(isinstance(f, DataFrame) for f in sent_by(connection))
