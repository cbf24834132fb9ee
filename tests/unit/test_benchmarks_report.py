"""The arithmetic of the benchmarks: medians, ratios by round, what is not there."""

from __future__ import annotations

import pytest

from benchmarks.cases import CASES, Case, Entry, find_cases
from benchmarks.child import Load, Measurement
from benchmarks.report import Result, Span, as_json, lines
from benchmarks.subjects import ASYNC_SUBJECTS, SYNC_SUBJECTS

OURS = Entry("mooring", "asyncio", 1, 1)
PEER = Entry("peer", "asyncio", 1, 1)


def measured(requests: int, *, cpu_seconds: float = 1.0) -> Measurement:
    return Measurement(requests, seconds=1.0, cpu_seconds=cpu_seconds)


def a_result() -> Result:
    """Three rounds in which the machine slowed down for both."""
    result = Result(Case("case", "a case", (OURS, PEER)))
    result.rounds["mooring"] = [measured(n) for n in (400, 300, 200)]
    result.rounds["peer"] = [measured(n) for n in (200, 100, 100)]
    return result


def test_rate_is_the_median_with_its_extremes() -> None:
    """One slow round does not move the figure."""
    assert Span(300, 200, 400) == a_result().rate("mooring")


def test_ratios_are_taken_round_by_round() -> None:
    """What drifts between rounds drifts for both, so it cancels out."""
    assert Span(2.0, 2.0, 3.0) == a_result().rate_ratio("peer")


def test_cpu_is_counted_per_request() -> None:
    """In microseconds."""
    assert measured(1000, cpu_seconds=0.05).cpu_micros == pytest.approx(50)


def test_table_names_who_could_not_take_part() -> None:
    """A peer that is not installed is said, not failed."""
    result = a_result()
    del result.rounds["peer"]
    result.missing["peer"] = "No module named 'peer'"

    assert any("peer  " in line and "not measured" in line for line in lines(result))


def test_json_has_the_ratio_beside_the_rounds() -> None:
    """So that others can do their own arithmetic."""
    entries = as_json(a_result())["entries"]

    assert isinstance(entries, dict)
    assert entries["peer"]["rate_ratio"]["median"] == 2.0
    assert entries["mooring"]["rounds"][0] == [400, 1.0, 1.0]


def test_load_counts_between_its_marks() -> None:
    """Start and warm-up are not measured."""
    load = Load()
    load.check(b"hello")
    load.mark()
    load.check(b"hello")
    load.mark()

    assert load.measurement().requests == 1


def test_wrong_body_stops_the_benchmark() -> None:
    """Fast and wrong is not fast."""
    with pytest.raises(AssertionError, match="wrong body"):
        Load().check(b"hell")


def test_every_entry_has_a_subject() -> None:
    """A typing error in the table would only show after minutes."""
    entries = [entry for case in CASES for entry in case.entries]

    for entry in entries:
        known = SYNC_SUBJECTS if entry.world == "threads" else ASYNC_SUBJECTS
        assert entry.subject in known


def test_names_of_entries_are_unique_within_a_case() -> None:
    """The rounds are kept under them."""
    for case in CASES:
        assert len(case.entries) == len({entry.name for entry in case.entries})


def test_cases_are_found_by_the_beginning_of_their_names() -> None:
    """--case asyncio means all of them, --case asyncio-1 that one."""
    found = [case.name for case in find_cases(["asyncio-1", "sync", "trio"])]

    assert ["asyncio-1", "sync-1", "sync-16", "trio-100"] == found


def test_unknown_case_is_an_error_that_lists_the_known() -> None:
    """Instead of a run that measures nothing."""
    with pytest.raises(LookupError, match="sync-16"):
        find_cases(["nonsense"])
