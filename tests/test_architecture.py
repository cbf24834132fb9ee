"""Promises about the code as a whole; import-linter keeps the floors (make lint)."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import mooring
from tools import check_sizes, unasync

ROOT = Path(__file__).parents[1]
HEAVY = (
    "anyio",
    "asyncio",
    "email",
    "h2",
    "http.cookiejar",
    "idna",
    "json",
    "logging",
    "ssl",
    "trio",
    "urllib.request",
)


def test_twins_are_up_to_date() -> None:
    """Every _sync folder is what tools/unasync.py makes of its _async source."""
    assert [] == unasync.check(ROOT)


def test_files_and_functions_are_short() -> None:
    """Nothing is longer than the caps in pyproject.toml, but for granted exceptions."""
    assert [] == check_sizes.check(ROOT, check_sizes.Caps.load(ROOT))


def test_importing_mooring_is_light() -> None:
    """The import loads no event loop, no TLS, no IDNA tables, no cookie jar."""
    program = f"import sys, mooring; print([m for m in {HEAVY} if m in sys.modules])"

    answer = subprocess.run(
        [sys.executable, "-I", "-c", program],
        capture_output=True,
        text=True,
        check=True,
    )

    assert "[]" == answer.stdout.strip()


def test_all_is_what_init_shows() -> None:
    """__all__ names every public name of the package and nothing else."""
    source = Path(str(mooring.__file__)).read_text("utf-8")
    shown = {
        alias.asname or alias.name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom) and node.level > 0
        for alias in node.names
    }

    assert {name for name in shown if not name.startswith("_")} == {
        name for name in mooring.__all__ if not name.startswith("_")
    }
    assert len(mooring.__all__) == len(set(mooring.__all__))


def test_public_names_can_be_had() -> None:
    """Each name in __all__ exists."""
    assert [] == [name for name in mooring.__all__ if not hasattr(mooring, name)]


def test_public_classes_call_mooring_their_home() -> None:
    """Tracebacks and documentation say mooring.Client, not where the file is."""
    strangers = {
        name: value.__module__
        for name in mooring.__all__
        if isinstance(value := getattr(mooring, name), type)
        and value.__module__ != "mooring"
    }

    assert {} == strangers


def test_one_place_enters_the_critical_section() -> None:
    """Only two methods of the pool touch its lock; one of them is for finalizers.

    Whoever leaves it must look at what a finalizer left behind meanwhile, or a waiter
    stays asleep beside a free slot.
    """
    path = ROOT / "src/mooring/_shell/_async/section.py"
    users = {
        node.name: ast.unparse(node)
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name != "__init__"
        and "self._mutex" in ast.unparse(node)
    }

    assert ["_sweep_if_free", "alone"] == sorted(users)
    assert "if self._left_behind:\n        self._sweep()" in users["alone"]


def test_every_test_says_what_it_proves() -> None:
    """Each test has a docstring of at least a sentence."""
    silent = [
        f"{path.relative_to(ROOT)}::{test.name}"
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        for test in _tests(ast.parse(path.read_text("utf-8")))
        if ast.get_docstring(test) is None
    ]

    assert [] == silent


def _tests(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                if node.name.startswith("test_"):
                    yield node
