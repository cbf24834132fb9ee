"""``WWW-Authenticate``: several challenges in one field, or in many (RFC 9110)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

__all__ = ["Challenge", "parse_challenges", "parse_parameters"]

# Possessive, so that nothing a server sends has them try twice.
_GAP = re.compile(r"[\s,]*+").match
_TOKEN = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]++)").match
_TOKEN68 = re.compile(r"[ \t]++[A-Za-z0-9._~+/-]++=*+(?=[ \t]*+(?:,|\Z))").match
_PARAMETER = re.compile(
    r"([!#$%&'*+.^_`|~0-9A-Za-z-]++)[ \t]*+=[ \t]*+"
    r'(?:"((?:[^"\\]|\\.)*+)"|([^\s,"]*+))(?=[ \t]*+(?:,|\Z))',
    re.DOTALL,
).match
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


class Challenge(NamedTuple):
    """One way to authenticate; scheme and names of parameters are in lower case."""

    scheme: str
    parameters: dict[str, str]


def parse_challenges(fields: Iterable[str]) -> list[Challenge]:
    """Return the challenges of *fields* in order, up to what makes no sense.

    Example::

        >>> [c.scheme for c in parse_challenges(['Basic realm="a, b", Negotiate'])]
        ['basic', 'negotiate']
    """
    found: list[Challenge] = []
    for field in fields:
        position = _after(_GAP(field))
        first = len(found)
        while position < len(field):
            parameter = _PARAMETER(field, position) if len(found) > first else None
            if parameter is not None:
                found[-1].parameters[parameter[1].lower()] = _value(parameter)
                position = _after(parameter)
            elif scheme := _TOKEN(field, position):
                found.append(Challenge(scheme[1].lower(), {}))
                position = _after(_TOKEN68(field, scheme.end()) or scheme)
            else:
                break
            position = _after(_GAP(field, position))
    return found


def parse_parameters(field: str) -> dict[str, str]:
    """Return the parameters of a field that has no scheme, by name in lower case."""
    return parse_challenges([f"none {field}"])[0].parameters


def _after(match: re.Match[str] | None) -> int:
    return 0 if match is None else match.end()


def _value(parameter: re.Match[str]) -> str:
    quoted, plain = parameter[2], parameter[3]
    return plain if quoted is None else _ESCAPED.sub(r"\1", quoted)
