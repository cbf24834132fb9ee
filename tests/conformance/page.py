"""The migration page: its tables, made of the differences, and its snippets."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

from .differences import HTTPX, OURS, Difference

__all__ = ["PAGE", "snippet_pairs", "with_tables"]

PAGE = Path(__file__).parents[2] / "docs" / "migration" / "httpx.md"

_TABLE = re.compile(r"(?ms)^(% begin: (\w+)\n).*?^(% end: \2\n)")
_CELL = re.compile(r"(?ms)^(?:\* -|  -) ```python\n(.*?)^    ```$")


def with_tables(page: str) -> str:
    """Return *page* with its tables as they should be."""
    tables = {"mooring": _differences_of_ours(), "httpx": _differences_of_httpx()}
    return _TABLE.sub(lambda m: f"{m[1]}\n{tables[m[2]]}\n{m[3]}", page)


def snippet_pairs(page: str) -> list[tuple[str, str]]:
    """Return the rows of the page: code for httpx2, code for mooring."""
    cells = [textwrap.dedent(cell) for cell in _CELL.findall(page)]
    return list(zip(cells[::2], cells[1::2], strict=True))


def _differences_of_ours() -> str:
    rows = [_cells(d.theirs, d.ours, d.why) for d in _sorted(OURS)]
    return _table(["httpx2", "mooring", "why"], rows)


def _differences_of_httpx() -> str:
    rows = [_cells(d.theirs, d.ours) for d in _sorted(HTTPX)]
    return _table(["httpx", "httpx2 and mooring"], rows)


def _sorted(differences: dict[str, Difference]) -> list[Difference]:
    return [differences[name] for name in sorted(differences)]


def _cells(*texts: str) -> str:
    return "| " + " | ".join([text.replace("|", "\\|") for text in texts]) + " |"


def _table(heads: list[str], rows: list[str]) -> str:
    return "\n".join([_cells(*heads), _cells(*["---"] * len(heads)), *rows, ""])
