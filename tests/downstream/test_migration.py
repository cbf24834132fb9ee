"""The snippets of the pages for newcomers run, and their two columns agree."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conformance.page import snippet_pairs
from tests.downstream.conftest import ROOT, Run

PAGES = ROOT / "docs" / "migration"
EXAMPLE_URL = "http://localhost:8000"
PAIRS = [
    pytest.param(pair, id=f"{name}-{number}")
    for name in ("requests", "aiohttp")
    for number, pair in enumerate(
        snippet_pairs((PAGES / f"{name}.md").read_text("utf-8"))
    )
]
BLOCK = re.compile(r"(?ms)^```\{code-block\} python\n(.*?)^```$")
PROGRAMS = BLOCK.findall((PAGES / "alias.md").read_text("utf-8"))


def result_of(code: str, server_url: str) -> object:
    names: dict[str, object] = {"__name__": "__main__"}
    exec(compile(code.replace(EXAMPLE_URL, server_url), "snippet", "exec"), names)
    return names["result"]


@pytest.mark.parametrize("pair", PAIRS)
def test_both_columns_come_to_the_same(pair: tuple[str, str], server_url: str) -> None:
    """The code on the left, with the other library, gives what ours gives."""
    theirs, ours = pair

    assert result_of(theirs, server_url) == result_of(ours, server_url)


@pytest.mark.parametrize("number", range(len(PROGRAMS)))
def test_a_program_of_the_page_on_the_alias_runs(
    number: int, run: Run, server_url: str, tmp_path: Path
) -> None:
    """Each in a process of its own, as a reader would copy it."""
    path = tmp_path / "program.py"
    path.write_text(PROGRAMS[number].replace(EXAMPLE_URL, server_url))

    run("real", str(path))


def test_there_are_snippets() -> None:
    """The pages are read the way they are written."""
    assert (15, 5) == (len(PAIRS), len(PROGRAMS))
