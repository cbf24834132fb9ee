"""Events and the record of a response's connection: texts and data."""

from __future__ import annotations

import dataclasses
import json

import pytest

from mooring._pool import events
from mooring._pool.events import PoolEvent
from mooring._pool.holder import Phase
from mooring._pool.info import ConnectionInfo, DialInfo
from mooring._pool.model import PoolLimits, Reason
from mooring._pool.report import why_waiting

from .harness import Harness
from .reporting import A, Task, asks, holds, lease_of


def one_of_each() -> list[PoolEvent]:
    """Everything that can be told of a pool of one connection."""
    h = Harness(PoolLimits(max_connections=1))
    worker = Task("worker")
    ticket = holds(h, Phase.UNREAD, path="/a?secret=1", task=worker)
    waiter = asks(h, path="/b")
    connection = lease_of(ticket)
    h.move_clock(2)
    now = h.now
    return [
        events.connection_opened(connection, now),
        events.connection_closed(connection, Reason.EXPIRED, now),
        events.connect_failed(connection, OSError("refused\nby all"), now),
        events.request_queued(waiter, now),
        events.request_assigned(ticket, now),
        events.request_released(ticket, None, now),
        events.request_released(ticket, Reason.UNUSABLE, now),
        events.request_retried(ticket, connection.number, now),
        events.pool_timed_out(waiter, why_waiting(h.core, waiter, now), now),
        events.leak_suspected(ticket, now),
        events.lease_held_long(ticket, now),
        events.lease_returned(ticket, now),
    ]


def test_events_are_lines_for_a_log() -> None:
    """Where, which connection, what."""
    a = "https://a.example:443"

    assert [
        f"{a} #2 opened in 2.0s, HTTP/1.1",
        f"{a} #2 closed after 2.0s and request 1: expired",
        f"{a} #2 connect failed after 2.0s: refused\\nby all",
        f"{a} queued, 1 waiting: GET https://a.example/b",
        f"{a} #2 new, after 2.0s: GET https://a.example/a",
        f"{a} #2 free after 2.0s: GET https://a.example/a",
        f"{a} #2 unusable after 2.0s: GET https://a.example/a",
        f"{a} #2 broke, attempt 0 follows: GET https://a.example/a",
        f"{a} no free connection to a.example:443 after 2.0s (1 of 1 connections in "
        "use, place 1 of 1 in the queue, oldest held 2.0s): leak suspected; "
        "GET https://a.example/b",
        f"{a} #2 response was never closed: GET https://a.example/a (response not "
        "closed for 2.0s, in 'worker')",
        f"{a} #2 held for 2.0s: GET https://a.example/a (response not closed for 2.0s, "
        "in 'worker')",
        f"{a} #2 returned after 2.0s: GET https://a.example/a",
    ] == [str(event) for event in one_of_each()]


def test_every_kind_of_event_is_among_them() -> None:
    """A new one is tested, too."""
    assert set(PoolEvent.__args__) == {type(event) for event in one_of_each()}


@pytest.mark.parametrize("event", one_of_each(), ids=lambda e: type(e).__name__)
def test_an_event_is_a_frozen_record(event: PoolEvent) -> None:
    """With origin, time and kind, public, fit for JSON, and without secrets."""
    data = event.as_dict()

    assert ("mooring", type(event).__name__) == (type(event).__module__, data["event"])
    assert ("https://a.example:443", 2.0) == (data["origin"], data["at"])
    assert "secret" not in json.dumps(data, allow_nan=False)
    with pytest.raises(dataclasses.FrozenInstanceError):
        event.at = 3.0  # type: ignore[misc]


MADE = DialInfo(
    dns=0.004,
    tcp=0.011,
    tls=0.02,
    local_address="192.0.2.7:50412",
    remote_address="198.51.100.1:443",
    protocol="HTTP/2",
    alpn="h2",
    tls_version="TLSv1.3",
    cipher="TLS_AES_256_GCM_SHA384",
)
NEW = ConnectionInfo(7, 1, 0.036, 0.036, 0.021, MADE)
REUSED = ConnectionInfo(7, 2, 12.5, 0, 0.021, MADE)


def test_a_new_connection_tells_how_it_was_made() -> None:
    """Step by step."""
    assert (False, 0.004, 0.011, 0.02) == (NEW.reused, NEW.dns, NEW.tcp, NEW.tls)
    assert (
        "<ConnectionInfo #7 new, HTTP/2, waited 0.036s, dns 0.004s, tcp 0.011s, "
        "tls 0.02s, first byte 0.021s>"
    ) == repr(NEW)


def test_a_reused_connection_was_not_made_for_this() -> None:
    """What stays the same is told all the same."""
    assert (True, None, None, None) == (
        REUSED.reused,
        REUSED.dns,
        REUSED.tcp,
        REUSED.tls,
    )
    assert ("198.51.100.1:443", "192.0.2.7:50412") == (
        REUSED.remote_address,
        REUSED.local_address,
    )
    assert ("HTTP/2", "h2", "TLSv1.3", "TLS_AES_256_GCM_SHA384") == (
        REUSED.protocol,
        REUSED.alpn,
        REUSED.tls_version,
        REUSED.cipher,
    )
    assert (
        "<ConnectionInfo #7 reused (request 2), HTTP/2, waited 0s, first byte 0.021s>"
    ) == repr(REUSED)


def test_a_connection_record_fits_into_json() -> None:
    """Flat, and with the same answers as its properties."""
    data = json.loads(json.dumps(REUSED.as_dict()))

    assert {name: getattr(REUSED, name) for name in data} == data
    assert {"reused", "number", "dns", "cipher", "first_byte"} <= set(data)


def test_a_plain_connection_knows_no_tls() -> None:
    """None, not an empty text."""
    info = ConnectionInfo(1, 1, 0, 0, None, DialInfo(tcp=0.001))

    assert (None, None, None, None) == (
        info.tls,
        info.alpn,
        info.tls_version,
        info.cipher,
    )
    assert "<ConnectionInfo #1 new, HTTP/1.1, waited 0s, tcp 0.001s>" == repr(info)


def test_the_origin_is_that_of_the_pool() -> None:
    """Also where the URL shows no port."""
    h = Harness(PoolLimits())
    ticket = holds(h, Phase.BODY, A)

    assert "https://a.example:443" == events.request_assigned(ticket, 0).origin
