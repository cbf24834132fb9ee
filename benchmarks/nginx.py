"""One nginx worker on a free port, configured so that it is never the reason."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

BODY = b"hello"
START_SECONDS = 5.0

CONFIGURATION = """\
daemon off;
master_process on;
worker_processes 1;
worker_rlimit_nofile 16384;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    keepalive_timeout 300s;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        default_type text/plain;
        location / {{ return 200 "{body}"; }}
    }}
}}
"""


class NginxMissing(RuntimeError):
    """nginx is not installed here, or does not start."""


def find_nginx() -> str:
    """Return the path of the nginx binary.

    Raises:
        NginxMissing: with the command that installs it.
    """
    # Debian keeps it where an ordinary user's PATH does not look.
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local")
    if found is None:
        raise NginxMissing(
            "the benchmarks need nginx as their server: apt-get install nginx-light"
        )
    return found


class Nginx:
    """The server of one benchmark run; a context manager."""

    def __init__(self) -> None:
        self._binary = find_nginx()
        self.port = _free_port()
        self.version = _version(self._binary)
        self._folder = tempfile.TemporaryDirectory(prefix="mooring-bench-")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def __enter__(self) -> Self:
        folder = Path(self._folder.name)
        folder.chmod(0o755)  # the worker of a root nginx is another user
        text = CONFIGURATION.format(folder=folder, port=self.port, body=BODY.decode())
        (folder / "nginx.conf").write_text(text)
        self._process = subprocess.Popen(
            [self._binary, "-p", str(folder), "-c", str(folder / "nginx.conf")],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        self._wait_until_it_answers(self._process)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.communicate()
        self._folder.cleanup()

    def _wait_until_it_answers(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if process.poll() is not None:
                _, said = process.communicate()
                raise NginxMissing(f"nginx did not start: {said.decode().strip()}")
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        raise NginxMissing(f"nginx does not answer on port {self.port}")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


def _version(binary: str) -> str:
    said = subprocess.run([binary, "-v"], capture_output=True, text=True, check=True)
    return said.stderr.strip().removeprefix("nginx version: ")
