"""The soak itself works; what it finds in ten minutes is for ``make soak`` to say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.soak.__main__ import main
from tests.soak.worlds import WORLDS

if TYPE_CHECKING:
    import pytest


def test_a_moment_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    """All three worlds come to an end, with an account and no violation."""
    code = main(["--minutes", "0.02"])
    told = capsys.readouterr().out
    assert (0, "no violations") == (code, told.splitlines()[-1])
    assert all(f"\n{world}: " in told for world in WORLDS)
