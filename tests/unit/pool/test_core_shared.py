"""HTTP/2: many requests on one connection, and what peers may do to it."""

from __future__ import annotations

from mooring._pool.model import (
    ConnectionState,
    PoolLimits,
    Protocol,
    Reason,
    Ticket,
    TicketState,
)

from .harness import Harness
from .walk import REFUSED

ONE = PoolLimits(max_connections=1)


def shared_requests(h: Harness, count: int) -> list[Ticket]:
    return [h.request("m", multiplex=True) for _ in range(count)]


def test_a_hundred_requests_share_one_dial() -> None:
    """Row 43: until the host is known, one connection is tried."""
    h = Harness()
    tickets = shared_requests(h, 100)
    h.dial_ok(h.dials()[0], Protocol.HTTP2, 100)

    assert {TicketState.ASSIGNED} == {t.state for t in tickets}
    assert h.core.stats().dials == 1


def test_a_host_that_shares_nothing_gets_the_other_dials_at_once() -> None:
    """Row 44: one probe, then as many dials as there are waiters."""
    h = Harness()
    shared_requests(h, 3)
    h.dial_ok(h.dials()[0], Protocol.HTTP1)

    assert h.happened() == ["Wake(1)", "Dial(m)", "Dial(m)"]


def test_what_a_host_speaks_is_remembered() -> None:
    """Row 44: the probe is needed once, not after every pause."""
    h = Harness(PoolLimits(keepalive_expiry=0))
    shared_requests(h, 1)
    h.dial_ok(h.dials()[0], Protocol.HTTP1)
    h.drain_out()
    shared_requests(h, 3)

    assert len(h.dials()) == 3


def test_only_so_many_hosts_are_remembered() -> None:
    """The memory of protocols is bounded."""
    h = Harness(PoolLimits(keepalive_expiry=0), checked=False)
    for n in range(1025):
        h.request(n, multiplex=True)
        h.dial_ok(h.dials()[0])
        h.release(h.tickets.pop())
    h.request(0, multiplex=True)
    h.request(0, multiplex=True)

    assert len(h.dials()) == 1


def test_a_full_connection_gets_a_second_one() -> None:
    """And no third: RFC 9113 section 9.1 prefers one."""
    h = Harness()
    h.active_shared(cap=1)
    shared_requests(h, 2)
    h.dial_ok(h.dials()[0], Protocol.HTTP2, 1)

    assert h.dials() == []
    assert h.core.stats().queued == 1


def test_a_lowered_cap_revokes_nothing() -> None:
    """Row 45: what runs, runs; nothing new until there is room."""
    h = Harness(ONE)
    first, second = h.active_shared(cap=2), h.active_shared()
    connection = first.connection
    assert connection is not None
    h.change_cap(connection, 1)
    waiter = h.request("m", multiplex=True)
    h.release(first)

    assert second.state is TicketState.ACTIVE
    assert waiter.state is TicketState.QUEUED

    h.release(second)

    assert waiter.connection is connection


def test_a_cap_of_zero_parks_the_connection() -> None:
    """Row 46: it may be raised again."""
    h = Harness()
    ticket = h.active_shared()
    connection = ticket.connection
    assert connection is not None
    h.change_cap(connection, 0)
    h.release(ticket)

    assert h.of_state(ConnectionState.PARKED) == [connection]

    h.change_cap(connection, 1)

    assert h.of_state(ConnectionState.IDLE) == [connection]


def test_a_parked_connection_gives_way_to_its_own_host() -> None:
    """Row 46: nothing useless stands in the way of a request."""
    for limits in (ONE, PoolLimits(max_per_host=1), PoolLimits(max_shared_per_host=1)):
        h = Harness(limits)
        ticket = h.active_shared()
        connection = ticket.connection
        assert connection is not None
        waiter = h.request("m", multiplex=True)
        h.release(ticket)
        h.change_cap(connection, 0)
        h.release(waiter)
        h.request("m", multiplex=True)

        assert h.happened() == ["Close(m)", "Dial(m)"]


def test_a_connection_parked_under_a_waiter_is_replaced() -> None:
    """Row 46: also when the request waited before the last stream ended."""
    for limits in (ONE, PoolLimits(max_per_host=1), PoolLimits(max_shared_per_host=1)):
        h = Harness(limits)
        ticket = h.active_shared(cap=1)
        assert ticket.connection is not None
        waiter = h.request("m", multiplex=True)
        h.change_cap(ticket.connection, 0)
        h.release(ticket)

        assert h.happened() == ["Close(m)", "Dial(m)"]
        assert waiter.dial is not None


def test_a_raised_cap_serves_the_waiters_in_order() -> None:
    """Row 47: at once, not at the next release."""
    h = Harness(ONE)
    ticket = h.active_shared(cap=1)
    shared_requests(h, 3)
    assert ticket.connection is not None
    h.change_cap(ticket.connection, 3)

    assert h.happened() == ["Wake(2)", "Wake(3)"]


def test_goaway_closes_a_connection_at_rest() -> None:
    """Row 49: nobody sees an error."""
    h = Harness()
    ticket = h.active_shared()
    connection = ticket.connection
    assert connection is not None
    h.release(ticket)
    h.retire(connection)

    assert h.happened() == ["Close(m)"]


def test_goaway_lets_the_streams_below_it_end() -> None:
    """Row 52: no new ones, and the last one closes it."""
    h = Harness()
    ticket = h.active_shared()
    connection = ticket.connection
    assert connection is not None
    h.retire(connection)
    h.retire(connection)
    fresh = h.request("m", multiplex=True)

    assert connection.state is ConnectionState.DRAINING
    assert fresh.dial is not connection

    h.release(ticket)

    assert h.happened() == ["Close(m)"]


def test_goaway_sends_the_streams_above_it_elsewhere() -> None:
    """Rows 50 and 51: with their age, and never to the same connection."""
    h = Harness(ONE)
    served, refused = h.active_shared(), h.active_shared()
    connection = served.connection
    assert connection is not None
    waiter = h.request("m", multiplex=True)
    h.retire(connection)
    h.fail(refused, REFUSED)

    assert served.state is TicketState.ACTIVE
    assert refused.state is TicketState.QUEUED

    h.release(served)

    assert refused.dial is not None
    assert refused.seq < waiter.seq
    assert h.core.stats().retries == 1


def test_a_cancelled_stream_takes_room_until_it_is_confirmed() -> None:
    """Row 7: the peer still counts it."""
    h = Harness(PoolLimits(max_shared_per_host=1))
    first, second = h.active_shared(cap=2), h.active_shared()
    connection = first.connection
    assert connection is not None
    h.cancel(first)
    waiter = h.request("m", multiplex=True)

    assert second.state is TicketState.ACTIVE
    assert waiter.state is TicketState.QUEUED

    h.confirm(connection)

    assert waiter.connection is connection


def test_a_confirmation_for_a_closed_connection_is_ignored() -> None:
    """It may arrive late."""
    h = Harness()
    ticket = h.active_shared()
    connection = ticket.connection
    assert connection is not None
    h.release(ticket, zombie=True)
    h.die(connection)
    h.confirm(connection)
    h.change_cap(connection, 5)
    h.die(connection)

    assert h.happened() == []


def test_a_broken_stream_spares_its_siblings() -> None:
    """The connection takes nothing new and ends with them."""
    h = Harness()
    broken, sibling = h.active_shared(), h.active_shared()
    connection = sibling.connection
    h.release(broken, Reason.BROKEN)

    assert sibling.connection is connection
    assert connection is not None
    assert connection.state is ConnectionState.DRAINING

    h.release(sibling, Reason.BROKEN)

    assert h.core.connections == {}


def test_a_waiter_joins_the_dial_instead_of_timing_out() -> None:
    """Row 17: of a dial under way it can wait for as long as its maker."""
    h = Harness(PoolLimits(max_shared_per_host=1))
    h.request("m", multiplex=True, connect_timeout=9)
    waiter = h.request("m", multiplex=True, pool_timeout=1, connect_timeout=4)
    h.move_clock(1)
    h.time_out(waiter)

    assert waiter.state is TicketState.QUEUED
    assert waiter.deadline == 4

    h.move_clock(3)
    h.time_out(waiter)

    assert waiter.timed_out_dialling


def test_a_waiter_too_late_for_the_dial_times_out() -> None:
    """The dial is older than its own connect timeout allows."""
    h = Harness()
    h.request("m", multiplex=True)
    waiter = h.request("m", multiplex=True, pool_timeout=5, connect_timeout=4)
    h.move_clock(5)
    h.time_out(waiter)

    assert waiter.state is TicketState.TIMED_OUT


def test_who_joined_a_dial_inherits_it() -> None:
    """Row 8: the maker left, the dial goes on for the other."""
    h = Harness()
    maker = h.request("m", multiplex=True, connect_timeout=9)
    joined = h.request("m", multiplex=True, pool_timeout=0, connect_timeout=9)
    h.time_out(joined)
    h.cancel(maker)

    assert h.dials()[0].sponsor is joined

    h.dial_fail(h.dials()[0], "refused")

    assert joined.failure == "refused"


def test_a_joined_dial_that_serves_only_one_is_waited_for_no_more() -> None:
    """Back in the queue, the pool clock of the other has run out."""
    h = Harness(ONE)
    maker = h.request("m", multiplex=True, connect_timeout=9)
    joined = h.request("m", multiplex=True, pool_timeout=0, connect_timeout=9)
    h.time_out(joined)
    h.dial_ok(h.dials()[0], Protocol.HTTP2, 1)

    assert h.happened() == ["Wake(1)", "Rearm(2)"]
    assert maker.state is TicketState.ASSIGNED

    h.time_out(joined)

    assert joined.state is TicketState.TIMED_OUT


def test_a_host_that_changes_its_mind_is_served_all_the_same() -> None:
    """Servers behind one name need not speak the same protocol."""
    h = Harness()
    tickets = shared_requests(h, 1)
    h.dial_ok(h.dials()[0], Protocol.HTTP1)
    tickets += shared_requests(h, 3)
    first, second, third = h.dials()
    h.dial_ok(first, Protocol.HTTP2, 1)
    h.dial_fail(second)
    h.dial_ok(third, Protocol.HTTP1)
    h.drain_out()

    assert [TicketState.DONE] * 2 == [t.state for t in tickets[:2]]
    assert tickets[2].failure == "refused"
    assert tickets[3].state is TicketState.DONE
