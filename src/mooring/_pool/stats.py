"""A frozen account of the pool at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PoolStats:
    """Gauges of now and totals since the start. Times in seconds."""

    connections: int
    """All that count towards ``max_connections``: dialing to detached."""
    dialing: int
    idle: int
    busy: int
    """With at least one request on them, draining ones included."""
    queued: int
    """Requests that wait for a connection."""
    leases: int
    """Requests that have one."""
    most_connections: int
    longest_wait: float
    dials: int
    dials_ok: int
    dials_failed: int
    dials_aborted: int
    leases_new: int
    leases_reused: int
    retries: int
    timeouts: int
    cancelled: int
    closed: Mapping[str, int]
    """Connections closed, by reason."""
    draining: int = 0
    """Busy ones that take nothing new and are closed when they come free."""
    detached: int = 0
    """Upgraded: the caller's."""
    streams: int = 0
    """Taken on connections that multiplex; a reset one is, until its peer confirms."""
    waits: int = 0
    """How often a request had to wait before it was given a connection."""
    waited: float = 0.0
    """For how long, all together."""
