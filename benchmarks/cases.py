"""What is measured: the cases, and who takes part in each."""

from __future__ import annotations

from dataclasses import dataclass, replace

POOL = 100
"""Connections, where the case is not about them."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One subject under one load: closed loop, *tasks* of them at once."""

    subject: str
    world: str
    """asyncio, uvloop, trio or threads."""
    tasks: int
    connections: int
    label: str = ""

    @property
    def name(self) -> str:
        return self.label or self.subject


@dataclass(frozen=True, slots=True)
class Case:
    """Entries that are compared with the first of them."""

    name: str
    title: str
    entries: tuple[Entry, ...]


def _case(name: str, title: str, world: str, tasks: int, subjects: str) -> Case:
    connections = min(tasks, POOL)
    entries = [
        Entry(subject, world, tasks, connections) for subject in subjects.split()
    ]
    return Case(name, title, tuple(entries))


def _crowd(name: str, title: str, subject: str, waiters: tuple[int, int]) -> Case:
    """The same pool of 50 under two crowds: what does a waiter cost?"""
    few, many = (
        Entry(subject, "asyncio", 50 + n, 50, f"{subject}, {n} waiting")
        for n in waiters
    )
    return Case(name, title, (many, few))


ASYNCIO = "mooring aiohttp pyreqwest httpx2 floor"
SYNC = "mooring httpx2 urllib3"

_FIFTY = _case(
    "tasks-4000", "asyncio, 4000 tasks over 50 connections", "asyncio", 4000, ASYNCIO
)

CASES = (
    _case("asyncio-1", "asyncio, 1 task", "asyncio", 1, ASYNCIO),
    _case("asyncio-20", "asyncio, 20 tasks", "asyncio", 20, ASYNCIO),
    _case("asyncio-100", "asyncio, 100 tasks", "asyncio", 100, ASYNCIO),
    _case("asyncio-1000", "asyncio, 1000 tasks, pool of 100", "asyncio", 1000, ASYNCIO),
    _case("uvloop-100", "uvloop, 100 tasks", "uvloop", 100, ASYNCIO),
    _case("trio-100", "trio, 100 tasks", "trio", 100, "mooring httpx2"),
    _case("sync-1", "1 thread", "threads", 1, f"{SYNC} pyreqwest floor"),
    _case("sync-16", "16 threads, one client", "threads", 16, f"{SYNC} pyreqwest"),
    replace(
        _FIFTY,
        entries=tuple(replace(entry, connections=50) for entry in _FIFTY.entries),
    ),
    _crowd("waiters", "cost of waiting: 4000 against 100", "mooring", (100, 4000)),
)


def find_cases(names: list[str]) -> list[Case]:
    """Return the cases called *names*, or beginning so; all if none is given.

    Raises:
        LookupError: a name fits no case.
    """
    if not names:
        return list(CASES)
    found: list[Case] = []
    for name in names:
        exact = [case for case in CASES if case.name == name]
        fitting = exact or [case for case in CASES if case.name.startswith(name)]
        if not fitting:
            known = ", ".join(case.name for case in CASES)
            raise LookupError(f"no case is called {name!r}; there are: {known}")
        found += [case for case in fitting if case not in found]
    return found
