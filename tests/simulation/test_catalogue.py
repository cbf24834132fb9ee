"""The catalogue of races and faults names the tests of every row."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent
TABLE = Path(__file__).with_name("catalogue.md")
# What HTTP/1.1 and the pool have to do with; the others wait for HTTP/2.
ROWS = [*range(1, 6), *range(8, 41), 42, *range(64, 95)]


def rows() -> dict[int, list[str]]:
    """Read the table: the tests of each row."""
    found = {}
    for line in TABLE.read_text("utf-8").splitlines():
        row = re.match(r"\| (\d+) \|.*\| (.*) \|$", line)
        if row is not None:
            found[int(row[1])] = re.findall(r"`([^`]+)`", row[2])
    return found


@cache
def functions(path: str) -> set[str]:
    """Name every function of a file of tests, without running it."""
    tree = ast.parse((TESTS / path).read_text("utf-8"))
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    return {node.name for node in ast.walk(tree) if isinstance(node, kinds)}


@pytest.mark.parametrize("row", ROWS)
def test_every_row_of_the_catalogue_has_a_test(row: int) -> None:
    """One at least, and all that are named exist."""
    tests = rows()[row]
    assert tests
    for test in tests:
        path, _, name = test.partition("::")
        assert name in functions(path), test


def test_no_row_is_forgotten_by_the_table() -> None:
    """A test with a number in its name stands in the row of that number."""
    table = rows()
    for path in TESTS.glob("*/test_race_*.py"):
        short = f"{path.parent.name}/{path.name}"
        for name in functions(short):
            match = re.match(r"test_row_((?:\d\d_)+)", name)
            if match is not None:
                for number in match[1].strip("_").split("_"):
                    assert f"{short}::{name}" in table[int(number)]
