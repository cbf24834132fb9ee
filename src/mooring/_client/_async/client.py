"""The client: sends what it is asked to, through redirects and authentication."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Self, cast

from ..._body.streams import is_async_stream
from ..._config import (
    DEFAULT_LIMITS,
    DEFAULT_MAX_REDIRECTS,
    DEFAULT_TIMEOUT_CONFIG,
    Limits,
)
from ..._errors import RequestError
from ..._flow.flow import DRAIN_MAX_BYTES, redirect_flow
from ..._flow.mounts import URLPattern, arrange_mounts
from ..base import (
    OPENED,
    USE_CLIENT_DEFAULT,
    BaseClient,
    ClientState,
    EventHook,
    TransportSettings,
    UseClientDefault,
    keep_drained_body,
    warn_of_request_cookies,
    wrong_request_body,
    wrong_response_body,
)
from ..environment import environment_proxies
from ..log import is_logged, log_exchange
from .sse import AsyncServerSentEvents
from .verbs import AsyncVerbs
from .websocket import AsyncWebSockets

if TYPE_CHECKING:
    import ssl
    from types import TracebackType

    from ..._config import Proxy
    from ..._flow.auth import Auth
    from ..._messages.request import Request
    from ..._messages.response import Response
    from ..._pool.events import PoolEvent
    from ..._transports._async.http import AsyncHTTPTransport
    from ..._transports._async.view import AsyncClientPool
    from ..._transports.base import AsyncBaseTransport
    from ..._types import (
        AuthTypes,
        CertTypes,
        CookieTypes,
        HeaderTypes,
        ProxyTypes,
        QueryParamTypes,
        RequestContent,
        RequestData,
        RequestExtensions,
        RequestFiles,
        TimeoutTypes,
    )
    from ..._url import URL

__all__ = ["AsyncClient"]


class AsyncClient(AsyncVerbs, AsyncServerSentEvents, AsyncWebSockets, BaseClient):
    """Send requests over connections that are kept and shared.

    Keep one client for as long as you talk to the same servers; every client has a
    pool of its own. Close it with ``aclose()`` or use it as a context manager::

        async with mooring.AsyncClient(base_url="https://api.example.org") as client:
            response = await client.get("/users", params={"page": 2})
            response.raise_for_status()

    Args:
        auth: Credentials: ``(username, password)``, a function or an ``Auth``.
        params: Query parameters added to every URL.
        headers: Header fields sent with every request.
        cookies: Cookies the jar starts with.
        verify: Check certificates against the platform's trust store (``True``), not
            at all (``False``), or as an ``ssl.SSLContext`` says.
        cert: Client certificate: a path, or ``(certificate, key[, password])``.
        http1: Speak HTTP/1.1.
        http2: Speak HTTP/2 where the server does.
        proxy: Proxy all requests go through.
        mounts: Transports for URL patterns, ``{"http://": ..., "all://*.test": ...}``.
        timeout: Seconds to wait, at most, for each of connecting, reading, writing
            and a free connection; or a ``Timeout`` with a figure for each.
        follow_redirects: Follow redirects.
        limits: How many connections to open and to keep, and for how long.
        max_redirects: How many redirects to follow before giving up.
        event_hooks: Functions to call: ``{"request": [...], "response": [...]}``.
        base_url: URL that relative ones are appended to.
        transport: Where to send requests instead of the network.
        trust_env: Take settings from environment variables.
        default_encoding: Charset of text that names none, or a function that detects
            it from the body.
        on_event: Called with every event of the pool, see ``mooring.PoolEvent``.
        debug: Remember where each request is made, for reports of the pool. ``None``
            asks the environment variable ``MOORING_DEBUG``.

    Raises:
        InvalidURL: *base_url* cannot be parsed.
        ValueError: A setting is out of range or not available.
    """

    _is_draining = False
    _transport: AsyncBaseTransport
    _mounts: dict[URLPattern, AsyncBaseTransport | None]

    def __init__(
        self,
        *,
        auth: AuthTypes | None = None,
        params: QueryParamTypes | None = None,
        headers: HeaderTypes | None = None,
        cookies: CookieTypes | None = None,
        verify: ssl.SSLContext | str | bool = True,
        cert: CertTypes | None = None,
        http1: bool = True,
        http2: bool = False,
        proxy: ProxyTypes | None = None,
        mounts: Mapping[str, AsyncBaseTransport | None] | None = None,
        timeout: TimeoutTypes = DEFAULT_TIMEOUT_CONFIG,
        follow_redirects: bool = False,
        limits: Limits = DEFAULT_LIMITS,
        max_redirects: int = DEFAULT_MAX_REDIRECTS,
        event_hooks: Mapping[str, list[EventHook]] | None = None,
        base_url: URL | str = "",
        transport: AsyncBaseTransport | None = None,
        trust_env: bool = True,
        default_encoding: str | Callable[[bytes], str | None] = "utf-8",
        on_event: Callable[[PoolEvent], object] | None = None,
        debug: bool | None = None,
    ) -> None:
        super().__init__(
            auth=auth,
            params=params,
            headers=headers,
            cookies=cookies,
            timeout=timeout,
            follow_redirects=follow_redirects,
            max_redirects=max_redirects,
            event_hooks=event_hooks,
            base_url=base_url,
            trust_env=trust_env,
            default_encoding=default_encoding,
        )
        if proxy is not None:
            from ..._transports.settings import proxies_are_to_come

            raise proxies_are_to_come()
        # Not given to _init_transport: those who override it take httpx's arguments.
        self._on_event = on_event
        self._debug = debug
        settings: TransportSettings = {
            "verify": verify,
            "cert": cert,
            "trust_env": trust_env,
            "http1": http1,
            "http2": http2,
            "limits": limits,
        }
        self._transport = self._init_transport(**settings, transport=transport)
        self._mounts = arrange_mounts(
            mounts or {},
            environment_proxies() if trust_env and transport is None else {},
            lambda found: self._init_proxy_transport(found, **settings),
        )
        self._state = ClientState.UNOPENED

    def _init_transport(
        self,
        verify: ssl.SSLContext | str | bool = True,
        cert: CertTypes | None = None,
        trust_env: bool = True,
        http1: bool = True,
        http2: bool = False,
        limits: Limits = DEFAULT_LIMITS,
        transport: AsyncBaseTransport | None = None,
    ) -> AsyncBaseTransport:
        if transport is not None:
            return transport
        # Not at the top: it imports ssl, which "import mooring" must not.
        from ..._transports._async.http import AsyncHTTPTransport

        return AsyncHTTPTransport(
            verify=verify,
            cert=cert,
            trust_env=trust_env,
            http1=http1,
            http2=http2,
            limits=limits,
            on_event=self._on_event,
            debug=self._debug,
        )

    def _init_proxy_transport(
        self,
        proxy: Proxy,
        verify: ssl.SSLContext | str | bool = True,
        cert: CertTypes | None = None,
        trust_env: bool = True,
        http1: bool = True,
        http2: bool = False,
        limits: Limits = DEFAULT_LIMITS,
    ) -> AsyncBaseTransport:
        from ..._transports.to_come import ProxyToCome  # most need no proxy

        return ProxyToCome(proxy, getattr(proxy, "variable", "proxy="))

    @property
    def pool(self) -> AsyncClientPool:
        """The connection pool: counts, who holds what, limits, warm-up.

        See :class:`mooring.AsyncClientPool`. Raises ``RuntimeError`` if the client's
        transport is one without a pool, such as ``MockTransport``.
        """
        pool: AsyncClientPool | None = getattr(self._transport, "pool", None)
        if pool is None:
            name = type(self._transport).__name__
            raise RuntimeError(f"this client sends through {name}, which has no pool")
        return pool

    def _transport_for_url(self, url: URL) -> AsyncBaseTransport:
        if self._mounts:
            for pattern, transport in self._mounts.items():
                if pattern.matches(url):
                    return self._transport if transport is None else transport
        return self._transport

    async def request(
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
        auth: AuthTypes | UseClientDefault | None = USE_CLIENT_DEFAULT,
        follow_redirects: bool | UseClientDefault = USE_CLIENT_DEFAULT,
        timeout: TimeoutTypes | UseClientDefault = USE_CLIENT_DEFAULT,
        extensions: RequestExtensions | None = None,
    ) -> Response:
        """Build a request, send it and read its response.

        Arguments that are left out take the client's settings; ``None`` switches a
        setting off::

            response = await client.request("GET", "https://example.org", timeout=10)

        Args:
            method: ``"GET"``, ``"POST"`` or whatever the server understands.
            url: Absolute, or relative to the client's ``base_url``.
            content: Body as text, bytes or an iterator of bytes.
            data: Body as form fields.
            files: Files to upload, as a multipart form.
            json: Body as anything ``json`` can encode.
            params: Query parameters, merged with the client's.
            headers: Header fields, merged with the client's.
            cookies: Cookies, merged with the client's. Deprecated.
            auth: Credentials, as for the client.
            follow_redirects: Follow redirects.
            timeout: Seconds, or a ``Timeout``.
            extensions: Values for the transport, ``{"trace": ...}`` for example.

        Raises:
            RequestError: No usable response came back.
            InvalidURL: *url* cannot be parsed.
            RuntimeError: The client has been closed.
        """
        if cookies is not None:
            warn_of_request_cookies()
        request = self.build_request(
            method=method,
            url=url,
            content=content,
            data=data,
            files=files,
            json=json,
            params=params,
            headers=headers,
            cookies=cookies,
            timeout=timeout,
            extensions=extensions,
        )
        return await self.send(request, auth=auth, follow_redirects=follow_redirects)

    @asynccontextmanager
    async def stream(
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
        auth: AuthTypes | UseClientDefault | None = USE_CLIENT_DEFAULT,
        follow_redirects: bool | UseClientDefault = USE_CLIENT_DEFAULT,
        timeout: TimeoutTypes | UseClientDefault = USE_CLIENT_DEFAULT,
        extensions: RequestExtensions | None = None,
    ) -> AsyncIterator[Response]:
        """Send a request and leave the response's body for the caller to read.

        The response is closed on leaving the context. Arguments as for ``request``::

            async with client.stream("GET", "https://example.org/big") as response:
                async for chunk in response.aiter_bytes():
                    ...
        """
        request = self.build_request(
            method=method,
            url=url,
            content=content,
            data=data,
            files=files,
            json=json,
            params=params,
            headers=headers,
            cookies=cookies,
            timeout=timeout,
            extensions=extensions,
        )
        response = await self.send(
            request, auth=auth, follow_redirects=follow_redirects, stream=True
        )
        try:
            yield response
        finally:
            await response.aclose()

    async def send(
        self,
        request: Request,
        *,
        stream: bool = False,
        auth: AuthTypes | UseClientDefault | None = USE_CLIENT_DEFAULT,
        follow_redirects: bool | UseClientDefault = USE_CLIENT_DEFAULT,
    ) -> Response:
        """Send *request* as it is; of the client's settings only those here apply.

        Args:
            request: What ``build_request`` made, or any ``Request``.
            stream: Leave the body unread; the caller must close the response.
            auth: Credentials, as for the client.
            follow_redirects: Follow redirects.

        Raises:
            RequestError: No usable response came back.
            RuntimeError: The client has been closed.
        """
        if self._state is not OPENED:
            self._mark_opened()
        if "timeout" not in request.extensions:
            self._set_timeout(request)
        if isinstance(follow_redirects, UseClientDefault):
            follow_redirects = self.follow_redirects

        request_auth = self._build_request_auth(request, auth)
        history: list[Response] = []
        if request_auth is None:
            response = await self._send_single_request(request)
        else:
            response = await self._send_authenticated(request, request_auth, history)
        if response.has_redirect_location:
            response = await self._send_redirects(
                request,
                response,
                auth=request_auth,
                follow_redirects=follow_redirects,
                history=history,
            )
        if stream:
            return response
        try:
            await response.aread()
        except BaseException:
            await response.aclose()
            raise
        return response

    async def _send_redirects(
        self,
        request: Request,
        response: Response,
        *,
        auth: Auth | None,
        follow_redirects: bool,
        history: list[Response],
    ) -> Response:
        """Carry on from *response*, a redirect, to the end of the chain."""
        flow = redirect_flow(
            request,
            successor=self._build_redirect_request,
            follow=follow_redirects,
            max_redirects=self.max_redirects,
            history=history,
        )
        next(flow)
        while True:
            try:
                hop = flow.send(response)
                await self._release(response)
            except StopIteration:
                return response
            except BaseException:
                await response.aclose()
                raise
            if auth is None or not hop.trusted:
                response = await self._send_single_request(hop.request)
            else:
                response = await self._send_authenticated(hop.request, auth, history)

    async def _send_authenticated(
        self, request: Request, auth: Auth, history: list[Response]
    ) -> Response:
        """Send what *auth* makes of *request*, as often as it wants to."""
        flow = auth.async_auth_flow(request)
        try:
            request = await anext(flow)
            while True:
                response = await self._send_single_request(request)
                response.history = list(history)
                try:
                    request = await flow.asend(response)
                    await self._release(response)
                except StopAsyncIteration:
                    return response
                except BaseException:
                    await response.aclose()
                    raise
                history.append(response)
        finally:
            await flow.aclose()

    async def _send_single_request(self, request: Request) -> Response:
        """Carry out one exchange, between the hooks for it."""
        hooks = self._event_hooks
        for hook in hooks["request"]:
            await hook(request)

        if not is_async_stream(request.stream):
            raise wrong_request_body(request)
        transport = self._transport_for_url(request.url)
        started = perf_counter()
        try:
            response = await transport.handle_async_request(request)
        except RequestError as exc:
            if exc._request is None:
                exc.request = request
            raise
        if not is_async_stream(response.stream):
            raise wrong_response_body(response, transport)
        try:
            self._adopt_response(response, request, started)
            if is_logged():
                log_exchange(response)
            for hook in hooks["response"]:
                await hook(response)
        except BaseException:
            await response.aclose()
            raise
        return response

    async def _release(self, response: Response) -> None:
        """Give the connection of *response* back; its body is nobody's answer.

        What is short is read, undecoded, so that the connection can be used again,
        and kept for those who look into ``history``.
        """
        if response.is_closed:
            return
        raw = response.aiter_raw()
        pieces: list[bytes] = []
        try:
            async for piece in raw:
                pieces.append(piece)
                if response.num_bytes_downloaded > DRAIN_MAX_BYTES:
                    return
            keep_drained_body(response, b"".join(pieces))
        finally:
            # A generator left half-way is finished at a time of its own choosing.
            if isinstance(raw, AsyncGenerator):
                await raw.aclose()
            await response.aclose()

    async def aclose(self, *, drain: float = 0.0) -> None:
        """Close the client and its transports. Closing twice is fine.

        No request is taken from now on, and those that wait for a connection fail at
        once. Those that have one are cut off::

            await client.aclose(drain=10)  # after they had ten seconds to finish

        Args:
            drain: Seconds that requests on their way may still take. Another
                ``aclose()`` ends the wait.
        """
        if self._state is ClientState.CLOSED:
            if self._is_draining:
                await _close_all(self._pooled_transports())
            return
        self._state = ClientState.CLOSED
        if drain > 0:
            self._is_draining = True
            await _drain_all(self._pooled_transports(), drain)
        await _close_all(self._transports())

    async def __aenter__(self) -> Self:
        self._mark_entered()
        for transport in self._transports():
            await transport.__aenter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        self._state = ClientState.CLOSED
        await _exit_all(self._transports(), exc_type, exc_value, traceback)

    def _pooled_transports(self) -> list[AsyncBaseTransport]:
        return [each for each in self._transports() if hasattr(each, "pool")]

    def _transports(self) -> list[AsyncBaseTransport]:
        """Return each transport once, however many patterns lead to it."""
        transports = [self._transport]
        for mounted in self._mounts.values():
            if mounted is not None and mounted not in transports:
                transports.append(mounted)
        return transports


async def _drain_all(transports: list[AsyncBaseTransport], seconds: float) -> None:
    """Let requests come to their end, for so long in all."""
    until = perf_counter() + seconds
    for transport in transports:
        left = max(0.0, until - perf_counter())
        await cast("AsyncHTTPTransport", transport).aclose(drain=left)


async def _close_all(transports: list[AsyncBaseTransport]) -> None:
    # Recursive so that the last one is closed even if the first one fails.
    if transports:
        try:
            await transports[0].aclose()
        finally:
            await _close_all(transports[1:])


async def _exit_all(
    transports: list[AsyncBaseTransport],
    exc_type: type[BaseException] | None,
    exc_value: BaseException | None,
    traceback: TracebackType | None,
) -> None:
    if transports:
        try:
            await transports[0].__aexit__(exc_type, exc_value, traceback)
        finally:
            await _exit_all(transports[1:], exc_type, exc_value, traceback)
