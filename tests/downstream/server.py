"""A scripted server that answers as the services behind the released clients do."""

from __future__ import annotations

import json
import threading
import zlib
from collections import Counter
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

COMPLETION = {
    "id": "c1",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Hello there"},
            "finish_reason": "stop",
        }
    ],
}
MESSAGE = {
    "id": "m1",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [{"type": "text", "text": "Hello there"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 1, "output_tokens": 2},
}
USAGE = {"output_tokens": 2}
MESSAGE_EVENTS: list[dict[str, Any]] = [
    {"type": "message_start", "message": {**MESSAGE, "content": []}},
    {
        "type": "content_block_start",
        "index": 0,
        "content_block": {"type": "text", "text": ""},
    },
    *(
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "text_delta", "text": text},
        }
        for text in ("Hello", " there")
    ),
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": USAGE},
    {"type": "message_stop"},
]


def completion_events() -> Iterable[str]:
    """Yield a completion the way it is streamed."""
    for text in ("Hello", " there"):
        choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
        chunk = {**COMPLETION, "object": "chat.completion.chunk", "choices": [choice]}
        yield f"data: {json.dumps(chunk)}\n\n"
    yield "data: [DONE]\n\n"


def message_events() -> Iterable[str]:
    """Yield a message the way it is streamed."""
    for event in MESSAGE_EVENTS:
        yield f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"


class Handler(BaseHTTPRequestHandler):
    """Answers by path; what it says of a request is in the answer."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    hits: ClassVar[Counter[str]] = Counter()
    over: ClassVar[threading.Event] = threading.Event()

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        match path.strip("/").split("/"):
            case ["v1", "models"]:
                model = {"id": "m", "object": "model", "created": 1, "owned_by": "us"}
                self.answer({"object": "list", "data": [model]})
            case ["count", name]:
                self.hits[name] += 1
                field = ("Cache-Control", "max-age=60")
                self.answer({"hits": self.hits[name]}, fields=[field])
            case ["gzip"]:
                packer = zlib.compressobj(wbits=31)
                packed = packer.compress(b"unpacked") + packer.flush()
                self.send(packed, "text/plain", [("Content-Encoding", "gzip")])
            case ["events"]:
                self.stream(f"id: {n}\ndata: event {n}\n\n" for n in range(3))
            case ["redirect"]:
                self.send_response(302)
                self.send_header("Location", "/json")
                self.send_header("Set-Cookie", "seen=yes")
                self.send_header("Content-Length", "0")
                self.end_headers()
            case _:
                self.answer(self.told())

    def do_POST(self) -> None:
        body = self.body()
        match self.path.strip("/").split("/"):
            case ["v1", "chat", "completions"]:
                self.model(json.loads(body), COMPLETION, completion_events())
            case ["v1", "messages"]:
                self.model(json.loads(body), MESSAGE, message_events())
            case ["v1", "files"]:
                answer = {"id": "f1", "object": "file", "bytes": len(body)}
                name = "one.txt" if b'filename="one.txt"' in body else "?"
                extra = {"created_at": 1, "filename": name, "purpose": "batch"}
                self.answer({**answer, **extra, "status": "processed"})
            case ["token"]:
                token = {"access_token": "secret", "token_type": "Bearer"}
                self.answer({**token, "expires_in": 3600, "asked": body.decode()})
            case _:
                self.answer({**self.told(), "body": body.decode("latin-1")})

    def model(self, asked: Any, answer: object, events: Iterable[str]) -> None:
        """Answer as a model does, or fail in the way that its name says."""
        name = asked["model"].partition("/")[0]
        self.hits[asked["model"]] += 1
        if name == "missing":
            error = {"type": "not_found_error", "message": "no such model"}
            self.answer({"type": "error", "error": error}, status=404)
        elif name == "flaky" and self.hits[asked["model"]] < 3:
            fields = [("Retry-After-Ms", "1")]
            self.answer({"error": {"message": "busy"}}, status=503, fields=fields)
        elif name == "slow":
            self.over.wait(20)
            self.close_connection = True
        elif asked.get("stream"):
            self.stream(events)
        else:
            self.answer(answer)

    def told(self) -> dict[str, object]:
        """Return what the request looked like from here."""
        return {
            "method": self.command,
            "path": self.path,
            "headers": {name.lower(): value for name, value in self.headers.items()},
        }

    def body(self) -> bytes:
        """Read the request's body, whatever frames it."""
        if self.headers.get("transfer-encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("content-length") or 0))
        pieces = []
        while size := int(self.rfile.readline(), 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def answer(
        self,
        value: object,
        status: int = 200,
        fields: Iterable[tuple[str, str]] = (),
    ) -> None:
        """Send JSON."""
        body = json.dumps(value).encode()
        self.send(body, "application/json", fields, status)

    def send(
        self,
        body: bytes,
        content_type: str,
        fields: Iterable[tuple[str, str]] = (),
        status: int = 200,
    ) -> None:
        """Send a body of known length."""
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in fields:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def stream(self, events: Iterable[str]) -> None:
        """Send server-sent events, each in a chunk of its own."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for event in events:
            piece = event.encode()
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")

    do_PUT = do_DELETE = do_HEAD = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """Serves until the tests are over."""

    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients that give up hang up."""
