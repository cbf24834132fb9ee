"""The documentation names the tests that prove what it says: they exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.simulation.scenarios import SCENARIOS

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
TEST_NAME = re.compile(r"`(?:tests/[\w/]+/)?(test_\w+)(\.py)?(…)?`")
FILES = {
    path.stem: path.read_text("utf-8") for path in ROOT.rglob("tests/**/test_*.py")
}
FUNCTION_NAMES = [
    name for text in FILES.values() for name in re.findall(r"\bdef (test_\w+)", text)
]


def is_there(name: str, *, is_file: bool, is_prefix: bool) -> bool:
    if is_file:
        return name in FILES
    if is_prefix:
        return any(known.startswith(name) for known in FUNCTION_NAMES)
    return name in FUNCTION_NAMES


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).name)
def test_the_tests_a_page_names_exist(page: Path) -> None:
    """A test that is renamed is renamed in the documentation."""
    missing = [
        match[1]
        for match in TEST_NAME.finditer(page.read_text("utf-8"))
        if not is_there(match[1], is_file=bool(match[2]), is_prefix=bool(match[3]))
    ]
    assert [] == missing


@pytest.mark.parametrize("name", ["README.md", "docs/guides/cancellation.md"])
def test_the_number_of_scenarios_is_right(name: str) -> None:
    """What is said to be cancelled at each await is what is."""
    text = (ROOT / name).read_text("utf-8")
    assert [str(len(SCENARIOS))] == re.findall(r"(\d+) scenarios", text)
