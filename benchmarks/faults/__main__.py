"""Run every scenario against every client and print the table, in Markdown."""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version

from .child import SCENARIOS
from .clients import CLIENTS

HARD_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Cell:
    """What one client lost in one scenario."""

    outcome: str
    evidence: str


def measure(scenario: str, client: str) -> Cell:
    """Run a cell in a fresh process; one that does not end hangs."""
    command = [sys.executable, "-m", "benchmarks.faults.child", scenario, client]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=HARD_SECONDS
        )
    except subprocess.TimeoutExpired:
        return Cell("hang", f"killed after {HARD_SECONDS:.0f} s")
    lines = done.stdout.splitlines()
    if done.returncode or not lines:
        last = (done.stderr.splitlines() or ["no word"])[-1]
        return Cell("crash", f"exit code {done.returncode}: {last}")
    return Cell(*json.loads(lines[-1]))


def title(scenario: str) -> str:
    """Return the scenario in words: the first line of its docstring."""
    text = SCENARIOS[scenario].__doc__
    assert text is not None
    return text.strip().splitlines()[0].rstrip(".")


def table(cells: dict[tuple[str, str], Cell], clients: list[str]) -> str:
    """Return outcomes as a table, and the evidence below it."""
    scenarios = list(dict.fromkeys(scenario for scenario, _ in cells))
    lines = [
        f"| # | scenario | {' | '.join(f'{c} {version(c)}' for c in clients)} |",
        f"|---|---|{'---|' * len(clients)}",
    ]
    evidence = []
    for number, scenario in enumerate(scenarios, 1):
        row = [cells[scenario, client] for client in clients]
        outcomes = [
            cell.outcome if cell.outcome == "ok" else f"**{cell.outcome}**"
            for cell in row
        ]
        lines.append(f"| {number} | {title(scenario)} | {' | '.join(outcomes)} |")
        evidence += [
            f"| {number} | {client} | {cell.outcome}: {cell.evidence} |"
            for client, cell in zip(clients, row, strict=True)
            if cell.evidence
        ]
    fine = [
        str(sum(cells[scenario, client].outcome == "ok" for scenario in scenarios))
        for client in clients
    ]
    lines.append(f"| | fine, of {len(scenarios)} | {' | '.join(fine)} |")
    lines += ["", "| # | client | evidence |", "|---|---|---|", *evidence]
    return "\n".join(lines)


def main() -> int:
    """Print the table; say on standard error how far it is."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults")
    parser.add_argument("--scenario", action="append", choices=SCENARIOS)
    parser.add_argument("--client", action="append", choices=CLIENTS)
    parser.add_argument("--jobs", type=int, default=1, help="cells at the same time")
    given = parser.parse_args()
    clients = given.client or list(CLIENTS)
    wanted = [(s, c) for s in given.scenario or SCENARIOS for c in clients]
    cells: dict[tuple[str, str], Cell] = {}
    with ThreadPoolExecutor(given.jobs) as pool:
        measured = pool.map(lambda pair: measure(*pair), wanted)
        for (scenario, client), cell in zip(wanted, measured, strict=True):
            cells[scenario, client] = cell
            told = f"{scenario} {client}: {cell.outcome} {cell.evidence}"
            print(told, file=sys.stderr, flush=True)
    today = datetime.now(UTC).date()
    python = f"{platform.python_implementation()} {platform.python_version()}"
    print(f"{today}, {python}, {platform.system()}\n\n{table(cells, clients)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
