"""One request, from asking for a connection to the head of its response."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from mooring._body.streams import SyncByteStream, ByteStream, can_replay
from mooring._errors import NetworkError, RemoteProtocolError
from mooring._messages.request import Request
from mooring._messages.response import Response
from mooring._pool.holder import Holder, here
from mooring._pool.model import Reason, Ticket
from mooring._pool.retry import Facts
from mooring._shell._sync.body import HTTP1Body
from mooring._shell._sync.http1 import HTTP1Driver
from mooring._shell._sync.network_stream import NetworkStream, UpgradedBody
from mooring._shell._sync.pool import Pool
from mooring._shell.failures import with_note
from mooring._shell.options import checked_priority
from mooring._shell.trip import Trip

# RFC 9110 section 9.2.2, and QUERY, which its definition makes safe.
IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "QUERY"})
Timeouts: TypeAlias = Mapping[str, float | None]
NO_TIMEOUTS: Timeouts = {}


def carry_out(pool: Pool, request: Request) -> Response:
    """Send *request* on a connection of *pool* and return its response.

    Whatever ends this early, cancellation at any await included, gives the ticket
    back in one of the two clauses at the end.
    """
    extensions = request.extensions
    # What users put into extensions is theirs to get right; these are httpx's.
    timeouts: Timeouts = extensions.get("timeout") or NO_TIMEOUTS  # type: ignore[assignment]
    target: bytes = extensions.get("target") or request.url.raw_path  # type: ignore[assignment]
    # Before a connection is asked for: what must not be sent costs nobody anything.
    head = pool.encoder.encode(request.method, target, request.headers)
    ticket = _ticket_for(pool, request, timeouts)
    read_timeout = timeouts.get("read")
    try:
        connection = pool.request(ticket)
        while True:
            if connection is None:
                connection = pool.granted(ticket)
            try:
                connection.exchange(
                    head,
                    request,
                    ticket=ticket,
                    write_timeout=timeouts.get("write"),
                    read_timeout=read_timeout,
                )
            except (NetworkError, RemoteProtocolError) as error:
                facts = _facts(connection, request)
                if not pool.retry(ticket, ticket.generation, facts):
                    raise _explained(error, ticket, facts) from error.__cause__
                connection = None
            else:
                return _response(pool, ticket, connection, read_timeout)
    except Exception:
        pool.cancel(ticket, Reason.BROKEN)
        raise
    except BaseException:
        pool.cancel(ticket, Reason.CANCELLED)
        raise


def _ticket_for(pool: Pool, request: Request, timeouts: Timeouts) -> Ticket:
    route = request.url._pool_key
    name = request.extensions.get("sni_hostname")
    ticket = Ticket(route if name is None else (*route, name))
    made_at = here() if pool.debug else None
    task = pool.backend.current()
    ticket.holder = Holder(request.method, request.url, task, made_at)
    priority = request.extensions.get("priority")
    if priority is not None:
        ticket.priority = checked_priority(priority)
    limit = timeouts.get("pool")
    if limit is not None:
        ticket.patience = limit
    limit = timeouts.get("connect")
    if limit is not None:
        ticket.connect_timeout = pool.dial_time(limit)
    return ticket


def _facts(connection: HTTP1Driver, request: Request) -> Facts:
    return Facts(
        sent=connection.sent,
        answered=connection.protocol.begun,
        idempotent=request.method in IDEMPOTENT,
        replayable=not connection.body_begun or can_replay(request.stream),
    )


def _explained(
    error: NetworkError | RemoteProtocolError, ticket: Ticket, facts: Facts
) -> NetworkError | RemoteProtocolError:
    """Add what the caller should know before sending the request again."""
    if ticket.reused and not facts.answered and not facts.idempotent:
        return with_note(
            error,
            "the server closed a connection that was kept alive; "
            "the request may have been processed, so it was not sent again",
        )
    return error


def _response(
    pool: Pool,
    ticket: Ticket,
    connection: HTTP1Driver,
    read_timeout: float | None,
) -> Response:
    """Build the response. If all of it is here, the lease ends before it is seen."""
    protocol = connection.protocol
    lease = ticket.connection
    stream: SyncByteStream
    status, headers = protocol.status, protocol.headers
    extensions: dict[str, object] = {
        "http_version": protocol.http_version,
        "reason_phrase": protocol.reason,
        "network_stream": connection.network_stream,
    }
    if protocol.upgraded:
        # One of its own, which nobody has but the caller: see its finalizer.
        network_stream = NetworkStream(connection)
        pool.detach(ticket, network_stream, protocol.trailing)
        extensions["network_stream"] = network_stream
        stream = UpgradedBody(network_stream)
    elif protocol.complete:
        stream = ByteStream(b"".join(protocol.take_body()))
        pool.release(
            ticket,
            ticket.generation,
            connection,
            None if connection.reusable else Reason.UNUSABLE,
        )
    else:
        stream = HTTP1Body(pool, ticket, connection, read_timeout)
    response = Response(status, headers=headers, stream=stream, extensions=extensions)
    if lease is not None:  # which it is not when another thread closed the pool
        response._trip = Trip(ticket, lease, connection.info, pool.now())
    return response
# Generated by tools/unasync.py from src/mooring/_shell/_async/exchange.py; do not edit.
