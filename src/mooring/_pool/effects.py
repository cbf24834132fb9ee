"""What the shell must do after asking the core: data, in order.

Every effect can be carried out at once and without waiting, so a shell performs
the whole list before it does anything else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from .model import Connection, Reason, Ticket


class Wake:
    """The ticket left the queue: assigned, failed. Fires once per stay in it."""

    __slots__ = ("ticket",)

    def __init__(self, ticket: Ticket) -> None:
        self.ticket = ticket

    def __repr__(self) -> str:
        return f"Wake({self.ticket!r})"


class Rearm:
    """The ticket still waits, but its deadline moved: look at it again."""

    __slots__ = ("ticket",)

    def __init__(self, ticket: Ticket) -> None:
        self.ticket = ticket

    def __repr__(self) -> str:
        return f"Rearm({self.ticket!r})"


class Dial:
    """Open this connection and report ``dialled`` or ``dial_failed``."""

    __slots__ = ("connection",)

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def __repr__(self) -> str:
        return f"Dial({self.connection!r})"


class Abort:
    """Call the dial off; its result no longer matters."""

    __slots__ = ("connection",)

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def __repr__(self) -> str:
        return f"Abort({self.connection!r})"


class Close:
    """Close the connection now, without waiting; its slot is free already."""

    __slots__ = ("connection", "reason")

    def __init__(self, connection: Connection, reason: Reason) -> None:
        self.connection = connection
        self.reason = reason

    def __repr__(self) -> str:
        return f"Close({self.connection!r}, {self.reason.value})"


class Emptied:
    """The pool was ``closing`` and its last connection is gone. Comes once."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Emptied()"


Effect: TypeAlias = Wake | Rearm | Dial | Abort | Close | Emptied
