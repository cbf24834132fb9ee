"""The pool core alone, in pools of every size: ``python -m benchmarks.lease``.

An idle hit and its return must not cost more with more idle connections, more
origins, or more tickets that wait for something else; handing a connection from one
ticket to the next must not cost more in a longer queue.
"""

from __future__ import annotations

import time
from collections import deque
from statistics import median

from mooring._pool.core import PoolCore
from mooring._pool.effects import Dial, Wake
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


def crowded_pool(waiters: int) -> tuple[PoolCore, deque[Ticket]]:
    """Return a full pool of 50 with a queue, and the tickets that hold a lease."""
    core = PoolCore(PoolLimits(max_connections=50))
    holders = deque(connect(core, HOT) for _ in range(50))
    for _ in range(waiters):
        core.requested(Ticket(HOT), now=0.0)
    assert core.stats().queued == waiters
    return core, holders


def hand_over(core: PoolCore, holders: deque[Ticket]) -> float:
    """Return the microseconds of one release that serves a waiter, and a new one."""
    began = time.perf_counter()
    for _ in range(LEASES):
        core.requested(Ticket(HOT), now=1.0)
        ticket = holders.popleft()
        core.activated(ticket)
        (wake,) = core.released(ticket, ticket.generation, now=1.0)
        assert isinstance(wake, Wake)
        holders.append(wake.ticket)
    seconds = time.perf_counter() - began
    assert core.stats().dials == 50
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
    print("\nrelease to the next in the queue + a new one queued, microseconds\n")
    for waiters in SIZES:
        full = crowded_pool(waiters)
        cost = median(hand_over(*full) for _ in range(ROUNDS))
        print(f"{waiters:>8} waiting{cost:10.2f}", flush=True)


if __name__ == "__main__":
    main()
