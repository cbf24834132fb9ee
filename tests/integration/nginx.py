"""An nginx of our own: temporary configuration, one worker, free ports.

The listening sockets are made here and handed to nginx the way it hands them to its
own successor (``NGINX=3;4;``). So there is no port to race for, and what connects
before nginx is up waits in the kernel's queue.
"""

from __future__ import annotations

import getpass
import gzip
import hashlib
import os
import random
import shutil
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme

ROOT = Path(__file__).parents[2]
PLACES = (*os.environ.get("PATH", "").split(os.pathsep), "/usr/sbin", "/usr/local/sbin")
FILES = 500
BIG_BYTES = 100 * 1024 * 1024
STOP_SECONDS = 10

CONFIGURATION = """\
daemon off;
{user}
worker_processes 1;
error_log {folder}/error.log warn;
pid {folder}/nginx.pid;
events {{ worker_connections 512; }}
http {{
    access_log off;
    default_type application/octet-stream;
    types {{ text/plain txt; text/markdown md; }}
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    client_max_body_size 32m;
    sendfile on;
    add_header X-Connection $connection always;
    add_header X-Requests $connection_requests always;
    add_header X-Worker $pid always;
    server {{
        listen 127.0.0.1:{port};
        listen 127.0.0.1:{tls_port} ssl;
        ssl_certificate {folder}/server.pem;
        ssl_certificate_key {folder}/server.pem;
        root {folder}/site;
        location = /status {{ stub_status; }}
        location /packed/ {{
            alias {folder}/site/files/; gzip on; gzip_types *; gzip_min_length 1;
        }}
        location /ready-packed/ {{ gzip_static on; }}
        location /pieces/ {{ alias {folder}/site/files/; ssi on; ssi_types *; }}
        location /impatient/ {{ alias {folder}/site/files/; keepalive_timeout 1s; }}
        location /thrice/ {{ alias {folder}/site/files/; keepalive_requests 3; }}
        location /upload/ {{ dav_methods PUT; }}
        location /small/ {{ dav_methods PUT; client_max_body_size 1k; }}
        location /form {{ return 200 "taken"; }}
    }}
}}
"""


@dataclass
class Nginx:
    """A running nginx and what it serves."""

    folder: Path
    port: int
    tls_port: int
    big_sha256: str
    authority: trustme.CA
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def tls_url(self) -> str:
        return f"https://127.0.0.1:{self.tls_port}"

    @property
    def site(self) -> Path:
        return self.folder / "site"

    def file(self, number: int) -> bytes:
        return (self.site / "files" / str(number)).read_bytes()

    def trusting(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        return context

    def accepted(self) -> int:
        """Ask nginx how many connections it has accepted, this one included."""
        with socket.create_connection(("127.0.0.1", self.port)) as sock:
            sock.sendall(b"GET /status HTTP/1.0\r\n\r\n")
            answer = b"".join(iter(lambda: sock.recv(4096), b""))
        return int(answer.split(b"requests\n")[1].split()[0])

    def reload(self) -> None:
        """Have a new worker take over; the old one ends what it is at."""
        self.process.send_signal(signal.SIGHUP)


@contextmanager
def running_nginx(folder: Path) -> Iterator[Nginx]:
    """Run nginx in *folder*, and stop it after."""
    program = shutil.which("nginx", path=os.pathsep.join(PLACES))
    assert program is not None, (
        "these tests need nginx on this machine: apt-get install nginx"
    )
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    digest = build_site(folder / "site")
    with (
        socket.create_server(("127.0.0.1", 0), backlog=512) as listener,
        socket.create_server(("127.0.0.1", 0), backlog=512) as tls_listener,
    ):
        # nginx takes them as they are, and would block in accept() like anybody.
        listener.setblocking(False)
        tls_listener.setblocking(False)
        port, tls_port = listener.getsockname()[1], tls_listener.getsockname()[1]
        settings = CONFIGURATION.format(
            folder=folder,
            port=port,
            tls_port=tls_port,
            # Else its workers run as nobody, who may not look into our folder.
            user=f"user {getpass.getuser()};" if os.geteuid() == 0 else "",
        )
        (folder / "nginx.conf").write_text(settings, "utf-8")
        descriptors = (listener.fileno(), tls_listener.fileno())
        with (folder / "stderr.log").open("wb") as stderr:
            process = subprocess.Popen(
                [program, "-p", folder, "-c", folder / "nginx.conf"],
                env={**os.environ, "NGINX": "".join(f"{n};" for n in descriptors)},
                pass_fds=descriptors,
                stderr=stderr,
            )
    try:
        nginx = Nginx(folder, port, tls_port, digest, authority, process)
        check_up(nginx)
        yield nginx
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)
        (folder / "site" / "big").unlink()  # pytest keeps three folders


def check_up(nginx: Nginx) -> None:
    """Ask it something; if it ended instead, say why it did."""
    try:
        nginx.accepted()
    except OSError as error:
        why = (nginx.folder / "stderr.log").read_text("utf-8")
        raise AssertionError(f"nginx did not start: {why}") from error


def build_site(site: Path) -> str:
    """Write what is served; return the digest of the big file."""
    shutil.copytree(ROOT / "docs", site / "docs", ignore=shutil.ignore_patterns("_*"))
    files = site / "files"
    files.mkdir()
    pages = sorted(site.rglob("*.md"))
    for number in range(FILES):
        text = pages[number % len(pages)].read_bytes()
        (files / str(number)).write_bytes(b"%d\n" % number + text)
    ready = site / "ready-packed"
    ready.mkdir()
    (ready / "page.txt").write_bytes(b"not packed\n")
    (ready / "page.txt.gz").write_bytes(gzip.compress(b"packed\n" * 1000))
    (site / "upload").mkdir()
    return _write_big(site / "big")


def _write_big(path: Path) -> str:
    """Write 100 MiB in which no two blocks are equal; return its SHA-256."""
    block = random.Random(1).randbytes(1024 * 1024 - 8)
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for number in range(BIG_BYTES // (len(block) + 8)):
            piece = number.to_bytes(8, "big") + block
            digest.update(piece)
            file.write(piece)
    return digest.hexdigest()
