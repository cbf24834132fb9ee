"""``make model``: search every configuration, tell what was seen.

The exit status is 1 if an invariant was broken; the shortest way there is printed.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed

from .bounds import CASES
from .search import Bounds, Result, replay, search

HEAD = ("configuration", "states", "transitions", "depth", "seconds", "violations")
WIDTHS = (34, 9, 12, 6, 8, 11)


def row(*cells: object) -> str:
    name, *numbers = cells
    columns = zip(numbers, WIDTHS[1:], strict=True)
    return f"{name!s:<{WIDTHS[0]}}" + "".join(f"{c!s:>{w}}" for c, w in columns)


def line(result: Result) -> str:
    return row(
        result.bounds.name,
        f"{result.states:,}",
        f"{result.transitions:,}",
        result.depth,
        f"{result.seconds:.1f}",
        int(result.violation is not None),
    )


def results(bounds: list[Bounds], jobs: int) -> Iterator[Result]:
    """Search all *bounds*, each in a process of its own; yield what is ready."""
    if jobs == 1:
        yield from map(search, bounds)
        return
    with ProcessPoolExecutor(jobs, max_tasks_per_child=1) as pool:
        for future in as_completed([pool.submit(search, each) for each in bounds]):
            yield future.result()


def report(result: Result) -> str:
    """Tell the shortest way to the violation in *result*."""
    violation = result.violation
    assert violation is not None
    return "\n".join(
        (
            f"\n{result.bounds.name}: invariant {violation.law} is broken",
            f"  {violation.sentence}",
            f"shortest way there, {len(violation.moves)} events:",
            *replay(result.bounds, violation.moves),
        )
    )


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser("make model", description=__doc__)
    parser.add_argument("--large", action="store_true", help="minutes, not seconds")
    parser.add_argument(
        "--only", default="", help="configurations with this in the name"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args(arguments)
    chosen = [case.large if options.large else case.small for case in CASES]
    chosen = [bounds for bounds in chosen if options.only in bounds.name]
    began = time.perf_counter()
    say(row(*HEAD))
    done = []
    for result in results(chosen, options.jobs):
        say(line(result))
        done.append(result)
    say(
        row(
            f"all {len(done)}",
            f"{sum(r.states for r in done):,}",
            f"{sum(r.transitions for r in done):,}",
            max((r.depth for r in done), default=0),
            f"{time.perf_counter() - began:.1f}",
            sum(r.violation is not None for r in done),
        )
    )
    broken = [result for result in done if result.violation is not None]
    for result in broken:
        say(report(result))
    return 1 if broken or not done else 0


if __name__ == "__main__":
    sys.exit(main())
