"""Cancel at every await, fail every call, meet every pair in both orders: in numbers.

``python -m tests.simulation.torture [--seeds 20] [--scenario name] [--world name]``
plays every scenario over and over, each time with one thing going wrong, and looks
after each case for what was left behind. Exit code 1 if anything was.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from time import monotonic

import mooring
from mooring._io.kernel import Deadlock, Schedule, Strike

from .faults import KINDS, MEMORY, Fault
from .scenarios import SCENARIOS, Scenario
from .sockets import complaints
from .world import Job, Plan, World
from .worlds import WORLDS

MOST_POINTS = 500
MOST_FLIPS = 200


@dataclass(frozen=True)
class Case:
    """One run: what is done to a scenario, in words and in deeds."""

    mode: str
    text: str
    plan: Plan
    seed: int | None = None


@dataclass
class Report:
    """What came of all cases of one scenario in one world."""

    world: str
    scenario: str
    cases: Counter[str] = field(default_factory=Counter)
    pairs: int = 0
    one_way: int = 0
    """Pairs of ready tasks that were met in one order only."""
    leaks: list[str] = field(default_factory=list)
    hangs: list[str] = field(default_factory=list)


def play(kind: type[World], scenario: Scenario, plan: Plan) -> World:
    """Run *scenario* and its aftermath once."""
    world = kind(scenario.setup, plan)

    async def main() -> None:
        await scenario.play(world)
        await world.aftermath()

    world.run(main)
    return world


def play_case(kind: type[World], scenario: Scenario, case: Case) -> None:
    """Run *case* once and look at what became of the victim."""
    plan = case.plan
    try:
        check_outcome(play(kind, scenario, plan), plan)
    finally:
        if plan.fault is not None and plan.fault.kind is MEMORY:
            # A response whose closing was broken off complains when it is collected.
            with complaints():
                pass


def check_outcome(world: World, plan: Plan) -> None:
    """Cancelled is cancelled, and what failed failed publicly."""
    victim = world.victim
    if victim is None:
        return  # what prepared the ground was hit
    if plan.strike is not None and world.can_cancel:
        missed = victim.waits < plan.strike.at  # in another order it waits less
        assert victim.cancelled or missed or world.may_survive(plan.strike), (
            f"the victim was not cancelled: {victim.error!r}"
        )
    error = victim.error
    if error is None:
        return
    allowed: tuple[type[BaseException], ...] = (
        mooring.TransportError,
        mooring.StreamError,
    )
    if plan.fault is not None and plan.fault.kind is MEMORY:
        allowed += (MemoryError,)
    if world.client.is_closed:
        allowed += (RuntimeError,)
    if plan.interrupt is not None:
        allowed += (KeyboardInterrupt,)
    assert isinstance(error, allowed), f"the victim got {error!r}"
    assert str(error) or isinstance(error, MemoryError | KeyboardInterrupt)


# -- cases ----------------------------------------------------------------------------


def cancels(kind: type[World], scenario: Scenario) -> Iterator[Case]:
    """Each wait of the victim: while it waits, as it is woken, and twice."""
    if not kind.can_cancel:
        return
    waits = victim_of(play(kind, scenario, Plan())).waits
    assert waits < MOST_POINTS
    for at in range(1, waits + 1):
        for strike in (Strike(at), Strike(at, woken=True), Strike(at, twice=True)):
            yield Case("cancels", repr(strike), Plan(strike=strike))


def failures(kind: type[World], scenario: Scenario) -> Iterator[Case]:
    """Each call of the backend, in each way that it can fail."""
    calls = play(kind, scenario, Plan()).calls
    for call, count in calls.items():
        for number in range(1, min(count, MOST_POINTS) + 1):
            for how in KINDS[call]:
                fault = Fault(call, number, how)
                yield Case("failures", str(fault), Plan(fault=fault))


def interrupts(kind: type[World], scenario: Scenario) -> Iterator[Case]:
    """Ctrl-C wherever it can strike the victim."""
    chances = kind.chances_of_victim(play(kind, scenario, Plan(interrupt=0)))
    for number in range(1, chances + 1):
        yield Case("interrupts", f"chance {number}", Plan(interrupt=number))


def orders(
    kind: type[World], scenario: Scenario, seeds: int, report: Report
) -> Iterator[Case]:
    """Seeded schedules with a cancel in each, then the orders not met by chance."""
    waits = victim_of(play(kind, scenario, Plan())).waits if kind.can_cancel else 0
    met: dict[tuple[str, str], tuple[int, int]] = {}
    for seed in range(seeds):
        schedule = Schedule(seed)
        strike = Strike(1 + seed % waits) if waits and seed % 2 else None
        plan = Plan(strike=strike, schedule=schedule)
        yield Case("orders", f"seed {seed}, {strike}", plan, seed)
        if strike is None:
            for pair, number in schedule.met.items():
                met.setdefault(pair, (seed, number))
    tried: set[tuple[str, str]] = set()
    while len(tried) < MOST_FLIPS and kind.is_exact:
        missing = [p for p in met if p[::-1] not in met and p not in tried]
        if not missing:
            break
        pair = missing[0]
        tried.add(pair)
        seed, number = met[pair]
        schedule = Schedule(seed, force=(number, pair[1]))
        text = f"seed {seed}, {pair[1]} before {pair[0]}"
        yield Case("orders", text, Plan(schedule=schedule), seed)
        for found, number in schedule.met.items():
            if found[::-1] in met:
                met.setdefault(found, (seed, number))
    report.pairs = len({frozenset(pair) for pair in met})
    report.one_way = sum(pair[::-1] not in met for pair in met)


def victim_of(world: World) -> Job:
    assert world.victim is not None
    return world.victim


def all_cases(
    kind: type[World], scenario: Scenario, options: argparse.Namespace, report: Report
) -> Iterator[Case]:
    modes = options.mode or kind.modes
    if "cancels" in modes:
        yield from cancels(kind, scenario)
    if "failures" in modes:
        yield from failures(kind, scenario)
    if "orders" in modes:
        yield from orders(kind, scenario, options.seeds, report)
    if "interrupts" in modes:
        yield from interrupts(kind, scenario)


# -- playing -------------------------------------------------------------------------


def torture(
    kind: type[World], scenario: Scenario, options: argparse.Namespace
) -> Report:
    """Play every case of *scenario* in one world."""
    report = Report(kind.name, scenario.name)
    kind.prepare()
    where = f"{scenario.name} in {kind.name}, left alone"
    try:
        for case in all_cases(kind, scenario, options, report):
            if case.seed is not None and options.seed not in (None, case.seed):
                continue
            report.cases[case.mode] += 1
            where = f"{scenario.name} in {kind.name}, {case.text}"
            try:
                play_case(kind, scenario, case)
            except Exception as error:
                note(report, error, where, options)
            if len(report.leaks) + len(report.hangs) >= options.most:
                break
            where += " (or after it, left alone)"
    except Exception as error:
        # The run without any fault, that tells how many cases there are.
        note(report, error, where, options)
    return report


def note(
    report: Report, error: Exception, where: str, options: argparse.Namespace
) -> None:
    """Enter a fault into the *report*."""
    line = f"{where}: {type(error).__name__}: {error}".splitlines()[0]
    (report.hangs if isinstance(error, Deadlock) else report.leaks).append(line)
    if options.traceback:
        traceback.print_exception(error)


def _unit(given: tuple[str, str, argparse.Namespace]) -> Report:
    world, scenario, options = given
    return torture(WORLDS[world], SCENARIOS[scenario], options)


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="torture", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="schedules per scenario")
    parser.add_argument("--seed", type=int, help="only this schedule")
    parser.add_argument("--scenario", action="append", choices=sorted(SCENARIOS))
    parser.add_argument("--world", action="append", choices=list(WORLDS))
    parser.add_argument(
        "--mode",
        action="append",
        choices=("cancels", "failures", "orders", "interrupts"),
    )
    parser.add_argument("--most", type=int, default=5, help="faults told per scenario")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--traceback", action="store_true")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Torture everything that was asked for; print the account."""
    options = parse(arguments)
    began = monotonic()
    units = [
        (world, name, options)
        for world in options.world or WORLDS
        for name in options.scenario or SCENARIOS
        if name not in WORLDS[world].leaves_out
    ]
    if options.jobs > 1 and len(units) > 1:
        with multiprocessing.get_context("spawn").Pool(options.jobs) as pool:
            reports = pool.map(_unit, units, chunksize=1)
    else:
        reports = [_unit(unit) for unit in units]
    say = sys.stdout.write
    for line in account(reports):
        say(line + "\n")
    say(f"{monotonic() - began:.0f} s\n")
    return 1 if any(report.leaks or report.hangs for report in reports) else 0


def account(reports: list[Report]) -> Iterator[str]:
    """Yield counts per world and scenario, and every fault with what repeats it."""
    yield f"{'':8} {'':26} {'cancels':>8} {'failures':>8} {'orders':>8} {'pairs':>8}"
    total: Counter[str] = Counter()
    for report in reports:
        cases = report.cases
        total += cases
        yield (
            f"{report.world:8} {report.scenario:26} {cases['cancels']:8} "
            f"{cases['failures']:8} {cases['orders']:8} {report.pairs:8}"
        )
    leaks = [text for report in reports for text in report.leaks]
    hangs = [text for report in reports for text in report.hangs]
    yield from (f"LEAK {text}" for text in leaks)
    yield from (f"HANG {text}" for text in hangs)
    one_way = sum(report.one_way for report in reports)
    pairs = sum(report.pairs for report in reports)
    counts = ", ".join(f"{count} {mode}" for mode, count in sorted(total.items()))
    yield (
        f"{total.total()} cases ({counts}): {len(leaks)} leaks, {len(hangs)} hangs; "
        f"{pairs} pairs of ready tasks, {one_way} of them met in one order only"
    )


if __name__ == "__main__":
    sys.exit(main())
