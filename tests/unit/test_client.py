"""What clients send and what they make of answers: sync, asyncio and trio."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Generator
from typing import Any

import pytest

import mooring
from tests.unit.client_worlds import A, B, Body, Site, World, ok, redirect

# -- sending ---------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["get", "options", "delete"])
def test_verbs(world: World, verb: str) -> None:
    """Each verb sends its method and reads the answer."""
    response = world.call(world.client(ok), verb, A)

    assert f"{verb.upper()} {A}" == response.text
    assert response.is_closed


@pytest.mark.parametrize("verb", ["post", "put", "patch", "query"])
def test_verbs_with_a_body(world: World, verb: str) -> None:
    """Verbs that submit something take a body."""
    site = Site()

    world.call(world.client(site), verb, A, json={"a": 1})

    assert verb.upper() == site.requests[0].method
    assert b'{"a":1}' == site.requests[0].content


def test_head(world: World) -> None:
    """HEAD gets header fields only."""
    response = world.call(
        world.client(lambda request: mooring.Response(200, headers={"X": "1"})),
        "head",
        A,
    )

    assert "1" == response.headers["X"]


def test_response_knows_its_request(world: World) -> None:
    """request, url, elapsed and charset are there when the call returns."""
    response = world.get(
        lambda request: mooring.Response(200, stream=Body(b"\xe9")),
        url=A + "?q=1",
    )

    assert A + "?q=1" == str(response.url)
    assert response.elapsed.total_seconds() >= 0


def test_default_encoding(world: World) -> None:
    """The client's charset is used where the response names none."""
    client = world.client(
        lambda request: mooring.Response(200, stream=Body(b"\xe9")),
        default_encoding="latin-1",
    )

    assert "é" == world.call(client, "get", A).text


def test_send_replaced_on_the_class(world: World) -> None:
    """Instruments that wrap send see every request."""
    cls = mooring.AsyncClient if world.is_async else mooring.Client
    sent: list[mooring.Request] = []

    class Wrapped(cls):  # type: ignore[misc, valid-type]
        def send(self, request: mooring.Request, **kwargs: Any) -> Any:
            sent.append(request)
            return super().send(request, **kwargs)

    client = Wrapped(transport=mooring.MockTransport(ok))
    world.call(client, "get", A)
    world.call(client, "request", "POST", A)

    assert ["GET", "POST"] == [request.method for request in sent]


def test_send_adds_the_clients_timeout(world: World) -> None:
    """A request built by hand gets the client's time limits."""
    site = Site()

    world.call(world.client(site, timeout=7), "send", mooring.Request("GET", A))

    timeout = site.requests[0].extensions["timeout"]
    assert {"connect": 7, "read": 7, "write": 7, "pool": 7} == timeout


def test_request_error_carries_the_request(world: World) -> None:
    """A transport's error gets the request it is about."""

    def fail(request: mooring.Request) -> mooring.Response:
        raise mooring.ConnectError("no route")

    with pytest.raises(mooring.ConnectError, match="no route") as caught:
        world.get(fail)

    assert A == str(caught.value.request.url)


@pytest.mark.parametrize("error", [mooring.ReadError("cut"), KeyboardInterrupt()])
def test_failed_read_closes_the_response(world: World, error: BaseException) -> None:
    """Whatever stops the reading, the connection is given back."""
    body = Body(b"x", error=error)

    with pytest.raises(type(error)):
        world.get(lambda request: mooring.Response(200, stream=body))

    assert body.closed


def test_stream_false_reads(world: World) -> None:
    """send reads the body unless told not to."""
    body = Body(b"a", b"b")
    client = world.client(lambda request: mooring.Response(200, stream=body))

    response = world.call(client, "send", mooring.Request("GET", A))

    assert b"ab" == response.content


def test_stream_true_does_not_read(world: World) -> None:
    """send(stream=True) leaves the body for the caller."""
    body = Body(b"a")
    client = world.client(lambda request: mooring.Response(200, stream=body))

    response = world.call(client, "send", mooring.Request("GET", A), stream=True)

    assert (0, 0) == (body.taken, body.closed)
    world.call(response, "close")
    assert body.closed


def test_stream_context_sync() -> None:
    """Leaving the context closes the response, read or not."""
    body = Body(b"a", b"b")
    transport = mooring.MockTransport(
        lambda request: mooring.Response(200, stream=body)
    )
    with mooring.Client(transport=transport) as client:
        with client.stream("GET", A) as response:
            assert b"a" == next(response.iter_bytes())
        assert body.closed
        with pytest.raises(KeyError), client.stream("GET", A):
            raise KeyError

    assert 2 == body.closed


@pytest.mark.parametrize("name", ["asyncio", "trio"])
def test_stream_context_async(name: str) -> None:
    """Leaving the context closes the response, read or not."""
    body = Body(b"a", b"b")

    async def main() -> None:
        transport = mooring.MockTransport(
            lambda request: mooring.Response(200, stream=body)
        )
        async with mooring.AsyncClient(transport=transport) as client:
            async with client.stream("GET", A) as response:
                assert b"ab" == await response.aread()
            assert body.closed
            with pytest.raises(KeyError):
                async with client.stream("GET", A):
                    raise KeyError
        assert 2 <= body.closed

    World(name).run(main)


def test_async_handler() -> None:
    """An AsyncClient's mock may be a coroutine function."""

    async def handler(request: mooring.Request) -> mooring.Response:
        return ok(request)

    client = mooring.AsyncClient(transport=mooring.MockTransport(handler))

    assert f"GET {A}" == asyncio.run(client.get(A)).text


def test_async_handler_in_a_sync_client() -> None:
    """A coroutine function cannot answer a Client."""

    async def handler(request: mooring.Request) -> mooring.Response:
        return ok(request)

    client = mooring.Client(transport=mooring.MockTransport(handler))

    with pytest.raises(TypeError, match="async handler"):
        client.get(A)


async def async_chunks() -> AsyncIterator[bytes]:
    yield b"x"


def test_body_of_the_other_colour(world: World) -> None:
    """An iterator the client cannot run is refused with the way out."""
    content: Any = iter([b"x"]) if world.is_async else async_chunks()

    with pytest.raises(RuntimeError, match="Attempted to send a") as caught:
        world.call(world.client(ok), "post", A, content=content)

    assert "content=" in caught.value.__notes__[0]


def test_response_of_the_other_colour(world: World) -> None:
    """A transport that returns a stream the client cannot read is named."""
    content: Any = iter([b"x"]) if world.is_async else async_chunks()

    with pytest.raises(TypeError, match="MockTransport returned"):
        world.get(lambda request: mooring.Response(200, content=content))


# -- cookies ---------------------------------------------------------------------


def test_cookies_persist(world: World) -> None:
    """What a response sets goes along with later requests."""
    site = Site(login=mooring.Response(200, headers={"Set-Cookie": "s=1"}))
    client = world.client(site)

    world.call(client, "get", A + "login")
    world.call(client, "get", A)

    assert "1" == client.cookies["s"]
    assert "s=1" == site.requests[1].headers["Cookie"]


def test_request_cookies_are_deprecated(world: World) -> None:
    """cookies= on a request warns, where the caller can see it."""
    with pytest.warns(DeprecationWarning, match="per-request cookies") as caught:
        world.get(ok, cookies={"a": "1"})

    assert "mooring/_client" not in caught[0].filename


def test_request_cookies_stay_off_other_origins(world: World) -> None:
    """cookies= of one request are not repeated after a redirect."""
    site = Site(go=redirect(B))

    with pytest.warns(DeprecationWarning, match="per-request cookies"):
        world.call(
            world.client(site, follow_redirects=True),
            "get",
            A + "go",
            cookies={"s": "1"},
        )

    assert ["s=1", None] == [r.headers.get("Cookie") for r in site.requests]


# -- redirects -------------------------------------------------------------------


def test_redirects_are_off_by_default(world: World) -> None:
    """A redirect is returned with what would come next."""
    response = world.get(Site(go=redirect("/there")), A + "go")

    assert 302 == response.status_code
    assert response.next_request is not None
    assert A + "there" == str(response.next_request.url)


@pytest.mark.parametrize(("client_says", "call_says"), [(False, True), (True, False)])
def test_nearer_setting_wins(world: World, client_says: bool, call_says: bool) -> None:
    """follow_redirects of the call stands over the client's."""
    client = world.client(Site(go=redirect("/there")), follow_redirects=client_says)

    response = world.call(client, "get", A + "go", follow_redirects=call_says)

    assert (200 if call_says else 302) == response.status_code


def test_following(world: World) -> None:
    """Following gives the last response and the way to it."""
    site = Site(go=redirect("/on", 301), on=redirect(B))

    response = world.get(site, A + "go", follow_redirects=True)

    assert f"GET {B}" == response.text
    assert [301, 302] == [past.status_code for past in response.history]
    assert all(past.is_closed for past in response.history)


def test_next_request_can_be_sent(world: World) -> None:
    """Following by hand works."""
    client = world.client(Site(go=redirect("/there")))
    response = world.call(client, "get", A + "go")

    assert 200 == world.call(client, "send", response.next_request).status_code


def test_too_many_redirects(world: World) -> None:
    """Twenty redirects are followed, which takes 21 requests."""
    count = 0

    def endless(request: mooring.Request) -> mooring.Response:
        nonlocal count
        count += 1
        return redirect(f"/?{count}")

    with pytest.raises(mooring.TooManyRedirects, match="20"):
        world.get(endless, follow_redirects=True)

    assert 21 == count


def test_redirect_is_released_before_the_next_request(world: World) -> None:
    """With one connection in all, the next request must find it free."""
    body = Body(b"moved")
    closed_when_asked: list[int] = []

    def handler(request: mooring.Request) -> mooring.Response:
        if request.url.path == "/go":
            return redirect(B, stream=body)
        closed_when_asked.append(body.closed)
        return ok(request)

    world.get(handler, A + "go", follow_redirects=True)

    assert [1] == closed_when_asked
    assert 5 == body.taken


def test_body_of_a_redirect_is_kept(world: World) -> None:
    """A short body of a redirect can be looked at afterwards."""
    response = world.get(
        Site(go=redirect(B, stream=Body(b"mo", b"ved"))),
        A + "go",
        follow_redirects=True,
    )

    assert b"moved" == response.history[0].content


def test_large_body_of_a_redirect_is_not_read(world: World) -> None:
    """64 KiB are drained to save a connection; more is not worth it."""
    body = Body(*[b"x" * 1024] * 1000)

    world.get(Site(go=redirect(B, stream=body)), A + "go", follow_redirects=True)

    assert body.taken <= 65 * 1024
    assert body.closed


def test_body_of_a_redirect_is_not_decoded(world: World) -> None:
    """A redirect with a broken or malicious encoding is followed all the same."""
    bomb = mooring.Response(
        302,
        headers={"Location": B, "Content-Encoding": "gzip"},
        stream=Body(b"not gzip at all"),
    )

    response = world.get(Site(go=bomb), A + "go", follow_redirects=True)

    assert 200 == response.status_code


@pytest.mark.parametrize(
    ("locations", "error"),
    [
        (["https://a.test:x/"], mooring.RemoteProtocolError),
        (["/a", "/b"], mooring.RemoteProtocolError),
        (["ftp://a.test/"], mooring.UnsupportedProtocol),
    ],
)
def test_refused_redirect_is_closed(
    world: World, locations: list[str], error: type[Exception]
) -> None:
    """A redirect that cannot be followed gives its connection back."""
    body = Body(b"moved")
    moved = mooring.Response(
        302, headers=[("Location", value) for value in locations], stream=body
    )

    with pytest.raises(error):
        world.get(Site(go=moved), A + "go", follow_redirects=True)

    assert body.closed


def test_two_locations_are_fine_when_not_following(world: World) -> None:
    """The response is returned with both values (curl test 772)."""
    moved = mooring.Response(302, headers=[("Location", "/a"), ("Location", "/b")])

    response = world.get(Site(go=moved), A + "go")

    assert ["/a", "/b"] == response.headers.get_list("Location")
    assert response.next_request is None


def test_cookies_follow_the_jar(world: World) -> None:
    """Each hop gets the cookies its URL is entitled to, and only those."""
    moved = redirect(B)
    moved.headers["Set-Cookie"] = "s=1"
    site = Site(go=moved)
    client = world.client(site, follow_redirects=True)

    world.call(client, "get", A + "go", headers={"Cookie": "mine=1"})
    world.call(client, "get", A)

    assert ["mine=1", None, "s=1"] == [r.headers.get("Cookie") for r in site.requests]


def test_extensions_survive_redirects(world: World) -> None:
    """What the user told the transport holds for every hop."""
    site = Site(go=redirect("/there"))

    world.get(site, A + "go", follow_redirects=True, extensions={"mine": 1})

    assert 1 == site.requests[1].extensions["mine"]
    assert "timeout" in site.requests[1].extensions


# -- authentication --------------------------------------------------------------


def sent_credentials(site: Site) -> list[str | None]:
    return [request.headers.get("Authorization") for request in site.requests]


def test_auth_of_client_call_and_url(world: World) -> None:
    """The call's credentials stand over the client's, those over the URL's."""
    site = Site()
    client = world.client(site, auth=("client", ""))
    world.call(client, "get", A)
    world.call(client, "get", A, auth=("call", ""))
    world.call(client, "get", A, auth=None)
    world.call(client, "get", "https://url:@a.test/", auth=None)

    assert [
        "Basic Y2xpZW50Og==",
        "Basic Y2FsbDo=",
        None,
        "Basic dXJsOg==",
    ] == sent_credentials(site)


@pytest.mark.parametrize(
    "kwargs",
    [
        {"auth": ("user", "pass")},
        {"headers": {"AUTHORIZATION": "secret", "proxy-authorization": "secret"}},
    ],
)
def test_credentials_stay_on_their_origin(world: World, kwargs: Any) -> None:
    """a -> a -> b -> a: the first two are authenticated, the others not."""
    site = Site(go=redirect("/on"), on=redirect(B + "back"), back=redirect(A + "end"))

    world.get(site, A + "go", follow_redirects=True, **kwargs)

    shown = ["Authorization" in request.headers for request in site.requests]
    assert [True, True, False, False] == shown
    assert "Proxy-Authorization" not in site.requests[2].headers


def test_url_credentials_stay_on_their_origin(world: World) -> None:
    """Neither the user's nor the Location's userinfo is used on another origin."""
    site = Site(go=redirect("/on"), on=redirect("https://u:p@b.test/"))

    response = world.get(site, "https://user:pass@a.test/go", follow_redirects=True)

    basic = "Basic dXNlcjpwYXNz"
    assert [basic, basic, None] == sent_credentials(site)
    assert B == str(response.url)


class Retry(mooring.Auth):
    """Sends the request again, once, with a credential."""

    requires_response_body = True

    def auth_flow(
        self, request: mooring.Request
    ) -> Generator[mooring.Request, mooring.Response, None]:
        response = yield request
        if response.status_code == 401:
            request.headers["Authorization"] = response.text
            yield request


def lock(request: mooring.Request) -> mooring.Response:
    if request.headers.get("Authorization") == "key":
        return ok(request)
    return mooring.Response(401, stream=Body(b"key"))


def test_auth_flow_of_two_requests(world: World) -> None:
    """A scheme may answer a challenge; the challenge is history."""
    response = world.get(lock, auth=Retry())

    assert 200 == response.status_code
    assert [401] == [past.status_code for past in response.history]
    assert b"key" == response.history[0].content


def test_challenge_is_released_before_the_answer(world: World) -> None:
    """The connection of a challenge is free when its answer is sent."""
    body = Body(b"who are you?")
    closed_when_asked: list[int] = []

    class Twice(mooring.Auth):
        def auth_flow(
            self, request: mooring.Request
        ) -> Generator[mooring.Request, mooring.Response, None]:
            yield request
            yield request

    def handler(request: mooring.Request) -> mooring.Response:
        closed_when_asked.append(body.closed)
        return mooring.Response(401, stream=body)

    world.get(handler, auth=Twice())

    assert [0, 1] == closed_when_asked


def test_history_of_auth_and_redirects(world: World) -> None:
    """Challenges and redirects share one history, oldest first."""

    def handler(request: mooring.Request) -> mooring.Response:
        if request.url.path == "/go":
            return redirect(A)
        return lock(request)

    response = world.get(handler, A + "go", auth=Retry(), follow_redirects=True)

    assert [302, 401] == [past.status_code for past in response.history]


def test_failing_auth_closes_the_response(world: World) -> None:
    """A scheme that raises does not keep the connection."""
    body = Body(b"x")

    class Broken(mooring.Auth):
        def auth_flow(
            self, request: mooring.Request
        ) -> Generator[mooring.Request, mooring.Response, None]:
            yield request
            raise KeyError("no token")

    with pytest.raises(KeyError):
        world.get(lambda request: mooring.Response(200, stream=body), auth=Broken())

    assert body.closed


# -- hooks and logs --------------------------------------------------------------


def test_event_hooks(world: World) -> None:
    """Hooks run for every exchange of a chain, in order."""
    seen: list[Any] = []
    hooks = {
        "request": [world.hook(lambda r: seen.append(r.url.path))],
        "response": [
            world.hook(lambda r: seen.append(r.status_code)),
            world.hook(lambda r: seen.append(r.is_closed)),
        ],
    }
    site = Site(go=redirect("/there", stream=Body()))
    client = world.client(site, event_hooks=hooks, follow_redirects=True)

    world.call(client, "get", A + "go")

    assert ["/go", 302, False, "/there", 200] == seen[:5]


def test_raising_hook_closes_the_response(world: World) -> None:
    """raise_for_status is a popular hook; it must not leak a connection."""
    body = Body(b"x")
    client = world.client(
        lambda request: mooring.Response(500, stream=body),
        event_hooks={"response": [world.hook(lambda r: r.raise_for_status())]},
    )

    with pytest.raises(mooring.HTTPStatusError):
        world.call(client, "get", A)

    assert body.closed


def test_request_line_is_logged_at_debug(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """DEBUG shows method, URL without secrets, and status."""
    with caplog.at_level(logging.DEBUG, logger="mooring"):
        world.get(ok, "https://user:pass@a.test/?token=secret")

    assert [
        'HTTP Request: GET https://a.test/?token=[redacted] "HTTP/1.1 200 OK"'
    ] == caplog.messages


def test_nothing_is_logged_above_debug(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """INFO stays quiet."""
    with caplog.at_level(logging.INFO, logger="mooring"):
        world.get(ok)

    assert [] == caplog.messages
