"""The pool core alone, in pools of every size: ``python -m benchmarks.lease``.

An idle hit and its return must not cost more with more idle connections, more
origins, or more tickets that wait for something else; handing a connection from one
ticket to the next must not cost more in a longer queue. Times are the best of some
rounds; bytecodes are exact, and the same on every machine with the same Python.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from types import FrameType
from typing import Any

from mooring._pool.core import PoolCore
from mooring._pool.effects import Dial, Wake
from mooring._pool.model import PoolLimits, Protocol, Ticket, TicketState

SIZES = (1, 10, 100, 1000, 10_000)
WAITERS = (0, 100, 10_000)
LEASES = 5_000
ROUNDS = 7

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


def exchange(core: PoolCore, keepalive: float | None = None) -> None:
    """Lease an idle connection and release it."""
    ticket = Ticket(HOT)
    core.requested(ticket, now=1.0)
    core.activated(ticket)
    core.released(ticket, ticket.generation, now=1.0, keepalive=keepalive)


def lease_and_release(core: PoolCore, keepalive: float | None = None) -> float:
    """Return the microseconds of one lease and release, the ticket included."""
    began = time.perf_counter()
    for _ in range(LEASES):
        exchange(core, keepalive)
    seconds = time.perf_counter() - began
    assert core.stats().dials == len(core.connections)  # all of them were hits
    return 1e6 * seconds / LEASES


def bytecodes(core: PoolCore, keepalive: float | None = None) -> int:
    """Return how many bytecodes one lease and release executes."""
    count = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        frame.f_trace_lines = False
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        exchange(core, keepalive)
    finally:
        sys.settrace(before)
    return count


OTHER_WAYS: dict[str, tuple[PoolLimits, float | None]] = {
    "max_connection_age": (PoolLimits(max_connection_age=3600), None),
    "max_requests_per_connection": (
        PoolLimits(max_requests_per_connection=10**9),
        None,
    ),
    "min_idle": (PoolLimits(keepalive_expiry=5, min_idle=1), None),
    "Keep-Alive: timeout=75": (PoolLimits(keepalive_expiry=5), 74.0),
    "Keep-Alive: timeout=3": (PoolLimits(keepalive_expiry=5), 2.0),
}
"""What may be set or said, and makes each exchange dearer or does not."""


def pool_that_keeps_to(limits: PoolLimits) -> PoolCore:
    """Return a pool with one idle connection."""
    core = PoolCore(limits)
    ticket = connect(core, HOT)
    core.activated(ticket)
    core.released(ticket, ticket.generation, now=1.0)
    return core


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
    print(f"lease + release of an idle connection, microseconds (best of {ROUNDS})\n")
    print(f"{'idle':>8}" + "".join(f"{n:>10} waiting" for n in WAITERS) + "  bytecodes")
    for idle in SIZES:
        row, counts = f"{idle:>8}", set()
        for waiters in WAITERS:
            core = pool_with(idle, waiters)
            row += f"{min(lease_and_release(core) for _ in range(ROUNDS)):18.2f}"
            counts.add(bytecodes(core))
        print(f"{row}{'/'.join(map(str, sorted(counts))):>11}", flush=True)
    print("\nthe same with one idle connection and\n")
    for name, (limits, keepalive) in OTHER_WAYS.items():
        core = pool_that_keeps_to(limits)
        cost = min(lease_and_release(core, keepalive) for _ in range(ROUNDS))
        count = bytecodes(core, keepalive)
        print(f"{name:>30}{cost:14.2f}{count:11}", flush=True)
    print("\nrelease to the next in the queue + a new one queued, microseconds\n")
    for waiters in SIZES:
        full = crowded_pool(waiters)
        cost = min(hand_over(*full) for _ in range(ROUNDS))
        print(f"{waiters:>8} waiting{cost:10.2f}", flush=True)


if __name__ == "__main__":
    main()
