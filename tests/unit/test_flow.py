"""The redirect generator: hops, limits, history, trust."""

from __future__ import annotations

from collections.abc import Generator

import pytest

import mooring
from mooring._flow.flow import Hop, redirect_flow
from mooring._flow.redirects import redirect_headers, redirect_method, redirect_url

Flow = Generator[Hop, mooring.Response, mooring.Response]

A = mooring.URL("https://a.test/")


def successor(request: mooring.Request, response: mooring.Response) -> mooring.Request:
    method = redirect_method(request.method, response.status_code)
    url = redirect_url(request, response)
    return mooring.Request(
        method,
        url,
        headers=redirect_headers(request, url, method),
        stream=request.stream if method == request.method else None,
    )


def a_flow(
    url: str = str(A),
    *,
    history: list[mooring.Response] | None = None,
    follow: bool = True,
    max_redirects: int = 20,
    request: mooring.Request | None = None,
) -> Flow:
    return redirect_flow(
        request or mooring.Request("GET", url),
        successor=successor,
        follow=follow,
        max_redirects=max_redirects,
        history=[] if history is None else history,
    )


def redirect(hop: Hop, location: str, status_code: int = 302) -> mooring.Response:
    return mooring.Response(
        status_code, headers={"Location": location}, request=hop.request
    )


def end_of(flow: Flow, response: mooring.Response) -> mooring.Response:
    with pytest.raises(StopIteration) as end:
        flow.send(response)
    return end.value.value  # type: ignore[no-any-return]


def test_chain_of_one() -> None:
    """An answer that is no redirect ends the chain."""
    flow = a_flow()
    hop = next(flow)
    response = mooring.Response(200, request=hop.request)

    assert hop.trusted
    assert end_of(flow, response) is response
    assert [] == response.history


def test_redirect_without_location_is_an_answer() -> None:
    """A 302 that leads nowhere is returned."""
    flow = a_flow()
    response = mooring.Response(302, request=next(flow).request)

    assert end_of(flow, response) is response


def test_history() -> None:
    """Every response knows those before it, oldest first."""
    flow = a_flow()
    first = redirect(next(flow), "/2")
    second = redirect(flow.send(first), "/3")
    last = mooring.Response(200, request=flow.send(second).request)

    assert end_of(flow, last) is last
    assert [] == first.history
    assert [first] == second.history
    assert [first, second] == last.history


def test_not_following() -> None:
    """The first redirect is returned, and says what would come next."""
    flow = a_flow(follow=False)
    response = redirect(next(flow), "/2")

    assert end_of(flow, response) is response
    assert response.next_request is not None
    assert "https://a.test/2" == str(response.next_request.url)


def test_not_following_a_bad_location() -> None:
    """Whoever does not follow redirects may have them malformed."""
    flow = a_flow(follow=False)
    response = redirect(next(flow), "https://a.test:x/")

    assert end_of(flow, response) is response
    assert response.next_request is None


@pytest.mark.parametrize("limit", [0, 1, 20])
def test_too_many_redirects(limit: int) -> None:
    """One redirect more than allowed is refused, and the limit is named."""
    flow = a_flow(max_redirects=limit)
    hop = next(flow)
    for number in range(limit):
        hop = flow.send(redirect(hop, f"/{number}"))

    text = f"max_redirects={limit}$"
    with pytest.raises(mooring.TooManyRedirects, match=text) as caught:
        flow.send(redirect(hop, "/more"))

    assert "https://a.test/more" == str(caught.value.request.url)


def test_trust_is_not_restored() -> None:
    """Once off the origin, coming back does not bring credentials back."""
    flow = a_flow()
    here = next(flow)
    there = flow.send(redirect(here, "https://b.test/"))
    back = flow.send(redirect(there, "https://a.test/2"))

    assert [True, False, False] == [here.trusted, there.trusted, back.trusted]


def test_shed_headers_are_not_restored() -> None:
    """a -> b/1 -> b/2 -> a/2 sends Authorization once (Go CVE-2024-45336)."""
    request = mooring.Request("GET", A, headers={"authorization": "Bearer secret"})
    flow = a_flow(request=request)
    hop = next(flow)

    for location in ("https://b.test/1", "https://b.test/2", "https://a.test/2"):
        hop = flow.send(redirect(hop, location))
        assert "Authorization" not in hop.request.headers


def test_post_becomes_get_without_body() -> None:
    """303 drops the body with the fields that describe it."""
    request = mooring.Request("POST", A, json={"a": 1})
    flow = a_flow(request=request)

    follower = flow.send(redirect(next(flow), "/2", 303)).request

    assert "GET" == follower.method
    assert b"" == follower.read()
    assert ["Host"] == [name.decode() for name, _ in follower.headers.raw]


@pytest.mark.parametrize("status_code", [307, 308])
def test_body_is_sent_again(status_code: int) -> None:
    """307 and 308 keep method, body and its fields."""
    request = mooring.Request("POST", A, json={"a": 1})
    flow = a_flow(request=request)

    follower = flow.send(redirect(next(flow), "/2", status_code)).request

    assert "POST" == follower.method
    assert request.content == follower.read()
    assert request.headers["Content-Length"] == follower.headers["Content-Length"]
    assert "application/json" == follower.headers["Content-Type"]


def test_used_up_body_is_not_sent_again() -> None:
    """307 for a generator's body raises instead of sending half a request."""
    request = mooring.Request("POST", A, content=(part for part in [b"x"]))
    flow = a_flow(request=request)
    hop = next(flow)
    assert [b"x"] == list(hop.request.stream)  # type: ignore[arg-type]

    with pytest.raises(mooring.StreamConsumed):
        flow.send(redirect(hop, "/2", 307))
