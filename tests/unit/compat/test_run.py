"""``python -m mooring.run``: a program with mooring in the place of httpx."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.compat.programs import output_of

PROGRAM = """
import sys, httpx, httpx2
print(__name__, httpx.Client.__module__, httpx2.__version__, sys.argv, sys.path[0])
"""


def test_a_script_is_run_as_python_would(tmp_path: Path) -> None:
    """Arguments, name, and the directory that its imports are looked for in."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "script.py").write_text(PROGRAM + "import beside")
    (tmp_path / "folder" / "beside.py").write_text("print('beside')")

    output = output_of(
        "-m", "mooring.run", "folder/script.py", "-a", "b", folder=tmp_path
    )

    argv = ["folder/script.py", "-a", "b"]
    path = tmp_path / "folder"
    assert f"__main__ mooring 2.16.2 {argv} {path}\nbeside" == output


def test_a_module_is_run_as_python_would(tmp_path: Path) -> None:
    """``-m`` finds it in the current directory and tells it its path."""
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__main__.py").write_text(PROGRAM)

    output = output_of("-m", "mooring.run", "-m", "package", "-x", folder=tmp_path)

    argv = [str(tmp_path / "package" / "__main__.py"), "-x"]
    assert f"__main__ mooring 2.16.2 {argv} {tmp_path}" == output


def test_the_exit_code_is_the_programs(tmp_path: Path) -> None:
    """What the script says with ``sys.exit`` is what the shell sees."""
    (tmp_path / "script.py").write_text("import sys; sys.exit(7)")

    output_of("-m", "mooring.run", "script.py", folder=tmp_path, code=7)


@pytest.mark.parametrize("arguments", [[], ["-m"]])
def test_nothing_to_run_is_an_error(arguments: list[str]) -> None:
    """The usage goes where errors go, with the exit code for it."""
    usage = output_of("-m", "mooring.run", *arguments, code=2)

    assert "Usage: python -m mooring.run script.py" in usage


def test_help_is_no_error() -> None:
    """The same text, where output goes."""
    assert "Usage: python -m mooring.run" in output_of("-m", "mooring.run", "--help")
