"""The texts that docs/guides/pool-inspection.md shows are the ones that come out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mooring._pool.holder import Phase
from mooring._pool.model import PoolLimits, Ticket
from mooring._pool.report import why_waiting
from mooring._pool.route import Route
from mooring._pool.snapshot import snapshot

from .harness import Harness
from .reporting import Task, asks, holds, is_granted

PAGE = Path(__file__).parents[3] / "docs/guides/pool-inspection.md"
API: Route = ("https", "api.example.org", 443)
TASKS = [Task(f"Task-{number}") for number in range(8)]


def leak() -> tuple[Harness, Ticket]:
    """Two streams opened and forgotten, and a request behind them."""
    h = Harness(PoolLimits(max_connections=2, max_keepalive=2, keepalive_expiry=5))
    for number, age in [(4, 36), (5, 12)]:
        place = f"/app/export.py:{number * 7} in rows"
        path = f"/export/{number}"
        holds(h, Phase.UNREAD, API, path, task=TASKS[number], created_at=place)
        h.move_clock(age)
    ticket = asks(h, API, "/users", task=TASKS[6])
    h.move_clock(5)
    return h, ticket


def deadlock() -> tuple[Harness, Ticket]:
    """A request inside the response to another."""
    h = Harness(PoolLimits(max_connections=1))
    holds(h, Phase.UNREAD, API, "/list", task=TASKS[2])
    ticket = asks(h, API, "/items/1", task=TASKS[2])
    h.move_clock(5)
    return h, ticket


def failing() -> tuple[Harness, Ticket]:
    """The one slot goes from dial to dial."""
    h = Harness(PoolLimits(max_connections=1))
    dial = asks(h, API).dial
    asks(h, API)
    ticket = asks(h, API, "/users", task=TASKS[6])
    assert dial is not None
    h.move_clock(4)
    h.dial_fail(
        dial,
        ConnectionError("could not connect to api.example.org:443: 192.0.2.1 refused"),
    )
    h.move_clock(1)
    return h, ticket


def slow() -> tuple[Harness, Ticket]:
    """The server takes its time."""
    h = Harness(PoolLimits(max_connections=1))
    holds(h, Phase.HEADERS, API, "/report", task=TASKS[3])
    h.move_clock(2)
    ticket = asks(h, API, "/users", task=TASKS[6])
    h.move_clock(5)
    return h, ticket


def crowd() -> tuple[Harness, Ticket]:
    """Each is quick, and there are too many."""
    h = Harness(PoolLimits(max_connections=1))
    first = holds(h, Phase.HEADERS, API, "/users", task=TASKS[1])
    second = asks(h, API, "/users", task=TASKS[2])
    ticket = asks(h, API, "/users", task=TASKS[3])
    h.move_clock(4.9)
    h.release(first)
    is_granted(h, second, Phase.HEADERS)
    h.move_clock(0.1)
    return h, ticket


@pytest.mark.parametrize("situation", [leak, deadlock, failing, slow, crowd])
def test_the_page_shows_what_is_said(
    situation: Callable[[], tuple[Harness, Ticket]],
) -> None:
    """Message and every note but the counts, each on its line."""
    h, ticket = situation()
    diagnosis = why_waiting(h.core, ticket, h.now)
    page = PAGE.read_text("utf-8")

    missing = [
        line
        for line in (diagnosis.message, *diagnosis.notes[:-2])
        if f"{line}\n" not in page
    ]
    assert [] == missing


def test_the_page_shows_a_snapshot() -> None:
    """As ``print`` shows it."""
    h, _ = leak()

    assert str(snapshot(h.core, h.now)) in PAGE.read_text("utf-8")
