"""The work of one call does not grow with what else the pool holds."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from types import FrameType

import pytest

from mooring._pool.core import PoolCore
from mooring._pool.model import PoolLimits, Protocol, Ticket

from .harness import Harness


def calls(act: Callable[[], object]) -> int:
    """How many functions, ours and built in, *act* calls."""
    count = 0

    def note(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    # The collector's callbacks, Hypothesis has one, would be counted when it strikes.
    gc.collect()
    gc.disable()
    sys.setprofile(note)
    try:
        act()
    finally:
        sys.setprofile(None)
        gc.enable()
    return count


def crowded(crowd: int) -> Harness:
    """A pool with *crowd* idle connections to as many hosts."""
    h = Harness(checked=False)
    for n in range(crowd):
        h.idle(n)
    return h


def besieged(crowd: int) -> Harness:
    """A full pool before which *crowd* requests wait, to half as many hosts."""
    h = Harness(PoolLimits(max_connections=2, bypass_budget=10**9), checked=False)
    h.active_shared("m", cap=10)
    h.active("a")
    for n in range(crowd):
        h.request(n // 2)
    return h


def exchange(core: PoolCore, key: object, *, multiplex: bool = False) -> None:
    ticket = Ticket(key, multiplex=multiplex)
    core.requested(ticket, now=0)
    core.activated(ticket)
    core.released(ticket, ticket.generation, now=0)


def test_reuse_costs_the_same_beside_many_idle_connections() -> None:
    """A lease and its release touch one connection."""
    few, many = crowded(1), crowded(3000)

    assert calls(lambda: exchange(few.core, 0)) == calls(
        lambda: exchange(many.core, 1500)
    )


def test_a_stream_costs_the_same_before_many_waiters() -> None:
    """Who waits for other hosts is not looked at."""
    few, many = besieged(1), besieged(3000)

    assert calls(lambda: exchange(few.core, "m", multiplex=True)) == calls(
        lambda: exchange(many.core, "m", multiplex=True)
    )


@pytest.mark.parametrize("place", [0, 1500, 2999])
def test_giving_up_costs_the_same_anywhere_in_the_queue(place: int) -> None:
    """Leaving the middle is as cheap as leaving the end."""
    few, many = besieged(2), besieged(3000)
    first, ticket = few.tickets[2], many.tickets[2 + place]

    assert (
        calls(lambda: many.core.cancelled(ticket, now=0))
        <= calls(lambda: few.core.cancelled(first, now=0)) + 2
    )


def test_a_freed_slot_finds_the_oldest_without_a_search() -> None:
    """Logarithmic in the number of hosts at most: the heap of the blocked."""

    def cost(crowd: int) -> int:
        h = besieged(crowd)
        return calls(
            lambda: h.core.released(h.tickets[1], h.tickets[1].generation, now=0)
        )

    assert cost(3000) == cost(3)


def test_an_eviction_finds_the_oldest_without_a_search() -> None:
    """It stands in front."""

    def cost(crowd: int) -> int:
        h = crowded(crowd)
        h.core.limits = PoolLimits(max_connections=crowd)
        return calls(lambda: h.core.requested(Ticket("new"), now=0))

    assert cost(3000) == cost(2)


def test_a_raised_cap_costs_what_it_serves() -> None:
    """Ten thousand waiters, one more stream: one is woken."""

    def cost(crowd: int) -> int:
        h = Harness(PoolLimits(max_connections=1), checked=False)
        holder = h.active_shared("m", cap=1)
        for _ in range(crowd):
            h.request("m", multiplex=True)
        connection = holder.connection
        assert connection is not None
        assert connection.protocol is Protocol.HTTP2
        return calls(lambda: h.core.cap_changed(connection, 2, now=0))

    assert cost(3000) == cost(3)
