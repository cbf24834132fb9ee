"""``mooring get`` against scripted peers: what is written where, and the exit code."""

from __future__ import annotations

import errno
import gzip
import os
import pty
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

from mooring._cli import main

Captured = pytest.CaptureFixture[bytes]

HELLO = (
    b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nContent-Type: text/plain\r\n\r\nhello\n"
)
NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone"


class ScriptedPeer:
    """Says *reply* to each connection, whatever it asks, and then closes it.

    With ``silent=True`` it reads and never says anything.
    """

    def __init__(
        self, reply: bytes, *, silent: bool = False, tls: ssl.SSLContext | None = None
    ) -> None:
        self.requests: list[bytes] = []
        self.asked = threading.Event()
        self.over = threading.Event()
        self._reply = reply
        self._silent = silent
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        scheme = "https" if self._tls else "http"
        return f"{scheme}://127.0.0.1:{self.port}/"

    def _run(self) -> None:
        while not self.over.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(10)
                try:
                    self._converse(connection)
                except OSError:
                    pass  # the client left first, as it may

    def _converse(self, connection: socket.socket) -> None:
        if self._tls is not None:
            connection = self._tls.wrap_socket(connection, server_side=True)
        with connection:
            self.requests.append(connection.recv(65536))
            self.asked.set()
            if self._silent:
                connection.recv(1)  # returns when the client gives up
            else:
                connection.sendall(self._reply)

    def close(self) -> None:
        self.over.set()
        # Closing alone would not wake accept().
        with socket.create_connection(("127.0.0.1", self.port), timeout=5):
            pass
        self._thread.join(10)
        self._listener.close()


@pytest.fixture
def peer() -> Iterator[Callable[..., ScriptedPeer]]:
    peers = []

    def start(reply: bytes = HELLO, **options: object) -> ScriptedPeer:
        peers.append(ScriptedPeer(reply, **options))  # type: ignore[arg-type]
        return peers[-1]

    yield start
    for started in peers:
        started.close()


PeerFactory = Callable[..., ScriptedPeer]


@pytest.fixture(scope="module")
def untrusted() -> ssl.SSLContext:
    """A server's context whose certificate nobody has reason to trust."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    return context


def said(captured: Captured) -> tuple[bytes, str]:
    """Return what came out: the bytes of stdout, the text of stderr."""
    out, err = captured.readouterr()
    return out, err.decode()


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "mooring", *arguments]


# -- what goes right -----------------------------------------------------------


def test_body_goes_to_stdout_and_nothing_else(
    peer: PeerFactory, capfdbinary: Captured
) -> None:
    """A pipe gets the body alone; status and headers are on standard error."""
    code = main(["get", peer().url])

    out, err = said(capfdbinary)
    assert (0, b"hello\n") == (code, out)
    assert err.startswith("HTTP/1.1 200 OK\nContent-Length: 6\n")


def test_body_goes_to_the_file(
    peer: PeerFactory, capfdbinary: Captured, tmp_path: Path
) -> None:
    """-o FILE keeps standard output clean."""
    target = tmp_path / "body"

    assert main(["get", "-o", str(target), peer().url]) == 0

    assert target.read_bytes() == b"hello\n"
    assert said(capfdbinary)[0] == b""


def test_compressed_body_is_unpacked(peer: PeerFactory, capfdbinary: Captured) -> None:
    """The reader gets what was meant, not how it travelled."""
    packed = gzip.compress(b"hello\n")
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}"

    assert main(["get", peer(head.encode() + b"\r\n\r\n" + packed).url]) == 0

    assert said(capfdbinary)[0] == b"hello\n"


def test_head_sends_head(peer: PeerFactory, capfdbinary: Captured) -> None:
    """-I asks for headers and waits for no body."""
    server = peer(HELLO.removesuffix(b"hello\n"))

    assert main(["get", "-I", server.url]) == 0

    assert server.requests[0].startswith(b"HEAD / HTTP/1.1\r\n")


def test_headers_are_sent_as_given(peer: PeerFactory) -> None:
    """-H adds fields, in order, with values untouched."""
    server = peer()

    assert main(["get", "-H", "X-One: a: b", "-H", "X-Two:2", server.url]) == 0

    assert b"X-One: a: b\r\nX-Two: 2\r\n" in server.requests[0]


def test_redirect_is_shown_or_followed(
    peer: PeerFactory, capfdbinary: Captured
) -> None:
    """Only -L leads to the other place."""
    end = peer()
    start = peer(
        b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n"
        b"Location: %b\r\n\r\n" % end.url.encode()
    )

    assert [main(["get", start.url]), main(["get", "-L", start.url])] == [0, 0]

    out, err = said(capfdbinary)
    assert out == b"hello\n"
    assert err.startswith("HTTP/1.1 302 Found\n")


def test_certificate_need_not_be_checked(
    peer: PeerFactory, untrusted: ssl.SSLContext, capfdbinary: Captured
) -> None:
    """--no-verify goes through, and says so."""
    assert main(["get", "--no-verify", peer(tls=untrusted).url]) == 0

    out, err = said(capfdbinary)
    assert out == b"hello\n"
    assert err.startswith("mooring: warning: certificates are not checked")


def test_terminal_gets_everything_on_stdout(peer: PeerFactory) -> None:
    """On a terminal the status line and headers stand above the body."""
    ours, theirs = pty.openpty()
    try:
        child = subprocess.run(command("get", peer().url), stdout=theirs, check=False)
    finally:
        os.close(theirs)
    shown = os.read(ours, 4096).replace(b"\r\n", b"\n")
    os.close(ours)

    assert child.returncode == 0
    assert shown.startswith(b"HTTP/1.1 200 OK\n")
    assert shown.endswith(b"\n\nhello\n")


def test_terminal_is_spared_a_binary_body(peer: PeerFactory) -> None:
    """NUL bytes are refused where a terminal would show them; 23, as in curl."""
    binary = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n\0\1\2"
    ours, theirs = pty.openpty()
    try:
        child = subprocess.run(
            command("get", peer(binary).url),
            stdout=theirs,
            stderr=subprocess.PIPE,
            check=False,
        )
    finally:
        os.close(theirs)
        os.close(ours)

    assert child.returncode == 23
    assert b"the body is binary" in child.stderr


def test_version_is_printed(capfdbinary: Captured) -> None:
    """--version needs no command."""
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])

    assert said(capfdbinary)[0].startswith(b"mooring ")


# -- what goes wrong -----------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "reply", "words"),
    [
        (8, b"SSH-2.0-OpenSSH_9.6\r\n", "not HTTP"),
        (18, b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhi", "2 of 100"),
        (52, b"", "without sending a response"),
    ],
    ids=["ssh banner", "short body", "empty reply"],
)
def test_peer_that_breaks_off_or_is_not_http(
    code: int, reply: bytes, words: str, peer: PeerFactory, capfdbinary: Captured
) -> None:
    """Each has curl's number and one line that says what happened."""
    assert code == main(["get", peer(reply).url])

    last = said(capfdbinary)[1].splitlines()
    assert any(line.startswith("mooring: ") and words in line for line in last)


def test_refused_port_exits_with_7(capfdbinary: Captured) -> None:
    """Nobody listens there."""
    with socket.socket() as bound:  # bound, not listening: surely refused
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]

        assert main(["get", f"http://127.0.0.1:{port}/"]) == 7

    assert said(capfdbinary)[1] == (
        f"mooring: could not connect to 127.0.0.1:{port}: 127.0.0.1 refused\n"
        f"  is the server running on that port?\n"
    )


def test_unknown_host_exits_with_6(capfdbinary: Captured) -> None:
    """RFC 6761 section 6.4 promises that .invalid never resolves."""
    assert main(["get", "http://no-such-host.invalid/"]) == 6

    assert "no-such-host.invalid" in said(capfdbinary)[1]


def test_silent_server_exits_with_28(peer: PeerFactory, capfdbinary: Captured) -> None:
    """The text says how long it waited, and for what."""
    server = peer(silent=True)

    assert main(["get", "--timeout", "0.05", server.url]) == 28

    assert "waiting for response headers" in said(capfdbinary)[1]


@pytest.mark.parametrize("url", ["http://h:99999/", "http://a b/", "http://[::1/"])
def test_bad_url_exits_with_3(url: str, capfdbinary: Captured) -> None:
    """What is no URL goes nowhere."""
    assert main(["get", url]) == 3

    assert said(capfdbinary)[1].startswith("mooring: ")


def test_unsupported_scheme_exits_with_1(capfdbinary: Captured) -> None:
    """As curl does for a protocol that it does not speak."""
    assert main(["get", "gopher://example.org/"]) == 1

    assert "gopher://" in said(capfdbinary)[1]


def test_redirect_loop_exits_with_47(peer: PeerFactory, capfdbinary: Captured) -> None:
    """A server that sends us round and round is left after 20 redirects."""
    loop = peer(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: /\r\n\r\n")

    assert main(["get", "-L", loop.url]) == 47

    assert len(loop.requests) == 21


def test_fail_turns_404_into_22(peer: PeerFactory, capfdbinary: Captured) -> None:
    """--fail gives the status a voice and drops the body."""
    assert main(["get", "--fail", peer(NOT_FOUND).url]) == 22

    out, err = said(capfdbinary)
    assert out == b""
    assert err.endswith("mooring: 127.0.0.1 answered 404 Not Found\n")


def test_404_is_an_answer_without_fail(
    peer: PeerFactory, capfdbinary: Captured
) -> None:
    """As in curl: the exchange worked."""
    assert main(["get", peer(NOT_FOUND).url]) == 0

    assert said(capfdbinary)[0] == b"gone"


def test_tls_to_a_plain_port_exits_with_35(
    peer: PeerFactory, capfdbinary: Captured
) -> None:
    """The note says what to write instead."""
    server = peer(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    assert main(["get", server.url.replace("http:", "https:")]) == 35

    assert "use http://" in said(capfdbinary)[1]


def test_untrusted_certificate_exits_with_60(
    peer: PeerFactory, untrusted: ssl.SSLContext, capfdbinary: Captured
) -> None:
    """Not trusted is not fetched."""
    assert main(["get", peer(tls=untrusted).url]) == 60

    assert "certificate" in said(capfdbinary)[1]


def test_line_break_in_a_header_never_reaches_the_wire(
    peer: PeerFactory, capfdbinary: Captured
) -> None:
    """Header injection is our caller's mistake: 2, and nothing sent."""
    server = peer()

    assert main(["get", "-H", "X: a\r\nEvil: b", server.url]) == 2

    assert not any(b"Evil" in request for request in server.requests)
    assert said(capfdbinary)[1].startswith("mooring: ")


@pytest.mark.parametrize(
    "arguments",
    [[], ["get"], ["get", "-H", "no colon", "x"], ["get", "--timeout", "0", "x"]],
)
def test_wrong_usage_exits_with_2(arguments: list[str], capfdbinary: Captured) -> None:
    """What argparse refuses, and what it lets us refuse."""
    with pytest.raises(SystemExit, match="2"):
        main(arguments)

    assert said(capfdbinary)[1].startswith("usage: mooring")


def test_server_cannot_steer_the_terminal(
    peer: PeerFactory, capfdbinary: Captured
) -> None:
    """Control characters of the C1 range are shown as escapes."""
    sneaky = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: \x9b31m\r\n\r\n"

    main(["get", peer(sneaky).url])

    assert "\x9b" not in said(capfdbinary)[1]


# -- where it cannot write -----------------------------------------------------


def test_file_that_cannot_be_opened_exits_with_23(
    peer: PeerFactory, capfdbinary: Captured, tmp_path: Path
) -> None:
    """A directory is no place for a body."""
    assert main(["get", "-o", str(tmp_path), peer().url]) == 23

    assert os.strerror(errno.EISDIR) in said(capfdbinary)[1]


def test_failed_request_leaves_the_file_alone(tmp_path: Path) -> None:
    """FILE is opened when there is something to write."""
    kept = tmp_path / "kept"
    kept.write_bytes(b"precious")

    main(["get", "-o", str(kept), "http://h:99999/"])

    assert kept.read_bytes() == b"precious"


def test_full_disk_exits_with_23(peer: PeerFactory, capfdbinary: Captured) -> None:
    """A write that fails is ours to report, not the network's."""
    assert main(["get", "-o", "/dev/full", peer().url]) == 23

    assert "mooring: cannot write /dev/full: " in said(capfdbinary)[1]


def test_closed_pipe_is_quiet(peer: PeerFactory) -> None:
    """Whoever reads us may stop reading, as head(1) does."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        child = subprocess.run(
            command("get", peer().url),
            stdout=writing,
            stderr=subprocess.PIPE,
            check=False,
        )
    finally:
        os.close(writing)

    assert child.returncode == 23
    assert b"mooring:" not in child.stderr
    assert b"Exception" not in child.stderr


def test_ctrl_c_exits_with_130(peer: PeerFactory) -> None:
    """Interrupted while it waits: no traceback."""
    server = peer(silent=True)
    child = subprocess.Popen(command("get", server.url), stderr=subprocess.PIPE)
    assert server.asked.wait(10)
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=10)

    assert (130, b"") == (child.returncode, err)
