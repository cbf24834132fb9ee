"""The main job on a server that others wrote: Debian's nginx, on real files."""

from __future__ import annotations

import hashlib
import re
import tracemalloc
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from pathlib import Path
from types import SimpleNamespace

import pytest

import mooring
from mooring._cli import main
from tests.integration.nginx import BIG_BYTES, FILES, ROOT, Nginx, running_nginx
from tests.integration.servers import client_sockets, established
from tests.integration.worlds import (
    ALL,
    EVERYWHERE,
    Caller,
    World,
    at_once,
    caller,
    eventually,
    in_worlds,
)

MIB = 1024 * 1024
MOST_MEMORY = 16 * MIB
UPLOAD = b"".join(b"%07d\n" % number for number in range(10 * MIB // 8))
FLEET = 20
FLEET_LIMITS = mooring.Limits(max_connections=FLEET)
SCRIPT = re.compile(r"(?ms)^```python\n(.*?)^```\n")
SCRIPTS = [
    code
    for code in SCRIPT.findall((ROOT / "README.md").read_text("utf-8"))
    if "range(500)" in code
]


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    with running_nginx(tmp_path_factory.mktemp("nginx")) as server:
        yield server


# -- the scripts of the README ----------------------------------------------------


def test_the_readme_shows_the_three_worlds() -> None:
    """One script each for asyncio, trio and threads; the first has ten lines."""
    assert 3 == len(SCRIPTS)
    assert 10 == len(SCRIPTS[0].splitlines())
    words = ["asyncio.run(", "trio.run(", "ThreadPoolExecutor("]
    assert all(word in code for word, code in zip(words, SCRIPTS, strict=True))


@pytest.mark.parametrize("code", SCRIPTS, ids=["asyncio", "trio", "threads"])
def test_the_script_of_the_readme(code: str, nginx: Nginx) -> None:
    """500 URLs come down byte for byte, over no more than 20 connections."""
    before = nginx.accepted()
    left = SimpleNamespace()
    exec(code.replace("http://localhost:8000", nginx.url), left.__dict__)

    bodies = left.bodies
    if isinstance(bodies, dict):
        bodies = [bodies[f"{nginx.url}/files/{n}"] for n in range(FILES)]
    assert [nginx.file(n) for n in range(FILES)] == bodies
    assert nginx.accepted() - before - 1 <= FLEET
    assert 0 == client_sockets(nginx.port)


def test_the_command_fetches_the_documentation(
    nginx: Nginx, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """``mooring get`` prints each page of the tree as it is on the disk."""
    pages = sorted((nginx.site / "docs").rglob("*.md"))
    assert len(pages) > 5
    for page in pages:
        assert 0 == main(["get", f"{nginx.url}/{page.relative_to(nginx.site)}"])
        out, err = capfdbinary.readouterr()
        assert page.read_bytes() == out
        assert err.startswith(b"HTTP/1.1 200 OK\n")


def test_the_command_fetches_the_big_file(nginx: Nginx, tmp_path: Path) -> None:
    """``mooring get -o`` writes 100 MiB as they are."""
    assert 0 == main(["get", "-o", str(tmp_path / "big"), f"{nginx.url}/big"])
    with (tmp_path / "big").open("rb") as file:
        assert nginx.big_sha256 == hashlib.file_digest(file, "sha256").hexdigest()


# -- a body larger than one wants in memory ------------------------------------------


async def streamed(client: Caller, url: str) -> tuple[str, int]:
    """Return the digest of what is at *url*, and the most memory it took to get it."""
    digest = hashlib.sha256()
    async with client.stream("GET", url) as response:
        if client.is_sync:
            for piece in response.iter_bytes():
                digest.update(piece)
        else:
            async for piece in response.aiter_bytes():
                digest.update(piece)
    return digest.hexdigest(), tracemalloc.get_traced_memory()[1]


async def first_piece(client: Caller, response: mooring.Response) -> bytes:
    if client.is_sync:
        return next(response.iter_bytes())
    pieces = response.aiter_bytes()
    assert isinstance(pieces, AsyncGenerator)
    async with aclosing(pieces):
        return await anext(pieces)


@pytest.mark.parametrize("scheme", ["http", "https"])
@in_worlds(*EVERYWHERE)
async def test_the_big_file_streamed(world: World, scheme: str, nginx: Nginx) -> None:
    """100 MiB pass through a few; the connection serves again."""
    url = nginx.url if scheme == "http" else nginx.tls_url
    async with caller(world, verify=nginx.trusting()) as client:
        await client.get(f"{url}/files/0")  # what is made once is not what is asked
        tracemalloc.start()
        try:
            digest, most = await streamed(client, f"{url}/big")
        finally:
            tracemalloc.stop()
        again = await client.get(f"{url}/files/1")

        assert nginx.big_sha256 == digest
        assert most < MOST_MEMORY
        assert nginx.file(1) == again.content
        assert 1 == client.stats.dials


@in_worlds(*ALL)
async def test_the_big_file_read_whole(world: World, nginx: Nginx) -> None:
    """``get`` returns all of it."""
    async with caller(world) as client:
        response = await client.get(f"{nginx.url}/big")

        assert BIG_BYTES == len(response.content)
        assert nginx.big_sha256 == hashlib.sha256(response.content).hexdigest()


@in_worlds(*ALL)
async def test_the_big_file_left_early(world: World, nginx: Nginx) -> None:
    """Its connection is closed rather than read to the end; the next is new."""
    async with caller(world) as client:
        async with client.stream("GET", f"{nginx.url}/big") as response:
            piece = await first_piece(client, response)
        again = await client.get(f"{nginx.url}/files/1")

        assert len(piece) < BIG_BYTES
        assert nginx.file(1) == again.content
        assert 1 == client.stats.closed["abandoned"]


# -- what HTTP/1.1 can look like -------------------------------------------------------


@in_worlds(*EVERYWHERE)
async def test_answers_of_all_shapes_share_one_connection(
    world: World, nginx: Nginx
) -> None:
    """HEAD, 206, 304, 404, gzip, ready-made gzip and chunks end where they end."""
    page = nginx.file(7)
    async with caller(world) as client:
        plain = await client.get(f"{nginx.url}/files/7")
        head = await client.request("HEAD", f"{nginx.url}/files/7")
        part = await client.get(f"{nginx.url}/files/7", headers={"Range": "bytes=2-9"})
        same = await client.get(
            f"{nginx.url}/files/7", headers={"If-None-Match": plain.headers["ETag"]}
        )
        gone = await client.get(f"{nginx.url}/files/nowhere")
        packed = await client.get(f"{nginx.url}/packed/7")
        ready = await client.get(f"{nginx.url}/ready-packed/page.txt")
        pieces = await client.get(f"{nginx.url}/pieces/7")

    assert (200, page) == (plain.status_code, plain.content)
    assert (200, b"") == (head.status_code, head.content)
    assert len(page) == int(head.headers["Content-Length"])
    assert (206, page[2:10]) == (part.status_code, part.content)
    assert f"bytes 2-9/{len(page)}" == part.headers["Content-Range"]
    assert (304, b"") == (same.status_code, same.content)
    assert (404, True) == (gone.status_code, b"404 Not Found" in gone.content)
    assert ("gzip", page) == (packed.headers["Content-Encoding"], packed.content)
    assert ("gzip", b"packed\n" * 1000) == (
        ready.headers["Content-Encoding"],
        ready.content,
    )
    assert ("chunked", page) == (pieces.headers["Transfer-Encoding"], pieces.content)
    answers = [plain, head, part, same, gone, packed, ready, pieces]
    assert 1 == len({answer.headers["X-Connection"] for answer in answers})
    assert list("12345678") == [answer.headers["X-Requests"] for answer in answers]


@in_worlds(*EVERYWHERE)
async def test_a_server_that_announces_the_last_answer(
    world: World, nginx: Nginx
) -> None:
    """Every third answer says ``Connection: close``; nothing is sent after it."""
    async with caller(world) as client:
        answers = [await client.get(f"{nginx.url}/thrice/1") for _ in range(9)]

        assert list("123123123") == [a.headers["X-Requests"] for a in answers]
        assert 0 == client.stats.retries


# -- uploads ---------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["bytes", "iterator"])
@in_worlds(*EVERYWHERE)
async def test_an_upload(world: World, how: str, nginx: Nginx) -> None:
    """10 MiB arrive as they were, with a length or in chunks."""
    name = f"upload/{world.name}-{how}"
    content = UPLOAD
    async with caller(world) as client:
        if how == "iterator":
            step = 100_000
            content = client.body(
                UPLOAD[at : at + step] for at in range(0, len(UPLOAD), step)
            )
        response = await client.request("PUT", f"{nginx.url}/{name}", content=content)
        again = await client.get(f"{nginx.url}/files/1")

        assert 201 == response.status_code
        assert UPLOAD == (nginx.site / name).read_bytes()
        assert nginx.file(1) == again.content
        assert 1 == client.stats.dials


@pytest.mark.parametrize("how", ["bytes", "iterator"])
@in_worlds(*EVERYWHERE)
async def test_an_upload_that_is_refused(world: World, how: str, nginx: Nginx) -> None:
    """The server's answer is what the caller gets, not the broken pipe after it."""
    async with caller(world) as client:
        body = client.body([UPLOAD] * 3) if how == "iterator" else UPLOAD
        response = await client.request("PUT", f"{nginx.url}/small/1", content=body)

        assert 413 == response.status_code
        assert 0 == client.stats.leases


# -- a server that goes away -------------------------------------------------------


@in_worlds(*EVERYWHERE)
async def test_a_reload_loses_nothing(world: World, nginx: Nginx) -> None:
    """A new worker takes over in the middle of 500 requests; each is answered."""
    urls = iter(range(100_000))
    workers: set[str] = set()
    answered = 0

    async with caller(world, limits=FLEET_LIMITS) as client:

        async def keep_asking() -> None:
            nonlocal answered
            # The old worker may take its time: no end before both have answered.
            while answered < FILES or len(workers) < 2:
                number = next(urls)
                response = await client.get(f"{nginx.url}/files/{number % FILES}")
                assert 200 == response.status_code
                assert nginx.file(number % FILES) == response.content
                workers.add(response.headers["X-Worker"])
                answered += 1
                if answered == 100:
                    nginx.reload()

        assert [None] * FLEET == await at_once(world, [keep_asking] * FLEET)
        assert client.stats.most_connections <= FLEET
        assert 0 == client.stats.leases


@in_worlds(*ALL)
async def test_a_server_less_patient_than_we(world: World, nginx: Nginx) -> None:
    """nginx closes after a second, we would have kept for five: a new one serves."""
    async with caller(world) as client:
        await client.get(f"{nginx.url}/impatient/1")
        await eventually(world, lambda: not established(nginx.port))
        # A POST is sent once only: that the old one is gone has to be known before.
        response = await client.post(f"{nginx.url}/form", content=b"x")

        assert "taken" == response.text
        assert 2 == client.stats.dials
        assert 0 == client.stats.retries
        assert 1 == client.stats.closed["dead"]


@in_worlds(*ALL)
async def test_we_less_patient_than_the_server(world: World, nginx: Nginx) -> None:
    """nginx keeps connections for a minute, we close ours when its time is over."""
    limits = mooring.DEFAULT_LIMITS.replace(keepalive_expiry=0.2)
    async with caller(world, limits=limits) as client:
        await client.get(f"{nginx.url}/files/1")
        await eventually(world, lambda: not client_sockets(nginx.port))

        assert {"expired": 1} == client.stats.closed
