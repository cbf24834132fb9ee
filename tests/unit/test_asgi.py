"""ASGITransport: what the app sees, and what becomes of what it sends."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator
from contextvars import ContextVar
from typing import Any

import pytest
import trio

import mooring
from tests.unit.asgi_apps import (
    START,
    URL,
    Event,
    Message,
    Receive,
    Send,
    body,
    client,
    echo,
    hello,
    in_trio,
    read_all,
    sleep_forever,
    task_count,
    turn,
)


def test_signature_is_httpx_s() -> None:
    """What httpx takes comes first, under its names and with its defaults."""
    parameters = inspect.signature(mooring.ASGITransport).parameters.values()

    assert [
        ("app", inspect.Parameter.empty),
        ("raise_app_exceptions", True),
        ("root_path", ""),
        ("client", ("127.0.0.1", 123)),
    ] == [(p.name, p.default) for p in parameters if p.kind is not p.KEYWORD_ONLY]


async def test_a_request_is_answered() -> None:
    """Status, fields and body are the app's."""
    async with client(hello) as http:
        response = await http.get(URL)

    assert (200, "text/plain", "Hello!") == (
        response.status_code,
        response.headers["content-type"],
        response.text,
    )


async def test_scope() -> None:
    """The scope says of the request what httpx's transport says."""
    scopes: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        scopes.append(scope)
        await hello(scope, receive, send)

    async with client(app, root_path="/sub", client=("10.0.0.1", 99)) as http:
        http.headers.clear()
        url = "https://User@App.test:8443/caf%C3%A9/a%2Fb?q=%20x#part"
        await http.request("PATCH", url, headers={"X-Thing": "1"}, auth=None)

    scope = scopes[0]
    scope.pop("extensions")
    assert (b"x-thing", b"1") in scope.pop("headers")
    assert {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "PATCH",
        "scheme": "https",
        "path": "/café/a/b",
        "raw_path": b"/caf%C3%A9/a%2Fb",
        "query_string": b"q=%20x",
        "server": ("app.test", 8443),
        "client": ("10.0.0.1", 99),
        "root_path": "/sub",
    } == scope


async def test_scope_without_a_port() -> None:
    """A URL that names no port leaves it open, and raw_path has no query."""
    scopes: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        scopes.append(scope)
        await hello(scope, receive, send)

    async with client(app) as http:
        await http.get("http://app.test/path?query")

    assert (("app.test", None), b"/path") == (
        scopes[0]["server"],
        scopes[0]["raw_path"],
    )


async def test_request_bodies_are_handed_on() -> None:
    """A body in memory is one message, and the end of it another."""
    messages: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        messages.extend([await receive(), await receive()])
        await hello(scope, receive, send)

    async with client(app) as http:
        await http.post(URL, content=b"question")

    assert [
        {"type": "http.request", "body": b"question", "more_body": True},
        {"type": "http.request", "body": b"", "more_body": False},
    ] == messages


async def test_both_bodies_stream_at_once() -> None:
    """The answer to the first piece is read before the last piece is made."""
    log: list[str] = []

    async def questions() -> AsyncIterator[bytes]:
        for number in range(3):
            log.append(f"ask {number}")
            yield b"%d" % number

    http = client(echo)
    async with http, http.stream("POST", URL, content=questions()) as response:
        async for piece in response.aiter_raw():
            log += [f"read {piece.decode()}"]

    assert ["read 0", "read 1", "read 2"] == [x for x in log if x.startswith("read")]
    assert log.index("read 0") < log.index("ask 2")


async def test_an_upload_is_made_as_it_is_received() -> None:
    """A piece of the request is not made before the app asks for it."""
    made: list[int] = []
    made_before: list[list[int]] = []

    async def pieces() -> AsyncIterator[bytes]:
        for number in range(3):
            made.append(number)
            yield b"x"

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        more = True
        while more:
            for _ in range(10):
                await turn()
            made_before.append(list(made))
            more = (await receive())["more_body"]
        await hello(scope, receive, send)

    async with client(app) as http:
        await http.post(URL, content=pieces())

    assert [[], [0], [0, 1], [0, 1, 2]] == made_before


async def test_a_receive_that_is_cancelled_loses_nothing() -> None:
    """Apps look for a disconnect by cancelling a receive(); the body stays whole."""
    bodies: list[bytes] = []
    may_go_on = Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield b"one "
        await may_go_on.wait()
        yield b"two"

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        first = (await receive())["body"]
        await cancel_at_once(receive)
        may_go_on.set()
        bodies.append(first + await read_all(receive))
        await hello(scope, receive, send)

    async with client(app) as http:
        await http.post(URL, content=slowly())

    assert [b"one two"] == bodies


async def cancel_at_once(receive: Receive) -> None:
    """Do what Starlette does to ask whether the client is gone."""
    if in_trio():
        with trio.CancelScope() as scope:
            scope.cancel()
            await receive()
        return
    task = asyncio.ensure_future(receive())
    await turn()
    task.cancel()
    await asyncio.wait({task})


async def test_an_upload_that_fails() -> None:
    """What the body of the request raises goes through the app to the caller."""

    async def broken() -> AsyncIterator[bytes]:
        yield b"x"
        raise ZeroDivisionError("upload")

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await read_all(receive)

    async with client(app) as http:
        with pytest.raises(ZeroDivisionError, match="upload"):
            await http.post(URL, content=broken())


async def test_an_upload_that_nobody_reads() -> None:
    """An app need not read the request; its generator is closed all the same."""
    closed: list[bool] = []

    async def endless() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x"
        finally:
            closed.append(True)

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        await hello(scope, receive, send)

    before = task_count()
    async with client(app) as http:
        response = await http.post(URL, content=endless())

    assert (200, [True], before) == (response.status_code, closed, task_count())


async def test_the_head_does_not_wait_for_the_body() -> None:
    """A response is there when its head is, though the app waits for the caller."""
    may_go_on = Event()

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await send(START)
        await may_go_on.wait()
        await send(body(b"late"))

    async with client(app) as http, http.stream("GET", URL) as response:
        status = response.status_code
        may_go_on.set()
        content = await response.aread()

    assert (200, b"late") == (status, content)


async def test_the_app_waits_for_the_reader() -> None:
    """No more than one piece is ready before somebody asks for the next."""
    log: list[str] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await send(START)
        for number in range(3):
            await send(body(b"%d" % number, more=True))
            log.append(f"sent {number}")
        await send(body(b""))

    async with client(app) as http, http.stream("GET", URL) as response:
        async for piece in response.aiter_raw():
            for _ in range(10):
                await turn()
            log.append(f"read {piece.decode()}")

    assert ["sent 0", "read 0", "sent 1", "read 1", "sent 2", "read 2"] == log


async def test_empty_pieces_are_left_out() -> None:
    """An app may send nothing; a reader is not given it."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await send(START)
        for data in (b"", b"a", b"", b"b"):
            await send(body(data, more=True))
        await send({"type": "http.response.body"})

    async with client(app) as http, http.stream("GET", URL) as response:
        pieces = [piece async for piece in response.aiter_raw()]

    assert [b"a", b"b"] == pieces


async def test_head_responses_have_no_body() -> None:
    """What an app sends in answer to HEAD is dropped, as a server would."""
    async with client(hello) as http:
        response = await http.head(URL)

    assert b"" == response.content


async def test_a_disconnect_follows_the_response() -> None:
    """An app that receives after its response is told that this was all."""
    messages: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await read_all(receive)
        await hello(scope, receive, send)
        messages.append(await receive())

    async with client(app) as http:
        await http.get(URL)

    assert [{"type": "http.disconnect"}] == messages


async def test_work_after_the_response_is_done_before_it_is_given() -> None:
    """Background work of a framework is over when get() returns, as with httpx."""
    done: list[bool] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await hello(scope, receive, send)
        for _ in range(5):
            await turn()
        done.append(True)

    async with client(app) as http:
        await http.get(URL)

    assert [True] == done


async def test_work_after_the_response_needs_no_reader() -> None:
    """Closing a response that is complete lets the app finish what it does."""
    done: list[bool] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await hello(scope, receive, send)
        for _ in range(5):
            await turn()
        done.append(True)

    async with client(app) as http, http.stream("GET", URL):
        pass

    assert [True] == done


async def test_the_app_sees_the_callers_context() -> None:
    """Context variables of the caller are the app's; what it sets stays with it."""
    variable: ContextVar[str] = ContextVar("variable", default="unset")
    seen: list[str] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        seen.append(variable.get())
        variable.set("the app's")
        await hello(scope, receive, send)

    variable.set("the caller's")
    async with client(app) as http:
        await http.get(URL)

    assert (["the caller's"], "the caller's") == (seen, variable.get())


async def test_debug_messages_are_kept() -> None:
    """What a template engine says of its context is in the response's extensions."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        assert "http.response.debug" in scope["extensions"]
        await send({"type": "http.response.debug", "info": {"template": "t.html"}})
        await hello(scope, receive, send)

    async with client(app) as http:
        response = await http.get(URL)

    assert {"template": "t.html"} == response.extensions["http.response.debug"]


async def test_unknown_messages_are_ignored() -> None:
    """Extensions that nobody offered do no harm."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.nonsense"})
        await hello(scope, receive, send)

    async with client(app) as http:
        assert "Hello!" == (await http.get(URL)).text


# -- failures --------------------------------------------------------------------


async def fail_before(scope: Message, receive: Receive, send: Send) -> None:
    raise ZeroDivisionError("before")


async def fail_after_head(scope: Message, receive: Receive, send: Send) -> None:
    await send({**START, "status": 206})
    raise ZeroDivisionError("after the head")


async def fail_in_body(scope: Message, receive: Receive, send: Send) -> None:
    await send({**START, "status": 206})
    await send(body(b"begun", more=True))
    raise ZeroDivisionError("in the body")


async def fail_after_body(scope: Message, receive: Receive, send: Send) -> None:
    await send({**START, "status": 206})
    await send(body(b"all"))
    await turn()
    raise ZeroDivisionError("after the body")


FAILURES = [fail_before, fail_after_head, fail_in_body, fail_after_body]


@pytest.mark.parametrize("app", FAILURES)
async def test_what_the_app_raises_is_raised(app: Any) -> None:
    """Whenever an app fails, the caller hears of it, and nothing is left running."""
    before = task_count()
    async with client(app) as http:
        with pytest.raises(ZeroDivisionError):
            await http.get(URL)

        assert before == task_count()


@pytest.mark.parametrize(
    ("app", "expected"),
    [
        (fail_before, (500, b"")),
        (fail_after_head, (206, b"")),
        (fail_in_body, (206, b"begun")),
        (fail_after_body, (206, b"all")),
    ],
)
async def test_what_the_app_raises_is_a_response(app: Any, expected: Any) -> None:
    """With raise_app_exceptions=False a failure looks as it does from outside."""
    async with client(app, raise_app_exceptions=False) as http:
        response = await http.get(URL)

    assert expected == (response.status_code, response.content)


async def test_a_failure_is_raised_while_reading() -> None:
    """What came before it can be read."""
    pieces: list[bytes] = []
    async with client(fail_in_body) as http:
        with pytest.raises(ZeroDivisionError, match="in the body"):
            async with http.stream("GET", URL) as response:
                async for piece in response.aiter_raw():
                    pieces.append(piece)  # noqa: PERF401 - it ends in an exception

    assert [b"begun"] == pieces


async def test_a_failure_before_the_body_comes_with_the_head() -> None:
    """An app that fails right after its head has given no response."""
    async with client(fail_after_head) as http:
        with pytest.raises(ZeroDivisionError):
            await http.send(http.build_request("GET", URL), stream=True)


async def test_a_failure_that_nobody_read_of_is_raised_on_closing() -> None:
    """A test whose app fails does not pass because it looked at the status only."""
    may_fail = Event()

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await send(START)
        await may_fail.wait()
        raise ZeroDivisionError("unread")

    async with client(app) as http:
        with pytest.raises(ZeroDivisionError, match="unread"):
            async with http.stream("GET", URL):
                may_fail.set()
                for _ in range(10):
                    await turn()


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
async def test_exits_are_not_swallowed(error: type[BaseException]) -> None:
    """What is no Exception reaches the caller even if exceptions do not."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        raise error

    async with client(app, raise_app_exceptions=False) as http:
        with pytest.raises(error):
            await http.get(URL)


async def no_head(scope: Message, receive: Receive, send: Send) -> None:
    """End without a word."""


async def no_end(scope: Message, receive: Receive, send: Send) -> None:
    await send(START)
    await send(body(b"half", more=True))


@pytest.mark.parametrize(
    ("app", "text"),
    [
        (no_head, "the app ended without http.response.start"),
        (no_end, "the app ended before the body of its response did"),
    ],
)
async def test_an_app_that_ends_too_early(app: Any, text: str) -> None:
    """Half a response is an error that says which half is missing."""
    async with client(app) as http:
        with pytest.raises(mooring.RemoteProtocolError, match=text) as caught:
            await http.get(URL)

    assert URL == str(caught.value.request.url)


@pytest.mark.parametrize(
    ("messages", "text"),
    [
        ([body(b"x")], "http.response.body before http.response.start"),
        ([START, START], "a second http.response.start"),
        ([START, body(b"x"), body(b"y")], "after the last one"),
    ],
)
async def test_messages_out_of_order(messages: list[Message], text: str) -> None:
    """The app is told at the send() that is wrong."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    async with client(app) as http:
        with pytest.raises(RuntimeError, match=text):
            await http.get(URL)


async def test_a_synchronous_body_is_refused() -> None:
    """The transport used without a client checks what the client would check."""
    transport = mooring.ASGITransport(hello)
    request = mooring.Request("POST", URL, content=iter([b"x"]))

    with pytest.raises(RuntimeError, match="synchronous"):
        await transport.handle_async_request(request)


# -- the transport itself --------------------------------------------------------


async def test_the_transport_without_a_client() -> None:
    """A response of the bare transport can be read."""
    async with mooring.ASGITransport(hello) as transport:
        response = await transport.handle_async_request(mooring.Request("GET", URL))
        content = await response.aread()

    assert b"Hello!" == content


async def test_closing_the_transport_ends_its_apps() -> None:
    """Responses that were left open do not leave their apps running."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await send(START)
        await sleep_forever()

    before = task_count()
    async with client(app) as http:
        responses = [
            await http.send(http.build_request("GET", URL), stream=True)
            for _ in range(3)
        ]
        assert before + 3 == task_count()

    assert before == task_count()
    for response in responses:
        with pytest.raises(mooring.StreamClosed):
            await response.aread()


async def test_redirects_and_history() -> None:
    """The client follows an app's redirects; each hop is a call of the app."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        if scope["path"] == "/":
            moved = {**START, "status": 302, "headers": [(b"location", b"/there")]}
            await send(moved)
            await send(body(b"moved"))
        else:
            await hello(scope, receive, send)

    before = task_count()
    async with client(app) as http:
        response = await http.get(URL, follow_redirects=True)

    assert ("Hello!", [302], before) == (
        response.text,
        [hop.status_code for hop in response.history],
        task_count(),
    )
