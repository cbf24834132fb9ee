"""The scenario: who asks what, who is cancelled when, when the server dies.

The same for every world. ``conduct`` is a generator of pauses, so asyncio, trio
and threads each sleep in their own way and share all the rest.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from time import monotonic

from mooring import Limits, PoolTimeout, ReadTimeout, Response, Timeout
from mooring._pool.stats import PoolStats

from . import kernel
from .origin import Origin, answer_to
from .screen import Screen

TICK_SECONDS = 0.004
CANCELLED_SHARE = 1 / 3
KEEPALIVE_SECONDS = 0.4
EXPIRY_GRACE_SECONDS = 2.0
SHORTEST_MS, LONGEST_MS = 4, 12
IMPATIENT_MS = 60
"""What a thread that will give up asks for: longer than it will wait."""
PATIENCE = Timeout(10.0, pool=None)
TOGETHER_PATIENCE = Timeout(3.0)
"""With all of its slots, the pool needs milliseconds."""
STALL_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Settings:
    """What the command line says."""

    world: str
    requests: int
    connections: int
    seed: int

    @property
    def limits(self) -> Limits:
        """The pool to have."""
        return Limits(
            max_connections=self.connections,
            max_keepalive_connections=self.connections,
            keepalive_expiry=KEEPALIVE_SECONDS,
        )


@dataclass(slots=True)
class Tally:
    """What became of the requests, counted where they were asked."""

    asked: int = 0
    answered: int = 0
    wrong: int = 0
    """Answered with the body of another request, or not with 200."""
    cancelled: int = 0
    failed: int = 0
    first_failure: str = ""
    connections_seen: set[str] = field(default_factory=set)
    """Connections that answered lately, by the origin's names for them."""

    @property
    def finished(self) -> int:
        """How many requests have come to any end."""
        return self.answered + self.wrong + self.cancelled + self.failed


class Storm:
    """One run: the plan, and the account of how it went."""

    def __init__(
        self,
        settings: Settings,
        origin: Origin,
        screen: Screen,
        stats: Callable[[], PoolStats | None],
    ) -> None:
        self.settings = settings
        self.tally = Tally()
        self.cancel_by: dict[int, Callable[[], object]] = {}
        """How to cancel each request that is not over, oldest first."""
        self.last_resort: list[Callable[[], object]] = []
        """What ends hanging requests that cannot be cancelled."""
        self.stuck = 0
        self.seconds = 0.0
        """How long the storm took."""
        self.impatient = 0
        """Requests of threads under way that will probably give up."""
        self.restarts = 0
        self.in_flight_at_restart = 0
        self.together = 0
        """Connections that carried a request at the same time, after the storm."""
        self.expired_after: float | None = None
        self.after_storm: PoolStats | None = None
        self.after_expiry: PoolStats | None = None
        self.counting = threading.Lock()
        """Held by threads while they change the tally."""
        self._calm = False
        self._origin = origin
        self._screen = screen
        self._stats = stats
        self._random = random.Random(settings.seed)
        self._base = f"http://127.0.0.1:{origin.port}"
        self._cancels_sent = 0
        self._last_finished = 0
        self._last_progress = monotonic()

    # -- what each request does ------------------------------------------------

    def url(self, number: int) -> str:
        """Return the URL of request *number*; its delay is drawn here."""
        delay = self._random.randint(SHORTEST_MS, LONGEST_MS)
        return f"{self._base}/number/{number}?ms={delay}"

    def together_url(self) -> str:
        """Return the URL that answers when every connection asks for it at once."""
        return f"{self._base}/together/{self.settings.connections}"

    def begun(self, number: int) -> None:
        """Note that request *number* is the youngest (trio begins in any order)."""
        self.cancel_by[number] = self.cancel_by.pop(number)

    def answered(self, number: int, response: Response) -> None:
        """Check an answer against its request."""
        tally = self.tally
        if response.status_code == 200 and response.content == answer_to(number):
            tally.answered += 1
        else:
            tally.wrong += 1
        tally.connections_seen.add(response.headers["x-connection"])

    def answered_together(self, response: Response) -> None:
        """Count one of the requests that could only be answered all at once."""
        expected = answer_to(self.settings.connections)
        self.together += response.content == expected

    def failed(self, error: Exception) -> None:
        """Count a request that nobody cancelled and that was not answered."""
        tally = self.tally
        tally.failed += 1
        tally.first_failure = tally.first_failure or f"{type(error).__name__}: {error}"

    def impatience(self, number: int) -> Timeout | None:
        """Return how soon request *number* of a thread gives up, if it shall.

        A thread cannot be cancelled from outside; a short timeout is its way out,
        some while they wait for a connection, some in the middle of an exchange.
        """
        if number % 3 or self._calm:
            return None
        with self.counting:
            self.impatient += 1
        soon = self._random.uniform(0.001, IMPATIENT_MS / 1500)
        if number % 2:
            return Timeout(10.0, pool=soon)
        return Timeout(10.0, pool=None, read=soon)

    def impatient_url(self, number: int) -> str:
        """Return the URL for a request that shall give up before its answer."""
        return f"{self._base}/number/{number}?ms={IMPATIENT_MS}"

    def impatience_over(self) -> None:
        """Note that an impatient request has come to its end, whichever."""
        self.impatient -= 1

    def gave_up(self, error: PoolTimeout | ReadTimeout) -> None:
        """Count a thread whose own short timeout ended its request."""
        assert str(error)
        self.tally.cancelled += 1

    # -- the course of events --------------------------------------------------

    def conduct(self) -> Iterator[float]:
        """Let the storm happen; yields how long to sleep, ends when all is over."""
        total = self.settings.requests
        began = monotonic()
        yield TICK_SECONDS  # so that the pool exists
        while self._goes_on(total // 2):
            yield TICK_SECONDS
        self._calm = True
        yield from self._until_all_connections_are_kept_ones()
        self._restart()
        self._calm = False
        while self._goes_on(total):
            yield TICK_SECONDS
        if self.tally.finished < total:
            self._rescue()
        self._show()
        self.seconds = monotonic() - began

    def _goes_on(self, until: int) -> bool:
        """Keep the storm going, until so many are finished or nothing moves."""
        finished = self.tally.finished
        if finished != self._last_finished:
            self._last_finished = finished
            self._last_progress = monotonic()
        self._show()
        self._cancel_some(finished / self.settings.requests)
        return finished < until and monotonic() - self._last_progress < STALL_SECONDS

    def _rescue(self) -> None:
        """Requests hang, which must not be: end them, so that there is a report."""
        self.stuck = self.settings.requests - self.tally.finished
        self._screen.line(f"  {self.stuck} requests hang: giving up on them")
        for cancel in [*self.cancel_by.values(), *self.last_resort]:
            cancel()

    def _until_all_connections_are_kept_ones(self) -> Iterator[float]:
        """Pause the cancelling until every open connection has answered before.

        A request is sent again by itself only when a *kept* connection breaks: one
        that breaks on its first request is a fault the caller should hear of.
        """
        if self.settings.world == "threads":
            while self.impatient and self._goes_on(self.settings.requests):
                yield TICK_SECONDS
            yield 10 * TICK_SECONDS  # for answers that their threads have not counted
        opened = -1
        tally = self.tally
        while self._goes_on(self.settings.requests):
            stats = self._stats()
            assert stats is not None
            if stats.dials != opened:
                opened = stats.dials
                tally.connections_seen.clear()
            # A full pool in which nothing breaks dials no more, threads or not.
            elif stats.connections <= len(tally.connections_seen) and (
                stats.connections == self.settings.connections
            ):
                return
            yield TICK_SECONDS / 4

    def _restart(self) -> None:
        stats = self._stats()
        self.in_flight_at_restart = 0 if stats is None else stats.busy
        self._screen.line(
            f"  server killed with {self.in_flight_at_restart} requests in flight, "
            f"and restarted"
        )
        self._origin.restart()
        self.restarts += 1

    def _cancel_some(self, progress: float) -> None:
        """Cancel as many as are due by now, at random."""
        due = round(self.settings.requests * CANCELLED_SHARE * min(1.0, progress * 1.1))
        while self._cancels_sent < due and self.cancel_by and not self._calm:
            numbers = list(self.cancel_by)
            # Half of the time one of the oldest: those are on a connection.
            if self._random.random() < 0.5:
                numbers = numbers[: self.settings.connections]
            self.cancel_by.pop(self._random.choice(numbers))()
            self._cancels_sent += 1

    def quiet(self) -> Iterator[float]:
        """No more traffic: watch the idle connections go."""
        self.after_storm = self._stats()
        began = monotonic()
        self._screen.line("  no more traffic: waiting for idle connections to expire")
        while monotonic() - began < KEEPALIVE_SECONDS + EXPIRY_GRACE_SECONDS:
            if not self._open_now():
                self.expired_after = monotonic() - began
                break
            yield TICK_SECONDS
        self.after_expiry = self._stats()

    def _open_now(self) -> int:
        stats = self._stats()
        assert stats is not None
        counted = kernel.sockets_to(self._origin.port) if kernel.can_count() else 0
        return max(stats.connections, counted)

    def _show(self) -> None:
        tally = self.tally
        stats = self._stats()
        if stats is None:
            return
        self._screen.progress(
            tally.finished,
            self.settings.requests,
            f"answered {tally.answered}, cancelled {tally.cancelled}, "
            f"waiting {stats.queued}, connections {stats.connections}",
        )
