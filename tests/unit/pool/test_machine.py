"""Random histories of a pool: every input, many keys, many limits, any clock."""

from __future__ import annotations

import math
from typing import TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
)

from mooring._pool.model import (
    Connection,
    ConnectionState,
    PoolLimits,
    Protocol,
    Reason,
    TicketState,
)
from mooring._pool.retry import Facts

from .harness import Harness
from .invariants import LEASED

T = TypeVar("T")

PLAIN = ("a", "b", "c", "d", "e")
SHARED = ("m", "n", "o")
LIMITS = st.builds(
    PoolLimits,
    max_connections=st.sampled_from([1, 2, 3, 4, math.inf]),
    max_keepalive=st.sampled_from([0, 1, 2, math.inf]),
    keepalive_expiry=st.sampled_from([0, 2, math.inf]),
    max_per_host=st.sampled_from([1, 2, math.inf]),
    max_shared_per_host=st.sampled_from([1, 2]),
    bypass_budget=st.sampled_from([0, 1, 4]),
    per_host=st.sampled_from([{}, {}, {"a": 1, "m": 2}]),
    max_connection_age=st.sampled_from([math.inf, math.inf, 5.0]),
    age_jitter=st.sampled_from([0.0, 0.5]),
    max_requests_per_connection=st.sampled_from([math.inf, math.inf, 1, 2]),
)
SECONDS = st.sampled_from([0.5, 1.0, 1.0, 3.0, 100.0, 1e6, -0.5, -1.0, -100.0, -1e6])
"""How far the clock goes, or jumps: a laptop sleeps, somebody sets the time."""
PICK = st.integers(0, 255)
TIMEOUTS = st.sampled_from([0.0, 1.0, 3.0, math.inf])
FACTS = st.builds(
    Facts,
    sent=st.booleans(),
    answered=st.booleans(),
    idempotent=st.booleans(),
    replayable=st.booleans(),
    promised=st.booleans(),
)
OPEN = (ConnectionState.IDLE, ConnectionState.BUSY, ConnectionState.PARKED)


def picked(items: list[T], index: int) -> T:
    return items[index % len(items)]


class PoolMachine(RuleBasedStateMachine):
    """Everything that may happen to a pool, in any order."""

    @initialize(limits=LIMITS, inline=st.booleans())
    def start(self, limits: PoolLimits, inline: bool) -> None:
        self.h = Harness(limits, inline=inline)

    def has_leases(self) -> bool:
        return bool(self.h.in_state(*LEASED))

    def has_shared(self) -> bool:
        return any(c.protocol is Protocol.HTTP2 for c in self.h.of_state(*OPEN))

    # -- tickets ----------------------------------------------------------

    @rule(
        key=st.sampled_from(PLAIN + SHARED),
        pool=TIMEOUTS,
        connect=TIMEOUTS,
        priority=st.sampled_from([0, 0, 0, 1, -1]),
    )
    def request(self, key: str, pool: float, connect: float, priority: int) -> None:
        self.h.request(
            key,
            multiplex=key in SHARED,
            pool_timeout=pool,
            connect_timeout=connect,
            priority=priority,
        )

    @precondition(lambda self: self.h.tickets)
    @rule(n=PICK)
    def activate(self, n: int) -> None:
        self.h.activate(
            picked(self.h.in_state(TicketState.ASSIGNED) or self.h.tickets, n)
        )

    @precondition(lambda self: self.h.tickets)
    @rule(n=PICK)
    def cancel(self, n: int) -> None:
        self.h.cancel(picked(self.h.alive() or self.h.tickets, n))

    @precondition(lambda self: self.h.in_state(TicketState.QUEUED))
    @rule(n=PICK, punctual=st.booleans())
    def time_out(self, n: int, punctual: bool) -> None:
        ticket = picked(self.h.in_state(TicketState.QUEUED), n)
        if punctual and math.inf > ticket.deadline > self.h.now:
            self.h.move_clock(ticket.deadline - self.h.now)
        self.h.time_out(ticket)

    @precondition(has_leases)
    @rule(
        n=PICK,
        reason=st.sampled_from([None, None, None, Reason.UNUSABLE, Reason.ABANDONED]),
        zombie=st.booleans(),
        keepalive=st.sampled_from([None, None, None, 0.0, 2.0]),
        remaining=st.sampled_from([None, None, None, 0, 1]),
    )
    def release(
        self,
        n: int,
        reason: Reason | None,
        zombie: bool,
        keepalive: float | None,
        remaining: int | None,
    ) -> None:
        ticket = picked(self.h.in_state(*LEASED), n)
        assert ticket.connection is not None
        zombie &= ticket.connection.protocol is Protocol.HTTP2
        generation = ticket.generation
        self.h.release(
            ticket, reason, zombie=zombie, keepalive=keepalive, remaining=remaining
        )
        self.h.release_as(ticket, generation, reason)

    @precondition(lambda self: self.h.tickets)
    @rule(n=PICK)
    def release_late(self, n: int) -> None:
        """A lease that is long over is given back once more."""
        ticket = picked(self.h.tickets, n)
        self.h.release_as(ticket, ticket.generation - 1, Reason.BROKEN)

    @precondition(has_leases)
    @rule(n=PICK)
    def found_dead(self, n: int) -> None:
        self.h.found_dead(picked(self.h.in_state(*LEASED), n))

    @precondition(has_leases)
    @rule(n=PICK, facts=FACTS)
    def fail(self, n: int, facts: Facts) -> None:
        self.h.fail(picked(self.h.in_state(*LEASED), n), facts)

    @precondition(has_leases)
    @rule(n=PICK)
    def detach(self, n: int) -> None:
        ticket = picked(self.h.in_state(*LEASED), n)
        assert ticket.connection is not None
        if ticket.connection.protocol is Protocol.HTTP1:
            self.h.detach(ticket)

    # -- connections ------------------------------------------------------

    @precondition(lambda self: self.h.dials())
    @rule(n=PICK, shared=st.booleans(), cap=st.integers(0, 3))
    def dial_ok(self, n: int, shared: bool, cap: int) -> None:
        dial = picked(self.h.dials(), n)
        if shared and dial.host.key in SHARED:
            self.h.dial_ok(dial, Protocol.HTTP2, cap)
        else:
            self.h.dial_ok(dial)

    @precondition(lambda self: self.h.dials())
    @rule(n=PICK)
    def dial_fail(self, n: int) -> None:
        self.h.dial_fail(picked(self.h.dials(), n))

    @precondition(lambda self: self.h.late)
    @rule(n=PICK, succeeds=st.booleans())
    def dial_late(self, n: int, succeeds: bool) -> None:
        dial = picked(self.h.late, n)
        if succeeds:
            self.h.dial_ok(dial)
        else:
            self.h.dial_fail(dial)

    @precondition(lambda self: self.h.answered)
    @rule(n=PICK)
    def die(self, n: int) -> None:
        self.h.die(picked(self.anyone(), n))

    @precondition(lambda self: self.h.answered)
    @rule(n=PICK)
    def retire(self, n: int) -> None:
        self.h.retire(picked(self.anyone(), n))

    def anyone(self) -> list[Connection]:
        """An open connection, or one that was, whose driver is late with news."""
        return self.h.of_state(*OPEN) or sorted(self.h.answered, key=lambda c: c.number)

    @precondition(has_shared)
    @rule(n=PICK, cap=st.integers(0, 3))
    def change_cap(self, n: int, cap: int) -> None:
        shared = [c for c in self.h.answered if c.protocol is Protocol.HTTP2]
        self.h.change_cap(picked(sorted(shared, key=lambda c: c.number), n), cap)

    @precondition(lambda self: any(c.zombies for c in self.h.answered))
    @rule(n=PICK)
    def confirm(self, n: int) -> None:
        zombies = [c for c in self.h.answered if c.zombies]
        self.h.confirm(picked(sorted(zombies, key=lambda c: c.number), n))

    @precondition(lambda self: self.h.answered)
    @rule(n=PICK)
    def close_detached(self, n: int) -> None:
        self.h.close_detached(
            picked(self.h.of_state(ConnectionState.DETACHED) or self.anyone(), n)
        )

    # -- the owner --------------------------------------------------------

    @rule()
    def tick(self) -> None:
        self.h.tick()

    @rule(seconds=SECONDS)
    def move_clock(self, seconds: float) -> None:
        self.h.move_clock(seconds)

    @rule(limits=LIMITS)
    def set_limits(self, limits: PoolLimits) -> None:
        self.h.set_limits(limits)

    @rule()
    def say_again(self) -> None:
        """Everything that is over is reported once more."""
        self.h.say_again()

    @precondition(lambda self: len(self.h.tickets) > 12)
    @rule(n=st.integers(0, 7))
    def drain(self, n: int) -> None:
        if n == 0:
            self.h.drain()

    @precondition(lambda self: len(self.h.tickets) > 12)
    @rule(n=st.integers(0, 7))
    def close(self, n: int) -> None:
        if n == 0:
            self.h.close()

    def teardown(self) -> None:
        if hasattr(self, "h"):
            self.h.drain_out()
            self.h.close()
            assert not self.h.request("late").deadline < math.inf


TestPool = PoolMachine.TestCase
TestPool.settings = settings(
    max_examples=100,
    stateful_step_count=40,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
