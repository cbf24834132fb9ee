"""Header compression beside the library's own, and blocks meant to hurt."""

from __future__ import annotations

import hpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mooring._headers import Headers
from mooring._protocol.http2_compress import HeaderEncoder
from mooring._protocol.http2_decompress import HeaderDecoder
from mooring._protocol.http2_frames import ConnectionFault, code_name
from mooring._protocol.http2_write import HTTP2HeadEncoder
from tests.unit.http2_peer import a_head

Fields = list[tuple[bytes, bytes]]

_names = st.sampled_from([b":status", b"date", b"x-a", b"set-cookie", b"etag"])
_values = st.sampled_from([b"200", b"", b"a", b"gzip, deflate", b"v" * 60, b"w" * 1500])
_lists = st.lists(st.lists(st.tuples(_names, _values), max_size=6), max_size=8)


def fault_of(block: bytes, decoder: HeaderDecoder | None = None) -> str:
    with pytest.raises(ConnectionFault) as caught:
        (decoder or HeaderDecoder(65536)).decode(block)
    return code_name(caught.value.code)


@settings(deadline=None)
@given(_lists, st.booleans(), st.lists(st.sampled_from([0, 100, 4096]), max_size=8))
def test_what_the_library_writes_is_read(
    lists: list[Fields], huffman: bool, sizes: list[int]
) -> None:
    """Every list comes out as it went in, at any table size."""
    theirs = hpack.Encoder()
    ours = HeaderDecoder(65536)
    for number, fields in enumerate(lists):
        if number < len(sizes):
            theirs.header_table_size = sizes[number]
        for _ in range(3):
            assert fields == ours.decode(theirs.encode(fields, huffman)).fields


@settings(deadline=None, max_examples=400)
@given(
    st.lists(
        st.binary(max_size=12)
        | st.sampled_from([b"\x82", b"\xbe", b"\xbf\xc0", b"\x40\x01a\x01b", b"\x20"]),
        max_size=8,
    )
)
def test_any_bytes_are_read_as_the_library_reads_them(blocks: list[bytes]) -> None:
    """Same fields for each block, and the first one refused is the same."""
    theirs = hpack.Decoder(65536)
    ours = HeaderDecoder(65536)
    for block in blocks:
        try:
            expected = [tuple(field) for field in theirs.decode(block, raw=True)]
        except hpack.HPACKError:
            with pytest.raises(ConnectionFault):
                ours.decode(block)
            return
        assert expected == ours.decode(block).fields


@settings(deadline=None)
@given(
    st.lists(
        st.lists(
            st.tuples(
                st.sampled_from([b"x-a", b"accept", b"cookie", b"traceparent"]),
                st.sampled_from([b"", b"1", b"2", b"v" * 60, b"w" * 900, b"x" * 2000]),
            ),
            max_size=5,
        ),
        max_size=10,
    ),
    st.lists(st.sampled_from([0, 64, 4096]), max_size=10),
)
def test_the_library_reads_what_we_write(lists: list[Fields], sizes: list[int]) -> None:
    """Every head arrives as it was, at any table size, however often it is sent."""
    heads = HTTP2HeadEncoder()
    ours = HeaderEncoder(4096)
    theirs = hpack.Decoder()
    for number, fields in enumerate(lists):
        if number < len(sizes):
            theirs.max_allowed_table_size = sizes[number]
            ours.allow(sizes[number])
        given_headers = Headers([(b"host", b"h"), *fields])
        for path in (b"/", b"/a", b"/a"):
            head = heads.encode("GET", b"https", path, given_headers)
            expected = [
                (b":method", b"GET"),
                (b":scheme", b"https"),
                (b":path", path),
                (b":authority", b"h"),
                *fields,
            ]
            got = theirs.decode(ours.encode(head), raw=True)
            assert expected == [tuple(field) for field in got]


def test_a_field_sent_again_becomes_one_byte() -> None:
    """It goes into the table the second time, and is one reference from then on."""
    encoder = HeaderEncoder(4096)
    head = a_head((b"x-client", b"c" * 40))
    sizes = [len(encoder.encode(head)) for _ in range(4)]

    assert 3 + 2 == sizes[3]
    assert sizes[2] == sizes[3] < sizes[1] < sizes[0]


def test_secrets_are_never_put_into_a_table() -> None:
    """They are marked so that no proxy does it either (RFC 7541 section 7.1.3)."""
    encoder = HeaderEncoder(4096)
    theirs = hpack.Decoder()
    for _ in range(4):
        block = encoder.encode(a_head((b"Authorization", b"Bearer abc")))
        *_, last = theirs.decode(block, raw=True)
        assert isinstance(last, hpack.NeverIndexedHeaderTuple)


def test_an_endless_integer_is_refused() -> None:
    """Five bytes behind the prefix are enough for any number (H004)."""
    assert "COMPRESSION_ERROR" == fault_of(b"\xff" * (1 << 20))


@pytest.mark.parametrize(
    "block",
    [
        b"\x3f\xe2\x1f",  # a table of 4097 bytes
        b"\x82\x20",  # a size update behind a field
        b"\x80",  # index 0
        b"\xbe",  # behind the end of an empty table
        b"\x40\x05abc",  # a name cut short
        b"\x00\x01a",  # no value
        b"\x00\x01a\x81\x00",  # Huffman code with wrong padding
    ],
)
def test_undecodable_blocks_are_refused(block: bytes) -> None:
    """What RFC 7541 rules out is COMPRESSION_ERROR (H005, H007)."""
    assert "COMPRESSION_ERROR" == fault_of(block)


def test_two_size_updates_at_the_beginning_are_allowed() -> None:
    """A table may shrink and grow between two blocks (RFC 7541 section 4.2)."""
    decoded = HeaderDecoder(65536).decode(b"\x20\x3f\xe1\x1f\x88")

    assert [(b":status", b"200")] == decoded.fields


def test_a_peer_that_does_not_shrink_its_table_is_refused() -> None:
    """Once it has agreed to a smaller table, the next block begins with an update."""
    for block in (b"\x88", b"\xbe"):
        decoder = HeaderDecoder(65536)
        decoder.decode(b"\x40\x01a\x01b")
        decoder.decode(block)
        decoder.agree(100)

        assert "COMPRESSION_ERROR" == fault_of(block, decoder)


def test_what_an_index_means_changes_with_the_table() -> None:
    """A block seen before may put something else in its place, each time it comes."""
    decoder = HeaderDecoder(65536)
    first, second = b"\x40\x01a\x01b", b"\x40\x01c\x01d"
    meanings = []
    for block in (first, second, first, second):
        decoder.decode(block)
        meanings += decoder.decode(b"\xbe").fields

    assert [(b"a", b"b"), (b"c", b"d")] * 2 == meanings


def test_the_decoded_list_is_capped() -> None:
    """One large entry, referred to again and again, stops at the cap."""
    decoder = HeaderDecoder(65536)
    decoder.decode(b"\x40\x01a" + b"\x7f\xa1\x1e" + b"v" * 4000)

    assert "ENHANCE_YOUR_CALM" == fault_of(b"\xbe" * 20, decoder)


def test_what_is_remembered_is_forgotten_in_time() -> None:
    """Thousands of different heads are read and written right, one after another."""
    reader = HeaderDecoder(65536)
    writer = HeaderEncoder(4096)
    theirs = hpack.Encoder()
    library = hpack.Decoder()
    for number in range(1200):
        fields = [(b":status", b"200"), (b"x-id", b"%x" % (number % 700))]
        block = theirs.encode(fields)
        assert fields == reader.decode(block).fields
        plain = b"\x88\x00\x01a\x04%04d" % number
        assert [fields[0], (b"a", b"%04d" % number)] == reader.decode(plain).fields
        assert [fields[1]] == reader.decode(theirs.encode([fields[1]])).fields
        written = writer.encode(a_head((b"x-id", b"%d" % number)))
        *_, last = library.decode(written, raw=True)
        assert (b"x-id", b"%d" % number) == tuple(last)
