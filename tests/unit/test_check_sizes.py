"""tools/check_sizes.py: what is too long, and for whom exceptions are granted."""

from __future__ import annotations

from pathlib import Path

from tools.check_sizes import Caps, check, too_long

CAPS = Caps(file=9, function=3, test_file=20)
LONG = "class A:\n    def f(self):\n        a\n        b\n        c\n"


def test_short_code_passes() -> None:
    """A file and its functions within the caps are not reported."""
    assert [] == list(too_long("src/x.py", "def f():\n    a\n    b\n", CAPS))


def test_a_long_file_is_reported() -> None:
    """One line over the cap is too long."""
    assert [("src/x.py", "10 lines, the cap is 9")] == list(
        too_long("src/x.py", "x\n" * 10, CAPS)
    )


def test_tests_may_be_longer() -> None:
    """Files under tests/ have a cap of their own."""
    assert [] == list(too_long("tests/x.py", "x\n" * 10, CAPS))


def test_a_long_function_is_reported_by_its_qualified_name() -> None:
    """A method is found inside its class."""
    assert [("src/x.py::A.f", "4 lines, the cap is 3")] == list(
        too_long("src/x.py", LONG, CAPS)
    )


def test_docstrings_do_not_count() -> None:
    """Documentation never makes a function too long."""
    source = 'def f():\n    """One.\n\n    Two.\n    """\n    a\n    b\n'

    assert [] == list(too_long("src/x.py", source, CAPS))


def test_granted_exceptions(tmp_path: Path) -> None:
    """A granted exception silences its own finding only, and must be needed."""
    (tmp_path / "src/_sync").mkdir(parents=True)
    (tmp_path / "src/x.py").write_text(LONG)
    (tmp_path / "src/_sync/x.py").write_text(LONG)  # generated: not looked at
    granted = {"src/x.py::A.f": "it is a table", "src/y.py": "gone"}

    assert ["src/y.py: needs no exception"] == check(
        tmp_path, Caps(file=9, function=3, granted=granted)
    )
