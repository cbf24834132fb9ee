"""The configurations of ``make model``: what is checked, small and large.

Each takes every event that means something in it. Tickets are those at one time: a
history may have any number of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from mooring._pool.model import PoolLimits
from tests.unit.pool.walk import EVENTS, FACTS, TIMELESS, Alphabet

from .search import Bounds

CORE = TIMELESS - {"detach", "close-detached", "set-limits"}
"""Every event that takes no time, but what has a configuration of its own."""
CALM = CORE - {"fail", "die", "found-dead"}
"""And without what faults do: to the pool, breaking a connection is much the same."""
TICKING = EVENTS - {"set-limits", "fail", "found-dead", "detach", "close-detached"}
PLAIN = Alphabet(keys=("a", "b"), events=CORE)
SHARED = Alphabet(keys=("a",), shared_keys=("m",), events=CORE, flips=False)
CALMLY = replace(PLAIN, events=CALM | {"set-limits"})
FAULTLESS = replace(PLAIN, keys=("a",), events=CORE - {"fail"})
UNLIKE = replace(PLAIN, events=CALM, unlike=True)
STREAMS = replace(SHARED, keys=())
FLIPPING = replace(STREAMS, events=CALM, flips=True)
TIMED = replace(PLAIN, events=TICKING, pool_timeout=1.0, connect_timeout=1.0)
IMPATIENT = replace(
    STREAMS,
    events=TICKING - {"back", "die", "retire", "zombie", "confirm", "cap"},
    connect_timeout=1.0,
    patient=(2.0,),
)
AGING = replace(PLAIN, events=TICKING - {"back"})
HINTED = replace(AGING, keepalive=(0.0, 1.0))
TWO = PoolLimits(max_connections=2, bypass_budget=1)
ONE = replace(TWO, max_connections=1)
WEARING = replace(
    CALMLY,
    limits=tuple(replace(TWO, max_requests_per_connection=n) for n in (1, 2)),
)


@dataclass(frozen=True)
class Case:
    """One configuration, for every day and for the night."""

    small: Bounds
    large: Bounds


def case(
    name: str,
    limits: PoolLimits,
    alphabet: Alphabet,
    tickets: tuple[int, int],
    *,
    inline: bool = False,
) -> Case:
    small, large = (
        Bounds(name, limits, replace(alphabet, max_tickets=n), inline) for n in tickets
    )
    return Case(small, large)


CASES = (
    # -- HTTP/1.1 --
    case("one", ONE, PLAIN, (3, 5)),
    case("one, strictly by age", replace(ONE, bypass_budget=0), PLAIN, (3, 5)),
    case("two, one kept", replace(TWO, max_keepalive=1), PLAIN, (2, 3)),
    case("two, none kept", replace(TWO, max_keepalive=0), PLAIN, (2, 3)),
    case("one per host", replace(TWO, max_per_host=1), PLAIN, (2, 5)),
    case("one for one host", replace(TWO, per_host={"a": 1}), UNLIKE, (2, 3)),
    case("no limit", PoolLimits(), FAULTLESS, (2, 3)),
    case("threads", TWO, PLAIN, (2, 3), inline=True),
    case("upgrades", ONE, replace(PLAIN, events=TIMELESS), (3, 5)),
    case("retries", ONE, replace(PLAIN, keys=("a",), facts=tuple(FACTS)), (3, 6)),
    case("priorities", ONE, replace(CALMLY, priorities=(0, 1)), (3, 4)),
    # -- HTTP/2 --
    case("streams", replace(ONE, max_keepalive=1), STREAMS, (2, 4)),
    case("streams, a rival", ONE, replace(SHARED, events=CALM), (2, 4)),
    case("streams, threads", ONE, replace(STREAMS, events=CALM), (2, 4), inline=True),
    case("streams, not always", replace(TWO, max_per_host=1), FLIPPING, (2, 3)),
    # -- the clock --
    case("timeouts", replace(ONE, keepalive_expiry=1.0), TIMED, (2, 3)),
    case("timeouts, threads", ONE, TIMED, (2, 3), inline=True),
    case("impatient dials", ONE, IMPATIENT, (2, 3)),
    case("maximum age", replace(ONE, max_connection_age=2.0), AGING, (2, 3)),
    case("keep-alive hints", replace(ONE, keepalive_expiry=2.0), HINTED, (2, 3)),
    case("kept warm", replace(ONE, keepalive_expiry=1.0, min_idle=1), AGING, (2, 3)),
    # -- changing limits --
    case("limits change", TWO, replace(CALMLY, limits=(ONE, TWO)), (2, 3)),
    case("worn out", replace(TWO, max_requests_per_connection=2), WEARING, (2, 3)),
)
