"""Rows of the catalogue about processes, loops and the end of both."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import trio

import mooring
from tests.integration.servers import (
    LONG,
    Connection,
    Gate,
    Origin,
    client_sockets,
    held_by,
)

ONE = mooring.Limits(max_connections=1, max_keepalive_connections=1)


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run *program* in an interpreter of its own, as strict as this one."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", program, *arguments],
        timeout=LONG,
        check=False,
        capture_output=True,
        text=True,
    )


def echo(connection: Connection) -> None:
    while (request := connection.request()) is not None:
        connection.respond(request.target.encode())


@pytest.fixture
def echoing() -> Iterator[Origin]:
    with Origin(default=echo) as origin:
        yield origin


BUSY_FORK = """
import os, sys, threading, mooring
url = sys.argv[1]
limits = mooring.Limits(max_connections=1, max_keepalive_connections=1)
client = mooring.Client(limits=limits, timeout=mooring.Timeout(20, pool=None))
request = client.build_request("GET", url + "long")
response = client.send(request, stream=True)
waiting = threading.Thread(target=lambda: client.get(url + "waits"))
waiting.start()
while not client._transport.stats().queued:
    pass
pid = os.fork()
if not pid:
    try:
        status = 0 if client.get(url + "child").text == "ok" else 1
    except BaseException as error:
        print(repr(error), file=sys.stderr)
        status = 2
    os._exit(status)
code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
mooring.get(url + "go")
assert len(response.read()) == 10
waiting.join()
client.close()
sys.exit(code)
"""


@contextmanager
def half_held() -> Iterator[Origin]:
    """Serve half of ``/long`` until somebody asks for ``/go``."""
    with Gate() as gate:

        def script(connection: Connection) -> None:
            while (request := connection.request()) is not None:
                if request.target != "/long":
                    if request.target == "/go":
                        gate.open()
                    connection.respond()
                    continue
                connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234")
                connection.hold_unread(gate)
                connection.send(b"56789")

        with Origin(default=script) as origin:
            yield origin


def test_row_86_fork_with_a_busy_pool() -> None:
    """The child begins with an empty pool and free locks; the parent goes on."""
    with half_held() as origin:
        done = run(BUSY_FORK, origin.url)
    assert (0, "") == (done.returncode, done.stderr)
    assert ["/child", "/go", "/long", "/waits"] == sorted(origin.targets())


INHERITED = """
import os, sys, mooring
url = sys.argv[1]
client = mooring.Client()
response = client.send(client.build_request("GET", url + "long"), stream=True)
pid = os.fork()
if not pid:
    try:
        response.read()
    except mooring.ReadError as error:
        os._exit(0 if str(error) else 1)
    except BaseException as error:
        print(repr(error), file=sys.stderr)
    os._exit(2)
code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
client.get(url + "go")
assert len(response.read()) == 10
client.close()
sys.exit(code)
"""


def test_row_87_a_response_that_the_child_inherits() -> None:
    """It is an error there, and the parent reads its own to the end."""
    with half_held() as origin:
        done = run(INHERITED, origin.url)
    assert (0, "") == (done.returncode, done.stderr)


def test_row_88_asyncio_run_twice(echoing: Origin) -> None:
    """The client works in the second loop; what the first left is dropped."""
    client = mooring.AsyncClient(limits=ONE)

    async def ask() -> int:
        return (await client.get(echoing.url)).status_code

    async def ask_and_close() -> int:
        status = await ask()
        await client.aclose()
        return status

    def in_two_loops() -> None:
        assert [200, 200] == [asyncio.run(ask()), asyncio.run(ask_and_close())]
        gc.collect()

    with pytest.warns(ResourceWarning, match="unclosed transport"):
        in_two_loops()
    assert 0 == client_sockets(echoing.port)


def test_row_89_asyncio_and_then_trio(echoing: Origin) -> None:
    """The loop before is over: the client goes on in the other world."""
    client = mooring.AsyncClient(limits=ONE)

    async def ask() -> int:
        return (await client.get(echoing.url)).status_code

    async def ask_and_close() -> int:
        status = await ask()
        await client.aclose()
        return status

    def in_two_worlds() -> None:
        assert 200 == asyncio.run(ask())
        assert 200 == trio.run(ask_and_close)
        gc.collect()

    with pytest.warns(ResourceWarning, match="unclosed transport"):
        in_two_worlds()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_row_90_the_loop_is_closed_while_requests_wait() -> None:
    """Nobody can be woken there; the next loop is served, without complaints."""
    client = mooring.AsyncClient(limits=ONE, timeout=mooring.Timeout(LONG, pool=None))

    async def begin(url: str) -> list[asyncio.Task[mooring.Response]]:
        tasks = [asyncio.ensure_future(client.get(url + "held")) for _ in range(3)]
        await asyncio.to_thread(origin.wait_until, lambda: origin.requests)
        return tasks

    async def ask() -> int:
        status = (await client.get(origin.url)).status_code
        await client.aclose()
        return status

    with Gate() as gate, Origin(default=held_by(gate)) as origin:
        complaints: list[object] = []
        loop = asyncio.new_event_loop()
        loop.set_exception_handler(lambda _, context: complaints.append(context))
        tasks = loop.run_until_complete(begin(origin.url))
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()

        assert 200 == asyncio.run(ask())
        assert [False] * 3 == [task.done() for task in tasks]
        gate.open()
    assert [] == complaints
    # Here, where it is expected, and not in the middle of another test.
    del tasks, loop
    gc.collect()


EXITS = {
    "normal": """
import sys, mooring
client = mooring.Client()
client.get(sys.argv[1])
""",
    "daemon threads": """
import sys, threading, mooring
client = mooring.Client()
def ask():
    while True:
        client.get(sys.argv[1])
for _ in range(3):
    threading.Thread(target=ask, daemon=True).start()
client.get(sys.argv[1])
""",
    "an open response": """
import sys, mooring
client = mooring.Client()
response = client.send(client.build_request("GET", sys.argv[1]), stream=True)
""",
    "exit in a task": """
import asyncio, sys, mooring
async def main():
    client = mooring.AsyncClient()
    await client.get(sys.argv[1])
    other = asyncio.ensure_future(client.get(sys.argv[1]))
    await asyncio.sleep(0)
    sys.exit(0)
asyncio.run(main())
""",
}


@pytest.mark.parametrize("how", EXITS)
def test_row_91_exit_with_an_open_pool(echoing: Origin, how: str) -> None:
    """No traceback and no hang."""
    done = subprocess.run(
        [sys.executable, "-c", EXITS[how], echoing.url],
        timeout=LONG,
        check=False,
        capture_output=True,
        text=True,
    )
    assert (0, "") == (done.returncode, done.stderr)


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_row_92_a_client_collected_in_another_thread(echoing: Origin) -> None:
    """Its sockets are closed, and no loop is called from where it does not run."""

    async def main() -> None:
        clients = [mooring.AsyncClient(limits=ONE)]
        await clients[0].get(echoing.url)

        def drop() -> None:
            clients.clear()
            gc.collect()

        thread = threading.Thread(target=drop)
        thread.start()
        await asyncio.to_thread(thread.join, LONG)

    asyncio.run(main())
    gc.collect()
    assert 0 == client_sockets(echoing.port)


HANDLER = """
import os, signal, sys, mooring
transport = mooring.HTTPTransport()
client = mooring.Client(transport=transport)
client.get(sys.argv[1])
told = []
def ask(*_):
    try:
        client.get(sys.argv[1])
    except BaseException as error:
        told.append(error)
signal.signal(signal.SIGUSR1, ask)
def strike():
    os.kill(os.getpid(), signal.SIGUSR1)
transport._pool.alone(strike)
assert told and isinstance(told[0], RuntimeError), told
assert str(told[0])
client.get(sys.argv[1])
strike()
assert len(told) == 1
assert transport.stats().leases == 0
client.close()
"""


def test_row_84_a_signal_handler_in_the_critical_section(echoing: Origin) -> None:
    """It is told so; nothing waits for itself, and the next request is served."""
    done = run(HANDLER, echoing.url)
    assert (0, "") == (done.returncode, done.stderr)
