"""When connections with a deadline of their own are due."""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping

from .model import Connection


class Alarms:
    """A heap with lazy deletion; at most one entry of each connection counts.

    That one stands at ``connection.alarm``. It may be early: whoever is rung looks
    whether it is time, and is entered again if not. So a deadline that moves back
    with every response costs nothing until the first one is reached.
    """

    def __init__(self, connections: Mapping[int, Connection]) -> None:
        self._connections = connections
        """Those that there are: what is not in it is closed."""
        self._heap: list[tuple[float, int]] = []
        """By number, so that nothing here keeps a closed connection alive."""

    def __len__(self) -> int:
        return len(self._heap)

    def set(self, connection: Connection, at: float) -> None:
        """Ring for *connection* at *at*, if nothing will before."""
        if at < connection.alarm:
            connection.alarm = at
            heapq.heappush(self._heap, (at, connection.number))
            self.sweep()

    def sweep(self) -> None:
        """Drop the entries that do not count, if they are too many."""
        if len(self._heap) > 2 * len(self._connections) + 16:
            there = self._connections.values()
            self._heap = [(c.alarm, c.number) for c in there if c.alarm < math.inf]
            heapq.heapify(self._heap)

    @property
    def next(self) -> float:
        """When the next one rings; ``math.inf`` if none will."""
        heap = self._heap
        while heap:
            at, number = heap[0]
            connection = self._connections.get(number)
            if connection is not None and connection.alarm == at:
                return at
            heapq.heappop(heap)
        return math.inf

    def rung(self, now: float) -> Connection | None:
        """Take out a connection whose time has come."""
        if now < self.next or not self._heap:
            return None
        _, number = heapq.heappop(self._heap)
        connection = self._connections[number]
        connection.alarm = math.inf
        return connection

    def clear(self) -> None:
        """Forget them all."""
        self._heap.clear()
        for connection in self._connections.values():
            connection.alarm = math.inf
