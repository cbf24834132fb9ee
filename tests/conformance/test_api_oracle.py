"""mooring has every public name of httpx and httpx2, called and shown the same way.

What differs stands in one of three tables, with its reason.
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

import httpx
import httpx2

import mooring

from .surface import Facts, facts_of

OURS = facts_of(mooring)
# httpx2 decides where both have a name.
THEIRS = {**facts_of(httpx), **facts_of(httpx2)}

# Patterns of names, and why mooring has not got them.
MISSING: dict[str, str] = {}

# Patterns of names that differ, and why.
CHANGED = {
    "Client()": "its parameters stand in AsyncClient's order; they go by name only",
    "Limits.__hash__": "limits cannot be changed, so they can be keys",
    "main*": "a plain function; that of httpx is a click command",
    "repr(StreamConsumed())": "the second sentence is in other words",
}

# Patterns of names that only mooring has, and what they are for.
POOL = "what the pool is doing, for people to see"
ADDED = {
    **dict.fromkeys(
        [
            "*Client(debug=)",
            "*Client(on_event=)",
            "*Client.pool",
            "*ClientPool",
            "*HTTPTransport(debug=)",
            "*HTTPTransport(on_event=)",
            "*HTTPTransport.stats",
            "Connect*ed",
            "ConnectionInfo",
            "DialInfo",
            "Diagnosis",
            "Lea*ed",
            "LeaseHeldLong",
            "Pool[EST]*",
            "PoolTimeout.diagnosis",
            "Request[AQR]*ed",
            "*Snapshot",
            "Response.connection",
            "Verdict",
        ],
        POOL,
    ),
    "*WebSocket*": "httpx2 has them in a module of their own, httpx2.websockets",
    "*.code": "what happened, as a word that stays",
    "*.exit_code": "for programs of the command line",
    "*.*close(drain=)": "let requests in flight come to their end",
    "*HTTPTransport(backend=)": "for tests: a network in memory",
    "ASGITransport(disconnect_timeout=)": "an application that does not notice",
    "ByteStream.body": "the bytes, without a copy",
    "ByteStream.can_replay": "whether a redirect could send it again",
    "CertificateError": "a finer ConnectError",
    "DEFAULT_LIMITS": "to change one limit and leave the others",
    "DNSError": "a finer ConnectError",
    "HTTPXDeprecationWarning": "httpx2 has it, but not in its list of names",
    "Headers.__copy__": "copy.copy() makes headers of one's own",
    "Limits(*=)": "limits that httpx has not got",
    "Limits.*": "limits that httpx has not got",
    "TLSError": "a finer ConnectError",
    "install_as": "code written for httpx runs unchanged",
}


def matching(name: str, table: Iterable[str]) -> list[str]:
    return [pattern for pattern in table if fnmatchcase(name, pattern)]


def with_additions_apart(ours: Facts, theirs: Facts) -> Facts:
    """Give parameters that were added at the end, by name only, facts of their own."""
    apart = dict(ours)
    for name, ending in ours.items():
        beginning = theirs.get(name)
        if beginning is None or not name.endswith("()"):
            continue
        added = ending.removeprefix(beginning)
        if added != ending and all(
            parameter.lstrip().startswith("[") for parameter in added.split(",")[1:]
        ):
            apart[name] = beginning
            for parameter in added.split("[")[1:]:
                apart[f"{name[:-1]}{parameter.partition(']')[0]}=)"] = "added"
    return apart


def added_names(ours: Facts, theirs: Facts) -> list[str]:
    """Return what only mooring has, without the members of what is new altogether."""
    added = set(ours) - set(theirs)
    members = {
        name
        for name in added
        if name.replace("(", ".").partition(".")[0] in added - {name}
        or name.removesuffix("()") in added - {name}
    }
    return sorted(added - members)


def test_nothing_is_missing() -> None:
    """Whatever httpx or httpx2 offers is there."""
    missing = sorted(set(THEIRS) - set(OURS))

    assert [] == [name for name in missing if not matching(name, MISSING)]
    assert [] == [p for p in MISSING if not any(fnmatchcase(n, p) for n in missing)]


def test_nothing_is_different() -> None:
    """Kinds, parameters, defaults, base classes and reprs are the same."""
    ours = with_additions_apart(OURS, THEIRS)
    changed = {
        name: (theirs, ours[name])
        for name, theirs in THEIRS.items()
        if name in ours and ours[name] != theirs
    }

    assert {} == {n: both for n, both in changed.items() if not matching(n, CHANGED)}
    assert [] == [p for p in CHANGED if not any(fnmatchcase(n, p) for n in changed)]


def test_additions_are_known() -> None:
    """What mooring adds was added on purpose, and keywords after theirs."""
    added = added_names(with_additions_apart(OURS, THEIRS), THEIRS)

    assert [] == [name for name in added if not matching(name, ADDED)]
    assert [] == [p for p in ADDED if not any(fnmatchcase(n, p) for n in added)]
