"""Event streams: what the format of the WHATWG makes of bytes, however they come."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mooring
from mooring._body.sse import EventParser

Event = mooring.ServerSentEvent


def parse(*pieces: bytes, limit: int | None = None) -> list[Event]:
    parser = EventParser(limit)
    return [event for piece in pieces for event in parser.feed(piece)]


def outcome(pieces: Iterable[bytes], limit: int | None) -> list[object]:
    """Return the events, and the error that ended them."""
    parser = EventParser(limit)
    found: list[object] = []
    try:
        for piece in pieces:
            for event in parser.feed(piece):
                found += [event]
    except mooring.SSEError as exc:
        found.append(str(exc))
    return found


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        # The examples of the HTML Standard, section 9.2.6.
        (
            b"data: YHOO\ndata: +2\ndata: 10\n\n",
            [Event(data="YHOO\n+2\n10")],
        ),
        (
            b": test stream\n\ndata: first event\nid: 1\n\n"
            b"data:second event\nid\n\ndata:  third event\n\n",
            [
                Event(data="first event", id="1"),
                Event(data="second event", id=""),
                Event(data=" third event", id=""),
            ],
        ),
        (b"data\n\ndata\ndata\n\ndata:", [Event(data=""), Event(data="\n")]),
        (b"data:test\n\ndata: test\n\n", [Event(data="test"), Event(data="test")]),
    ],
)
def test_examples_of_the_standard(stream: bytes, expected: list[Event]) -> None:
    """What the standard says of its examples holds."""
    assert expected == parse(stream)


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_line_ends(end: bytes) -> None:
    """All three are the same, and none of them leaves an event waiting for more."""
    lines = [b"event: add", b"data: 1", b"", b"data: 2", b"", b""]

    assert [Event("add", "1"), Event(data="2")] == parse(end.join(lines))


def test_an_event_is_given_with_its_last_byte() -> None:
    """A carriage return ends a line, whatever may come after it."""
    parser = EventParser()

    assert [Event(data="1")] == list(parser.feed(b"data: 1\r\r"))
    assert [Event(data="2")] == list(parser.feed(b"\ndata: 2\r\n\r"))
    assert [] == list(parser.feed(b"\n"))


def test_other_characters_do_not_end_lines() -> None:
    """Unlike for str.splitlines() there are three line ends and no more."""
    text = "a\x0bb\x0cc\x1cd\x85e\u2028f"

    assert [Event(data=text)] == parse(f"data: {text}\n\n".encode())


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b"\xef\xbb\xbfdata: 1\n\n", [Event(data="1")]),
        (b"\xef\xbb\xbf\xef\xbb\xbfdata: 1\n\ndata: 2\n\n", [Event(data="2")]),
        (
            b"data: 1\n\n\xef\xbb\xbfdata: 2\n\ndata: 3\n\n",
            [Event(data="1"), Event(data="3")],
        ),
    ],
)
def test_byte_order_mark(stream: bytes, expected: list[Event]) -> None:
    """One is taken off the beginning; any other is part of a field's name."""
    assert expected == parse(stream)
    assert expected == parse(*[stream[n : n + 1] for n in range(len(stream))])


def test_bytes_that_are_no_text() -> None:
    """They become U+FFFD and do no harm to what follows."""
    assert [Event(data="a\ufffd"), Event(data="b")] == parse(
        b"data: a\xe2\x82\n\ndata: b\n\n"
    )


@pytest.mark.parametrize(
    ("line", "retry"),
    [
        (b"retry: 3000", 3000),
        (b"retry:007", 7),
        (b"retry: +5", None),
        (b"retry: -5", None),
        (b"retry: 1_000", None),
        (b"retry: 5 ", None),
        (b"retry", None),
        ("retry: \u0663".encode(), None),
        (b"retry: " + b"9" * 5000, None),
    ],
)
def test_retry(line: bytes, retry: int | None) -> None:
    """Digits and nothing else are a time; the rest is ignored."""
    assert [Event(data="x", retry=retry)] == parse(line + b"\ndata: x\n\n")


def test_retry_is_this_events_own() -> None:
    """The one after it does not say it again."""
    assert [Event(data="1", retry=5), Event(data="2")] == parse(
        b"retry: 5\ndata: 1\n\ndata: 2\n\n"
    )


def test_the_last_event_id_stays() -> None:
    """Events without one have that of the event before; an empty one takes it back."""
    stream = b"id: 7\ndata: 1\n\ndata: 2\n\nid: a\0b\ndata: 3\n\nid\ndata: 4\n\n"

    assert ["7", "7", "7", ""] == [event.id for event in parse(stream)]


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b"event: ping\n\n", [Event("ping")]),
        (b"id: 7\n\n", [Event(id="7")]),
        (b"retry: 5\n\n", [Event(retry=5)]),
        (b"\n\n\n", []),
        (b": comment\n\n", []),
        (b"nonsense: 1\n\n", []),
        (b"Data: 1\n\n", []),
        (b"id: \0\n\n", []),
    ],
)
def test_events_without_data(stream: bytes, expected: list[Event]) -> None:
    """Any field that means something makes an event, as in httpx2."""
    assert expected == parse(stream)


def test_the_type_is_this_events_own() -> None:
    """The next one is a "message" again."""
    assert ["add", "message"] == [
        event.event for event in parse(b"event: add\ndata: 1\n\ndata: 2\n\n")
    ]


@pytest.mark.parametrize("end", [b"", b"\n", b"\r"])
def test_what_the_end_cuts_off_is_no_event(end: bytes) -> None:
    """An event is over with an empty line, not with the stream."""
    assert [] == parse(b"data: unfinished" + end)


# -- size ------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [b"data: 12345", b"data: 1\ndata", b"x" * 11])
def test_an_event_too_large(stream: bytes) -> None:
    """The lines of one event count together, finished or not, known or not."""
    with pytest.raises(mooring.SSEError, match="larger than 10 bytes") as caught:
        parse(b"data: 1\n\n", stream, limit=10)

    assert "max_event_size" in caught.value.__notes__[0]


def test_an_event_just_small_enough() -> None:
    """Each event has the whole size for itself; ends and comments are free."""
    stream = b": comment, and a long one\ndata: 1234\r\n\r\n"

    assert 3 == len(parse(stream * 3, limit=10))


def test_a_comment_without_end() -> None:
    """What is thrown away anyway is not kept, so it needs no limit."""
    assert [Event(data="1")] == parse(
        b":", *[b"x" * 100] * 100, b"\ndata: 1\n\n", limit=10
    )


def test_what_came_before_too_much_is_given() -> None:
    """The error comes in its place, after the events before it."""
    assert [
        Event(data="1"),
        "an event of the stream is larger than 10 bytes (max_event_size)",
    ] == outcome([b"data: 1\n\ndata: 12345\n\n"], 10)


def test_a_long_line_costs_no_more_than_many_short_ones() -> None:
    """Pieces of a line are joined once; at each of them it would take minutes."""
    parser = EventParser(None)
    for _ in range(20_000):
        assert [] == list(parser.feed(b"data: " + b"x" * 100))
    assert [20_000 * 106 - 6] == [len(event.data) for event in parser.feed(b"\n\n")]


# -- properties ------------------------------------------------------------------

fragments = st.sampled_from([
    b"data", b"event", b"id", b"retry", b":", b" ", b"\r", b"\n", b"\r\n", b"\n\n",
    b"\xef\xbb\xbf", b"\xef", b"\0", b"12", b"x", "é\u2028".encode(),
    b"data: a\n", b"id: 7\n", b": comment",
])  # fmt: skip
streams = st.lists(fragments, max_size=30).map(b"".join)
limits = st.sampled_from([None, 3, 8, 12])


@given(stream=streams, cuts=st.lists(st.integers(0, 150), max_size=8), limit=limits)
def test_any_cutting_gives_the_same_events(
    stream: bytes, cuts: list[int], limit: int | None
) -> None:
    """Where the network cuts the stream changes neither the events nor the error."""
    edges = [0, *sorted(cuts), len(stream)]
    pieces = [stream[a:b] for a, b in pairwise(edges)]

    assert outcome([stream], limit) == outcome(pieces, limit)


@given(stream=streams, limit=limits)
def test_byte_by_byte(stream: bytes, limit: int | None) -> None:
    """The finest cutting of all."""
    pieces = [stream[n : n + 1] for n in range(len(stream))]

    assert outcome([stream], limit) == outcome(pieces, limit)


words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"))


@given(
    events=st.lists(st.tuples(words, st.lists(words, min_size=1)), max_size=5),
    end=st.sampled_from(["\n", "\r", "\r\n"]),
)
def test_what_is_written_can_be_read(
    events: list[tuple[str, list[str]]], end: str
) -> None:
    """Any type and any lines of data come through as they were."""
    lines: list[str] = []
    for name, data in events:
        lines += [f"event: {name}", *[f"data: {line}" for line in data], ""]
    stream = end.join([*lines, ""]).encode()

    assert [(name or "message", "\n".join(data)) for name, data in events] == [
        (event.event, event.data) for event in parse(stream)
    ]
