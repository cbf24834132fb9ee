"""A test file of somebody who uses pytest-httpx; a program for another pytest."""

import httpx
import pytest
import way
from pytest_httpx import HTTPXMock, IteratorStream


def test_sync(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(url="https://example.org/a", json={"a": 1})
    with httpx.Client() as client:
        assert client.get("https://example.org/a").json() == {"a": 1}
    assert len(httpx_mock.get_requests()) == 1


def test_streaming(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(stream=IteratorStream([b"part 1", b"part 2"]))
    with httpx.Client() as client, client.stream("GET", "https://x.test/") as response:
        assert list(response.iter_raw()) == [b"part 1", b"part 2"]


def test_sent_twice(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(text="again", is_reusable=True)
    with httpx.Client() as client:
        assert [client.get("https://x.test/").text for _ in range(2)] == ["again"] * 2


def test_multipart_is_matched(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(match_files={"f": ("n.txt", b"content")})
    files = {"f": ("n.txt", b"content")}
    assert httpx.post("https://x.test/", files=files).status_code == 200


def test_exception(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_exception(httpx.ReadTimeout("too slow"))
    with pytest.raises(httpx.ReadTimeout, match="too slow"):
        httpx.get("https://x.test/")


def test_async(httpx_mock: HTTPXMock) -> None:
    import asyncio

    httpx_mock.add_response(html="<p>", match_headers={"x-a": "b"})

    async def main() -> str:
        async with httpx.AsyncClient(headers={"x-a": "b"}) as client:
            return (await client.get("https://x.test/")).text

    assert asyncio.run(main()) == "<p>"


@pytest.mark.httpx_mock(should_mock=lambda request: request.url.host != "127.0.0.1")
def test_some_are_real(httpx_mock: HTTPXMock) -> None:
    assert httpx.get(f"{way.URL}/real").json()["path"] == "/real"


def test_which_way() -> None:
    way.done("httpx")
