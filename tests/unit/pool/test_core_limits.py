"""Limits of single hosts, of requests on a connection, and limits that change."""

from __future__ import annotations

import pytest

from mooring._pool.limits import limit_for, names_of
from mooring._pool.model import ConnectionState, PoolLimits, Protocol, TicketState

from .harness import Harness

ROUTE = ("https", "a.example", 8443)
ONE = PoolLimits(max_connections=1)
TWO = PoolLimits(max_connections=2)


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("a.example", True),
        ("A.Example", True),
        ("a.example:8443", True),
        ("https://a.example", True),
        ("https://a.example:8443", True),
        ("http://a.example", False),
        ("a.example:443", False),
        ("example", False),
    ],
)
def test_a_host_is_named_with_or_without_scheme_and_port(
    name: str, counts: bool
) -> None:
    """What is left out does not matter."""
    limits = PoolLimits(max_per_host=9, per_host={name: 2})

    assert (2 if counts else 9) == limit_for(limits, ROUTE)


def test_the_most_specific_name_counts() -> None:
    """Whatever the order in which they are given."""
    names = list(names_of(ROUTE))
    for position, name in enumerate(names):
        given = dict.fromkeys(names[position + 1 :], 100) | {name: 3}

        assert limit_for(PoolLimits(per_host=given), ROUTE) == 3


def test_an_ipv6_host_is_named_with_or_without_brackets() -> None:
    """With a port it needs them."""
    for name in ("::1", "[::1]", "[::1]:80", "http://[::1]:80"):
        limits = PoolLimits(per_host={name: 4})

        assert limit_for(limits, ("http", "::1", 80)) == 4


def test_limits_that_differ_by_host_differ() -> None:
    """They are compared whole, and can be members of a set."""
    assert PoolLimits(per_host={"A": 1}) == PoolLimits(per_host={"a": 1})
    assert PoolLimits(per_host={"a": 1}) != PoolLimits(per_host={"a": 2})
    assert {PoolLimits(), PoolLimits()} == {PoolLimits()}


def test_a_host_of_its_own_limit_waits_alone() -> None:
    """The others keep to the general one."""
    h = Harness(PoolLimits(max_per_host=2, per_host={"a": 1}))
    first, second = h.request("a"), h.request("a")
    others = [h.request("b") for _ in range(3)]

    assert first.dial is not None
    assert second.dial is None
    assert [True, True, False] == [t.dial is not None for t in others]


def test_a_host_may_have_more_than_the_others() -> None:
    """The limit by name stands instead of the general one."""
    h = Harness(PoolLimits(max_per_host=1, per_host={"a": 3}))
    for _ in range(4):
        h.request("a")

    assert len(h.dials()) == 3


# -- requests on one connection ----------------------------------------------


def test_a_connection_is_closed_after_its_last_request() -> None:
    """The second one was told to be the last when it began."""
    h = Harness(PoolLimits(max_requests_per_connection=2))
    connection = h.idle("a")
    last = h.request("a")

    assert connection.state is ConnectionState.DRAINING
    assert last.connection is connection

    h.release(last)

    assert h.happened() == ["Close(a)"]
    assert h.core.stats().closed == {"worn": 1}


def test_a_waiter_does_not_get_a_worn_connection() -> None:
    """A new one is made for it in the same step."""
    h = Harness(PoolLimits(max_connections=1, max_requests_per_connection=1))
    holder, waiter = h.active("a"), h.request("a")
    h.release(holder)

    assert h.happened() == ["Close(a)", "Dial(a)"]
    assert waiter.dial is not None


def test_a_stream_limit_ends_with_the_requests_that_are_left() -> None:
    """Over HTTP/2 the last request drains the connection; another one is made."""
    h = Harness(PoolLimits(max_requests_per_connection=2))
    tickets = [h.request("m", multiplex=True) for _ in range(3)]
    dial = h.dials()[0]
    h.dial_ok(dial, Protocol.HTTP2, 10)

    assert [dial, dial, None] == [t.connection for t in tickets]
    assert dial.state is ConnectionState.DRAINING
    assert tickets[2].dial is not None


def test_a_stream_that_is_the_last_one_is_taken_at_once() -> None:
    """Who comes after it has a connection made."""
    h = Harness(PoolLimits(max_requests_per_connection=2))
    first = h.active_shared("m", cap=10)
    last, late = [h.request("m", multiplex=True) for _ in range(2)]

    assert last.connection is first.connection
    assert late.dial is not None


def test_what_the_peer_still_allows_is_counted_down() -> None:
    """``Keep-Alive: max=1`` allows one more."""
    h = Harness()
    ticket = h.active("a")
    h.release(ticket, remaining=1)
    last = h.request("a")
    h.release(last)

    assert last.reused
    assert h.core.stats().closed == {"worn": 1}


def test_a_peer_that_allows_no_more_is_left() -> None:
    """``Keep-Alive: max=0``: it is about to close."""
    h = Harness()
    h.release(h.active("a"), remaining=0)

    assert h.happened() == ["Close(a)"]
    assert h.core.stats().closed == {"worn": 1}


def test_the_peer_may_change_its_mind() -> None:
    """What it said last counts, within the pool's own limit."""
    h = Harness(PoolLimits(max_requests_per_connection=3))
    h.release(h.active("a"), remaining=1)
    h.release(h.request("a"), remaining=5)

    assert h.of_state(ConnectionState.IDLE) == []

    first = h.active("a")
    h.release(first, remaining=9)
    h.release(h.request("a"))
    h.release(h.request("a"))

    assert h.core.stats().closed == {"worn": 2}


# -- limits that change ------------------------------------------------------


def test_a_raised_limit_serves_waiters_at_once() -> None:
    """In the order of their age, across hosts."""
    h = Harness(ONE)
    h.active("a")
    for key in "bcd":
        h.request(key)
    h.set_limits(PoolLimits(max_connections=3))

    assert h.happened() == ["Dial(b)", "Dial(c)"]


def test_a_raised_limit_of_one_host_serves_its_waiters() -> None:
    """Those of the others wait on."""
    h = Harness(PoolLimits(max_per_host=1))
    h.active("a")
    h.active("b")
    mine, other = h.request("a"), h.request("b")
    h.set_limits(PoolLimits(max_per_host=1, per_host={"a": 2}))

    assert mine.dial is not None
    assert other.dial is None


def test_a_lowered_limit_closes_the_oldest_idle_first() -> None:
    """And only as many as there are too many."""
    h = Harness()
    for key in "abc":
        h.move_clock(1)
        h.idle(key)
    h.set_limits(TWO)

    assert h.happened() == ["Close(a)"]
    assert h.core.stats().closed == {"trimmed": 1}
    assert list(h.core.hosts) == ["b", "c"]


def test_a_lowered_limit_takes_nothing_from_anybody() -> None:
    """What is in use is closed when it comes free, and nobody gets its slot."""
    h = Harness()
    first, second = h.active("a"), h.active("a")
    waiter = h.request("b")
    assert waiter.dial is not None
    h.dial_ok(waiter.dial)
    h.set_limits(ONE)

    assert h.happened() == []
    assert h.core.stats().draining == 2

    late = h.request("b")
    h.release(first)

    assert h.happened() == ["Close(a)"]
    assert late.dial is None

    h.release(second)
    h.release(waiter)

    assert late.state is TicketState.ASSIGNED


def test_a_lowered_limit_lets_a_dial_serve_once() -> None:
    """Somebody waits for it; its connection goes when that one is done."""
    h = Harness()
    first, second = h.request("a"), h.request("b")
    h.set_limits(ONE)

    assert h.happened() == []

    for ticket in (first, second):
        assert ticket.dial is not None
        h.dial_ok(ticket.dial)

    assert (2, 1) == (h.core.stats().busy, h.core.stats().draining)


def test_a_dial_that_nobody_waits_for_is_called_off_by_a_lowered_limit() -> None:
    """It is of less use than what is busy."""
    h = Harness()
    holder, waiter = h.active("a"), h.request("a")
    h.release(holder)
    h.activate(waiter)
    h.set_limits(ONE)

    assert h.happened() == ["Abort(a)"]


def test_a_condemned_dial_whose_ticket_leaves_is_called_off() -> None:
    """It may not come to rest over the limit."""
    h = Harness()
    holder, waiter = h.active("a"), h.request("b")
    h.set_limits(ONE)
    h.set_limits(ONE)
    h.cancel(waiter)

    assert h.happened() == ["Abort(b)"]
    assert holder.state is TicketState.ACTIVE


def test_a_lowered_limit_of_one_host_spares_the_others() -> None:
    """The idle connection of the host goes, not the older one of another."""
    h = Harness()
    h.idle("b")
    busy = h.active("a")
    h.release(h.active("a"))
    h.set_limits(PoolLimits(per_host={"a": 1}))

    assert h.happened() == ["Close(a)"]
    assert busy.connection is not None
    assert busy.connection.state is ConnectionState.BUSY


def test_detached_connections_are_not_touched_by_a_lowered_limit() -> None:
    """They are the caller's, and count."""
    h = Harness()
    h.detach(h.active("a"))
    h.detach(h.active("a"))
    busy = h.active("b")
    h.set_limits(ONE)

    assert h.core.stats().detached == 2
    assert busy.connection is not None
    assert busy.connection.state is ConnectionState.DRAINING


def test_fewer_may_rest_from_now_on() -> None:
    """Those that are too many go, the oldest first."""
    h = Harness()
    for key in "abc":
        h.idle(key)
    h.set_limits(PoolLimits(max_keepalive=1))

    assert h.happened() == ["Close(a)", "Close(b)"]


def test_a_shorter_rest_ends_at_once() -> None:
    """Idle connections are judged by the new limit."""
    h = Harness()
    h.idle("a")
    h.move_clock(3)
    h.idle("b")
    h.set_limits(PoolLimits(keepalive_expiry=2))

    assert h.happened() == ["Close(a)"]
    assert h.core.next_expiry == 5


def test_a_longer_rest_is_granted_to_those_at_rest() -> None:
    """Their time is reckoned from when they came to rest."""
    h = Harness(PoolLimits(keepalive_expiry=2))
    connection = h.idle("a")
    h.set_limits(PoolLimits(keepalive_expiry=10))
    h.move_clock(9)

    assert h.request("a").connection is connection


def test_connections_that_did_enough_are_retired_by_a_new_limit() -> None:
    """Idle ones at once, busy ones when they come free."""
    h = Harness()
    h.release(h.active("a"))
    busy = h.request("a")
    h.release(h.active("b"))
    h.set_limits(PoolLimits(max_requests_per_connection=1))

    assert h.happened() == ["Close(b)"]

    h.release(busy)

    assert h.core.stats().closed == {"worn": 2}


def test_two_parked_connections_give_way_when_one_is_over_the_limit() -> None:
    """A dial begins only when its host is below its limit again."""
    h = Harness()
    holders = [h.active_shared("m", cap=1) for _ in range(2)]
    for holder in holders:
        assert holder.connection is not None
        h.change_cap(holder.connection, 0)
        h.release(holder)
    h.request("m", multiplex=True)

    assert h.happened() == ["Close(m)", "Dial(m)"]
