"""Ages, the peer's own idle time, and connections that are kept in spite of theirs."""

from __future__ import annotations

import math

import pytest

from mooring._pool.core import PoolCore
from mooring._pool.limits import lifetime
from mooring._pool.model import ConnectionState, PoolLimits, Protocol, TicketState

from .harness import Harness

AGE = PoolLimits(max_connection_age=10)
FIVE = PoolLimits(keepalive_expiry=5)


# -- the age of connections --------------------------------------------------


def test_an_old_connection_is_closed_while_idle() -> None:
    """When its time comes, with or without a request."""
    h = Harness(AGE)
    h.idle("a")

    assert h.core.next_expiry == 10

    h.move_clock(10)
    h.tick()

    assert h.happened() == ["Close(a)"]
    assert h.core.stats().closed == {"aged": 1}
    assert h.core.next_expiry is None


def test_an_old_connection_takes_no_new_request() -> None:
    """Also when nobody looked after the pool in time."""
    h = Harness(AGE)
    h.idle("a")
    h.move_clock(10)
    ticket = h.request("a")

    assert h.happened() == ["Close(a)", "Dial(a)"]
    assert ticket.connection is None


def test_a_busy_connection_of_age_is_closed_when_it_comes_free() -> None:
    """Its request goes on; who waits gets a new connection."""
    h = Harness(PoolLimits(max_connections=1, max_connection_age=10))
    holder, waiter = h.active("a"), h.request("a")
    h.move_clock(10)
    h.release(holder)

    assert h.happened() == ["Close(a)", "Dial(a)"]
    assert h.core.stats().closed == {"aged": 1}
    assert waiter.dial is not None


def test_streams_on_a_connection_of_age_end_in_peace() -> None:
    """It drains, and a new connection is made for new requests."""
    h = Harness(AGE)
    first = h.active_shared("m", cap=5)
    old = first.connection
    h.move_clock(10)
    late = h.request("m", multiplex=True)

    assert old is not None
    assert old.state is ConnectionState.DRAINING
    assert late.dial is not None

    h.release(first)

    assert h.core.stats().closed == {"aged": 1}


def test_age_counts_from_the_end_of_the_dial() -> None:
    """A slow handshake shortens nothing."""
    h = Harness(AGE)
    ticket = h.request("a")
    h.move_clock(7)
    assert ticket.dial is not None
    h.dial_ok(ticket.dial)
    h.release(ticket)

    assert h.core.next_expiry == 17


def test_a_cancelled_assignment_does_not_rejuvenate() -> None:
    """What comes back unused is judged like everything else."""
    h = Harness(PoolLimits(max_connections=1, max_connection_age=10))
    ticket = h.request("a")
    assert ticket.dial is not None
    h.dial_ok(ticket.dial)
    waiter = h.request("a")
    h.move_clock(10)
    h.cancel(ticket)

    assert h.happened() == ["Close(a)", "Dial(a)"]
    assert waiter.state is TicketState.QUEUED


@pytest.mark.parametrize("by_cap", [True, False])
def test_an_aged_connection_gets_no_new_streams_by_a_raised_cap(by_cap: bool) -> None:
    """Nor by the end of a zombie."""
    h = Harness(PoolLimits(max_connections=1, max_connection_age=10))
    holder = h.active_shared("m", cap=2)
    connection = holder.connection
    assert connection is not None
    other = h.request("m", multiplex=True)
    h.release(other, zombie=True)
    waiter = h.request("m", multiplex=True)
    h.move_clock(10)
    if by_cap:
        h.change_cap(connection, 5)
    else:
        h.confirm(connection)

    assert waiter.connection is None
    assert connection.state is ConnectionState.DRAINING


def test_an_upgraded_connection_has_no_age() -> None:
    """It is the caller's: nobody closes it from under them."""
    h = Harness(AGE)
    h.detach(h.active("a"))
    h.move_clock(20)
    h.tick()

    assert h.happened() == []
    assert h.core.stats().detached == 1


def test_jitter_shortens_each_age_a_little() -> None:
    """Connections that began together do not end together."""
    limits = PoolLimits(max_connection_age=100, age_jitter=0.2)
    ages = [lifetime(limits, number, seed=7) for number in range(50)]

    assert len(set(ages)) == 50
    assert 80 < min(ages) < 82
    assert 98 < max(ages) <= 100


def test_jitter_is_decided_by_the_seed() -> None:
    """The same seed gives the same ages again, another one others."""
    limits = PoolLimits(max_connection_age=100, age_jitter=0.5)

    assert lifetime(limits, 3, seed=1) == lifetime(limits, 3, seed=1)
    assert lifetime(limits, 3, seed=1) != lifetime(limits, 3, seed=2**40)
    assert PoolCore(limits, seed=9).seed == 9


def test_no_age_has_no_jitter() -> None:
    """A part of infinity is infinity."""
    assert math.inf == lifetime(PoolLimits(age_jitter=0.5), 3, seed=1)


def test_an_age_can_be_set_later() -> None:
    """It counts from when the connections were opened."""
    h = Harness()
    h.idle("a")
    h.move_clock(4)
    h.idle("b")
    h.set_limits(PoolLimits(max_connection_age=3))

    assert h.happened() == ["Close(a)"]
    assert h.core.next_expiry == 7


# -- what the peer allows ----------------------------------------------------


def test_a_peer_may_close_sooner_than_we() -> None:
    """Row 33: its own idle time counts if it is the shorter."""
    h = Harness(FIVE)
    h.release(h.active("a"), keepalive=2)

    assert h.core.next_expiry == 2

    h.move_clock(2)
    ticket = h.request("a")

    assert h.happened() == ["Close(a)", "Dial(a)"]
    assert ticket.connection is None
    assert h.core.stats().closed == {"expired": 1}


def test_a_patient_peer_changes_nothing() -> None:
    """The pool's own limit is the shorter one."""
    h = Harness(FIVE)
    h.release(h.active("a"), keepalive=75)

    assert h.core.next_expiry == 5


def test_what_a_peer_said_holds_for_the_next_response_too() -> None:
    """If that does not say anything else."""
    h = Harness(FIVE)
    h.release(h.active("a"), keepalive=2)
    h.move_clock(1)
    h.release(h.request("a"))

    assert h.core.next_expiry is not None
    h.tick()
    assert h.core.stats().idle == 1
    h.move_clock(2)
    h.tick()
    assert h.core.stats().idle == 0


def test_a_connection_in_use_does_not_expire() -> None:
    """The time that its peer gave it for its last rest is over, and of no interest."""
    h = Harness(FIVE)
    h.release(h.active("a"), keepalive=2)
    ticket = h.active("a")
    h.move_clock(3)
    h.tick()

    assert h.happened() == []
    assert ticket.state is TicketState.ACTIVE


def test_a_peer_without_patience_is_left() -> None:
    """There is no time in which to use it."""
    h = Harness(FIVE)
    h.release(h.active("a"), keepalive=0)

    assert h.happened() == ["Close(a)"]
    assert h.core.stats().closed == {"expired": 1}


def test_each_peer_has_its_own_time() -> None:
    """The one that came to rest last may be the first to go."""
    h = Harness()
    h.release(h.active("a"), keepalive=9)
    h.release(h.active("b"), keepalive=3)
    h.move_clock(3)
    h.tick()

    assert h.happened() == ["Close(b)"]
    assert h.core.next_expiry == 9


def test_a_connection_in_use_is_entered_once_however_often_it_rests() -> None:
    """The list of deadlines does not grow with the requests."""
    h = Harness(FIVE)
    h.release(h.active("a"), keepalive=3)
    for _ in range(1000):
        h.release(h.request("a"), keepalive=3)
    h.move_clock(2)
    h.release(h.request("a"), keepalive=3)
    h.move_clock(2)

    assert h.request("a").reused


def test_a_peer_that_wants_less_each_time_fills_no_memory() -> None:
    """What counts no more is swept out when it is most of the list."""
    h = Harness(checked=False)
    h.release(h.active("a"), keepalive=1000)
    for n in range(500):
        h.release(h.request("a"), keepalive=999 - n)

    h.check()
    h.move_clock(500)

    assert h.request("a").connection is None


# -- connections that are kept -----------------------------------------------


def test_so_many_stay_idle_however_long() -> None:
    """The newest; the others expire."""
    h = Harness(PoolLimits(keepalive_expiry=5, min_idle=1))
    tickets = [h.active("a") for _ in range(2)]
    newest = tickets[1].connection
    for ticket in tickets:
        h.move_clock(1)
        h.release(ticket)
    h.move_clock(100)
    h.tick()

    assert h.happened() == ["Close(a)"]
    assert h.core.next_expiry is None
    assert h.request("a").connection is newest


def test_each_host_keeps_its_own() -> None:
    """A busy host leaves the kept ones of the others alone."""
    h = Harness(PoolLimits(keepalive_expiry=5, min_idle=1))
    h.idle("a")
    h.idle("b")
    h.move_clock(5)
    h.tick()

    assert h.core.stats().idle == 2


def test_what_was_kept_beyond_its_time_goes_when_a_newer_one_rests() -> None:
    """One is enough."""
    h = Harness(PoolLimits(keepalive_expiry=5, min_idle=1))
    old, other = h.active("a"), h.active("a")
    fresh = other.connection
    h.release(old)
    h.move_clock(5)
    h.tick()
    h.release(other)

    assert h.happened() == ["Close(a)"]
    assert h.of_state(ConnectionState.IDLE) == [fresh]


def test_what_is_kept_ends_with_its_age() -> None:
    """And by all other limits."""
    h = Harness(PoolLimits(keepalive_expiry=5, min_idle=2, max_connection_age=20))
    h.idle("a")
    h.move_clock(6)
    h.tick()

    assert h.core.next_expiry == 20

    h.move_clock(14)
    h.tick()

    assert h.core.stats().closed == {"aged": 1}


def test_what_is_kept_makes_room_for_others() -> None:
    """Nobody waits beside an idle connection."""
    h = Harness(PoolLimits(max_connections=1, keepalive_expiry=5, min_idle=1))
    h.idle("a")
    h.request("b")

    assert h.happened() == ["Close(a)", "Dial(b)"]


def test_what_is_kept_is_not_kept_from_its_peer() -> None:
    """Where the peer closes, keeping is of no use."""
    h = Harness(PoolLimits(keepalive_expiry=5, min_idle=1))
    h.release(h.active("a"), keepalive=2)
    h.move_clock(2)
    h.tick()

    assert h.happened() == ["Close(a)"]


def test_fewer_are_kept_from_now_on() -> None:
    """Those whose time was over all along go at once."""
    h = Harness(PoolLimits(keepalive_expiry=5, min_idle=2))
    for ticket in [h.active("a") for _ in range(2)]:
        h.release(ticket)
    h.move_clock(9)
    h.tick()
    h.set_limits(PoolLimits(keepalive_expiry=5, min_idle=1))

    assert h.happened() == ["Close(a)"]

    h.set_limits(FIVE)

    assert h.happened() == ["Close(a)"]
    assert h.core.is_empty


def test_none_rest_but_those_that_are_kept() -> None:
    """With no idle time at all, exactly so many do."""
    h = Harness(PoolLimits(keepalive_expiry=0, min_idle=1))
    for ticket in [h.active("a") for _ in range(2)]:
        h.release(ticket)

    assert h.happened() == ["Close(a)"]
    assert h.core.stats().idle == 1


def test_a_connection_that_was_parked_rests_anew() -> None:
    """Its peer has just allowed streams again, so it is alive."""
    h = Harness(PoolLimits(keepalive_expiry=5))
    ticket = h.active_shared("m", cap=1)
    connection = ticket.connection
    assert connection is not None
    assert connection.protocol is Protocol.HTTP2
    h.change_cap(connection, 0)
    h.release(ticket)
    h.move_clock(3)
    h.change_cap(connection, 1)

    assert h.core.next_expiry == 8


def test_nothing_is_due_before_the_time_it_says() -> None:
    """A shell may sleep until then, and need not ask again before."""
    h = Harness(PoolLimits(keepalive_expiry=5, max_connection_age=60))

    assert math.inf == h.core.due

    h.idle("a")

    assert h.core.due == h.core.next_expiry == 5

    h.move_clock(1)
    h.request("a")

    assert h.core.due <= 60 == h.core.next_expiry
