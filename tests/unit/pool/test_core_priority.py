"""Who goes first when not all are equal."""

from __future__ import annotations

from mooring._pool.chain import Link
from mooring._pool.model import (
    PRIORITY_STEP,
    PoolLimits,
    Protocol,
    Ticket,
    TicketState,
)
from mooring._pool.queue import Queue

from .harness import Harness

ONE = PoolLimits(max_connections=1)
STRICT = PoolLimits(max_connections=1, bypass_budget=0)


def seated(queue: Queue, seq: int, priority: int = 0) -> Ticket:
    ticket = Ticket("a", priority=priority)
    ticket.seq = seq
    ticket.rank = seq - priority * PRIORITY_STEP
    ticket.place = Link(ticket)
    queue.add(ticket)
    return ticket


def order(queue: Queue) -> list[int]:
    return [ticket.seq for ticket in queue]


def test_equals_are_served_by_age() -> None:
    """Also who comes back into the queue, from the front, the middle or the end."""
    queue = Queue()
    for seq in (5, 9, 1, 7, 3):
        seated(queue, seq)

    assert [1, 3, 5, 7, 9] == order(queue)


def test_a_higher_priority_goes_before_all_lower_ones() -> None:
    """Whoever came first."""
    queue = Queue()
    for seq, priority in ((1, 0), (2, -1), (3, 5), (4, 0), (5, 5), (6, -1), (7, 1)):
        seated(queue, seq, priority)

    assert [3, 5, 7, 1, 4, 2, 6] == order(queue)


def test_who_leaves_is_not_missed() -> None:
    """The last of a priority, its first, and its only one."""
    queue = Queue()
    tickets = [seated(queue, n, (0, 1)[n % 2]) for n in range(1, 7)]
    for ticket in (tickets[5], tickets[0], tickets[2], tickets[4]):
        queue.remove(ticket)
    seated(queue, 8, 1)
    seated(queue, 9, 0)
    seated(queue, 7, 2)

    assert [7, 8, 2, 4, 9] == order(queue)


def test_a_queue_that_was_left_by_all_is_empty() -> None:
    """It remembers no priority that nobody has."""
    queue = Queue()
    for ticket in [seated(queue, n, n) for n in range(1, 5)]:
        queue.remove(ticket)

    assert not queue
    assert [] == order(queue)


def test_the_higher_priority_is_served_first() -> None:
    """Of two that wait for the same host."""
    h = Harness(ONE)
    holder = h.active("a")
    low, high = h.request("a"), h.request("a", priority=1)
    h.release(holder)

    assert high.state is TicketState.ASSIGNED
    assert low.state is TicketState.QUEUED


def test_the_higher_priority_gets_the_slot() -> None:
    """Of two that wait for different hosts."""
    h = Harness(ONE)
    holder = h.active("a")
    low, high = h.request("b"), h.request("c", priority=1)
    h.release(holder)

    assert high.dial is not None
    assert low.dial is None


def test_a_dial_goes_to_the_higher_priority() -> None:
    """Also if it came after the dial had begun."""
    h = Harness(ONE)
    low = h.request("a")
    high = h.request("a", priority=1)
    assert low.dial is not None
    h.dial_ok(low.dial)

    assert high.state is TicketState.ASSIGNED
    assert low.state is TicketState.QUEUED


def test_a_lower_priority_waits_for_its_turn() -> None:
    """Negative ones are for what can wait."""
    h = Harness(ONE)
    holder = h.active("a")
    low, normal = h.request("a", priority=-1), h.request("a")
    h.release(holder)
    h.release(normal)

    assert low.state is TicketState.ASSIGNED


def test_overtaking_by_priority_is_no_bypass() -> None:
    """It is meant to go first, so nothing is closed for whom it overtakes."""
    h = Harness(STRICT)
    running = h.active("a")
    waiting = h.request("b")
    for _ in range(20):
        urgent = h.request("a", priority=1)
        h.release(running)

        assert urgent.state is TicketState.ASSIGNED

        running = urgent

    assert waiting.bypassed == 0


def test_overtaking_in_spite_of_priority_is_bounded() -> None:
    """Older ones of lower priority reuse their connection within the budget."""
    h = Harness(PoolLimits(max_connections=1, bypass_budget=2))
    running = h.active("a")
    queue = [h.request("a") for _ in range(9)]
    urgent = h.request("b", priority=1)
    served = 0
    while urgent.dial is None:
        h.release(running)
        if urgent.dial is None:
            running = queue.pop(0)
            served += 1

    assert served == 2


def test_a_stream_is_not_held_back_for_a_lower_priority() -> None:
    """An older ticket of another host that matters less waits on."""
    h = Harness(STRICT)
    h.active_shared("m", cap=9)
    h.request("b", priority=-1)

    assert h.request("m", multiplex=True).state is TicketState.ASSIGNED


def test_who_asks_again_keeps_priority_and_age() -> None:
    """It goes before those that came later, behind those that matter more."""
    h = Harness(ONE)
    holder = h.active("a")
    tickets = [h.request("a") for _ in range(2)]
    h.release(holder)
    urgent = h.request("a", priority=1)
    h.found_dead(tickets[0])
    served = []
    h.dial_ok(h.dials()[0])
    for _ in range(3):
        ticket = h.in_state(TicketState.ASSIGNED)[0]
        served.append(ticket)
        h.release(ticket)

    assert [urgent, *tickets] == served


def test_priority_does_not_touch_what_is_free() -> None:
    """Nobody has to wait for it below the limit."""
    h = Harness()
    h.idle("a")

    assert h.request("a", priority=-9).state is TicketState.ASSIGNED


def test_a_shared_dial_serves_the_higher_priority_first() -> None:
    """Where its streams are not enough for all."""
    h = Harness(ONE)
    tickets = [h.request("m", multiplex=True, priority=n) for n in (0, 2, 1)]
    h.dial_ok(h.dials()[0], Protocol.HTTP2, 2)

    assert [False, True, True] == [t.state is TicketState.ASSIGNED for t in tickets]


def test_many_priorities_leave_nothing_behind() -> None:
    """Row 80, with as many priorities as waiters."""
    h = Harness(ONE, checked=False)
    h.active("a")
    waiting = [h.request("b", priority=n * 7919 % 1000) for n in range(1000)]
    served = [t.priority for t in h.core.hosts["b"].waiting]
    for ticket in waiting:
        h.core.cancelled(ticket, now=0)

    assert sorted(served, reverse=True) == served
    assert list(h.core.hosts) == ["a"]
