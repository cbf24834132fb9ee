"""Who stands behind a ticket: harmless words, and no hold on the task."""

from __future__ import annotations

import contextlib
import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import cast

import pytest

import mooring
from mooring._pool.holder import Holder, Phase, has_ended, here, in_phase, name_of
from mooring._pool.model import PoolLimits
from mooring._pool.wording import one_line, origin_of, plain

from .harness import Harness
from .reporting import A, Task, asks, enters, holds

SECRET = "https://me:hunter2@a.example/path/x?token=hunter2#hunter2"


def test_a_holder_shows_no_secrets() -> None:
    """Neither query nor user information nor fragment."""
    holder = Holder("GET", mooring.URL(SECRET))

    assert "GET https://a.example/path/x" == holder.target
    assert "hunter2" not in repr(holder)


def test_a_port_of_its_own_is_shown() -> None:
    """The scheme's default is not."""
    assert "b.example:8080" == Holder("GET", mooring.URL("http://b.example:8080")).host


def test_a_holder_does_not_keep_its_task() -> None:
    """A response that outlives its task would keep all that the task refers to."""
    task = Task("worker")
    gone = weakref.ref(task)
    holder = Holder("GET", mooring.URL(SECRET), task)
    before = holder.task_name
    del task
    gc.collect()

    assert gone() is None
    assert ("worker", None, True) == (before, holder.task_name, holder.is_orphan)


def test_a_holder_without_a_task_is_no_orphan() -> None:
    """It was not told who asked."""
    holder = Holder("GET", mooring.URL(SECRET))

    assert (None, None, False) == (holder.task, holder.task_name, holder.is_orphan)


def test_a_task_that_is_over_makes_an_orphan() -> None:
    """Even while somebody keeps the task."""
    task = Task("worker")
    holder = Holder("GET", mooring.URL(SECRET), task)
    alive = holder.is_orphan
    task.is_over = True

    assert (False, True) == (alive, holder.is_orphan)


def test_threads_have_names_and_ends() -> None:
    """As tasks have, by other methods."""
    thread = threading.Thread(target=print, name="crawler-1")
    before = has_ended(thread)
    main = threading.main_thread()

    assert ("crawler-1", True) == (name_of(thread), before)
    assert ("MainThread", False) == (name_of(main), has_ended(main))


def test_what_has_no_name_is_called_by_its_kind() -> None:
    """And what cannot say that it has ended has not."""

    class Fibre:
        pass

    assert ("Fibre", False) == (name_of(Fibre()), has_ended(Fibre()))


def test_a_name_stays_on_its_line() -> None:
    """Task names are the application's, and so may be anything."""
    assert r"two\nlines" == name_of(Task("two\nlines"))
    assert 120 == len(name_of(Task("x" * 5000)))


def test_the_time_in_a_phase_begins_with_the_lease() -> None:
    """What the holder says of an attempt before this lease does not count."""
    h = Harness(PoolLimits())
    h.move_clock(10)
    ticket = holds(h, Phase.HEADERS)
    h.move_clock(4)
    headers = in_phase(ticket, h.now)
    enters(h, ticket, Phase.BODY)
    h.move_clock(1)

    assert (4, 1) == (headers, in_phase(ticket, h.now))


def test_a_waiter_is_in_its_phase_since_it_asked() -> None:
    """The ticket knows that; the shell need not say it."""
    h = Harness(PoolLimits(max_connections=1))
    holds(h, Phase.HEADERS)
    h.move_clock(1)
    ticket = asks(h)
    h.move_clock(3)

    assert 3 == in_phase(ticket, h.now)


class TestHere:
    """Where a request was made."""

    def test_names_the_callers(self) -> None:
        """Innermost first, with file, line and function."""
        place = here()

        assert __file__ in place
        assert "in test_names_the_callers, from " in place
        assert 3 == place.count(" in ")

    def test_looks_past_mooring_and_contextlib(self) -> None:
        """``with client.stream(...)`` enters through both."""
        ours = {"__name__": "mooring._client.client", "here": here}
        exec("def stream():\n    yield here()", ours)
        generator = cast("Callable[[], Iterator[str]]", ours["stream"])
        stream = contextlib.contextmanager(generator)

        with stream() as place:
            pass

        assert place.startswith(__file__)
        assert "contextlib.py" not in place

    def test_looks_past_contextlib_in_the_middle(self) -> None:
        """Applications wrap clients in context managers of their own."""

        @contextlib.contextmanager
        def session() -> Iterator[str]:
            yield here()

        with session() as place:
            pass

        assert "in session, from " in place
        assert "contextlib.py" not in place

    def test_a_request_that_is_a_task_itself_has_no_caller(self) -> None:
        """Its maker is not on the stack any more: say so, show no event loop."""
        loop = {"__name__": "asyncio.events"}
        exec("def run(step):\n    return step()", loop)
        ours = {"__name__": "mooring._client.client", "here": here}
        exec("def get():\n    return here()", ours)
        place = loop["run"](ours["get"])  # type: ignore[operator]

        assert "get, run as a task of its own" == place


@pytest.mark.parametrize(
    ("expected", "key"),
    [
        ("https://a.example:443", A),
        ("http://[::1]:80", ("http", "::1", 80)),
        ("https://a.example:443 (TLS name b.example)", (*A, "b.example")),
        ("anything", "anything"),
    ],
)
def test_origins_have_names(expected: str, key: object) -> None:
    """As in a URL, with the port."""
    assert expected == origin_of(key)


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ("plain", "plain"),
        (r"a\x1b[31mb", "a\x1b[31mb"),
        (r"\u2028", "\u2028"),
        ("x" * 117 + "...", "x" * 121),
    ],
)
def test_text_from_outside_is_made_harmless(expected: str, text: str) -> None:
    """No line breaks, no control sequences, no novels."""
    assert expected == one_line(text)


def test_plain_values_are_what_json_can_carry() -> None:
    """No limit is None; what is not known is its text."""
    value = {1: (float("inf"), 2.5, True, None), "phase": Phase.BODY, "x": A, "o": ...}

    assert {
        "1": [None, 2.5, True, None],
        "phase": "reading the response body",
        "x": ["https", "a.example", 443],
        "o": "Ellipsis",
    } == plain(value)
