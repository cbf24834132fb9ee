"""What the soak asks for: random requests, each with the errors it may end in."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import Enum

import mooring

from .origins import CLOSING, RESETTING, RESTARTING, SLOW, STEADY, body_of

CONNECTIONS = 5
WORKERS = 20
KEEPALIVE_SECONDS = 0.7
LIMITS = mooring.Limits(
    max_connections=CONNECTIONS,
    max_keepalive_connections=CONNECTIONS - 1,
    keepalive_expiry=KEEPALIVE_SECONDS,
)
PATIENT = mooring.Timeout(20.0, pool=None)
"""Nothing that is not asked for takes so long."""
HANG_SECONDS = 60.0
BREAKS = (mooring.ReadError, mooring.WriteError, mooring.RemoteProtocolError)
DOWN = (*BREAKS, mooring.ConnectError)
LARGE = 300_000

Errors = tuple[type[mooring.TransportError], ...]


class Way(Enum):
    """How an answer is taken."""

    WHOLE = "whole"
    STREAM = "stream"
    LEAVE = "leave early"
    ABANDON = "abandon"
    """Never closed: the collector has to find it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One request to be made."""

    method: str
    url: str
    way: Way
    expected: bytes
    allowed: Errors
    timeout: mooring.Timeout
    cancel_after: float | None
    pause: float
    """Seconds to rest when it is over."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One sort of target, and what a GET and a POST of it may fail with."""

    origin: int
    what: str
    weight: int
    get: Errors = ()
    post: Errors = ()


# A connection closed at rest costs a POST that was on its way, but never a GET.
KINDS = (
    Kind(STEADY, "plain", 8),
    Kind(STEADY, "chunked", 4),
    Kind(STEADY, "last", 1),
    Kind(SLOW, "plain", 4),
    Kind(SLOW, "drip", 4),
    Kind(RESETTING, "plain", 6, post=BREAKS),
    Kind(RESETTING, "nothing", 1, get=BREAKS, post=BREAKS),
    Kind(RESETTING, "cut", 2, get=BREAKS, post=BREAKS),
    Kind(CLOSING, "plain", 6, post=BREAKS),
    Kind(CLOSING, "nothing", 1, get=BREAKS, post=BREAKS),
    Kind(CLOSING, "cut", 2, get=BREAKS, post=BREAKS),
    Kind(RESTARTING, "plain", 4, get=DOWN, post=DOWN),
    Kind(RESTARTING, "drip", 2, get=DOWN, post=DOWN),
)
WEIGHTS = [kind.weight for kind in KINDS]


class Planner:
    """Makes plans, the same ones for the same seed."""

    def __init__(self, ports: list[int], seed: int, *, can_cancel: bool) -> None:
        self._bases = [f"http://127.0.0.1:{port}" for port in ports]
        self._dice = random.Random(seed)
        self._can_cancel = can_cancel
        self._number = 0

    def steady(self) -> str:
        """Return a URL that always works."""
        return f"{self._bases[STEADY]}/plain/1/2000"

    def next(self) -> Plan:
        """Return the next request."""
        dice = self._dice
        self._number += 1
        kind = dice.choices(KINDS, WEIGHTS)[0]
        method = dice.choices(["GET", "POST"], [4, 1])[0]
        size = dice.choice([0, 1, 100, 5000, LARGE]) if dice.random() < 0.3 else 100
        delay = dice.randint(1, 120)
        timeout, by_timeout = self._timeout()
        url = f"{self._bases[kind.origin]}/{kind.what}/{self._number}/{size}"
        is_slow = kind.origin == SLOW or kind.what in ("drip", "cut")
        return Plan(
            method=method,
            url=f"{url}?ms={delay}" if is_slow else url,
            way=dice.choices(list(Way), [5, 3, 1, 1])[0],
            expected=body_of(self._number, size),
            allowed=(kind.get if method == "GET" else kind.post) + by_timeout,
            timeout=timeout,
            cancel_after=self._cancel_after(),
            pause=dice.uniform(0, 0.12),
        )

    def _timeout(self) -> tuple[mooring.Timeout, Errors]:
        """Return timeouts, sometimes impatient, and what impatience may end in."""
        dice = self._dice
        soon = dice.uniform(0, 0.06)
        impatience = dice.random()
        if impatience < 0.1:
            return mooring.Timeout(20.0, pool=soon), (mooring.PoolTimeout,)
        if impatience < 0.25:
            return mooring.Timeout(20.0, pool=None, read=soon), (mooring.ReadTimeout,)
        if impatience < 0.3:
            timeout = mooring.Timeout(20.0, pool=None, connect=soon / 60)
            return timeout, (mooring.ConnectTimeout,)
        return PATIENT, ()

    def _cancel_after(self) -> float | None:
        if not self._can_cancel or self._dice.random() > 0.25:
            return None
        return self._dice.choice([0.0, self._dice.uniform(0, 0.1)])
