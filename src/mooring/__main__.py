"""``python -m mooring`` is the ``mooring`` command."""

from __future__ import annotations

import sys

from mooring._cli import main

if __name__ == "__main__":
    sys.exit(main())
