"""URL patterns that choose a transport: ``all://``, ``https://*.example.com:8443``."""

from __future__ import annotations

from .._url import URL

__all__ = ["URLPattern"]


class URLPattern:
    """A pattern of scheme, host and port, as the keys of ``mounts=`` spell it.

    ``all`` stands for every scheme, a missing host or ``*`` for every host,
    ``*.example.com`` for the domains below example.com, ``*example.com`` for them
    and example.com itself. Patterns sort from the most to the least specific.
    """

    __slots__ = ("_suffix", "host", "pattern", "port", "scheme")

    def __init__(self, pattern: str) -> None:
        if pattern and ":" not in pattern:
            raise ValueError(
                f"mount {pattern!r} is not a URL pattern; write {pattern + '://'!r}"
            )
        url = URL(pattern)
        self.pattern = pattern
        self.scheme = "" if url.scheme == "all" else url.scheme
        self.host = "" if url.host == "*" else url.host
        self.port = url.port
        self._suffix = self.host.lstrip("*") if self.host.startswith("*") else ""

    def matches(self, url: URL) -> bool:
        """Say whether *url* falls under the pattern."""
        if self.scheme and self.scheme != url.scheme:
            return False
        if self.port is not None and self.port != url.port:
            return False
        return not self.host or self._matches_host(url.host)

    @property
    def priority(self) -> tuple[int, int, int]:
        """Sort key: patterns with a port first, then long hosts, then schemes."""
        return (0 if self.port is not None else 1, -len(self.host), -len(self.scheme))

    def __lt__(self, other: URLPattern) -> bool:
        return self.priority < other.priority

    def __eq__(self, other: object) -> bool:
        return isinstance(other, URLPattern) and self.pattern == other.pattern

    def __hash__(self) -> int:
        return hash(self.pattern)

    def __repr__(self) -> str:
        return f"URLPattern({self.pattern!r})"

    def _matches_host(self, host: str) -> bool:
        suffix = self._suffix
        if not suffix:
            return host == self.host
        if suffix.startswith("."):
            return host.endswith(suffix) and host != suffix
        return host == suffix or host.endswith("." + suffix)
