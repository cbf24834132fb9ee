"""What it costs to begin: ``import``, the first client and each one after it.

``python -m benchmarks.startup``. CPU time, the least of many runs in fresh processes.
"""

from __future__ import annotations

import subprocess
import sys

LIBRARIES = ("mooring", "httpx2", "httpx")
RUNS = 15
PROGRAM = """
from time import process_time
started = process_time()
import {0}
imported = process_time()
{0}.Client()
first = process_time()
for _ in range(100):
    {0}.Client()
later = process_time()
print(imported - started, first - imported, (later - first) / 100)
"""


def measure(library: str) -> list[float]:
    """Return the least milliseconds of each of the three."""
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM.format(library)]
    runs = [
        subprocess.run(command, capture_output=True, text=True, check=True).stdout
        for _ in range(RUNS)
    ]
    columns = zip(*(map(float, run.split()) for run in runs), strict=True)
    return [min(column) * 1000 for column in columns]


def main() -> None:
    """Print one line for each library."""
    print(f"{'ms of CPU':10} {'import':>8} {'first Client()':>15} {'each after':>11}")
    for library in LIBRARIES:
        imported, first, later = measure(library)
        print(f"{library:10} {imported:8.1f} {first:15.2f} {later:11.3f}")


if __name__ == "__main__":
    main()
