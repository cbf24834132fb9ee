"""The public names, and the functions for a single request."""

from __future__ import annotations

import inspect
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

import mooring

VERBS = ["get", "options", "head", "post", "put", "patch", "delete", "query"]


def names_of(function: Callable[..., Any]) -> list[str]:
    return list(inspect.signature(function).parameters)


def test_every_public_name_exists() -> None:
    """What __all__ promises is there, the lazy names too."""
    assert [] == [name for name in mooring.__all__ if not hasattr(mooring, name)]
    assert set(mooring.__all__) <= set(dir(mooring))


def test_unknown_name() -> None:
    """A name that does not exist is an ordinary AttributeError."""
    with pytest.raises(AttributeError, match="'nonsense'"):
        mooring.nonsense


def test_public_classes_live_in_mooring() -> None:
    """Tracebacks and pickles name the public place."""
    strangers = [
        name
        for name in mooring.__all__
        if isinstance(value := getattr(mooring, name), type)
        and value.__module__ != "mooring"
    ]

    assert [] == strangers
    assert mooring.Client is pickle.loads(pickle.dumps(mooring.Client))


@pytest.mark.parametrize("verb", VERBS)
def test_client_signatures_are_twins(verb: str) -> None:
    """Client and AsyncClient take the same arguments in the same order."""
    assert names_of(getattr(mooring.Client, verb)) == names_of(
        getattr(mooring.AsyncClient, verb)
    )


@pytest.mark.parametrize("name", ["request", "stream"])
def test_top_level_signature(name: str) -> None:
    """The functions take a request's arguments and a few of the client's."""
    assert [
        "method", "url", "params", "content", "data", "files", "json", "headers",
        "cookies", "auth", "proxy", "timeout", "follow_redirects", "verify",
        "trust_env",
    ] == names_of(getattr(mooring, name))  # fmt: skip


@pytest.mark.parametrize("verb", VERBS)
def test_functions_send_their_method(
    verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """mooring.get() is a client's get(), with the client closed afterwards."""
    seen: list[tuple[str, str]] = []
    clients: list[mooring.Client] = []

    def answer(request: mooring.Request) -> mooring.Response:
        seen.append((request.method, str(request.url)))
        return mooring.Response(204)

    def init_transport(self: mooring.Client, **_: object) -> mooring.BaseTransport:
        clients.append(self)
        return mooring.MockTransport(answer)

    monkeypatch.setattr(mooring.Client, "_init_transport", init_transport)

    response = getattr(mooring, verb)("https://a.test/", params={"q": "1"})

    assert 204 == response.status_code
    assert [(verb.upper(), "https://a.test/?q=1")] == seen
    assert clients[0].is_closed


def test_stream_function(monkeypatch: pytest.MonkeyPatch) -> None:
    """mooring.stream() leaves the body to the caller until its context ends."""
    monkeypatch.setattr(
        mooring.Client,
        "_init_transport",
        lambda self, **_: mooring.MockTransport(
            lambda request: mooring.Response(200, content=iter([b"a", b"b"]))
        ),
    )

    with mooring.stream("GET", "https://a.test/") as response:
        assert [b"a", b"b"] == list(response.iter_bytes())
    assert response.is_closed


def test_import_is_light() -> None:
    """Importing mooring loads no event loop, no TLS and no cookie jar."""
    heavy = ["asyncio", "trio", "ssl", "http.cookiejar", "idna", "socket"]
    program = f"import mooring, sys; print([m for m in {heavy} if m in sys.modules])"

    output = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, text=True
    ).stdout

    assert "[]" == output.strip()
