"""Whose turn it is to dial when there are fewer slots than wishes.

Only the oldest uncovered ticket of each host competes, by age (docs/adr/0003).
"""

from __future__ import annotations

import heapq

from .ledger import Ledger
from .model import Host, PoolLimits


class Turns(Ledger):
    """The books, and the hosts that wait for a slot in order of age."""

    __slots__ = ("_blocked",)

    def __init__(
        self, limits: PoolLimits, *, inline_dials: bool = False, seed: int = 0
    ) -> None:
        super().__init__(limits, inline_dials=inline_dials, seed=seed)
        self._blocked: list[tuple[int, int, Host]] = []
        """Heap of hosts whose oldest uncovered ticket needs a slot. Entries are
        checked when they reach the top, so they may be out of date below it."""

    def _enlist(self, host: Host) -> None:
        """Enter *host* among the blocked, if it wants a dial and is not there."""
        if not self._wants_dial(host):
            return
        first = host.waiting.first
        assert first is not None
        if host.enlisted_rank and host.enlisted_rank <= first.rank:
            return
        host.enlisted_rank = first.rank
        heapq.heappush(self._blocked, (first.rank, host.number, host))
        if len(self._blocked) > 2 * len(self.hosts) + 8:
            self._sweep_blocked()

    def _sweep_blocked(self) -> None:
        """Drop what hosts that are long gone left among the blocked."""
        kept = []
        for entry in self._blocked:
            rank, _, host = entry
            if rank == host.enlisted_rank and self._wants_dial(host):
                kept.append(entry)
            elif rank == host.enlisted_rank:
                host.enlisted_rank = 0
        heapq.heapify(kept)
        self._blocked = kept

    def _oldest_blocked(self) -> Host | None:
        """The host whose oldest uncovered ticket is next to get a slot."""
        blocked = self._blocked
        while blocked:
            rank, number, host = blocked[0]
            if rank != host.enlisted_rank:
                heapq.heappop(blocked)  # a newer entry stands elsewhere
            elif not self._wants_dial(host):
                heapq.heappop(blocked)
                host.enlisted_rank = 0
            else:
                first = host.waiting.first
                assert first is not None
                if first.rank == rank:
                    return host
                host.enlisted_rank = first.rank
                heapq.heapreplace(blocked, (first.rank, number, host))
        return None
