"""What both clients share: settings, their merging, and the policy they apply.

Nothing here waits for anything; sending is the business of ``_async/client.py`` and
its generated twin.
"""

from __future__ import annotations

import enum
import sys
import warnings
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict

from .. import __version__
from .._body.decode import supported_codings
from .._body.streams import is_sync_stream
from .._config import DEFAULT_MAX_REDIRECTS, DEFAULT_TIMEOUT_CONFIG, Timeout
from .._cookies import Cookies
from .._flow.auth import Auth, parse_auth, url_auth
from .._flow.redirects import (
    redirect_extensions,
    redirect_headers,
    redirect_method,
    redirect_url,
)
from .._headers import Headers
from .._messages.request import Request
from .._url import URL, QueryParams

if TYPE_CHECKING:
    import ssl

    from .._body.streams import AsyncByteStream, SyncByteStream
    from .._config import Limits
    from .._messages.response import Response
    from .._types import (
        AuthTypes,
        CertTypes,
        CookieTypes,
        HeaderTypes,
        QueryParamTypes,
        RequestContent,
        RequestData,
        RequestExtensions,
        RequestFiles,
        TimeoutTypes,
    )

__all__ = [
    "OPENED",
    "USE_CLIENT_DEFAULT",
    "BaseClient",
    "ClientState",
    "TransportSettings",
    "UseClientDefault",
]

# Hooks may be coroutine functions on one client and plain ones on the other.
EventHook: TypeAlias = Callable[..., Any]

USER_AGENT = f"python-mooring/{__version__}"
ACCEPT_ENCODING = ", ".join(supported_codings())


class UseClientDefault:
    """Type of ``USE_CLIENT_DEFAULT``: an argument that was left out.

    It differs from ``None``, which switches a setting of the client off for one
    request: ``client.get(url, timeout=None)`` waits for ever.
    """

    def __repr__(self) -> str:
        return "USE_CLIENT_DEFAULT"


USE_CLIENT_DEFAULT = UseClientDefault()


class TransportSettings(TypedDict):
    """What a client tells each transport that it makes."""

    verify: ssl.SSLContext | str | bool
    cert: CertTypes | None
    trust_env: bool
    http1: bool
    http2: bool
    limits: Limits


class ClientState(enum.Enum):
    """Where a client is in its life."""

    UNOPENED = 1
    OPENED = 2
    CLOSED = 3


# Bound once: looking up a member of an enum is slow, and every request asks.
OPENED = ClientState.OPENED


class BaseClient:
    """Settings of a client and how a request's own settings are merged in."""

    # Until __init__ is through there is nothing to close and nothing to send with;
    # subclasses ask is_closed in __del__ even then.
    _state = ClientState.CLOSED

    def __init__(
        self,
        *,
        auth: AuthTypes | None = None,
        params: QueryParamTypes | None = None,
        headers: HeaderTypes | None = None,
        cookies: CookieTypes | None = None,
        timeout: TimeoutTypes = DEFAULT_TIMEOUT_CONFIG,
        follow_redirects: bool = False,
        max_redirects: int = DEFAULT_MAX_REDIRECTS,
        event_hooks: Mapping[str, list[EventHook]] | None = None,
        base_url: URL | str = "",
        trust_env: bool = True,
        default_encoding: str | Callable[[bytes], str | None] = "utf-8",
    ) -> None:
        self._base_url = self._enforce_trailing_slash(URL(base_url))
        self._auth = self._build_auth(auth)
        self._params = QueryParams(params)
        self.headers = Headers(headers)
        self._cookies = Cookies(cookies)
        self._timeout = Timeout(timeout)
        self.follow_redirects = follow_redirects
        self.max_redirects = max_redirects
        self._event_hooks = _copied_hooks(event_hooks or {})
        self._trust_env = trust_env
        self._default_encoding = default_encoding

    @property
    def is_closed(self) -> bool:
        """Whether the client has been closed, which is for good."""
        return self._state is ClientState.CLOSED

    @property
    def trust_env(self) -> bool:
        """Whether settings are taken from environment variables."""
        return self._trust_env

    @property
    def timeout(self) -> Timeout:
        """Time limits of requests that bring none of their own."""
        return self._timeout

    @timeout.setter
    def timeout(self, timeout: TimeoutTypes) -> None:
        self._timeout = Timeout(timeout)

    @property
    def event_hooks(self) -> dict[str, list[EventHook]]:
        """Functions called with every ``"request"`` and every ``"response"``."""
        return self._event_hooks

    @event_hooks.setter
    def event_hooks(self, event_hooks: Mapping[str, list[EventHook]]) -> None:
        self._event_hooks = _copied_hooks(event_hooks)

    @property
    def auth(self) -> Auth | None:
        """Authentication of requests that bring none of their own."""
        return self._auth

    @auth.setter
    def auth(self, auth: AuthTypes | None) -> None:
        self._auth = self._build_auth(auth)

    @property
    def base_url(self) -> URL:
        """What relative URLs are appended to; it always ends in a slash."""
        return self._base_url

    @base_url.setter
    def base_url(self, url: URL | str) -> None:
        self._base_url = self._enforce_trailing_slash(URL(url))

    @property
    def headers(self) -> Headers:
        """Header fields sent with every request."""
        return self._headers

    @headers.setter
    def headers(self, headers: HeaderTypes | None) -> None:
        merged = Headers(
            {
                "Accept": "*/*",
                "Accept-Encoding": ACCEPT_ENCODING,
                "Connection": "keep-alive",
                "User-Agent": USER_AGENT,
            }
        )
        merged.update(headers)
        self._headers = merged

    @property
    def cookies(self) -> Cookies:
        """The jar: filled by responses, emptied into requests they are meant for."""
        return self._cookies

    @cookies.setter
    def cookies(self, cookies: CookieTypes | None) -> None:
        self._cookies = Cookies(cookies)

    @property
    def params(self) -> QueryParams:
        """Query parameters added to every URL."""
        return self._params

    @params.setter
    def params(self, params: QueryParamTypes | None) -> None:
        self._params = QueryParams(params)

    def build_request(
        self,
        method: str,
        url: URL | str,
        *,
        content: RequestContent | None = None,
        data: RequestData | None = None,
        files: RequestFiles | None = None,
        json: object = None,
        params: QueryParamTypes | None = None,
        headers: HeaderTypes | None = None,
        cookies: CookieTypes | None = None,
        timeout: TimeoutTypes | UseClientDefault = USE_CLIENT_DEFAULT,
        extensions: RequestExtensions | None = None,
    ) -> Request:
        """Build a request without sending it.

        *url* is appended to ``base_url`` if it is relative; *params*, *headers* and
        *cookies* are merged with the client's. Send it with ``send``::

            request = client.build_request("GET", "/users", params={"page": 2})
            response = client.send(request)

        Raises:
            InvalidURL: *url* cannot be parsed.
            TypeError: The body arguments contradict each other.
        """
        if extensions is None:
            extensions = {"timeout": self._timeout_dict(timeout)}
        elif "timeout" not in extensions:
            extensions = {**extensions, "timeout": self._timeout_dict(timeout)}
        request = Request(
            method,
            self._merge_url(url),
            content=content,
            data=data,
            files=files,
            json=json,
            params=self._merge_queryparams(params),
            headers=self._merge_headers(headers),
            extensions=extensions,
        )
        # Not by Request(cookies=), which copies whatever it is given.
        jar = self._merge_cookies(cookies)
        if jar:
            jar.set_cookie_header(request)
        return request

    def _enforce_trailing_slash(self, url: URL) -> URL:
        if url.raw_path.endswith(b"/"):
            return url
        return url.copy_with(raw_path=url.raw_path + b"/")

    def _merge_url(self, url: URL | str) -> URL:
        merged = url if type(url) is URL else URL(url)
        reference = merged._uri_reference
        if reference.scheme and reference.host:
            return merged
        # "/users" and "users" both go below the base, unlike in RFC 3986.
        base = self._base_url
        return base.copy_with(raw_path=base.raw_path + merged.raw_path.lstrip(b"/"))

    def _merge_headers(self, headers: HeaderTypes | None = None) -> Headers:
        merged = self._headers.copy()
        if headers:
            merged.update(headers)
        return merged

    def _merge_cookies(self, cookies: CookieTypes | None = None) -> Cookies:
        if not cookies:
            return self._cookies
        merged = Cookies(self._cookies)
        merged.update(cookies)
        return merged

    def _merge_queryparams(
        self, params: QueryParamTypes | None = None
    ) -> QueryParamTypes | None:
        return self._params.merge(params) if self._params else params

    def _timeout_dict(
        self, timeout: TimeoutTypes | UseClientDefault
    ) -> dict[str, float | None]:
        if isinstance(timeout, UseClientDefault):
            return self._timeout.as_dict()
        return Timeout(timeout).as_dict()

    def _set_timeout(self, request: Request) -> None:
        request.extensions = {
            **request.extensions,
            "timeout": self._timeout.as_dict(),
        }

    def _build_auth(self, auth: AuthTypes | None) -> Auth | None:
        return parse_auth(auth)

    def _build_request_auth(
        self,
        request: Request,
        auth: AuthTypes | UseClientDefault | None = USE_CLIENT_DEFAULT,
    ) -> Auth | None:
        chosen = (
            self._auth if isinstance(auth, UseClientDefault) else self._build_auth(auth)
        )
        if chosen is None and request.url._uri_reference.userinfo:
            return url_auth(request.url)
        return chosen

    def _build_redirect_request(self, request: Request, response: Response) -> Request:
        method = self._redirect_method(request, response)
        url = self._redirect_url(request, response)
        follower = Request(
            method=method,
            url=url,
            headers=self._redirect_headers(request, url, method),
            stream=self._redirect_stream(request, method),
            extensions=redirect_extensions(
                request.extensions,
                same_origin=request.url._pool_key == url._pool_key,
            ),
        )
        if self._cookies:
            self._cookies.set_cookie_header(follower)
        return follower

    def _redirect_method(self, request: Request, response: Response) -> str:
        return redirect_method(request.method, response.status_code)

    def _redirect_url(self, request: Request, response: Response) -> URL:
        return redirect_url(request, response)

    def _redirect_headers(self, request: Request, url: URL, method: str) -> Headers:
        return redirect_headers(request, url, method)

    def _redirect_stream(
        self, request: Request, method: str
    ) -> SyncByteStream | AsyncByteStream | None:
        if method != request.method and method == "GET":
            return None
        return request.stream

    def _adopt_response(
        self, response: Response, request: Request, started: float
    ) -> None:
        """Tell *response* what the client knows, and take its cookies."""
        response._request = request
        response.default_encoding = self._default_encoding
        response._elapsed_start = started
        response._clock = perf_counter
        if response.is_closed:
            response._stop_watch()
        if not response._is_plain() and "set-cookie" in response.headers:
            self._cookies.extract_cookies(response)

    def _mark_opened(self) -> None:
        """Note that a request is about to be sent.

        Raises:
            RuntimeError: The client has been closed.
        """
        if self._state is ClientState.CLOSED:
            raise RuntimeError("Cannot send a request, as the client has been closed.")
        self._state = ClientState.OPENED

    def _mark_entered(self) -> None:
        """Note that the client's context was entered.

        Raises:
            RuntimeError: It was before, or the client is in use or closed.
        """
        if self._state is ClientState.OPENED:
            raise RuntimeError("Cannot open a client instance more than once.")
        if self._state is ClientState.CLOSED:
            raise RuntimeError(
                "Cannot reopen a client instance, once it has been closed."
            )
        self._state = ClientState.OPENED


def keep_drained_body(response: Response, body: bytes) -> None:
    """Let *body*, which was drained from *response*, be its content.

    Content that is encoded stays unread: a redirect is no reason to unpack
    whatever a server packed (CVE-2026-21441 of urllib3).
    """
    if "content-encoding" not in response.headers:
        response._content = body


def wrong_request_body(request: Request) -> RuntimeError:
    """Return the error for a request whose body only the other client can read."""
    if is_sync_stream(request.stream):
        error = RuntimeError(
            "Attempted to send a sync request with an AsyncClient instance."
        )
        error.add_note("give content= an asynchronous iterator, or bytes")
        return error
    error = RuntimeError(
        "Attempted to send an async request with a sync Client instance."
    )
    error.add_note("give content= an iterator or bytes, or use mooring.AsyncClient")
    return error


def wrong_response_body(response: Response, transport: object) -> TypeError:
    """Return the error for a response whose body only the other client can read."""
    colour = "synchronous" if is_sync_stream(response.stream) else "asynchronous"
    return TypeError(
        f"{type(transport).__name__} returned a response with a stream that is"
        f" {colour} only"
    )


def warn_of_request_cookies() -> None:
    """Warn, where mooring was called from, of ``cookies=`` on a single request."""
    depth = 1
    frame = sys._getframe()
    while frame.f_back and frame.f_globals.get("__name__", "").startswith("mooring."):
        frame = frame.f_back
        depth += 1
    warnings.warn(
        "Setting per-request cookies=<...> is being deprecated, because it is not"
        " clear whether such cookies persist. Set cookies on the client instead.",
        DeprecationWarning,
        stacklevel=depth,
    )


def _copied_hooks(
    event_hooks: Mapping[str, list[EventHook]],
) -> dict[str, list[EventHook]]:
    return {
        "request": list(event_hooks.get("request", [])),
        "response": list(event_hooks.get("response", [])),
    }
