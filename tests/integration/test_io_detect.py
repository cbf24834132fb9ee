"""Which library runs here: asked from inside each of them."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest
import trio

from mooring._io.detect import current_async_backend_name


async def _ask() -> str:
    return current_async_backend_name()


def test_asyncio_is_recognised() -> None:
    """Inside a running loop the answer is asyncio, also in a bare callback."""
    answers: list[str] = []

    async def main() -> None:
        asyncio.get_running_loop().call_soon(
            lambda: answers.append(current_async_backend_name())
        )
        await asyncio.sleep(0)
        answers.append(await _ask())

    asyncio.run(main())

    assert ["asyncio", "asyncio"] == answers


def test_trio_is_recognised() -> None:
    """Inside a trio task the answer is trio."""
    assert trio.run(_ask) == "trio"


def test_a_guest_and_its_host_are_told_apart() -> None:
    """trio as a guest in asyncio's loop: each side is itself."""
    answers: list[str] = []

    async def host() -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        loop = asyncio.get_running_loop()

        async def guest() -> None:
            answers.append(await _ask())
            await trio.lowlevel.checkpoint()

        trio.lowlevel.start_guest_run(
            guest,
            run_sync_soon_threadsafe=loop.call_soon_threadsafe,
            done_callback=lambda _: done.set_result(None),
        )
        await done
        answers.append(await _ask())

    asyncio.run(host())

    assert ["trio", "asyncio"] == answers


def test_neither_is_an_error_that_says_what_to_do() -> None:
    """Outside of both there is no answer."""
    with pytest.raises(RuntimeError, match=r"asyncio\.run\(\) or trio\.run\(\)"):
        current_async_backend_name()


def test_asking_imports_neither() -> None:
    """A program that uses neither does not pay for them."""
    program = (
        "import sys\n"
        "from mooring._io.detect import current_async_backend_name as ask\n"
        "before = set(sys.modules)\n"
        "try: ask()\n"
        "except RuntimeError: print(set(sys.modules) - before)\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert "set()" == answer.stdout.strip()
