"""Whose a dial is, who gets its result and who its failure."""

from __future__ import annotations

import pytest

from mooring._pool.model import (
    ConnectionState,
    PoolLimits,
    Protocol,
    Refusal,
    TicketState,
)

from .harness import Harness

ONE = PoolLimits(max_connections=1)


def test_each_waiter_of_a_plain_host_has_a_dial() -> None:
    """HTTP/1.1 carries one request at a time, so no one shares."""
    h = Harness()
    for _ in range(3):
        h.request("a")

    assert len(h.dials()) == 3


def test_a_freed_connection_is_quicker_than_a_dial() -> None:
    """The waiter takes what is free; its dial goes on as a spare."""
    h = Harness()
    holder, waiter = h.active("a"), h.request("a")
    dial = waiter.dial
    h.release(holder)

    assert waiter.state is TicketState.ASSIGNED
    assert h.dials() == [dial]
    assert dial is not None
    assert dial.sponsor is None


def test_a_spare_dial_serves_the_next_request() -> None:
    """What is under way already need not be begun again."""
    h = Harness()
    holder, waiter = h.active("a"), h.request("a")
    spare = waiter.dial
    h.release(holder)
    late = h.request("a")

    assert h.happened() == []
    assert late.dial is spare


def test_a_spare_dial_comes_to_rest() -> None:
    """Row 10: the connection is kept for later."""
    h = Harness()
    ticket = h.request("a")
    dial = h.dials()[0]
    h.cancel(ticket)
    h.dial_ok(dial)

    assert h.happened() == []
    assert dial.state is ConnectionState.IDLE


def test_a_spare_dial_may_fail_unheard() -> None:
    """Nobody waits for it, so nobody is told."""
    h = Harness()
    h.cancel(h.request("a"))
    h.dial_fail(h.dials()[0])

    assert h.happened() == []
    assert h.core.hosts == {}
    assert h.core.stats().dials_failed == 1


@pytest.mark.parametrize(
    "limits", [PoolLimits(max_keepalive=0), PoolLimits(keepalive_expiry=0)]
)
def test_a_spare_dial_that_could_not_be_kept_is_called_off(limits: PoolLimits) -> None:
    """Row 10: no connection is made only to be closed."""
    h = Harness(limits)
    h.cancel(h.request("a"))

    assert h.happened() == ["Abort(a)"]


def test_the_dial_of_one_who_left_goes_to_the_next() -> None:
    """Row 8: the work is not thrown away."""
    h = Harness(ONE)
    sponsor, other = h.request("a"), h.request("a")
    dial = sponsor.dial
    h.cancel(sponsor)

    assert h.happened() == []
    assert other.dial is dial


def test_a_dial_is_called_off_for_another_host() -> None:
    """Row 9: an unwanted dial holds no slot that someone needs."""
    h = Harness(ONE)
    sponsor, other = h.request("a"), h.request("b")
    h.cancel(sponsor)

    assert h.happened() == ["Abort(a)", "Dial(b)"]
    assert other.dial is not None


def test_a_spare_dial_makes_room_later() -> None:
    """Row 9: also when the need comes after the cancel."""
    h = Harness(ONE)
    h.cancel(h.request("a"))
    h.request("b")

    assert h.happened() == ["Abort(a)", "Dial(b)"]


def test_who_waits_for_a_dial_of_another_leaves_alone() -> None:
    """Row 11: only the sponsor's leaving concerns the dial."""
    h = Harness()
    sponsor, other = h.request("m", multiplex=True), h.request("m", multiplex=True)
    h.core.timed_out(other, now=0)
    h.cancel(other)

    assert h.happened() == []
    assert h.dials()[0].sponsor is sponsor


def test_a_late_connection_serves_the_next() -> None:
    """Row 18: the ticket ran out of time, its dial did not."""
    h = Harness(ONE)
    hasty = h.request("a", connect_timeout=1)
    patient = h.request("a", connect_timeout=9)
    dial = h.dials()[0]
    h.move_clock(0.5)
    h.cancel(hasty)
    h.dial_ok(dial)

    assert patient.connection is dial


def test_a_dial_out_of_time_is_not_handed_on() -> None:
    """Who waited for a slot must not inherit the failure of another."""
    h = Harness(ONE)
    first = h.request("a", connect_timeout=5)
    second = h.request("a", connect_timeout=5)
    h.move_clock(5)
    h.time_out(first)

    assert h.happened() == ["Abort(a)", "Rearm(2)", "Dial(a)"]
    assert first.timed_out_dialling
    assert second.deadline == 10


def test_a_dial_out_of_time_is_not_kept_as_a_spare() -> None:
    """The next request begins afresh instead of timing out at once."""
    h = Harness()
    ticket = h.request("a", connect_timeout=5)
    h.move_clock(5)
    h.time_out(ticket)

    assert h.happened() == ["Abort(a)"]


def test_a_spare_dial_too_old_for_a_request_is_replaced() -> None:
    """Its connect timeout would be over before it began to wait."""
    h = Harness()
    h.cancel(h.request("a"))
    h.move_clock(5)
    ticket = h.request("a", pool_timeout=5, connect_timeout=5)

    assert h.happened() == ["Abort(a)", "Dial(a)"]
    assert ticket.deadline == 10


def test_a_shorter_deadline_is_announced() -> None:
    """Row 19: whoever sleeps until the old one must look again."""
    h = Harness(ONE)
    sponsor = h.request("a")
    h.move_clock(1)
    waiter = h.request("a", pool_timeout=60, connect_timeout=5)
    h.cancel(sponsor)

    assert h.happened() == ["Rearm(2)"]
    assert waiter.deadline == 5


def test_a_result_after_the_call_off_is_closed() -> None:
    """A dial that could not be stopped in time leaves no socket."""
    h = Harness(ONE)
    h.cancel(h.request("a"))
    h.request("b")
    h.dial_ok(h.late[0])

    assert h.happened() == ["Close(a)"]


def test_a_failure_after_the_call_off_is_ignored() -> None:
    """It has been counted as aborted."""
    h = Harness(ONE)
    h.cancel(h.request("a"))
    h.request("b")
    h.dial_fail(h.late[0])

    assert h.happened() == []
    assert h.core.stats().dials_aborted == 1


def test_a_refused_host_frees_its_slot() -> None:
    """Row 34: the others are served as if it had never asked."""
    h = Harness(ONE)
    refused, b, c = h.request("a"), h.request("b"), h.request("c")
    h.dial_fail(h.dials()[0], "refused")

    assert h.happened() == ["Wake(1)", "Dial(b)"]
    assert refused.failure == "refused"
    assert b.dial is not None
    assert c.state is TicketState.QUEUED


def test_a_failed_dial_of_a_plain_host_fails_one() -> None:
    """Row 36: the second attempt may succeed and serves who is left."""
    h = Harness()
    first, second = h.request("a"), h.request("a")
    assert first.dial is not None
    assert second.dial is not None
    h.dial_fail(first.dial)
    h.dial_ok(second.dial)

    assert first.state is TicketState.FAILED
    assert second.state is TicketState.ASSIGNED


def test_all_who_shared_a_dial_fail_with_it() -> None:
    """Row 35: fifty requests to a dead host fail after one dial, not fifty."""
    h = Harness()
    waiting = [h.request("m", multiplex=True) for _ in range(50)]
    h.dial_fail(h.dials()[0], "refused")

    assert [TicketState.FAILED] * 50 == [t.state for t in waiting]
    assert h.core.hosts == {}


def test_no_one_fails_beside_a_dial_that_goes_on() -> None:
    """A failure concerns those who depended on it, and only those."""
    h = Harness()
    h.active("m", multiplex=True)
    for _ in range(3):
        h.request("m", multiplex=True)
    first, second, third = h.dials()
    h.dial_ok(first, Protocol.HTTP2, 1)
    h.die(first)
    waiter = h.request("m", multiplex=True)
    h.dial_fail(second)

    assert waiter.state is TicketState.QUEUED

    h.dial_fail(third)

    assert waiter.failure == "refused"


def test_the_thread_that_dials_cannot_take_another_connection() -> None:
    """With threads, who makes a connection is busy until it is made."""
    h = Harness(inline=True)
    holder, dialling = h.active("a"), h.request("a")
    dial = dialling.dial
    h.release(holder)

    assert dialling.state is TicketState.QUEUED

    h.request("a")
    assert dial is not None
    h.dial_ok(dial)

    assert dialling.connection is dial


def test_a_thread_that_leaves_takes_its_dial_along() -> None:
    """Row 20: nobody else can finish it."""
    h = Harness(PoolLimits(max_connections=1), inline=True)
    dialling, waiter = h.request("a"), h.request("a")
    h.cancel(dialling)

    assert h.happened() == ["Abort(a)", "Dial(a)"]
    assert waiter.dial is not None


def test_no_thread_waits_for_the_dial_of_another_it_cannot_share() -> None:
    """With threads, timing out is timing out, whoever dials."""
    h = Harness(inline=True)
    h.request("m", multiplex=True)
    waiter = h.request("m", multiplex=True, pool_timeout=1, connect_timeout=9)
    h.move_clock(1)
    h.time_out(waiter)

    assert waiter.state is TicketState.TIMED_OUT
    assert not waiter.timed_out_dialling


def test_a_connection_without_streams_is_a_failed_dial() -> None:
    """Row 48: closed, told as such, and not dialled again and again."""
    h = Harness()
    tickets = [h.request("m", multiplex=True) for _ in range(2)]
    h.dial_ok(h.dials()[0], Protocol.HTTP2, 0)

    assert h.happened() == ["Close(m)", "Wake(1)", "Wake(2)"]
    assert [t.failure for t in tickets] == [Refusal.NO_STREAMS] * 2


def test_a_dial_taken_over_is_made_again_for_a_more_patient_ticket() -> None:
    """The time of the dial is that of who left; who stays has time of its own."""
    h = Harness(ONE)
    hasty, patient = h.request("a", connect_timeout=1.0), h.request("a")
    (dial,) = h.dials()
    h.cancel(hasty)
    h.dial_fail(dial, timed_out=True)

    (again,) = h.dials()
    assert patient.dial is again
    h.dial_ok(again)
    assert patient.state is TicketState.ASSIGNED


def test_a_dial_that_took_all_the_time_of_its_ticket_fails_it() -> None:
    """Its own limit is over."""
    h = Harness(ONE)
    ticket = h.request("a", connect_timeout=1.0)
    h.dial_fail(h.dials()[0], timed_out=True)

    assert ticket.state is TicketState.FAILED
