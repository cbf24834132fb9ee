"""Moves: everything that can happen to a pool next, for random and full search.

A move is data, so that it can be printed, kept and made again: tickets are named by
their age and connections by their number, which the core hands out in order.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from mooring._pool.model import (
    Connection,
    ConnectionState,
    PoolLimits,
    Protocol,
    Reason,
    Ticket,
)
from mooring._pool.retry import Facts

from .harness import Harness
from .invariants import ACTIVE, ASSIGNED, BUSY, DETACHED, IDLE, PARKED, QUEUED

LOST = Facts(sent=True, answered=False, idempotent=True, replayable=True)
ANSWERED = Facts(sent=True, answered=True, idempotent=True, replayable=True)
REFUSED = Facts(
    sent=True, answered=False, idempotent=False, replayable=True, promised=True
)
FACTS = {"lost": LOST, "answered": ANSWERED, "refused": REFUSED}

# fmt: off
EVENTS = frozenset((
    "request", "activate", "cancel", "time-out", "release", "break", "zombie", "fail",
    "found-dead", "detach", "close-detached", "dial-ok", "dial-fail", "dial-times-out",
    "die", "retire", "cap", "confirm", "tick", "wait", "back", "close", "drain",
    "set-limits",
))
# fmt: on
TIMELESS = EVENTS - {"time-out", "dial-times-out", "tick", "wait", "back"}


class Wish(NamedTuple):
    """What a new ticket asks for."""

    key: Hashable
    multiplex: bool = False
    pool_timeout: float = math.inf
    connect_timeout: float = math.inf
    priority: int = 0

    def __str__(self) -> str:
        told = f"{self.key}"
        if self.priority:
            told += f", priority {self.priority}"
        if self.connect_timeout < math.inf:
            told += f", connecting within {self.connect_timeout:g} s"
        return told


class Move(NamedTuple):
    """One event: what, to which ticket or connection, with what."""

    verb: str
    who: int = 0
    what: object = None

    def __str__(self) -> str:
        what = "" if self.what is None else f" {self.what}"
        who = f" {KIND.get(self.verb, 'ticket')} {self.who}" if self.who else ""
        if isinstance(self.what, int):
            what = f", {self.what} streams"
        elif isinstance(self.what, PoolLimits):
            what = f" to {self.what.max_connections} connections"
        return f"{self.verb.replace('-', ' ')}{who}{what}"


KIND = dict.fromkeys(
    (
        "dial-ok",
        "dial-fail",
        "dial-times-out",
        "die",
        "retire",
        "cap",
        "confirm",
        "close-detached",
    ),
    "connection",
) | {"set-limits": "choice"}


@dataclass(frozen=True)
class Alphabet:
    """Which of all events a search uses, and how many tickets at once."""

    keys: tuple[Hashable, ...] = ("a", "b")
    shared_keys: tuple[Hashable, ...] = ()
    """Keys whose dials may come back as HTTP/2."""
    caps: tuple[int, ...] = (0, 1, 2)
    max_tickets: int = 30
    unlike: bool = False
    """Whether the keys differ by more than their names."""
    flips: bool = True
    """Whether a host may speak HTTP/2 on one connection and not on the next."""
    events: frozenset[str] = TIMELESS - {"close", "drain"}
    facts: tuple[str, ...] = ("lost",)
    """How an exchange breaks, where it does."""
    pool_timeout: float = math.inf
    connect_timeout: float = math.inf
    patient: tuple[float, ...] = ()
    """Other connect timeouts that tickets may have."""
    priorities: tuple[int, ...] = (0,)
    limits: tuple[PoolLimits, ...] = ()
    """What the limits may be set to."""
    keepalive: tuple[float, ...] = ()
    """Seconds of rest that a server may allow with a response."""


def make(h: Harness, move: Move) -> None:
    """Let *move* happen to *h*."""
    ACTIONS[move.verb](h, move)


def moves(h: Harness, alphabet: Alphabet) -> Iterator[Move]:
    """All that can happen next."""
    for move in _all_moves(h, alphabet):
        if move.verb in alphabet.events:
            yield move


def _all_moves(h: Harness, alphabet: Alphabet) -> Iterator[Move]:
    if len(h.tickets) < alphabet.max_tickets:
        for key in (*alphabet.keys, *alphabet.shared_keys):
            for priority in alphabet.priorities:
                for timeout in (alphabet.connect_timeout, *alphabet.patient):
                    wish = _wish(key, alphabet, priority, timeout)
                    yield Move("request", what=wish)
    for ticket in h.tickets:
        yield from _of_ticket(h, ticket, alphabet)
    for connection in list(h.core.connections.values()):
        if connection.state is ConnectionState.DIALING:
            yield from _of_dial(h, connection, alphabet)
        else:
            yield from _of_connection(connection, alphabet)
    for verb in ("tick", "wait"):
        yield Move(verb)
    if not h.went_back:
        yield Move("back")
    for n, limits in enumerate(alphabet.limits):
        if limits != h.core.limits:
            yield Move("set-limits", n + 1, limits)
    if not h.core.is_closed:
        yield Move("close")
        yield Move("drain")


def _wish(key: Hashable, alphabet: Alphabet, priority: int, timeout: float) -> Wish:
    return Wish(
        key,
        key in alphabet.shared_keys,
        alphabet.pool_timeout,
        timeout,
        priority,
    )


def _of_ticket(h: Harness, ticket: Ticket, alphabet: Alphabet) -> Iterator[Move]:
    n, state = ticket.seq, ticket.state
    if state is QUEUED:
        yield Move("cancel", n)
        if ticket.deadline <= h.now:
            yield Move("time-out", n)
        return
    if state is not ASSIGNED and state is not ACTIVE:
        return
    assert ticket.connection is not None
    yield Move("cancel", n)
    yield Move("release", n)
    for seconds in alphabet.keepalive:
        yield Move("release", n, seconds)
    yield Move("break", n)
    for facts in alphabet.facts:
        yield Move("fail", n, facts)
    if ticket.connection.protocol is Protocol.HTTP2:
        yield Move("zombie", n)
    if state is ASSIGNED:
        yield Move("activate", n)
        yield Move("found-dead", n)
    elif ticket.connection.protocol is Protocol.HTTP1:
        yield Move("detach", n)


def _of_dial(h: Harness, dial: Connection, alphabet: Alphabet) -> Iterator[Move]:
    n, hint = dial.number, dial.host.hint
    shared = dial.host.key in alphabet.shared_keys
    free = alphabet.flips or hint is Protocol.UNKNOWN
    if not shared or free or hint is Protocol.HTTP1:
        yield Move("dial-ok", n)
    if shared and (free or hint is Protocol.HTTP2):
        for cap in alphabet.caps:
            yield Move("dial-ok", n, cap)
    yield Move("dial-fail", n)
    if h.now >= dial.since + dial.connect_timeout:
        yield Move("dial-times-out", n)


def _of_connection(c: Connection, alphabet: Alphabet) -> Iterator[Move]:
    n = c.number
    if c.state is DETACHED:
        yield Move("close-detached", n)
    if c.zombies:
        yield Move("confirm", n)
    if c.state not in (IDLE, BUSY, PARKED):
        return
    yield Move("die", n)
    if c.protocol is not Protocol.HTTP2:
        return
    yield Move("retire", n)
    for cap in alphabet.caps:
        if cap != c.cap:
            yield Move("cap", n, cap)


# -- how they are made ----------------------------------------------------


def _ticket(h: Harness, move: Move) -> Ticket:
    return next(t for t in h.tickets if t.seq == move.who)


def _request(h: Harness, move: Move) -> None:
    assert isinstance(move.what, Wish)
    wish = move.what
    h.request(
        wish.key,
        multiplex=wish.multiplex,
        pool_timeout=wish.pool_timeout,
        connect_timeout=wish.connect_timeout,
        priority=wish.priority,
    )


def _dial_ok(h: Harness, move: Move) -> None:
    dial = h.core.connections[move.who]
    if isinstance(move.what, int):
        h.dial_ok(dial, Protocol.HTTP2, move.what)
    else:
        h.dial_ok(dial)


def _cap(h: Harness, move: Move) -> None:
    assert isinstance(move.what, int)
    h.change_cap(h.core.connections[move.who], move.what)


def _release(h: Harness, move: Move) -> None:
    assert move.what is None or isinstance(move.what, float)
    h.release(_ticket(h, move), keepalive=move.what)


def _set_limits(h: Harness, move: Move) -> None:
    assert isinstance(move.what, PoolLimits)
    h.set_limits(move.what)


def _fail(h: Harness, move: Move) -> None:
    assert isinstance(move.what, str)
    h.fail(_ticket(h, move), FACTS[move.what])


ACTIONS: dict[str, Callable[[Harness, Move], object]] = {
    "request": _request,
    "activate": lambda h, m: h.activate(_ticket(h, m)),
    "cancel": lambda h, m: h.cancel(_ticket(h, m)),
    "time-out": lambda h, m: h.time_out(_ticket(h, m)),
    "release": _release,
    "break": lambda h, m: h.release(_ticket(h, m), Reason.UNUSABLE),
    "zombie": lambda h, m: h.release(_ticket(h, m), zombie=True),
    "fail": _fail,
    "found-dead": lambda h, m: h.found_dead(_ticket(h, m)),
    "detach": lambda h, m: h.detach(_ticket(h, m)),
    "close-detached": lambda h, m: h.close_detached(h.core.connections[m.who]),
    "dial-ok": _dial_ok,
    "dial-fail": lambda h, m: h.dial_fail(h.core.connections[m.who]),
    "dial-times-out": lambda h, m: h.dial_fail(
        h.core.connections[m.who], timed_out=True
    ),
    "die": lambda h, m: h.die(h.core.connections[m.who]),
    "retire": lambda h, m: h.retire(h.core.connections[m.who]),
    "cap": _cap,
    "confirm": lambda h, m: h.confirm(h.core.connections[m.who]),
    "tick": lambda h, m: h.tick(),
    "wait": lambda h, m: h.move_clock(1.0),
    "back": lambda h, m: h.move_clock(-1.0),
    "close": lambda h, m: h.close(),
    "drain": lambda h, m: h.drain(),
    "set-limits": _set_limits,
}


def wander(h: Harness, alphabet: Alphabet, *, seed: int, steps: int) -> list[str]:
    """Make *steps* random moves; return their names."""
    rng = random.Random(seed)
    names = []
    for _ in range(steps):
        kinds: dict[str, list[Move]] = {}
        for move in moves(h, alphabet):
            kinds.setdefault(move.verb, []).append(move)
        if not kinds:
            break
        move = rng.choice(kinds[rng.choice(sorted(kinds))])
        names.append(str(move))
        make(h, move)
    return names
