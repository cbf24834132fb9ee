"""Medians, spans and ratios, and how they are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from .cases import Case
from .child import Measurement


@dataclass(frozen=True, slots=True)
class Span:
    """The median of some rounds, and their extremes."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Span:
        return cls(median(values), min(values), max(values))


@dataclass(slots=True)
class Result:
    """The rounds of one case, by the names of its entries, in order."""

    case: Case
    rounds: dict[str, list[Measurement]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    """Why an entry could not take part."""

    def rate(self, name: str) -> Span:
        """Requests per second."""
        return Span.of([measured.rate for measured in self.rounds[name]])

    def cpu(self, name: str) -> Span:
        """Microseconds of the client's CPU per request."""
        return Span.of([measured.cpu_micros for measured in self.rounds[name]])

    def rate_ratio(self, name: str) -> Span:
        """How many times faster the case's first entry was, round by round."""
        return Span.of(
            [
                ours.rate / theirs.rate
                for ours, theirs in zip(self._first(), self.rounds[name], strict=True)
            ]
        )

    def cpu_ratio(self, name: str) -> Span:
        """How much CPU the first entry took, in units of the other's."""
        return Span.of(
            [
                ours.cpu_micros / theirs.cpu_micros
                for ours, theirs in zip(self._first(), self.rounds[name], strict=True)
            ]
        )

    def _first(self) -> list[Measurement]:
        return self.rounds[self.case.entries[0].name]


def lines(result: Result) -> list[str]:
    """Return the table of one case."""
    first = result.case.entries[0].name
    width = max(len(entry.name) for entry in result.case.entries)
    titles = ("requests/s (min-max)", "CPU us/req", f"{first} is", "CPU ratio")
    out = [
        f"{result.case.title} [{result.case.name}]",
        f"  {'':<{width}}  {titles[0]:>24}  {titles[1]:>10}  {titles[2]:>22}  "
        f"{titles[3]:>9}",
    ]
    for entry in result.case.entries:
        name = entry.name
        if name in result.missing:
            out.append(f"  {name:<{width}}  not measured: {result.missing[name]}")
            continue
        rate, cpu = result.rate(name), result.cpu(name).median
        figures = f"{rate.median:8.0f} ({rate.low:.0f}-{rate.high:.0f})"
        row = f"  {name:<{width}}  {figures:>24}  {cpu:10.1f}"
        if name != first and first in result.rounds:
            ratio = result.rate_ratio(name)
            times = f"{ratio.median:.2f}x ({ratio.low:.2f}-{ratio.high:.2f})"
            row += f"  {times:>22}  {result.cpu_ratio(name).median:9.2f}"
        out.append(row)
    return out


def as_json(result: Result) -> dict[str, object]:
    """Return everything measured, and what was made of it."""
    first = result.case.entries[0].name
    entries: dict[str, object] = {}
    for name, rounds in result.rounds.items():
        summary: dict[str, object] = {
            "rate": _plain(result.rate(name)),
            "cpu_micros": _plain(result.cpu(name)),
            "rounds": [
                [measured.requests, measured.seconds, measured.cpu_seconds]
                for measured in rounds
            ],
        }
        if name != first and first in result.rounds:
            summary["rate_ratio"] = _plain(result.rate_ratio(name))
            summary["cpu_ratio"] = _plain(result.cpu_ratio(name))
        entries[name] = summary
    return {
        "case": result.case.name,
        "title": result.case.title,
        "entries": entries,
        "missing": result.missing,
    }


def _plain(span: Span) -> dict[str, float]:
    return {"median": span.median, "min": span.low, "max": span.high}
