"""What the victim does while it is cancelled or its network fails.

Each scenario prepares servers, starts the victim (``world.victim``) and whatever
surrounds it, and returns when the victim is done, however that came about.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, TypeAlias

from mooring._io.kernel import Task
from mooring._io.memory import MemoryStream

from .world import World, ok

Scenario: TypeAlias = Callable[[World], Coroutine[Any, Any, None]]


def start(world: World, coroutine: Coroutine[Any, Any, Any]) -> Task:
    """Make *coroutine* the victim, with the cancellation the run asks for."""
    victim = world.kernel.spawn(coroutine, "victim")
    if world.victim is not None:
        victim.cancel_at = world.victim.cancel_at
    world.victim = victim
    return victim


async def plain_get(world: World) -> None:
    """One request on a new connection."""
    world.serve("a.test", ok)
    await start(world, world.client.get("http://a.test/")).join()


async def reused_get(world: World) -> None:
    """A request on a connection that has served before."""
    world.serve("a.test", ok)
    await world.client.get("http://a.test/")
    await start(world, world.client.get("http://a.test/")).join()


async def post(world: World) -> None:
    """A body sent with its head."""
    world.serve("a.test", ok)
    call = world.client.post("http://a.test/", content=b"x" * 100)
    await start(world, call).join()


async def streamed_upload(world: World) -> None:
    """A body that is produced while it is sent."""
    world.serve("a.test", ok)

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(3):
            await world.kernel.sleep(0.1)
            yield b"piece"

    call = world.client.post("http://a.test/", content=pieces())
    await start(world, call).join()


async def slowly(head: bytes, stream: MemoryStream) -> bool:
    """Answer with a chunked body, piece by piece."""
    kernel = stream._kernel
    await stream.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", None)
    for _ in range(3):
        await kernel.sleep(0.1)
        await stream.write(b"2\r\nok\r\n", None)
    await stream.write(b"0\r\n\r\n", None)
    return True


async def streamed_download(world: World) -> None:
    """A response read piece by piece to its end."""
    world.serve("a.test", slowly)

    async def read() -> bytes:
        async with world.client.stream("GET", "http://a.test/") as response:
            return b"".join([piece async for piece in response.aiter_bytes()])

    await start(world, read()).join()


async def download_left_early(world: World) -> None:
    """A response that is closed after its first piece."""
    world.serve("a.test", slowly)

    async def read() -> bytes:
        async with world.client.stream("GET", "http://a.test/") as response:
            async for piece in response.aiter_bytes():
                return piece
        return b""

    await start(world, read()).join()


async def redirect_elsewhere(world: World) -> None:
    """A redirect to another origin, with other requests around it."""
    world.serve("b.test", ok)

    async def redirect(head: bytes, stream: MemoryStream) -> bool:
        await stream.write(
            b"HTTP/1.1 302 Found\r\nLocation: http://b.test/\r\n"
            b"Content-Length: 4\r\n\r\ngone",
            None,
        )
        return True

    world.serve("a.test", redirect)
    await start(world, world.client.get("http://a.test/")).join()


async def queued_behind_others(world: World) -> None:
    """The victim waits in the queue, others wait behind it."""
    world.serve("a.test", slowly)
    get = world.client.get
    others = [world.kernel.spawn(get("http://a.test/")) for _ in range(3)]
    await world.kernel.sleep(0.05)
    victim = start(world, get("http://a.test/"))
    await world.kernel.sleep(0.05)
    others += [world.kernel.spawn(get("http://a.test/")) for _ in range(3)]
    await victim.join()
    for other in others:
        await other.join()


async def queued_for_another_origin(world: World) -> None:
    """Two origins compete for the same slots while the victim waits."""
    world.serve("a.test", slowly)
    world.serve("b.test", ok)
    get = world.client.get
    others = [world.kernel.spawn(get("http://a.test/")) for _ in range(4)]
    await world.kernel.sleep(0.05)
    victim = start(world, get("http://b.test/"))
    others += [world.kernel.spawn(get("http://a.test/")) for _ in range(4)]
    await victim.join()
    for other in others:
        await other.join()


async def server_gone_while_idle(world: World) -> None:
    """The kept connection was closed by the server; the request replaces it."""

    async def once(head: bytes, stream: MemoryStream) -> bool:
        await ok(head, stream)
        await stream._kernel.sleep(0.2)
        return False

    world.serve("a.test", once)
    await world.client.get("http://a.test/")
    await world.kernel.sleep(1.0)
    await start(world, world.client.get("http://a.test/")).join()


async def server_gone_on_reuse(world: World) -> None:
    """The server closes upon the second request, unanswered: it is sent again."""
    seen: dict[MemoryStream, int] = {}

    async def close_the_second(head: bytes, stream: MemoryStream) -> bool:
        seen[stream] = seen.get(stream, 0) + 1
        return seen[stream] == 1 and await ok(head, stream)

    world.serve("a.test", close_the_second)
    await world.client.get("http://a.test/")
    await start(world, world.client.get("http://a.test/")).join()


async def refused(world: World) -> None:
    """Nobody listens; others do elsewhere."""
    await start(world, world.client.get("http://nobody.test/")).join()


async def swallowed(world: World) -> None:
    """Connects hang until the connect timeout."""
    world.network.swallow("hole.test", 80)
    await start(world, world.client.get("http://hole.test/")).join()


async def silent_server(world: World) -> None:
    """The request is taken and never answered."""

    async def nothing(head: bytes, stream: MemoryStream) -> bool:
        await stream._kernel.parking()
        return False

    world.serve("a.test", nothing)
    await start(world, world.client.get("http://a.test/")).join()


async def cut_short(world: World) -> None:
    """The body ends before its length."""

    async def cut(head: bytes, stream: MemoryStream) -> bool:
        await stream.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsho", None)
        return False

    world.serve("a.test", cut)
    await start(world, world.client.get("http://a.test/")).join()


SCENARIOS: tuple[Scenario, ...] = (
    plain_get,
    reused_get,
    post,
    streamed_upload,
    streamed_download,
    download_left_early,
    redirect_elsewhere,
    queued_behind_others,
    queued_for_another_origin,
    server_gone_while_idle,
    server_gone_on_reuse,
    refused,
    swallowed,
    silent_server,
    cut_short,
)
