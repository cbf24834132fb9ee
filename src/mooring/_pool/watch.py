"""Who waits or holds for too long: what a watchdog asks for, now and then.

Both look at everything the pool has, so they are for a timer and not for a request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .model import Ticket
from .snapshot import line_of

if TYPE_CHECKING:
    from .core import PoolCore


def waiting_longer(core: PoolCore, after: float, *, now: float) -> list[Ticket]:
    """Return the tickets that have waited for *after* seconds, longest first."""
    waiting = (t for host in core.hosts.values() for t in line_of(host))
    overdue = [ticket for ticket in waiting if now - ticket.asked_at >= after]
    return sorted(overdue, key=lambda ticket: ticket.asked_at)


def held_longer(core: PoolCore, after: float, *, now: float) -> list[Ticket]:
    """Return the tickets that have held a connection for *after* seconds or more.

    The longest first. That it is said once per lease is for the asker to see to:
    ``Ticket.generation`` tells the leases of one ticket apart.
    """
    holding = (t for c in core.connections.values() for t in c.tickets)
    overdue = [ticket for ticket in holding if now - ticket.granted_at >= after]
    return sorted(overdue, key=lambda ticket: ticket.granted_at)
