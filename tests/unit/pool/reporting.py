"""Pools in the states that reports are about, and the requests in them.

Everything is brought about by the core's own inputs; what the shell would do to a
ticket (its holder, the phase) is done here by hand.
"""

from __future__ import annotations

from mooring import URL
from mooring._pool.holder import Holder, Phase
from mooring._pool.model import Connection, Ticket, TicketState
from mooring._pool.route import Route

from .harness import Harness

A: Route = ("https", "a.example", 443)
B: Route = ("http", "b.example", 8080)


class Task:
    """Something with a name, as tasks have, that can end."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_over = False

    def get_name(self) -> str:
        return self.name

    def done(self) -> bool:
        return self.is_over


def url_of(key: Route, path: str = "/") -> URL:
    return URL(f"{key[0]}://{key[1]}:{key[2]}{path}")


def asks(
    h: Harness,
    key: Route = A,
    path: str = "/",
    *,
    method: str = "GET",
    task: object = None,
) -> Ticket:
    """A request that asks the pool, whatever comes of it."""
    ticket = h.request(key)
    ticket.holder = Holder(method, url_of(key, path), task)
    return ticket


def holds(
    h: Harness,
    phase: Phase,
    key: Route = A,
    path: str = "/",
    *,
    task: object = None,
    created_at: str | None = None,
) -> Ticket:
    """A request that has a connection since now, and is in *phase* since now."""
    ticket = h.request(key)
    if ticket.state is TicketState.QUEUED:
        assert ticket.dial is not None
        h.dial_ok(ticket.dial)
    h.activate(ticket)
    ticket.holder = Holder("GET", url_of(key, path), task, created_at)
    enters(h, ticket, phase)
    return ticket


def enters(h: Harness, ticket: Ticket, phase: Phase) -> None:
    """The shell says how far the request of *ticket* is."""
    holder = ticket.holder
    assert isinstance(holder, Holder)
    holder.phase = phase
    holder.since = h.now


def is_granted(h: Harness, ticket: Ticket, phase: Phase) -> None:
    """A request that waited has its connection now, and goes on."""
    h.activate(ticket)
    enters(h, ticket, phase)


def lease_of(ticket: Ticket) -> Connection:
    connection = ticket.connection
    assert connection is not None
    return connection
