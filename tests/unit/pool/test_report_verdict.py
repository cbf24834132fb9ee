"""The verdict: what one slot is blamed on, and how all of them are weighed."""

from __future__ import annotations

import pytest

from mooring._pool.holder import Phase
from mooring._pool.verdict import SHORTEST_WAIT, Verdict, blame, verdict

DEADLOCK = Verdict.SELF_DEADLOCK
LEAK = Verdict.LEAK
CONNECTS = Verdict.CONNECTS_FAILING
SLOW = Verdict.SLOW_SERVER
LIMIT = Verdict.LIMIT_TOO_LOW


@pytest.mark.parametrize(
    ("expected", "phase", "seconds", "held"),
    [
        (LEAK, Phase.UNREAD, 10, 10),
        (LEAK, Phase.UNREAD, 10, 500),
        (SLOW, Phase.UNREAD, 9.9, 9.9),  # was read from during the wait
        (SLOW, Phase.UNREAD, 0.1, 60),
        (LIMIT, Phase.UNREAD, 0.1, 4.9),
        (SLOW, Phase.HEADERS, 5, 5),
        (LIMIT, Phase.HEADERS, 4.9, 4.9),
        (SLOW, Phase.BODY, 0.01, 60),  # a long download, never long in one phase
        (LIMIT, Phase.BODY, 0.01, 0.2),
        (SLOW, Phase.SENDING, 7, 7),
        (CONNECTS, Phase.CONNECTING, 5, 5),
        (LIMIT, Phase.CONNECTING, 4.9, 4.9),
    ],
)
def test_a_slot_is_blamed_by_what_it_does_and_for_how_long(
    expected: Verdict, phase: Phase, seconds: float, held: float
) -> None:
    """Seen by a request that has waited for 10 seconds."""
    assert expected is blame(phase, waited=10, seconds=seconds, held=held)


def test_a_connect_that_may_just_be_far_away_is_well() -> None:
    """However short the wait was, a handshake round the globe is no failure."""
    assert LIMIT is blame(Phase.CONNECTING, waited=0.2, seconds=0.9, held=0.9)
    assert CONNECTS is blame(Phase.CONNECTING, waited=0.2, seconds=1, held=1)


def test_a_young_dial_to_a_host_that_failed_is_a_failing_connect() -> None:
    """Each dial is young where the connects are refused at once."""
    assert CONNECTS is blame(
        Phase.CONNECTING, waited=10, seconds=0.1, held=0.1, failing=True
    )


@pytest.mark.parametrize("phase", Phase)
def test_who_does_not_wait_does_not_call_everything_slow(phase: Phase) -> None:
    """Against pool=0 every age is long, so a wait is at least the shortest one."""
    age = SHORTEST_WAIT / 2.5

    assert LIMIT is blame(phase, waited=0, seconds=age, held=age)


@pytest.mark.parametrize(
    ("expected", "blamed"),
    [
        (LIMIT, {}),
        (LIMIT, {LIMIT: 3}),
        (LEAK, {LEAK: 3}),
        (CONNECTS, {CONNECTS: 3}),
        (SLOW, {SLOW: 3}),
        # Half of the slots stuck is enough, less is not.
        (LEAK, {LEAK: 1, LIMIT: 1}),
        (LIMIT, {LEAK: 1, LIMIT: 2}),
        (SLOW, {LEAK: 1, SLOW: 2, LIMIT: 3}),
        # Most stuck slots decide; among equals what the caller can mend.
        (SLOW, {LEAK: 1, CONNECTS: 1, SLOW: 2}),
        (CONNECTS, {LEAK: 1, CONNECTS: 2, SLOW: 1}),
        (LEAK, {LEAK: 1, CONNECTS: 1, SLOW: 1}),
        (CONNECTS, {CONNECTS: 1, SLOW: 1}),
    ],
)
def test_the_slots_are_weighed(expected: Verdict, blamed: dict[Verdict, int]) -> None:
    """Too few if most are well; else what most of the stuck ones suffer from."""
    assert expected is verdict(blamed)


@pytest.mark.parametrize("cause", [LEAK, SLOW, LIMIT])
def test_a_deadlock_stands_above_all(cause: Verdict) -> None:
    """It is certain, all else is likely."""
    assert DEADLOCK is verdict({cause: 3}, is_deadlock=True)


def test_precedence_is_the_order_of_definition() -> None:
    """The one place that says it."""
    assert [DEADLOCK, LEAK, CONNECTS, SLOW, LIMIT] == list(Verdict)
