"""Programs in an interpreter of their own: an alias is for a whole process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ALIAS = 'import sys, mooring; mooring.install_as("httpx", "httpx2")\n'


def output_of(*command: str, folder: Path | None = None, code: int = 0) -> str:
    """Run Python with *command* and return what it wrote."""
    result = subprocess.run(
        [sys.executable, *command], cwd=folder, capture_output=True, text=True
    )
    assert code == result.returncode, result.stderr
    return result.stdout.strip() if code == 0 else result.stderr.strip()


def under_alias(program: str) -> str:
    """Run *program* with mooring in the place of httpx and httpx2."""
    return output_of("-c", ALIAS + program)
