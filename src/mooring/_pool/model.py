"""The things a pool keeps account of: connections, tickets, hosts, limits."""

from __future__ import annotations

import enum
import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .chain import Chain, Link
from .queue import Queue

PRIORITY_STEP = 2**48
"""More than there will ever be tickets in a pool."""


class ConnectionState(enum.Enum):
    """Where a connection stands. All but CLOSED count towards the limits.

    There is no CLOSING: the pool closes by aborting, which takes no time, so the
    slot is free as soon as the effect stands in the list (docs/adr/0002).
    """

    DIALING = "dialing"
    IDLE = "idle"
    BUSY = "busy"
    PARKED = "parked"
    """Open, without a lease, yet not leasable: its peer allows no stream now."""
    DRAINING = "draining"
    """Has leases and takes no new ones."""
    DETACHED = "detached"
    """Upgraded: the socket belongs to the caller."""
    CLOSED = "closed"


class TicketState(enum.Enum):
    """Where one attempt to get a connection stands."""

    QUEUED = "queued"
    ASSIGNED = "assigned"
    """Holds a lease; nothing of the request touched the wire yet."""
    ACTIVE = "active"
    DONE = "done"
    FAILED = "failed"
    TIMED_OUT = "timed out"
    CANCELLED = "cancelled"


class Protocol(enum.Enum):
    """What a host is known to speak; UNKNOWN until TLS has told us once."""

    UNKNOWN = "unknown"
    HTTP1 = "HTTP/1.1"
    HTTP2 = "HTTP/2"


class Reason(enum.Enum):
    """Why a connection was closed."""

    EXPIRED = "expired"
    EVICTED = "evicted for another origin"
    AGED = "at the end of its maximum age"
    WORN = "carried as many requests as it may"
    SURPLUS = "over the keep-alive limit"
    TRIMMED = "over a limit that was lowered"
    DEAD = "closed by the server while idle"
    BROKEN = "failed in use"
    SUSPECT = "idle while another to its host proved dead"
    UNUSABLE = "not reusable after the response"
    ABANDONED = "response not read to its end"
    CANCELLED = "request cancelled"
    DRAINED = "drained"
    POOL_CLOSED = "pool closed"
    CALLED_OFF = "opened after its dial was called off"


class Refusal(enum.Enum):
    """Failures of tickets that come from no dial."""

    POOL_CLOSED = "the pool is closed"
    POOL_INTERRUPTED = "the pool was interrupted and began anew"
    NO_STREAMS = "the peer allows no streams"


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """What the pool keeps to. Seconds; ``math.inf`` means no limit."""

    max_connections: float = math.inf
    max_keepalive: float = math.inf
    keepalive_expiry: float = math.inf
    max_per_host: float = math.inf
    per_host: Mapping[str, float] = field(default_factory=dict, hash=False)
    """Instead of ``max_per_host``, for hosts by name: ``host``, ``scheme://host``,
    ``host:port`` or ``scheme://host:port``. The most specific name counts."""
    max_shared_per_host: int = 2
    """Connections that multiplex, to one host. A second one is opened only when
    every stream of the first is taken (RFC 9113 section 9.1 prefers one)."""
    bypass_budget: int = 4
    """How often a waiter may be overtaken by younger ones of other hosts that
    reuse their own connection, before one is closed for it."""
    max_connection_age: float = math.inf
    """Since it was opened. From then on it takes no new request."""
    age_jitter: float = 0.0
    """Part of that age, 0 to 1, by up to which each connection's is shortened."""
    max_requests_per_connection: float = math.inf
    min_idle: int = 0
    """Of each host so many, the newest, are exempt from ``keepalive_expiry``."""

    def __post_init__(self) -> None:
        by_name = {name.lower(): limit for name, limit in self.per_host.items()}
        object.__setattr__(self, "per_host", by_name)


class Ticket:
    """One request's place in the pool, from asking to giving back.

    ``deadline`` is absolute and counts only while the ticket is QUEUED: the end
    of its pool timeout, or of its connect timeout while a dial is made for it.
    """

    # Defaults live on the class: most tickets are served at once and never differ in
    # these, and making one is part of every request (benchmarks/lease.py).
    waiter: Any = None
    core: Any = None
    holder: Any = None
    """The shell's own, like ``driver`` and ``task`` below: never looked into. The
    holder is who asks, for reports."""
    is_orphan = False
    """Its response was dropped without being closed."""
    state = TicketState.QUEUED
    deadline = math.inf
    seq = 0
    """Its age: counts up in the order of asking."""
    priority = 0
    rank = 0
    """Its place among those that wait, the lowest first: by priority, then by age.
    Set when it has to wait."""
    generation = 0
    attempts = 0
    bypassed = 0
    asked_at = 0.0
    queued_at = 0.0
    """When it last began to wait."""
    granted_at = 0.0
    """When it last was given a connection."""
    reused = False
    timed_out_dialling = False
    distrusts_idle = False
    """An idle connection failed it in silence: it takes no other idle one."""
    host: Host | None = None
    connection: Connection | None = None
    dial: Connection | None = None
    """The dial this ticket is covered by while it waits."""
    failure: object = None
    place: Link[Ticket]
    """Its seat in a queue, while it waits in one."""

    def __init__(
        self,
        key: Hashable,
        *,
        pool_timeout: float = math.inf,
        connect_timeout: float = math.inf,
        multiplex: bool = False,
        priority: int = 0,
    ) -> None:
        self.key = key
        self.multiplex = multiplex
        """Whether HTTP/2 may come out of the dial."""
        self.patience = pool_timeout
        """Seconds of waiting in the queue that are left."""
        self.connect_timeout = connect_timeout
        if priority:
            self.priority = priority
            """Who has a higher one is served sooner, also by other hosts' slots."""

    def __repr__(self) -> str:
        return f"<Ticket {self.seq} {self.state.value} {self.key}>"


class Connection:
    """One connection as the pool sees it; ``driver`` is the shell's own."""

    __slots__ = (
        "age",
        "alarm",
        "allowed",
        "cap",
        "connect_timeout",
        "cover",
        "driver",
        "exclusive",
        "host",
        "idle_since",
        "keepalive",
        "leaving",
        "number",
        "opened_at",
        "protocol",
        "quota",
        "retire_at",
        "served",
        "simple",
        "since",
        "sponsor",
        "spot",
        "state",
        "task",
        "tickets",
        "zombies",
    )

    def __init__(self, number: int, host: Host, now: float) -> None:
        self.number = number
        self.host = host
        self.state = ConnectionState.DIALING
        self.protocol = Protocol.UNKNOWN
        self.since = now
        """When the dial began."""
        self.opened_at = math.inf
        """When the dial succeeded."""
        self.idle_since = now
        self.connect_timeout = math.inf
        """Seconds its dial may take: what the ticket it began for allows."""
        self.served = 0
        """How many requests it was given to."""
        self.allowed = math.inf
        self.quota = math.inf
        """How many it may be given to, as its peer says and in all."""
        self.keepalive = math.inf
        """Seconds of rest that its peer allows."""
        self.retire_at = math.inf
        """The end of its life, on the pool's clock."""
        self.alarm = math.inf
        """When the pool will look after it (``Alarms``)."""
        self.leaving: Reason | None = None
        """Why it takes no new requests, while it is DRAINING."""
        self.exclusive = False
        """It speaks HTTP/1.1: one request at a time."""
        self.simple = False
        """And nothing limits its rest but the pool's own ``keepalive_expiry``."""
        self.cap = 1
        """Requests it can carry at once: 1 for HTTP/1.1, streams for HTTP/2."""
        self.zombies = 0
        """Streams we gave up and the peer has not confirmed; they take room."""
        self.tickets: set[Ticket] = set()
        self.cover = 0
        """How many tickets wait for it while it is dialled."""
        self.sponsor: Ticket | None = None
        """Whose dial this is. It takes the failure; the result may go elsewhere."""
        self.spot: Link[Connection] = Link(self)
        """In its host's chain for its state."""
        self.age: Link[Connection] = Link(self)
        """In the pool-wide chain: idle order, or dials nobody waits for."""
        self.driver: Any = None
        self.task: Any = None

    def __repr__(self) -> str:
        return f"<Connection {self.number} {self.state.value} {self.host.key}>"

    def is_watched_for(self, now: float) -> bool:
        """Say whether it may rest as it is, as somebody will look after it in time."""
        return self.exclusive and self.alarm <= now + self.keepalive

    @property
    def room(self) -> int:
        """How many more requests it can take now. Negative after a lowered cap."""
        return self.cap - self.zombies - len(self.tickets)


class Host:
    """All that the pool knows of one key (origin, route and identity)."""

    __slots__ = (
        "count",
        "covered",
        "dialing",
        "enlisted_rank",
        "hint",
        "idle",
        "key",
        "last_failure",
        "limit",
        "number",
        "offer",
        "parked",
        "queued",
        "shared",
        "spare",
        "waiting",
    )

    def __init__(
        self, key: Hashable, number: int, hint: Protocol, limit: float
    ) -> None:
        self.key = key
        self.number = number
        self.hint = hint
        self.limit = limit
        """How many connections it may have."""
        self.count = 0
        """Connections of this key that count towards the limits."""
        self.shared = 0
        """Open multiplexing connections that are not draining."""
        self.idle: Chain[Connection] = Chain()
        """Newest last: reuse takes the newest, so the rest can expire."""
        self.offer: Chain[Connection] = Chain()
        """In use, with room for more streams."""
        self.parked: Chain[Connection] = Chain()
        self.dialing: Chain[Connection] = Chain()
        """Dials that a covered ticket waits for."""
        self.spare: Chain[Connection] = Chain()
        """Dials that nobody waits for any more."""
        self.covered = Queue()
        self.waiting = Queue()
        """Tickets without a dial of their own, by rank."""
        self.queued = 0
        """How many there are in both."""
        self.enlisted_rank = 0
        """Rank under which it stands in the pool's list of blocked hosts."""
        self.last_failure: tuple[object, float] | None = None
        """What the last dial that failed did so of, and when."""

    @property
    def is_empty(self) -> bool:
        return not (self.count or self.queued)
