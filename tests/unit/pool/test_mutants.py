"""Old bugs, put back one by one: the search must find each, and name the law broken.

A search that finds nothing in the core as it is proves little before it has found
everything in cores that are not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from mooring._pool.core import PoolCore
from mooring._pool.model import PoolLimits
from tests.model.search import Bounds, search
from tests.unit.pool import mutants
from tests.unit.pool.walk import EVENTS, TIMELESS, Alphabet

ONE = PoolLimits(max_connections=1, bypass_budget=1)
TWO = replace(ONE, max_connections=2)
PLAIN = Alphabet(keys=("a", "b"), events=TIMELESS, max_tickets=3)
ALONE = replace(PLAIN, keys=("a",))
SHARED = replace(PLAIN, keys=(), shared_keys=("m",), flips=False)
TIMED = replace(PLAIN, events=EVENTS, pool_timeout=1.0, connect_timeout=2.0)
RELIMITED = replace(PLAIN, limits=(ONE, TWO))

AT_ONE = Bounds("one", ONE, PLAIN)
AT_TWO = Bounds("two", TWO, PLAIN)
KEEPING_ONE = Bounds("two, one kept", replace(TWO, max_keepalive=1), PLAIN)
PER_HOST = Bounds("one per host", replace(TWO, max_per_host=1), PLAIN)
STREAMS = Bounds("streams", ONE, SHARED)
MORE_STREAMS = Bounds("streams on two connections", TWO, SHARED)
EXPIRING = Bounds("timeouts", replace(ONE, keepalive_expiry=1.0), TIMED)
AGING = Bounds("age", replace(ONE, max_connection_age=1.0), TIMED)
WEARING = Bounds("wear", replace(ONE, max_requests_per_connection=1), PLAIN)
CHANGING = Bounds("limits change", TWO, RELIMITED)
RANKED = Bounds("priorities", ONE, replace(ALONE, priorities=(0, 1)))
RETRYING = Bounds("retries", ONE, replace(ALONE, facts=("lost", "answered", "refused")))


@dataclass(frozen=True)
class Crime:
    """Which law a bug breaks first, and where that shows."""

    mutant: type[PoolCore]
    law: int
    bounds: Bounds


CRIMES = [
    Crime(mutants.ForgetsTheLease, 5, AT_ONE),
    Crime(mutants.KeepsTheSlot, 8, AT_ONE),
    Crime(mutants.CancelsTheSharedDial, 17, STREAMS),
    Crime(mutants.DropsTheOrphan, 4, AT_ONE),
    Crime(mutants.KeepsTheSurplusDial, 9, AT_TWO),
    Crime(mutants.TimesOutTheServed, 15, EXPIRING),
    Crime(mutants.TimesOutEarly, 32, EXPIRING),
    Crime(mutants.LosesTheFailedSlot, 9, AT_ONE),
    Crime(mutants.LosesTheDeadSlot, 9, AT_ONE),
    Crime(mutants.LosesTheBrokenSlot, 9, AT_ONE),
    Crime(mutants.LosesTheDetachedSlot, 12, AT_ONE),
    Crime(mutants.IgnoresTheRaise, 8, STREAMS),
    Crime(mutants.IgnoresTheConfirmation, 8, STREAMS),
    Crime(mutants.IgnoresRaisedLimits, 9, CHANGING),
    Crime(mutants.RestsBesideWaiters, 12, AT_ONE),
    Crime(mutants.OvertakesForEver, 14, AT_ONE),
    Crime(mutants.ServesTheYoungest, 13, AT_ONE),
    Crime(mutants.LetsTheNewcomerBarge, 13, AT_ONE),
    Crime(mutants.RequeuesAtTheEnd, 13, AT_ONE),
    Crime(mutants.ForgetsPriority, 13, RANKED),
    Crime(mutants.SortsByTheClock, 13, EXPIRING),
    Crime(mutants.WakesTwice, 15, AT_ONE),
    Crime(mutants.WakesNobody, 15, AT_ONE),
    Crime(mutants.AssignsTwice, 6, AT_ONE),
    Crime(mutants.HonoursStaleReleases, 18, AT_ONE),
    Crime(mutants.FreesTheZombies, 29, STREAMS),
    Crime(mutants.OverfillsStreams, 7, STREAMS),
    Crime(mutants.RevokesByCap, 5, STREAMS),
    Crime(mutants.LeasesTheExpired, 21, EXPIRING),
    Crime(mutants.UsesTheWorn, 21, WEARING),
    Crime(mutants.NeverAges, 21, AGING),
    Crime(mutants.CountsOnlyTheBusy, 24, AT_ONE),
    Crime(mutants.ForgetsTheHostLimit, 24, PER_HOST),
    Crime(mutants.KeepsTooMany, 3, KEEPING_ONE),
    Crime(mutants.EvictsTheLeased, 15, AT_ONE),
    Crime(mutants.EvictsNothing, 9, AT_ONE),
    Crime(mutants.DialsBeforeClosing, 24, AT_ONE),
    Crime(mutants.LetsParkedHoldTheSlot, 9, STREAMS),
    Crime(mutants.UncountsTheDetached, 1, AT_ONE),
    Crime(mutants.RevokesByLimit, 5, CHANGING),
    Crime(mutants.LeaksTheLateDial, 20, AT_ONE),
    Crime(mutants.DialsForEach, 22, MORE_STREAMS),
    Crime(mutants.FailsTheWholeHost, 25, AT_ONE),
    Crime(mutants.ClimbsTheLadder, 25, STREAMS),
    Crime(mutants.ForgetsTheGoaway, 26, STREAMS),
    Crime(mutants.GoesAwayAtOnce, 26, STREAMS),
    Crime(mutants.RetriesOnTheSame, 27, RETRYING),
    Crime(mutants.RetriesForEver, 27, RETRYING),
    Crime(mutants.RetriesTheFresh, 27, RETRYING),
    Crime(mutants.LeavesWaiters, 0, AT_ONE),
    Crime(mutants.DialsAfterClose, 20, AT_ONE),
    Crime(mutants.TakesNewWorkWhileDraining, 20, AT_ONE),
    Crime(mutants.CutsWhatDrains, 5, AT_ONE),
    Crime(mutants.NeverSaysEmptied, 20, AT_ONE),
    Crime(mutants.RemembersHosts, 30, AT_ONE),
    Crime(mutants.RemembersConnections, 30, AT_ONE),
    Crime(mutants.MiscountsTheQueue, 33, AT_ONE),
    Crime(mutants.MiscountsFailures, 29, AT_ONE),
]


@pytest.mark.parametrize("crime", CRIMES, ids=lambda crime: crime.mutant.__name__)
def test_the_search_finds_the_bug(crime: Crime) -> None:
    """Within the bounds of ``make model``, and by the law that it breaks."""
    result = search(crime.bounds, crime.mutant, max_states=20_000)

    assert result.violation is not None
    assert crime.law == result.violation.number, str(result.violation)
