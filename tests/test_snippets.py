"""The Python in README.md and docs/ runs as it stands, against a server of our own.

``http://localhost:8000`` stands for that server. A comment after a block,
``<!-- check: expression -->``, is evaluated with the names that the block left.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"(?ms)^```python\n(.*?)^```\n(?:<!-- check: (.*?) -->)?")
EXAMPLE_URL = "http://localhost:8000"


class Snippet(NamedTuple):
    """One fenced block and what has to hold after it ran."""

    place: str
    code: str
    check: str


def snippets() -> Iterator[Snippet]:
    for page in PAGES:
        text = page.read_text("utf-8")
        for match in BLOCK.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            place = f"{page.relative_to(ROOT).as_posix()}:{line}"
            yield Snippet(place, match[1], match[2] or "")


def file(number: int) -> bytes:
    """Return what the server keeps at ``/files/<number>``."""
    return b"%d\r\n" % number * (number * 7 + 1)


def number(url: str) -> int:
    return int(url.rpartition("/")[2])


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        if self.path.startswith("/files/"):
            self.answer(file(number(self.path)), "application/octet-stream")
        else:
            self.answer(b"Hello!\n", "text/plain; charset=utf-8")

    def do_POST(self) -> None:
        length = int(self.headers["content-length"])
        self.answer(self.rfile.read(length), self.headers["content-type"])

    def answer(self, body: bytes, content_type: str) -> None:
        self.send_response(200)
        self.send_header("content-type", content_type)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


@pytest.fixture(scope="module")
def server_url() -> Iterator[str]:
    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("snippet", list(snippets()), ids=lambda snippet: snippet.place)
def test_snippet(snippet: Snippet, server_url: str) -> None:
    """A reader who copies the block gets a program that works."""
    names: dict[str, object] = {"__name__": "__main__"}
    code = snippet.code.replace(EXAMPLE_URL, server_url)
    exec(compile(code, snippet.place, "exec"), names)

    if snippet.check:
        assert eval(snippet.check, {**names, "file": file, "number": number})
