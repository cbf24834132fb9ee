"""Faults that a review found, on virtual time."""

from __future__ import annotations

from collections.abc import AsyncIterator

import mooring

from .memory import MemoryWorld
from .peers import first_only
from .world import Setup


def test_a_retry_has_a_timeout_of_its_own() -> None:
    """A connect that timed out is tried again, though a timeout's worth has passed."""
    world = MemoryWorld(Setup(retries=1))

    async def main() -> None:
        world.swallow("a.test")
        world.kernel.call_at(0.5, lambda: world.serve("a.test"))

        assert 200 == (await world.get("a.test", timeout=1.0)).status_code
        assert 1.0 <= world.kernel.now() < 1.5
        await world.aftermath()

    world.run(main)


def test_a_body_that_fails_with_somebody_elses_write_error() -> None:
    """It is raised at once: no response to what was not sent is waited for."""
    world = MemoryWorld()

    async def body() -> AsyncIterator[bytes]:
        yield b"piece"
        raise mooring.WriteError("of another connection")

    async def main() -> None:
        world.serve("a.test")
        sent = await world.suffer(
            lambda: world.request("POST", "a.test", content=body())
        )
        assert "of another connection" == str(sent.error)
        await world.aftermath()

    world.run(main)


def test_a_request_is_not_sent_once_to_every_stale_connection() -> None:
    """All kept ones die on their next request: the second try is on a new one."""
    world = MemoryWorld(Setup(limit=5))

    async def main() -> None:
        world.serve("a.test", first_only)
        warm = [world.start(lambda: world.get("a.test"), "warm") for _ in range(5)]
        for job in warm:
            await job.join()
        before = len(world.served)

        assert 200 == (await world.get("a.test")).status_code
        assert 2 == len(world.served) - before
        await world.aftermath()

    world.run(main)
