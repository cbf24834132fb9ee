"""The account after the storm, and the promises it is held against."""

from __future__ import annotations

from dataclasses import dataclass

from mooring._pool.stats import PoolStats

from .kernel import Sampler
from .screen import Screen
from .storm import KEEPALIVE_SECONDS, Storm

NOT_COUNTED = "not counted here"


@dataclass(frozen=True, slots=True)
class Promise:
    """A sentence, and whether it turned out true."""

    text: str
    kept: bool


def report(storm: Storm, sampler: Sampler, screen: Screen) -> bool:
    """Write the table and the promises. True if every one was kept."""
    after, at_rest = storm.after_storm, storm.after_expiry
    assert after is not None
    assert at_rest is not None
    screen.line()
    screen.table(_rows(storm, sampler, at_rest))
    screen.line()
    promises = _promises(storm, sampler, after, at_rest)
    for promise in promises:
        screen.verdict(promise.text, kept=promise.kept)
    if storm.tally.first_failure:
        screen.line(f"          first failure: {storm.tally.first_failure}")
    screen.line()
    return all(promise.kept for promise in promises)


def _rows(storm: Storm, sampler: Sampler, stats: PoolStats) -> list[tuple[str, str]]:
    tally = storm.tally
    how = "short timeouts" if storm.settings.world == "threads" else "at random"
    reasons = ", ".join(f"{n} {reason}" for reason, n in stats.closed.items())
    kernel = f"{sampler.most}, in {sampler.samples} looks at the kernel's table"
    rate = tally.answered / storm.seconds
    return [
        ("asked", f"{tally.asked}"),
        ("answered", f"{tally.answered} ({rate:.0f} a second, restart included)"),
        ("cancelled", f"{tally.cancelled} ({how})"),
        ("retried", f"{stats.retries} (their connection broke under them)"),
        ("failed", f"{tally.failed}"),
        ("connections opened", f"{stats.dials_ok}"),
        ("connections reused", f"{stats.leases_reused} times"),
        ("connections closed", f"{sum(stats.closed.values())}: {reasons}"),
        ("dials called off", f"{stats.dials_aborted}"),
        ("most open at once", f"{stats.most_connections}, says the pool"),
        ("", kernel if sampler.most is not None else f"{NOT_COUNTED} by the kernel"),
        ("longest wait", f"{stats.longest_wait:.2f} s for a connection"),
        ("slots leaked", f"{_leaked(stats)}"),
    ]


def _leaked(stats: PoolStats) -> int:
    """Count what still holds a place although nobody uses it."""
    return stats.busy + stats.dialing + stats.queued + stats.leases


def _promises(
    storm: Storm, sampler: Sampler, after: PoolStats, at_rest: PoolStats
) -> list[Promise]:
    tally = storm.tally
    limit = storm.settings.connections
    most = max(after.most_connections, sampler.most or 0)
    unaccounted = tally.asked - tally.answered - tally.cancelled
    expired = storm.expired_after
    idle_text = f"idle connections closed without traffic, after {KEEPALIVE_SECONDS} s"
    if expired is not None:
        idle_text += f" (all sockets gone after {expired:.2f} s)"
    if sampler.most is None:
        idle_text += f"; sockets {NOT_COUNTED}"
    return [
        Promise(f"never more than {limit} connections", most <= limit),
        Promise(
            "every request that was not cancelled was answered, by its own answer",
            unaccounted == 0
            and storm.stuck == 0
            and tally.wrong == 0
            and tally.failed == 0,
        ),
        Promise(
            f"no slot lost: {storm.together} requests at once after the storm, "
            f"nothing held after them",
            storm.together == limit and _leaked(after) == 0,
        ),
        Promise(
            f"a server restart cost no request ({after.retries} sent again by "
            f"themselves)",
            storm.restarts == 1 and tally.failed == 0,
        ),
        Promise(
            "every connection is accounted for: opened = closed",
            at_rest.dials_ok == sum(at_rest.closed.values()),
        ),
        Promise(idle_text, expired is not None and at_rest.connections == 0),
    ]
