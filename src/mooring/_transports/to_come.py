"""Stands where a proxy of the environment is to be used, until we can use one."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from mooring._errors import ProxyError
from mooring._transports.base import AsyncBaseTransport, BaseTransport

if TYPE_CHECKING:
    from mooring._config import Proxy
    from mooring._messages.request import Request

__all__ = ["ProxyToCome"]


class ProxyToCome(AsyncBaseTransport, BaseTransport):
    """Refuses requests, rather than to send them past the proxy."""

    def __init__(self, proxy: Proxy, variable: str) -> None:
        self._proxy = proxy
        self._variable = variable

    def handle_request(self, request: Request) -> NoReturn:
        """Raise ``ProxyError``."""
        raise self._refusal(request)

    async def handle_async_request(self, request: Request) -> NoReturn:
        """Raise ``ProxyError``."""
        raise self._refusal(request)

    def _refusal(self, request: Request) -> ProxyError:
        host = request.url.host
        # The URL of a Proxy has no credentials left in it.
        error = ProxyError(
            f"{request.url.scheme}://{host} is to be reached through the proxy"
            f" {self._proxy.url} ({self._variable}), and this version of mooring"
            " cannot use proxies yet",
            request=request,
        )
        error.add_note(
            f"NO_PROXY={host} or Client(trust_env=False) has it reached directly"
        )
        return error
