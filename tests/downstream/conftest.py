"""Released clients need packages that are not for the other tests: `make downstream`.

Each test runs a program in an interpreter of its own, because an alias must be there
before anything else is imported.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.downstream.server import Handler, Server

# Not a skip: without the environment of `make downstream` there is nothing to collect.
collect_ignore_glob = [] if os.environ.get("MOORING_DOWNSTREAM") else ["test_*.py"]

PROGRAMS = Path(__file__).parent / "programs"
ROOT = Path(__file__).parents[2]

Run = Callable[..., str]


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """Run the scripted server."""
    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        Handler.over.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def run(server_url: str, tmp_path: Path) -> Run:
    """Return a function that runs a program by one of the ways in."""

    def run(way: str, *command: str) -> str:
        runner = ["-m", "mooring.run"] if way == "alias" else []
        result = subprocess.run(
            [sys.executable, *runner, *command],
            env={
                **os.environ,
                "PYTHONPATH": str(PROGRAMS),
                "PYTHONWARNINGS": "error:::mooring",
                "SERVER_URL": server_url,
                "WAY": way,
            },
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=50,
        )
        assert 0 == result.returncode, result.stdout + result.stderr
        return result.stdout

    return run
