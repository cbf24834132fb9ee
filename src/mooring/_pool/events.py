"""What a pool tells those who listen: one frozen record for each thing that happened.

Every record has the origin, the number of the connection where there is one, and the
pool's time. ``str(event)`` is a line for a log. They are made only if somebody
listens. What they say of a request is in a ``HolderSnapshot``, so no secrets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias, cast

from .model import Connection, Reason, Ticket
from .report import Diagnosis
from .snapshot import HolderSnapshot, holder_snapshot
from .wording import one_line, origin_of, plain, seconds

LONGEST_ERROR = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class _Event:
    """What all events have."""

    origin: str
    """``https://example.org:443``."""
    at: float
    """The pool's time in seconds: only differences mean something."""
    connection: int | None = None
    """Number of the connection, as in ``snapshot()``; ``None`` while there is none."""

    def __str__(self) -> str:
        number = "" if self.connection is None else f" #{self.connection}"
        return f"{self.origin}{number} {self._told()}"

    def _told(self) -> str:
        raise NotImplementedError

    def as_dict(self) -> dict[str, object]:
        """Return it as JSON can carry it, its kind under ``event``."""
        fields = cast("dict[str, object]", plain(self))  # a dataclass becomes a dict
        return {"event": type(self).__name__, **fields}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionOpened(_Event):
    """A connection was made, TLS handshake included. Times in seconds.

    Example::

        >>> slow = []
        >>> def watch(event):
        ...     if isinstance(event, ConnectionOpened) and event.took > 1:
        ...         slow.append(event.origin)
    """

    protocol: str
    """``HTTP/1.1`` or ``HTTP/2``."""
    took: float
    """From the start of the dial: name, TCP and TLS."""

    def _told(self) -> str:
        return f"opened in {seconds(self.took)}, {self.protocol}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionClosed(_Event):
    """The pool closed a connection, whoever began with it. Times in seconds."""

    reason: str
    """The key under which ``stats().closed`` counts it: ``expired``, ``dead`` ..."""
    age: float
    requests: int
    """How many it was given to."""

    def _told(self) -> str:
        return (
            f"closed after {seconds(self.age)} and request {self.requests}: "
            f"{self.reason}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectFailed(_Event):
    """A connection could not be made. Times in seconds."""

    error: str
    took: float

    def _told(self) -> str:
        return f"connect failed after {seconds(self.took)}: {self.error}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestQueued(_Event):
    """A request found no free connection and waits."""

    holder: HolderSnapshot
    waiting: int
    """How many wait for a connection to its host now, itself included."""

    def _told(self) -> str:
        return f"queued, {self.waiting} waiting: {self.holder.target}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestAssigned(_Event):
    """A request was given a connection. Times in seconds."""

    holder: HolderSnapshot
    waited: float
    """Since it asked: in the queue, and for its connection to be made."""
    reused: bool
    """The connection had carried requests before."""

    def _told(self) -> str:
        kind = "kept" if self.reused else "new"
        return f"{kind}, after {seconds(self.waited)}: {self.holder.target}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestReleased(_Event):
    """A request gave its connection back. Times in seconds."""

    holder: HolderSnapshot
    held: float
    reason: str | None
    """Why the connection cannot be used again; ``None`` if it can."""

    def _told(self) -> str:
        state = "free" if self.reason is None else self.reason
        return f"{state} after {seconds(self.held)}: {self.holder.target}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRetried(_Event):
    """The connection broke, and the request is sent again on another."""

    holder: HolderSnapshot
    attempt: int
    """1 for the first time it is sent again."""

    def _told(self) -> str:
        return f"broke, attempt {self.attempt} follows: {self.holder.target}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolTimedOut(_Event):
    """A request waited in vain; its ``PoolTimeout`` says the same."""

    holder: HolderSnapshot
    diagnosis: Diagnosis

    def _told(self) -> str:
        verdict = self.diagnosis.verdict.value
        return f"{self.diagnosis.message}: {verdict}; {self.holder.target}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeakSuspected(_Event):
    """A response was collected unclosed; its connection came back by that alone."""

    holder: HolderSnapshot
    """``created_at`` is where it was opened; known in debug mode only."""

    def _told(self) -> str:
        return f"response was never closed: {self.holder}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseHeldLong(_Event):
    """A request has had its connection for longer than the threshold. Said once."""

    holder: HolderSnapshot

    def _told(self) -> str:
        return f"held for {seconds(self.holder.held)}: {self.holder}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseReturned(_Event):
    """What ``LeaseHeldLong`` was said of came back after all."""

    holder: HolderSnapshot

    def _told(self) -> str:
        return f"returned after {seconds(self.holder.held)}: {self.holder.target}"


PoolEvent: TypeAlias = (
    ConnectionOpened
    | ConnectionClosed
    | ConnectFailed
    | RequestQueued
    | RequestAssigned
    | RequestReleased
    | RequestRetried
    | PoolTimedOut
    | LeakSuspected
    | LeaseHeldLong
    | LeaseReturned
)

# -- made of what the pool has; its lock is held ----------------------------------


def connection_opened(connection: Connection, now: float) -> ConnectionOpened:
    return ConnectionOpened(
        origin=origin_of(connection.host.key),
        at=now,
        connection=connection.number,
        protocol=connection.protocol.value,
        took=now - connection.since,
    )


def connection_closed(
    connection: Connection, reason: Reason, now: float
) -> ConnectionClosed:
    return ConnectionClosed(
        origin=origin_of(connection.host.key),
        at=now,
        connection=connection.number,
        reason=reason.name.lower(),
        age=now - connection.since,
        requests=connection.served,
    )


def connect_failed(
    connection: Connection, failure: object, now: float
) -> ConnectFailed:
    text = one_line(str(getattr(failure, "value", failure)), LONGEST_ERROR)
    return ConnectFailed(
        origin=origin_of(connection.host.key),
        at=now,
        connection=connection.number,
        error=text or type(failure).__name__,
        took=now - connection.since,
    )


def request_queued(ticket: Ticket, now: float) -> RequestQueued:
    assert ticket.host is not None, "a ticket that waits has a host"
    return RequestQueued(
        origin=origin_of(ticket.key),
        at=now,
        holder=holder_snapshot(ticket, now),
        waiting=ticket.host.queued,
    )


def request_assigned(ticket: Ticket, now: float) -> RequestAssigned:
    return RequestAssigned(
        origin=origin_of(ticket.key),
        at=now,
        connection=_number(ticket),
        holder=holder_snapshot(ticket, now),
        waited=now - ticket.asked_at,
        reused=ticket.reused,
    )


def request_released(
    ticket: Ticket, reason: Reason | None, now: float
) -> RequestReleased:
    """To be made while *ticket* still has its connection."""
    holder = holder_snapshot(ticket, now)
    return RequestReleased(
        origin=origin_of(ticket.key),
        at=now,
        connection=_number(ticket),
        holder=holder,
        held=holder.held,
        reason=None if reason is None else reason.name.lower(),
    )


def request_retried(ticket: Ticket, broken: int, now: float) -> RequestRetried:
    """Tell of *ticket*, which asks again; *broken* is the connection it had."""
    return RequestRetried(
        origin=origin_of(ticket.key),
        at=now,
        connection=broken,
        holder=holder_snapshot(ticket, now),
        attempt=ticket.attempts,
    )


def pool_timed_out(ticket: Ticket, diagnosis: Diagnosis, now: float) -> PoolTimedOut:
    return PoolTimedOut(
        origin=origin_of(ticket.key),
        at=now,
        holder=holder_snapshot(ticket, now),
        diagnosis=diagnosis,
    )


def leak_suspected(ticket: Ticket, now: float) -> LeakSuspected:
    """To be made while *ticket* still has its connection."""
    return LeakSuspected(
        origin=origin_of(ticket.key),
        at=now,
        connection=_number(ticket),
        holder=holder_snapshot(ticket, now),
    )


def lease_held_long(ticket: Ticket, now: float) -> LeaseHeldLong:
    return LeaseHeldLong(
        origin=origin_of(ticket.key),
        at=now,
        connection=_number(ticket),
        holder=holder_snapshot(ticket, now),
    )


def lease_returned(ticket: Ticket, now: float) -> LeaseReturned:
    """To be made while *ticket* still has its connection."""
    return LeaseReturned(
        origin=origin_of(ticket.key),
        at=now,
        connection=_number(ticket),
        holder=holder_snapshot(ticket, now),
    )


def _number(ticket: Ticket) -> int | None:
    return None if ticket.connection is None else ticket.connection.number


for _public in PoolEvent.__args__:
    _public.__module__ = "mooring"
