"""The head of a response: what can be said before any of the body is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._body.text import charset_of
from .._headers import Headers
from .._status import codes
from .links import parsed_links
from .request import masked_url

if TYPE_CHECKING:
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


class ResponseHead:
    """The questions about a response that its status and header fields answer."""

    status_code: int
    extensions: dict[str, object]
    # Fields as they came over the wire stay a list until somebody looks at them.
    _wire_fields: list[tuple[bytes, bytes]] | None = None
    _all_names: bytes | None = None
    _headers: Headers | None = None

    @property
    def headers(self) -> Headers:
        """The header fields."""
        headers = self._headers
        if headers is None:
            fields = self._wire_fields or []
            plain = all(type(part) is bytes for field in fields for part in field)
            headers = Headers._adopt(fields) if plain else Headers(fields)
            self._headers, self._wire_fields = headers, None
            self._all_names = None
        return headers

    @headers.setter
    def headers(self, headers: HeaderTypes) -> None:
        self._wire_fields = self._all_names = None
        self._headers = headers if isinstance(headers, Headers) else Headers(headers)

    def _content_codings(self) -> list[str]:
        if not self._may_have(b"content-encoding"):
            return []
        return self.headers.get_list("content-encoding", split_commas=True)

    def _may_have(self, lower_name: bytes) -> bool:
        """Say False only if there is no field of that name.

        Most responses have neither cookies nor a coding, and making all names
        comparable would be the dearest part of reading one.
        """
        names = self._all_names
        if names is None:
            fields = self._wire_fields
            if fields is None:
                return True
            try:
                names = b"\n".join([name for name, _ in fields]).lower()
            except TypeError:  # given as text by somebody's own transport
                return True
            self._all_names = names
        return lower_name in names

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


def _quotable(text: str) -> str:
    """A peer's words, short and without what would break a line or a terminal."""
    text = text[:_MAX_PEER_CHARS]
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else f"\\x{ord(char):02x}" for char in text
    )
