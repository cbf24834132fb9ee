"""Which process this is: a socket that a fork has copied is the parent's.

Both copies lead to one connection. The child must neither use it nor end it, only
close its own copy.
"""

from __future__ import annotations

import os

process = object()
"""Another object in every process."""


def _renew() -> None:
    global process
    process = object()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)
