"""What the limits mean, and in which order hosts get the slots."""

from __future__ import annotations

from mooring._pool.model import (
    ConnectionState,
    PoolLimits,
    Protocol,
    TicketState,
)

from .harness import Harness
from .walk import REFUSED

ONE = PoolLimits(max_connections=1)


def test_the_limit_holds() -> None:
    """The third request waits, whichever host it is for."""
    h = Harness(PoolLimits(max_connections=2))
    for key in "aba":
        h.request(key)

    assert len(h.dials()) == 2


def test_an_idle_connection_elsewhere_makes_room() -> None:
    """The oldest one at rest is closed, before the dial that takes its slot."""
    h = Harness(PoolLimits(max_connections=2))
    h.idle("a")
    h.idle("b")
    h.request("c")

    assert h.happened() == ["Close(a)", "Dial(c)"]
    assert list(h.core.hosts) == ["b", "c"]


def test_the_limit_of_a_host_holds() -> None:
    """Another host is not held up by it."""
    h = Harness(PoolLimits(max_per_host=1))
    h.active("a")
    waiter, other = h.request("a"), h.request("b")

    assert waiter.dial is None
    assert other.dial is not None


def test_a_host_at_its_limit_reuses() -> None:
    """Its waiter gets the connection that comes free."""
    h = Harness(PoolLimits(max_per_host=1))
    holder, waiter = h.active("a"), h.request("a")
    h.release(holder)

    assert waiter.reused


def test_a_tight_loop_does_not_starve_a_waiter() -> None:
    """Row 77: at limit 1, two who ask for ever take turns."""
    h = Harness(ONE)
    order = []
    running, waiting = h.active("a"), h.request("a")
    for _ in range(10):
        h.release(running)
        order.append(running.seq)
        running, waiting = waiting, h.request("a")

    assert sorted(order) == order


def test_two_hosts_alternate_within_the_budget() -> None:
    """Row 78: reuse saves dials, but the other is overtaken four times at most."""
    h = Harness(ONE)
    running = h.active("a")
    other = h.request("b")
    queue = [h.request("a") for _ in range(8)]
    served = 0
    while other.dial is None:
        h.release(running)
        if other.dial is None:
            running = queue.pop(0)
            served += 1

    assert served == ONE.bypass_budget


def test_no_budget_is_strict_age() -> None:
    """Row 78: with a budget of 0 nobody is overtaken."""
    h = Harness(PoolLimits(max_connections=1, bypass_budget=0))
    running, other = h.active("a"), h.request("b")
    h.request("a")
    h.release(running)

    assert h.happened() == ["Close(a)", "Dial(b)"]
    assert other.dial is not None


def test_an_older_waiter_is_not_held_back_by_a_younger_host() -> None:
    """The budget protects the old from the young, not the reverse."""
    h = Harness(PoolLimits(max_connections=1, bypass_budget=0))
    running = h.active("a")
    old = h.request("a")
    h.request("b")
    h.release(running)

    assert old.state is TicketState.ASSIGNED


def test_a_connection_with_nothing_to_do_makes_room_for_the_blocked() -> None:
    """Nobody of its own host needs it, and someone else needs its slot."""
    h = Harness(ONE)
    running, other = h.active("a"), h.request("b")
    h.release(running)

    assert h.happened() == ["Close(a)", "Dial(b)"]
    assert h.core.stats().closed == {"evicted": 1}
    assert other.dial is not None


def test_a_flood_from_one_host_does_not_starve_another() -> None:
    """Row 79: one question among a hundred requests is heard soon."""
    h = Harness(PoolLimits(max_connections=2))
    running = [h.active("a"), h.active("a")]
    flood = [h.request("a") for _ in range(50)]
    other = h.request("b")
    flood += [h.request("a") for _ in range(50)]
    rounds = 0
    while other.dial is None and rounds < 200:
        h.release(running.pop(0))
        running = [t for t in flood if t.state is TicketState.ASSIGNED]
        rounds += 1

    assert 50 + h.limits.bypass_budget + 1 == rounds


def test_a_busy_shared_connection_is_drained_for_another_host() -> None:
    """Row 63: streams that never end must not starve everybody else."""
    h = Harness(ONE)
    first = h.active_shared("m", cap=100)
    other = h.request("b")
    for _ in range(h.limits.bypass_budget):
        assert h.request("m", multiplex=True).state is TicketState.ASSIGNED
    late = h.request("m", multiplex=True)

    assert late.state is TicketState.QUEUED

    for ticket in h.in_state(TicketState.ASSIGNED, TicketState.ACTIVE):
        h.release(ticket)

    assert first.state is TicketState.DONE
    assert other.dial is not None


def test_one_drain_is_enough_for_one_waiter() -> None:
    """While a slot is on its way, the rest of the pool goes on as usual."""
    h = Harness(PoolLimits(max_connections=2, bypass_budget=0))
    h.active_shared("m", cap=100)
    h.active_shared("n", cap=100)
    h.request("b")
    blocked = h.request("m", multiplex=True)
    served = h.request("n", multiplex=True)

    assert blocked.state is TicketState.QUEUED
    assert served.state is TicketState.ASSIGNED


def test_an_upgrade_of_a_draining_connection_ends_its_drain() -> None:
    """Otherwise the pool would wait for a slot that is not coming."""
    h = Harness(PoolLimits(max_connections=2, bypass_budget=0))
    leaving = h.active("a")
    h.active_shared("m", cap=100)
    assert leaving.connection is not None
    h.retire(leaving.connection)
    h.detach(leaving)
    h.request("b")

    assert h.request("m", multiplex=True).state is TicketState.QUEUED


def test_a_retried_request_is_as_old_as_it_was() -> None:
    """Nobody is overtaken by one who came first, so no connection is drained."""
    h = Harness(PoolLimits(max_connections=2, bypass_budget=0))
    old = h.active_shared("m", cap=1)
    h.active_shared("m", cap=3)
    waiter = h.request("b")
    h.fail(old, REFUSED)

    assert old.state is TicketState.ASSIGNED
    assert waiter.dial is not None
    assert h.of_state(ConnectionState.DRAINING) == []


def test_many_hosts_that_give_up_leave_no_list_behind() -> None:
    """Row 80: also not in the list of those who wait for a slot."""
    h = Harness(ONE, checked=False)
    h.active("a")
    for n in range(1000):
        h.core.cancelled(h.request(f"host{n}"), now=0)
    waiter = h.request("b")
    h.release(h.in_state(TicketState.ACTIVE)[0])

    assert waiter.dial is not None


def test_the_list_of_the_blocked_is_swept() -> None:
    """Invariant 30 holds, also behind one who waits in front of it for long."""
    h = Harness(ONE)
    holder = h.active_shared("m", cap=2)
    other = h.request("b")
    again = h.request("m", multiplex=True)
    last = h.request("m", multiplex=True)
    h.found_dead(again)
    for n in range(30):
        h.cancel(h.request(f"host{n}"))
    h.release(holder)

    assert other.dial is not None

    h.drain_out()

    assert again.state is last.state is TicketState.DONE


def test_a_younger_waiter_is_next_when_the_oldest_gives_up() -> None:
    """The list of the blocked follows the queue it stands for."""
    h = Harness(ONE)
    running = h.active("a")
    gone, b, c = h.request("b"), h.request("c"), h.request("b")
    h.cancel(gone)
    h.release(running)

    assert b.dial is not None
    assert c.dial is None
    assert c.state is TicketState.QUEUED
    assert b.dial.protocol is Protocol.UNKNOWN
