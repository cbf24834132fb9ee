"""TLS over every backend: handshakes that work, that fail, that are called off."""

from __future__ import annotations

import os
import socket
import ssl
import threading
from time import monotonic

import pytest

from tests.integration.io_worlds import (
    CANCELLED,
    COROUTINE_WORLDS,
    LONG,
    LOOPS,
    WORLDS,
    Peer,
    Shake,
    World,
    authority,
    client_context,
    in_worlds,
    joined,
    open_files,
    server_context,
)


def a_context(version: ssl.TLSVersion) -> ssl.SSLContext:
    """A client's context for exactly one version of TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=_authority_pem())
    context.minimum_version = context.maximum_version = version
    return context


def _authority_pem() -> str:
    return authority().cert_pem.bytes().decode()


@in_worlds(*WORLDS)
async def test_bytes_go_there_and_back_encrypted(world: World) -> None:
    """What one end writes, the other reads, and it is TLS 1.3."""
    with Peer() as peer:
        stream, sock = await peer.connect_tls(world)

        await stream.write(b"ping", LONG)
        await world.settle()
        assert b"ping" == sock.recv(100)
        sock.sendall(b"pong")
        assert b"pong" == await stream.read(LONG)
        assert "TLSv1.3" == stream.get_extra_info("ssl_object").version()
        assert peer.address.sockaddr == stream.get_extra_info("server_addr")
        stream.abort()


@in_worlds(*WORLDS)
async def test_older_tls_works_too(world: World) -> None:
    """TLS 1.2 has its own handshake and its own end."""
    with Peer() as peer:
        stream, sock = await peer.connect_tls(
            world, context=a_context(ssl.TLSVersion.TLSv1_2)
        )

        await stream.write(b"ping", LONG)
        await world.settle()
        assert b"ping" == sock.recv(100)
        sock.sendall(b"pong")
        assert b"pong" == await stream.read(LONG)
        stream.abort()


@in_worlds(*WORLDS)
async def test_a_name_given_as_an_address_is_checked(world: World) -> None:
    """A certificate for an IP address is good for that address."""
    with Peer() as peer:
        stream, _ = await peer.connect_tls(world, server_hostname="127.0.0.1")

        assert stream.get_extra_info("ssl_object").getpeercert()
        stream.abort()


@in_worlds(*WORLDS)
async def test_large_bodies_arrive_whole_both_ways(world: World) -> None:
    """Many records, in order, in both directions."""
    body = os.urandom(2_000_000)
    with Peer() as peer:
        stream, sock = await peer.connect_tls(world)
        echo = Echo(sock, len(body))
        job = world.start(lambda: stream.write(body, LONG))
        received = bytearray()
        while len(received) < len(body):
            received += await stream.read(LONG)

        assert await job.join() is None
        assert body == received
        await joined(echo.thread, world)
        stream.abort()


class Echo:
    """Sends *size* bytes back, in a thread."""

    def __init__(self, sock: socket.socket, size: int) -> None:
        def run() -> None:
            left = size
            while left:
                data = sock.recv(65536)
                sock.sendall(data)
                left -= len(data)

        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()


@in_worlds(*WORLDS)
async def test_a_polite_end_is_an_empty_read(world: World) -> None:
    """close_notify, then the end of the connection."""
    with Peer() as peer:
        stream, sock = await peer.connect_tls(world)
        sock.sendall(b"last words")
        sock.setblocking(False)
        with pytest.raises(ssl.SSLWantReadError):
            sock.unwrap()

        assert b"last words" == await stream.read(LONG)
        assert b"" == await stream.read(LONG)
        stream.abort()


@in_worlds(*WORLDS)
async def test_an_end_without_close_notify_is_an_empty_read(world: World) -> None:
    """Many servers just close; framing tells whether something is missing."""
    with Peer() as peer:
        stream, sock = await peer.connect_tls(world)
        sock.sendall(b"last words")
        sock.close()

        assert b"last words" == await stream.read(LONG)
        assert b"" == await stream.read(LONG)
        stream.abort()


@in_worlds(*WORLDS)
async def test_a_read_times_out_encrypted(world: World) -> None:
    """Not earlier than asked; what comes then is still read."""
    with Peer() as peer:
        stream, sock = await peer.connect_tls(world)
        for seconds in (0.03, 0.001):
            started = monotonic()
            with pytest.raises(TimeoutError):
                await stream.read(seconds)
            assert seconds <= monotonic() - started

        sock.sendall(b"late")
        assert b"late" == await stream.read(LONG)
        stream.abort()


@in_worlds(*WORLDS)
async def test_a_write_that_nobody_reads_times_out_encrypted(world: World) -> None:
    """Room is waited for no longer than the timeout."""
    with Peer() as peer:
        stream, _ = await peer.connect_tls(world)

        with pytest.raises(TimeoutError):
            while True:
                await stream.write(b"x" * 1_000_000, 0.05)
        stream.abort()


@in_worlds(*WORLDS)
async def test_abort_wakes_the_reader_encrypted(world: World) -> None:
    """Whoever waits for bytes hears that there will be none."""
    with Peer() as peer:
        stream, _ = await peer.connect_tls(world)
        job = world.start(lambda: stream.read(None))
        await world.settle()
        stream.abort()
        stream.abort()

        assert isinstance(await job.join(), OSError)
        with pytest.raises(OSError):
            await stream.read(LONG)
        with pytest.raises(OSError):
            await stream.write(b"x", LONG)


@in_worlds(*WORLDS)
async def test_session_tickets_are_no_noise(world: World) -> None:
    """TLS 1.3 servers send tickets after the handshake; the stream stays quiet."""
    with Peer() as peer:
        stream, sock = await peer.connect_tls(world)
        for _ in range(3):
            assert await stream.is_quiet()

        sock.sendall(b"pong")
        assert b"pong" == await stream.read(LONG)
        assert await stream.is_quiet()
        stream.abort()


@in_worlds(*LOOPS)
async def test_session_tickets_do_not_call_the_callback(world: World) -> None:
    """The transport eats tickets by itself; application data is news."""
    calls = []
    with Peer() as peer:
        stream, sock = await peer.connect_tls(world)
        stream.on_noise(lambda: calls.append(1))
        await world.settle()
        assert [] == calls

        sock.sendall(b"boo")
        await world.settle()
        assert [1] == calls
        stream.abort()


@in_worlds(*WORLDS)
async def test_unread_data_is_not_quiet_encrypted(world: World) -> None:
    """Behind the tickets there are bytes, and they are seen."""
    with Peer() as peer:
        stream, sock = await peer.connect_tls(world)
        sock.sendall(b"HTTP/1.1 408 Request Timeout\r\n\r\n")

        assert not await stream.is_quiet()
        stream.abort()


@in_worlds(*WORLDS)
async def test_a_polite_end_is_not_quiet(world: World) -> None:
    """close_notify alone already means that nobody is there."""
    with Peer() as peer:
        stream, sock = await peer.connect_tls(world)
        sock.setblocking(False)
        with pytest.raises(ssl.SSLWantReadError):
            sock.unwrap()

        assert not await stream.is_quiet()
        stream.abort()


@in_worlds(*WORLDS)
async def test_a_peer_that_closed_is_not_quiet_encrypted(world: World) -> None:
    """The close is seen although the loop had no turn since."""
    with Peer() as peer:
        stream, sock = await peer.connect_tls(world)
        sock.close()

        assert not await stream.is_quiet()
        stream.abort()


async def _failed_handshake(world: World, **options: object) -> BaseException:
    with Peer() as peer:
        stream, sock = await peer.connect(world)
        shake = Shake(sock)
        settings = {
            "context": client_context(),
            "server_hostname": "localhost",
            "timeout": LONG,
            **options,
        }
        with pytest.raises(OSError) as caught:
            await world.backend.start_tls(stream, **settings)
        await shake.join(world)
        with pytest.raises(OSError):
            await stream.read(LONG)
        await world.settle()
    return caught.value


@in_worlds(*WORLDS)
async def test_a_wrong_name_is_refused(world: World) -> None:
    """The certificate is fine, but for somebody else."""
    error = await _failed_handshake(world, server_hostname="elsewhere.example")

    assert isinstance(error, ssl.SSLCertVerificationError)
    assert "elsewhere.example" in str(error)


@in_worlds(*WORLDS)
async def test_an_unknown_authority_is_refused(world: World) -> None:
    """Nobody we trust has signed it."""
    error = await _failed_handshake(
        world, context=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    )

    assert isinstance(error, ssl.SSLCertVerificationError)


@in_worlds(*WORLDS)
async def test_an_impossible_name_is_an_os_error(world: World) -> None:
    """What ``ssl`` reports as a ValueError stays inside."""
    error = await _failed_handshake(world, server_hostname=".leading.dot")

    assert isinstance(error, OSError)


@in_worlds(*WORLDS)
async def test_plain_http_is_not_tls(world: World) -> None:
    """A server that answers in the clear is an SSLError, and the stream is closed."""
    with Peer() as peer:
        stream, sock = await peer.connect(world)
        sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        with pytest.raises(OSError):
            await world.backend.start_tls(
                stream,
                context=client_context(),
                server_hostname="localhost",
                timeout=LONG,
            )
        with pytest.raises(OSError):
            await stream.read(LONG)


@in_worlds(*WORLDS)
async def test_a_peer_that_leaves_during_the_handshake_is_an_error(
    world: World,
) -> None:
    """The end of the connection is an OSError, whatever its kind."""
    with Peer() as peer:
        stream, sock = await peer.connect(world)
        sock.close()

        with pytest.raises(OSError):
            await world.backend.start_tls(
                stream,
                context=client_context(),
                server_hostname="localhost",
                timeout=LONG,
            )


@in_worlds(*WORLDS)
async def test_a_handshake_times_out(world: World) -> None:
    """A peer that says nothing is given up in time, and nothing stays open."""
    with Peer() as peer:
        warm, _ = await peer.connect(world)
        warm.abort()
        await world.settle()
        before = open_files()
        stream, sock = await peer.connect(world)

        with pytest.raises(TimeoutError):
            await world.backend.start_tls(
                stream,
                context=client_context(),
                server_hostname="localhost",
                timeout=0.03,
            )
        await world.settle()
        sock.close()
        assert before == open_files()


@in_worlds(*WORLDS)
async def test_aborting_the_plain_stream_ends_the_handshake(world: World) -> None:
    """A dial that is called off while shaking hands fails instead of hanging."""
    with Peer() as peer:
        stream, _ = await peer.connect(world)
        job = world.start(
            lambda: world.backend.start_tls(
                stream,
                context=client_context(),
                server_hostname="localhost",
                timeout=LONG,
            )
        )
        await world.settle()
        stream.abort()

        assert isinstance(await job.join(), OSError)


@in_worlds(*COROUTINE_WORLDS)
async def test_cancelling_a_handshake_anywhere_leaves_no_file_open(
    world: World,
) -> None:
    """Cancelled after any number of turns, a handshake keeps nothing."""
    with Peer() as peer:
        warm, served = await peer.connect_tls(world)
        warm.abort()
        served.close()
        await world.settle()
        before = open_files()
        outcomes = set()
        for turns in range(12):
            stream, sock = await peer.connect(world)
            shake = Shake(sock)
            job = world.start(
                lambda stream=stream: world.backend.start_tls(  # type: ignore[misc]  # bound now
                    stream,
                    context=client_context(),
                    server_hostname="localhost",
                    timeout=LONG,
                )
            )
            for _ in range(turns):
                await world.turn()
            job.cancel()
            outcome = await job.join()
            outcomes.add(outcome == CANCELLED)
            if outcome != CANCELLED:
                outcome.abort()  # type: ignore[attr-defined]  # a stream
            stream.abort()
            await shake.join(world)
            await world.settle()
            assert before == open_files()

        assert True in outcomes


@in_worlds(*WORLDS)
async def test_tls_runs_inside_tls(world: World) -> None:
    """A proxy spoken to in TLS tunnels TLS to the origin."""
    with Peer() as peer:
        outer, sock = await peer.connect_tls(world)
        inner_shake = InnerShake(sock)
        inner = await world.backend.start_tls(
            outer,
            context=client_context(),
            server_hostname="localhost",
            timeout=LONG,
        )
        await inner.write(b"ping", LONG)
        await world.settle()
        await joined(inner_shake.thread, world)

        assert b"ping" == inner_shake.read()
        inner_shake.write(b"pong")
        assert b"pong" == await inner.read(LONG)
        assert await inner.is_quiet()
        inner.abort()


class InnerShake:
    """A server's TLS inside a server's TLS, handshake in a thread."""

    def __init__(self, sock: ssl.SSLSocket) -> None:
        self._sock = sock
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = server_context().wrap_bio(
            self._incoming, self._outgoing, server_side=True
        )
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._sock.sendall(self._outgoing.read())
                self._incoming.write(self._sock.recv(65536))
            else:
                self._sock.sendall(self._outgoing.read())
                return

    def read(self) -> bytes:
        while True:
            try:
                return self._tls.read(65536)
            except ssl.SSLWantReadError:
                self._incoming.write(self._sock.recv(65536))

    def write(self, data: bytes) -> None:
        self._tls.write(data)
        self._sock.sendall(self._outgoing.read())


@in_worlds(*LOOPS)
async def test_clear_text_before_the_handshake_is_refused(world: World) -> None:
    """Bytes injected before TLS must not pass for what the server said in TLS."""
    with Peer() as peer:
        stream, sock = await peer.connect(world)
        sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        await world.settle()

        with pytest.raises(OSError, match="in the clear"):
            await world.backend.start_tls(
                stream,
                context=client_context(),
                server_hostname="localhost",
                timeout=LONG,
            )
