"""respx, written for httpx: its default mocker, its other one, and passing through."""

import asyncio

import httpx
import pytest
import respx
import way


@respx.mock
def decorated() -> None:
    route = respx.get("https://example.org/a", params={"q": "1"}).respond(json={"a": 1})
    respx.post("https://example.org/b").mock(side_effect=echo)
    respx.get("https://example.org/lost").mock(side_effect=httpx.ConnectError)

    response = httpx.get("https://example.org/a?q=1")
    assert {"a": 1} == response.json()
    assert route.called
    assert "example.org" == route.calls.last.request.url.host
    assert b"body" == httpx.post("https://example.org/b", content=b"body").content
    with pytest.raises(httpx.ConnectError) as raised:
        httpx.get("https://example.org/lost")
    assert "https://example.org/lost" == str(raised.value.request.url)


def echo(request: httpx.Request) -> httpx.Response:
    return httpx.Response(201, content=request.content)


def unknown_is_refused() -> None:
    with respx.mock, pytest.raises(respx.models.AllMockedAssertionError):
        httpx.get("https://example.org/nowhere")


def passing_through() -> None:
    with respx.mock as router:
        router.route(host="127.0.0.1").pass_through()
        router.get("https://example.org/").respond(204)
        with httpx.Client() as client:
            assert "/real" == client.get(f"{way.URL}/real").json()["path"]
            with client.stream("GET", f"{way.URL}/events") as response:
                assert 3 == response.read().count(b"data")
            assert 204 == client.get("https://example.org/").status_code


def by_the_client() -> None:
    with respx.mock(using="httpx", base_url="https://example.org") as router:
        router.get("/x").respond(text="x")
        with httpx.Client() as client:
            assert "x" == client.get("https://example.org/x").text


async def asynchronous() -> None:
    async with respx.mock as router, httpx.AsyncClient() as client:
        router.get("https://example.org/a").respond(html="<p>")
        router.route(host="127.0.0.1").pass_through()
        answers = await asyncio.gather(
            client.get("https://example.org/a"),
            client.get(f"{way.URL}/real"),
        )
        assert [200, 200] == [answer.status_code for answer in answers]
        assert "<p>" == answers[0].text


def afterwards() -> None:
    assert "/json" == httpx.get(f"{way.URL}/json").json()["path"]


decorated()
unknown_is_refused()
passing_through()
by_the_client()
asyncio.run(asynchronous())
afterwards()
way.done("httpx")
