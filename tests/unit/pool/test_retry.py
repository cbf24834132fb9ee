"""Which requests may be sent a second time."""

from __future__ import annotations

import pytest

from mooring._pool.retry import MAX_RETRIES, Facts, may_retry


def facts(**changes: bool) -> Facts:
    usual = {"sent": True, "answered": False, "idempotent": True, "replayable": True}
    return Facts(**{**usual, **changes})


@pytest.mark.parametrize(
    ("expected", "what"),
    [
        pytest.param(True, facts(), id="lost GET"),
        pytest.param(True, facts(idempotent=False, sent=False), id="unsent POST"),
        pytest.param(False, facts(idempotent=False), id="sent POST"),
        pytest.param(False, facts(answered=True), id="half an answer"),
        pytest.param(False, facts(replayable=False), id="used-up body"),
        pytest.param(
            True, facts(idempotent=False, promised=True), id="refused by the peer"
        ),
    ],
)
def test_a_reused_connection_that_failed(expected: bool, what: Facts) -> None:
    """Rows 24 to 26: only what cannot have been acted upon, or may be twice."""
    assert expected is may_retry(what, reused=True, attempts=0)


def test_a_fresh_connection_is_no_excuse() -> None:
    """Its failure is no stale keep-alive."""
    assert not may_retry(facts(), reused=False, attempts=0)


def test_a_promise_holds_on_a_fresh_connection() -> None:
    """Row 50: the peer said that it did not act."""
    assert may_retry(facts(promised=True), reused=False, attempts=0)


def test_there_is_an_end_to_it() -> None:
    """Invariant 27."""
    assert not may_retry(facts(promised=True), reused=True, attempts=MAX_RETRIES)
