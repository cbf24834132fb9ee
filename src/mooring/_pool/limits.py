"""What the limits of a pool mean for one host and for one connection."""

from __future__ import annotations

from collections.abc import Hashable, Iterator

from .model import PoolLimits

GOLDEN_RATIO = 0x9E3779B97F4A7C15
"""Of 2**64. Its multiples spread any run of numbers evenly, better than chance."""


def limit_for(limits: PoolLimits, key: Hashable) -> float:
    """Return how many connections to the host of *key* there may be.

    >>> limits = PoolLimits(max_per_host=9, per_host={"a.example": 2})
    >>> limit_for(limits, ("http", "a.example", 80))
    2
    >>> limit_for(limits, ("http", "b.example", 80))
    9
    """
    if limits.per_host:
        for name in names_of(key):
            own = limits.per_host.get(name)
            if own is not None:
                return own
    return limits.max_per_host


def names_of(key: Hashable) -> Iterator[str]:
    """Yield what ``per_host`` may call the host of *key*, most specific first."""
    if not isinstance(key, tuple):
        yield str(key)
        return
    scheme, host, port = key[:3]
    name = f"[{host}]" if ":" in host else host
    yield f"{scheme}://{name}:{port}"
    yield f"{name}:{port}"
    yield f"{scheme}://{name}"
    yield name
    yield host


def lifetime(limits: PoolLimits, number: int, seed: int) -> float:
    """Return how many seconds the connection of this *number* may live.

    Connections that began together must not end together, and the same *seed* gives
    the same times again.
    """
    share = (number * GOLDEN_RATIO + seed) % 2**64 / 2**64
    return limits.max_connection_age * (1.0 - limits.age_jitter * share)
