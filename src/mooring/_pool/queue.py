"""Tickets in the order in which they are to be served: by priority, then by age."""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import TYPE_CHECKING

from .chain import Chain, Link

if TYPE_CHECKING:
    from .model import Ticket


class Queue(Chain["Ticket"]):
    """One chain by rank. The last ticket of each priority is known.

    So a newcomer finds its place without walking over those of other priorities,
    and most often it belongs behind the last of its own.
    """

    __slots__ = ("_last", "_levels")

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[int, Ticket] = {}
        """The last ticket of each priority that somebody here has."""
        self._levels: list[int] = []
        """Those priorities, negated and in order: the first is served first."""

    def add(self, ticket: Ticket) -> None:
        """Put *ticket*, which is in no queue, in its place."""
        level = -ticket.priority
        last = self._last.get(level)
        if last is None:
            insort(self._levels, level)
        if last is None or last.rank < ticket.rank:
            self._last[level] = ticket
        if last is not None and last.rank < ticket.rank:
            spot = last.place.next
        else:
            # In front, over the few that are older still: what comes back into a
            # queue is older than nearly all that waits there.
            spot = self._front_of(level)
            while spot is not self.end and spot.owner.rank < ticket.rank:
                spot = spot.next
        self.insert(spot, ticket.place)

    def remove(self, ticket: Ticket) -> None:
        """Take *ticket*, which is in this queue, out of it."""
        place = ticket.place
        level = -ticket.priority
        if self._last[level] is ticket:
            before = place.prev
            if before is not self.end and before.owner.priority == ticket.priority:
                self._last[level] = before.owner
            else:
                del self._last[level]
                del self._levels[bisect_left(self._levels, level)]
        place.unlink()

    def _front_of(self, level: int) -> Link[Ticket]:
        """The link behind the last of the next higher priority."""
        above = bisect_left(self._levels, level) - 1
        if above < 0:
            return self.end.next
        return self._last[self._levels[above]].place.next
