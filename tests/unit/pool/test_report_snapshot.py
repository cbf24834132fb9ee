"""The snapshot: what is in it, how it reads, and that it keeps nothing alive."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from mooring._pool.dump import MOST_LINES, limits_line, summary
from mooring._pool.holder import Phase
from mooring._pool.model import PoolLimits, Refusal, Ticket
from mooring._pool.snapshot import PoolSnapshot, failure_text, snapshot

from .harness import Harness
from .reporting import A, B, Task, asks, enters, holds

TWO = PoolLimits(max_connections=2, max_keepalive=1, keepalive_expiry=5)


def taken(h: Harness) -> PoolSnapshot:
    return snapshot(h.core, h.now)


def busy_pool() -> Harness:
    """One busy connection, one idle and one in the making at two hosts, one waits."""
    h = Harness(PoolLimits(max_connections=3, keepalive_expiry=60))
    task, other = Task("reader"), Task("crawler")
    h.release(holds(h, Phase.BODY, B))
    reader = holds(
        h, Phase.HEADERS, A, "/big?secret=1", task=task, created_at="app.py:7 in fetch"
    )
    h.move_clock(41)
    enters(h, reader, Phase.UNREAD)
    asks(h, A, "/second", method="POST", task=other)
    h.move_clock(2)
    asks(h, ("https", "c.example", 443), "/third")
    return h


def test_an_empty_pool_is_a_snapshot_too() -> None:
    """Nothing in it, limits and counts there."""
    h = Harness(TWO)

    assert () == taken(h).hosts
    assert (TWO, h.core.stats()) == (taken(h).limits, taken(h).stats)
    assert 2 == len(str(taken(h)).splitlines())


def test_a_busy_connection_says_who_holds_it() -> None:
    """Method, host, path without the query, phase, ages, task, line of code."""
    connection = taken(busy_pool()).hosts[0].connections[0]
    (holder,) = connection.held_by

    assert ("busy", "HTTP/1.1", 43.0, None, 1, 1, 1) == (
        connection.state,
        connection.protocol,
        connection.age,
        connection.idle,
        connection.requests,
        connection.streams_used,
        connection.streams_max,
    )
    assert ("GET", "https", "a.example", "/big") == (
        holder.method,
        holder.scheme,
        holder.host,
        holder.path,
    )
    assert ("response not closed", 2.0, 43.0) == (
        holder.phase,
        holder.seconds,
        holder.held,
    )
    assert ("app.py:7 in fetch", "a task that has ended") == (
        holder.created_at,
        holder.owner.removeprefix("in "),  # nobody kept the task of this test
    )


def test_an_idle_connection_is_held_by_nobody() -> None:
    """Its idle time runs since its last use."""
    h = Harness(TWO)
    h.idle("a")
    h.move_clock(3)
    (connection,) = taken(h).hosts[0].connections

    assert ("idle", 3.0, 3.0, 1, ()) == (
        connection.state,
        connection.idle,
        connection.age,
        connection.requests,
        connection.held_by,
    )
    assert "  #2  idle 3.0s  HTTP/1.1  age 3.0s  request 1" in str(taken(h))


def test_waiters_stand_in_line() -> None:
    """First those whose connection is being made, then the others, oldest first."""
    h = Harness(TWO)
    holds(h, Phase.HEADERS)
    for path in ("/1", "/2", "/3"):
        asks(h, A, path)
        h.move_clock(1)
    waiting = taken(h).hosts[0].waiting

    assert [(1, 3.0, "/1"), (2, 2.0, "/2"), (3, 1.0, "/3")] == [
        (waiter.place, waiter.waited, waiter.holder.path) for waiter in waiting
    ]
    assert ["connecting", "waiting for a connection"] == [
        waiter.holder.phase for waiter in waiting[:2]
    ]


def test_streams_are_counted_on_shared_connections() -> None:
    """With those that were reset and are not confirmed yet."""
    h = Harness(PoolLimits())
    h.active_shared(A, cap=5)
    h.active_shared(A)
    h.release(h.active_shared(A), zombie=True)
    (connection,) = taken(h).hosts[0].connections

    assert ("HTTP/2", 3, 5, 2) == (
        connection.protocol,
        connection.streams_used,
        connection.streams_max,
        len(connection.held_by),
    )
    first, second = str(taken(h)).splitlines()[3:]
    assert "request 3, 3/5 streams  ? https://a.example:443/?" in first
    assert first.index("? https://a.example:443/?") == second.index(
        "? https://a.example:443/?"
    )


def test_a_connection_in_the_making_is_there() -> None:
    """Its protocol is not known yet."""
    h = Harness(PoolLimits())
    asks(h)
    (connection,) = taken(h).hosts[0].connections

    assert ("dialing", "unknown", 0) == (
        connection.state,
        connection.protocol,
        connection.requests,
    )


def test_a_snapshot_reads_in_lines() -> None:
    """Aligned, nothing cut off, no query."""
    lines = str(taken(busy_pool())).splitlines()

    assert [
        "pool: 3 of 3 connections (1 busy, 0 idle, 2 connecting), 2 waiting",
        "limits: max_connections=3, max_connections_per_host=no limit, "
        "max_keepalive_connections=no limit, keepalive_expiry=60.0s",
        "https://a.example:443: 2 connections, 1 waiting",
        "  #4  busy     HTTP/1.1  age 43.0s  request 1  GET https://a.example/big  "
        "response not closed 2.0s  in a task that has ended  made at app.py:7 in fetch",
        "  #5  dialing  unknown   age 2.0s   request 0",
        "  waiting, place 1  2.0s  POST https://a.example/second  connecting 2.0s  "
        "in a task that has ended",
        "https://c.example:443: 1 connection, 1 waiting",
        "  #7  dialing  unknown  age 0s  request 0",
        "  waiting, place 1  0s  GET https://c.example/third  connecting 0s",
    ] == lines


def test_a_dump_of_thousands_is_cut() -> None:
    """The rest is counted; the snapshot has it all."""
    h = Harness(TWO, checked=False)
    for _ in range(MOST_LINES + 12):
        asks(h)
    picture = taken(h)

    assert MOST_LINES + 12 == len(picture.hosts[0].waiting)
    assert "  ... and 12 more waiting" in str(picture).splitlines()


def test_limits_of_hosts_are_shown() -> None:
    """Where there are any."""
    h = Harness(PoolLimits(max_per_host=2))
    asks(h)

    assert 2 == taken(h).hosts[0].limit
    assert "https://a.example:443: 1 connection (limit 2), 1 waiting" in str(taken(h))


def test_a_snapshot_fits_into_json() -> None:
    """No limit is null there."""
    data: dict[str, Any] = json.loads(
        json.dumps(taken(busy_pool()).as_dict(), allow_nan=False)
    )

    assert {"limits", "stats", "hosts"} == set(data)
    assert (3, None) == (data["limits"]["max_connections"], data["hosts"][0]["limit"])
    assert "/big" == data["hosts"][0]["connections"][0]["held_by"][0]["path"]
    assert "secret" not in json.dumps(data)


def test_a_ticket_without_a_holder_is_shown_by_its_key() -> None:
    """Nothing is known of the request, and nothing breaks."""
    h = Harness(TWO)
    h.active(A)
    (holder,) = taken(h).hosts[0].connections[0].held_by

    assert "? https://a.example:443/?" == holder.target
    assert ("sending the request", "") == (holder.phase, holder.owner)


def test_a_snapshot_does_not_change() -> None:
    """It is values, not a view."""
    h = Harness(TWO)
    ticket = holds(h, Phase.BODY)
    before = taken(h)
    h.release(ticket)

    assert "busy" == before.hosts[0].connections[0].state
    assert before != taken(h)


@pytest.mark.parametrize(
    ("expected", "failure"),
    [
        ("refused (2.0s ago)", OSError("refused")),
        ("OSError (2.0s ago)", OSError()),
        ("the peer allows no streams (2.0s ago)", Refusal.NO_STREAMS),
        (r"two\nlines (2.0s ago)", OSError("two\nlines")),
    ],
)
def test_failures_have_texts(expected: str, failure: object) -> None:
    """What it was and how long ago; never empty."""
    assert expected == failure_text(failure, 8.0, 10.0)


def test_a_host_tells_of_its_last_failed_connect() -> None:
    """As long as the pool has anything to do with it."""
    h = Harness(PoolLimits())
    holds(h, Phase.BODY)
    dial = asks(h).dial
    assert dial is not None
    h.dial_fail(dial, OSError("refused"))
    h.move_clock(4)

    assert "refused (4.0s ago)" == taken(h).hosts[0].last_failure
    assert "  last failed connect: refused (4.0s ago)" in str(taken(h))


def test_waiters_are_listed_as_they_are_served() -> None:
    """By priority before age."""
    h = Harness(TWO)
    holds(h, Phase.BODY)
    holds(h, Phase.BODY)
    h.request(A)
    h.core.requested(Ticket(A, priority=3), now=h.now)
    waiting = taken(h).hosts[0].waiting

    assert [3, 0] == [waiter.priority for waiter in waiting]
    assert "waiting, place 1 (priority 3)" in str(taken(h))


def test_the_repr_of_a_client_is_a_line_of_counts() -> None:
    """And proper English."""
    h = Harness(PoolLimits())
    h.idle("a")

    assert "<Client 1 origin, 1 connection (1 idle), 0 waiting>" == summary(
        "Client", len(h.core.hosts), h.core.stats()
    )
    h.active("b")
    assert "<Pool 2 origins, 2 connections (1 idle), 0 waiting>" == summary(
        "Pool", len(h.core.hosts), h.core.stats()
    )


def test_limits_are_named_as_people_set_them() -> None:
    """Not as the core calls them."""
    limits = PoolLimits(100, 20, 5.0, max_per_host=math.inf)

    assert (
        "limits: max_connections=100, max_connections_per_host=no limit, "
        "max_keepalive_connections=20, keepalive_expiry=5.0s"
    ) == limits_line(limits)
