"""Rows: one behaviour each, written once and run with every package.

``rows/*.txt`` have a row on each line that does not start with white space or ``#``;
lines that do start with white space go on with it. A row is Python. Its value, or the
error it ends in, is what is compared. At its end may stand

    #! name    mooring differs from httpx2, for the reason of that name
    #1 name    httpx differs from httpx2 and mooring, for the reason of that name

and on a line of its own either holds up to the next heading, ``# --- ...``. The
reasons are in ``differences.py``.
"""

from __future__ import annotations

import ast
import re
import warnings
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, NamedTuple

from .kit import Kit

__all__ = ["Row", "all_rows", "anonymous", "outcome"]

FOLDER = Path(__file__).parent / "rows"
_MARK = re.compile(r"(?:^|\s+)#([!1]) ([a-z0-9-]+)$")
# The same word whoever says it; the same place in memory whatever lies there.
_PACKAGE = re.compile(r"\b(?:httpx2?|mooring)\b")
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")
_PRIVATE_HOME = re.compile(r"\bPACKAGE(?:\._\w+)+\.")


class Row(NamedTuple):
    """One behaviour."""

    place: str
    code: str
    ours: str = ""
    httpx: str = ""


def all_rows() -> list[Row]:
    """Return the rows of all files."""
    return [row for path in sorted(FOLDER.glob("*.txt")) for row in _rows(path)]


def _rows(path: Path) -> list[Row]:
    rows: list[Row] = []
    usual = Row("", "")
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if line.startswith("# ---"):
            usual = Row("", "")
        elif _MARK.fullmatch(line):
            usual = _marked(Row("", line))
        elif line[:1].isspace():
            rows[-1] = rows[-1]._replace(code=f"{rows[-1].code} {line.strip()}")
        elif line and not line.startswith("#"):
            rows.append(usual._replace(place=f"{path.stem}:{number}", code=line))
    return [_marked(row) for row in rows]


def _marked(row: Row) -> Row:
    """Return *row* with the marks at its end in their fields."""
    while match := _MARK.search(row.code):
        field = "ours" if match[1] == "!" else "httpx"
        code = row.code[: match.start()]
        row = row._replace(code=code, **{field: match[2]})
    return row


def outcome(row: Row, package: ModuleType) -> str:
    """Return what the row comes to with *package*, in words that do not name it."""
    statements, value = _compiled(row)
    names = Kit(package).names()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            exec(statements, names)
            text = repr(eval(value, names))
        except Exception as exc:
            text = f"{type(exc).__name__}: {exc}"
    warned = sorted({warning.category.__name__ for warning in caught})
    return anonymous("; ".join([text, *warned]))


def _compiled(row: Row) -> tuple[CodeType, CodeType]:
    tree: Any = ast.parse(row.code, row.place)
    value = ast.Expression(tree.body.pop().value)
    return compile(tree, row.place, "exec"), compile(value, row.place, "eval")


def anonymous(text: str) -> str:
    """Return *text* without the name of the package and addresses in memory."""
    text = _ADDRESS.sub("", _PACKAGE.sub("PACKAGE", text))
    return _PRIVATE_HOME.sub("PACKAGE.", text)
