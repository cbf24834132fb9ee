"""Rows of the catalogue about cancellation and timeouts, on virtual time."""

from __future__ import annotations

import asyncio

import pytest
import trio

import mooring

from .aio import AsyncioWorld
from .memory import MemoryWorld
from .peers import Visit, ok, slowly
from .tri import TrioWorld
from .world import Action, Job, Setup, World

ONE = Setup(limit=1)
LOOPS = (MemoryWorld, AsyncioWorld, TrioWorld)
in_loops = pytest.mark.parametrize("kind", LOOPS, ids=lambda kind: kind.name)


def play(world: World, action: Action) -> None:
    """Run *action* and the standard aftermath."""

    async def main() -> None:
        await action()
        await world.aftermath()

    world.run(main)


def asks(world: World, host: str, order: list[str], name: str) -> Job:
    """Start a request that enters its *name* into *order* when it is answered."""

    async def ask() -> None:
        await world.get(host)
        order.append(name)

    return world.start(ask, name)


async def in_two_parts(visit: Visit) -> bool:
    await visit.peer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nok")
    await visit.peer.sleep(0.04)
    await visit.peer.write(b"ok")
    return True


async def all_of(*jobs: Job) -> None:
    for job in jobs:
        await job.join()


@in_loops
@pytest.mark.parametrize("leaver", ["b", "c", "d"])
def test_row_02_cancel_while_queued(kind: type[World], leaver: str) -> None:
    """At the head, in the middle, at the tail: the others keep their order."""
    world = kind(ONE)

    async def scenario() -> None:
        world.serve("a.test", slowly)
        order: list[str] = []
        jobs: dict[str, Job] = {}
        for name in "abcd":
            jobs[name] = asks(world, "a.test", order, name)
            await world.sleep(0.01)
        jobs[leaver].cancel()
        await jobs[leaver].join()
        assert 2 == world.transport.stats().queued
        await all_of(*jobs.values())
        assert [name for name in "abcd" if name != leaver] == order

    play(world, scenario)


@in_loops
def test_row_03_cancel_in_the_tick_of_the_hand_off(kind: type[World]) -> None:
    """The lease goes to the next waiter in the same step."""
    world = kind(ONE)

    async def scenario() -> None:
        world.serve("a.test", slowly)
        response = await world.open("GET", "a.test")
        second = world.start(lambda: world.get("a.test"), "second")
        third = world.start(lambda: world.get("a.test"), "third")
        await world.sleep(0.05)
        await world.close_response(response)
        second.cancel()
        await all_of(second, third)
        assert second.cancelled
        assert 200 == third.result.status_code

    play(world, scenario)


# trio delivers a cancel that meets the hand-off at the next checkpoint, in the write.
@pytest.mark.parametrize("kind", LOOPS[:2], ids=lambda kind: kind.name)
def test_row_04_cancel_between_assignment_and_first_byte(kind: type[World]) -> None:
    """The connection is intact and reused, not closed."""
    world = kind(ONE)

    async def scenario() -> None:
        world.serve("a.test", in_two_parts)
        response = await world.open("GET", "a.test")
        second = world.start(lambda: world.get("a.test"), "second")
        await world.sleep(0.01)
        await world.close_response(response)
        second.cancel()
        await second.join()
        assert second.cancelled
        await world.get("a.test")
        assert ["a.test", 1] == [*world.connections.popitem()]
        assert 2 == len(world.served)

    play(world, scenario)


@in_loops
def test_row_05_cancel_in_the_middle_of_a_write(kind: type[World]) -> None:
    """The connection is closed, and its slot passed on."""
    world = kind(ONE)

    async def scenario() -> None:
        world.serve_mutely("a.test")
        world.serve("b.test")
        body = world.body(*[b"x" * 1000] * 10)
        sender = world.start(
            lambda: world.request("POST", "a.test", content=body), "sender"
        )
        await world.sleep(0.45)
        waiter = world.start(lambda: world.get("b.test"), "waiter")
        await world.sleep(0.1)
        sender.cancel()
        await all_of(sender, waiter)
        assert sender.cancelled
        assert 200 == waiter.result.status_code

    play(world, scenario)


@in_loops
def test_row_08_the_dial_outlives_its_sponsor(kind: type[World]) -> None:
    """Who waits behind it gets the connection; nothing is dialled twice."""
    world = kind(ONE)

    async def scenario() -> None:
        world.serve("a.test")
        sponsor = world.start(lambda: world.get("a.test"), "sponsor")
        waiter = world.start(lambda: world.get("a.test"), "waiter")
        await world.sleep(0)
        sponsor.cancel()
        await all_of(sponsor, waiter)
        assert 200 == waiter.result.status_code
        assert 1 == world.transport.stats().dials

    play(world, scenario)


@in_loops
def test_row_09_a_dial_nobody_wants_makes_room(kind: type[World]) -> None:
    """Its sponsor is gone, another origin needs the slot: called off at once."""
    world = kind(ONE)

    async def scenario() -> None:
        world.swallow("hole.test")
        world.serve("a.test")
        sponsor = world.start(lambda: world.get("hole.test"), "sponsor")
        await world.sleep(0.1)
        waiter = world.start(lambda: world.get("a.test"), "waiter")
        await world.sleep(0.1)
        assert 2 == world.transport.stats().queued
        sponsor.cancel()
        await world.sleep(0.1)
        await all_of(sponsor, waiter)
        assert 200 == waiter.result.status_code
        assert 1 == world.transport.stats().dials_aborted

    play(world, scenario)


@in_loops
def test_row_10_a_dial_nobody_wants_may_end(kind: type[World]) -> None:
    """Nobody needs its slot: the connection comes to rest and serves the next."""
    world = kind(ONE)

    async def scenario() -> None:
        world.serve("a.test")
        sponsor = world.start(lambda: world.get("a.test"), "sponsor")
        await world.sleep(0)
        sponsor.cancel()
        await sponsor.join()
        await world.sleep(0.1)
        stats = world.transport.stats()
        assert [1, 1] == [stats.idle, stats.connections]
        await world.get("a.test")
        assert 1 == world.connections["a.test"]

    play(world, scenario)


@in_loops
def test_row_11_a_waiter_on_the_dial_of_another_leaves_alone(
    kind: type[World],
) -> None:
    """The sponsor's dial goes on, and its connection is in the pool."""
    world = kind(ONE)

    async def scenario() -> None:
        world.serve("a.test")
        sponsor = world.start(lambda: world.get("a.test"), "sponsor")
        waiter = world.start(lambda: world.get("a.test"), "waiter")
        await world.sleep(0)
        waiter.cancel()
        await all_of(waiter, sponsor)
        assert waiter.cancelled
        assert 200 == sponsor.result.status_code
        assert 1 == world.open_sockets()

    play(world, scenario)


def test_row_14_a_scope_that_is_cancelled_on_entry() -> None:
    """Nothing is asked for, or it is given back at once."""
    world = TrioWorld(ONE)

    async def scenario() -> None:
        world.serve("a.test")
        with trio.CancelScope() as scope:
            scope.cancel()
            await world.get("a.test")
        assert scope.cancelled_caught
        assert not world.served

    play(world, scenario)


@pytest.mark.parametrize("early", [-0.001, 0.0, 0.001])
@in_loops
def test_row_15_the_pool_timeout_meets_the_hand_off(
    kind: type[World], early: float
) -> None:
    """Before, in and after the tick: served or told, and nothing in between."""
    world = kind(ONE)

    async def held(visit: Visit) -> bool:
        await world.sleep(0.5)
        return await ok(visit)

    async def scenario() -> None:
        world.serve("a.test", held)
        first = world.start(lambda: world.get("a.test"), "first")
        await world.sleep(0.01)
        timeout = mooring.Timeout(5.0, pool=0.49 + early)
        second = world.start(lambda: world.get("a.test", timeout=timeout), "second")
        await all_of(first, second)
        assert isinstance(second.error, mooring.PoolTimeout | None)
        assert (second.error is None) == (second.result is not None)

    play(world, scenario)


@pytest.mark.parametrize("early", [-0.001, 0.0, 0.001])
def test_row_16_an_outer_timeout_meets_the_hand_off(early: float) -> None:
    """TimeoutError or the response; a cancellation is never swallowed."""
    world = AsyncioWorld(ONE)

    async def held(visit: Visit) -> bool:
        await world.sleep(0.5)
        return await ok(visit)

    async def impatient() -> object:
        async with asyncio.timeout(0.49 + early):
            return await world.get("a.test")

    async def scenario() -> None:
        world.serve("a.test", held)
        first = world.start(lambda: world.get("a.test"), "first")
        await world.sleep(0.01)
        second = world.start(impatient, "second")
        third = world.start(lambda: world.get("a.test"), "third")
        await all_of(first, second, third)
        assert isinstance(second.error, TimeoutError | None)
        assert (second.error is None) == (second.result is not None)
        assert 200 == third.result.status_code

    play(world, scenario)


@in_loops
def test_row_18_a_deadline_shorter_than_the_dial(kind: type[World]) -> None:
    """The ticket times out alone; what its dial makes serves the next."""
    world = kind(ONE)

    async def scenario() -> None:
        world.swallow("a.test")
        timeout = mooring.Timeout(5.0, connect=0.2)
        first = world.start(lambda: world.get("a.test", timeout=timeout), "first")
        await first.join()
        assert isinstance(first.error, mooring.ConnectTimeout)
        world.serve("a.test")
        assert 200 == (await world.get("a.test")).status_code

    play(world, scenario)


@in_loops
def test_row_21_cancel_while_a_response_is_closed(kind: type[World]) -> None:
    """The lease is over all the same; closing again is no error."""
    world = kind(ONE)

    async def scenario() -> None:
        world.serve("a.test", in_two_parts)
        response = await world.open("GET", "a.test")
        closing = world.start(lambda: world.close_response(response), "closing")
        await world.sleep(0.01)
        closing.cancel()
        await closing.join()
        assert closing.cancelled
        assert 0 == world.transport.stats().leases
        await world.close_response(response)
        world.serve("a.test")
        assert 200 == (await world.get("a.test")).status_code

    play(world, scenario)


@in_loops
def test_row_22_cancel_while_the_client_is_closed(kind: type[World]) -> None:
    """Closed is closed: nothing is dialled any more, and no socket stays."""
    world = kind(ONE)

    async def scenario() -> None:
        world.serve("a.test", slowly)
        active = world.start(lambda: world.get("a.test"), "active")
        await world.sleep(0.15)
        closing = world.start(lambda: world.client.aclose(drain=5), "closing")
        await world.sleep(0.01)
        closing.cancel()
        await all_of(closing, active)
        assert closing.cancelled
        await world.client.aclose()
        late = await world.start(lambda: world.get("a.test"), "late").join()
        assert isinstance(late.error, RuntimeError | mooring.TransportError)
        assert 0 == world.open_sockets()

    play(world, scenario)
