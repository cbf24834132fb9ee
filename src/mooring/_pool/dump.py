"""A snapshot of the pool as aligned lines, for a log that is read at night."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from .model import PoolLimits
from .snapshot import (
    ConnectionSnapshot,
    HolderSnapshot,
    HostSnapshot,
    PoolSnapshot,
    WaiterSnapshot,
)
from .stats import PoolStats
from .wording import amount, counted, seconds

MOST_LINES = 50
"""Of one kind and host; the rest is counted. The snapshot itself has them all."""


def dump(snapshot: PoolSnapshot) -> str:
    """Return *snapshot* in lines, without a newline at the end."""
    lines = [pool_line(snapshot.stats, snapshot.limits), limits_line(snapshot.limits)]
    for host in snapshot.hosts:
        lines += _host(host)
    return "\n".join(lines)


def pool_line(stats: PoolStats, limits: PoolLimits) -> str:
    """Return the counts of the pool in one line."""
    return (
        f"pool: {stats.connections} of {amount(limits.max_connections)} connections "
        f"({stats.busy} busy, {stats.idle} idle, {stats.dialing} connecting), "
        f"{stats.queued} waiting"
    )


def limits_line(limits: PoolLimits) -> str:
    """Return the limits in force in one line, by their public names."""
    expiry = limits.keepalive_expiry
    kept = "no limit" if expiry == math.inf else seconds(expiry)
    return (
        f"limits: max_connections={amount(limits.max_connections)}, "
        f"max_connections_per_host={amount(limits.max_per_host)}, "
        f"max_keepalive_connections={amount(limits.max_keepalive)}, "
        f"keepalive_expiry={kept}"
    )


def summary(name: str, hosts: int, stats: PoolStats) -> str:
    """Return the ``repr`` of a client or a pool: one line of counts.

    ``<Client 3 origins, 12 connections (4 idle), 0 waiting>``
    """
    return (
        f"<{name} {counted(hosts, 'origin')}, "
        f"{counted(stats.connections, 'connection')} "
        f"({stats.idle} idle), {stats.queued} waiting>"
    )


def _host(host: HostSnapshot) -> Iterator[str]:
    limit = "" if host.limit == math.inf else f" (limit {host.limit:.0f})"
    yield (
        f"{host.origin}: {counted(len(host.connections), 'connection')}{limit}, "
        f"{len(host.waiting)} waiting"
    )
    rows = [row for c in host.connections[:MOST_LINES] for row in _connection(c)]
    yield from _aligned(rows)
    yield from _rest(len(host.connections), "connections")
    yield from _aligned([_waiter(waiter) for waiter in host.waiting[:MOST_LINES]])
    yield from _rest(len(host.waiting), "waiting")
    if host.last_failure is not None:
        yield f"  last failed connect: {host.last_failure}"


def _connection(connection: ConnectionSnapshot) -> Iterator[Sequence[str]]:
    """Yield the cells of one connection and of every request but the first on it."""
    state = connection.state
    if connection.idle is not None:
        state = f"{state} {seconds(connection.idle)}"
    cells = [
        f"#{connection.number}",
        state,
        connection.protocol,
        f"age {seconds(connection.age)}",
        f"request {connection.requests}",
    ]
    if connection.streams_max > 1:
        cells[-1] += f", {connection.streams_used}/{connection.streams_max} streams"
    first, *others = [_holder(holder) for holder in connection.held_by] or [()]
    yield [*cells, *first]
    for other in others:
        yield ["", "", "", "", "", *other]


def _waiter(waiter: WaiterSnapshot) -> Sequence[str]:
    place = f"waiting, place {waiter.place}"
    if waiter.priority:
        place += f" (priority {waiter.priority:g})"
    return [place, seconds(waiter.waited), *_holder(waiter.holder)]


def _holder(holder: HolderSnapshot) -> Sequence[str]:
    cells = [holder.target, f"{holder.phase} {seconds(holder.seconds)}"]
    if holder.owner:
        cells.append(holder.owner)
    if holder.created_at is not None:
        cells.append(f"made at {holder.created_at}")
    return cells


def _rest(number: int, noun: str) -> Iterator[str]:
    if number > MOST_LINES:
        yield f"  ... and {number - MOST_LINES} more {noun}"


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield *rows* with each column as wide as its widest cell but for the last."""
    columns = max((len(row) for row in rows), default=0)
    widths = [
        max(len(row[column]) for row in rows if len(row) > column)
        for column in range(columns)
    ]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        yield ("  " + "  ".join(cells)).rstrip()
