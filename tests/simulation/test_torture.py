"""Every await cancelled, every call of the network failed, many orders of events.

After each run the standard aftermath: no slot, socket, waiter or dial is left
behind, and the pool serves a full house.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

import mooring
from mooring._io.kernel import Cancelled, Task

from .scenarios import SCENARIOS, Scenario
from .world import World

MOST_POINTS = 500
SEEDS = range(20)


def play(
    scenario: Scenario, prepare: Callable[[World], None], *, seed: int | None = None
) -> Task:
    """Run *scenario* and its aftermath; return the victim."""
    world = World(seed=seed)
    prepare(world)

    async def main() -> None:
        await scenario(world)
        await world.aftermath()

    world.run(main())
    assert world.victim is not None
    return world.victim


def cancel_at(point: int) -> Callable[[World], None]:
    """Prepare a world whose victim is cancelled at its wait number *point*."""

    def prepare(world: World) -> None:
        async def nothing() -> None: ...

        coroutine = nothing()
        world.victim = Task(world.kernel, coroutine, "order")
        world.victim.cancel_at = point
        coroutine.close()

    return prepare


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.__name__)
def test_cancel_at_every_await(scenario: Scenario) -> None:
    """Wherever the request is cancelled, it is cancelled, and nothing is lost."""
    waits = play(scenario, lambda world: None).waits
    assert 0 < waits < MOST_POINTS

    for point in range(1, waits + 1):
        victim = play(scenario, cancel_at(point))
        assert isinstance(victim.error, Cancelled), (point, victim.error)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.__name__)
def test_fail_every_call_of_the_backend(scenario: Scenario) -> None:
    """Whichever call fails, the request succeeds or raises a public error."""
    for call in range(1, MOST_POINTS):
        worlds: list[World] = []

        def fail(world: World, call: int = call) -> None:
            world.network.fail_after = call
            worlds.append(world)  # noqa: B023 - read in the same turn

        victim = play_tolerantly(scenario, fail)
        error = victim.error if victim is not None else None
        assert error is None or isinstance(error, mooring.TransportError), error
        if error is not None:
            assert str(error)
        if worlds[0].network.calls < call:
            break


def play_tolerantly(
    scenario: Scenario, prepare: Callable[[World], None]
) -> Task | None:
    """Run *scenario*; what surrounds the victim may fail publicly, too."""
    world = World()
    prepare(world)

    async def main() -> None:
        try:
            await scenario(world)
        except mooring.TransportError:
            pass  # a request that only prepared the ground met the failure
        await world.aftermath()

    world.run(main())
    return world.victim


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.__name__)
def test_many_orders_of_events(scenario: Scenario) -> None:
    """Ready tasks may run in any order; cancels strike in the middle of it."""
    waits = play(scenario, lambda world: None).waits
    for seed in SEEDS:
        play(scenario, cancel_at(1 + seed % waits), seed=seed)
