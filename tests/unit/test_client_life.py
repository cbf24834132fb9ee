"""How clients are opened, mounted, changed and closed: sync, asyncio and trio."""

from __future__ import annotations

import gzip
from typing import Any

import pytest

import mooring
from tests.unit.client_worlds import A, Body, Site, World, ok

# -- life of a client ------------------------------------------------------------


class Recorder(mooring.BaseTransport, mooring.AsyncBaseTransport):
    """Notes what is done to it."""

    def __init__(self, *, error: Exception | None = None) -> None:
        self.events: list[str] = []
        self.error = error

    def handle_request(self, request: mooring.Request) -> mooring.Response:
        self.events.append(request.url.host)
        return mooring.Response(200)

    async def handle_async_request(self, request: mooring.Request) -> mooring.Response:
        return self.handle_request(request)

    def __enter__(self) -> Recorder:
        self.events.append("enter")
        return self

    async def __aenter__(self) -> Recorder:
        return self.__enter__()

    def close(self) -> None:
        self.events.append("close")
        if self.error is not None:
            raise self.error

    async def aclose(self) -> None:
        self.close()


def use_as_context(world: World, client: Any) -> None:
    async def main() -> None:
        async with client:
            pass

    if world.is_async:
        world.run(main)
    else:
        with client:
            pass


def test_context_enters_and_closes_transports(world: World) -> None:
    """A client's context is its transports' context, each once."""
    transport, mounted = Recorder(), Recorder()
    client = world.client(
        ok,
        transport=transport,
        mounts={"http://": mounted, "all://b.test": mounted, "all://c.test": None},
    )

    use_as_context(world, client)

    assert ["enter", "close"] == transport.events == mounted.events
    assert client.is_closed


def test_every_transport_is_closed(world: World) -> None:
    """One that fails to close does not keep the others open."""
    transport, mounted = Recorder(error=KeyError("x")), Recorder()
    client = world.client(ok, transport=transport, mounts={"http://": mounted})

    with pytest.raises(KeyError):
        world.call(client, "close")

    assert ["close"] == mounted.events


def test_closing_twice(world: World) -> None:
    """The second close does nothing."""
    transport = Recorder()
    client = world.client(ok, transport=transport)

    world.call(client, "close")
    world.call(client, "close")

    assert ["close"] == transport.events


def test_closed_client_refuses(world: World) -> None:
    """A closed client sends nothing, and stays closed."""
    client = world.client(ok)
    world.call(client, "get", A)
    world.call(client, "close")

    with pytest.raises(RuntimeError, match="client has been closed"):
        world.call(client, "get", A)
    with pytest.raises(RuntimeError, match="Cannot reopen"):
        use_as_context(world, client)
    assert client.is_closed


def test_entering_a_used_client(world: World) -> None:
    """A context cannot begin after the first request."""
    client = world.client(ok)
    world.call(client, "get", A)

    with pytest.raises(RuntimeError, match="more than once"):
        use_as_context(world, client)


def test_response_outlives_its_client(world: World) -> None:
    """A response read before the client closed can still be used."""
    client = world.client(ok)
    response = world.call(client, "get", A)
    world.call(client, "close")

    assert f"GET {A}" == response.text


# -- mounts ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "url", "expected"),
    [
        ("all://", "https://a.test", True),
        ("http://", "http://a.test", True),
        ("http://", "https://a.test", False),
        ("all://a.test", "https://a.test", True),
        ("all://a.test", "https://www.a.test", False),
        ("all://*.a.test", "https://www.a.test", True),
        ("all://*.a.test", "https://a.test", False),
        ("all://*a.test", "https://www.a.test", True),
        ("all://*a.test", "https://a.test", True),
        ("all://*a.test", "https://aa.test", False),
        ("https://a.test:81", "https://a.test:81", True),
        ("https://a.test:81", "https://a.test:82", False),
        ("all://*:81", "http://b.test:81", True),
    ],
)
def test_mount_patterns(world: World, pattern: str, url: str, expected: bool) -> None:
    """A mount gets what its pattern matches, the transport everything else."""
    transport, mounted = Recorder(), Recorder()
    client = world.client(ok, transport=transport, mounts={pattern: mounted})

    world.call(client, "get", url)

    assert expected is bool(mounted.events)
    assert expected is not bool(transport.events)


def test_most_specific_mount_wins(world: World) -> None:
    """Ports stand over hosts, long hosts over short ones, those over schemes."""
    mounts = {
        pattern: Recorder()
        for pattern in ("all://", "http://", "http://a.test", "http://a.test:81")
    }
    client = world.client(ok, transport=Recorder(), mounts=mounts)

    for url in ("https://b.test", "http://b.test", "http://a.test", "http://a.test:81"):
        world.call(client, "get", url)

    assert [["b.test"], ["b.test"], ["a.test"], ["a.test"]] == [
        mounted.events for mounted in mounts.values()
    ]


def test_mount_of_none_means_the_transport(world: World) -> None:
    """None takes URLs out of a broader pattern."""
    transport, mounted = Recorder(), Recorder()
    client = world.client(
        ok, transport=transport, mounts={"all://": mounted, "all://a.test": None}
    )

    world.call(client, "get", A)

    assert ["a.test"] == transport.events


def test_mount_without_scheme_is_refused(world: World) -> None:
    """The likely slip is named with its correction."""
    with pytest.raises(ValueError, match="write 'http://'"):
        world.client(ok, mounts={"http": Recorder()})


def test_init_transport_can_be_overridden(world: World) -> None:
    """Subclasses choose the transport by overriding what __init__ calls."""
    cls = mooring.AsyncClient if world.is_async else mooring.Client

    class Mocked(cls):  # type: ignore[misc, valid-type]
        def _init_transport(self, **kwargs: Any) -> Any:
            return mooring.MockTransport(ok)

    assert f"GET {A}" == world.call(Mocked(), "get", A).text


@pytest.mark.parametrize("base", [mooring.BaseTransport, mooring.AsyncBaseTransport])
def test_base_transports_say_what_to_override(base: Any) -> None:
    """A transport that carries nothing names the method it lacks."""
    if base is mooring.BaseTransport:
        world, name = World("sync"), "handle_request"
    else:
        world, name = World("asyncio"), "handle_async_request"

    with pytest.raises(NotImplementedError, match=name):
        world.call(world.client(ok, transport=base()), "get", A)


# -- what is looked at anew for every request -------------------------------------


def test_changed_client_counts_at_once(world: World) -> None:
    """Hooks and credentials changed between two requests are used by the second."""
    seen: list[str] = []
    site = Site()
    client = world.client(site)
    world.call(client, "get", A)

    client.event_hooks["request"].append(world.hook(lambda _: seen.append("asked")))
    client.event_hooks["response"].append(world.hook(lambda _: seen.append("told")))
    client.auth = ("user", "pass")
    world.call(client, "get", A)

    assert ["asked", "told"] == seen
    assert ["Authorization" in request.headers for request in site.requests] == [
        False,
        True,
    ]


@pytest.mark.parametrize("name", [b"Set-Cookie", b"set-cookie", b"SET-COOKIE"])
def test_cookies_are_found_in_any_spelling(world: World, name: bytes) -> None:
    """Names of fields from the wire compare without regard to case."""

    def handler(request: mooring.Request) -> mooring.Response:
        fields = [(b"Date", b"now"), (name, b"a=1")]
        return mooring.Response(200, headers=fields, stream=Body(b"x"))

    client = world.client(handler)
    world.call(client, "get", A)

    assert {"a": "1"} == dict(client.cookies)


def test_coding_added_by_a_hook_is_undone(world: World) -> None:
    """What a hook says about the body counts, though the client had looked already."""

    def handler(request: mooring.Request) -> mooring.Response:
        stream = Body(gzip.compress(b"abc"))
        return mooring.Response(200, headers=[(b"Date", b"now")], stream=stream)

    def mend(response: mooring.Response) -> None:
        response.headers["Content-Encoding"] = "gzip"

    client = world.client(handler, event_hooks={"response": [world.hook(mend)]})

    assert b"abc" == world.call(client, "get", A).content
