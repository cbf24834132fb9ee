"""Runs the cases: A B C A B C ..., each subject in a fresh process, one nginx."""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from .cases import CASES, Case, Entry, find_cases
from .child import MISSING, Measurement
from .nginx import Nginx, NginxMissing
from .report import Result, as_json, lines

PACKAGES = (
    "mooring",
    "aiohttp",
    "pyreqwest",
    "httpx2",
    "urllib3",
    "httptools",
    "uvloop",
    "trio",
)
SPARE_SECONDS = 30.0


def measure(entry: Entry, url: str, seconds: float) -> Measurement | str:
    """Run *entry* in a child; returns why not, if that is not possible here."""
    child = subprocess.run(
        [
            *(sys.executable, "-m", "benchmarks.child"),
            *(url, str(seconds), json.dumps(asdict(entry))),
        ],
        capture_output=True,
        text=True,
        timeout=seconds + SPARE_SECONDS,
        check=False,
    )
    if child.returncode == 0:
        return Measurement(**json.loads(child.stdout))
    if child.returncode == MISSING:
        return child.stderr.strip()
    # The last line that names an exception: groups end in frames and counts.
    named = re.findall(r"^[ |]*([\w.]+: .*)$", child.stderr, re.MULTILINE)
    return f"failed: {named[-1] if named else 'no word of why'}"


def run_case(case: Case, url: str, *, rounds: int, seconds: float) -> Result:
    """Measure the entries of *case* in turns."""
    result = Result(case)
    for number in range(rounds):
        for entry in case.entries:
            if entry.name in result.missing:
                continue
            _say(f"{case.name}: round {number + 1} of {rounds}, {entry.name}")
            measured = measure(entry, url, seconds)
            if isinstance(measured, str):
                result.missing[entry.name] = measured
                result.rounds.pop(entry.name, None)
            else:
                result.rounds.setdefault(entry.name, []).append(measured)
    _say("")
    return result


def surroundings(nginx: Nginx) -> dict[str, object]:
    """Return what a reader of the figures has to know."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            pass
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "nginx": nginx.version,
        "packages": versions,
    }


def _say(text: str) -> None:
    """Show what is going on, where somebody looks."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def share_one_core() -> None:
    """Keep this process, the server and every child on one core.

    On a virtual machine the time another core takes to wake up can be ten times that
    of a request, and changes by the minute; on one core only the work is left.
    """
    if not hasattr(os, "sched_setaffinity"):
        raise SystemExit("--pin: this system cannot pin processes to a core")
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure mooring beside its peers, interleaved.",
        epilog="Cases: " + ", ".join(case.name for case in CASES),
    )
    add = parser.add_argument
    add("--case", action="append", default=[], metavar="NAME", help="or its beginning")
    add("--rounds", type=int, default=5, metavar="N", help="of each case (5)")
    add("--seconds", type=float, default=2.0, metavar="S", help="per subject (2)")
    add("--json", type=Path, metavar="FILE", help="write everything to FILE")
    add("--pin", action="store_true", help="server and clients on one core")
    given = parser.parse_args()
    if given.pin:
        share_one_core()
    try:
        cases = find_cases(given.case)
        with Nginx() as nginx:
            about = surroundings(nginx)
            print(json.dumps(about))
            results = []
            for case in cases:
                result = run_case(
                    case, nginx.url, rounds=given.rounds, seconds=given.seconds
                )
                results.append(result)
                print("\n" + "\n".join(lines(result)), flush=True)
    except (NginxMissing, LookupError) as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 2
    if given.json is not None:
        cases_json = [as_json(result) for result in results]
        text = json.dumps({**about, "cases": cases_json}, indent=1)
        given.json.write_text(text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
