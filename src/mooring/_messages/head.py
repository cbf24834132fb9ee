"""The head of a response: what can be said before any of the body is there."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING

from .._body.text import charset_of
from .._headers import Headers
from .._status import codes
from .links import parsed_links
from .request import masked_url

if TYPE_CHECKING:
    from .._pool.info import ConnectionInfo
    from .._shell.trip import Trip
    from .._types import HeaderTypes
    from .request import Request

__all__ = ["ResponseHead"]

_REDIRECTS_WITH_LOCATION = frozenset({301, 302, 303, 307, 308})
_STATUS_CLASSES = {
    1: "Informational response",
    3: "Redirect response",
    4: "Client error",
    5: "Server error",
}
# What a peer may say in an error text of ours.
_MAX_PEER_CHARS = 100

# What a client looks for in every response.
_NOTABLE = frozenset({b"content-encoding", b"set-cookie"})
_name = itemgetter(0)
_lower = bytes.lower


class ResponseHead:
    """The questions about a response that its status and header fields answer."""

    status_code: int
    extensions: dict[str, object]
    # Fields as they came over the wire stay a list until somebody looks at them.
    _wire_fields: list[tuple[bytes, bytes]] | None = None
    _headers: Headers | None = None
    # Set if those fields are known to have neither a cookie nor a content coding.
    _plain: bool = False
    _trip: Trip | None = None

    @property
    def headers(self) -> Headers:
        """The header fields."""
        headers = self._headers
        if headers is None:
            fields = self._wire_fields or []
            as_sent = _are_bytes(fields)
            headers = Headers._adopt(fields) if as_sent else Headers(fields)
            self.headers = headers
        return headers

    @headers.setter
    def headers(self, headers: HeaderTypes) -> None:
        self._wire_fields = None
        self._plain = False
        self._headers = headers if isinstance(headers, Headers) else Headers(headers)

    @property
    def connection(self) -> ConnectionInfo | None:
        """How the response came here: which connection, how old, what it took.

        ``None`` if it did not come over a connection of a pool, as with mocks::

            >>> response = client.get("https://example.org/")
            >>> response.connection.reused, response.connection.waited
            (False, 0.0)
        """
        return None if self._trip is None else self._trip.info()

    def _content_codings(self) -> list[str]:
        if self._plain or self._is_plain():
            return []
        return self.headers.get_list("content-encoding", split_commas=True)

    def _is_plain(self) -> bool:
        """Say True only if there is neither a cookie nor a content coding.

        Most responses have none, and making headers of what came over the wire, to
        look for one, would be the dearest part of reading a response.
        """
        fields = self._wire_fields
        if fields is None:
            return False
        try:
            plain = _NOTABLE.isdisjoint(map(_lower, map(_name, fields)))
        except TypeError:  # given as text by somebody's own transport
            return False
        self._plain = plain
        return plain

    @property
    def http_version(self) -> str:
        """The protocol spoken, such as ``"HTTP/1.1"``."""
        version = self.extensions.get("http_version")
        if not isinstance(version, bytes):
            return "HTTP/1.1"
        return version.decode("ascii", errors="ignore")

    @property
    def reason_phrase(self) -> str:
        """The words the server put next to the status, or else the usual ones."""
        phrase = self.extensions.get("reason_phrase")
        if not isinstance(phrase, bytes):
            return codes.get_reason_phrase(self.status_code)
        return phrase.decode("ascii", errors="ignore")

    @property
    def is_informational(self) -> bool:
        """Whether the status is 1xx."""
        return 100 <= self.status_code <= 199

    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status_code <= 299

    @property
    def is_redirect(self) -> bool:
        """Whether the status is 3xx. Not all of these say where to go next."""
        return 300 <= self.status_code <= 399

    @property
    def is_client_error(self) -> bool:
        """Whether the status is 4xx."""
        return 400 <= self.status_code <= 499

    @property
    def is_server_error(self) -> bool:
        """Whether the status is 5xx."""
        return 500 <= self.status_code <= 599

    @property
    def is_error(self) -> bool:
        """Whether the status is 4xx or 5xx."""
        return 400 <= self.status_code <= 599

    @property
    def has_redirect_location(self) -> bool:
        """Whether this is a redirect that can be followed."""
        return (
            self.status_code in _REDIRECTS_WITH_LOCATION and "Location" in self.headers
        )

    @property
    def links(self) -> dict[str | None, dict[str, str]]:
        """The links of the ``Link`` field, by relation, or else by URL."""
        return {
            link.get("rel") or link.get("url"): link
            for link in parsed_links(self.headers.get("link", ""))
        }

    @property
    def charset_encoding(self) -> str | None:
        """The charset that ``Content-Type`` names, known to Python or not."""
        content_type = self.headers.get("Content-Type")
        return None if content_type is None else charset_of(content_type)

    def _status_error_text(self, request: Request) -> str:
        kind = _STATUS_CLASSES.get(self.status_code // 100, "Invalid status code")
        status = f"{self.status_code} {_quotable(self.reason_phrase)}"
        lines = [f"{kind} '{status}' for url '{masked_url(request.url)}'"]
        if self.has_redirect_location:
            location = _quotable(self.headers["location"])
            lines.append(f"Redirect location: '{location}'")
        lines.append(
            "For more information check: "
            f"https://developer.mozilla.org/en-US/docs/Web/HTTP/Status/{self.status_code}"
        )
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<Response [{self.status_code} {_quotable(self.reason_phrase)}]>"


def _are_bytes(fields: list[tuple[bytes, bytes]]) -> bool:
    # Somebody's own transport may give text.
    for name, value in fields:
        if type(name) is not bytes or type(value) is not bytes:
            return False
    return True


def _quotable(text: str) -> str:
    """A peer's words, short and without what would break a line or a terminal."""
    text = text[:_MAX_PEER_CHARS]
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else f"\\x{ord(char):02x}" for char in text
    )
