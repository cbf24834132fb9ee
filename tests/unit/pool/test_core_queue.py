"""Who waits, who is served, and what giving up does."""

from __future__ import annotations

import math

import pytest

from mooring._pool.model import ConnectionState, PoolLimits, Reason, TicketState

from .harness import Harness

ONE = PoolLimits(max_connections=1)


def test_a_request_has_a_connection_made() -> None:
    """With nothing to reuse and nothing in the way, a dial begins at once."""
    h = Harness()
    ticket = h.request("a")

    assert h.happened() == ["Dial(a)"]
    assert ticket.state is TicketState.QUEUED


def test_the_dialled_connection_is_assigned_by_the_core() -> None:
    """Who is woken has its connection; it need not ask again."""
    h = Harness()
    ticket = h.request("a")
    dial = h.dials()[0]
    h.dial_ok(dial)

    assert h.happened() == ["Wake(1)"]
    assert ticket.connection is dial
    assert not ticket.reused


def test_the_idle_connection_used_last_is_used_next() -> None:
    """The warm ones stay warm, and the others can expire."""
    h = Harness()
    first, second = h.active("a"), h.active("a")
    warm = second.connection
    h.release(first)
    h.release(second)
    ticket = h.request("a")

    assert ticket.connection is warm
    assert ticket.reused


@pytest.mark.parametrize("leaver", [0, 1, 2], ids=["head", "middle", "tail"])
def test_who_gives_up_leaves_the_order_of_the_others(leaver: int) -> None:
    """Row 2: a cancelled waiter is gone at once."""
    h = Harness(ONE)
    holder = h.active("a")
    waiting = [h.request("a") for _ in range(3)]
    h.cancel(waiting.pop(leaver))
    h.release(holder)

    assert [t.state for t in waiting] == [TicketState.ASSIGNED, TicketState.QUEUED]
    assert h.core.stats().queued == 1


def test_a_cancelled_assignment_goes_to_the_next_in_the_same_step() -> None:
    """Row 3: the connection is not lost between two owners."""
    h = Harness(ONE)
    holder = h.active("a")
    first, second = h.request("a"), h.request("a")
    h.release(holder)
    h.cancel(first)

    assert h.happened() == ["Wake(3)"]
    assert second.state is TicketState.ASSIGNED


def test_a_connection_nothing_was_written_to_survives_a_cancel() -> None:
    """Row 4: assigned is not yet used."""
    h = Harness()
    ticket = h.request("a")
    dial = h.dials()[0]
    h.dial_ok(dial)
    h.cancel(ticket)
    after = h.request("a")

    assert after.connection is dial
    assert not after.reused


def test_a_connection_in_mid_exchange_is_closed_by_a_cancel() -> None:
    """Row 5: and its slot goes to the one who waits."""
    h = Harness(ONE)
    holder, waiter = h.active("a"), h.request("a")
    h.cancel(holder)

    assert h.happened() == ["Close(a)", "Dial(a)"]
    assert waiter.dial is not None
    assert h.core.stats().closed == {"cancelled": 1}


def test_only_cancelled_requests_count_as_cancelled() -> None:
    """A request that ran into its read timeout was not cancelled by anyone."""
    h = Harness()
    h.cancel(h.active("a"), Reason.BROKEN)

    assert h.core.stats().cancelled == 0
    assert h.core.stats().closed == {"broken": 1}


def test_a_second_cancel_does_nothing() -> None:
    """Row 12: unwinding may report it twice."""
    h = Harness()
    ticket = h.active("a")
    h.cancel(ticket)
    h.cancel(ticket)

    assert h.happened() == []
    assert h.core.stats().cancelled == 1


def test_an_assignment_beats_the_timeout_of_the_same_moment() -> None:
    """Row 15: who has a connection did not time out."""
    h = Harness(ONE)
    holder = h.active("a")
    waiter = h.request("a", pool_timeout=1)
    h.move_clock(1)
    h.release(holder)
    h.time_out(waiter)

    assert waiter.state is TicketState.ASSIGNED


def test_a_waiter_times_out_alone() -> None:
    """Its deadline is not that of the others."""
    h = Harness(ONE)
    h.active("a")
    hasty, patient = h.request("a", pool_timeout=1), h.request("a", pool_timeout=9)
    h.move_clock(1)
    h.time_out(hasty)
    h.time_out(patient)

    assert hasty.state is TicketState.TIMED_OUT
    assert not hasty.timed_out_dialling
    assert patient.state is TicketState.QUEUED
    assert h.core.stats().timeouts == 1


def test_no_patience_is_enough_for_an_idle_connection() -> None:
    """Row 17: a pool timeout of 0 takes what is free."""
    h = Harness(ONE)
    connection = h.idle("a")

    assert h.request("a", pool_timeout=0).connection is connection


def test_no_patience_leaves_no_ghost() -> None:
    """Row 17: a pool timeout of 0 at the limit ends, and nothing is made for it."""
    h = Harness(ONE)
    h.active("a")
    ticket = h.request("b", pool_timeout=0)
    h.time_out(ticket)

    assert ticket.state is TicketState.TIMED_OUT
    assert h.dials() == []
    assert list(h.core.hosts) == ["a"]


def test_no_patience_does_not_forbid_a_dial() -> None:
    """Below the limit the pool is not what a request waits for."""
    h = Harness()
    ticket = h.request("a", pool_timeout=0, connect_timeout=5)
    h.time_out(ticket)

    assert ticket.state is TicketState.QUEUED


def test_waiting_again_is_on_the_patience_that_is_left() -> None:
    """Row 19: one pool timeout for the whole wait, not one per round."""
    h = Harness(ONE)
    holder = h.active("a")
    h.request("b")
    ticket = h.request("a", pool_timeout=5)
    h.move_clock(3)
    h.release(holder)
    h.move_clock(4)
    h.found_dead(ticket)

    assert ticket.dial is None
    assert ticket.deadline == 7 + 2


def test_a_second_release_changes_nothing() -> None:
    """Row 69: two owners of one response may both close it."""
    h = Harness(ONE)
    holder, waiter = h.active("a"), h.request("a")
    generation = holder.generation
    h.release(holder)
    h.release_as(holder, generation, Reason.BROKEN)

    assert h.happened() == []
    assert waiter.state is TicketState.ASSIGNED


def test_a_lease_of_an_earlier_round_cannot_be_given_back() -> None:
    """Every round has its own generation."""
    h = Harness()
    ticket = h.active("a")
    generation = ticket.generation
    connection = h.idle("a")
    assert connection is not ticket.connection
    h.release_as(ticket, generation - 1)

    assert ticket.state is TicketState.ACTIVE


def test_stale_reports_are_ignored() -> None:
    """What is said about a lease that is over moves nothing."""
    h = Harness()
    ticket = h.active("a")
    h.release(ticket)
    h.found_dead(ticket)
    h.time_out(ticket)

    assert ticket.state is TicketState.DONE
    assert not h.activate(ticket)
    assert h.detach(ticket) is None


def test_a_dead_idle_connection_is_replaced() -> None:
    """Row 23: found dead before use, it costs nobody anything."""
    h = Harness()
    dead, fresh = h.active("a"), h.active("a")
    good = dead.connection
    h.release(dead)
    h.release(fresh)
    ticket = h.request("a")
    h.found_dead(ticket)

    assert h.happened() == ["Close(a)"]
    assert ticket.connection is good


def test_a_connection_that_dies_at_rest_is_dropped() -> None:
    """Row 23: and the pool does not dial without a request."""
    h = Harness()
    h.die(h.idle("a"))

    assert h.happened() == ["Close(a)"]
    assert h.core.hosts == {}


def test_ten_stale_connections_are_discarded_one_by_one() -> None:
    """Row 27: no loop, no error, one dial in the end."""
    h = Harness()
    for ticket in [h.active("a") for _ in range(10)]:
        h.release(ticket)
    ticket = h.request("a")
    for _ in range(10):
        h.found_dead(ticket)

    assert h.core.stats().closed == {"dead": 10}
    assert ticket.dial is not None
    assert ticket.attempts == 0


def test_who_asks_again_keeps_its_age() -> None:
    """Invariant 13: the oldest stays the oldest."""
    h = Harness(ONE)
    holder = h.active("a")
    old, young = h.request("a"), h.request("a")
    h.release(holder)
    h.found_dead(old)
    assert old.dial is not None
    h.dial_ok(old.dial)

    assert old.state is TicketState.ASSIGNED
    assert young.state is TicketState.QUEUED


def test_a_detached_connection_counts_until_it_is_closed() -> None:
    """Row 32: its socket is open, whoever reads from it."""
    h = Harness(ONE)
    connection = h.detach(h.active("a"))
    assert connection is not None
    waiter = h.request("a")

    assert connection.state is ConnectionState.DETACHED
    assert waiter.dial is None

    h.close_detached(connection)

    assert h.happened() == ["Close(a)", "Dial(a)"]

    h.close_detached(connection)

    assert h.happened() == []


def test_ten_thousand_waiters_leave_nothing_behind() -> None:
    """Row 80: memory returns."""
    h = Harness(ONE, checked=False)
    h.active("a")
    waiting = [h.request(f"host{n % 100}") for n in range(10_000)]
    for ticket in waiting:
        h.core.cancelled(ticket, now=0)

    assert list(h.core.hosts) == ["a"]
    assert h.core.stats().queued == 0
    assert all(ticket.deadline == math.inf for ticket in waiting)
