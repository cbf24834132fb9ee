"""Proxies that the environment names: which, for what, and that none is skipped."""

from __future__ import annotations

import asyncio
import os

import pytest

import mooring
from mooring._client.environment import get_environment_proxies


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name == "REQUEST_METHOD":
            monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, {}),
        ({"HTTP_PROXY": "http://p"}, {"http://": "http://p"}),
        ({"HTTP_PROXY": "p:3128"}, {"http://": "http://p:3128"}),
        ({"http_proxy": "a", "HTTP_PROXY": "b"}, {"http://": "http://a"}),
        ({"http_proxy": "", "HTTP_PROXY": "b"}, {}),
        ({"HTTPS_PROXY": ""}, {}),
        (
            {"HTTPS_PROXY": "socks5://p", "ALL_PROXY": "http://q"},
            {"https://": "socks5://p", "all://": "http://q"},
        ),
        ({"TRAVIS_APT_PROXY": "http://p"}, {}),
        ({"FTP_PROXY": "http://p"}, {}),
        ({"HTTP_PROXY": "http://evil", "REQUEST_METHOD": "GET"}, {}),
        (
            {"http_proxy": "http://p", "REQUEST_METHOD": "GET"},
            {"http://": "http://p"},
        ),
        ({"NO_PROXY": "*", "HTTP_PROXY": "p"}, {}),
        ({"NO_PROXY": "a.test,*", "HTTP_PROXY": "p"}, {}),
        ({"no_proxy": "a.test"}, {"all://*a.test": None}),
        ({"NO_PROXY": "a", "no_proxy": "b"}, {"all://*b": None}),
        ({"NO_PROXY": ".a.test"}, {"all://*.a.test": None}),
        ({"NO_PROXY": "*.a.test"}, {"all://*.a.test": None}),
        ({"NO_PROXY": "localhost"}, {"all://localhost": None}),
        ({"NO_PROXY": "LOCALHOST"}, {"all://LOCALHOST": None}),
        ({"NO_PROXY": "a.test:8080"}, {"all://*a.test:8080": None}),
        ({"NO_PROXY": "http://a.test"}, {"http://a.test": None}),
        (
            {"NO_PROXY": "127.0.0.1,::1,[::2],[::3]:80"},
            {
                "all://127.0.0.1": None,
                "all://[::1]": None,
                "all://[::2]": None,
                "all://[::3]:80": None,
            },
        ),
        (
            {"NO_PROXY": "10.0.0.0/8, fe80::/10, 10.0.0.0/33, a.test/8"},
            {"all://10.0.0.0/8": None, "all://[fe80::]/10": None},
        ),
        (
            {"NO_PROXY": " a.test , ,b.test\t, \n,c.test"},
            {"all://*a.test": None, "all://*b.test": None, "all://*c.test": None},
        ),
        ({"NO_PROXY": "[::1,a:x,a.test"}, {"all://*a.test": None}),
    ],
)
def test_what_the_environment_says(
    environment: dict[str, str],
    expected: dict[str, str | None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each variable, in either case, becomes a pattern with a proxy or without."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert expected == get_environment_proxies()


def refusal(client: mooring.Client, url: str) -> mooring.ProxyError:
    with pytest.raises(mooring.ProxyError) as caught:
        client.get(url)
    return caught.value


def test_no_request_goes_past_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names URL, proxy, variable and way out, and no password."""
    monkeypatch.setenv("ALL_PROXY", "http://user:secret@proxy.test:3128")
    with mooring.Client() as client:
        error = refusal(client, "http://a.test/path?q")

    assert (
        "http://a.test is to be reached through the proxy http://proxy.test:3128"
        " (ALL_PROXY), and this version of mooring cannot use proxies yet" == str(error)
    )
    assert [
        "NO_PROXY=a.test or Client(trust_env=False) has it reached directly"
    ] == error.__notes__
    assert "http://a.test/path?q" == str(error.request.url)


def test_no_asynchronous_request_either(monkeypatch: pytest.MonkeyPatch) -> None:
    """The asynchronous client refuses in the same words."""
    monkeypatch.setenv("https_proxy", "socks5://proxy.test")

    async def main() -> str:
        async with mooring.AsyncClient() as client:
            with pytest.raises(mooring.ProxyError) as caught:
                await client.get("https://a.test/")
            return str(caught.value)

    assert "socks5://proxy.test (https_proxy)" in asyncio.run(main())


def test_which_requests_are_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scheme and NO_PROXY decide; nobody listens on port 1 here."""
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.test")
    monkeypatch.setenv("NO_PROXY", "127.0.0.0/8")
    with mooring.Client() as client:
        assert "HTTP_PROXY" in str(refusal(client, "http://localhost:1/"))
        for url in ("http://127.0.0.1:1/", "https://127.0.0.1:1/"):
            with pytest.raises(mooring.ConnectError, match="refused"):
                client.get(url)


def test_environment_can_be_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """trust_env=False, a transport and a mount of one's own are stronger."""
    monkeypatch.setenv("ALL_PROXY", "http://proxy.test")
    mock = mooring.MockTransport(lambda request: mooring.Response(204))
    with mooring.Client(transport=mock) as client:
        assert 204 == client.get("http://a.test/").status_code
    with mooring.Client(mounts={"all://": mock}) as client:
        assert 204 == client.get("http://a.test/").status_code
    client = mooring.Client(trust_env=False)
    with client, pytest.raises(mooring.ConnectError, match="refused"):
        client.get("http://127.0.0.1:1/")


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ("ftp://u:secret@proxy.test", ValueError),
        ("ftp://proxy.test", ValueError),
        ("http://u:secret@proxy.test:x", mooring.InvalidURL),
        ("http://proxy.test:99999", mooring.InvalidURL),
    ],
)
def test_bad_proxy_is_named(
    value: str, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variable is in the error, the password is not."""
    monkeypatch.setenv("HTTPS_PROXY", value)

    with pytest.raises(error, match="HTTPS_PROXY in the environment: ") as caught:
        mooring.Client()
    assert "secret" not in str(caught.value)
