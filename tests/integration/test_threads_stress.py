"""One client under many threads, with the interpreter switching wherever it can.

On a free-threaded build they run at the same time; with the lock, the smallest switch
interval makes them take turns every few instructions.
"""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Callable, Iterator

import pytest

import mooring
from tests.integration.servers import (
    LONG,
    Connection,
    Gate,
    Origin,
    client_sockets,
    held_by,
)

SWITCH_SECONDS = 1e-6
THREADS = 12
REQUESTS = 25
ROUNDS = 25
CLOSED = (mooring.TransportError, RuntimeError)
PATIENT = mooring.Timeout(LONG, pool=None)
# More than fits the buffers on the way, so it is never read in passing.
LARGE = b"x" * 4_000_000


@pytest.fixture(autouse=True)
def switching() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_SECONDS)
    yield
    sys.setswitchinterval(before)


def obliging(connection: Connection) -> None:
    """Answer with the target; ``/large`` with much; leave after a ``/last``."""
    while (request := connection.request()) is not None:
        body = LARGE if request.target == "/large" else request.target.encode()
        connection.respond(body)
        if request.target.startswith("/last"):
            return


class Fixture:
    """A client of threads and its pool."""

    def __init__(self, limit: int) -> None:
        limits = mooring.Limits(max_connections=limit, keepalive_expiry=LONG)
        self.limit = limit
        self.transport = mooring.HTTPTransport(limits=limits)
        self.client = mooring.Client(transport=self.transport, timeout=PATIENT)

    def open(self, url: str) -> mooring.Response:
        return self.client.send(self.client.build_request("GET", url), stream=True)

    def assert_at_rest(self, *origins: Origin) -> None:
        """Nobody holds or waits for anything, and the kernel counts what we count."""
        stats = self.transport.stats()
        assert stats is not None
        assert (0, 0) == (stats.leases, stats.queued)
        assert stats.connections == sum(client_sockets(o.port) for o in origins)
        assert stats.connections <= stats.most_connections <= self.limit

    def assert_whole(self, origin: Origin) -> None:
        """Every slot can be used, all at the same time."""
        held = [self.open(origin.url + "large") for _ in range(self.limit)]
        for response in held:
            response.close()


def in_threads(count: int, work: Callable[[int], None]) -> list[BaseException]:
    """Run *work* in so many threads at once; return what they raised."""
    raised: list[BaseException] = []
    start = threading.Barrier(count)

    def run(number: int) -> None:
        try:
            start.wait(LONG)
            work(number)
        except BaseException as error:
            raised.append(error)

    threads = [
        threading.Thread(target=run, args=(number,), daemon=True)
        for number in range(count)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
        assert not thread.is_alive(), "a thread hangs"
    return raised


def ask_at_random(fixture: Fixture, urls: list[str], dice: random.Random) -> None:
    """Make one request, in some way or other, with some patience or other."""
    what = dice.choice(["whole", "whole", "last", "large", "dropped", "hasty"])
    url = dice.choice(urls)
    if what == "hasty":
        timeout = mooring.Timeout(
            LONG, pool=dice.choice([0, 1e-4, 1e-3]), read=dice.choice([1e-4, LONG])
        )
        try:
            fixture.client.get(url + "hasty", timeout=timeout)
        except (mooring.PoolTimeout, mooring.ReadTimeout):
            pass
        return
    if what in ("whole", "last"):
        target = f"{what}/{dice.random()}"
        assert f"/{target}" == fixture.client.get(url + target).text
        return
    response = fixture.open(url + "large")
    if what == "large":
        next(response.iter_raw())
        response.close()


# Some responses are dropped on purpose, which is worth a warning elsewhere.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("limit", [1, 3])
def test_many_threads_share_a_client(limit: int) -> None:
    """Answers go to who asked, no slot is lost, the limit is kept."""
    with Origin(default=obliging) as one, Origin(default=obliging) as two:
        fixture = Fixture(limit)

        def work(number: int) -> None:
            dice = random.Random(number)
            for _ in range(REQUESTS):
                ask_at_random(fixture, [one.url, two.url], dice)

        with fixture.client:
            assert [] == in_threads(THREADS, work)
            fixture.assert_at_rest(one, two)
            fixture.assert_whole(one)
        assert 0 == client_sockets(one.port) + client_sockets(two.port)


def test_the_pool_timeout_races_with_the_hand_over() -> None:
    """Who times out as a connection comes free has it, or leaves it to others."""
    with Origin(default=obliging) as origin:
        fixture = Fixture(1)
        hasty = mooring.Timeout(LONG, pool=5e-4)

        def work(number: int) -> None:
            for _ in range(REQUESTS):
                try:
                    fixture.client.get(origin.url, timeout=hasty)
                except mooring.PoolTimeout:
                    pass

        with fixture.client:
            assert [] == in_threads(THREADS, work)
            fixture.assert_at_rest(origin)
            fixture.assert_whole(origin)


def test_closing_while_threads_ask() -> None:
    """Each is told that the client was closed; nothing stays open."""
    with Gate() as gate, Origin(default=held_by(gate)) as origin:
        for _ in range(ROUNDS // 5):
            fixture = Fixture(3)
            seen = len(origin.requests)

            def work(number: int, fixture: Fixture = fixture, seen: int = seen) -> None:
                if number == 0:
                    origin.wait_until(lambda: len(origin.requests) >= seen + 3)
                    fixture.client.close()
                    return
                with pytest.raises(CLOSED, match="close"):
                    fixture.client.get(origin.url + "held")

            assert [] == in_threads(THREADS, work)
            assert 0 == client_sockets(origin.port)


def test_a_response_closed_by_two_threads_is_released_once() -> None:
    """And by a third that reads it, who gets an error or what came so far."""
    with Origin(default=obliging) as origin:
        fixture = Fixture(2)
        with fixture.client:
            for _ in range(ROUNDS):
                response = fixture.open(origin.url + "large")

                def work(number: int, response: mooring.Response = response) -> None:
                    if number:
                        response.close()
                        return
                    try:
                        response.read()
                    except (mooring.TransportError, mooring.StreamError):
                        pass

                assert [] == in_threads(3, work)
                fixture.assert_at_rest(origin)
            fixture.assert_whole(origin)
