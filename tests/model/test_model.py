"""The search itself: does it see all there is, merge rightly, and tell the way?"""

from __future__ import annotations

import pickle
import re
from dataclasses import replace
from pathlib import Path

import pytest

from mooring._pool.model import PoolLimits, TicketState
from tests.model import __main__ as command
from tests.model import bounds as configurations
from tests.model.audit import NotTheSame, audit
from tests.model.bounds import CASES, ONE, PLAIN, SHARED, TWO, Case
from tests.model.canon import Canon
from tests.model.memento import Memento
from tests.model.search import Bounds, TooLarge, replay, search
from tests.unit.pool.harness import Harness
from tests.unit.pool.invariants import LAWS
from tests.unit.pool.mutants import IgnoresTheRaise, KeepsTheSlot
from tests.unit.pool.test_mutants import CRIMES
from tests.unit.pool.walk import EVENTS, Alphabet, make, moves

TINY = Bounds("tiny", ONE, replace(PLAIN, max_tickets=2))


@pytest.mark.parametrize(
    "bounds",
    [
        TINY,
        Bounds("threads", ONE, replace(PLAIN, max_tickets=2), inline=True),
        Bounds("streams", ONE, replace(SHARED, keys=(), max_tickets=1)),
        Bounds(
            "timeouts",
            replace(ONE, keepalive_expiry=1.0),
            Alphabet(
                keys=("a",),
                events=EVENTS - {"die", "retire", "fail", "found-dead", "detach"},
                max_tickets=1,
                pool_timeout=1.0,
                connect_timeout=1.0,
            ),
        ),
    ],
    ids=lambda bounds: bounds.name,
)
def test_states_of_one_key_have_the_same_futures(bounds: Bounds) -> None:
    """Of each key several states are kept, and compared move by move."""
    assert audit(bounds) > 20


def test_the_audit_sees_a_key_that_leaves_something_out() -> None:
    """A key without the tickets' tries would merge what is not the same."""

    class Careless(Canon):
        def key(self, h: Harness) -> bytes:
            tries = [ticket.attempts for ticket in h.tickets]
            for ticket in h.tickets:
                ticket.attempts = 0
            key = super().key(h)
            for ticket, attempts in zip(h.tickets, tries, strict=True):
                ticket.attempts = attempts
            return key

    events = frozenset(("request", "dial-ok", "fail"))
    bounds = Bounds(
        "retries",
        ONE,
        Alphabet(keys=("a",), events=events, max_tickets=1, facts=("refused",)),
    )
    with pytest.raises(NotTheSame):
        audit(bounds, canon=Careless({"a": 0}), samples=9)


def test_hosts_and_numbers_are_only_names() -> None:
    """The same history of another host is the same state."""
    canon = TINY.canon()
    first, second = Harness(TWO), Harness(TWO)
    first.request("a")
    other = second.request("a")
    second.request("b")
    second.dial_fail(second.dials()[0])
    second.forget()

    assert other.state is TicketState.FAILED

    assert canon.key(first) == canon.key(second)


def test_a_memento_restores_all_that_a_move_did() -> None:
    """After any move, the pickle of the pool is what it was."""
    h = Harness(TWO, checked=False)
    h.active("a")
    h.active_shared("m")
    h.request("a")
    h.forget()
    before, canon = Memento(h), Canon({"a": 0, "m": 1})
    key, length = canon.key(h), len(pickle.dumps(h))
    alphabet = replace(SHARED, max_tickets=9)
    for move in list(moves(h, alphabet)):
        make(h, move)
        before.restore()

        assert (key, length) == (canon.key(h), len(pickle.dumps(h)))


def test_the_way_to_a_fault_is_the_shortest() -> None:
    """The lost hand-over needs one who holds, one who waits, and a change of mind."""
    found = search(TINY, KeepsTheSlot).violation

    assert found is not None
    assert "8 no waiter beside a free connection" == found.law
    assert [
        "request a",
        "request a",
        "dial ok connection 2",
        "cancel ticket 1",
    ] == [str(move) for move in found.moves]


def test_the_way_to_a_fault_can_be_gone_again() -> None:
    """Each step tells what it makes the pool do."""
    found = search(TINY, KeepsTheSlot).violation
    assert found is not None
    steps = list(replay(TINY, found.moves))

    assert "  1. request a  [Dial(<Connection 2 dialing a>)]" == steps[0]
    assert 4 == len(steps)


def test_a_search_that_finds_no_end_says_so() -> None:
    """Bounds that are too wide are a mistake, not a proof."""
    with pytest.raises(TooLarge):
        search(TINY, max_states=10)


def test_the_command_tells_what_it_has_seen(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line for each configuration, the totals, and no complaint."""
    monkeypatch.setattr(command, "CASES", (Case(TINY, TINY),))

    assert 0 == command.main(["--jobs", "1"])
    assert "tiny" in capsys.readouterr().out


def test_the_command_names_the_broken_invariant_and_the_way(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And its exit status is 1."""
    bounds = Bounds("streams", ONE, replace(SHARED, keys=(), max_tickets=2))
    monkeypatch.setattr(command, "CASES", (Case(bounds, bounds),))
    monkeypatch.setattr(command, "search", lambda b: search(b, IgnoresTheRaise))

    assert 1 == command.main(["--jobs", "1"])
    text = capsys.readouterr().out
    assert "streams: invariant 8 no waiter beside a free connection is broken" in text
    assert "  4. cap connection 2, 2 streams" in text


def test_there_are_ten_configurations_and_more() -> None:
    """With and without multiplexing, threads, clocks and changing limits."""
    names = {case.small.name for case in CASES}

    assert len(names) == len(CASES) >= 10
    assert configurations.PLAIN.events <= EVENTS
    assert any(case.small.inline for case in CASES)
    assert any(case.small.alphabet.shared_keys for case in CASES)
    assert any(case.small.limits != PoolLimits() for case in CASES)


PAGE = (Path(__file__).parents[2] / "docs/concepts/proof.md").read_text("utf-8")


def test_the_page_lists_every_invariant_by_its_name() -> None:
    """Number and name as a failing run prints them."""
    rows = re.findall(r"^\| (\d+) \| ([^|]+) \|", PAGE, re.MULTILINE)

    assert LAWS == {int(number): name for number, name in rows}


def test_the_page_lists_every_configuration() -> None:
    """In the order in which they are defined, each with its figures."""
    rows = re.findall(r"^\| ([a-z][\w, -]+) \|(?: [\d,]+ \|){6}$", PAGE, re.MULTILINE)

    assert [case.small.name for case in CASES] == rows


def test_the_page_counts_the_bugs() -> None:
    """As many as there are."""
    assert f"puts {len(CRIMES)} old bugs back" in PAGE
