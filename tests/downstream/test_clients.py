"""Released clients run unchanged: on the real library, under the alias, by the bridge.

That a program runs on the real library proves that the program is right.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.downstream.conftest import PROGRAMS, Run

# Those that take a client or a transport can come by the bridge as well.
BY_BRIDGE = ["anthropic", "authlib", "hishel", "openai", "sse"]
BY_ALIAS = [*BY_BRIDGE, "otel", "respx", "sentry", "testclient", "vcr"]


@pytest.mark.parametrize("way", ["real", "alias"])
@pytest.mark.parametrize("name", BY_ALIAS)
def test_it_runs(name: str, way: str, run: Run) -> None:
    """The program does under the alias what it does on the real library."""
    output = run(way, str(PROGRAMS / f"{name}_program.py"))

    assert f"done {way}" in output


@pytest.mark.parametrize("name", BY_BRIDGE)
def test_it_runs_over_the_bridge(name: str, run: Run) -> None:
    """The program, given a client whose transport is our pool, does the same."""
    output = run("bridge", str(PROGRAMS / f"{name}_program.py"))

    assert "done bridge" in output


@pytest.mark.parametrize("way", ["real", "alias"])
def test_pytest_httpx_works(way: str, run: Run, tmp_path: Path) -> None:
    """A test suite that uses pytest-httpx passes, pytest started by the alias."""
    shutil.copy(PROGRAMS / "pytest_httpx_case.py", tmp_path / "test_case.py")

    output = run(way, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_case.py")

    assert "8 passed" in output
