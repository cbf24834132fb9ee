"""The linked list under every queue of the pool."""

from __future__ import annotations

from mooring._pool.chain import Chain, Link


class Seat:
    def __init__(self, age: int) -> None:
        self.age = age
        self.link: Link[Seat] = Link(self)


def ages(chain: Chain[Seat]) -> list[int]:
    return [seat.age for seat in chain]


def filled(*numbers: int) -> tuple[Chain[Seat], list[Seat]]:
    chain: Chain[Seat] = Chain()
    seats = [Seat(n) for n in numbers]
    for seat in seats:
        chain.append(seat.link)
    return chain, seats


def test_an_empty_chain_has_no_ends() -> None:
    """Asking costs no check of the length."""
    chain, _ = filled()

    assert not chain
    assert (chain.first, chain.last, len(chain)) == (None, None, 0)


def test_order_is_that_of_arrival() -> None:
    """First in front, last at the end."""
    chain, seats = filled(1, 2, 3)

    assert [1, 2, 3] == ages(chain)
    assert (seats[0], seats[2]) == (chain.first, chain.last)


def test_anyone_may_leave_from_the_middle() -> None:
    """And leaving twice is leaving once."""
    chain, seats = filled(1, 2, 3)
    seats[1].link.unlink()
    seats[1].link.unlink()

    assert [1, 3] == ages(chain)
    assert len(chain) == 2


def test_one_may_leave_while_all_are_visited() -> None:
    """The pool empties its queues that way."""
    chain, _ = filled(1, 2, 3)
    for seat in chain:
        seat.link.unlink()

    assert [] == ages(chain)
