"""encode/httpx#289 and #787: redirects at tight limits; limits and pool timeout."""

from __future__ import annotations

import re
from collections.abc import Generator
from functools import partial

import pytest

import mooring
from tests.integration.servers import (
    LONG,
    Connection,
    Ending,
    Gate,
    Origin,
    Script,
    client_sockets,
    held_by,
)
from tests.integration.worlds import (
    ALL,
    EVERYWHERE,
    Action,
    Caller,
    World,
    at_once,
    caller,
    eventually,
    in_worlds,
    until,
)

ONE = mooring.Limits(max_connections=1)
# More than fits the buffers on the way, so it cannot be read to its end in passing.
LARGE = b"x" * 8_000_000
BODIES = pytest.mark.parametrize("body", [b"", b"moved", LARGE], ids=len)


def redirecting(to: str, body: bytes = b"", more: str = "") -> Script:
    """Send every request to *to*."""

    def script(connection: Connection) -> None:
        while connection.request() is not None:
            connection.respond(
                body, status="302 Found", more=f"Location: {to}\r\n{more}"
            )

    return script


# -- #289 --------------------------------------------------------------------------


@BODIES
@in_worlds(*EVERYWHERE)
async def test_289_redirect_to_another_origin_with_one_connection(
    world: World, body: bytes
) -> None:
    """The first connection makes room for the second, read to its end or not."""
    with Origin() as there, Origin(default=redirecting(there.url, body)) as here:
        async with caller(world, limits=ONE, follow_redirects=True) as client:
            response = await client.get(here.url)

            assert there.url == str(response.url)
            assert 1 == client.stats.most_connections
            await until(world, here, lambda: not here.open)


@in_worlds(*ALL)
async def test_289_redirect_of_a_streamed_request(world: World) -> None:
    """A redirect followed by ``stream`` holds nothing while it goes on."""
    with Origin() as there, Origin(default=redirecting(there.url, LARGE)) as here:
        async with (
            caller(world, limits=ONE, follow_redirects=True) as client,
            client.stream("GET", here.url) as response,
        ):
            assert b"ok" == await client.read(response)


@in_worlds(*ALL)
async def test_289_there_and_back_again(world: World) -> None:
    """Ten redirects between two origins are served one connection at a time."""
    hops = 10

    def bouncing(connection: Connection) -> None:
        while (request := connection.request()) is not None:
            hop = int(request.target.lstrip("/") or 0)
            if hop == hops:
                connection.respond()
                continue
            other = ports[1 - ports.index(connection.origin.port)]
            location = f"Location: http://127.0.0.1:{other}/{hop + 1}\r\n"
            connection.respond(status="307 Temporary Redirect", more=location)

    with Origin(default=bouncing) as one, Origin(default=bouncing) as two:
        ports = [one.port, two.port]
        async with caller(world, limits=ONE, follow_redirects=True) as client:
            response = await client.post(one.url, content=b"x")

            assert hops == len(response.history)
            assert 1 == client.stats.most_connections


@in_worlds(*EVERYWHERE)
async def test_289_two_origins_alternate_on_one_connection(world: World) -> None:
    """Forty requests at once, every second to the other origin: all are answered."""
    with Origin() as one, Origin() as two:
        async with caller(world, limits=ONE) as client:
            urls = [one.url, two.url] * 20
            outcomes = await at_once(world, [partial(client.get, url) for url in urls])

            assert [200] * 40 == [status_of(outcome) for outcome in outcomes]
            assert 1 == client.stats.most_connections
            assert 0 == client.stats.queued


@in_worlds(*EVERYWHERE)
async def test_289_many_redirects_at_once_with_one_connection(world: World) -> None:
    """Requests that need the slot a second time wait in turn with the others."""
    with Origin() as there, Origin(default=redirecting(there.url, b"moved")) as here:
        async with caller(world, limits=ONE, follow_redirects=True) as client:
            outcomes = await at_once(world, [lambda: client.get(here.url)] * 20)

            assert [200] * 20 == [status_of(outcome) for outcome in outcomes]
            assert 20 == len(there.requests)


class Token(mooring.Auth):
    """Credentials that are sent only when asked for."""

    def auth_flow(
        self, request: mooring.Request
    ) -> Generator[mooring.Request, mooring.Response, None]:
        response = yield request
        if response.status_code == 401:
            request.headers["Authorization"] = "Token secret"
            yield request


@BODIES
@in_worlds(*ALL)
async def test_289_auth_challenge_with_one_connection(
    world: World, body: bytes
) -> None:
    """The answer to a challenge needs the connection that brought the challenge."""

    def challenging(connection: Connection) -> None:
        while (request := connection.request()) is not None:
            if "authorization" in request.headers:
                connection.respond()
                continue
            challenge = "WWW-Authenticate: Token\r\n"
            connection.respond(body, status="401 Unauthorized", more=challenge)

    with Origin(default=challenging) as origin:
        async with caller(world, limits=ONE) as client:
            response = await client.get(origin.url, auth=Token())

            assert 200 == response.status_code
            assert 1 == client.stats.most_connections


@in_worlds(*ALL)
async def test_289_cookies_are_kept_over_a_redirect(world: World) -> None:
    """What the redirect sets is sent to where it leads, with one connection."""
    with Origin() as there:
        more = "Set-Cookie: mooring=fast; Path=/\r\n"
        with Origin(default=redirecting(there.url, b"moved", more)) as here:
            async with caller(world, limits=ONE, follow_redirects=True) as client:
                await client.get(here.url)

            # Cookies know hosts, not ports, so the other port is sent it too.
            assert "mooring=fast" == there.requests[0].headers["cookie"]


# -- #787 --------------------------------------------------------------------------


def test_787_a_field_left_out_is_no_limit() -> None:
    """The trap, value for value: naming one field lifts the two others."""
    limits = mooring.Limits(keepalive_expiry=30)

    assert None is limits.max_connections
    assert None is limits.max_keepalive_connections
    assert 30 == limits.keepalive_expiry


def test_787_replace_changes_one_field_of_the_defaults() -> None:
    """The way around the trap keeps 100 and 20."""
    limits = mooring.DEFAULT_LIMITS.replace(keepalive_expiry=30)

    assert (100, 20, 30) == (
        limits.max_connections,
        limits.max_keepalive_connections,
        limits.keepalive_expiry,
    )


def test_787_the_defaults_are_the_documented_ones() -> None:
    """100 connections, 20 of them idle, for five seconds; five seconds to wait."""
    expected = mooring.Limits(
        max_connections=100, max_keepalive_connections=20, keepalive_expiry=5.0
    )

    assert expected == mooring.DEFAULT_LIMITS
    assert mooring.Timeout(5.0) == mooring.Client().timeout


def test_787_limits_are_given_by_name() -> None:
    """Bare numbers would not say which limit they are."""
    with pytest.raises(TypeError):
        mooring.Limits(10, 5)  # type: ignore[call-arg]


def test_787_timeout_takes_one_default_and_names() -> None:
    """A second bare number would not say which phase it is for."""
    with pytest.raises(TypeError):
        mooring.Timeout(5.0, 10.0)  # type: ignore[call-arg]


@pytest.mark.parametrize("wrong", ["limits", "timeout"])
def test_787_a_client_takes_its_settings_by_name(wrong: str) -> None:
    """``Client(limits)`` is a slip, not a base URL."""
    value = mooring.Limits() if wrong == "limits" else mooring.Timeout(5.0)

    with pytest.raises(TypeError):
        mooring.Client(value)  # type: ignore[call-arg,arg-type]


class Busy:
    """A client whose one connection is taken until the gate opens."""

    def __init__(self, world: World, client: Caller, origin: Origin) -> None:
        self.url = origin.url
        self.held = world.start(lambda: client.get(origin.url + "held"))

    @classmethod
    async def made(cls, world: World, client: Caller, origin: Origin) -> Busy:
        busy = cls(world, client, origin)
        await until(world, origin, lambda: origin.requests)
        return busy


@in_worlds(*EVERYWHERE)
async def test_787_pool_timeout_says_what_is_known(world: World) -> None:
    """How long, for what host, which limit, and how many wait."""
    with Gate() as gate, Origin(default=held_by(gate)) as origin:
        async with caller(world, limits=ONE) as client:
            busy = await Busy.made(world, client, origin)
            queued = world.start(lambda: client.get(busy.url))
            await eventually(world, lambda: client.stats.queued == 1)
            with pytest.raises(mooring.PoolTimeout) as caught:
                await client.get(busy.url, timeout=mooring.Timeout(LONG, pool=0.05))
            gate.open()

            text = str(caught.value)
            host = f"127.0.0.1:{origin.port}"
            assert re.fullmatch(
                rf"no free connection to {host} after \d+\.\d+s "
                r"\(1 of 1 connections in use, place 2 of 2 in the queue, "
                r"oldest held \d+\.\d+s\)",
                text,
            )
            diagnosis = caught.value.diagnosis
            assert diagnosis is not None
            assert ("max_connections", 1, 1) == (
                diagnosis.setting,
                diagnosis.limit,
                diagnosis.in_use,
            )
            assert 200 == status_of(await busy.held.join())
            assert 200 == status_of(await queued.join())


@in_worlds(*ALL)
async def test_787_no_pool_timeout_waits(world: World) -> None:
    """With ``pool=None`` a request waits as long as it takes, whatever else is set."""
    with Gate() as gate, Origin(default=held_by(gate)) as origin:
        async with caller(world, limits=ONE) as client:
            busy = await Busy.made(world, client, origin)
            short = mooring.Timeout(0.05, read=LONG, pool=None)
            patient = world.start(lambda: client.get(busy.url, timeout=short))
            await eventually(world, lambda: client.stats.queued == 1)
            with pytest.raises(mooring.PoolTimeout):
                await client.get(busy.url, timeout=mooring.Timeout(LONG, pool=0.1))

            assert 1 == client.stats.queued
            gate.open()
            assert 200 == status_of(await patient.join())
            await busy.held.join()


@in_worlds(*ALL)
async def test_787_waiting_in_the_pool_is_not_reading(world: World) -> None:
    """A read timeout shorter than the wait for a connection does not end that."""
    with Gate() as gate, Origin(default=held_by(gate)) as origin:
        async with caller(world, limits=ONE) as client:
            busy = await Busy.made(world, client, origin)
            hasty = mooring.Timeout(LONG, read=0.05, pool=LONG)
            waiting = world.start(lambda: client.get(busy.url, timeout=hasty))
            await eventually(world, lambda: client.stats.queued == 1)
            with pytest.raises(mooring.PoolTimeout):
                await client.get(busy.url, timeout=mooring.Timeout(LONG, pool=0.1))

            assert 1 == client.stats.queued
            gate.open()
            outcome = await waiting.join()
            # In its turn it may find the server slow; the pool it did not give up.
            assert not isinstance(outcome, mooring.PoolTimeout)
            await busy.held.join()


@in_worlds(*ALL)
async def test_787_a_pool_timeout_does_not_end_a_slow_answer(world: World) -> None:
    """Once a request has its connection, the pool's clock is over."""
    with Gate() as gate, Origin(default=held_by(gate)) as origin:
        async with caller(world, limits=ONE) as client:
            slow = world.start(
                lambda: client.get(
                    origin.url + "held", timeout=mooring.Timeout(LONG, pool=0.05)
                )
            )
            await until(world, origin, lambda: origin.requests)
            with pytest.raises(mooring.PoolTimeout):
                await client.get(origin.url, timeout=mooring.Timeout(LONG, pool=0.1))
            gate.open()

            assert 200 == status_of(await slow.join())


@in_worlds(*ALL)
async def test_787_a_timeout_of_zero_takes_what_is_free(world: World) -> None:
    """Without waiting: an idle connection is used, a busy pool is an error."""
    now = mooring.Timeout(LONG, pool=0)
    with Gate() as gate, Origin(default=held_by(gate)) as origin:
        async with caller(world, limits=ONE) as client:
            assert 200 == (await client.get(origin.url, timeout=now)).status_code
            assert 200 == (await client.get(origin.url, timeout=now)).status_code

            held = world.start(lambda: client.get(origin.url + "held"))
            await until(world, origin, lambda: len(origin.requests) == 3)
            with pytest.raises(mooring.PoolTimeout, match="no free connection"):
                await client.get(origin.url, timeout=now)
            gate.open()
            await held.join()

            assert 1 == client.stats.connections


@in_worlds(*ALL)
async def test_787_idle_connections_over_the_limit_are_closed(world: World) -> None:
    """Of five that served at once, two stay."""
    limits = mooring.Limits(max_connections=5, max_keepalive_connections=2)
    with Gate() as gate, Origin(default=held_by(gate)) as origin:
        async with caller(world, limits=limits) as client:
            url = origin.url + "held"
            jobs = [world.start(lambda: client.get(url)) for _ in range(5)]
            await until(world, origin, lambda: len(origin.requests) == 5)
            gate.open()
            for job in jobs:
                await job.join()
            await until(world, origin, lambda: origin.open == 2)

            assert 2 == client.stats.idle
            assert 2 == client_sockets(origin.port)
            assert 3 == origin.endings().count(Ending.FIN)


@in_worlds(*ALL)
async def test_787_limits_of_a_client_hold(world: World) -> None:
    """``Client(limits=...)``, without a transport, keeps to them on the wire."""
    with Origin() as origin:
        limits = mooring.Limits(max_connections=2)
        if world.name == "sync":
            with mooring.Client(limits=limits, timeout=LONG) as client:
                await at_once(world, [ask_blocking(client, origin.url)] * 10)
        else:
            async with mooring.AsyncClient(limits=limits, timeout=LONG) as other:
                await at_once(world, [lambda: other.get(origin.url)] * 10)

        assert 10 == len(origin.requests)
        assert origin.most_open <= 2


def ask_blocking(client: mooring.Client, url: str) -> Action:
    async def ask() -> mooring.Response:
        return client.get(url)

    return ask


def status_of(outcome: object) -> int:
    """Return the status of a response; anything else is raised."""
    if isinstance(outcome, BaseException):
        raise outcome
    assert isinstance(outcome, mooring.Response)
    return outcome.status_code
