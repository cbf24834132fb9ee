"""The soak in asyncio, in trio and in threads: one world in each process.

Written three times, because what is different is the point: how work is cancelled,
how tasks are started, who takes the samples.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import sys
import threading
import warnings
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from time import monotonic, sleep

import trio

import mooring

from .ledger import Ledger, Watch, pool_stats
from .plan import (
    CONNECTIONS,
    KEEPALIVE_SECONDS,
    LIMITS,
    PATIENT,
    WORKERS,
    Plan,
    Planner,
    Way,
)

SAMPLE_SECONDS = 0.5
REPORT_SECONDS = 5.0
LOOK_AGAIN_SECONDS = 0.01
MOST_LOOKS = 300
"""Three seconds: a difference that lasts so long is no matter of the moment."""
STEP_SECONDS = 0.02
QUIET_STEPS = round((KEEPALIVE_SECONDS + 5.0) / STEP_SECONDS)
"""After so many, all that is idle should have expired."""


class Run:
    """What the three worlds share: the plan, the account and the clock."""

    def __init__(self, world: str, seconds: float, ports: list[int], seed: int) -> None:
        self.ledger = Ledger(world)
        self.planner = Planner(ports, seed, can_cancel=world != "threads")
        self.seconds = seconds
        self.next_report = monotonic() + REPORT_SECONDS

    @property
    def goes_on(self) -> bool:
        """Whether there is time left, and nothing has gone wrong for good."""
        age = monotonic() - self.ledger.began
        return age < self.seconds and len(self.ledger.violations) < 50

    def agrees(self, client: mooring.Client | mooring.AsyncClient, look: int) -> bool:
        """Take the sample, if kernel and pool agree or never will."""
        before = pool_stats(client)
        problem = self.ledger.disagreement(before)
        if problem and look < MOST_LOOKS:
            return False
        if problem:
            self.ledger.violated(problem)
        self.ledger.sampled(before, look)
        if monotonic() >= self.next_report:
            self.next_report += REPORT_SECONDS
            self.ledger.report(before)
        return True

    def is_empty(self, client: mooring.Client | mooring.AsyncClient) -> bool:
        """Whether nothing is open, by either account."""
        return pool_stats(client).connections == self.ledger.count_sockets() == 0

    def expired(self, client: mooring.Client | mooring.AsyncClient) -> None:
        """All should have expired by now."""
        if not self.is_empty(client):
            sockets = self.ledger.count_sockets()
            stats = pool_stats(client)
            self.ledger.violated(f"never expired: {sockets} sockets, {stats}")

    def full_house(self, together: int) -> None:
        """So many requests were under way at once when the limit allows more."""
        if together != CONNECTIONS:
            self.ledger.violated(f"only {together} of {CONNECTIONS} slots are of use")

    def closed(self, client: mooring.Client | mooring.AsyncClient) -> None:
        """The client has been closed; tell the end of it."""
        if not self.is_empty(client):
            self.ledger.violated("sockets are open after the client was closed")
        self.ledger.report(pool_stats(client), is_last=True)


# -- the two coloured like coroutines ------------------------------------------------


async def carry_out(client: mooring.AsyncClient, plan: Plan, ledger: Ledger) -> str:
    """Make one request as planned; return how it ended. Cancellation passes."""
    request = client.build_request(
        plan.method,
        plan.url,
        content=b"sent" if plan.method == "POST" else None,
        timeout=plan.timeout,
    )
    try:
        response = await client.send(request, stream=plan.way is not Way.WHOLE)
        if plan.way is Way.WHOLE:
            return ledger.answered(plan, response.status_code, response.content)
        if plan.way is Way.ABANDON:
            return "abandoned"
        return await _taken(response, plan, ledger)
    except mooring.TransportError as error:
        return ledger.failed(plan, error)


async def _taken(response: mooring.Response, plan: Plan, ledger: Ledger) -> str:
    pieces = []
    async with aclosing(response):
        body = response.aiter_bytes()
        assert isinstance(body, AsyncGenerator)
        async with aclosing(body):
            async for piece in body:
                pieces.append(piece)
                if plan.way is Way.LEAVE:
                    return "left early"
    return ledger.answered(plan, response.status_code, b"".join(pieces))


async def in_asyncio(run: Run) -> None:
    """Twenty tasks that make requests in tasks of their own, and cancel some."""
    ledger = run.ledger

    async def work(client: mooring.AsyncClient) -> None:
        while run.goes_on:
            plan = run.planner.next()
            key = ledger.begun(plan)
            task = asyncio.create_task(carry_out(client, plan, ledger))
            await asyncio.wait({task}, timeout=plan.cancel_after)
            while not task.done():  # again and again, as task groups may do it
                task.cancel()
                await asyncio.sleep(0)
            ledger.over(key, "cancelled" if task.cancelled() else task.result())
            del task
            await asyncio.sleep(plan.pause)

    async def sample(client: mooring.AsyncClient) -> None:
        while run.goes_on:
            await asyncio.sleep(SAMPLE_SECONDS)
            look = 1
            while not run.agrees(client, look):
                look += 1
                await asyncio.sleep(LOOK_AGAIN_SECONDS)

    async with mooring.AsyncClient(limits=LIMITS, timeout=PATIENT) as client:
        (await client.get(run.planner.steady())).raise_for_status()
        async with asyncio.TaskGroup() as group:
            for _ in range(WORKERS):
                group.create_task(work(client))
            group.create_task(sample(client))
        for _ in range(QUIET_STEPS):
            if run.is_empty(client):
                break
            await asyncio.sleep(STEP_SECONDS)
        run.expired(client)
        await fill_the_house(client, run)
    await asyncio.sleep(STEP_SECONDS)  # asyncio closes sockets in its next turn
    left = asyncio.all_tasks() - {asyncio.current_task()}
    if left:
        ledger.violated(f"tasks are left: {left}")
    run.closed(client)


async def in_trio(run: Run) -> None:
    """Twenty tasks that make requests within cancel scopes."""
    ledger = run.ledger

    async def work(client: mooring.AsyncClient) -> None:
        while run.goes_on:
            plan = run.planner.next()
            key = ledger.begun(plan)
            outcome = "cancelled"
            after = plan.cancel_after
            with trio.move_on_after(float("inf") if after is None else after):
                outcome = await carry_out(client, plan, ledger)
            ledger.over(key, outcome)
            await trio.sleep(plan.pause)

    async def sample(client: mooring.AsyncClient) -> None:
        while run.goes_on:
            await trio.sleep(SAMPLE_SECONDS)
            look = 1
            while not run.agrees(client, look):
                look += 1
                await trio.sleep(LOOK_AGAIN_SECONDS)

    async with mooring.AsyncClient(limits=LIMITS, timeout=PATIENT) as client:
        (await client.get(run.planner.steady())).raise_for_status()
        async with trio.open_nursery() as nursery:
            for _ in range(WORKERS):
                nursery.start_soon(work, client)
            nursery.start_soon(sample, client)
        for _ in range(QUIET_STEPS):
            if run.is_empty(client):
                break
            await trio.sleep(STEP_SECONDS)
        run.expired(client)
        await fill_the_house(client, run)
    run.closed(client)


async def fill_the_house(client: mooring.AsyncClient, run: Run) -> None:
    """Have as many responses open as the limit allows, by one task."""
    held = []
    try:
        for _ in range(CONNECTIONS):
            request = client.build_request("GET", large(run))
            held.append(await client.send(request, stream=True))
    except mooring.TransportError as error:
        run.ledger.violated(f"no slot: {error}")
    run.full_house(len(held))
    for response in held:
        await response.aclose()


def large(run: Run) -> str:
    """Return a URL with a body that does not come with the head."""
    return run.planner.steady().replace("/2000", "/8000000")


# -- threads ---------------------------------------------------------------------------


def in_threads(run: Run) -> None:
    """Twenty threads that share one client."""
    with mooring.Client(limits=LIMITS, timeout=PATIENT) as client:
        client.get(run.planner.steady()).raise_for_status()
        planning = threading.Lock()
        threads = [
            threading.Thread(target=work_in_thread, args=(client, run, planning))
            for _ in range(WORKERS)
        ]
        for thread in threads:
            thread.start()
        while run.goes_on:
            sleep(SAMPLE_SECONDS)
            look = 1
            while not run.agrees(client, look):
                look += 1
                sleep(LOOK_AGAIN_SECONDS)
        for thread in threads:
            thread.join()
        for _ in range(QUIET_STEPS):
            if run.is_empty(client):
                break
            sleep(STEP_SECONDS)
        run.expired(client)
        held = []
        try:
            for _ in range(CONNECTIONS):
                request = client.build_request("GET", large(run))
                held.append(client.send(request, stream=True))
        except mooring.TransportError as error:
            run.ledger.violated(f"no slot: {error}")
        run.full_house(len(held))
        for response in held:
            response.close()
    run.closed(client)


def work_in_thread(client: mooring.Client, run: Run, planning: threading.Lock) -> None:
    """Make requests until time is up."""
    ledger = run.ledger
    while run.goes_on:
        with planning:
            plan = run.planner.next()
        key = ledger.begun(plan)
        try:
            outcome = carry_out_in_thread(client, plan, ledger)
        except BaseException as error:
            ledger.violated(f"{plan.url}: {error!r}")
            outcome = "crashed"
        ledger.over(key, outcome)
        sleep(plan.pause)


def carry_out_in_thread(client: mooring.Client, plan: Plan, ledger: Ledger) -> str:
    """Make one request as planned; return how it ended."""
    request = client.build_request(
        plan.method,
        plan.url,
        content=b"sent" if plan.method == "POST" else None,
        timeout=plan.timeout,
    )
    try:
        response = client.send(request, stream=plan.way is not Way.WHOLE)
        if plan.way is Way.WHOLE:
            return ledger.answered(plan, response.status_code, response.content)
        if plan.way is Way.ABANDON:
            return "abandoned"
        pieces = []
        try:
            for piece in response.iter_bytes():
                pieces.append(piece)
                if plan.way is Way.LEAVE:
                    return "left early"
        finally:
            response.close()
        return ledger.answered(plan, response.status_code, b"".join(pieces))
    except mooring.TransportError as error:
        return ledger.failed(plan, error)


WORLDS: dict[str, Callable[[Run], None]] = {
    "asyncio": lambda run: asyncio.run(in_asyncio(run)),
    "trio": lambda run: trio.run(in_trio, run),
    "threads": in_threads,
}


def main() -> int:
    """Run one world, as the parent says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("world", choices=WORLDS)
    parser.add_argument("seconds", type=float)
    parser.add_argument("seed", type=int)
    parser.add_argument("ports", type=json.loads)
    given = parser.parse_args()
    # Responses are abandoned on purpose here, and that is worth a warning elsewhere.
    warnings.simplefilter("ignore", ResourceWarning)
    run = Run(given.world, given.seconds, given.ports, given.seed)
    with Watch(run.ledger):
        WORLDS[given.world](run)
    gc.collect()
    return 1 if run.ledger.violations else 0


if __name__ == "__main__":
    sys.exit(main())
