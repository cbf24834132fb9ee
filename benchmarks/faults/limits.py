"""Scenarios: the pool's limits, who waits and for how long."""

from __future__ import annotations

import asyncio
from time import monotonic

from tests.integration.servers import (
    Connection,
    Gate,
    Script,
    client_sockets,
    held_by,
    in_company_of,
)

from .clients import Make, Settings
from .measure import (
    BIG,
    SLOW_NAME,
    Loss,
    Origin,
    SlowNames,
    aftermath,
    ended,
    soon,
    turns,
)

BURST = 100
BURST_SECONDS = 15.0
"""It is the dials that count here; some clients need a second or two for them."""
LOOKUP_SECONDS = 0.3
CROWD_SECONDS = 90.0
"""Ten times what the slower ones need."""


async def pool_timeout_of_zero(make: Make) -> None:
    """Requests that may not wait for the pool, when it is full (httpcore 550)."""
    with Gate() as gate:

        def script(connection: Connection) -> None:
            while (request := connection.request()) is not None:
                if request.target == "/held":
                    connection.hold(gate)
                connection.respond(BIG if request.target == "/big" else b"ok")

        with Origin(default=script) as origin:
            subject = make(Settings(connections=2))
            held = [asyncio.create_task(subject.get(origin.url + "held"))]
            await turns()
            for _ in range(6):
                held.append(
                    asyncio.create_task(subject.get(origin.url + "held", hasty=True))
                )
                await turns(3)
            gate.open()
            for task in held:
                await ended(task, "a request")
            await aftermath(subject, origin, 2)


async def idle_ones_count(make: Make) -> None:
    """Three origins, one after the other, with two connections allowed."""
    with Origin() as one, Origin() as two, Origin() as three:
        origins = [one, two, three]
        subject = make(Settings(connections=2))
        for origin in origins:
            await soon(subject.get(origin.url), "a request")
        opened = sum(client_sockets(origin.port) for origin in origins)
        if opened > 2:
            raise Loss("over the limit", f"{opened} sockets open, limit 2")


async def in_use_ones_count(make: Make) -> None:
    """An idle connection is taken while the limit of one is in use elsewhere."""
    with (
        Gate() as gate,
        Origin(default=held_by(gate)) as one,
        Origin(default=held_by(gate)) as two,
    ):
        subject = make(Settings(connections=1))
        await soon(subject.get(one.url), "a request")
        held = [asyncio.create_task(subject.get(two.url + "held"))]
        await asyncio.to_thread(two.wait_until, lambda: two.requests)
        held.append(asyncio.create_task(subject.get(one.url + "held")))
        await asyncio.sleep(0.3)
        under_way = one.targets().count("/held") + two.targets().count("/held")
        gate.open()
        for task in held:
            await ended(task, "a request")
        if under_way > 1:
            raise Loss("over the limit", f"{under_way} requests at once, limit 1")


async def redirect_to_another_origin(make: Make) -> None:
    """A redirect with a body, to another origin, with one connection (httpx 289)."""
    with Origin() as target:

        def script(connection: Connection) -> None:
            while connection.request() is not None:
                where = f"Location: {target.url}\r\n"
                connection.respond(BIG, status="302 Found", more=where)

        with Origin(default=script) as origin:
            subject = make(Settings(connections=1))
            asked = subject.get(origin.url, follow=True)
            answer = await soon(asked, "the redirected request")
            assert answer.status == 200
            opened = client_sockets(origin.port) + client_sockets(target.port)
            if opened > 1:
                raise Loss("over the limit", f"{opened} sockets open, limit 1")


async def one_greedy_task(make: Make) -> None:
    """One task asks again and again, another asks once (limit 1)."""
    with Origin() as origin:
        subject = make(Settings(connections=1))
        begun = asyncio.Event()

        async def ask_once() -> None:
            await begun.wait()
            await subject.get(origin.url)

        modest = asyncio.create_task(ask_once())
        rounds = 0
        while not modest.done() and rounds < 1000:
            await subject.get(origin.url)
            begun.set()
            rounds += 1
        if not modest.done():
            raise Loss("unfair", f"overtaken {rounds} times, and not served yet")


async def dials_that_fail(make: Make) -> None:
    """The name does not exist; five requests wait for one connection."""
    with SlowNames(fail_after=LOOKUP_SECONDS) as names:
        subject = make(Settings(connections=1))
        began = monotonic()
        failed: list[float] = []

        async def ask() -> None:
            try:
                await subject.get(f"http://{SLOW_NAME}:1/")
            except Exception:
                failed.append(monotonic() - began)

        await soon(asyncio.gather(*(ask() for _ in range(5))), "five requests")
        if failed[-1] > 3 * LOOKUP_SECONDS:
            times = ", ".join(f"{seconds:.1f}" for seconds in failed)
            raise Loss("one by one", f"failed after {times} s, {names.asked} look-ups")


async def five_thousand_tasks(make: Make) -> None:
    """5000 tasks at once on ten connections."""
    with Origin() as origin:
        subject = make(Settings(connections=10))
        tasks = [asyncio.create_task(subject.get(origin.url)) for _ in range(5000)]
        done, others = await asyncio.wait(tasks, timeout=CROWD_SECONDS)
        if others:
            text = f"{len(done)} answered after {CROWD_SECONDS:.0f} s"
            raise Loss("too slow", text)
        assert {200} == {task.result().status for task in done}
        if origin.accepted > 10:
            raise Loss("dials too often", f"{origin.accepted} dials for 10 connections")


async def bursts(make: Make) -> None:
    """Five bursts of 100 requests, with the settings that the client comes with."""
    together: Script = in_company_of(BURST)
    with Origin(default=together) as origin:
        subject = make()
        for _ in range(5):
            asked = (subject.get(origin.url + "together") for _ in range(BURST))
            await soon(asyncio.gather(*asked), "a burst", BURST_SECONDS)
        if origin.accepted > BURST:
            raise Loss("dials again", f"{origin.accepted} dials for 500 requests")


SCENARIOS = (
    pool_timeout_of_zero,
    idle_ones_count,
    in_use_ones_count,
    redirect_to_another_origin,
    one_greedy_task,
    dials_that_fail,
    five_thousand_tasks,
    bursts,
)
