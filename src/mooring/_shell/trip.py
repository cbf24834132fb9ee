"""What a response needs to keep of the connection it came over."""

from __future__ import annotations

from mooring._pool.info import ConnectionInfo, DialInfo
from mooring._pool.model import Connection, Ticket


class Trip:
    """Numbers of one exchange; a ``ConnectionInfo`` is made of them when asked for."""

    __slots__ = ("_age", "_dial", "_first_byte", "_number", "_request", "_waited")

    def __init__(
        self, ticket: Ticket, lease: Connection, dial: DialInfo, answered_at: float
    ) -> None:
        granted_at = ticket.granted_at
        self._number = lease.number
        self._request = lease.served
        self._age = granted_at - lease.since
        self._waited = granted_at - ticket.asked_at
        self._first_byte = answered_at - granted_at
        self._dial = dial

    def info(self) -> ConnectionInfo:
        """Return the record that users see."""
        return ConnectionInfo(
            number=self._number,
            request_number=self._request,
            age=self._age,
            waited=self._waited,
            first_byte=self._first_byte,
            dial=self._dial,
        )
