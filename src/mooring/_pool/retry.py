"""When a request may be sent once more because its connection failed it.

RFC 9110 section 9.2.2: a client may repeat a request by itself when it knows
that the method is idempotent, or that the first try was never acted upon.
"""

from __future__ import annotations

from dataclasses import dataclass

MAX_RETRIES = 3
"""Per request. Each costs a connection that died, so a loop cannot form."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the driver knows of an exchange whose connection failed."""

    sent: bool
    """At least one byte of the request was handed to the network."""
    answered: bool
    """At least one byte of a response came back."""
    idempotent: bool
    replayable: bool
    """The body can be sent again from its start."""
    promised: bool = False
    """The peer said that it did not act on it (GOAWAY, REFUSED_STREAM)."""


def may_retry(facts: Facts, *, reused: bool, attempts: int) -> bool:
    """Say whether the request may be sent again.

    Without a promise, only on a *reused* connection that stayed silent: that is
    how a server closing an idle connection looks. A fresh connection that dies
    is a fault to report.
    """
    if attempts >= MAX_RETRIES or not facts.replayable:
        return False
    if facts.promised:
        return True
    if not reused or facts.answered:
        return False
    return facts.idempotent or not facts.sent
