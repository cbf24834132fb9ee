"""Every short history of very small pools; ``make model`` goes on from there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.model.bounds import CASES, Case
from tests.model.search import search


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.small.name)
def test_no_short_history_breaks_the_pool(case: Case) -> None:
    """Four events in a row, and from each state the way out."""
    result = search(replace(case.small, depth=4))

    assert result.violation is None, str(result.violation)
    assert 4 == result.depth
