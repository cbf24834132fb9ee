"""Old bugs, put back one by one: the checker must notice each within a short run.

A check that no known bug can fail proves nothing about unknown ones.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from mooring._pool.core import PoolCore
from mooring._pool.effects import Close, Effect
from mooring._pool.ledger import CLOSED, DIALING, LEASABLE
from mooring._pool.model import (
    Connection,
    Host,
    PoolLimits,
    Protocol,
    Reason,
    Ticket,
    TicketState,
)

from .harness import Harness
from .walk import Alphabet, wander

PLAIN = Alphabet(closes=False, max_tickets=25)
BOTH = Alphabet(shared_keys=("m",), keys=("a",), flips=False, max_tickets=25)


class ForgetsTheLease(PoolCore):
    """A cancelled ticket keeps the connection that it was just given."""

    def cancelled(
        self, ticket: Ticket, *, now: float, reason: Reason = Reason.CANCELLED
    ) -> Sequence[Effect]:
        if ticket.state is TicketState.ASSIGNED:
            self._finish(ticket, TicketState.CANCELLED)
            return ()
        return super().cancelled(ticket, now=now, reason=reason)


class KeepsTheSlot(PoolCore):
    """What a cancelled ticket gives back is put to rest, whoever waits for it."""

    def cancelled(
        self, ticket: Ticket, *, now: float, reason: Reason = Reason.CANCELLED
    ) -> Sequence[Effect]:
        connection = ticket.connection
        if connection is None or connection.cap > 1:
            return super().cancelled(ticket, now=now, reason=reason)
        self._unlease(connection, ticket)
        self._place(connection, now)
        self._finish(ticket, TicketState.CANCELLED)
        return self._flush()


class LosesTheFailedSlot(PoolCore):
    """A failed dial wakes nobody but its own ticket."""

    def dial_failed(
        self, connection: Connection, failure: object, *, now: float
    ) -> Sequence[Effect]:
        if connection.state is not DIALING:
            return ()
        self._counts["failed"] += 1
        cohort = self._end_dial(connection, now)
        self._gone(connection)
        for ticket in cohort:
            self._fail_queued(ticket, failure)
        self._tidy(connection.host)
        return self._flush()


class LeavesWaiters(PoolCore):
    """Closing the pool closes connections and forgets those who wait."""

    def _fail_queued(self, ticket: Ticket, failure: object) -> None:
        if not self.is_closed:
            super()._fail_queued(ticket, failure)


class IgnoresTheRaise(PoolCore):
    """A raised stream limit is noted, and those who wait for it wait on."""

    def cap_changed(
        self, connection: Connection, cap: int, *, now: float
    ) -> Sequence[Effect]:
        if connection.state in LEASABLE:
            connection.cap = cap
            self._place(connection, now)
        return self._flush()


class OvertakesForEver(PoolCore):
    """The young reuse their connections, however long the old have waited."""

    def _may_overtake(self, connection: Connection, ticket: Ticket) -> bool:
        return True


class AssignsTwice(PoolCore):
    """A connection on its way to one ticket still looks idle to the next."""

    def _admit(self, ticket: Ticket, now: float) -> None:
        for connection in self.connections.values():
            if connection.host.key == ticket.key and connection.tickets:
                ticket.host = connection.host
                self._lease(connection, ticket, now)
                return
        super()._admit(ticket, now)


class EvictsTheLeased(PoolCore):
    """At the limit, the oldest connection goes, in use or not."""

    def _make_room(self, host: Host, now: float) -> bool:
        if self.total >= self.limits.max_connections:
            oldest = min(self.connections.values(), key=lambda c: c.number)
            if oldest.state is not DIALING:
                self._close(oldest, Reason.EVICTED)
                self._tidy(oldest.host)
                return True
        return super()._make_room(host, now)


class DialsBeforeClosing(PoolCore):
    """The new connection is opened first, the old one closed after it."""

    def _flush(self) -> Sequence[Effect]:
        effects = list(super()._flush())
        return sorted(effects, key=lambda effect: isinstance(effect, Close))


class ServesTheYoungest(PoolCore):
    """Last come, first served."""

    def _next_in_line(self, host: Host) -> Ticket | None:
        return host.waiting.last or super()._next_in_line(host)


class WakesTwice(PoolCore):
    """A ticket that has its answer is woken again."""

    def dialled(
        self, connection: Connection, protocol: Protocol, *, cap: int = 1, now: float
    ) -> Sequence[Effect]:
        effects = super().dialled(connection, protocol, cap=cap, now=now)
        return [*effects, *effects[:1]]


class DropsTheOrphan(PoolCore):
    """A dial whose ticket left is forgotten, and its slot with it."""

    def _pass_on(self, dial: Connection, now: float) -> None:
        dial.spot.unlink()


class LeaksTheLateDial(PoolCore):
    """A dial that succeeds after it was called off is not closed."""

    def dialled(
        self, connection: Connection, protocol: Protocol, *, cap: int = 1, now: float
    ) -> Sequence[Effect]:
        if connection.state is CLOSED:
            return ()
        return super().dialled(connection, protocol, cap=cap, now=now)


MUTANTS: list[tuple[type[PoolCore], Alphabet]] = [
    (ForgetsTheLease, PLAIN),
    (KeepsTheSlot, PLAIN),
    (LosesTheFailedSlot, PLAIN),
    (LeavesWaiters, PLAIN),
    (IgnoresTheRaise, BOTH),
    (OvertakesForEver, PLAIN),
    (AssignsTwice, PLAIN),
    (EvictsTheLeased, PLAIN),
    (DialsBeforeClosing, PLAIN),
    (ServesTheYoungest, PLAIN),
    (WakesTwice, PLAIN),
    (DropsTheOrphan, PLAIN),
    (LeaksTheLateDial, PLAIN),
]


def run(core: type[PoolCore], alphabet: Alphabet, seed: int) -> None:
    limits = PoolLimits(
        max_connections=(1, 2, 3, math.inf)[seed % 4],
        bypass_budget=seed % 3,
        keepalive_expiry=(math.inf, 3)[seed % 2],
    )
    h = Harness(limits, core=core)
    wander(h, alphabet, seed=seed, steps=40)
    for dial in list(h.late):
        h.dial_ok(dial)
    if seed % 2:
        h.drain_out()
    h.close()


@pytest.mark.parametrize(
    ("mutant", "alphabet"), MUTANTS, ids=lambda v: getattr(v, "__name__", "")
)
def test_the_checker_sees_the_bug(mutant: type[PoolCore], alphabet: Alphabet) -> None:
    """A core with a classic bug in it fails within eighty short histories."""

    def search() -> None:
        for seed in range(80):
            run(mutant, alphabet, seed)

    # Some trip an assertion of the core itself first, which is as good.
    with pytest.raises(AssertionError):
        search()


@pytest.mark.parametrize("alphabet", [PLAIN, BOTH], ids=["plain", "both"])
def test_the_checker_passes_the_original(alphabet: Alphabet) -> None:
    """The same histories find nothing in the core as it is."""
    for seed in range(40):
        run(PoolCore, alphabet, seed)
