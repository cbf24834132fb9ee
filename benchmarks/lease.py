"""The pool core alone: an idle hit and its return, in pools of every size.

``python -m benchmarks.lease``. The cost must not grow with the number of idle
connections, of their origins, or of tickets that wait for something else.
"""

from __future__ import annotations

import time
from statistics import median

from mooring._pool.core import PoolCore
from mooring._pool.effects import Dial
from mooring._pool.model import PoolLimits, Protocol, Ticket, TicketState

SIZES = (1, 10, 100, 1000, 10_000)
WAITERS = (0, 100, 10_000)
LEASES = 5_000
ROUNDS = 5

Key = tuple[str, str, int]
HOT: Key = ("http", "hot.example", 80)
BUSY: Key = ("http", "busy.example", 80)


def connect(core: PoolCore, key: Key) -> Ticket:
    """Return a ticket that holds a new connection to *key*."""
    ticket = Ticket(key)
    (dial,) = core.requested(ticket, now=0.0)
    assert isinstance(dial, Dial)
    core.dialled(dial.connection, Protocol.HTTP1, now=0.0)
    assert ticket.state is TicketState.ASSIGNED
    return ticket


def pool_with(idle: int, waiters: int) -> PoolCore:
    """Return a pool with *idle* connections, one of them HOT, and *waiters* queued.

    The waiters' host is at its own limit: they wait for what is not free.
    """
    limits = PoolLimits(max_connections=idle + 1, max_per_host=1)
    core = PoolCore(limits)
    held = [connect(core, ("http", f"{n}.example", 80)) for n in range(idle - 1)]
    held.append(connect(core, HOT))
    connect(core, BUSY)
    for ticket in held:
        core.activated(ticket)
        core.released(ticket, ticket.generation, now=0.0)
    for _ in range(waiters):
        core.requested(Ticket(BUSY), now=0.0)
    stats = core.stats()
    assert (idle, waiters) == (stats.idle, stats.queued)
    return core


def lease_and_release(core: PoolCore) -> float:
    """Return the microseconds of one lease and release, the ticket included."""
    began = time.perf_counter()
    for _ in range(LEASES):
        ticket = Ticket(HOT)
        core.requested(ticket, now=1.0)
        core.activated(ticket)
        core.released(ticket, ticket.generation, now=1.0)
    seconds = time.perf_counter() - began
    assert core.stats().dials == len(core.connections)  # all of them were hits
    return 1e6 * seconds / LEASES


def main() -> None:
    print("lease + release of an idle connection, microseconds (median of 5)\n")
    print(f"{'idle':>8}" + "".join(f"{n:>10} waiting" for n in WAITERS))
    for idle in SIZES:
        row = f"{idle:>8}"
        for waiters in WAITERS:
            core = pool_with(idle, waiters)
            row += f"{median(lease_and_release(core) for _ in range(ROUNDS)):18.2f}"
        print(row, flush=True)


if __name__ == "__main__":
    main()
