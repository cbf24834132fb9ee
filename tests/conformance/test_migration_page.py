"""The migration page shows the differences there are, and its two columns agree."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from .page import PAGE, snippet_pairs, with_tables

TEXT = PAGE.read_text("utf-8")
PAIRS = snippet_pairs(TEXT)
EXAMPLE_URL = "http://localhost:8000"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self.answer(b"Hello!" * 20000 if "files" in self.path else b"Hello!")

    def do_POST(self) -> None:
        self.answer(self.rfile.read(int(self.headers["content-length"])))

    def answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:  # a client that did not want it all
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def server_url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def result_of(code: str, server_url: str) -> object:
    names: dict[str, object] = {"__name__": "__main__"}
    exec(compile(code.replace(EXAMPLE_URL, server_url), "snippet", "exec"), names)
    return names["result"]


def test_the_tables_are_up_to_date() -> None:
    """What differs on purpose stands on the page; python -m tests.conformance."""
    assert with_tables(TEXT) == TEXT


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair[1].split("\n")[2][:40])
def test_both_columns_come_to_the_same(pair: tuple[str, str], server_url: str) -> None:
    """The code on the left with httpx2, and with httpx, gives what ours gives."""
    theirs, ours = pair
    expected = result_of(theirs, server_url)
    older = result_of(theirs.replace("httpx2", "httpx"), server_url)

    assert expected == result_of(ours, server_url)
    assert expected == older


def test_there_are_snippets() -> None:
    """The page is read the way it is written."""
    assert 8 == len(PAIRS)
