"""The demo's command line: set up, let the storm pass, report."""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence
from importlib.util import find_spec

from mooring import __version__

from .kernel import Sampler
from .origin import Origin
from .report import report
from .screen import Screen
from .storm import CANCELLED_SHARE, Settings
from .worlds import THREADS, run_storm, thread_count

REQUESTS = 2000
CONNECTIONS = 10


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; returns 0, or 1 if a promise was broken."""
    settings = parse(arguments)
    screen = Screen()
    world = settings.world
    if world == "trio" and find_spec("trio") is None:
        screen.line("trio is not installed here: pip install trio")
        return 2
    if world == "threads":
        world = f"{thread_count(settings)} threads"
    screen.line(
        f"mooring {__version__}: {settings.requests} concurrent requests over "
        f"{settings.connections} connections ({world}, seed {settings.seed})"
    )
    screen.line(
        f"  {CANCELLED_SHARE:.0%} of them are cancelled, the server is killed half-way"
    )
    try:
        with Origin() as origin, Sampler(origin.port) as sampler:
            storm = run_storm(settings, origin, screen)
    except KeyboardInterrupt:
        screen.line("interrupted")
        return 130
    kept = report(storm, sampler, screen)
    screen.line("every promise kept" if kept else "a promise was BROKEN")
    return 0 if kept else 1


def parse(arguments: Sequence[str] | None) -> Settings:
    """Read the command line; exits with 2 where it makes no sense."""
    parser = argparse.ArgumentParser(
        prog="python -m mooring.demo",
        description="Show what the connection pool promises, and check it.",
        epilog="Exit code: 0 if every promise was kept, 1 if one was broken.",
    )
    world = parser.add_mutually_exclusive_group()
    world.add_argument(
        "--asyncio",
        dest="world",
        action="store_const",
        const="asyncio",
        help="one asyncio task per request (the default)",
    )
    world.add_argument(
        "--trio",
        dest="world",
        action="store_const",
        const="trio",
        help="one trio task per request",
    )
    world.add_argument(
        "--threads",
        dest="world",
        action="store_const",
        const="threads",
        help=f"{THREADS} threads; a third of the requests has a very short timeout, "
        "for threads cannot be cancelled",
    )
    parser.set_defaults(world="asyncio")
    parser.add_argument("--requests", type=_positive, default=REQUESTS, metavar="N")
    parser.add_argument(
        "--connections", type=_positive, default=CONNECTIONS, metavar="N"
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=random.SystemRandom().randrange(10**6),
        metavar="N",
        help="repeat a run's random choices (timing still differs)",
    )
    found = parser.parse_args(arguments)
    return Settings(found.world, found.requests, found.connections, found.seed)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number
