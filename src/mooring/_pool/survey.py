"""What stands in the way of one request: the slots it could have, and their use.

However many wait at once, it looks at no more than ``MOST_SEEN`` connections and as
many tickets: when a whole storm times out, each of its requests asks.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING

from .holder import Holder, Phase
from .model import Connection, ConnectionState, Protocol, Ticket
from .snapshot import failure_text
from .verdict import (
    CONNECTING,
    LIMIT_TOO_LOW,
    RECENT,
    SLOW_SERVER,
    UNREAD,
    Verdict,
    blame,
    verdict,
)

if TYPE_CHECKING:
    from .core import PoolCore

DIALING = ConnectionState.DIALING
DETACHED = ConnectionState.DETACHED
PARKED = ConnectionState.PARKED
SENDING = Phase.SENDING
MOST_SEEN = 1000


class Survey:
    """The slots that a ticket in the queue could have had, and what each is doing."""

    setting: str
    limit: float
    in_use: int
    """As in ``Diagnosis``."""

    def __init__(self, core: PoolCore, ticket: Ticket, now: float) -> None:
        assert ticket.host is not None, "a ticket that waits has a host"
        self.core = core
        self.ticket = ticket
        self.host = ticket.host
        self.now = now
        self.waited = now - ticket.asked_at
        self.holding: list[Ticket] = []
        self.dials: list[Connection] = []
        seen = self._choose()
        causes = list(self._judge(seen))
        self.slots = len(causes)
        self.blamed = {cause: causes.count(cause) for cause in Verdict}
        if self.setting == "streams":
            shared = [c for c in seen if c.protocol is Protocol.HTTP2]
            self.in_use = sum(c.zombies + len(c.tickets) for c in shared)
            self.limit = sum(c.cap for c in shared)
        self.verdict = verdict(self.blamed, is_deadlock=self._is_deadlock())

    def _choose(self) -> Sequence[Connection]:
        """Find out which limit is reached, and what counts against it."""
        core, host = self.core, self.host
        everywhere = core.connections.values()
        mine = (c for c in everywhere if c.host is host)
        if host.count >= host.limit:
            own = host.limit != core.limits.max_per_host
            self.setting = "per_host" if own else "max_connections_per_host"
            self.limit, self.in_use = host.limit, host.count
        elif core.total >= core.limits.max_connections:
            self.setting = "max_connections"
            self.limit, self.in_use = core.limits.max_connections, core.total
            return list(islice(everywhere, MOST_SEEN))
        else:
            self.setting = "streams"
            self.limit, self.in_use = math.inf, 0
        return list(islice(mine, MOST_SEEN))

    def _judge(self, seen: Sequence[Connection]) -> Iterator[Verdict]:
        """Yield what each slot is to be blamed on, and sort out whose it is."""
        now, waited = self.now, self.waited
        for connection in seen:
            for ticket in connection.tickets:
                self.holding.append(ticket)
                holder: Holder | None = ticket.holder
                granted = since = ticket.granted_at
                phase = SENDING
                if holder is not None:
                    phase = holder.phase
                    if holder.since > since:
                        since = holder.since
                yield blame(
                    phase, waited=waited, seconds=now - since, held=now - granted
                )
            if connection.state is DIALING:
                self.dials.append(connection)
                age = now - connection.since
                failing = self._is_recent(connection.host.last_failure)
                yield blame(
                    CONNECTING, waited=waited, seconds=age, held=age, failing=failing
                )
            elif connection.state is DETACHED:
                yield LIMIT_TOO_LOW  # the caller's: only more slots would help
            elif connection.state is PARKED:
                yield SLOW_SERVER  # it allows us no stream

    def _is_recent(self, failure: tuple[object, float] | None) -> bool:
        window = max(self.waited, RECENT)
        return failure is not None and self.now - failure[1] <= window

    def _is_deadlock(self) -> bool:
        """Say whether all of it is held by tasks that wait for a connection.

        Nothing can come free then. True of one task that asks for a second
        connection, and of many that do so together. Where the limit is that of a
        host, they must wait for the same: elsewhere something may come free.
        """
        if not self.holding or not len(self.holding) == self.slots < MOST_SEEN:
            return False
        wanted: set[int] = set()
        for ticket in self.holding:
            holder: Holder | None = ticket.holder
            if holder is None or holder.phase is not UNREAD or not holder.token:
                return False
            wanted.add(holder.token)
        if self.ticket.holder is not None:
            wanted.discard(self.ticket.holder.token)
        anywhere = self.setting == "max_connections"
        hosts = self.core.hosts.values() if anywhere else [self.host]
        queued = chain.from_iterable(chain(h.covered, h.waiting) for h in hosts)
        for ticket in islice(queued, MOST_SEEN):
            if not wanted:
                break
            if ticket.holder is not None:
                wanted.discard(ticket.holder.token)
        return not wanted

    # -- questions ------------------------------------------------------------------

    @property
    def place(self) -> int | None:
        """Its place in the queue of its host, if that is not too far back to count."""
        rank = self.ticket.rank
        covered = islice(self.host.covered, MOST_SEEN)
        before = sum(other.rank < rank for other in covered)
        for place, other in enumerate(islice(self.host.waiting, MOST_SEEN), before + 1):
            if other is self.ticket:
                return place
        return None

    @property
    def oldest_dial(self) -> float:
        """Seconds for which a connection in its way has been in the making."""
        return max((self.now - dial.since for dial in self.dials), default=0.0)

    @property
    def last_failure(self) -> str | None:
        """The last failed connect of its host, or of any, if that was lately."""
        host, anywhere = self.host.last_failure, self.core.last_failure
        if host is None and anywhere is not None:
            host = anywhere[1:]
        if host is None or not self._is_recent(host):
            return None
        return failure_text(*host, self.now)

    def longest(self, number: int) -> Iterable[Ticket]:
        """Return who has held a connection for longest."""
        return heapq.nsmallest(number, self.holding, key=lambda t: t.granted_at)

    def own(self) -> Iterable[Ticket]:
        """Return what the task that waits holds itself."""
        mine: Holder | None = self.ticket.holder
        token = 0 if mine is None else mine.token
        if not token:
            return []
        return [t for t in self.holding if t.holder and t.holder.token == token]
