"""A slice of ``make torture``: every scenario in every world, some of the cases."""

from __future__ import annotations

from itertools import islice

import pytest

from . import torture
from .scenarios import SCENARIOS
from .torture import Report, parse, play
from .world import Plan
from .worlds import WORLDS

# Every so many cases of each world; what is quick is played more often.
SLICES = {"memory": 5, "asyncio": 23, "trio": 23, "threads": 23, "crowd": 5}
UNITS = [
    (world, scenario)
    for world, kind in WORLDS.items()
    for scenario in SCENARIOS
    if scenario not in kind.leaves_out
]


@pytest.mark.parametrize(("world", "scenario"), UNITS, ids=map("-".join, UNITS))
def test_torture(world: str, scenario: str) -> None:
    """Cancelled, failed, reordered: the victim hears of it, and nothing is lost."""
    options = parse(["--seeds", "4"])
    kind, played = WORLDS[world], SCENARIOS[scenario]
    cases = torture.all_cases(kind, played, options, Report(world, scenario))
    first = len(scenario) % SLICES[world]
    for case in islice(cases, first, None, SLICES[world]):
        torture.play_case(kind, played, case)


def test_every_pair_is_met_in_both_orders() -> None:
    """What chance leaves out is forced."""
    report = Report("memory", "queued_behind_others")
    kind, played = WORLDS["memory"], SCENARIOS["queued_behind_others"]
    for case in torture.orders(kind, played, 3, report):
        play(kind, played, case.plan)
    assert report.pairs > 10
    assert 0 == report.one_way


def test_the_account_names_what_repeats_a_fault() -> None:
    """Scenario, world, seed or call, and what is left."""
    report = Report("memory", "plain_get", leaks=["plain_get in memory, seed 3: x"])
    lines = list(torture.account([report]))
    assert "LEAK plain_get in memory, seed 3: x" == lines[-2]
    assert "1 leaks, 0 hangs" in lines[-1]


def test_a_leak_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that forgets to give a connection back does not pass."""
    from mooring._shell._async.section import AsyncSection

    monkeypatch.setattr(AsyncSection, "_sweep", lambda self: None)
    kind, played = WORLDS["memory"], SCENARIOS["silent_server"]
    with pytest.raises(AssertionError):
        play(kind, played, Plan())
