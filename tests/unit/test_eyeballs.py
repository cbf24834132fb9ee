"""The plan for connecting to one of several addresses, on a clock of our own."""

from __future__ import annotations

import errno
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mooring._flow.eyeballs import (
    MAX_ADDRESSES,
    STAGGER,
    ConnectPlan,
    GiveUp,
    Start,
    Wait,
    interleaved,
)


@dataclass(frozen=True)
class Place:
    ip: str


SIX = [Place(f"2001:db8::{n:x}") for n in range(1, 13)]
FOUR = [Place(f"192.0.2.{n}") for n in range(1, 13)]
REFUSED = ConnectionRefusedError(errno.ECONNREFUSED, "refused")


@dataclass(frozen=True)
class Fate:
    """How an attempt ends: after how long, and whether with a connection."""

    after: float
    is_good: bool


NEVER = Fate(math.inf, False)


@dataclass
class Race:
    """What came of a plan."""

    winner: Place | None
    ended: float
    starts: list[tuple[float, Place]]
    failed: list[float]
    given_up: GiveUp[Place] | None


def run(
    plan: ConnectPlan[Place],
    fates: Mapping[Place, Fate],
    *,
    now: float = 0.0,
    lag: float = 0.0,
) -> Race:
    """Obey *plan* as a backend would, waking up *lag* late; NEVER is the default."""
    starts: list[tuple[float, Place]] = []
    failed: list[float] = []
    ends: dict[Place, float] = {}
    while True:
        step = plan.next(now)
        if isinstance(step, Start):
            starts.append((now, step.address))
            ends[step.address] = now + fates.get(step.address, NEVER).after
            continue
        if isinstance(step, GiveUp):
            return Race(None, now, starts, failed, step)
        first = min(ends, key=ends.__getitem__)
        assert step.until < math.inf or ends[first] < math.inf
        if ends[first] > step.until:
            now = max(now, step.until) + lag
            continue
        now = max(now, ends.pop(first))
        if fates[first].is_good:
            assert plan.connected(first)
            return Race(first, now, starts, failed, None)
        failed.append(now)
        plan.failed(first, REFUSED)


def test_families_take_turns() -> None:
    """One of each, the resolver's first family first (RFC 8305 section 4)."""
    assert [SIX[0], FOUR[0], SIX[1], FOUR[1], SIX[2]] == interleaved(
        [*SIX[:3], *FOUR[:2]]
    )
    assert [FOUR[0], SIX[0], FOUR[1], FOUR[2]] == interleaved([*FOUR[:3], SIX[0]])


def test_addresses_are_tried_once() -> None:
    """Resolvers repeat themselves."""
    assert [SIX[0], FOUR[0]] == interleaved([SIX[0], SIX[0], FOUR[0], SIX[0]])


def test_a_good_first_address_is_alone() -> None:
    """Nobody else is bothered."""
    race = run(ConnectPlan([SIX[0], FOUR[0]]), {SIX[0]: Fate(0.2, True)})

    assert (SIX[0], 0.2, [(0.0, SIX[0])]) == (race.winner, race.ended, race.starts)


def test_a_black_hole_is_overtaken() -> None:
    """A black-holed IPv6 with a live IPv4 costs one stagger, under 400 ms."""
    race = run(ConnectPlan([*SIX[:3], FOUR[0]], deadline=5), {FOUR[0]: Fate(0.1, True)})

    assert (FOUR[0], 0.35) == (race.winner, race.ended)


def test_a_slow_first_address_may_still_win() -> None:
    """An attempt goes on when the next begins."""
    fates = {SIX[0]: Fate(0.3, True), FOUR[0]: Fate(0.2, True)}
    plan = ConnectPlan([SIX[0], FOUR[0]])
    race = run(plan, fates)

    assert (SIX[0], 0.3) == (race.winner, race.ended)
    assert (FOUR[0],) == plan.pending


def test_a_failure_is_followed_at_once() -> None:
    """Nobody waits for the stagger behind a refusal."""
    race = run(
        ConnectPlan([SIX[0], FOUR[0], SIX[1]]),
        {
            SIX[0]: Fate(0.01, False),
            FOUR[0]: Fate(0.01, False),
            SIX[1]: Fate(0.01, True),
        },
    )

    assert pytest.approx([0.0, 0.01, 0.02]) == [when for when, _ in race.starts]
    assert SIX[1] == race.winner


def test_ten_dead_addresses_end_at_the_deadline() -> None:
    """The connect timeout is over the sum, not for each."""
    race = run(ConnectPlan([*SIX[:5], *FOUR[:5]], deadline=5.0), {})

    assert 5.0 == race.ended
    assert race.given_up is not None
    assert () == race.given_up.failures
    assert MAX_ADDRESSES == len(race.given_up.unanswered)
    assert 2 == len(race.given_up.untried)


def test_all_failures_are_kept() -> None:
    """In the order in which they came, and the plan ends with the last."""
    fates = {SIX[0]: Fate(0.3, False), FOUR[0]: Fate(0.01, False)}
    race = run(ConnectPlan([SIX[0], FOUR[0]], deadline=9.0), fates)

    expected = ((FOUR[0], REFUSED), (SIX[0], REFUSED))
    assert GiveUp(expected, (), ()) == race.given_up
    assert 0.3 == race.ended


def test_what_was_going_on_at_the_deadline_is_told() -> None:
    """Failed, unanswered and untried are told apart."""
    fates = {SIX[0]: Fate(0.1, False)}
    race = run(ConnectPlan([*SIX[:3], FOUR[0]], deadline=0.3), fates)

    assert GiveUp(((SIX[0], REFUSED),), (FOUR[0],), (SIX[1], SIX[2])) == race.given_up


def test_a_plan_without_time_starts_nothing() -> None:
    """Where resolving took all the time there was."""
    plan = ConnectPlan(SIX[:2], deadline=1.0)

    assert GiveUp((), (), (SIX[0], SIX[1])) == plan.next(1.0)
    assert "connecting to nothing yet" == plan.doing


def test_a_plan_without_addresses_gives_up() -> None:
    """An empty list is no reason to wait."""
    assert GiveUp((), (), ()) == ConnectPlan[Place]([]).next(0.0)


def test_no_more_addresses_are_tried_than_allowed() -> None:
    """A name with a thousand addresses is no way to knock at a thousand doors."""
    race = run(
        ConnectPlan([*SIX, *FOUR]), dict.fromkeys([*SIX, *FOUR], Fate(0.01, False))
    )

    assert [*interleaved([*SIX[:4], *FOUR[:4]])] == [where for _, where in race.starts]
    assert race.given_up is not None
    assert 8 == len(race.given_up.failures)
    assert 16 == len(race.given_up.untried)


def test_only_the_first_connection_is_kept() -> None:
    """Two can succeed in one turn of a loop; the second is to be closed."""
    plan = ConnectPlan([SIX[0], FOUR[0]])
    assert Start(SIX[0]) == plan.next(0.0)
    assert Start(FOUR[0]) == plan.next(STAGGER)

    assert plan.connected(FOUR[0])
    assert not plan.connected(SIX[0])
    assert (FOUR[0], ()) == (plan.winner, plan.pending)


def test_what_is_waited_for_is_told() -> None:
    """A text on a timeout names every address that has not answered."""
    plan = ConnectPlan([SIX[0], FOUR[0]])
    plan.next(0.0)
    plan.next(STAGGER)

    assert "connecting to 2001:db8::1, 192.0.2.1" == plan.doing


def test_waking_late_starts_one_attempt_only() -> None:
    """After a pause of the whole machine there is no volley."""
    plan = ConnectPlan(SIX[:4], deadline=100.0)
    plan.next(0.0)

    assert Start(SIX[1]) == plan.next(50.0)
    assert Wait(50.0 + STAGGER) == plan.next(50.0)


PLACES = st.lists(st.sampled_from([*SIX, *FOUR]), max_size=14)
FATES = st.dictionaries(
    st.sampled_from([*SIX, *FOUR]),
    st.builds(Fate, st.floats(0, 3), st.booleans()),
)


@given(
    places=PLACES,
    fates=FATES,
    deadline=st.floats(0, 6),
    stagger=st.floats(0.01, 1),
    lag=st.sampled_from([0.0, 0.001, 0.7]),
)
def test_every_race_ends_as_it_should(
    places: Sequence[Place],
    fates: Mapping[Place, Fate],
    deadline: float,
    stagger: float,
    lag: float,
) -> None:
    """Order, pace, end and books hold whatever the network does."""
    plan = ConnectPlan(places, deadline=deadline, stagger=stagger)
    race = run(plan, fates, lag=lag)

    order = interleaved(places)
    started = [where for _, where in race.starts]
    assert order[: len(started)] == started
    assert len(started) <= MAX_ADDRESSES
    for earlier, later in pairwise(race.starts):
        is_after_failure = any(earlier[0] <= end <= later[0] for end in race.failed)
        assert later[0] - earlier[0] >= stagger * 0.999 or is_after_failure
    assert race.ended <= max(deadline, 0) + lag
    if race.given_up is not None:
        books = race.given_up
        failed = [where for where, _ in books.failures]
        assert sorted(map(str, order)) == sorted(
            map(str, (*failed, *books.unanswered, *books.untried))
        )
        is_late = race.ended >= deadline
        assert is_late or (not books.unanswered and len(failed) == len(started))
        assert is_late or len(started) == min(len(order), MAX_ADDRESSES)


@given(places=PLACES.filter(bool), fates=FATES)
def test_a_live_address_in_reach_is_reached(
    places: Sequence[Place], fates: Mapping[Place, Fate]
) -> None:
    """With time enough, whichever of the first eight answers is found."""
    tried = interleaved(places)[:MAX_ADDRESSES]
    alive = [where for where in tried if fates.get(where, NEVER).is_good]
    race = run(ConnectPlan(places, deadline=60.0), fates)

    assert bool(alive) is (race.winner is not None)
    if alive:
        latest = STAGGER * tried.index(alive[0]) + fates[alive[0]].after
        assert race.ended <= latest * 1.000001
