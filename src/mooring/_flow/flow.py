"""The one generator: which request comes next, and when the chain is done.

It yields hops and is sent the response to each. Authentication runs inside a hop,
driven by the client, because a scheme may bring its own asynchronous generator;
the generator here only says whether the credentials still belong there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .._body.streams import can_replay
from .._errors import RemoteProtocolError, TooManyRedirects
from .redirects import check_followable, keeps_credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from .._messages.request import Request
    from .._messages.response import Response

__all__ = ["DRAIN_MAX_BYTES", "Hop", "redirect_flow"]

# What is read of a body nobody asked for, to save its connection; the same figure
# as hostile-input testing of other clients settled on.
DRAIN_MAX_BYTES = 64 * 1024


class Hop(NamedTuple):
    """One request of a chain, and whether to authenticate it."""

    request: Request
    trusted: bool


def redirect_flow(
    request: Request,
    *,
    successor: Callable[[Request, Response], Request],
    follow: bool,
    max_redirects: int,
    history: list[Response],
) -> Generator[Hop, Response, Response]:
    """Yield each hop of the chain that starts with *request*; return its end.

    After each yield but the last the caller must release the response it sent in,
    before it sends the next request: with one connection allowed, that request
    would otherwise wait for ever.

    Args:
        successor: Makes the request that follows a redirect response.
        follow: Follow redirects; otherwise only note where the first one leads.
        max_redirects: How many to follow at most.
        history: Where responses that are not the last are put, oldest first.

    Raises:
        TooManyRedirects: The chain is longer than *max_redirects*.
        RemoteProtocolError: A Location is not usable.
        UnsupportedProtocol: A redirect leads away from http and https.
        StreamConsumed: A redirect asks for a body that has been used up.
    """
    trusted = True
    redirects = 0
    while True:
        response = yield Hop(request, trusted)
        response.history = list(history)
        if not response.has_redirect_location:
            return response

        sent = response.request
        if not follow:
            response.next_request = _successor_or_none(successor, sent, response)
            return response

        request = successor(sent, response)
        check_followable(sent, request, replayable=can_replay(request.stream))
        if redirects == max_redirects:
            raise TooManyRedirects(
                f"Exceeded maximum allowed redirects: {sent.url.host} answered with"
                f" one more than max_redirects={max_redirects}",
                request=request,
            )
        redirects += 1
        trusted = trusted and keeps_credentials(sent.url, request.url)
        history.append(response)


def _successor_or_none(
    successor: Callable[[Request, Response], Request],
    request: Request,
    response: Response,
) -> Request | None:
    # A caller who does not follow redirects has no quarrel with a bad Location.
    try:
        return successor(request, response)
    except RemoteProtocolError:
        return None
