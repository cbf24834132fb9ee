"""Headers: a multimap that keeps order, spelling and bytes."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mooring import Headers

MIXED = [("B", "1"), ("a", "2"), ("b", "3")]


@pytest.mark.parametrize(
    ("given_headers", "expected"),
    [
        (None, []),
        ({}, []),
        ({"A": "1"}, [(b"A", b"1")]),
        ({b"A": b"1"}, [(b"A", b"1")]),
        ([("A", "1"), ("a", "2")], [(b"A", b"1"), (b"a", b"2")]),
        ([(b"A", b"\xe9")], [(b"A", b"\xe9")]),
        ([(b"A", "1"), ("a", b"2")], [(b"A", b"1"), (b"a", b"2")]),
        (Headers({"A": "1"}), [(b"A", b"1")]),
        (iter([("A", "1")]), [(b"A", b"1")]),
    ],
)
def test_what_it_takes(given_headers: Any, expected: list[tuple[bytes, bytes]]) -> None:
    """Mappings, pairs and headers, of text or bytes, keep order and spelling."""
    assert expected == Headers(given_headers).raw


@pytest.mark.parametrize("value", [1, None, 1.5, ["a"]])
def test_refuses_other_values(value: Any) -> None:
    """A value that is no text is refused by its type."""
    with pytest.raises(TypeError, match="Header value must be str or bytes, not"):
        Headers({"a": value})


def test_refuses_other_names() -> None:
    """A name that is no text is refused by its type."""
    with pytest.raises(TypeError, match="Header name must be str or bytes, not"):
        Headers([(1, "a")])  # type: ignore[arg-type]


def test_constructor_wants_ascii_unless_told() -> None:
    """Text beyond ASCII needs an encoding, as in httpx."""
    with pytest.raises(UnicodeEncodeError, match="ascii"):
        Headers({"a": "é"})
    assert Headers({"a": "é"}, encoding="latin-1").raw == [(b"a", b"\xe9")]


def test_lookup_ignores_case() -> None:
    """Names compare without case, and repeated fields are joined."""
    headers = Headers(MIXED)

    assert "1, 3" == headers["b"] == headers["B"] == headers.get("b")
    assert headers["A"] == "2"
    assert "A" in headers
    assert "c" not in headers
    assert headers.get("c") is None
    assert headers.get("c", "x") == "x"
    with pytest.raises(KeyError, match="c"):
        headers["c"]


def test_views() -> None:
    """Keys are lower case and unique; values are joined; multi_items is not."""
    headers = Headers(MIXED)

    assert ["b", "a"] == list(headers) == list(headers.keys())
    assert list(headers.values()) == ["1, 3", "2"]
    assert list(headers.items()) == [("b", "1, 3"), ("a", "2")]
    assert headers.multi_items() == [("b", "1"), ("a", "2"), ("b", "3")]
    assert len(headers) == 3


def test_get_list() -> None:
    """Values one by one, and split at commas on request."""
    headers = Headers([("B", "1, 4"), ("b", "3")])

    assert headers.get_list("b") == ["1, 4", "3"]
    assert headers.get_list("b", split_commas=True) == ["1", "4", "3"]
    assert headers.get_list("c") == []


def test_keys_nobody_can_have() -> None:
    """Looking for a name that cannot be encoded, or is none, finds nothing."""
    headers = Headers(MIXED)

    assert "é" not in headers
    assert 5 not in headers  # type: ignore[comparison-overlap]
    assert headers.get("é") is None


def test_set_replaces_in_place() -> None:
    """Setting keeps the place of the first occurrence and drops the others."""
    headers = Headers(MIXED)
    headers["b"] = "7"
    headers["C"] = "é"

    assert [(b"b", b"7"), (b"a", b"2"), (b"C", "é".encode())] == headers.raw


def test_set_refuses_other_types() -> None:
    """Setting a number names the type."""
    with pytest.raises(TypeError, match="not <class 'int'>"):
        Headers()["a"] = 7  # type: ignore[assignment]


def test_delete_removes_every_occurrence() -> None:
    """Deleting takes all fields of the name, or raises KeyError."""
    headers = Headers(MIXED)
    del headers["B"]

    assert headers.raw == [(b"a", b"2")]
    with pytest.raises(KeyError, match="b"):
        del headers["b"]


def test_mutable_mapping_extras() -> None:
    """pop, setdefault and clear work as on a dict."""
    headers = Headers(MIXED)

    assert headers.pop("B") == "1, 3"
    assert headers.setdefault("A", "9") == "2"
    assert headers.setdefault("D", "9") == "9"
    headers.clear()
    assert headers.raw == []


def test_update_replaces_names_and_keeps_repeats() -> None:
    """New fields go to the end, repeated ones all of them."""
    headers = Headers(MIXED)
    headers.update([("b", "9"), ("B", "8")])

    assert headers.raw == [(b"a", b"2"), (b"b", b"9"), (b"B", b"8")]
    headers.update(None)
    assert len(headers) == 3


def test_or_merges() -> None:
    """The right side wins, and neither operand changes."""
    headers = Headers({"a": "1"})

    assert (headers | {"A": "2", "b": "3"}).raw == [(b"A", b"2"), (b"b", b"3")]
    assert ({"A": "2", "b": "3"} | headers).raw == [(b"b", b"3"), (b"a", b"1")]
    assert headers.raw == [(b"a", b"1")]
    headers |= {"A": "5"}
    assert headers.raw == [(b"A", b"5")]
    with pytest.raises(TypeError, match="unsupported operand"):
        headers | [("a", "b")]  # type: ignore[operator]


@pytest.mark.parametrize("make_copy", [Headers.copy, copy.copy, copy.deepcopy, Headers])
def test_copies_are_independent(make_copy: Any) -> None:
    """Changing a copy leaves the original alone, looked at before or not."""
    adopted = Headers._adopt([(b"A", b"1")])
    for headers in (Headers([("A", "1")]), adopted):
        other = make_copy(headers)
        other["B"] = "2"

        assert headers.raw == [(b"A", b"1")]
        assert other.raw == [(b"A", b"1"), (b"B", b"2")]


@pytest.mark.parametrize(
    "change",
    [
        lambda headers: headers.__setitem__("new", "2"),
        lambda headers: headers.__setitem__("a", "2"),
        lambda headers: headers.__delitem__("a"),
        lambda headers: headers.update({"a": "2", "b": "3"}),
        lambda headers: headers.setdefault("new", "2"),
        lambda headers: headers.__ior__({"new": "2"}),
        lambda headers: headers.pop("a"),
        lambda headers: headers.clear(),
        lambda headers: setattr(headers, "encoding", "utf-16"),
    ],
)
def test_no_change_reaches_a_copy(change: Any) -> None:
    """Copies share what they hold until one of them changes, in whatever way."""
    adopted = Headers._adopt([(b"A", b"1"), (b"A", b"4")])
    looked_at = Headers._adopt([(b"A", b"1"), (b"A", b"4")])
    assert "a" in looked_at
    for headers in (Headers([("A", "1"), ("A", "4")]), adopted, looked_at):
        for changed, kept in (
            (headers.copy(), headers),
            (Headers(headers), headers),
            (headers, headers.copy()),
        ):
            change(changed)

            assert "1, 4" == kept["a"]
            assert [(b"A", b"1"), (b"A", b"4")] == kept.raw


def test_values_that_are_not_ascii_are_found() -> None:
    """The field asked for may need another encoding, or only one beside it."""
    headers = Headers([(b"a", b"1"), (b"x", b"\xe9")])

    assert ("1", "\xe9") == (headers["a"], headers["x"])


def test_values_are_held_to_the_encoding_that_was_set() -> None:
    """An encoding that somebody asked for is not replaced by one that fits."""
    headers = Headers([(b"x", b"\xe9")], encoding="ascii")

    with pytest.raises(UnicodeDecodeError):
        _ = headers["x"]


def test_raw_is_a_copy() -> None:
    """Changing the list that raw gives changes nothing."""
    for headers in (Headers([("A", "1")]), Headers._adopt([(b"A", b"1")])):
        headers.raw.clear()

        assert headers.raw == [(b"A", b"1")]


def test_adopted_wire_pairs() -> None:
    """Received pairs read as any headers do, and keep their spelling."""
    headers = Headers._adopt([(b"Set-Cookie", b"a=1"), (b"SET-cookie", b"b=2")])

    assert len(headers) == 2
    assert headers.get_list("set-cookie") == ["a=1", "b=2"]
    assert headers.raw == [(b"Set-Cookie", b"a=1"), (b"SET-cookie", b"b=2")]


@pytest.mark.parametrize(
    ("value", "encoding", "text"),
    [
        (b"a", "ascii", "a"),
        ("é".encode(), "utf-8", "é"),
        (b"\xe9", "iso-8859-1", "é"),
    ],
)
def test_encoding_is_the_first_that_fits(
    value: bytes, encoding: str, text: str
) -> None:
    """Bytes of any kind read as text without raising."""
    headers = Headers([(b"a", b"1"), (b"x", value)])

    assert encoding == headers.encoding
    assert text == headers["x"]
    assert [("a", "1"), ("x", text)] == headers.multi_items()


def test_encoding_is_one_for_all_fields() -> None:
    """One field that is no UTF-8 makes all of them ISO-8859-1."""
    headers = Headers([(b"a", "é".encode()), (b"b", b"\xe9")])

    assert headers["a"] == "Ã©"


def test_encoding_can_be_set() -> None:
    """Setting the encoding changes how the same bytes read."""
    headers = Headers([(b"a", "é".encode())])
    headers.encoding = "iso-8859-1"

    assert headers["a"] == "Ã©"
    assert headers.encoding == "iso-8859-1"


def test_asking_for_the_encoding_does_not_pin_it() -> None:
    """Text beyond ASCII can be set after the headers were found to be ASCII."""
    headers = Headers({"a": "1"})
    assert headers.encoding == "ascii"
    headers["b"] = "é"

    assert headers["b"] == "é"


def test_equality() -> None:
    """Same fields in any order and any type that headers can be made of."""
    headers = Headers(MIXED)

    assert headers == [("a", "2"), ("B", "1"), ("b", "3")]
    assert headers != [("a", "2")]
    assert Headers({"a": "1"}) == {"A": "1"}
    assert headers != 5
    assert headers != "ab"


@pytest.mark.parametrize(
    "name", ["Authorization", "proxy-authorization", "Cookie", "Set-Cookie"]
)
def test_repr_masks_credentials(name: str) -> None:
    """The representation ends up in logs, so secrets stay out of it."""
    text = repr(Headers({name: "secret", "a": "1"}))

    assert f"Headers({{'{name.lower()}': '[secure]', 'a': '1'}})" == text


def test_repr_of_repeated_and_encoded() -> None:
    """Repeated fields show as a list; an encoding other than ASCII shows too."""
    assert (
        repr(Headers([("a", "1"), ("A", "2")])) == "Headers([('a', '1'), ('a', '2')])"
    )
    assert (
        repr(Headers([(b"a", "é".encode())])) == "Headers({'a': 'é'}, encoding='utf-8')"
    )


def test_pickle() -> None:
    """Bytes, spelling and encoding survive."""
    headers = Headers(MIXED, encoding="utf-8")

    other = pickle.loads(pickle.dumps(headers))

    assert headers.raw == other.raw
    assert other.encoding == "utf-8"


def test_not_hashable() -> None:
    """What changes cannot be a key."""
    with pytest.raises(TypeError, match="unhashable"):
        hash(Headers())


NAMES = st.sampled_from(["a", "A", "b", "Ab", "aB"])
STEPS = st.lists(
    st.tuples(st.sampled_from(["set", "del", "look", "copy"]), NAMES), max_size=8
)


@settings(max_examples=100)
@given(st.lists(st.tuples(NAMES, st.text("12", max_size=2)), max_size=6), STEPS)
def test_adopted_and_built_headers_agree(
    pairs: list[tuple[str, str]], steps: list[tuple[str, str]]
) -> None:
    """Taking over wire pairs lazily makes no difference anybody can see."""
    built = Headers(pairs)
    adopted = Headers._adopt([(n.encode(), v.encode()) for n, v in pairs])
    for step, name in steps:
        if step == "set":
            built[name] = adopted[name] = "new"
        elif step == "del":
            assert built.pop(name, "none") == adopted.pop(name, "none")
        elif step == "look":
            assert built.get_list(name) == adopted.get_list(name)
        else:
            adopted = adopted.copy()

        assert built.raw == adopted.raw
        assert len(built) == len(adopted)
