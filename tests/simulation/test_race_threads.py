"""Rows of the catalogue about threads: many schedules of each, seeded.

Threads change places at every lock, every call of the backend and between lines of
the code under test; see :mod:`tests.simulation.baton`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

import mooring
from mooring._io.kernel import Schedule

from .peers import Visit, ok, slowly
from .test_race_cancel import ONE, all_of
from .threads import ThreadWorld
from .world import Plan, Setup, World

SEEDS = range(40)
Race = Callable[[World], Coroutine[Any, Any, object]]


def run_all(race: Race, setup: Setup = ONE) -> Counter[object]:
    """Run *race* once for each seed, aftermath included; count its outcomes."""
    outcomes: Counter[object] = Counter()
    for seed in SEEDS:
        world = ThreadWorld(setup, Plan(schedule=Schedule(seed)))

        async def main(world: World = world) -> None:
            outcomes[await race(world)] += 1
            await world.aftermath()

        world.run(main)
    return outcomes


def held(world: World, seconds: float) -> Any:
    """Answer after a time, exactly."""

    async def answer(visit: Visit) -> bool:
        await visit.peer.sleep(seconds)
        return await ok(visit)

    return answer


def test_row_69_closed_by_two_threads_at_once() -> None:
    """There is one release."""

    async def race(world: World) -> object:
        world.serve("a.test", slowly)
        response = await world.open("GET", "a.test")
        jobs = [
            world.start(lambda: world.close_response(response), "closes")
            for _ in range(2)
        ]
        await all_of(*jobs)
        assert [None, None] == [job.error for job in jobs]
        stats = world.transport.stats()
        return stats.leases, sum(stats.closed.values())

    assert {(0, 1): len(SEEDS)} == run_all(race)


def test_row_75_closed_by_two_threads_at_once() -> None:
    """No error, whoever is the second."""

    async def race(world: World) -> object:
        world.serve("a.test", slowly)
        active = world.start(lambda: world.get("a.test"), "active")
        await world.sleep(0.05)
        jobs = [world.start(world.close, "closes") for _ in range(2)]
        await all_of(active, *jobs)
        assert isinstance(active.error, mooring.TransportError)
        return [job.error for job in jobs] == [None, None]

    assert {True: len(SEEDS)} == run_all(race)


def test_row_81_release_and_timeout_at_once() -> None:
    """There is one winner: the waiter is served or told, and nothing in between."""

    async def race(world: World) -> object:
        world.serve("a.test", held(world, 0.5))
        first = world.start(lambda: world.get("a.test"), "first")
        await world.sleep(0.01)
        timeout = mooring.Timeout(5.0, pool=0.5)
        second = world.start(lambda: world.get("a.test", timeout=timeout), "second")
        await all_of(first, second)
        assert (second.error is None) != (second.result is None)
        return type(second.error)

    assert {type(None), mooring.PoolTimeout} >= set(run_all(race))


def test_row_82_closed_while_another_thread_reads() -> None:
    """The reader wakes up with an error, at once."""

    async def race(world: World) -> object:
        world.serve("a.test", held(world, 0.8))
        reader = world.start(lambda: world.get("a.test"), "reader")
        await world.sleep(0.05)
        await world.close()
        await reader.join()
        assert world.backend.now() < 0.5
        return isinstance(reader.error, mooring.TransportError)

    assert {True: len(SEEDS)} == run_all(race)


def test_row_83_evicted_or_leased() -> None:
    """One thread wants the idle connection, the other its slot: never both."""

    async def race(world: World) -> object:
        world.serve("a.test")
        world.serve("b.test")
        await world.get("a.test")
        jobs = [
            world.start(lambda host=host: world.get(host), host)  # type: ignore[misc]
            for host in ("a.test", "b.test", "a.test", "b.test")
        ]
        await all_of(*jobs)
        assert 1 == world.transport.stats().most_connections
        return [job.error for job in jobs] == [None] * 4

    assert {True: len(SEEDS)} == run_all(race)


def test_row_72_73_closed_while_a_thread_dials() -> None:
    """What it makes is closed in the same step, and nobody waits any longer."""

    async def race(world: World) -> object:
        world.serve("a.test")
        jobs = [world.start(lambda: world.get("a.test"), "asks") for _ in range(3)]
        closing = world.start(world.close, "closes")
        await all_of(closing, *jobs)
        assert 0 == world.open_sockets()
        for job in jobs:
            assert isinstance(job.error, mooring.TransportError | RuntimeError | None)
        return True

    run_all(race)


@pytest.mark.parametrize("chance", range(1, 400, 13))
def test_row_20_interrupted_wherever_it_can_be(chance: int) -> None:
    """KeyboardInterrupt in a thread that waits, dials, sends or gives back."""
    world = ThreadWorld(ONE, Plan(interrupt=chance))

    async def main() -> None:
        world.serve("a.test")
        victim = world.start_victim(lambda: world.get("a.test"))
        other = world.start(lambda: world.get("a.test"), "other")
        await all_of(victim, other)
        assert isinstance(victim.error, KeyboardInterrupt | None)
        await world.aftermath()

    world.run(main)
