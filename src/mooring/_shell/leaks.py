"""The warning about a response that was dropped without being closed."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mooring._pool.holder import Holder
    from mooring._pool.model import Ticket


def warn_of_leak(ticket: Ticket, source: object) -> None:
    """Say which response it was, and where it was opened if that is known.

    Called from a finalizer: where warnings are errors, Python prints this one.
    """
    holder: Holder = ticket.holder
    where = holder.created_at
    warnings.warn(
        f"the response to {holder.target} was never closed; "
        + (
            f"opened at {where}"
            if where
            else "set MOORING_DEBUG=1 to see where it was opened"
        ),
        ResourceWarning,
        stacklevel=2,
        source=source,
    )
