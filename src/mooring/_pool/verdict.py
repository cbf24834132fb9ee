"""Why a request waits: one verdict out of what every slot in its way is doing.

1. Each slot is blamed on one cause, by what it does and for how long (``blame``).
2. If every slot is held by a task that itself waits for one, it is a deadlock.
3. If less than half of the slots are stuck, the limit is too low: without the stuck
   ones the wait would not even have halved.
4. Otherwise it is what most stuck slots suffer from, the earlier in ``Verdict`` if
   two causes are equal: what the caller can mend in their own code comes first.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping

from .holder import Phase


class Verdict(enum.Enum):
    """What most likely keeps a request waiting for a connection.

    The values are stable and meant for logs and metrics. In order of precedence::

        >>> [verdict.value for verdict in mooring.Verdict][:2]
        ['self-deadlock', 'leak suspected']
    """

    SELF_DEADLOCK = "self-deadlock"
    """Every connection is held by a task that waits for another one."""
    LEAK = "leak suspected"
    """Responses hold connections and nobody reads or closes them."""
    CONNECTS_FAILING = "connects failing"
    """Connections are being made, and fail or do not get on."""
    SLOW_SERVER = "slow server"
    """Exchanges take so long that nothing came free meanwhile."""
    LIMIT_TOO_LOW = "limit too low"
    """Connections come and go quickly, there are just too few."""


# Bound once: reading a member off its Enum class is a descriptor call.
LEAK = Verdict.LEAK
CONNECTS_FAILING = Verdict.CONNECTS_FAILING
SLOW_SERVER = Verdict.SLOW_SERVER
LIMIT_TOO_LOW = Verdict.LIMIT_TOO_LOW
UNREAD = Phase.UNREAD
CONNECTING = Phase.CONNECTING

SHORTEST_WAIT = 0.1
"""Seconds. A shorter wait is judged as if it had been this long. ``pool=0`` does not
wait at all, and against nothing every age is long."""
TURNOVER = 0.5
"""Share of the wait after which an exchange counts as slow. Looked at in a random
moment an exchange is half over on average. So where half of them are older than half
of the wait, one takes about as long as the wait: hardly a slot came free."""
SLOW_CONNECT = 1.0
"""Seconds. The kernel sends an unanswered SYN again after one (RFC 6298 section 2),
so an older connect is one that is not answered. Younger ones may just be far away."""
RECENT = 5.0
"""Seconds in which a failed connect still speaks against its host, or the whole wait
if that is longer. httpx's connect timeout: a host that swallows every connect fails
as often as that."""
STUCK_SHARE = 0.5
"""See rule 3 above."""


def blame(
    phase: Phase, *, waited: float, seconds: float, held: float, failing: bool = False
) -> Verdict:
    """Say what one slot that a request waits for is to be blamed on.

    Args:
        phase: What its holder does.
        waited: Seconds that the request has waited.
        seconds: How long the holder has been in that phase.
        held: How long it has had the connection.
        failing: The last connect to its host failed.
    """
    if phase is UNREAD and seconds >= max(waited, SHORTEST_WAIT):
        # All the time, not a part of it: people do work between two reads.
        return LEAK
    is_slow = held >= slow_after(waited)
    if phase is CONNECTING:
        is_stuck = failing or (is_slow and held >= SLOW_CONNECT)
        return CONNECTS_FAILING if is_stuck else LIMIT_TOO_LOW
    # By the age of the whole exchange: a long download is never long in one phase.
    return SLOW_SERVER if is_slow else LIMIT_TOO_LOW


def slow_after(waited: float) -> float:
    """Return the age at which an exchange is slow against a wait of *waited*."""
    return max(waited, SHORTEST_WAIT) * TURNOVER


def verdict(blamed: Mapping[Verdict, int], *, is_deadlock: bool = False) -> Verdict:
    """Weigh the slots in the way of a request.

    Args:
        blamed: How many slots are blamed on what.
        is_deadlock: Every one of them is held by a task that waits for a connection.
    """
    if is_deadlock:
        return Verdict.SELF_DEADLOCK
    slots = sum(blamed.values())
    stuck = slots - blamed.get(LIMIT_TOO_LOW, 0)
    if not stuck or stuck < slots * STUCK_SHARE:
        return LIMIT_TOO_LOW
    causes = [cause for cause in Verdict if cause is not LIMIT_TOO_LOW]
    return max(causes, key=lambda cause: blamed.get(cause, 0))  # the first of equals


Verdict.__module__ = "mooring"
