"""Keep files and functions short enough to be read in one sitting.

The caps and the granted exceptions, each with its reason, are in pyproject.toml
under ``[tool.check_sizes]``. Docstrings do not count towards a function.
"""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

FOLDERS = ("src", "tests", "tools", "benchmarks", "docs")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Caps:
    """How many lines a file and a function may have, and who may have more."""

    file: int = 600
    function: int = 60
    test_file: int = 900
    granted: dict[str, str] = field(default_factory=dict)

    @classmethod
    def load(cls, root: Path) -> Caps:
        """Read the caps from *root*/pyproject.toml."""
        settings = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
        return cls(**settings["tool"]["check_sizes"])


def too_long(name: str, source: str, caps: Caps) -> Iterator[tuple[str, str]]:
    """Yield (what, by how much) for the file called *name* and its functions."""
    lines = len(source.splitlines())
    cap = caps.test_file if name.startswith("tests/") else caps.file
    if lines > cap:
        yield name, f"{lines} lines, the cap is {cap}"
    for qualname, node in _functions(ast.parse(source)):
        length = _length(node)
        if length > caps.function:
            yield f"{name}::{qualname}", f"{length} lines, the cap is {caps.function}"


def check(root: Path, caps: Caps) -> list[str]:
    """Return one line for everything too long and for each grant nobody needs."""
    found: dict[str, str] = {}
    for path in _sources(root):
        name = path.relative_to(root).as_posix()
        found.update(too_long(name, path.read_text("utf-8"), caps))
    problems = [f"{w}: {how}" for w, how in found.items() if w not in caps.granted]
    unused = [f"{w}: needs no exception" for w in caps.granted if w not in found]
    return problems + unused


def _sources(root: Path) -> Iterator[Path]:
    """Yield what people wrote: the generated twins are as long as their sources."""
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*.py")):
            if "_sync" not in path.parts:
                yield path


def _functions(node: ast.AST, prefix: str = "") -> Iterator[tuple[str, Function]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function):
            yield prefix + child.name, child
        if isinstance(child, Function | ast.ClassDef):
            yield from _functions(child, f"{prefix}{child.name}.")
        else:
            yield from _functions(child, prefix)


def _length(function: Function) -> int:
    assert function.end_lineno is not None
    length = function.end_lineno - function.lineno + 1
    if ast.get_docstring(function, clean=False) is not None:
        docstring = function.body[0]
        assert docstring.end_lineno is not None
        length -= docstring.end_lineno - docstring.lineno + 1
    return length


def main() -> int:
    """Print what is too long; the exit status is 1 if anything is."""
    root = Path(__file__).resolve().parents[1]
    problems = check(root, Caps.load(root))
    print("\n".join(problems) or "every file and function is within its cap")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
