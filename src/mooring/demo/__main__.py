"""``python -m mooring.demo``: see ``--help``."""

from __future__ import annotations

import sys

from .run import main

# The origin's process imports this file too, under another name.
if __name__ == "__main__":
    sys.exit(main())
