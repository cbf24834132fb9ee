"""``python -m mooring.run``: run a program with mooring in the place of httpx.

Usage: python -m mooring.run script.py [arguments]
       python -m mooring.run -m module [arguments]

As mooring.install_as("httpx", "httpx2") before the program's first line does.
"""

from __future__ import annotations

import os
import runpy
import sys

from .compat.alias import install_as

__all__ = ["main"]


def main(arguments: list[str]) -> int:
    """Run what *arguments* name; return the exit code if that was not possible."""
    match arguments:
        case [] | ["-m"]:
            sys.stderr.write(f"{__doc__}")
            return 2
        case ["-h" | "--help", *_]:
            sys.stdout.write(f"{__doc__}")
            return 0
        case ["-m", module, *rest]:
            _install()
            # runpy puts the module's path there once it has found it.
            sys.argv = [module, *rest]
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        case [script, *rest]:
            _install()
            sys.argv = [script, *rest]
            # As Python does. What was there is the directory this was started in.
            sys.path[0] = os.path.dirname(os.path.abspath(script))
            runpy.run_path(script, run_name="__main__")
    return 0


def _install() -> None:
    install_as("httpx", "httpx2")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
