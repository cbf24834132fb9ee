"""``httpx._main``: the command line."""

from ..._cli import main

__all__ = ["main"]
