"""Closing in peace: nothing new, and time for what is under way."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from mooring._pool.model import ConnectionState, PoolLimits, Refusal, TicketState

from .harness import Harness
from .walk import LOST


def test_who_waits_is_turned_away_at_once() -> None:
    """Row 72: with a clear failure, whether it waits for a slot or for a dial."""
    h = Harness(PoolLimits(max_connections=2))
    h.active("a")
    dialling, waiting = h.request("b"), h.request("c")
    h.drain()

    assert dialling.failure is Refusal.POOL_CLOSED
    assert waiting.failure is Refusal.POOL_CLOSED
    assert h.happened() == ["Wake(2)", "Wake(3)", "Abort(b)"]


def test_idle_connections_are_closed_at_once() -> None:
    """Busy ones go on, and take nothing new."""
    h = Harness()
    h.idle("a")
    busy = h.active("b")
    h.drain()

    assert h.happened() == ["Close(a)"]
    assert busy.state is TicketState.ACTIVE
    assert h.core.stats().draining == 1


def test_the_last_one_says_so() -> None:
    """Exactly once, after its connection is closed."""
    h = Harness()
    first, second = h.active("a"), h.active("b")
    h.drain()
    h.release(first)

    assert h.happened() == ["Close(a)"]
    assert not h.core.is_empty

    h.release(second)

    assert h.happened() == ["Close(b)", "Emptied"]
    assert h.core.is_empty
    assert h.core.stats().closed == {"pool_closed": 2}

    h.close()

    assert h.happened() == []


def test_an_idle_pool_is_empty_at_once() -> None:
    """Nobody has to wait."""
    h = Harness()
    h.idle("a")
    h.drain()

    assert h.happened() == ["Close(a)", "Emptied"]


def test_an_empty_pool_is_empty_at_once() -> None:
    """Also one that never was used."""
    h = Harness()
    h.drain()

    assert h.happened() == ["Emptied"]
    assert repr(h.effects[0]) == "Emptied()"


def test_a_closing_pool_serves_nobody() -> None:
    """Row 74: an error, no dial."""
    h = Harness()
    h.active("a")
    h.drain()
    ticket = h.request("a")

    assert ticket.failure is Refusal.POOL_CLOSED
    assert h.happened() == []


def test_streams_end_one_by_one() -> None:
    """The connection goes with the last of them."""
    h = Harness()
    first = h.active_shared("m", cap=5)
    second = h.request("m", multiplex=True)
    h.drain()
    h.release(first)

    assert h.happened() == []

    h.release(second)

    assert h.happened() == ["Close(m)", "Emptied"]


def test_patience_ends_with_the_other_close() -> None:
    """What is left is cut, and whoever waits for the end hears of it."""
    h = Harness()
    ticket = h.active("a")
    h.drain()
    h.close()

    assert h.happened() == ["Close(a)", "Emptied"]
    assert ticket.failure is Refusal.POOL_CLOSED


def test_closing_twice_is_closing_once() -> None:
    """Row 75: also after the pool is closed for good."""
    h = Harness()
    h.active("a")
    h.drain()
    h.drain()

    assert h.happened() == []

    h.close()
    h.drain()

    assert h.happened() == []


def test_closing_at_once_says_nothing_of_emptiness() -> None:
    """Nobody waits for it."""
    h = Harness()
    h.active("a")
    h.close()

    assert h.happened() == ["Close(a)"]


def test_a_failed_exchange_is_not_tried_again() -> None:
    """Row 72: no dial after closing began; the caller gets the failure itself."""
    h = Harness()
    h.idle("a")
    ticket = h.request("a")
    h.activate(ticket)
    h.drain()
    h.fail(ticket, LOST)

    assert ticket.state is TicketState.FAILED
    assert ticket.failure is None
    assert h.happened() == ["Close(a)", "Emptied"]


def test_a_connection_found_dead_is_not_replaced() -> None:
    """Its ticket was served too late."""
    h = Harness()
    h.idle("a")
    ticket = h.request("a")
    h.drain()
    h.found_dead(ticket)

    assert ticket.failure is Refusal.POOL_CLOSED
    assert h.happened() == ["Close(a)", "Emptied"]


def test_a_dial_that_ends_while_closing_is_closed() -> None:
    """Row 73: in the same step."""
    h = Harness()
    h.request("a")
    h.drain()
    h.dial_ok(h.late[0])

    assert h.happened() == ["Close(a)"]


def test_an_upgraded_connection_counts_until_it_is_closed() -> None:
    """The pool is not empty while the caller has one."""
    h = Harness()
    connection = h.detach(h.active("a"))
    assert connection is not None
    h.drain()

    assert h.happened() == []
    assert connection.state is ConnectionState.DETACHED

    h.close_detached(connection)

    assert h.happened() == ["Close(a)", "Emptied"]


@pytest.mark.parametrize("inline", [False, True], ids=["tasks", "threads"])
def test_an_assigned_request_may_begin(inline: bool) -> None:
    """It has its connection."""
    h = Harness(inline=inline)
    ticket = h.request("a")
    assert ticket.dial is not None
    h.dial_ok(ticket.dial)
    h.drain()

    assert h.activate(ticket)


@pytest.mark.parametrize("how", [Harness.close, Harness.drain])
def test_nothing_is_due_in_a_closed_pool(how: Callable[[Harness], None]) -> None:
    """No timer is armed for what is gone."""
    h = Harness(PoolLimits(keepalive_expiry=5))
    h.idle("a")
    how(h)

    assert math.inf == h.core.due
    assert h.core.next_expiry is None


def test_the_clock_finds_nothing_to_do() -> None:
    """What drains has no time of its own."""
    h = Harness(PoolLimits(max_connection_age=5, keepalive_expiry=5))
    h.active("a")
    h.drain()
    h.move_clock(9)
    h.tick()

    assert h.happened() == []
