"""The HTTP/2 engine alone, no network: ``python -m benchmarks.http2_engine``.

One exchange is a GET begun, its frames handed out, a small response received and its
body taken. What the server says is made beforehand: once with the same head for all
responses, as from a server within one second, once with three fields different in each.
CPU time, the best of some rounds.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from hpack import Encoder

from mooring._headers import Headers
from mooring._protocol.http2 import HTTP2Connection
from mooring._protocol.http2_frames import (
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    SETTINGS,
    frame,
)
from mooring._protocol.http2_write import HTTP2HeadEncoder

EXCHANGES = 2000
ROUNDS = 9
BODY = b"hello"
REQUEST = Headers(
    {
        "Host": "127.0.0.1:8443",
        "Accept": "*/*",
        "Accept-Encoding": "gzip, deflate, br, zstd",
        "Connection": "keep-alive",
        "User-Agent": "python-mooring/0.1",
    }
)

Fields = list[tuple[bytes, bytes]]


def same(number: int) -> Fields:
    """Return a head as nginx sends it."""
    return [
        (b":status", b"200"),
        (b"server", b"nginx/1.22.1"),
        (b"date", b"Sat, 21 Nov 2026 05:03:39 GMT"),
        (b"content-type", b"text/plain"),
        (b"content-length", b"5"),
        (b"last-modified", b"Sat, 21 Nov 2026 05:03:39 GMT"),
        (b"etag", b'"6560a3bb-5"'),
        (b"accept-ranges", b"bytes"),
    ]


def different(number: int) -> Fields:
    """Return a head of which a part is different every time."""
    seconds = b"%02d" % (number % 60)
    changed = {
        b"date": b"Sat, 21 Nov 2026 05:03:%b GMT" % seconds,
        b"etag": b'"%08x-5"' % (number * 2654435761 % 2**32),
    }
    fields = [(name, changed.get(name, value)) for name, value in same(number)]
    return [*fields, (b"x-request-id", b"%032x" % (number * 2654435761))]


def without_use(fields: Fields) -> bytes:
    """Compress as nginx does: literals that go into the table and are never used."""
    encoder = Encoder()
    encoder.header_table_size = 0
    encoder.encode([])
    return bytes(encoder.encode(fields))


def with_table() -> Callable[[Fields], bytes]:
    """Compress as most servers do: what is in the table is referred to."""
    encoder = Encoder()
    return lambda fields: bytes(encoder.encode(fields))


def answers(
    head: Callable[[int], Fields], compress: Callable[[Fields], bytes]
) -> list[bytes]:
    """Return the answer to each exchange."""
    return [
        frame(HEADERS, END_HEADERS, 2 * number + 1, compress(head(number)))
        + frame(DATA, END_STREAM, 2 * number + 1, BODY)
        for number in range(EXCHANGES)
    ]


def microseconds(served: list[bytes], path: bytes) -> float:
    """Return the CPU microseconds of one exchange."""
    best = float("inf")
    for _ in range(ROUNDS):
        connection = HTTP2Connection("127.0.0.1:8443")
        encoder = HTTP2HeadEncoder()
        connection.receive(frame(SETTINGS, 0, 0))
        began = time.process_time()
        for number, answer in enumerate(served):
            target = path if path == b"/" else path + b"%d" % number
            head = encoder.encode("GET", b"https", target, REQUEST)
            stream = connection.begin(head)
            connection.data_to_send()
            connection.receive(answer)
            connection.take_body(stream)
        best = min(best, time.process_time() - began)
        assert connection.error is None
        assert not connection.streams
    return 1e6 * best / len(served)


def main() -> None:
    print("CPU microseconds of one exchange")
    for label, head in (("same", same), ("different", different)):
        for way, compress in (("literals", without_use), ("table", with_table())):
            served = answers(head, compress)
            for path in (b"/", b"/item/"):
                figure = microseconds(served, path)
                print(f"{label:9} heads, {way:8}, path {path.decode():6} {figure:6.1f}")


if __name__ == "__main__":
    main()
