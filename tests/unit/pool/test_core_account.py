"""What the pool counts, and what it remembers for those who ask why."""

from __future__ import annotations

from mooring._pool.model import PoolLimits, Reason, Ticket

from .harness import Harness

ONE = PoolLimits(max_connections=1)


def test_waits_are_counted_and_added_up() -> None:
    """Those that ended with a connection."""
    h = Harness(ONE)
    holder = h.active("a")
    tickets = [h.request("a") for _ in range(2)]
    h.move_clock(2)
    h.release(holder)
    h.move_clock(3)
    h.release(tickets[0])
    stats = h.core.stats()

    assert (3, 7.0, 5.0) == (stats.waits, stats.waited, stats.longest_wait)


def test_who_is_served_at_once_did_not_wait() -> None:
    """Only the first one did, for its dial."""
    h = Harness()
    for _ in range(5):
        h.idle("a")

    assert h.core.stats().waits == 1


def test_a_second_wait_is_counted_for_itself() -> None:
    """The time of the exchange that failed between them is no waiting."""
    h = Harness(ONE)
    ticket = h.active("a")
    h.move_clock(100)
    h.release(ticket)
    again = h.request("a")
    h.move_clock(100)
    h.found_dead(again)
    h.move_clock(1)
    h.dial_ok(h.dials()[0])

    assert h.core.stats().longest_wait == 1
    assert (100, 200, 201) == (again.asked_at, again.queued_at, again.granted_at)


def test_a_lease_knows_since_when() -> None:
    """Whether it was given at once or after a wait."""
    h = Harness(ONE)
    h.move_clock(4)
    first = h.active("a")
    second = h.request("a")
    h.move_clock(2)
    h.release(first)
    h.release(second)
    h.move_clock(1)

    assert [4, 6, 7] == [t.granted_at for t in (first, second, h.request("a"))]


def test_each_state_has_its_gauge() -> None:
    """A connection is counted once."""
    h = Harness()
    h.request("dialled")
    h.idle("idle")
    h.active("busy")
    h.detach(h.active("upgraded"))
    leaving = h.active("leaving")
    assert leaving.connection is not None
    h.retire(leaving.connection)
    stats = h.core.stats()

    assert (1, 1, 2, 1, 1) == (
        stats.dialing,
        stats.idle,
        stats.busy,
        stats.draining,
        stats.detached,
    )
    assert stats.connections == 5


def test_streams_are_counted_with_those_that_are_being_reset() -> None:
    """They take room until the peer confirms."""
    h = Harness()
    first = h.active_shared("m", cap=9)
    connection = first.connection
    assert connection is not None
    second = h.request("m", multiplex=True)
    h.active("a")

    assert (2, 3) == (h.core.stats().streams, h.core.stats().leases)

    h.release(second, zombie=True)

    assert (2, 2) == (h.core.stats().streams, h.core.stats().leases)

    h.confirm(connection)

    assert h.core.stats().streams == 1

    h.release(first, zombie=True)
    h.die(connection)
    h.confirm(connection)

    assert h.core.stats().streams == 0


def test_leases_of_every_way_are_counted() -> None:
    """At once or after a wait, on a new connection or a used one."""
    h = Harness()
    for _ in range(3):
        h.idle("a")
    h.cancel(h.request("b"))
    first = h.active_shared("m", cap=9)
    h.request("m", multiplex=True)
    h.release(first, Reason.BROKEN)
    stats = h.core.stats()

    assert (2, 3) == (stats.leases_new, stats.leases_reused)
    assert stats.leases == 1


def test_the_last_failed_dial_is_remembered() -> None:
    """By the host while there is one, and by the pool."""
    h = Harness()
    other = h.active("a")
    ticket = h.request("a")
    h.move_clock(3)
    assert ticket.dial is not None
    h.dial_fail(ticket.dial, "refused")

    assert ("refused", 3) == h.core.hosts["a"].last_failure
    assert ("a", "refused", 3) == h.core.last_failure

    h.release(other, Reason.UNUSABLE)

    assert h.core.hosts == {}
    assert ("a", "refused", 3) == h.core.last_failure


def test_nothing_failed_yet() -> None:
    """As long as every dial succeeded."""
    h = Harness()
    h.idle("a")

    assert h.core.last_failure is None
    assert h.core.hosts["a"].last_failure is None


def test_nobody_asks_for_a_ticket_unless_the_shell_says_who() -> None:
    """The core never looks at it."""
    ticket = Ticket("a")

    assert ticket.holder is None

    ticket.holder = who = object()
    Harness().core.requested(ticket, now=0)

    assert ticket.holder is who
