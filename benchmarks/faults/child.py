"""One cell of the table, in a process of its own; the result is a line of JSON."""

from __future__ import annotations

import argparse
import asyncio
import inspect
import json
import logging
import os
import sys
import warnings
from collections.abc import Callable
from typing import Any

from . import cancels, life, limits, servers
from .clients import CLIENTS, Make, maker
from .measure import Loss

SCENARIOS: dict[str, Callable[[Make], Any]] = {
    scenario.__name__: scenario
    for group in (cancels, limits, servers, life)
    for scenario in group.SCENARIOS
}


async def judged(scenario: Callable[[Make], Any], make: Make) -> None:
    """Run a scenario to its verdict; what it left behind is not waited for."""
    try:
        await scenario(make)
    except BaseException as error:
        tell(*verdict(error))
    tell("ok", "")


def verdict(error: BaseException) -> tuple[str, str]:
    """Return the outcome and the evidence for it."""
    if isinstance(error, Loss):
        return error.kind, error.evidence
    text = str(error).splitlines()[0] if str(error) else "no text"
    return "error", f"{type(error).__name__}: {text[:150]}"


def tell(outcome: str, evidence: str) -> None:
    """Print the result and end, whatever threads and tasks may still be at."""
    sys.stdout.write(json.dumps([outcome, evidence]) + "\n")
    sys.stdout.flush()
    os._exit(0)


def main() -> None:
    """Run what the command line says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("scenario", choices=SCENARIOS)
    parser.add_argument("client", choices=CLIENTS)
    given = parser.parse_args()
    # Complaints about what a scenario does on purpose would drown the table.
    warnings.simplefilter("ignore")
    logging.disable()
    scenario, make = SCENARIOS[given.scenario], maker(given.client)
    if inspect.iscoroutinefunction(scenario):
        asyncio.run(judged(scenario, make))
    try:
        scenario(make)  # has loops of its own
    except BaseException as error:
        tell(*verdict(error))
    tell("ok", "")


if __name__ == "__main__":
    main()
