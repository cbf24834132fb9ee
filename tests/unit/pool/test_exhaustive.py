"""Every history of a very small pool, and the way out of each state it reaches."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace

import pytest

from mooring._pool.model import Connection, PoolLimits, Ticket, TicketState

from .harness import Harness
from .invariants import LEASED
from .walk import Alphabet, moves

Act = Callable[[Harness], object]

TWO_KEYS = Alphabet(keys=("a", "b"), max_tickets=3, timeouts=False, retries=False)
NO_FAULTS = replace(TWO_KEYS, faults=False)
SHARED = Alphabet(
    keys=("a",),
    shared_keys=("m",),
    caps=(0, 1),
    max_tickets=3,
    timeouts=False,
    retries=False,
    flips=False,
)
"""Zero streams and one: enough to park a connection and to lose a dial."""


def shape(h: Harness) -> object:
    """What decides the future of *h*, without names that differ by accident."""
    core = h.core
    order = {t: n for n, t in enumerate(h.tickets)}
    names = {c: n for n, c in enumerate(core.connections.values())}

    def ticket(t: Ticket | None) -> int | None:
        return None if t is None else order[t]

    def connection(c: Connection) -> object:
        return (
            names[c],
            c.host.key,
            c.state,
            c.protocol,
            c.cap,
            c.zombies,
            c.served > 0,
            ticket(c.sponsor),
            frozenset(order[t] for t in c.tickets),
        )

    return (
        tuple(
            (t.key, t.state, t.attempts, t.bypassed, t.reused, t.dial and names[t.dial])
            if t.state in (TicketState.QUEUED, *LEASED)
            else None
            for t in h.tickets
        ),
        tuple(connection(c) for c in core.connections.values()),
        tuple(names[c] for c in core.idle_order),
        tuple(names[c] for c in core.spare_order),
        tuple((host.key, host.hint) for host in core.hosts.values()),
        tuple(core._hints.items()),
    )


def explore(limits: PoolLimits, alphabet: Alphabet, *, inline: bool) -> int:
    """Visit every state, breadth first; return how many there are."""
    seen = set()
    todo: deque[tuple[Act, ...]] = deque([()])
    while todo:
        path = todo.popleft()
        h = replayed(limits, path, inline=inline)
        for _, act in moves(h, alphabet):
            h = replayed(limits, path, inline=inline)
            h.begin_checks()
            act(h)
            key = shape(h)
            if key in seen:
                continue
            seen.add(key)
            todo.append((*path, act))
            h.checked = False
            h.drain_out()
    return len(seen)


def replayed(limits: PoolLimits, path: tuple[Act, ...], *, inline: bool) -> Harness:
    """A pool with the history *path*, which was checked when it was new."""
    h = Harness(limits, inline=inline, checked=False)
    for act in path:
        act(h)
    return h


@pytest.mark.parametrize("inline", [False, True], ids=["tasks", "threads"])
@pytest.mark.parametrize(
    ("limits", "alphabet"),
    [
        pytest.param(PoolLimits(max_connections=1), TWO_KEYS, id="one"),
        pytest.param(
            PoolLimits(max_connections=2, max_keepalive=1, bypass_budget=0),
            NO_FAULTS,
            id="two",
        ),
        pytest.param(
            PoolLimits(max_connections=2, max_per_host=1),
            NO_FAULTS,
            id="one per host",
        ),
        pytest.param(PoolLimits(max_connections=1), SHARED, id="streams"),
    ],
)
def test_no_history_breaks_the_pool(
    limits: PoolLimits, alphabet: Alphabet, inline: bool
) -> None:
    """Each state keeps every invariant, and from each the queue can empty."""
    assert explore(limits, alphabet, inline=inline) > 100
