"""What every test gets: the worlds that coroutine tests run in, Hypothesis profiles."""

from __future__ import annotations

import asyncio
import inspect
import os
import shutil
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import hypothesis
import pytest
import trio

hypothesis.settings.register_profile("local", deadline=None)
# The same examples each time: a red build means that the change broke something.
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "local")

# `make test` is complete with nothing but Python, git and make. What needs a server of
# the distribution is left out where it is not installed, and the header says so; in
# continuous integration it is never left out.
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
collect_ignore = [] if NGINX or os.environ.get("CI") else ["integration/test_nginx.py"]


def pytest_report_header() -> list[str]:
    """Say what is left out."""
    return [
        f"left out, apt-get install nginx runs it: {name}" for name in collect_ignore
    ]


CoroutineTest = Callable[[], Awaitable[None]]


def _run_asyncio(test: CoroutineTest) -> None:
    with asyncio.Runner() as runner:
        runner.run(_awaited(test))


def _run_uvloop(test: CoroutineTest) -> None:
    import uvloop  # not to be had on Windows

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_awaited(test))


def _run_trio(test: CoroutineTest) -> None:
    trio.run(test)


async def _awaited(test: CoroutineTest) -> None:
    await test()


WORLDS = {"asyncio": _run_asyncio, "trio": _run_trio}
if sys.platform != "win32":
    WORLDS["uvloop"] = _run_uvloop


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each coroutine test once in every world, or in those it is marked with."""
    if not inspect.iscoroutinefunction(metafunc.function):
        return
    marker = metafunc.definition.get_closest_marker("worlds")
    names = WORLDS if marker is None else [str(name) for name in marker.args]
    metafunc.fixturenames.append("world")
    metafunc.parametrize("world", [name for name in names if name in WORLDS])


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Carry a coroutine test out in the world it was parametrized with."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    parameters = inspect.signature(pyfuncitem.obj).parameters
    arguments: dict[str, Any] = {n: pyfuncitem.funcargs[n] for n in parameters}
    run = WORLDS[str(pyfuncitem.callspec.params["world"])]
    run(lambda: pyfuncitem.obj(**arguments))
    return True
