"""Each row does with mooring what it does with httpx2, or is marked with a reason.

Where httpx and httpx2 differ, mooring does as httpx2, and that is marked as well.
"""

from __future__ import annotations

import httpx
import httpx2
import pytest

import mooring

from .differences import HTTPX, OURS
from .rows import Row, all_rows, outcome

ROWS = all_rows()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.place)
def test_row(row: Row) -> None:
    """The outcomes are equal, or differ where the row says so."""
    theirs = outcome(row, httpx2)
    ours = outcome(row, mooring)
    older = outcome(row, httpx)

    if row.ours:
        assert theirs != ours, "no longer differs from httpx2: take the mark off"
    else:
        assert theirs == ours, row.code
        assert bool(row.httpx) == (older != ours), f"httpx: {older}"


def test_every_reason_is_used_and_every_mark_has_one() -> None:
    """The list of differences is neither short nor stale."""
    assert set(OURS) == {row.ours for row in ROWS if row.ours}
    assert set(HTTPX) == {row.httpx for row in ROWS if row.httpx}


def test_no_row_is_there_twice() -> None:
    """The number of rows is the number of behaviours."""
    codes = [row.code for row in ROWS]

    assert [] == sorted({code for code in codes if codes.count(code) > 1})
    assert 400 <= len(codes)
