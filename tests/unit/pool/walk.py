"""Moves: everything that can happen to a pool next, for random and full search."""

from __future__ import annotations

import random
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass

from mooring._pool.model import ConnectionState, Protocol, Reason, TicketState
from mooring._pool.retry import Facts

from .harness import Harness
from .invariants import LEASED

Move = tuple[str, Callable[[Harness], object]]

LOST = Facts(sent=True, answered=False, idempotent=True, replayable=True)
ANSWERED = Facts(sent=True, answered=True, idempotent=True, replayable=True)
REFUSED = Facts(
    sent=True, answered=False, idempotent=False, replayable=True, promised=True
)


@dataclass(frozen=True)
class Alphabet:
    """Which of all events a search uses."""

    keys: tuple[Hashable, ...] = ("a", "b")
    shared_keys: tuple[Hashable, ...] = ()
    """Keys whose dials may come back as HTTP/2."""
    caps: tuple[int, ...] = (0, 1, 2)
    max_tickets: int = 30
    flips: bool = True
    """Whether a host may speak HTTP/2 on one connection and not on the next."""
    timeouts: bool = True
    retries: bool = True
    faults: bool = True
    """Whether connections die, before, in or after an exchange."""
    closes: bool = False


def moves(h: Harness, alphabet: Alphabet) -> Iterator[Move]:
    """All that can happen next."""
    if len(h.tickets) < alphabet.max_tickets:
        yield from _arrivals(alphabet)
    yield from _of_tickets(h, alphabet)
    yield from _of_dials(h, alphabet)
    yield from _of_connections(h, alphabet)
    if alphabet.timeouts:
        yield "tick", lambda h: h.tick()
        yield "wait", lambda h: h.move_clock(1.0)
    if alphabet.closes:
        yield "close", lambda h: h.close()


def _arrivals(alphabet: Alphabet) -> Iterator[Move]:
    for key in alphabet.keys:
        yield f"request {key}", lambda h, k=key: h.request(k)  # type: ignore[misc]
    for key in alphabet.shared_keys:
        yield (
            f"request {key}",
            lambda h, k=key: h.request(k, multiplex=True),  # type: ignore[misc]
        )


def _of_tickets(h: Harness, alphabet: Alphabet) -> Iterator[Move]:
    for i, ticket in enumerate(h.tickets):
        if ticket.state not in (TicketState.QUEUED, *LEASED):
            continue
        yield f"cancel {i}", lambda h, i=i: h.cancel(h.tickets[i])  # type: ignore[misc]
        if ticket.state is TicketState.QUEUED:
            continue
        yield (
            f"release {i}",
            lambda h, i=i: h.release(h.tickets[i]),  # type: ignore[misc]
        )
        if not alphabet.faults:
            if ticket.state is TicketState.ASSIGNED:
                yield (
                    f"activate {i}",
                    lambda h, i=i: h.activate(h.tickets[i]),  # type: ignore[misc]
                )
            continue
        yield (
            f"break {i}",
            lambda h, i=i: h.release(h.tickets[i], Reason.UNUSABLE),  # type: ignore[misc]
        )
        if alphabet.retries:
            yield (
                f"fail {i}",
                lambda h, i=i: h.fail(h.tickets[i], LOST),  # type: ignore[misc]
            )
        if ticket.state is TicketState.ASSIGNED:
            yield (
                f"activate {i}",
                lambda h, i=i: h.activate(h.tickets[i]),  # type: ignore[misc]
            )
            yield (
                f"found dead {i}",
                lambda h, i=i: h.found_dead(h.tickets[i]),  # type: ignore[misc]
            )


def _of_dials(h: Harness, alphabet: Alphabet) -> Iterator[Move]:
    for dial in h.dials():
        n = dial.number
        speaks = dial.host.hint
        if dial.host.key not in alphabet.shared_keys:
            protocols = [Protocol.HTTP1]
        elif alphabet.flips or speaks is Protocol.UNKNOWN:
            protocols = [Protocol.HTTP1, Protocol.HTTP2]
        else:
            protocols = [speaks]
        if Protocol.HTTP1 in protocols:
            yield (
                f"dial {n} ok",
                lambda h, n=n: h.dial_ok(h.core.connections[n]),  # type: ignore[misc]
            )
        if Protocol.HTTP2 in protocols:
            for cap in alphabet.caps:
                yield (
                    f"dial {n} ok, {cap} streams",
                    lambda h, n=n, cap=cap: h.dial_ok(  # type: ignore[misc]
                        h.core.connections[n], Protocol.HTTP2, cap
                    ),
                )
        yield (
            f"dial {n} fails",
            lambda h, n=n: h.dial_fail(h.core.connections[n]),  # type: ignore[misc]
        )


def _of_connections(h: Harness, alphabet: Alphabet) -> Iterator[Move]:
    for c in h.of_state(
        ConnectionState.IDLE, ConnectionState.BUSY, ConnectionState.PARKED
    ):
        n = c.number
        if alphabet.faults:
            yield (
                f"die {n}",
                lambda h, n=n: h.die(h.core.connections[n]),  # type: ignore[misc]
            )
        if c.protocol is not Protocol.HTTP2:
            continue
        for cap in alphabet.caps:
            if cap != c.cap:
                yield (
                    f"cap {n} {cap}",
                    lambda h, n=n, cap=cap: h.change_cap(  # type: ignore[misc]
                        h.core.connections[n], cap
                    ),
                )
        if c.zombies:
            yield (
                f"confirm {n}",
                lambda h, n=n: h.confirm(h.core.connections[n]),  # type: ignore[misc]
            )


def wander(h: Harness, alphabet: Alphabet, *, seed: int, steps: int) -> list[str]:
    """Make *steps* random moves; return their names."""
    rng = random.Random(seed)
    names = []
    for _ in range(steps):
        kinds: dict[str, list[Move]] = {}
        for move in moves(h, alphabet):
            kinds.setdefault(move[0].split()[0], []).append(move)
        name, act = rng.choice(kinds[rng.choice(sorted(kinds))])
        names.append(name)
        act(h)
    return names
