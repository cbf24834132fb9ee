"""Why one request waits for a connection, in words: what a ``PoolTimeout`` says.

Asked while the ticket is still in the queue, with the pool's lock held.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, cast

from .dump import limits_line, pool_line
from .model import Ticket
from .route import label
from .snapshot import HolderSnapshot, holder_snapshot
from .survey import MOST_SEEN, Survey
from .verdict import Verdict, slow_after
from .wording import amount, counted, origin_of, plain, seconds

if TYPE_CHECKING:
    from .core import PoolCore
    from .route import Route

HOLDERS_SHOWN = 3

Holders: TypeAlias = Sequence[HolderSnapshot]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Why a request waits for a connection, or waited in vain. Times in seconds.

    A ``PoolTimeout`` carries one: its text is ``message``, its notes are ``notes``,
    and what they are made of is here::

        try:
            client.get("https://example.org/")
        except mooring.PoolTimeout as error:
            if error.diagnosis.verdict is mooring.Verdict.LEAK:
                print(error.diagnosis.holders[0].created_at)
    """

    message: str
    """One line: which host, how long, how much is in use, which place."""
    notes: tuple[str, ...]
    """The verdict with advice, who holds connections, dials, counts, limits."""
    verdict: Verdict
    origin: str
    waited: float
    limit: float
    """The limit that is reached; ``setting`` says which one that is."""
    setting: str
    """``max_connections``, ``max_connections_per_host`` or ``per_host``; ``streams``
    when it waits for a stream of a connection that others share."""
    in_use: int
    """Connections, or streams, that count against that limit."""
    place: int | None
    """Its place in the queue of its host; ``None`` if a thousand stand before it."""
    waiting: int
    """How many wait in that queue, itself included."""
    holders: tuple[HolderSnapshot, ...]
    """Who has had a connection for longest, at most three."""
    own: tuple[HolderSnapshot, ...]
    """What the waiting task or thread itself holds, of what it waits for."""
    connecting: int
    """Connections being made, among those in its survey."""
    connecting_for: float
    """How long the oldest of them takes by now."""
    last_failure: str | None
    """Why the last failed connect did."""

    def as_dict(self) -> dict[str, object]:
        """Return it as dicts, lists, numbers and text; no limit is ``None``."""
        return cast("dict[str, object]", plain(self))  # a dataclass becomes a dict


def why_waiting(core: PoolCore, ticket: Ticket, now: float) -> Diagnosis:
    """Say why *ticket*, which is in the queue of *core*, has no connection at *now*."""
    survey = Survey(core, ticket, now)
    longest = survey.longest(HOLDERS_SHOWN)
    holders = tuple(holder_snapshot(holding, now) for holding in longest)
    own = tuple(holder_snapshot(holding, now) for holding in survey.own())
    place, last_failure = survey.place, survey.last_failure
    return Diagnosis(
        message=_message(survey, place, holders),
        notes=tuple(_notes(survey, holders, own, last_failure)),
        verdict=survey.verdict,
        origin=origin_of(ticket.key),
        waited=survey.waited,
        limit=survey.limit,
        setting=survey.setting,
        in_use=survey.in_use,
        place=place,
        waiting=survey.host.queued,
        holders=holders,
        own=own,
        connecting=len(survey.dials),
        connecting_for=survey.oldest_dial,
        last_failure=last_failure,
    )


def _message(
    survey: Survey, place: int | None, holders: Sequence[HolderSnapshot]
) -> str:
    route = survey.ticket.key
    # Every key of our shell is a route; those of tests need not be.
    where = label(cast("Route", route)) if isinstance(route, tuple) else str(route)
    scope = "" if survey.setting == "max_connections" else " to this host"
    used = f"{survey.in_use} of {amount(survey.limit)} {_kind(survey)}s{scope} in use"
    if survey.setting == "streams" and survey.dials:
        used = "the connection to this host is still being made"
    facts = [used]
    if place is None:
        facts.append(f"more than {MOST_SEEN} before it in the queue")
    else:
        facts.append(f"place {place} of {survey.host.queued} in the queue")
    if holders:
        facts.append(f"oldest held {seconds(holders[0].held)}")
    after = seconds(survey.waited)
    return f"no free connection to {where} after {after} ({', '.join(facts)})"


def _kind(survey: Survey) -> str:
    return "stream" if survey.setting == "streams" else "connection"


def _notes(
    survey: Survey,
    holders: Sequence[HolderSnapshot],
    own: Sequence[HolderSnapshot],
    last_failure: str | None,
) -> Iterator[str]:
    """Yield what is to be known besides, what matters most first."""
    advice = _ADVICE[survey.verdict](survey, holders, own)
    yield f"{survey.verdict.value}: {advice}"
    if own:
        yield (
            f"this task already holds {len(own)} of {survey.in_use} {_kind(survey)}s: "
            f"{'; '.join(holder.target for holder in own[:HOLDERS_SHOWN])}"
        )
    for holder in holders:
        yield f"held for {seconds(holder.held)}: {holder}"
    if survey.dials or last_failure:
        yield "; ".join(_dials(survey, last_failure))
    yield pool_line(survey.core.stats(), survey.core.limits)
    yield limits_line(survey.core.limits)


def _dials(survey: Survey, last_failure: str | None) -> Iterator[str]:
    if survey.dials:
        yield (
            f"{counted(len(survey.dials), 'connection')} being made, "
            f"the oldest for {seconds(survey.oldest_dial)}"
        )
    if last_failure is not None:
        yield f"the last connect that failed: {last_failure}"


def _share(survey: Survey, cause: Verdict) -> str:
    """Return ``2 of 3 connections``: those in the way that are blamed on *cause*."""
    return f"{survey.blamed[cause]} of {survey.slots} {_kind(survey)}s"


def _remedy(survey: Survey) -> str:
    if survey.setting == "streams":
        return "ask for less at once, as the server allows no more streams"
    return f"raise Limits({survey.setting}=)"


def _on_deadlock(survey: Survey, _: Holders, own: Holders) -> str:
    them = ", this one among them" if own else ""
    return (
        f"every {_kind(survey)} is held by a task that waits for another one{them}; "
        f"close a response before the next request is sent, or {_remedy(survey)}"
    )


def _on_leak(survey: Survey, holders: Holders, _: Holders) -> str:
    share = _share(survey, Verdict.LEAK)
    place = ""
    if all(holder.created_at is None for holder in holders):
        place = "; with MOORING_DEBUG=1 this says where they were opened"
    return (
        f"nobody read the response on {share} during the whole wait; read each to its "
        f'end or close it, best by "with client.stream(...)"{place}'
    )


def _on_failing_connects(survey: Survey, _: Holders, __: Holders) -> str:
    share = _share(survey, Verdict.CONNECTS_FAILING)
    return (
        f"{share} are still being made and do not get on; check address and network, "
        f"and Timeout(connect=)"
    )


def _on_slow_server(survey: Survey, _: Holders, __: Holders) -> str:
    share = _share(survey, Verdict.SLOW_SERVER)
    least = seconds(slow_after(survey.waited))
    return (
        f"{share} have had their request for {least} or more; the server is slow, or "
        f"bodies are long or read slowly, so more {_kind(survey)}s help only if the "
        f"server can do more at once"
    )


def _on_low_limit(survey: Survey, _: Holders, __: Holders) -> str:
    return (
        f"requests come and go, there are too few {_kind(survey)}s for this many at "
        f"once; {_remedy(survey)}, or Timeout(pool=) if they are meant to wait"
    )


_ADVICE: Mapping[Verdict, Callable[[Survey, Holders, Holders], str]] = {
    Verdict.SELF_DEADLOCK: _on_deadlock,
    Verdict.LEAK: _on_leak,
    Verdict.CONNECTS_FAILING: _on_failing_connects,
    Verdict.SLOW_SERVER: _on_slow_server,
    Verdict.LIMIT_TOO_LOW: _on_low_limit,
}

Diagnosis.__module__ = "mooring"
