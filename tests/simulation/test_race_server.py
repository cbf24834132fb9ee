"""Rows of the catalogue about servers, networks and fairness, on virtual time."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

import mooring

from . import peers
from .aio import AsyncioWorld
from .faults import KINDS, Fault, Kind
from .memory import MemoryWorld
from .peers import Visit, ok, slowly
from .test_race_cancel import ONE, all_of, asks, in_loops, play
from .threads import ThreadWorld
from .tri import TrioWorld
from .world import Plan, Setup, World

EVERYWHERE = (MemoryWorld, AsyncioWorld, TrioWorld, ThreadWorld)
everywhere = pytest.mark.parametrize("kind", EVERYWHERE, ids=lambda kind: kind.name)


@everywhere
def test_row_24_25_a_close_as_we_write(kind: type[World]) -> None:
    """A GET is sent again on another connection, a POST is not."""
    world = kind()

    async def scenario() -> None:
        world.serve("a.test", peers.first_only)
        await world.get("a.test")
        assert 200 == (await world.get("a.test")).status_code
        post = world.start(
            lambda: world.request("POST", "a.test", content=b"x"), "post"
        )
        await post.join()
        assert isinstance(post.error, mooring.TransportError)
        assert ["may have been processed"] == [
            "may have been processed"
            for note in post.error.__notes__
            if "may have been processed" in note
        ]
        assert 4 == len(world.served)

    play(world, scenario)


@everywhere
def test_row_28_a_reset_in_the_body(kind: type[World]) -> None:
    """The caller has a read error, and the connection is not used again."""
    world = kind(ONE)

    async def scenario() -> None:
        world.serve("a.test", peers.reset_in_the_body)
        got = world.start(lambda: world.get("a.test"), "got")
        await got.join()
        assert isinstance(got.error, mooring.ReadError | mooring.RemoteProtocolError)
        world.serve("a.test")
        await world.get("a.test")
        assert 2 == world.connections["a.test"]

    play(world, scenario)


@everywhere
def test_row_30_what_nobody_asked_for(kind: type[World]) -> None:
    """It is not taken for the next response; the connection is discarded."""
    world = kind(ONE)

    async def scenario() -> None:
        world.serve("a.test", peers.and_more)
        await world.get("a.test")
        await world.sleep(1.0)
        assert b"ok" == (await world.get("a.test")).content
        assert 2 == world.connections["a.test"]

    play(world, scenario)


@everywhere
def test_row_33_the_server_says_how_long_it_keeps_connections(
    kind: type[World],
) -> None:
    """With ``Keep-Alive: timeout=2`` ours is gone before it closes its own."""
    world = kind(ONE)

    async def hints(visit: Visit) -> bool:
        await visit.respond(more="Keep-Alive: timeout=2\r\n")
        return True

    async def scenario() -> None:
        world.serve("a.test", hints)
        await world.get("a.test")
        await world.sleep(0.5)
        assert 1 == world.open_sockets()
        await world.sleep(1.4)
        assert 0 == world.open_sockets()

    play(world, scenario)


@everywhere
def test_row_34_refused_for_one_of_three(kind: type[World]) -> None:
    """Its request fails promptly; the slot goes on, the others are unaffected."""
    world = kind(ONE)

    async def scenario() -> None:
        world.serve("b.test", slowly)
        world.serve("c.test")
        first = world.start(lambda: world.get("b.test"), "first")
        await world.sleep(0.05)
        refused = world.start(lambda: world.get("nobody.test"), "refused")
        jobs = [
            world.start(lambda host=host: world.get(host), host)  # type: ignore[misc]
            for host in ("b.test", "c.test", "b.test")
        ]
        await all_of(first, refused, *jobs)
        assert isinstance(refused.error, mooring.ConnectError)
        assert [200] * 3 == [job.result.status_code for job in jobs]

    play(world, scenario)


@everywhere
def test_row_35_refused_for_fifty(kind: type[World]) -> None:
    """Each has an exception of its own, after the time of one connect."""
    world = kind(Setup(limit=50))

    async def scenario() -> None:
        began = world.backend.now()
        jobs = [
            world.start(lambda: world.get("nobody.test"), "asks") for _ in range(50)
        ]
        await all_of(*jobs)
        errors = [job.error for job in jobs]
        assert {mooring.ConnectError} == {type(error) for error in errors}
        assert 50 == len({id(error) for error in errors})
        assert world.backend.now() - began < 0.02

    play(world, scenario)


@everywhere
def test_row_36_the_first_dial_fails_and_the_second_would_not(
    kind: type[World],
) -> None:
    """Who comes later gets the second; no socket is outside of the pool."""
    world = kind(ONE, Plan(fault=Fault("connect", 1, KINDS["connect"][0])))

    async def scenario() -> None:
        world.serve("a.test")
        first = world.start(lambda: world.get("a.test"), "first")
        second = world.start(lambda: world.get("a.test"), "second")
        await all_of(first, second)
        errors = [job.error for job in (first, second) if job.error is not None]
        assert [mooring.ConnectError] == [type(error) for error in errors]
        assert 1 == world.open_sockets() == world.transport.stats().connections

    play(world, scenario)


@everywhere
@pytest.mark.parametrize("where", ["connect", "handshake"])
def test_row_37_a_dial_that_hangs(kind: type[World], where: str) -> None:
    """The connect timeout ends it; slot and file are free again."""
    if where == "handshake" and not kind.speaks_tls:
        where = "connect"
    world = kind(Setup(limit=1, tls=where == "handshake"))

    async def scenario() -> None:
        if where == "handshake":
            world.serve_mutely("mute.test")
        else:
            world.swallow("mute.test")
        got = world.start(lambda: world.get("mute.test"), "got")
        await got.join()
        assert isinstance(got.error, mooring.ConnectTimeout)
        await world.sleep(0)
        assert 0 == world.open_sockets()
        assert 0 == world.transport.stats().connections

    play(world, scenario)


@everywhere
def test_row_42_the_clock_jumps(kind: type[World]) -> None:
    """What rested over it is not used again, and there is no storm of dials."""
    world = kind(Setup(limit=5))

    async def scenario() -> None:
        world.serve("a.test", slowly)
        jobs = [world.start(lambda: world.get("a.test"), "asks") for _ in range(5)]
        await all_of(*jobs)
        await world.sleep(36_000.0)
        assert 0 == world.open_sockets()
        await world.get("a.test")
        assert 6 == world.connections["a.test"]

    play(world, scenario)


@in_loops
def test_row_77_a_tight_loop_alternates_with_a_waiter(kind: type[World]) -> None:
    """Two tasks that ask again and again with one connection take turns."""
    world = kind(ONE)

    async def scenario() -> None:
        world.serve("a.test")
        order: list[str] = []

        async def again_and_again(name: str) -> None:
            for _ in range(20):
                await world.get("a.test")
                order.append(name)

        jobs = [
            world.start(lambda name=name: again_and_again(name), name)  # type: ignore[misc]
            for name in "ab"
        ]
        await all_of(*jobs)
        both = order[2:-2]
        assert all(one != other for one, other in pairwise(both))

    play(world, scenario)


@everywhere
def test_row_78_two_origins_at_a_limit_of_one(kind: type[World]) -> None:
    """Served by age within the budget, and not dialled anew for each."""
    world = kind(ONE)

    async def scenario() -> None:
        world.serve("a.test")
        world.serve("b.test")
        order: list[str] = []
        jobs = []
        for number in range(20):
            host = "ab"[number % 2] + ".test"
            jobs.append(asks(world, host, order, f"{number:02}"))
            await world.sleep(0)
        await all_of(*jobs)
        assert 20 == len(order)
        late = [abs(order.index(name) - int(name)) for name in order]
        assert max(late) <= 10
        assert world.transport.stats().dials < 20

    play(world, scenario)


@everywhere
def test_row_79_a_flood_and_one_request(kind: type[World]) -> None:
    """Who asks once is overtaken by a bounded number of younger ones."""
    world = kind(ONE)

    async def scenario() -> None:
        world.serve("a.test")
        world.serve("b.test")
        order: list[str] = []
        jobs = [asks(world, "a.test", order, "flood") for _ in range(5)]
        await world.sleep(0)
        jobs.append(asks(world, "b.test", order, "one"))
        await world.sleep(0)
        jobs += [asks(world, "a.test", order, "flood") for _ in range(30)]
        await all_of(*jobs)
        assert order.index("one") <= 5 + 8

    play(world, scenario)


@everywhere
@pytest.mark.parametrize("call", ["waiter", "start_dial", "call_at", "write", "read"])
def test_row_94_no_memory_in_the_middle(kind: type[World], call: str) -> None:
    """Who asked hears of it, and the pool is alive."""
    fault = Fault(call, 1, Kind("no memory", MemoryError))
    world = kind(ONE, Plan(fault=fault))

    async def scenario() -> None:
        world.warnings_allowed = True
        world.serve("a.test")
        got = world.start(lambda: world.get("a.test"), "got")
        await got.join()
        assert isinstance(
            got.error, MemoryError | mooring.ConnectError | mooring.PoolTimeout | None
        )
        assert Counter({"a.test": 1}) >= Counter(world.connections)
        world.serve("a.test", ok)

    play(world, scenario)
