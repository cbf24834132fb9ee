"""Authentication: generators that see a request off and its response come back.

A scheme yields the requests it wants sent and is sent their responses; the client
does the sending. What needs chance, a lock or a file is in ``_client/schemes.py``.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncGenerator, Callable, Generator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .._messages.request import Request
    from .._messages.response import Response
    from .._types import AuthTypes
    from .._url import URL

__all__ = ["Auth", "BasicAuth", "FunctionAuth", "parse_auth", "url_auth"]


class Auth:
    """Base class of authentication schemes.

    Override ``auth_flow`` when the scheme only computes. A scheme that waits for
    something itself (a lock, a token file) overrides ``sync_auth_flow`` and
    ``async_auth_flow`` instead. Example::

        class TokenAuth(mooring.Auth):
            def __init__(self, token):
                self.token = token

            def auth_flow(self, request):
                request.headers["Authorization"] = f"Bearer {self.token}"
                response = yield request
                if response.status_code == 401:
                    self.token = renew()
                    request.headers["Authorization"] = f"Bearer {self.token}"
                    yield request

    The flow runs once per hop of a redirect chain, for as long as the chain stays
    where the credentials belong (see ``_flow/redirects.py``).

    Attributes:
        requires_request_body: Have the request's body read before the flow starts.
        requires_response_body: Have each response's body read before the flow
            sees it.
    """

    requires_request_body = False
    requires_response_body = False

    def auth_flow(self, request: Request) -> Generator[Request, Response, None]:
        """Yield requests to send; each ``yield`` gives the response to it.

        Ending the generator hands the last response to the caller.
        """
        yield request

    def sync_auth_flow(self, request: Request) -> Generator[Request, Response, None]:
        """Run ``auth_flow`` for a ``Client``, reading bodies it asked for."""
        if self.requires_request_body:
            request.read()
        flow = self.auth_flow(request)
        try:
            request = next(flow)
            while True:
                response = yield request
                if self.requires_response_body:
                    response.read()
                request = flow.send(response)
        except StopIteration:
            return
        finally:
            flow.close()

    async def async_auth_flow(
        self, request: Request
    ) -> AsyncGenerator[Request, Response]:
        """Run ``auth_flow`` for an ``AsyncClient``, reading bodies it asked for."""
        if self.requires_request_body:
            await request.aread()
        flow = self.auth_flow(request)
        try:
            request = next(flow)
            while True:
                response = yield request
                if self.requires_response_body:
                    await response.aread()
                request = flow.send(response)
        except StopIteration:
            return
        finally:
            flow.close()


class FunctionAuth(Auth):
    """Authenticate with a function that takes a request and returns one.

    ``auth=function`` does the same.
    """

    def __init__(self, func: Callable[[Request], Request]) -> None:
        self._func = func

    def auth_flow(self, request: Request) -> Generator[Request, Response, None]:
        """Yield what the function makes of *request*."""
        yield self._func(request)


class BasicAuth(Auth):
    """Send user name and password with every request, as UTF-8 (RFC 7617).

    ``auth=("user", "secret")`` does the same.

    Raises:
        ValueError: A colon in the user name, where the password would begin.
    """

    def __init__(self, username: str | bytes, password: str | bytes) -> None:
        self._auth_header = _basic_credentials(username, password)

    def auth_flow(self, request: Request) -> Generator[Request, Response, None]:
        """Yield *request* with its ``Authorization`` field set."""
        request.headers["Authorization"] = self._auth_header
        yield request


def parse_auth(auth: AuthTypes | None) -> Auth | None:
    """Turn what ``auth=`` accepts into an ``Auth``.

    Raises:
        TypeError: *auth* is none of the things accepted.
    """
    if auth is None or isinstance(auth, Auth):
        return auth
    if isinstance(auth, tuple):
        return BasicAuth(username=auth[0], password=auth[1])
    if callable(auth):
        return FunctionAuth(auth)
    # The value itself may be a secret, so only its type is named.
    raise TypeError(
        f"Invalid \"auth\" argument of type '{type(auth).__name__}': expected a"
        " (username, password) tuple, a function of the request or an Auth"
    )


def url_auth(url: URL) -> Auth | None:
    """Return the Basic credentials *url* carries, if it does."""
    if not url.userinfo:
        return None
    username, password = url.username, url.password
    return BasicAuth(username, password) if username or password else None


def _basic_credentials(username: str | bytes, password: str | bytes) -> str:
    pair = [
        part.encode("utf-8") if isinstance(part, str) else part
        for part in (username, password)
    ]
    if b":" in pair[0]:
        raise ValueError(
            "a user name with a colon in it cannot be sent with Basic authentication"
        )
    return f"Basic {b64encode(b':'.join(pair)).decode('ascii')}"
