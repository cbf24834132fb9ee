"""Scenarios: servers that close, answer out of turn, or answer early."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable

from tests.integration.servers import (
    Connection,
    Ending,
    Gate,
    client_sockets,
    in_company_of,
    keep_alive,
)

from .clients import Answer, Make, Settings
from .measure import Loss, Origin, closes, soon, turns, until

POISON = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"
PIECE = b"x" * 65536
PIECES = 200
UPLOADS = 10
PAUSE_SECONDS = 1.0
"""Longer than an expiry that is asked for, by enough."""


async def expect(asked: Awaitable[Answer], what: str = "the next request") -> None:
    """Expect 200 and ``ok``."""
    answer = await soon(asked, what)
    if (answer.status, answer.body) != (200, b"ok"):
        text = f"{what} was answered {answer.status} {answer.body[:20]!r}"
        raise Loss("wrong answer", text)


async def ten_stale_connections(make: Make) -> None:
    """The server closes ten idle connections while the loop is busy; ten GETs."""
    with Origin(default=in_company_of(10)) as origin:
        subject = make(Settings(connections=10))
        asked = (subject.get(origin.url + "together") for _ in range(10))
        await soon(asyncio.gather(*asked), "ten requests")
        origin.restart(Ending.FIN)  # blocks: the loop hears nothing
        for _ in range(10):
            await expect(subject.get(origin.url))
        await closes(subject, origin)


async def post_after_close(make: Make) -> None:
    """The server closes an idle connection while the loop is busy; then a POST."""
    with Origin() as origin:
        subject = make(Settings())
        await expect(subject.get(origin.url), "the first request")
        origin.restart(Ending.FIN)
        await expect(subject.post(origin.url, b"order"), "the POST")


def leaves_at_second(connection: Connection) -> None:
    """Answer once; leave when asked again."""
    if connection.request() is not None:
        connection.respond()
        connection.request()


async def cut_when_used_again(make: Make) -> None:
    """The server closes a connection as it gets a second GET on it."""
    with Origin(leaves_at_second) as origin:
        subject = make(Settings())
        await expect(subject.get(origin.url), "the first request")
        await expect(subject.get(origin.url))
        await closes(subject, origin)


async def no_order_twice(make: Make) -> None:
    """The same with a POST, which may have been carried out: it is not sent again."""
    with Origin(leaves_at_second) as origin:
        subject = make(Settings())
        await expect(subject.get(origin.url), "the first request")
        try:
            await soon(subject.post(origin.url, b"order"), "the POST")
        except Loss:
            raise
        except Exception:
            pass  # as it should be
        orders = sum(seen.method == "POST" for seen in origin.requests)
        if orders != 1:
            raise Loss("sent twice", f"{orders} POSTs arrived")


async def no_upload_cut_short(make: Make) -> None:
    """The same with a PUT from a generator, which cannot be sent again in full."""

    async def body() -> AsyncIterator[bytes]:
        yield b"all of it"

    with Origin(leaves_at_second, default=chunked) as origin:
        subject = make(Settings())
        await expect(subject.get(origin.url), "the first request")
        try:
            answer = await soon(subject.send("PUT", origin.url, body()), "the PUT")
        except Loss:
            raise
        except Exception:
            return  # as it should be
        if b"all of it" not in answer.body:
            raise Loss("sent without its body", f"the server got {answer.body!r}")


def chunked(connection: Connection) -> None:
    """Answer a request with what came of its body."""
    if connection.request() is None:
        return
    while not connection.received.endswith(b"0\r\n\r\n") and connection.receive():
        pass
    connection.respond(bytes(connection.received).partition(b"\r\n\r\n")[2])


async def unasked_answer(make: Make, *, at_once: bool, busy: bool) -> None:
    with Gate() as gate:

        def script(connection: Connection) -> None:
            connection.request()
            if at_once:
                connection.send(
                    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" + POISON
                )
            else:
                connection.respond()
                connection.hold(gate)
                connection.send(POISON)
            connection.tell("sent")
            keep_alive(connection)

        with Origin(script) as origin:
            subject = make(Settings())
            await expect(subject.get(origin.url), "the first request")
            gate.open()
            origin.wait_until(lambda: origin.told)  # blocks: the loop hears nothing
            if not busy:
                await asyncio.sleep(0.1)
            await expect(subject.get(origin.url))


async def answer_behind_the_answer(make: Make) -> None:
    """A second response in the same packet as the first (response poisoning)."""
    await unasked_answer(make, at_once=True, busy=False)


async def answer_while_idle(make: Make) -> None:
    """A response that nobody asked for arrives on an idle connection."""
    await unasked_answer(make, at_once=False, busy=False)


async def answer_before_use(make: Make) -> None:
    """The same, while the loop is busy: it lies there when the next request starts."""
    await unasked_answer(make, at_once=False, busy=True)


async def early_answer(make: Make, *, then_close: bool) -> None:
    def script(connection: Connection) -> None:
        connection.receive()
        connection.respond(
            b"no", status="413 Content Too Large", more="Connection: close\r\n"
        )
        if not then_close:
            connection.half_close()
            with Gate() as never:
                connection.hold_unread(never)

    async def body() -> AsyncIterator[bytes]:
        for _ in range(PIECES):
            yield PIECE
            await asyncio.sleep(0)

    # Sometimes the answer is read before the reset is noticed: once proves nothing.
    failed: list[Exception] = []
    with Origin(default=script) as origin:
        for _ in range(UPLOADS):
            subject = make(Settings())
            try:
                answer = await soon(subject.send("POST", origin.url, body()), "upload")
            except Loss:
                raise
            except Exception as error:
                failed.append(error)
            else:
                assert answer.status == 413
    if failed:
        text = f"{len(failed)} of {UPLOADS} uploads: {type(failed[0]).__name__}"
        raise Loss("error", text)


async def early_answer_then_silence(make: Make) -> None:
    """413 during the upload; the server reads no more, but keeps the connection."""
    await early_answer(make, then_close=False)


async def early_answer_then_reset(make: Make) -> None:
    """413 during the upload; the server closes without having read all."""
    await early_answer(make, then_close=True)


async def half_closed(make: Make) -> None:
    """The server ends its side after an answer, but does not say so in it."""

    def script(connection: Connection) -> None:
        connection.request()
        connection.respond()
        connection.half_close()
        connection.tell("ended")
        connection.until_gone()

    with Origin(script) as origin:
        subject = make(Settings())
        await expect(subject.get(origin.url), "the first request")
        origin.wait_until(lambda: origin.told)
        await turns()
        await expect(subject.get(origin.url))


async def closed_in_a_quiet_hour(make: Make) -> None:
    """The server closes five idle connections; no more traffic (CLOSE_WAIT)."""
    with Origin(default=in_company_of(5)) as origin:
        subject = make(Settings(connections=5))
        asked = (subject.get(origin.url + "together") for _ in range(5))
        await soon(asyncio.gather(*asked), "five requests")
        port = origin.port
        origin.stop()
        if not await until(lambda: not client_sockets(port), PAUSE_SECONDS):
            text = f"{client_sockets(port)} in CLOSE_WAIT after {PAUSE_SECONDS:.0f} s"
            raise Loss("socket leaked", text)


async def expiry_without_traffic(make: Make) -> None:
    """Five idle connections that expire after 0.3 seconds; no more traffic."""
    with Origin(default=in_company_of(5)) as origin:
        subject = make(Settings(connections=5, keepalive_expiry=0.3))
        asked = (subject.get(origin.url + "together") for _ in range(5))
        await soon(asyncio.gather(*asked), "five requests")
        if not await until(lambda: not client_sockets(origin.port), PAUSE_SECONDS):
            text = f"{client_sockets(origin.port)} open after {PAUSE_SECONDS:.0f} s"
            raise Loss("stays open", text)


async def expiry_before_use(make: Make) -> None:
    """An idle connection is used again before its expiry, and not after it."""
    with Origin() as origin:
        subject = make(Settings(keepalive_expiry=0.5))
        for _ in range(2):
            await expect(subject.get(origin.url))
        if origin.accepted != 1:
            raise Loss("dials again", "an idle connection was not used")
        await asyncio.sleep(PAUSE_SECONDS)
        await expect(subject.get(origin.url))
        if origin.accepted != 2:
            raise Loss("stays open", "an expired connection was used")


async def servers_own_timeout(make: Make) -> None:
    """The server says Keep-Alive: timeout=1; a GET after 1.2 seconds."""

    def script(connection: Connection) -> None:
        while connection.request() is not None:
            connection.respond(more="Keep-Alive: timeout=1\r\n")

    with Origin(default=script) as origin:
        subject = make(Settings())
        await expect(subject.get(origin.url), "the first request")
        await asyncio.sleep(1.2)
        await expect(subject.get(origin.url))
        if origin.accepted != 2:
            raise Loss("ignored", "the connection was used after its time")


SCENARIOS = (
    ten_stale_connections,
    post_after_close,
    cut_when_used_again,
    no_order_twice,
    no_upload_cut_short,
    answer_behind_the_answer,
    answer_while_idle,
    answer_before_use,
    early_answer_then_silence,
    early_answer_then_reset,
    half_closed,
    closed_in_a_quiet_hour,
    expiry_without_traffic,
    expiry_before_use,
    servers_own_timeout,
)
