"""A doubly linked list with removal from the middle in constant time.

A dict is no queue (deleting from its front leaves tombstones that the next look
at the front walks over), and ``deque`` cannot give up an element in the middle.
Links live as long as their owner, so moving between chains allocates nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Link(Generic[T]):
    """One owner's seat, in at most one chain at a time."""

    __slots__ = ("chain", "next", "owner", "prev")

    prev: Link[T]
    next: Link[T]
    """Neighbours, while in a chain."""

    def __init__(self, owner: T) -> None:
        self.owner = owner
        self.chain: Chain[T] | None = None

    def unlink(self) -> None:
        """Leave the chain, if in one."""
        chain = self.chain
        if chain is not None:
            self.prev.next = self.next
            self.next.prev = self.prev
            self.chain = None
            chain.length -= 1

    def leave_for_good(self) -> None:
        """Leave the chain, if in one, and forget the neighbours.

        A link that is kept after ``unlink`` still knows who stood beside it; one that
        is closed must not, or each would keep the next one alive.
        """
        self.unlink()
        self.prev = self.next = self


class Chain(Generic[T]):
    """Owners in order, oldest first unless its user says otherwise."""

    __slots__ = ("end", "length")

    def __init__(self) -> None:
        # The sentinel has no owner; it is never handed out.
        self.end: Link[T] = Link(None)  # type: ignore[arg-type]
        """Before the first and behind the last."""
        self.end.prev = self.end.next = self.end
        self.length = 0

    def __len__(self) -> int:
        return self.length

    def __bool__(self) -> bool:
        return self.length > 0

    def __iter__(self) -> Iterator[T]:
        link = self.end.next
        while link is not self.end:
            following = link.next
            yield link.owner
            link = following

    @property
    def first(self) -> T | None:
        return self.end.next.owner

    @property
    def last(self) -> T | None:
        return self.end.prev.owner

    def append(self, link: Link[T]) -> None:
        """Put *link*, which is in no chain, at the end."""
        self.insert(self.end, link)

    def insert(self, spot: Link[T], link: Link[T]) -> None:
        """Put *link*, which is in no chain, before *spot*."""
        assert link.chain is None, "a link sits in one chain at a time"
        before = spot.prev
        link.prev = before
        link.next = spot
        before.next = link
        spot.prev = link
        link.chain = self
        self.length += 1
