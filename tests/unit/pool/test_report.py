"""Why a request waits: text, notes and verdict of a PoolTimeout."""

from __future__ import annotations

import json
import math

import pytest

from mooring._pool.holder import Phase
from mooring._pool.model import PoolLimits, Ticket
from mooring._pool.report import Diagnosis, why_waiting
from mooring._pool.survey import MOST_SEEN
from mooring._pool.verdict import Verdict
from mooring._pool.watch import held_longer, waiting_longer

from .harness import Harness
from .reporting import A, B, Task, asks, enters, holds, is_granted

ONE = PoolLimits(max_connections=1)
TWO = PoolLimits(max_connections=2, keepalive_expiry=5)


def told(h: Harness, ticket: Ticket) -> Diagnosis:
    return why_waiting(h.core, ticket, h.now)


def notes(diagnosis: Diagnosis) -> str:
    return "\n".join(diagnosis.notes)


def test_the_message_says_where_how_long_and_which_limit() -> None:
    """All of it on one line."""
    h = Harness(TWO)
    holds(h, Phase.HEADERS)
    h.move_clock(3)
    holds(h, Phase.HEADERS, B)
    asks(h)
    ticket = asks(h)
    h.move_clock(5)

    assert (
        "no free connection to a.example:443 after 5.0s (2 of 2 connections in use, "
        "place 2 of 2 in the queue, oldest held 8.0s)"
    ) == told(h, ticket).message


def test_the_limit_of_the_host_is_named_when_it_is_the_one() -> None:
    """There is room in the pool, only not for this host."""
    h = Harness(PoolLimits(max_connections=5, max_per_host=1))
    holds(h, Phase.HEADERS)
    holds(h, Phase.HEADERS, B)
    ticket = asks(h)
    h.move_clock(5)
    diagnosis = told(h, ticket)

    assert "(1 of 1 connections to this host in use, " in diagnosis.message
    assert "raise" not in diagnosis.notes[0]  # the server is slow
    assert ("max_connections_per_host", 1, 1) == (
        diagnosis.setting,
        diagnosis.limit,
        diagnosis.in_use,
    )
    assert ["a.example:443"] == [x.host + ":443" for x in diagnosis.holders]


def test_a_limit_of_one_host_alone_has_another_name() -> None:
    """It is another setting that has to be changed."""
    h = Harness(PoolLimits(per_host={"a.example": 1}))
    holds(h, Phase.HEADERS)
    ticket = asks(h)

    assert ("per_host", 1) == (told(h, ticket).setting, told(h, ticket).limit)


def test_streams_count_where_connections_are_shared() -> None:
    """HTTP/2: no limit of the pool is reached, those of the server are."""
    h = Harness(PoolLimits(max_shared_per_host=1))
    h.active_shared("m", cap=2)
    h.active_shared("m")
    ticket = h.request("m", multiplex=True)
    diagnosis = told(h, ticket)

    assert "2 of 2 streams to this host in use" in diagnosis.message
    assert "as the server allows no more streams" in diagnosis.notes[0]
    assert ("streams", 2, 2) == (diagnosis.setting, diagnosis.limit, diagnosis.in_use)


def test_a_shared_connection_in_the_making_is_waited_for() -> None:
    """A thread may wait for the dial of another."""
    h = Harness(PoolLimits(), inline=True)
    h.request("m", multiplex=True)
    ticket = h.request("m", multiplex=True)
    h.move_clock(1)

    assert "still being made" in told(h, ticket).message


class TestLeak:
    """Responses that nobody reads."""

    def pool(self, *, created_at: str | None) -> Diagnosis:
        h = Harness(ONE)
        holds(
            h,
            Phase.UNREAD,
            path="/stream?token=hunter2",
            task=(task := Task("worker")),
            created_at=created_at,
        )
        h.move_clock(36)
        ticket = asks(h, task=Task("other"))
        h.move_clock(5)
        task.is_over = True
        return told(h, ticket)

    def test_names_the_line_that_opened_it(self) -> None:
        """With method, URL, age and task, and without the query."""
        diagnosis = self.pool(created_at="app.py:12 in fetch")

        assert Verdict.LEAK is diagnosis.verdict
        assert diagnosis.notes[0].startswith(
            "leak suspected: nobody read the response on 1 of 1 connections during "
            "the whole wait; "
        )
        assert (
            "held for 41.0s: GET https://a.example/stream (response not closed for "
            "41.0s, in 'worker', which has ended, made at app.py:12 in fetch)"
        ) == diagnosis.notes[1]
        assert "hunter2" not in diagnosis.message + notes(diagnosis)

    def test_says_how_to_learn_that_line(self) -> None:
        """Where it is not known."""
        known = self.pool(created_at="app.py:12 in fetch")
        unknown = self.pool(created_at=None)

        assert "MOORING_DEBUG" in unknown.notes[0]
        assert "MOORING_DEBUG" not in known.notes[0]

    def test_reading_clears_the_suspicion(self) -> None:
        """A caller that works between two reads is slow, not gone."""
        h = Harness(ONE)
        holder = holds(h, Phase.UNREAD)
        ticket = asks(h)
        h.move_clock(4)
        enters(h, holder, Phase.UNREAD)
        h.move_clock(1)

        assert Verdict.SLOW_SERVER is told(h, ticket).verdict


class TestDeadlock:
    """Nothing can come free while those who hold all of it wait."""

    def test_of_one_task(self) -> None:
        """A request inside the response to another, with one connection."""
        h = Harness(ONE)
        task = Task("main")
        holds(h, Phase.UNREAD, B, "/list", task=task)
        ticket = asks(h, A, task=task)
        diagnosis = told(h, ticket)

        assert Verdict.SELF_DEADLOCK is diagnosis.verdict
        assert (
            "this task already holds 1 of 1 connections: GET http://b.example:8080/list"
        ) == diagnosis.notes[1]
        assert ["/list"] == [holder.path for holder in diagnosis.own]

    def test_of_several_tasks(self) -> None:
        """Each holds one and wants a second."""
        h = Harness(TWO)
        tasks = [Task("a"), Task("b")]
        for task in tasks:
            holds(h, Phase.UNREAD, task=task)
        tickets = [asks(h, B, task=task) for task in tasks]
        bystander = asks(h)

        assert [Verdict.SELF_DEADLOCK] * 2 == [told(h, t).verdict for t in tickets]
        assert Verdict.SELF_DEADLOCK is told(h, bystander).verdict
        assert "this one among them" in told(h, tickets[0]).notes[0]
        assert "this one among them" not in told(h, bystander).notes[0]

    def test_is_none_while_somebody_works(self) -> None:
        """That one will give its connection back; it is said all the same."""
        h = Harness(TWO)
        task = Task("main")
        holds(h, Phase.UNREAD, task=task)
        holds(h, Phase.HEADERS, task=Task("other"))
        ticket = asks(h, task=task)
        h.move_clock(5)
        diagnosis = told(h, ticket)

        assert Verdict.LEAK is diagnosis.verdict
        assert "this task already holds 1 of 2 connections: " in notes(diagnosis)

    def test_is_none_while_a_connection_is_made(self) -> None:
        """It may serve one of them."""
        h = Harness(TWO)
        task = Task("main")
        holds(h, Phase.UNREAD, task=task)
        asks(h, B)
        ticket = asks(h, B, task=task)

        assert Verdict.SELF_DEADLOCK is not told(h, ticket).verdict

    def test_is_none_if_its_holder_waits_for_something_else(self) -> None:
        """What that one waits for may come, and then its connection is free."""
        h = Harness(PoolLimits(max_per_host=1))
        task = Task("main")
        holds(h, Phase.UNREAD, A, task=task)
        holds(h, Phase.HEADERS, B)
        asks(h, B, task=task)
        ticket = asks(h, A)
        nested = asks(h, A, task=task)

        assert Verdict.SELF_DEADLOCK is told(h, nested).verdict
        h.cancel(nested)
        assert Verdict.SELF_DEADLOCK is not told(h, ticket).verdict

    def test_is_not_claimed_of_tasks_that_are_unknown(self) -> None:
        """Two that were not told are not the same one."""
        h = Harness(ONE)
        holds(h, Phase.UNREAD)
        ticket = asks(h)

        assert Verdict.SELF_DEADLOCK is not told(h, ticket).verdict
        assert () == told(h, ticket).own


def test_a_slow_server_is_called_so() -> None:
    """All exchanges are old against the wait."""
    h = Harness(TWO)
    holds(h, Phase.HEADERS)
    holds(h, Phase.BODY, B)
    ticket = asks(h)
    h.move_clock(5)
    diagnosis = told(h, ticket)

    assert Verdict.SLOW_SERVER is diagnosis.verdict
    assert diagnosis.notes[0].startswith(
        "slow server: 2 of 2 connections have had their"
    )


def test_young_holders_mean_that_the_limit_is_too_low() -> None:
    """Connections come and go, and there is always somebody before this request."""
    h = Harness(ONE)
    first = holds(h, Phase.HEADERS)
    second, third = asks(h), asks(h)
    h.move_clock(4.8)
    h.release(first)
    is_granted(h, second, Phase.HEADERS)
    h.move_clock(0.2)
    diagnosis = told(h, third)

    assert Verdict.LIMIT_TOO_LOW is diagnosis.verdict
    assert "raise Limits(max_connections=), or" in diagnosis.notes[0]
    assert "oldest held 0.2s" in diagnosis.message


def test_upgraded_connections_are_the_callers() -> None:
    """They are no leak and no slow server, whatever their age."""
    h = Harness(ONE)
    h.detach(holds(h, Phase.BODY))
    ticket = asks(h)
    h.move_clock(500)
    diagnosis = told(h, ticket)

    assert Verdict.LIMIT_TOO_LOW is diagnosis.verdict
    assert "oldest held" not in diagnosis.message


def test_a_peer_that_allows_no_stream_is_slow() -> None:
    """Its connection is open and of no use until it confirms a reset."""
    h = Harness(PoolLimits(), inline=True)
    h.release(h.active_shared("m", cap=1), zombie=True)
    h.request("m", multiplex=True)  # its thread makes another connection
    ticket = h.request("m", multiplex=True)
    diagnosis = told(h, ticket)

    assert Verdict.SLOW_SERVER is diagnosis.verdict
    assert (1, 1) == (diagnosis.in_use, diagnosis.limit)


def test_a_limit_of_nothing_is_too_low() -> None:
    """Nothing to look at, and still an answer."""
    h = Harness(PoolLimits(max_connections=0), checked=False)
    ticket = asks(h)

    assert Verdict.LIMIT_TOO_LOW is told(h, ticket).verdict
    assert "0 of 0 connections in use" in told(h, ticket).message


def test_stuck_dials_are_connects_that_fail() -> None:
    """Their number and age are told."""
    h = Harness(ONE)
    asks(h, B)
    ticket = asks(h, A)
    h.move_clock(3)
    diagnosis = told(h, ticket)

    assert Verdict.CONNECTS_FAILING is diagnosis.verdict
    assert "1 connection being made, the oldest for 3.0s" in diagnosis.notes
    assert (1, 3) == (diagnosis.connecting, diagnosis.connecting_for)


def test_refused_connects_are_told() -> None:
    """What the last one said, although the next dial is young."""
    h = Harness(ONE)
    dial = asks(h).dial
    second, third = asks(h), asks(h)
    assert dial is not None
    h.move_clock(4.5)
    h.dial_fail(dial, ConnectionRefusedError("could not connect: refused"))
    h.move_clock(0.5)
    diagnosis = told(h, third)

    assert second.dial is not None
    assert Verdict.CONNECTS_FAILING is diagnosis.verdict
    assert "could not connect: refused (0.5s ago)" == diagnosis.last_failure
    assert (
        "1 connection being made, the oldest for 0.5s; the last connect that failed: "
        "could not connect: refused (0.5s ago)"
    ) in diagnosis.notes


def test_a_failure_at_another_host_is_told_too() -> None:
    """It may be the same network; it is not held against this host."""
    h = Harness(ONE)
    dial = asks(h, B).dial
    assert dial is not None
    h.dial_fail(dial, ConnectionRefusedError("refused"))
    holds(h, Phase.HEADERS, A)
    diagnosis = told(h, asks(h, A))

    assert Verdict.LIMIT_TOO_LOW is diagnosis.verdict
    assert "refused (0s ago)" == diagnosis.last_failure


def test_an_old_failure_is_forgotten() -> None:
    """What failed an hour ago does not explain a wait of today."""
    h = Harness(ONE)
    dial = asks(h).dial
    asks(h)  # so that the pool remembers the host
    assert dial is not None
    h.dial_fail(dial, ConnectionRefusedError("refused"))
    h.move_clock(3600)

    assert told(h, asks(h)).last_failure is None


def test_the_place_counts_who_goes_first() -> None:
    """Those with a connection in the making and an older or better place."""
    h = Harness(TWO)
    holds(h, Phase.HEADERS)
    asks(h)
    ticket = asks(h)
    favoured = Ticket(A, priority=1)
    h.core.requested(favoured, now=h.now)

    assert (1, 3) == (told(h, favoured).place, told(h, ticket).place)


def test_the_three_who_hold_for_longest_are_shown() -> None:
    """Longest first."""
    h = Harness(PoolLimits(max_connections=5))
    for path in ("/1", "/2", "/3", "/4", "/5"):
        holds(h, Phase.HEADERS, path=path)
        h.move_clock(1)
    ticket = asks(h)
    diagnosis = told(h, ticket)

    assert ["/1", "/2", "/3"] == [holder.path for holder in diagnosis.holders]
    assert 3 == sum(note.startswith("held for") for note in diagnosis.notes)


def test_counts_and_limits_close_the_notes() -> None:
    """By their public names."""
    h = Harness(TWO)
    holds(h, Phase.HEADERS)
    holds(h, Phase.HEADERS)
    ticket = asks(h)

    assert (
        "pool: 2 of 2 connections (2 busy, 0 idle, 0 connecting), 1 waiting",
        "limits: max_connections=2, max_connections_per_host=no limit, "
        "max_keepalive_connections=no limit, keepalive_expiry=5.0s",
    ) == told(h, ticket).notes[-2:]


def test_no_answer_looks_at_everybody() -> None:
    """A storm of timeouts would be quadratic."""
    h = Harness(ONE, checked=False)
    holds(h, Phase.HEADERS)
    tickets = [asks(h) for _ in range(MOST_SEEN + 1)]

    assert MOST_SEEN == told(h, tickets[-2]).place
    assert told(h, tickets[-1]).place is None
    assert "more than 1000 before it in the queue" in told(h, tickets[-1]).message


def test_every_text_is_one_line() -> None:
    """Whatever the application calls its tasks."""
    h = Harness(ONE)
    holds(h, Phase.UNREAD, path="/a%0Ab", task=Task("x\ny"))
    ticket = asks(h)
    diagnosis = told(h, ticket)

    assert [1] * (1 + len(diagnosis.notes)) == [
        len(text.splitlines()) for text in (diagnosis.message, *diagnosis.notes)
    ]


def test_a_diagnosis_fits_into_json() -> None:
    """No limit is null there."""
    h = Harness(PoolLimits(max_connections=1))
    holds(h, Phase.HEADERS)
    diagnosis = told(h, asks(h))
    data = json.loads(json.dumps(diagnosis.as_dict(), allow_nan=False))

    assert "limit too low" == data["verdict"]
    assert "a.example" == data["holders"][0]["host"]


@pytest.mark.parametrize("after", [0, 2, 5, math.inf])
def test_who_waits_or_holds_too_long_can_be_asked(after: float) -> None:
    """Longest first; what a watchdog wants to know."""
    h = Harness(TWO)
    first = holds(h, Phase.HEADERS)
    h.move_clock(1)
    second = holds(h, Phase.HEADERS, B)
    third = asks(h)
    h.move_clock(1)
    fourth = asks(h, B)
    h.move_clock(3)

    holding = [t for t, age in [(first, 5), (second, 4)] if age >= after]
    waiting = [t for t, age in [(third, 4), (fourth, 3)] if age >= after]
    assert holding == held_longer(h.core, after, now=h.now)
    assert waiting == waiting_longer(h.core, after, now=h.now)
