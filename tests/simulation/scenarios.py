"""What the victim does while it is cancelled or its network fails.

Each scenario prepares servers, starts the victim and whatever surrounds it, and
returns when all of them are done, however that came about. One source for all
worlds: see :mod:`tests.simulation.world`.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Coroutine, Generator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, TypeAlias

import mooring

from . import peers
from .peers import ok, slowly
from .world import Job, Setup, World

Play: TypeAlias = Callable[[World], Coroutine[Any, Any, None]]


@dataclass(frozen=True)
class Scenario:
    """A scenario and the client it wants."""

    play: Play
    setup: Setup

    @property
    def name(self) -> str:
        return self.play.__name__


SCENARIOS: dict[str, Scenario] = {}


def scenario(
    *,
    limit: int = 2,
    retries: int = 0,
    tls: bool = False,
    pool_timeout: float | None = None,
) -> Callable[[Play], Play]:
    """Enter a scenario into the list, with the client it wants."""

    def enter(play: Play) -> Play:
        setup = Setup(limit, retries, tls, pool_timeout)
        SCENARIOS[play.__name__] = Scenario(play, setup)
        return play

    return enter


async def fetch(world: World, host: str) -> bytes:
    """Read a streamed response to its end."""
    async with world.stream("GET", host) as response:
        return b"".join([piece async for piece in world.pieces(response)])


def others(world: World, host: str, count: int) -> list[Job]:
    """Start requests that surround the victim."""
    return [world.start(lambda: world.get(host), f"to {host}") for _ in range(count)]


async def warm(world: World, host: str) -> None:
    """Have a connection kept alive, unless this is what fails."""
    await world.start(lambda: world.get(host), "warm up").join()


# -- one request ----------------------------------------------------------------------


@scenario()
async def plain_get(world: World) -> None:
    """One request on a new connection."""
    world.serve("a.test")
    await world.suffer(lambda: world.get("a.test"))


@scenario()
async def reused_get(world: World) -> None:
    """A request on a connection that has served before."""
    world.serve("a.test")
    await warm(world, "a.test")
    await world.suffer(lambda: world.get("a.test"))


@scenario()
async def head(world: World) -> None:
    """A response that has no body although it could."""
    world.serve("a.test")
    await world.suffer(lambda: world.request("HEAD", "a.test"))


@scenario()
async def not_modified(world: World) -> None:
    """A response that has no body although its headers speak of one."""
    world.serve("a.test", peers.not_modified)
    await world.suffer(lambda: world.get("a.test"))


@scenario()
async def interim_responses(world: World) -> None:
    """Hints come before the response."""
    world.serve("a.test", peers.after_hints)
    await world.suffer(lambda: world.get("a.test"))


@scenario(tls=True)
async def over_tls(world: World) -> None:
    """Two requests on one encrypted connection."""
    world.serve("a.test")

    async def twice() -> None:
        await world.get("a.test")
        await world.get("a.test")

    await world.suffer(twice)


# -- bodies --------------------------------------------------------------------------


@scenario()
async def post(world: World) -> None:
    """A body sent with its head."""
    world.serve("a.test")
    await world.suffer(lambda: world.request("POST", "a.test", content=b"x" * 100))


@scenario()
async def large_upload(world: World) -> None:
    """A body that does not fit into what the kernel buffers."""
    world.serve("a.test")
    body = b"x" * 400_000
    await world.suffer(lambda: world.request("POST", "a.test", content=body))


@scenario()
async def streamed_upload(world: World) -> None:
    """A body that is produced while it is sent."""
    world.serve("a.test")
    await world.suffer(
        lambda: world.request("POST", "a.test", content=world.body(*[b"piece"] * 3))
    )


@scenario()
async def upload_refused_early(world: World) -> None:
    """The answer comes while the body is still being sent."""
    world.serve("a.test", early_answer)
    await world.suffer(
        lambda: world.request("POST", "a.test", content=world.body(*[b"piece"] * 3))
    )


async def early_answer(visit: peers.Visit) -> bool:
    if visit.method != "POST":
        return await ok(visit)
    await visit.respond(b"big", "413 Too Large", "Connection: close\r\n")
    return False


@scenario()
async def streamed_download(world: World) -> None:
    """A response read piece by piece to its end."""
    world.serve("a.test", slowly)
    await world.suffer(lambda: fetch(world, "a.test"))


@scenario()
async def download_left_early(world: World) -> None:
    """A response that is closed after its first piece."""
    world.serve("a.test", slowly)

    async def read() -> bytes:
        async with (
            world.stream("GET", "a.test") as response,
            aclosing(world.pieces(response)) as pieces,
        ):
            piece = await anext(pieces)
            assert isinstance(piece, bytes)
            return piece

    await world.suffer(read)


@scenario()
async def small_rest_drained(world: World) -> None:
    """A response that is closed unread, with little of it left."""
    world.serve("a.test", in_two_parts)

    async def read() -> None:
        async with world.stream("GET", "a.test"):
            pass

    await world.suffer(read)


async def in_two_parts(visit: peers.Visit) -> bool:
    await visit.peer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nok")
    await visit.peer.sleep(0.02)
    await visit.peer.write(b"ok")
    return True


@scenario()
async def download_dropped(world: World) -> None:
    """A response that nobody closes and nobody holds any more."""
    world.warnings_allowed = True
    world.serve("a.test", slowly)

    async def drop() -> None:
        response = await world.open("GET", "a.test")
        assert response.status_code == 200
        del response

    await world.suffer(drop)
    gc.collect()
    await world.sleep(0.5)


@scenario()
async def ended_by_eof(world: World) -> None:
    """A body that the end of the connection ends."""
    world.serve("a.test", peers.until_the_end)
    await world.suffer(lambda: world.get("a.test"))


@scenario()
async def connection_close(world: World) -> None:
    """The server announces that this response is its last."""
    world.serve("a.test", peers.and_goodbye)
    await world.suffer(lambda: world.get("a.test"))


# -- more than one request -------------------------------------------------------------


@scenario()
async def redirect_elsewhere(world: World) -> None:
    """A redirect to another origin."""
    world.serve("b.test")
    world.serve("a.test", peers.redirect("http://b.test/"))
    await world.suffer(lambda: world.get("a.test"))


@scenario(limit=1)
async def redirect_at_the_limit(world: World) -> None:
    """A redirect to another origin, with room for one connection."""
    world.serve("b.test", slowly)
    world.serve("a.test", peers.redirect("http://b.test/"))
    around = others(world, "b.test", 1)
    await world.suffer(lambda: world.get("a.test"))
    for other in around:
        await other.join()


@scenario(limit=1)
async def authentication(world: World) -> None:
    """A challenge and its answer, with room for one connection."""
    world.serve("a.test", peers.challenge)
    await world.suffer(lambda: world.get("a.test", auth=Answering()))


class Answering(mooring.Auth):
    """Credentials for whoever asks."""

    def auth_flow(
        self, request: mooring.Request
    ) -> Generator[mooring.Request, mooring.Response, None]:
        response = yield request
        if response.status_code == 401:
            request.headers["Authorization"] = "anything"
            yield request


@scenario()
async def queued_behind_others(world: World) -> None:
    """The victim waits in the queue, others wait behind it."""
    world.serve("a.test", slowly)
    around = others(world, "a.test", 3)
    await world.sleep(0.05)
    victim = world.start_victim(lambda: world.get("a.test"))
    await world.sleep(0.05)
    around += others(world, "a.test", 3)
    await victim.join()
    for other in around:
        await other.join()


@scenario()
async def queued_for_another_origin(world: World) -> None:
    """Two origins compete for the same slots while the victim waits."""
    world.serve("a.test", slowly)
    world.serve("b.test")
    around = others(world, "a.test", 4)
    await world.sleep(0.05)
    victim = world.start_victim(lambda: world.get("b.test"))
    around += others(world, "a.test", 4)
    await victim.join()
    for other in around:
        await other.join()


@scenario(limit=1)
async def alternating_origins(world: World) -> None:
    """Two origins take turns with one connection."""
    world.serve("a.test")
    world.serve("b.test")
    around = others(world, "a.test", 2)
    victim = world.start_victim(lambda: world.get("b.test"))
    around += others(world, "a.test", 1) + others(world, "b.test", 1)
    await victim.join()
    for other in around:
        await other.join()


@scenario(limit=1)
async def sponsor_of_a_dial(world: World) -> None:
    """The victim asked for the connection that others wait for, too."""
    world.serve("a.test")
    victim = world.start_victim(lambda: world.get("a.test"))
    around = others(world, "a.test", 2)
    await victim.join()
    for other in around:
        await other.join()


@scenario(limit=1, pool_timeout=0.2)
async def pool_timeout(world: World) -> None:
    """The victim's patience ends in the tick of the hand-off."""
    world.serve("a.test", slowly)
    around = others(world, "a.test", 1)
    await world.sleep(0.11)
    victim = world.start_victim(lambda: world.get("a.test"))
    await victim.join()
    for other in around:
        await other.join()


@scenario()
async def nested(world: World) -> None:
    """A request sent while a response of the same task is open."""
    world.serve("a.test", slowly)
    world.serve("b.test")

    async def both() -> None:
        async with world.stream("GET", "a.test") as response:
            await world.get("b.test")
            async for _ in world.pieces(response):
                pass

    await world.suffer(both)


# -- servers that fail -----------------------------------------------------------------


@scenario()
async def server_gone_while_idle(world: World) -> None:
    """The kept connection was closed by the server; the request replaces it."""
    world.serve("a.test", peers.then_gone)
    await warm(world, "a.test")
    await world.sleep(1.0)
    await world.suffer(lambda: world.get("a.test"))


@scenario()
async def server_gone_on_reuse(world: World) -> None:
    """The server closes upon the second request, unanswered: it is sent again."""
    world.serve("a.test", peers.first_only)
    await warm(world, "a.test")
    await world.suffer(lambda: world.get("a.test"))


@scenario()
async def post_lost_on_reuse(world: World) -> None:
    """The same with a request that must not be sent twice."""
    world.serve("a.test", peers.first_only)
    await warm(world, "a.test")
    await world.suffer(lambda: world.request("POST", "a.test", content=b"x"))


@scenario()
async def unasked_bytes(world: World) -> None:
    """The kept connection received what nobody had asked for."""
    world.serve("a.test", peers.and_more)
    await warm(world, "a.test")
    await world.sleep(1.0)
    await world.suffer(lambda: world.get("a.test"))


@scenario()
async def half_closed(world: World) -> None:
    """The server has shut its sending side after its first response."""
    world.serve("a.test", peers.then_half_closed)
    await warm(world, "a.test")
    await world.suffer(lambda: world.get("a.test"))


@scenario()
async def expired_while_idle(world: World) -> None:
    """The kept connection was closed by us, its time being over."""
    world.serve("a.test")
    await warm(world, "a.test")
    await world.sleep(6.0)
    await world.suffer(lambda: world.get("a.test"))


@scenario()
async def refused(world: World) -> None:
    """Nobody listens; others do elsewhere."""
    await world.suffer(lambda: world.get("nobody.test"))


@scenario(retries=2)
async def refused_at_first(world: World) -> None:
    """Somebody listens when the dial is tried again."""
    victim = world.start_victim(lambda: world.get("a.test"))
    await world.sleep(0.3)
    world.serve("a.test")
    await victim.join()


@scenario()
async def swallowed(world: World) -> None:
    """Connects hang until the connect timeout."""
    world.swallow("hole.test")
    await world.suffer(lambda: world.get("hole.test"))


@scenario(limit=1)
async def swallowed_in_the_way(world: World) -> None:
    """A connect that hangs takes the slot that another origin waits for."""
    world.swallow("hole.test")
    world.serve("a.test")
    victim = world.start_victim(lambda: world.get("hole.test"))
    await world.sleep(0.1)
    around = others(world, "a.test", 2)
    await victim.join()
    for other in around:
        await other.join()


@scenario(tls=True, limit=1)
async def handshake_in_the_way(world: World) -> None:
    """A handshake that hangs has the one socket that another origin waits for."""
    world.serve_mutely("mute.test")
    world.serve("a.test")
    victim = world.start_victim(lambda: world.get("mute.test"))
    await world.sleep(0.1)
    around = others(world, "a.test", 2)
    await victim.join()
    for other in around:
        await other.join()


@scenario()
async def silent_server(world: World) -> None:
    """The request is taken and never answered."""
    world.serve("a.test", peers.nothing)
    await world.suffer(lambda: world.get("a.test"))


@scenario()
async def hung_up(world: World) -> None:
    """The server closes a new connection instead of answering."""
    world.serve("a.test", peers.hang_up)
    await world.suffer(lambda: world.get("a.test"))


@scenario()
async def cut_short(world: World) -> None:
    """The body ends before its length."""
    world.serve("a.test", peers.cut_short)
    await world.suffer(lambda: world.get("a.test"))


@scenario()
async def reset_in_the_body(world: World) -> None:
    """The connection breaks in the middle of the body."""
    world.serve("a.test", peers.reset_in_the_body)
    await world.suffer(lambda: fetch(world, "a.test"))


@scenario()
async def garbage(world: World) -> None:
    """The answer is not HTTP."""
    world.serve("a.test", peers.garbage)
    await world.suffer(lambda: world.get("a.test"))


# -- the end of the client -----------------------------------------------------------


@scenario(limit=1)
async def closed_with_work_in_flight(world: World) -> None:
    """The client is closed while one request is active and others wait."""
    world.serve("a.test", slowly)
    around = others(world, "a.test", 1)
    await world.sleep(0.15)
    victim = world.start_victim(lambda: world.get("a.test"))
    around += others(world, "a.test", 1)
    await world.sleep(0.01)
    await world.close()
    await victim.join()
    for other in around:
        await other.join()


@scenario()
async def closed_while_dialling(world: World) -> None:
    """The client is closed while the victim's connection is being made."""
    world.swallow("hole.test")
    victim = world.start_victim(lambda: world.get("hole.test"))
    await world.sleep(0.1)
    await world.close()
    await victim.join()


@scenario()
async def closing(world: World) -> None:
    """The victim is the one who closes, with a response still open."""
    world.serve("a.test", slowly)
    around = others(world, "a.test", 2)
    await world.sleep(0.15)
    await world.suffer(world.close)
    for other in around:
        await other.join()


@scenario()
async def closed_by_another(world: World) -> None:
    """A response is closed by the victim while somebody else reads it."""
    world.serve("a.test", slowly)
    opened = world.start(lambda: world.open("GET", "a.test"), "opens")
    response = (await opened.join()).result
    if response is None:
        return  # this is what failed

    async def read() -> None:
        async for _ in world.pieces(response):
            pass

    reading = world.start(read, "reads")
    await world.sleep(0.05)
    await world.suffer(lambda: world.close_response(response))
    await reading.join()
    await world.close_response(response)
