"""What names resolve to: remembered, shared, bounded; on a clock of our own."""

from __future__ import annotations

import math

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    rule,
)

from mooring._flow.dns_cache import DNSCache, Failed, Found, Lookup

ONE = ["192.0.2.1"]
GONE = OSError("no such name")


def led(
    cache: DNSCache[str],
    name: str = "a.example",
    asker: object = "alice",
    now: float = 0,
) -> Lookup[str]:
    """Ask, and check that it is for us to carry the lookup out."""
    lookup = cache.ask(name, asker, now=now)
    assert isinstance(lookup, Lookup)
    assert asker is lookup.leader
    return lookup


def joined(
    cache: DNSCache[str], asker: object, *, name: str = "a.example", now: float = 0
) -> Lookup[str]:
    """Ask, and check that another carries the lookup out."""
    lookup = cache.ask(name, asker, now=now)
    assert isinstance(lookup, Lookup)
    assert asker is not lookup.leader
    return lookup


def a_cache_that_knows(*names: str, max_names: int = 1024) -> DNSCache[str]:
    cache: DNSCache[str] = DNSCache(ttl=10, max_names=max_names)
    for name in names:
        cache.found(led(cache, name), ONE, now=0)
    return cache


def knows(cache: DNSCache[str], name: str, now: float = 1) -> bool:
    answer = cache.ask(name, object(), now=now)
    if isinstance(answer, Lookup):
        assert answer.leader is not None
        cache.left(answer, answer.leader)
        return False
    return True


def test_a_thousand_requests_resolve_once() -> None:
    """Those who come while the lookup runs wait for it, later ones get its answer."""
    cache: DNSCache[str] = DNSCache()
    lookup = led(cache, asker=0)
    for asker in range(1, 500):
        assert lookup is joined(cache, asker, now=0.1)

    assert tuple(range(500)) == cache.found(lookup, ONE, now=0.2)
    assert Found(("192.0.2.1",)) == lookup.outcome
    for asker in range(500, 1000):
        assert Found(("192.0.2.1",)) == cache.ask("a.example", asker, now=0.3)
    assert (1, 500) == (cache.lookups, cache.hits)


def test_names_are_looked_up_apart() -> None:
    """One name's lookup is no other's."""
    cache: DNSCache[str] = DNSCache()

    assert led(cache, "a.example") is not led(cache, "b.example")
    assert 2 == cache.running


@pytest.mark.parametrize(
    ("ttl", "until"),
    [(None, 10.0), (3.0, 3.0), (1e9, 60.0), (math.inf, 60.0), (0.0, 0.0), (-1, 0.0)],
)
def test_answers_expire(ttl: float | None, until: float) -> None:
    """After their own time, capped; after ours if they tell none."""
    cache: DNSCache[str] = DNSCache(ttl=10, max_ttl=60)
    cache.found(led(cache, now=5.0), ONE, now=7.0, ttl=ttl)

    if until:
        assert knows(cache, "a.example", 7.0 + until - 0.001)
    assert not knows(cache, "a.example", 7.0 + until)


def test_failures_are_remembered_shortly() -> None:
    """A thousand requests to a misspelt name are one lookup, for a while."""
    cache: DNSCache[str] = DNSCache(ttl=10, failure_ttl=1)
    lookup = led(cache)
    joined(cache, "bob")

    assert ("alice", "bob") == cache.failed(lookup, GONE, now=2.0)
    assert Failed(GONE) == lookup.outcome == cache.ask("a.example", "carol", now=2.9)
    assert not knows(cache, "a.example", 3.0)


def test_failures_that_say_nothing_of_the_name_are_not_remembered() -> None:
    """Those who waited get them, the next one asks again."""
    cache: DNSCache[str] = DNSCache()
    lookup = led(cache)
    cache.failed(lookup, GONE, now=0, ttl=0)

    assert Failed(GONE) == lookup.outcome
    assert not knows(cache, "a.example", 0)


def test_the_next_in_line_leads_when_the_leader_leaves() -> None:
    """A cancelled lookup is taken over by who has waited longest."""
    cache: DNSCache[str] = DNSCache()
    lookup = led(cache)
    joined(cache, "bob")
    joined(cache, "carol")

    assert "bob" == cache.left(lookup, "alice")
    assert ("bob", None) == (lookup.leader, lookup.outcome)
    assert ("bob", "carol") == cache.found(lookup, ONE, now=1)


def test_one_who_only_waits_leaves_unnoticed() -> None:
    """Nobody is woken for it, and it is not woken later."""
    cache: DNSCache[str] = DNSCache()
    lookup = led(cache)
    joined(cache, "bob")

    assert None is cache.left(lookup, "bob")
    assert ("alice",) == cache.found(lookup, ONE, now=1)


def test_a_lookup_left_by_all_is_forgotten() -> None:
    """Nobody carries it out, so nobody may wait for it."""
    cache: DNSCache[str] = DNSCache()
    lookup = led(cache)

    assert None is cache.left(lookup, "alice")
    assert 0 == cache.running
    assert lookup is not led(cache, asker="bob")


def test_a_lookup_that_runs_by_itself_outlives_its_askers() -> None:
    """getaddrinfo cannot be called off; its answer is good for the next."""
    cache: DNSCache[str] = DNSCache()
    lookup = led(cache)
    lookup.runs_by_itself()

    assert None is cache.left(lookup, "alice")
    assert lookup is joined(cache, "bob")
    assert ("bob",) == cache.found(lookup, ONE, now=1)


def test_a_lookup_that_was_called_off_is_not_joined() -> None:
    """Though it ran by itself: it ended before it had begun."""
    cache: DNSCache[str] = DNSCache()
    lookup = led(cache)
    lookup.runs_by_itself()
    cache.left(lookup, "alice")
    cache.abandoned(lookup)

    assert lookup is not led(cache, asker="bob")


def test_a_lookup_that_hangs_does_not_block_its_name() -> None:
    """After half a minute the next one asks anew; both get their own answer."""
    cache: DNSCache[str] = DNSCache(patience=30)
    hung = led(cache)
    hung.runs_by_itself()
    fresh = led(cache, asker="bob", now=30)

    assert ("bob",) == cache.found(fresh, ONE, now=31)
    assert ("alice",) == cache.found(hung, ["192.0.2.9"], now=32)
    assert Found(("192.0.2.1",)) == cache.ask("a.example", "carol", now=33)


def test_leaving_twice_or_too_late_changes_nothing() -> None:
    """Clean-up need not know how far it all was."""
    cache: DNSCache[str] = DNSCache()
    lookup = led(cache)
    cache.found(lookup, ONE, now=0)

    assert None is cache.left(lookup, "alice")
    assert None is cache.left(lookup, "alice")
    assert knows(cache, "a.example")


def test_leaving_a_lookup_that_was_forgotten_leaves_its_successor_alone() -> None:
    """The name is being asked anew by then."""
    cache: DNSCache[str] = DNSCache()
    old = led(cache)
    cache.forget("a.example")
    new = led(cache, asker="bob")

    cache.left(old, "alice")

    assert new is joined(cache, "carol")


def test_the_first_outcome_counts() -> None:
    """Whoever was overtaken by an heir may still come in with an answer."""
    cache: DNSCache[str] = DNSCache()
    lookup = led(cache)
    cache.found(lookup, ONE, now=0)

    assert () == cache.failed(lookup, GONE, now=0)
    assert Found(("192.0.2.1",)) == lookup.outcome


@pytest.mark.parametrize("forgets_all", [True, False])
def test_what_is_forgotten_is_asked_anew(forgets_all: bool) -> None:
    """An answer from before is still given to who waited, and not remembered."""
    cache = a_cache_that_knows("a.example")
    lookup = led(cache, "b.example")

    for name in ("a.example", "b.example"):
        cache.clear() if forgets_all else cache.forget(name)

    assert not knows(cache, "a.example")
    assert ("alice",) == cache.found(lookup, ONE, now=1)
    assert not knows(cache, "b.example")


def test_names_are_bounded() -> None:
    """The name not asked for in the longest time goes first."""
    cache = a_cache_that_knows("a.example", "b.example", max_names=2)
    assert knows(cache, "a.example")

    cache.found(led(cache, "c.example"), ONE, now=0)

    assert 2 == len(cache)
    known = [knows(cache, f"{letter}.example") for letter in "abc"]
    assert [True, False, True] == known


class CacheMachine(RuleBasedStateMachine):
    """Random askers, answers and cancellations, on a clock that only goes forward.

    Expected: nobody waits for a lookup that nobody carries out, everybody hears of
    exactly one outcome or leaves, and nothing out of date is given out.
    """

    waits = Bundle("waits")

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.cache: DNSCache[float] = DNSCache(
            ttl=3, failure_ttl=1, max_ttl=5, max_names=3, patience=8
        )
        self.lookups: list[Lookup[float]] = []  # in an order to be repeated
        self.awaited: dict[object, Lookup[float]] = {}

    @rule(seconds=st.floats(0, 4))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(target=waits, name=st.sampled_from("abcde"), detached=st.booleans())
    def ask(self, name: str, detached: bool) -> object:
        asker = object()
        answer = self.cache.ask(name, asker, now=self.now)
        if isinstance(answer, Found):
            (until,) = answer.addresses
            assert self.now < until
        elif isinstance(answer, Lookup):
            assert answer.outcome is None
            assert name == answer.name
            if answer not in self.lookups:
                self.lookups.append(answer)
            self.awaited[asker] = answer
            if detached and answer.leader is asker:
                answer.runs_by_itself()
        return asker

    @rule(asker=consumes(waits))
    def leave(self, asker: object) -> None:
        lookup = self.awaited.pop(asker, None)
        if lookup is not None:
            heir = self.cache.left(lookup, asker)
            assert heir is None or heir is lookup.leader
            assert heir is None or self.awaited[heir] is lookup

    @rule(data=st.data(), ttl=st.none() | st.floats(0, 9), good=st.booleans())
    def end(self, data: st.DataObject, ttl: float | None, good: bool) -> None:
        running = [one for one in self.lookups if one.outcome is None]
        if not running:
            return
        lookup = data.draw(st.sampled_from(running))
        expected = {a for a, waited in self.awaited.items() if waited is lookup}
        if good:
            until = self.now + min(3 if ttl is None else ttl, 5)
            woken = self.cache.found(lookup, [until], now=self.now, ttl=ttl)
        else:
            woken = self.cache.failed(lookup, GONE, now=self.now, ttl=ttl)
        assert expected == set(woken)
        assert len(woken) == len(expected)
        for asker in woken:
            del self.awaited[asker]

    @rule(name=st.sampled_from("abcde"))
    def forget(self, name: str) -> None:
        self.cache.forget(name)

    @invariant()
    def nobody_waits_in_vain(self) -> None:
        for lookup in self.awaited.values():
            assert lookup.outcome is None
            assert not lookup.is_dead
            leads = lookup.leader is not None
            assert not leads or self.awaited[lookup.leader] is lookup

    @invariant()
    def all_is_bounded(self) -> None:
        assert len(self.cache) <= 3
        assert self.cache.running <= 5


TestCache = CacheMachine.TestCase
TestCache.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
