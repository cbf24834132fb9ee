"""A soak: random load with faults, for minutes, watched by the kernel.

``python -m tests.soak --minutes 10``. Three processes, for asyncio, trio and threads,
each with one client; five origins in a fourth. Every half second the client's sockets
are counted and compared with what its pool says. Exit code 1 if anything is wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .ledger import MOST_GROWTH
from .plan import HANG_SECONDS
from .worlds import WORLDS

ROOT = Path(__file__).parents[2]
# glibc gives every thread an arena and grows its threshold for returning memory, so
# that what is in use says little about what is needed.
ALLOCATOR = {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": "131072"}
ROW = (
    "{seconds:6.0f} s  {world:8} {asked:7} asked, {answered} answered, "
    "{errors} injected errors, {cancelled} cancelled; {connections} connections, "
    "{queued} waiting, most {most_sockets} sockets; {samples} samples, "
    "{mebibytes:.1f} MiB, {blocks} blocks"
)


def say(text: str) -> None:
    """Print at once, also into a pipe."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


@dataclass
class Child:
    """A world in its process, and what it said last."""

    world: str
    process: subprocess.Popen[str]
    told: dict[str, Any] = field(default_factory=dict)

    def listen(self) -> None:
        """Print what it reports, until it ends."""
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self.told = json.loads(line)
                say(row(self.told))

    def problems(self) -> list[str]:
        """Say what was wrong with it, a line each."""
        found = list(self.told.get("violations", ()))
        if not self.told.get("is_last"):
            found.append(f"ended with {self.process.returncode} before its time")
        elif self.process.returncode and not found:
            found.append(f"exit code {self.process.returncode}")
        growth = self.told.get("growth")
        if growth is not None and growth >= MOST_GROWTH:
            found.append(f"memory has grown by {growth:.1%} after the first minute")
        return [f"{self.world}: {problem}" for problem in found]


def row(told: dict[str, Any]) -> str:
    """Return a report as one line."""
    outcomes = dict(told["outcomes"])
    asked = sum(outcomes.values())
    errors = sum(count for name, count in outcomes.items() if name[0].isupper())
    return ROW.format(
        **told,
        asked=asked,
        answered=outcomes.get("answered", 0),
        cancelled=outcomes.get("cancelled", 0),
        errors=errors,
    )


def summary(told: dict[str, Any]) -> str:
    """Return the last report in full."""

    def listed(counts: dict[str, int]) -> str:
        ordered = sorted(counts.items(), key=lambda item: -item[1])
        return ", ".join(f"{count} {name}" for name, count in ordered)

    growth = told["growth"]
    flat = "" if growth is None else f", {growth:+.1%} after the first minute"
    return "\n".join(
        [
            f"{told['world']}: {told['samples']} samples, in "
            f"{told['second_looks']} of them kernel and pool agreed when asked again",
            f"  outcomes: {listed(told['outcomes'])}",
            f"  {told['dials']} dials, {told['reused']} times reused, "
            f"{told['retries']} requests sent again by the pool",
            f"  closed: {listed(told['closed'])}",
            f"  most sockets {told['most_sockets']}, "
            f"memory {told['mebibytes']} MiB{flat}",
        ]
    )


def start(world: str, seconds: float, seed: int, ports: str) -> Child:
    """Start a world in a process of its own."""
    command = [sys.executable, "-m", "tests.soak.worlds"]
    command += [world, str(seconds), str(seed), ports]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | ALLOCATOR,
    )
    return Child(world, process)


def soak(seconds: float, seed: int, worlds: list[str]) -> list[str]:
    """Run it all; return what was wrong."""
    origins = subprocess.Popen(
        [sys.executable, "-m", "tests.soak.origins", str(seed)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert origins.stdout is not None
    ports = origins.stdout.readline().strip()
    children = [start(world, seconds, seed, ports) for world in worlds]
    try:
        listening = [threading.Thread(target=child.listen) for child in children]
        for thread in listening:
            thread.start()
        for child in children:
            try:
                child.process.wait(seconds + 2 * HANG_SECONDS)
            except subprocess.TimeoutExpired:
                child.process.kill()
        for thread in listening:
            thread.join()
    finally:
        for child in children:
            child.process.kill()
            child.process.wait()
        died = origins.poll()
        origins.kill()
        origins.communicate()
    for child in children:
        if child.told:
            say(summary(child.told))
    found = [problem for child in children for problem in child.problems()]
    return found if died is None else [f"the origins ended with {died}", *found]


def main(arguments: list[str] | None = None) -> int:
    """Soak for as long as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--world", action="append", choices=WORLDS, help="default: all")
    given = parser.parse_args(arguments)
    problems = soak(given.minutes * 60, given.seed, given.world or list(WORLDS))
    for problem in problems:
        say(f"WRONG {problem}")
    say(f"{len(problems)} violations" if problems else "no violations")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
