"""Each of the 33 laws can be broken, and is then called by its name.

Most are broken by a bug in ``test_mutants``. Here are those that no bug breaks before
another law: their states are forged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from mooring._pool.core import PoolCore
from mooring._pool.effects import Effect
from mooring._pool.model import ConnectionState, PoolLimits, Protocol, TicketState
from tests.unit.pool.harness import Harness
from tests.unit.pool.invariants import LAWS, Broken, check, check_memory
from tests.unit.pool.test_mutants import CRIMES
from tests.unit.pool.walk import EVENTS, Alphabet, wander


def miscount_a_host(h: Harness) -> None:
    h.request("a")
    h.core.hosts["a"].count += 1


def cover_twice(h: Harness) -> None:
    h.request("a")
    h.dials()[0].cover += 1


def forget_the_dial(h: Harness) -> None:
    h.request("a")
    h.core.connections.clear()


def end_in_the_queue(h: Harness) -> None:
    h.request("a").state = TicketState.CANCELLED


def end_beside_the_lease(h: Harness) -> None:
    h.active("a").state = TicketState.DONE


def rest_before_time(h: Harness) -> None:
    first, second = h.active("a"), h.active("a")
    h.release(first)
    h.release(second)
    assert h.core.idle_order.last is not None
    h.core.idle_order.last.idle_since = -1.0


FORGERIES: dict[int, Callable[[Harness], None]] = {
    2: miscount_a_host,
    10: cover_twice,
    11: forget_the_dial,
    16: end_in_the_queue,
    23: end_beside_the_lease,
    28: rest_before_time,
}


@pytest.mark.parametrize("number", FORGERIES)
def test_a_forged_state_is_noticed(number: int) -> None:
    """Also by the check for that law alone."""
    h = Harness()
    FORGERIES[number](h)
    with pytest.raises(Broken) as info:
        check(h.core, h.tickets, only=(number,))

    assert number == info.value.number
    assert LAWS[number] in str(info.value)


def test_a_closed_connection_that_comes_back_is_noticed() -> None:
    """19: closed is closed."""
    h = Harness()
    connection = h.idle("a")
    h.die(connection)
    connection.state = ConnectionState.IDLE
    with pytest.raises(Broken, match="19 no resurrection"):
        h.tick()


def test_a_closed_connection_on_a_list_is_noticed() -> None:
    """30: nothing of the pool leads to what is over."""

    class Sentimental(PoolCore):
        """It has room for one attribute more."""

    h = Harness(core=Sentimental)
    connection = h.idle("a")
    h.die(connection)
    vars(h.core)["souvenirs"] = [connection]
    with pytest.raises(Broken, match="30 bounded memory"):
        check_memory(h.core)


def test_work_that_grows_is_noticed() -> None:
    """31: the calls of functions are counted."""

    class Counting(PoolCore):
        def ticked(self, *, now: float) -> Sequence[Effect]:
            for _ in range(500):
                self.hosts.get("a")
            return super().ticked(now=now)

    h = Harness(core=Counting, metered=True)
    with pytest.raises(Broken, match="31 bounded work"):
        h.tick()


@pytest.mark.parametrize("seed", range(6))
def test_the_work_for_an_event_is_bounded(seed: int) -> None:
    """31: in pools with forty tickets, four hosts and any limits."""
    limits = PoolLimits(
        max_connections=(3, 8, 20)[seed % 3],
        keepalive_expiry=(3.0, 100.0)[seed % 2],
        bypass_budget=seed % 4,
    )
    h = Harness(limits, inline=seed == 5)
    alphabet = Alphabet(
        keys=("a", "b"),
        shared_keys=("m", "n"),
        events=EVENTS - {"close", "drain"},
        max_tickets=60,
        pool_timeout=20.0,
        connect_timeout=5.0,
        priorities=(0, 0, 1),
    )
    for _ in range(40):
        wander(h, alphabet, seed=seed, steps=1)
        h.request("a")
    h.metered, h.stately = True, False
    wander(h, alphabet, seed=seed, steps=150)

    assert h.work is not None


def test_every_law_has_a_way_to_be_broken() -> None:
    """Here or by a seeded bug."""
    broken = {crime.law for crime in CRIMES} | set(FORGERIES) | {19, 31}

    assert set(LAWS) == broken - {0}


def test_what_is_forged_is_forged() -> None:
    """The same pools hold every law before anything is forged in them."""
    h = Harness()
    h.active("a")
    h.active_shared("m")
    h.request("b")

    check(h.core, h.tickets)
    assert h.of_state(ConnectionState.BUSY)[1].protocol is Protocol.HTTP2
