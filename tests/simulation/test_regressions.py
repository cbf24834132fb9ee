"""Faults that a review found, on virtual time."""

from __future__ import annotations

from collections.abc import AsyncIterator

import mooring
from mooring._io.memory import MemoryBackend, MemoryStream

from .world import World, ok


def test_a_retry_has_a_timeout_of_its_own() -> None:
    """A connect that timed out is tried again, though a timeout's worth has passed."""
    world = World()
    world.network.swallow("a.test", 80)
    transport = mooring.AsyncHTTPTransport(
        retries=1, backend=MemoryBackend(world.network)
    )

    async def main() -> None:
        async with mooring.AsyncClient(transport=transport, timeout=1.0) as client:
            world.kernel.call_at(0.5, lambda: world.serve("a.test", ok))

            assert 200 == (await client.get("http://a.test/")).status_code

    world.run(main())
    assert 1.0 <= world.kernel.now() < 1.5


def test_a_body_that_fails_with_somebody_elses_write_error() -> None:
    """It is raised at once: no response to what was not sent is waited for."""
    world = World()
    world.serve("a.test", ok)

    async def body() -> AsyncIterator[bytes]:
        yield b"piece"
        raise mooring.WriteError("of another connection")

    async def main() -> None:
        call = world.client.post("http://a.test/", content=body())
        task = world.kernel.spawn(call)
        await task.join()
        assert "of another connection" == str(task.error)
        await world.aftermath()

    world.run(main())


def test_a_request_is_not_sent_once_to_every_stale_connection() -> None:
    """All kept ones die on their next request: the second try is on a new one."""
    world = World(limit=5)
    seen: dict[MemoryStream, int] = {}

    async def only_the_first(head: bytes, stream: MemoryStream) -> bool:
        seen[stream] = seen.get(stream, 0) + 1
        await world.kernel.sleep(0.1)
        return seen[stream] == 1 and await ok(head, stream)

    world.serve("a.test", only_the_first)

    async def main() -> None:
        get = world.client.get
        warm = [world.kernel.spawn(get("http://a.test/")) for _ in range(5)]
        for task in warm:
            await task.join()
        before = len(world.served)

        response = await get("http://a.test/")

        assert 200 == response.status_code
        assert 2 == len(world.served) - before
        await world.aftermath()

    world.run(main())
