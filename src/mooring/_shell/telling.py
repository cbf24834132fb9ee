"""Events of a pool: gathered inside its critical section, told outside of it."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from mooring._pool import events
from mooring._pool.model import ConnectionState, TicketState

if TYPE_CHECKING:
    from mooring._pool.events import PoolEvent
    from mooring._pool.model import Connection, Reason, Ticket
    from mooring._pool.report import Diagnosis

_logger = logging.getLogger("mooring.pool")


class Teller:
    """Makes events if somebody listens, and hands them over when nothing is locked.

    A listener that raises is logged and stays; a request never fails because of it.
    """

    __slots__ = ("_listener", "_now", "_untold")

    def __init__(
        self, listener: Callable[[PoolEvent], object], now: Callable[[], float]
    ) -> None:
        self._listener = listener
        self._now = now
        self._untold: deque[PoolEvent] = deque()

    def tell(self) -> None:
        """Hand over what was gathered. Users' code runs here."""
        untold = self._untold
        while untold:
            try:
                event = untold.popleft()
            except IndexError:
                return  # another thread was quicker
            try:
                self._listener(event)
            except Exception:
                _logger.exception("the on_event callback failed at %s", event)

    # -- inside the critical section ------------------------------------------

    def opened(self, connection: Connection) -> None:
        if connection.state is not ConnectionState.CLOSED:
            self._untold.append(events.connection_opened(connection, self._now()))

    def closed(self, connection: Connection, reason: Reason) -> None:
        now = self._now()
        self._untold.append(events.connection_closed(connection, reason, now))

    def not_opened(self, connection: Connection, failure: object) -> None:
        if connection.state is ConnectionState.DIALING:
            now = self._now()
            self._untold.append(events.connect_failed(connection, failure, now))

    def asked(self, ticket: Ticket) -> None:
        """*ticket* has asked for a connection: it waits, or has one."""
        now = self._now()
        if ticket.state is TicketState.QUEUED:
            self._untold.append(events.request_queued(ticket, now))
        else:
            self.woken(ticket)

    def woken(self, ticket: Ticket) -> None:
        """*ticket* left the queue, maybe with a connection."""
        if ticket.connection is not None:
            self._untold.append(events.request_assigned(ticket, self._now()))

    def releasing(self, ticket: Ticket, reason: Reason | None) -> None:
        """*ticket* is about to give its connection back."""
        if ticket.connection is not None:
            now = self._now()
            self._untold.append(events.request_released(ticket, reason, now))

    def leaked(self, ticket: Ticket) -> None:
        """The response of *ticket* was dropped without being closed."""
        if ticket.connection is not None:
            self._untold.append(events.leak_suspected(ticket, self._now()))

    def retried(self, ticket: Ticket, broken: Connection) -> None:
        now = self._now()
        self._untold.append(events.request_retried(ticket, broken.number, now))

    def timed_out(self, ticket: Ticket, diagnosis: Diagnosis) -> None:
        now = self._now()
        self._untold.append(events.pool_timed_out(ticket, diagnosis, now))

    def held_long(self, ticket: Ticket) -> None:
        self._untold.append(events.lease_held_long(ticket, self._now()))

    def returned(self, ticket: Ticket) -> None:
        if ticket.connection is not None:
            self._untold.append(events.lease_returned(ticket, self._now()))
