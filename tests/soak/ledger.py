"""What happened, and whether the kernel and the pool agree about it."""

from __future__ import annotations

import ctypes
import json
import os
import statistics
import sys
import threading
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

import mooring
from mooring._pool.stats import PoolStats

from .plan import CONNECTIONS, HANG_SECONDS, Plan

DESCRIPTORS = Path("/proc/self/fd")
STATM = Path("/proc/self/statm")
UNIX = Path("/proc/self/net/unix")
TRIM = getattr(ctypes.CDLL(None), "malloc_trim", lambda _: 0)
WATCH_SECONDS = 0.02
WARM_UP_SECONDS = 60.0
MOST_GROWTH = 0.05
MEBIBYTE = 1 << 20


def pool_stats(client: mooring.Client | mooring.AsyncClient) -> PoolStats:
    """Return the pool's account of itself. The only place that knows where it is."""
    transport: Any = client._transport
    stats = transport.stats()
    assert isinstance(stats, PoolStats)
    return stats


def resident() -> int:
    """Return the bytes of memory that this process has in use.

    What was freed and is only kept for later by the C library does not count.
    """
    TRIM(0)
    return int(STATM.read_text("ascii").split()[1]) * os.sysconf("SC_PAGESIZE")


def open_sockets() -> int:
    """Count this process's IP sockets: all, whatever state the kernel has them in.

    ``/proc/self/net/tcp`` would not do: a connection that the peer has reset is no
    longer listed there, but its descriptor is open until we close it.
    """
    local = UNIX.read_text("ascii")
    found = set()
    # In order: what is opened meanwhile gets a number below what is closed meanwhile,
    # so nothing is counted together with what took its place.
    for number in sorted(map(int, os.listdir(DESCRIPTORS))):
        try:
            target = os.readlink(DESCRIPTORS / str(number))
        except OSError:
            continue  # closed meanwhile, or the listing's own
        if target.startswith("socket:["):
            found.add(target[8:-1])
    # Event loops wake themselves up through these.
    local += UNIX.read_text("ascii")
    return len(found - set(local.split()))


@dataclass
class Ledger:
    """The account of one world's run."""

    world: str
    began: float = field(default_factory=monotonic)
    outcomes: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    samples: int = 0
    second_looks: int = 0
    """Samples in which kernel and pool agreed only when asked again."""
    most_sockets: int = 0
    memory: list[tuple[float, int]] = field(default_factory=list)
    under_way: dict[int, tuple[float, Plan]] = field(default_factory=dict)
    counting: threading.Lock = field(default_factory=threading.Lock)

    def violated(self, text: str) -> None:
        """Note something that must not happen."""
        with self.counting:
            if len(self.violations) < 50:
                self.violations.append(f"{monotonic() - self.began:.1f} s: {text}")

    # -- requests ---------------------------------------------------------------------

    def begun(self, plan: Plan) -> int:
        """Note a request under way; ``over`` wants the number back."""
        key = id(plan)
        self.under_way[key] = (monotonic(), plan)
        return key

    def over(self, key: int, outcome: str) -> None:
        """Note how a request ended."""
        del self.under_way[key]
        with self.counting:
            self.outcomes[outcome] += 1

    def answered(self, plan: Plan, status: int, body: bytes) -> str:
        """Check an answer against its plan."""
        if (200, plan.expected) != (status, body):
            self.violated(f"{plan.url} answered {status} {body[:60]!r}")
            return "wrong"
        return "answered"

    def failed(self, plan: Plan, error: Exception) -> str:
        """Check an error against its plan."""
        name = type(error).__name__
        if not isinstance(error, plan.allowed):
            self.violated(f"{plan.method} {plan.url} {plan.timeout}: {name}: {error}")
        elif not str(error):
            self.violated(f"{plan.method} {plan.url}: {name} without a word")
        return name

    # -- samples ----------------------------------------------------------------------

    def disagreement(self, stats: PoolStats) -> str:
        """Ask the kernel, and say how it differs from *stats*; empty if it does not.

        A connection that is being made may have its socket already, or not.
        """
        sockets = self.count_sockets()
        least, most = stats.connections - stats.dialing, stats.connections
        if not least <= sockets <= most:
            return f"{sockets} open sockets, but {stats}"
        asking = len(self.under_way)
        if stats.leases + stats.queued > asking:
            return f"{asking} requests under way, but {stats}"
        return ""

    def count_sockets(self) -> int:
        """Count, and hold the count against the limit."""
        sockets = open_sockets()
        self.most_sockets = max(self.most_sockets, sockets)
        if sockets > CONNECTIONS:
            self.violated(f"{sockets} open sockets, the limit is {CONNECTIONS}")
        return sockets

    def sampled(self, stats: PoolStats, looks: int) -> None:
        """Note a sample in which all agreed, and what else is to be seen."""
        self.samples += 1
        self.second_looks += looks > 1
        if stats.connections > CONNECTIONS:
            self.violated(f"over the limit: {stats}")
        now = monotonic()
        self.memory.append((now - self.began, resident()))
        for since, plan in list(self.under_way.values()):
            if now - since > HANG_SECONDS:
                self.violated(f"hangs: {plan}")

    def growth(self) -> float | None:
        """Return how much memory has grown after the first minute, as a share.

        Medians of a tenth of the samples each, or a garbage collection would count.
        ``None`` if there have not been enough of them.
        """
        counted = [size for at, size in self.memory if at >= WARM_UP_SECONDS]
        few = len(counted) // 10
        if not few:
            return None
        before = statistics.median(counted[:few])
        return statistics.median(counted[-few:]) / before - 1

    def report(self, stats: PoolStats, *, is_last: bool = False) -> None:
        """Print the state of things as a line of JSON, for the parent."""
        told: dict[str, object] = {
            "world": self.world,
            "seconds": round(monotonic() - self.began, 1),
            "outcomes": self.outcomes,
            "violations": self.violations,
            "samples": self.samples,
            "second_looks": self.second_looks,
            "most_sockets": self.most_sockets,
            "connections": stats.connections,
            "queued": stats.queued,
            "dials": stats.dials,
            "reused": stats.leases_reused,
            "retries": stats.retries,
            "closed": stats.closed,
            "mebibytes": round(resident() / MEBIBYTE, 2),
            "growth": self.growth(),
            # Flat while memory grows: the allocator's doing, and no leak of ours.
            "blocks": sys.getallocatedblocks(),
            "is_last": is_last,
        }
        sys.stdout.write(json.dumps(told, default=dict) + "\n")
        sys.stdout.flush()


class Watch:
    """Counts sockets from a thread of its own, more often than samples are taken."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        while not self._stop.wait(WATCH_SECONDS):
            self._ledger.count_sockets()

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
