"""Everything a pool holds at one moment, as values: for people, logs and JSON.

Made under the pool's lock and read outside it, so nothing in it is shared with the
pool. Costs time in proportion to connections and waiters; ``PoolStats`` does not.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from .holder import Holder, in_phase, phase_of
from .model import Connection, ConnectionState, Host, PoolLimits, Ticket
from .stats import PoolStats
from .wording import one_line, origin_of, plain, seconds

if TYPE_CHECKING:
    from .core import PoolCore

RESTING = (ConnectionState.IDLE, ConnectionState.PARKED)
LONGEST_ERROR = 300
"""Characters shown of a connect's failure: every address that was tried."""


@dataclass(frozen=True, slots=True)
class HolderSnapshot:
    """One request that has a connection, or waits for one. Times in seconds.

    There is no query and no user information in it, as secrets travel there::

        >>> holder = client.pool.snapshot().hosts[0].connections[0].held_by[0]
        >>> holder.phase, holder.task
        ('response not closed', 'Task-7')
    """

    method: str
    scheme: str
    host: str
    """With the port, unless it is the scheme's default."""
    path: str
    phase: str
    """One of ``waiting for a connection``, ``connecting``, ``sending the request``,
    ``waiting for response headers``, ``reading the response body`` and ``response
    not closed``: nobody reads from it at the moment."""
    seconds: float
    """How long it has been in that phase."""
    held: float
    """How long it has had its connection; 0 while it waits for one."""
    task: str | None
    """Name of the task or thread that made the request, while it exists."""
    task_ended: bool
    """That task or thread is over. What still holds a connection for it is either
    in other hands by now, or forgotten."""
    created_at: str | None
    """Where in the code it was made; known in debug mode only."""

    def __str__(self) -> str:
        more = [f"{self.phase} for {seconds(self.seconds)}"]
        if self.owner:
            more.append(self.owner)
        if self.created_at is not None:
            more.append(f"made at {self.created_at}")
        return f"{self.target} ({', '.join(more)})"

    @property
    def target(self) -> str:
        """Method and URL, without query and user information."""
        return f"{self.method} {self.scheme}://{self.host}{self.path}"

    @property
    def owner(self) -> str:
        """The task in words, ``in 'Task-7'``; empty if nothing is known of it."""
        if self.task is None:
            return "in a task that has ended" if self.task_ended else ""
        return f"in {self.task!r}" + (", which has ended" if self.task_ended else "")


@dataclass(frozen=True, slots=True)
class WaiterSnapshot:
    """One request in the queue. Times in seconds."""

    place: int
    """Its place in the queue of its host; 1 is served first."""
    waited: float
    priority: int
    holder: HolderSnapshot


@dataclass(frozen=True, slots=True)
class ConnectionSnapshot:
    """One connection, or one that is being made. Times in seconds."""

    number: int
    """Counts up through the life of the pool; never used twice."""
    state: str
    """``dialing``, ``idle``, ``busy``, ``parked`` (its peer allows no stream now),
    ``draining`` (takes nothing new) or ``detached`` (upgraded; the caller's)."""
    protocol: str
    """``HTTP/1.1`` or ``HTTP/2``; ``unknown`` while it is made."""
    age: float
    """Since it was begun to be made."""
    idle: float | None
    """How long it has been idle; ``None`` if it is not."""
    requests: int
    """How many it was given to, the present ones included."""
    streams_used: int
    streams_max: int
    """How many requests it can carry at once; 1 for HTTP/1.1."""
    held_by: tuple[HolderSnapshot, ...]
    """The requests on it; those that wait for it while it is made are waiters."""


@dataclass(frozen=True, slots=True)
class HostSnapshot:
    """All that the pool has for one origin."""

    origin: str
    """``https://example.org:443``; with the name for TLS if that is another."""
    limit: float
    """Connections allowed to it; ``math.inf`` if only the pool's limit counts."""
    connections: tuple[ConnectionSnapshot, ...]
    waiting: tuple[WaiterSnapshot, ...]
    last_failure: str | None
    """Why the last connect that failed did, and how long ago that was."""


@dataclass(frozen=True, slots=True)
class PoolSnapshot:
    """Everything a pool holds at one moment.

    ``print`` it for an overview in lines; put ``as_dict()`` into a log or a health
    check that wants JSON::

        >>> snapshot = client.pool.snapshot()
        >>> [host.origin for host in snapshot.hosts]
        ['https://example.org:443']
        >>> print(snapshot)
        pool: 1 of 100 connections (1 busy, 0 idle, 0 connecting), 0 waiting
        ...
    """

    limits: PoolLimits
    stats: PoolStats
    hosts: tuple[HostSnapshot, ...]

    def __str__(self) -> str:
        from .dump import dump

        return dump(self)

    def as_dict(self) -> dict[str, object]:
        """Return it as dicts, lists, numbers and text; no limit is ``None``."""
        return cast("dict[str, object]", plain(self))  # a dataclass becomes a dict


def snapshot(core: PoolCore, now: float) -> PoolSnapshot:
    """Take down what *core* holds at *now*. Its lock must be held meanwhile."""
    by_host: dict[Host, list[Connection]] = {host: [] for host in core.hosts.values()}
    for connection in core.connections.values():
        by_host.setdefault(connection.host, []).append(connection)
    return PoolSnapshot(
        limits=core.limits,
        stats=core.stats(),
        hosts=tuple(
            HostSnapshot(
                origin=origin_of(host.key),
                limit=host.limit,
                connections=tuple(connection_snapshot(c, now) for c in connections),
                waiting=tuple(
                    waiter_snapshot(ticket, place, now)
                    for place, ticket in enumerate(line_of(host), 1)
                ),
                last_failure=(
                    None
                    if host.last_failure is None
                    else failure_text(*host.last_failure, now)
                ),
            )
            for host, connections in by_host.items()
        ),
    )


def connection_snapshot(connection: Connection, now: float) -> ConnectionSnapshot:
    """Take down one connection."""
    tickets = sorted(connection.tickets, key=lambda ticket: ticket.seq)
    resting = connection.state in RESTING
    return ConnectionSnapshot(
        number=connection.number,
        state=connection.state.value,
        protocol=connection.protocol.value,
        age=now - connection.since,
        idle=now - connection.idle_since if resting else None,
        requests=connection.served,
        streams_used=connection.zombies + len(tickets),
        streams_max=connection.cap,
        held_by=tuple(holder_snapshot(ticket, now) for ticket in tickets),
    )


def waiter_snapshot(ticket: Ticket, place: int, now: float) -> WaiterSnapshot:
    """Take down a ticket in the queue."""
    return WaiterSnapshot(
        place=place,
        waited=now - ticket.asked_at,
        priority=ticket.priority,
        holder=holder_snapshot(ticket, now),
    )


def holder_snapshot(ticket: Ticket, now: float) -> HolderSnapshot:
    """Take down whose ticket it is."""
    holder: Holder | None = ticket.holder
    if holder is None:  # not asked for by our shell
        method, path = "?", "/?"
        scheme, _, host = origin_of(ticket.key).rpartition("://")
    else:
        method, path = holder.method, holder.path
        scheme, host = holder.url.scheme, holder.host
    return HolderSnapshot(
        method=one_line(method),
        scheme=scheme,
        host=one_line(host),
        path=one_line(path),
        phase=phase_of(ticket).value,
        seconds=in_phase(ticket, now),
        held=0.0 if ticket.connection is None else now - ticket.granted_at,
        task=None if holder is None else holder.task_name,
        task_ended=holder is not None and holder.is_orphan,
        created_at=None if holder is None else holder.created_at,
    )


def line_of(host: Host) -> Iterable[Ticket]:
    """Yield who waits at *host* in the order in which they are served."""
    return heapq.merge(host.covered, host.waiting, key=lambda ticket: ticket.rank)


def failure_text(failure: object, when: float, now: float) -> str:
    """Say what a connect died of, and how long ago."""
    text = one_line(str(getattr(failure, "value", failure)), LONGEST_ERROR)
    return f"{text or type(failure).__name__} ({seconds(now - when)} ago)"


for _public in (
    ConnectionSnapshot,
    HolderSnapshot,
    HostSnapshot,
    PoolSnapshot,
    WaiterSnapshot,
):
    _public.__module__ = "mooring"
