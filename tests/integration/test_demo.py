"""The demo, with small numbers, and that it would notice a broken promise."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from dataclasses import replace

import pytest

from mooring import Response
from mooring._pool.stats import PoolStats
from mooring.demo.kernel import Sampler
from mooring.demo.origin import Origin
from mooring.demo.report import report
from mooring.demo.screen import Screen
from mooring.demo.storm import Settings, Storm

CALM = PoolStats(
    connections=0,
    dialing=0,
    idle=0,
    busy=0,
    queued=0,
    leases=0,
    most_connections=2,
    longest_wait=0.1,
    dials=2,
    dials_ok=2,
    dials_failed=0,
    dials_aborted=0,
    leases_new=2,
    leases_reused=1,
    retries=0,
    timeouts=0,
    cancelled=0,
    closed={"expired": 2},
)


@pytest.fixture
def storm() -> Storm:
    """The account of a run in which everything went well."""
    settings = Settings("asyncio", requests=3, connections=2, seed=1)
    with Origin() as origin:
        storm = Storm(settings, origin, Screen(io.StringIO()), lambda: CALM)
    storm.tally.asked, storm.tally.answered, storm.tally.cancelled = 3, 2, 1
    storm.together, storm.restarts = 2, 1
    storm.seconds, storm.expired_after = 1.0, 0.4
    storm.after_storm = storm.after_expiry = CALM
    return storm


def verdict(storm: Storm, *, most: int = 2) -> tuple[bool, str]:
    """Return whether the report is good, and what is broken according to it."""
    sampler = Sampler(port=1)
    sampler.most = most
    page = io.StringIO()
    kept = report(storm, sampler, Screen(page))
    return kept, " ".join(re.findall(r"BROKEN +(.*)", page.getvalue()))


def run_demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mooring.demo", *arguments],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


@pytest.mark.parametrize("world", ["asyncio", "trio", "threads"])
def test_demo_keeps_every_promise(world: str) -> None:
    """The main job in small: storm, cancellations, restart, expiry."""
    done = run_demo(f"--{world}", "--requests", "200", "--seed", "7")

    assert (0, "") == (done.returncode, done.stderr)
    assert done.stdout.endswith("every promise kept\n")
    assert re.search(r"most open at once +10, says the pool", done.stdout)
    assert "seed 7" in done.stdout


def test_demo_refuses_nonsense() -> None:
    """A pool of nothing would wait for ever."""
    assert run_demo("--connections", "0").returncode == 2


def test_good_account_has_nothing_broken(storm: Storm) -> None:
    """The yardstick of the tests below."""
    assert verdict(storm) == (True, "")


def test_eleventh_socket_is_seen_although_the_pool_denies_it(storm: Storm) -> None:
    """The kernel's word counts as much as the pool's."""
    kept, broken = verdict(storm, most=3)

    assert not kept
    assert broken == "never more than 2 connections"


def test_answer_to_another_request_is_seen(storm: Storm) -> None:
    """A body with the wrong number is worse than none."""
    storm.tally.answered -= 1
    storm.answered(1, Response(200, text="answer 2", headers={"x-connection": "1"}))

    assert "by its own answer" in verdict(storm)[1]


def test_failed_request_is_seen(storm: Storm) -> None:
    """One that nobody cancelled and that got no answer breaks two promises."""
    storm.tally.answered -= 1
    storm.failed(ValueError("boom"))

    broken = verdict(storm)[1]
    assert "by its own answer" in broken
    assert "a server restart cost no request" in broken


def test_lost_slot_is_seen(storm: Storm) -> None:
    """A lease that nobody holds, or a connection that cannot be had."""
    storm.after_storm = replace(CALM, leases=1)
    assert "no slot lost" in verdict(storm)[1]

    storm.after_storm = CALM
    storm.together = 1
    assert "no slot lost" in verdict(storm)[1]


def test_connection_that_does_not_expire_is_seen(storm: Storm) -> None:
    """Idle sockets must go although no request comes by."""
    storm.expired_after = None

    assert "idle connections closed without traffic" in verdict(storm)[1]


def test_unaccounted_connection_is_seen(storm: Storm) -> None:
    """What was opened was closed, for a reason that has a name."""
    storm.after_expiry = replace(CALM, dials_ok=3)

    assert "accounted for" in verdict(storm)[1]


def test_plain_output_has_no_control_characters() -> None:
    """A pipe gets lines."""
    page = io.StringIO()
    screen = Screen(page)

    screen.progress(1, 2, "half")
    screen.verdict("sure", kept=True)

    assert page.getvalue() == "  half\n  ok      sure\n"


class Terminal(io.StringIO):
    """A stream that says that it is one."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_no_color_is_honoured(
    no_color: str, coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any value but none takes the colours away."""
    monkeypatch.setitem(os.environ, "NO_COLOR", no_color)
    monkeypatch.setitem(os.environ, "TERM", "xterm")
    page = Terminal()

    Screen(page).verdict("sure", kept=True)

    assert ("\x1b[32m" in page.getvalue()) is coloured
