"""encode/httpx#1171: more tasks than connections, and everything that cancels them.

The letters are those of the seven bugs that hid behind one title: (a) waiting for a
slot instead of a connection, (b) slots lost on the way out, (c) cancellation between
taken and recorded, (d) a freed connection offered to everybody, (e) errors under
load, (f) clean-up that a second cancellation interrupts, (g) a cancelled group that
leaves the next request without a connection.
"""

from __future__ import annotations

import asyncio
import gc
import random
import threading
from functools import partial

import pytest
import trio

import mooring
from mooring.demo.kernel import Sampler
from tests.integration.servers import (
    LONG,
    Connection,
    Ending,
    Gate,
    Origin,
    client_sockets,
    held_by,
    in_company_of,
)
from tests.integration.worlds import (
    ALL,
    CANCELLED,
    EVERYWHERE,
    AsyncioWorld,
    Caller,
    SyncWorld,
    TrioWorld,
    UvloopWorld,
    World,
    at_once,
    caller,
    dice,
    eventually,
    in_worlds,
    until,
)

TEN = mooring.Limits(max_connections=10)
TWO = mooring.Limits(max_connections=2)
ONE = mooring.Limits(max_connections=1)


async def serves_at_once(
    world: World, client: Caller, origin: Origin, many: int
) -> None:
    """Check that *many* requests are there at the same time, and nothing is lost."""
    await eventually(world, lambda: client.is_at_rest)
    url = origin.url + "together"
    outcomes = await at_once(world, [lambda: client.get(url)] * many)

    assert [200] * many == [status_of(outcome) for outcome in outcomes]
    assert (0, 0) == (client.stats.leases, client.stats.queued)
    assert many == client.stats.idle == client_sockets(origin.port)


# -- (a), (d): more tasks than connections ------------------------------------------


@in_worlds(AsyncioWorld, TrioWorld)
async def test_1171a_5000_tasks_on_10_connections(world: World) -> None:
    """All are answered, without a pool timeout, over ten sockets and not one more."""
    with Origin() as origin, Sampler(origin.port) as kernel:
        async with caller(world, limits=TEN) as client:
            outcomes = await at_once(world, [lambda: client.get(origin.url)] * 5000)

            assert {200} == {status_of(outcome) for outcome in outcomes}
            assert 10 == origin.accepted == origin.most_open
            assert 10 == client.stats.most_connections
    assert kernel.most is None or kernel.most <= 10


def test_1171a_200_threads_on_10_connections() -> None:
    """5000 requests of 200 threads, over ten sockets and not one more."""

    async def scenario(world: World) -> None:
        async with caller(world, limits=TEN) as client:

            async def ask_often() -> object:
                return {(await client.get(origin.url)).status_code for _ in range(25)}

            outcomes = await at_once(world, [ask_often] * 200)

            assert [{200}] * 200 == outcomes
            # How many threads ever meet is the scheduler's business.
            assert origin.accepted == origin.most_open <= 10
            assert client.stats.most_connections <= 10

    with Origin() as origin, Sampler(origin.port) as kernel:
        SyncWorld().run(scenario)
    assert kernel.most is None or kernel.most <= 10


@in_worlds(*EVERYWHERE)
async def test_1171d_a_freed_connection_serves_who_asked_first(world: World) -> None:
    """Requests leave in the order they came, each served by one assignment."""
    with Gate() as gate, Origin(default=held_by(gate)) as origin:
        async with caller(world, limits=ONE) as client:
            jobs = []
            expected = [f"/held/{number}" for number in range(20)]
            for number, target in enumerate(expected):
                url = origin.url + target[1:]
                jobs.append(world.start(partial(client.get, url)))
                if number == 0:
                    await until(world, origin, lambda: origin.requests)
                await eventually(world, partial(is_queued, client, number))
            gate.open()
            for job in jobs:
                assert 200 == status_of(await job.join())

            assert expected == origin.targets()
            assert (1, 19) == (client.stats.leases_new, client.stats.leases_reused)


@in_worlds(*ALL)
async def test_1171a_a_connection_going_idle_serves_a_waiter(world: World) -> None:
    """It is a connection that a request waits for, not the right to make one."""
    with Gate() as gate, Origin(default=held_by(gate)) as origin:
        async with caller(world, limits=ONE) as client:
            first = world.start(lambda: client.get(origin.url + "held"))
            await until(world, origin, lambda: origin.requests)
            second = world.start(lambda: client.get(origin.url))
            await eventually(world, lambda: client.stats.queued == 1)
            gate.open()

            assert 200 == status_of(await first.join())
            assert 200 == status_of(await second.join())
            assert 1 == origin.accepted


# -- (b): no way out loses a slot ----------------------------------------------------


@in_worlds(*EVERYWHERE)
async def test_1171b_no_way_to_end_a_response_loses_the_slot(world: World) -> None:
    """Not read, closed early, broken off by an exception: the slot is back."""

    def long(connection: Connection) -> None:
        connection.request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\nbegin")
        connection.until_gone()

    with Origin(long, long, long) as origin:
        async with caller(world, limits=ONE) as client:
            async with client.stream("GET", origin.url):
                pass  # not read at all
            async with client.stream("GET", origin.url) as response:
                pieces = client.pieces(response)
                assert b"begin" == await pieces.next()
                await pieces.close()
            with pytest.raises(ZeroDivisionError):
                async with client.stream("GET", origin.url) as response:
                    1 / 0

            assert 200 == (await client.get(origin.url)).status_code
            await until(world, origin, lambda: origin.open == 1)
            assert 1 == client.stats.connections


@pytest.mark.filterwarnings("ignore:the response to:ResourceWarning")
@in_worlds(*EVERYWHERE)
async def test_1171b_a_dropped_response_gives_its_slot_back(world: World) -> None:
    """Nobody closes it, nobody can any more: the collector's word is enough."""

    def long(connection: Connection) -> None:
        connection.request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\nbegin")
        connection.until_gone()

    with Origin(long) as origin:
        async with caller(world, limits=ONE) as client:
            await client.open("GET", origin.url)
            gc.collect()

            assert 200 == (await client.get(origin.url)).status_code
            assert 1 == client.stats.connections


@pytest.mark.filterwarnings("ignore:the response to:ResourceWarning")
@in_worlds(*EVERYWHERE)
async def test_1171b_a_response_dropped_in_another_thread_serves_a_waiter(
    world: World,
) -> None:
    """The collector runs anywhere; who waits is served without any further call."""

    def long(connection: Connection) -> None:
        connection.request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\nbegin")
        connection.until_gone()

    with Origin(long) as origin:
        async with caller(world, limits=ONE) as client:
            responses = [await client.open("GET", origin.url)]
            waiting = world.start(partial(client.get, origin.url))
            await eventually(world, partial(is_queued, client, 1))
            dropping = threading.Thread(target=responses.clear)
            dropping.start()
            dropping.join()
            gc.collect()

            assert 200 == status_of(await waiting.join())
            assert {"abandoned": 1} == client.stats.closed


@in_worlds(SyncWorld, AsyncioWorld, UvloopWorld)
async def test_1171b_a_body_dropped_half_way_gives_its_slot_back(
    world: World,
) -> None:
    """An iteration that nobody goes on with ends the lease when it is collected."""

    def long(connection: Connection) -> None:
        connection.request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\nbegin")
        connection.until_gone()

    with Origin(long) as origin:
        async with caller(world, limits=ONE) as client:
            pieces = client.pieces(await client.open("GET", origin.url))
            await pieces.next()
            del pieces
            gc.collect()

            assert 200 == (await client.get(origin.url)).status_code
            assert 1 == client.stats.connections


@in_worlds(*EVERYWHERE)
async def test_1171b_a_small_rest_is_read_and_the_connection_kept(
    world: World,
) -> None:
    """Leaving a response early costs no connection when little is left of it."""
    with Origin() as origin:
        async with caller(world, limits=ONE) as client:
            async with client.stream("GET", origin.url):
                pass

            assert 200 == (await client.get(origin.url)).status_code
            assert 1 == origin.accepted


@pytest.mark.parametrize("how", Ending)
@in_worlds(*EVERYWHERE)
async def test_1171b_a_dead_connection_gives_its_slot_back(
    world: World, how: Ending
) -> None:
    """At the limit, connections the server ended make room for new ones."""
    with Origin(default=in_company_of(2)) as origin:
        async with caller(world, limits=TWO) as client:
            for _ in range(3):
                await serves_at_once(world, client, origin, 2)
                origin.restart(how)


# -- (c): cancellation between taken and recorded -------------------------------------


@in_worlds(AsyncioWorld, UvloopWorld, TrioWorld)
async def test_1171c_cancelled_after_each_number_of_turns(world: World) -> None:
    """Cancelled before, while and after connecting: the pool is whole each time."""
    with Origin(default=in_company_of(2)) as origin:
        async with caller(world, limits=TWO) as client:
            for turns in range(25):
                jobs = [world.start(lambda: client.get(origin.url)) for _ in range(4)]
                for _ in range(turns):
                    await world.turn()
                for job in jobs:
                    job.cancel()
                for job in jobs:
                    await job.join()
                if turns % 3 == 0:
                    await serves_at_once(world, client, origin, 2)
                    origin.restart(Ending.RST)  # so that the next ones dial again

            await serves_at_once(world, client, origin, 2)


@in_worlds(AsyncioWorld, UvloopWorld, TrioWorld)
async def test_1171c_50_rounds_of_random_cancellation(world: World) -> None:
    """After the storm ten requests are served at once, with ten sockets."""
    chance = dice(1171)
    with (
        Origin(default=in_company_of(10)) as origin,
        Sampler(origin.port) as kernel,
    ):
        async with caller(world, limits=TEN) as client:
            for _ in range(50):
                await storm(world, client, origin.url, chance)

            await serves_at_once(world, client, origin, 10)
            assert client.stats.cancelled > 50
            assert 10 == client.stats.most_connections
    assert kernel.most is None or kernel.most <= 10


async def storm(world: World, client: Caller, url: str, chance: random.Random) -> None:
    """Start forty requests; cancel half of them whenever it pleases *chance*."""
    jobs = [world.start(lambda: client.get(url)) for _ in range(40)]
    for job in chance.sample(jobs, 20):
        for _ in range(chance.randrange(4)):
            await world.turn()
        job.cancel()
    outcomes = [await job.join() for job in jobs]
    for outcome in outcomes:
        assert outcome == CANCELLED or status_of(outcome) == 200


def test_1171c_50_rounds_of_random_timeouts_in_threads() -> None:
    """Threads cannot be cancelled; they give up, on the pool or on the server."""

    async def scenario(world: World) -> None:
        async with caller(world, limits=TEN) as client:

            async def impatient() -> object:
                seconds = chance.choice((0.0, 0.0005, 0.002))
                hasty = mooring.Timeout(LONG, read=seconds, pool=seconds)
                return await client.get(origin.url, timeout=hasty)

            for _ in range(50):
                patient = [lambda: client.get(origin.url + "together")] * 10
                outcomes = await at_once(world, [*patient, *[impatient] * 10])
                assert [200] * 10 == [status_of(o) for o in outcomes[:10]]
                for outcome in outcomes[10:]:
                    if isinstance(outcome, mooring.TimeoutException):
                        gave_up.append(outcome)
                    else:
                        assert 200 == status_of(outcome)

            await serves_at_once(world, client, origin, 10)
            assert gave_up
            assert 10 == client.stats.most_connections

    chance = dice(1171)
    gave_up: list[object] = []
    with Origin(default=in_company_of(10)) as origin, Sampler(origin.port) as kernel:
        SyncWorld().run(scenario)
    assert kernel.most is None or kernel.most <= 10


@in_worlds(AsyncioWorld, UvloopWorld, TrioWorld)
async def test_1171c_cancelled_in_the_turn_it_is_served(world: World) -> None:
    """A connection given to a task that is cancelled meanwhile goes to the next."""
    with Gate() as gate, Origin(default=held_by(gate)) as origin:
        async with caller(world, limits=ONE) as client:
            for turns in range(9):
                seen = len(origin.requests)
                holder = world.start(lambda: client.get(origin.url + "held"))
                await until(world, origin, partial(more_than, origin, seen))
                loser = world.start(lambda: client.get(origin.url + "loser"))
                await eventually(world, lambda: client.stats.queued == 1)
                winner = world.start(lambda: client.get(origin.url))
                await eventually(world, lambda: client.stats.queued == 2)
                gate.open()
                await eventually(world, lambda: client.stats.queued < 2)
                for _ in range(turns):
                    await world.turn()
                loser.cancel()

                assert 200 == status_of(await winner.join())
                await holder.join()
                await loser.join()
                assert (0, 0) == (client.stats.leases, client.stats.queued)
                gate.shut()


# -- (e): errors under load -----------------------------------------------------------


@in_worlds(*EVERYWHERE)
async def test_1171e_errors_under_load_leave_nothing_behind(world: World) -> None:
    """Of 200 requests every third is cut short; the others and the pool do not mind."""

    def moody(connection: Connection) -> None:
        while (request := connection.request()) is not None:
            if request.target == "/cut":
                connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nha")
                return
            if request.target == "/reset":
                connection.close(Ending.RST)
                return
            company(connection, request.target)

    def company(connection: Connection, target: str) -> None:
        if target == "/together":
            together.wait()
        connection.respond()

    together = threading.Barrier(10, timeout=LONG)
    with Origin(default=moody) as origin, Sampler(origin.port) as kernel:
        async with caller(world, limits=TEN) as client:
            targets = ["", "cut", "", "reset", "", ""] * 34
            outcomes = await at_once(
                world,
                [partial(client.post, origin.url + t) for t in targets],
            )
            for target, outcome in zip(targets, outcomes, strict=True):
                if target:
                    assert isinstance(outcome, mooring.TransportError)
                    assert str(outcome)
                else:
                    assert 200 == status_of(outcome)

            await serves_at_once(world, client, origin, 10)
    assert kernel.most is None or kernel.most <= 10


@in_worlds(*EVERYWHERE)
async def test_1171e_refused_connections_under_load(world: World) -> None:
    """Nobody answers the phone: every request fails for itself, and no slot is lost."""
    with Origin(default=in_company_of(10)) as origin:
        async with caller(world, limits=TEN) as client:
            origin.stop()
            outcomes = await at_once(world, [lambda: client.get(origin.url)] * 100)
            assert {mooring.ConnectError} == {type(outcome) for outcome in outcomes}
            assert 0 == client.stats.connections

            origin.start()
            await serves_at_once(world, client, origin, 10)


# -- (f): cancelled again while cleaning up -----------------------------------------


def unfinished(connection: Connection) -> None:
    """Answer with a body of which little is missing, but for ever."""
    while (request := connection.request()) is not None:
        if request.target == "/unfinished":
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbegin")
            connection.until_gone()
        else:
            connection.respond()


@in_worlds(AsyncioWorld, UvloopWorld, TrioWorld)
async def test_1171f_cancelled_twice(world: World) -> None:
    """A second cancellation while the response is being closed loses no slot."""
    with Origin(default=unfinished) as origin:
        async with caller(world, limits=ONE) as client:
            reached: list[str] = []

            async def read_on() -> None:
                async with client.stream("GET", origin.url + "unfinished"):
                    reached.append("body")
                    await forever()

            for turns in range(4):
                reached.clear()
                job = world.start(read_on)
                await eventually(world, lambda: reached)
                job.cancel()
                for _ in range(turns):
                    await world.turn()
                job.cancel()

                assert CANCELLED == await job.join()
                assert 0 == client.stats.leases
                assert 200 == (await client.get(origin.url)).status_code


async def forever() -> None:
    """Wait until cancelled."""
    try:
        await asyncio.get_running_loop().create_future()
    except RuntimeError:
        await trio.sleep_forever()


@in_worlds(*EVERYWHERE)
async def test_1171f_closing_with_work_in_flight(world: World) -> None:
    """Queued requests fail at once and never dial; the active one fails; all closed."""
    with Gate() as gate, Origin(default=held_by(gate)) as origin:
        async with caller(world, limits=ONE) as client:
            active = world.start(lambda: client.get(origin.url + "held"))
            await until(world, origin, lambda: origin.requests)
            queued = [world.start(lambda: client.get(origin.url)) for _ in range(3)]
            await eventually(world, lambda: client.stats.queued == 3)
            await client.close()

            outcome = await active.join()
            assert isinstance(outcome, mooring.NetworkError)
            assert f"127.0.0.1:{origin.port}" in str(outcome)
            for job in queued:
                outcome = await job.join()
                assert isinstance(outcome, mooring.ConnectError)
                assert "the client was closed" in str(outcome)
            await until(world, origin, lambda: not origin.open)
            assert 1 == origin.accepted
            assert (0, 0) == (client.stats.connections, client.stats.leases)


@in_worlds(*EVERYWHERE)
async def test_1171f_closing_while_connecting(world: World) -> None:
    """A handshake that hangs is called off, and its socket closed."""

    def silent(connection: Connection) -> None:
        connection.until_gone()

    with Origin(silent) as origin:
        async with caller(world, limits=ONE) as client:
            url = origin.url.replace("http:", "https:")
            dialling = world.start(lambda: client.get(url))
            await until(world, origin, lambda: origin.accepted)
            await client.close()

            outcome = await dialling.join()
            assert isinstance(outcome, mooring.ConnectError)
            assert str(outcome)
            await until(world, origin, lambda: not origin.open)
            assert 0 == client.stats.connections


# -- (g): a cancelled group ------------------------------------------------------


@in_worlds(AsyncioWorld, UvloopWorld, TrioWorld)
async def test_1171g_two_connections_five_tasks_all_cancelled(world: World) -> None:
    """The next request after the cancelled group is served."""
    with Gate() as gate, Origin(default=held_by(gate)) as origin:
        async with caller(world, limits=TWO) as client:
            url = origin.url + "held"
            jobs = [world.start(lambda: client.get(url)) for _ in range(5)]
            await until(world, origin, lambda: len(origin.requests) == 2)
            for job in jobs:
                job.cancel()
            assert [CANCELLED] * 5 == [await job.join() for job in jobs]

            assert client.is_at_rest
            assert 200 == (await client.get(origin.url)).status_code
            assert 2 == len([t for t in origin.targets() if t == "/held"])


def test_1171g_two_connections_five_threads_all_giving_up() -> None:
    """The same with threads, which give up by read and pool timeouts."""

    async def scenario(world: World) -> None:
        with Gate() as gate, Origin(default=held_by(gate)) as origin:
            async with caller(world, limits=TWO) as client:
                url = origin.url + "held"
                hasty = mooring.Timeout(0.1, connect=LONG)
                outcomes = await at_once(
                    world, [lambda: client.get(url, timeout=hasty)] * 5
                )

                for outcome in outcomes:
                    assert isinstance(outcome, mooring.TimeoutException)
                    assert str(outcome)
                assert 200 == (await client.get(origin.url)).status_code

    SyncWorld().run(scenario)


@in_worlds(AsyncioWorld, UvloopWorld)
async def test_1171g_an_outer_timeout_of_asyncio(world: World) -> None:
    """``wait_for`` and ``timeout`` around active and queued requests lose nothing."""
    with Gate() as gate, Origin(default=held_by(gate)) as origin:
        async with caller(world, limits=TWO) as client:
            url = origin.url + "held"

            async def waits_for() -> None:
                await asyncio.wait_for(client.get(url), 0.05)

            async def has_timeout() -> None:
                async with asyncio.timeout(0.05):
                    await client.get(url)

            outcomes = await at_once(world, [waits_for, has_timeout] * 3)
            assert {TimeoutError} == {type(outcome) for outcome in outcomes}
            assert 0 == client.stats.leases
            assert 200 == (await client.get(origin.url)).status_code


@in_worlds(TrioWorld)
async def test_1171g_an_outer_timeout_of_trio(world: World) -> None:
    """``move_on_after`` around active and queued requests loses nothing."""
    with Gate() as gate, Origin(default=held_by(gate)) as origin:
        async with caller(world, limits=TWO) as client:

            async def moves_on() -> bool:
                with trio.move_on_after(0.05) as scope:
                    await client.get(origin.url + "held")
                return scope.cancelled_caught

            assert [True] * 6 == await at_once(world, [moves_on] * 6)
            assert 0 == client.stats.leases
            with trio.CancelScope() as over:
                over.cancel()
                await client.get(origin.url)
            assert over.cancelled_caught
            assert 0 == client.stats.leases
            assert 200 == (await client.get(origin.url)).status_code


def is_queued(client: Caller, many: int) -> bool:
    return client.stats.queued == many


def more_than(origin: Origin, many: int) -> bool:
    return len(origin.requests) > many


def status_of(outcome: object) -> int:
    """Return the status of a response; anything else is raised."""
    if isinstance(outcome, BaseException):
        raise outcome
    assert isinstance(outcome, mooring.Response), outcome
    return outcome.status_code
