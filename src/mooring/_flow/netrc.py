"""The netrc file of ftp and curl: who one is on which machine."""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["Login", "parse_netrc"]

_TOKEN = re.compile(r'\s*+(?:"((?:[^"\\]|\\.)*+)"|(\S++))', re.DOTALL).match
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_LINE_END = re.compile(r"\n|\Z").search
_BLANK_LINE = re.compile(r"\n[ \t\r]*+\n|\Z").search

_KEYS = {"login": "user", "user": "user", "account": "", "password": "password"}


class Login(NamedTuple):
    """What the file has for a machine; either may be missing, and then empty."""

    user: str = ""
    password: str = ""


def parse_netrc(text: str) -> dict[str, Login]:
    """Return the logins by machine in lower case, and under ``default`` that one.

    Example::

        >>> parse_netrc("machine example.org login me password secret")["example.org"]
        Login(user='me', password='secret')

    Raises:
        SyntaxError: With the number of the line; the text quotes nothing, because
            the word that is out of place may be a password.
    """
    found: dict[str, Login] = {}
    name = ""
    reader = _Reader(text)
    while (word := reader.keyword()) is not None:
        if word == "machine":
            name = reader.value().lower()
        elif word == "default":
            name = "default"
        elif word == "macdef":
            reader.value()
            reader.skip_macro()
            continue
        elif word in _KEYS and name:
            key, value = _KEYS[word], reader.value()
            if key:
                found[name] = found[name]._replace(**{key: value})
            continue
        else:
            raise reader.error()
        found[name] = Login()
    return found


class _Reader:
    """Takes one word after the other."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0

    def keyword(self) -> str | None:
        """Return the next word that is no comment; ``None`` at the end."""
        while match := _TOKEN(self._text, self._position):
            self._position = match.end()
            if match[2] is None:
                raise self.error()
            if not match[2].startswith("#"):
                return match[2]
            self._skip(_LINE_END(self._text, self._position))
        return None

    def value(self) -> str:
        """Return the next word, whatever it is."""
        match = _TOKEN(self._text, self._position)
        if match is None:
            raise self.error()
        self._position = match.end()
        return match[2] if match[1] is None else _ESCAPED.sub(r"\1", match[1])

    def skip_macro(self) -> None:
        """Go on after the next empty line."""
        self._skip(_BLANK_LINE(self._text, self._position))

    def error(self) -> SyntaxError:
        error = SyntaxError("not a netrc file")
        error.lineno = self._text.count("\n", 0, self._position) + 1
        return error

    def _skip(self, match: re.Match[str] | None) -> None:
        self._position = len(self._text) if match is None else match.end()
