"""Happy Eyeballs: which address is tried when (RFC 8305), as one pure plan.

1. Families take turns, in the resolver's order within each, its first one first.
2. An attempt that takes longer than the stagger is joined by the next, not ended.
3. An attempt that fails is followed at once; what is due after it moves up.
4. The deadline is one for all attempts together.
5. Nothing that failed is forgotten.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from itertools import zip_longest
from typing import Generic, Protocol, TypeAlias, TypeVar

__all__ = ["ConnectPlan", "GiveUp", "HasIP", "Start", "Step", "Wait", "interleaved"]

STAGGER = 0.25  # RFC 8305 section 5 recommends it
MAX_ADDRESSES = 8  # so that no name server can have us knock at a thousand doors


class HasIP(Hashable, Protocol):
    """An address: all that matters here is which family it is of."""

    @property
    def ip(self) -> str: ...


A = TypeVar("A", bound=HasIP)


@dataclass(frozen=True, slots=True)
class Start(Generic[A]):
    """Begin to connect to *address* now, then ask again."""

    address: A


@dataclass(frozen=True, slots=True)
class Wait:
    """Ask again at *until*, or when an attempt has ended; ``math.inf``: only then."""

    until: float


@dataclass(frozen=True, slots=True)
class GiveUp(Generic[A]):
    """End what still runs: there will be no connection."""

    failures: tuple[tuple[A, OSError], ...]
    """What went wrong, in the order in which it did."""
    unanswered: tuple[A, ...]
    """What was being tried when the time was over; empty if it was not."""
    untried: tuple[A, ...]
    """What there was no time for, or what was beyond the limit."""


Step: TypeAlias = Start[A] | Wait | GiveUp[A]


class ConnectPlan(Generic[A]):
    """One connection to one of several addresses.

    Do what ``next`` says; tell ``failed`` and ``connected`` how attempts end. All
    times are on one clock, that of the caller; the deadline may be ``math.inf``.

    >>> from collections import namedtuple
    >>> six, four = map(namedtuple("Address", "ip"), ("2001:db8::1", "192.0.2.1"))
    >>> plan = ConnectPlan([six, four], deadline=5.0)
    >>> plan.next(0.0), plan.next(0.0)
    (Start(address=Address(ip='2001:db8::1')), Wait(until=0.25))
    >>> plan.next(0.25), plan.next(0.25)
    (Start(address=Address(ip='192.0.2.1')), Wait(until=5.0))
    >>> plan.connected(four), plan.pending
    (True, (Address(ip='2001:db8::1'),))
    """

    __slots__ = (
        "_beyond",
        "_deadline",
        "_due",
        "_failures",
        "_pending",
        "_stagger",
        "_waiting",
        "winner",
    )

    def __init__(
        self,
        addresses: Iterable[A],
        *,
        deadline: float = math.inf,
        stagger: float = STAGGER,
        max_addresses: int = MAX_ADDRESSES,
    ) -> None:
        order = interleaved(addresses)
        self._waiting = order[:max_addresses][::-1]  # the next one is the last
        self._beyond = tuple(order[max_addresses:])
        self._deadline = deadline
        self._stagger = stagger
        self._due = -math.inf  # when the next attempt may begin
        self._pending: dict[A, None] = {}
        self._failures: list[tuple[A, OSError]] = []
        self.winner: A | None = None
        """The address that was reached first."""

    @property
    def pending(self) -> tuple[A, ...]:
        """The attempts that run; to be ended once there is a winner."""
        return tuple(self._pending)

    @property
    def doing(self) -> str:
        """What is being waited for, as a text on a timeout says it."""
        return (
            f"connecting to {', '.join(a.ip for a in self._pending) or 'nothing yet'}"
        )

    def next(self, now: float) -> Step[A]:
        """Say what to do, until there is a winner."""
        if now >= self._deadline or not (self._waiting or self._pending):
            return self._give_up()
        if not self._waiting:
            return Wait(self._deadline)
        if now < self._due:
            return Wait(min(self._due, self._deadline))
        address = self._waiting.pop()
        self._pending[address] = None
        self._due = now + self._stagger
        return Start(address)

    def failed(self, address: A, error: OSError) -> None:
        """Take note that an attempt has ended without a connection."""
        del self._pending[address]
        self._failures.append((address, error))
        self._due = -math.inf

    def connected(self, address: A) -> bool:
        """Take note of a connection; say whether to keep it.

        Only the first is kept. The attempts in ``pending`` are to be ended then.
        """
        del self._pending[address]
        if self.winner is not None:
            return False
        self.winner = address
        return True

    def _give_up(self) -> GiveUp[A]:
        untried = (*reversed(self._waiting), *self._beyond)
        return GiveUp(tuple(self._failures), tuple(self._pending), untried)


def interleaved(addresses: Iterable[A]) -> list[A]:
    """Let the families take turns (RFC 8305 section 4); once each.

    >>> from collections import namedtuple
    >>> found = map(namedtuple("Address", "ip"), ("::1", "::2", "::3", "1.1.1.1"))
    >>> [address.ip for address in interleaved(found)]
    ['::1', '1.1.1.1', '::2', '::3']
    """
    unique = list(dict.fromkeys(addresses))
    if not unique:
        return []
    favoured = _is_six(unique[0])
    first = [address for address in unique if _is_six(address) is favoured]
    second = [address for address in unique if _is_six(address) is not favoured]
    turns = zip_longest(first, second)
    return [address for turn in turns for address in turn if address is not None]


def _is_six(address: HasIP) -> bool:
    return ":" in address.ip
