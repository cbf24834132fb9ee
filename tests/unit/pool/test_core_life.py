"""Idle time, closing the pool, failing exchanges, and the account of it all."""

from __future__ import annotations

import math

import pytest

from mooring._pool.model import ConnectionState, PoolLimits, Refusal, TicketState

from .harness import Harness
from .walk import ANSWERED, LOST

ONE = PoolLimits(max_connections=1)


def test_an_expired_connection_is_not_reused() -> None:
    """Row 33: also without anybody looking after the pool."""
    h = Harness(PoolLimits(keepalive_expiry=5))
    h.idle("a")
    h.move_clock(5)
    ticket = h.request("a")

    assert h.happened() == ["Close(a)", "Dial(a)"]
    assert ticket.connection is None


def test_a_tick_closes_what_has_expired() -> None:
    """And only that."""
    h = Harness(PoolLimits(keepalive_expiry=5))
    h.idle("a")
    h.move_clock(3)
    h.idle("b")
    h.move_clock(2)
    h.tick()

    assert h.happened() == ["Close(a)"]
    assert h.core.next_expiry == 8


def test_nothing_is_due_when_nothing_expires() -> None:
    """A timer would be armed for nothing."""
    h = Harness()
    h.idle("a")

    assert h.core.next_expiry is None
    assert Harness(PoolLimits(keepalive_expiry=5)).core.next_expiry is None


def test_no_expiry_at_all_means_no_idle_connections() -> None:
    """Row 76: an expiry of 0 closes at once."""
    h = Harness(PoolLimits(keepalive_expiry=0))
    h.idle("a")

    assert h.happened() == ["Close(a)"]
    assert h.core.stats().closed == {"surplus": 1}


def test_the_oldest_goes_when_too_many_rest() -> None:
    """Row 76: the idle limit counts all hosts together."""
    h = Harness(PoolLimits(max_keepalive=1))
    h.idle("a")
    h.idle("b")

    assert h.happened() == ["Close(a)"]
    assert list(h.core.hosts) == ["b"]


def test_a_clock_that_goes_back_keeps_connections() -> None:
    """Row 42: what expires changes, nothing else."""
    h = Harness(PoolLimits(keepalive_expiry=5))
    connection = h.idle("a")
    h.move_clock(-100)

    assert h.request("a").connection is connection


@pytest.mark.parametrize("inline", [False, True])
def test_closing_ends_everything_at_once(inline: bool) -> None:
    """Row 72: waiters fail, dials are called off, connections closed."""
    h = Harness(PoolLimits(max_connections=3), inline=inline)
    h.idle("a")
    leased = h.active("b")
    dialling, waiting = h.request("c"), h.request("c")
    waiting_long = h.request("c")
    h.close()

    assert h.core.connections == {}
    for ticket in (leased, dialling, waiting, waiting_long):
        assert ticket.failure is Refusal.POOL_CLOSED
    assert h.core.stats().queued == 0


def test_a_dial_that_outlives_the_pool_is_closed() -> None:
    """Row 73: in the same step."""
    h = Harness()
    h.request("a")
    h.close()
    h.dial_ok(h.late[0])

    assert h.happened() == ["Close(a)"]


def test_a_closed_pool_serves_nobody() -> None:
    """Row 74: an error, no dial."""
    h = Harness()
    h.close()
    ticket = h.request("a")

    assert ticket.failure is Refusal.POOL_CLOSED
    assert h.happened() == []


def test_closing_twice_is_closing_once() -> None:
    """Row 75: no error, nothing to do."""
    h = Harness()
    h.active("a")
    h.close()
    h.close()

    assert h.happened() == []


def test_a_lease_of_a_closed_pool_is_over() -> None:
    """Row 71: its owner may still report, and is told no more."""
    h = Harness()
    ticket = h.active("a")
    h.close()
    h.release(ticket)
    h.fail(ticket, LOST)
    h.cancel(ticket)

    assert ticket.state is TicketState.FAILED


def test_a_reused_connection_that_closes_is_retried_elsewhere() -> None:
    """Row 24: the server closed it as we wrote."""
    h = Harness()
    bad = h.idle("a")
    ticket = h.request("a")
    h.activate(ticket)
    h.fail(ticket, LOST)

    assert ticket.state is TicketState.QUEUED
    assert ticket.dial is not bad
    assert ticket.attempts == 1


def test_a_fresh_connection_that_closes_is_an_error() -> None:
    """Row 24: there is no reason to think that the next would do better."""
    h = Harness()
    ticket = h.active("a")
    h.fail(ticket, LOST)

    assert ticket.state is TicketState.FAILED


def test_an_exchange_that_was_answered_is_not_repeated() -> None:
    """Row 25: the request was processed, in part at least."""
    h = Harness()
    h.idle("a")
    ticket = h.request("a")
    h.fail(ticket, ANSWERED)

    assert ticket.state is TicketState.FAILED
    assert h.core.stats().retries == 0


def test_a_broken_exchange_frees_its_slot() -> None:
    """The one who waits does not pay for it."""
    h = Harness(ONE)
    ticket, waiter = h.active("a"), h.request("b")
    h.fail(ticket, ANSWERED)

    assert h.happened() == ["Close(a)", "Dial(b)"]
    assert waiter.dial is not None


def test_a_retry_goes_before_those_who_came_later() -> None:
    """Row 24: the slot of its broken connection is its own."""
    h = Harness(ONE)
    h.idle("a")
    ticket = h.request("a")
    waiter = h.request("b")
    h.fail(ticket, LOST)

    assert ticket.dial is not None
    assert waiter.dial is None


def test_the_account_is_right() -> None:
    """What the pool says about itself is what happened."""
    h = Harness(PoolLimits(max_connections=2))
    holder = h.active("a")
    h.move_clock(1)
    waiter = h.request("a")
    h.request("a")
    h.move_clock(2)
    h.release(holder)
    stats = h.core.stats()

    assert (stats.connections, stats.dialing, stats.busy, stats.idle) == (2, 1, 1, 0)
    assert (stats.queued, stats.leases, stats.most_connections) == (1, 1, 2)
    assert (stats.leases_new, stats.leases_reused, stats.dials) == (1, 1, 2)
    assert stats.longest_wait == 2
    assert waiter.deadline < math.inf or waiter.state is TicketState.ASSIGNED


def test_things_say_what_they_are() -> None:
    """In a debugger, and in the failure of a test."""
    h = Harness(ONE)
    holder = h.active("a")
    h.request("a", pool_timeout=9, connect_timeout=1)
    h.cancel(holder)

    assert repr(h.effects[0]) == "Close(<Connection 2 closed a>, request cancelled)"
    assert repr(h.effects[1]) == "Rearm(<Ticket 2 queued a>)"
    assert repr(h.effects[2]) == "Dial(<Connection 3 dialing a>)"
    assert repr(holder) == "<Ticket 1 cancelled a>"

    h.close()
    texts = {repr(effect).split("(")[0] for effect in h.effects}

    assert {"Wake", "Abort"} == texts


def test_a_silent_failure_makes_idle_siblings_suspect() -> None:
    """Row 27: the second try is on a new connection, not on the next stale one."""
    h = Harness(PoolLimits(max_connections=3))
    for ticket in [h.active("a") for _ in range(3)]:
        h.release(ticket)
    victim = h.request("a")
    h.activate(victim)

    h.fail(victim, LOST)

    assert victim.state is TicketState.QUEUED
    assert [h.dials()[0]] == [victim.dial]
    assert 1 == len(h.of_state(ConnectionState.IDLE))
    assert {"suspect": 1, "broken": 1} == dict(h.core.stats().closed)


def test_a_suspicious_ticket_takes_what_has_just_proved_alive() -> None:
    """A connection that a response has just left is as good as a new one."""
    h = Harness(PoolLimits(max_connections=2))
    for ticket in [h.active("a") for _ in range(2)]:
        h.release(ticket)
    victim, other = h.request("a"), h.request("a")
    h.activate(victim)
    h.activate(other)
    h.fail(victim, LOST)

    h.release(other)

    assert victim.state is TicketState.ASSIGNED
    assert victim.reused
