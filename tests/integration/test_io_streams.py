"""What every backend's streams do, on real sockets."""

from __future__ import annotations

import errno
import os
import socket
import tempfile
from itertools import count
from time import monotonic
from typing import Any

import pytest

from tests.integration.io_worlds import (
    CANCELLED,
    COROUTINE_WORLDS,
    LONG,
    LOOPS,
    SMALL_BUFFERS,
    WORLDS,
    Peer,
    World,
    in_worlds,
    open_files,
    reset,
)


@in_worlds(*WORLDS)
async def test_bytes_go_there_and_back(world: World) -> None:
    """What one end writes, the other reads."""
    with Peer() as peer:
        stream, sock = await peer.connect(world)

        await stream.write(b"ping", LONG)
        assert b"ping" == sock.recv(100)
        sock.sendall(b"pong")
        assert b"pong" == await stream.read(LONG)
        stream.abort()


@in_worlds(*WORLDS)
async def test_no_timeout_means_to_wait(world: World) -> None:
    """A timeout of None is no timeout, for reads and writes alike."""
    with Peer() as peer:
        stream, sock = await peer.connect(world)
        sock.sendall(b"pong")

        await stream.write(b"ping", None)
        assert b"pong" == await stream.read(None)
        stream.abort()


@in_worlds(*WORLDS)
async def test_the_end_is_an_empty_read_every_time(world: World) -> None:
    """After the last byte every read says that there are no more."""
    with Peer() as peer:
        stream, sock = await peer.connect(world)
        sock.sendall(b"last words")
        sock.close()

        assert b"last words" == await stream.read(LONG)
        assert b"" == await stream.read(LONG)
        assert b"" == await stream.read(LONG)
        stream.abort()


@in_worlds(*WORLDS)
async def test_writing_goes_on_after_the_peer_has_finished(world: World) -> None:
    """A half-closed connection still takes what we have to send."""
    with Peer() as peer:
        stream, sock = await peer.connect(world)
        sock.shutdown(socket.SHUT_WR)

        assert b"" == await stream.read(LONG)
        await stream.write(b"still here", LONG)
        assert b"still here" == sock.recv(100)
        stream.abort()


@in_worlds(*WORLDS)
async def test_a_reset_is_an_error(world: World) -> None:
    """A connection that the peer resets does not look like one that ended."""
    with Peer() as peer:
        stream, sock = await peer.connect(world)
        reset(sock)

        with pytest.raises(ConnectionResetError):
            await stream.read(LONG)
        stream.abort()


@in_worlds(*WORLDS)
async def test_writing_to_a_dead_connection_is_an_error(world: World) -> None:
    """Once the reset has been read, a write says so at once."""
    with Peer() as peer:
        stream, sock = await peer.connect(world)
        reset(sock)
        with pytest.raises(OSError):
            await stream.read(LONG)

        with pytest.raises(OSError):
            await stream.write(b"anybody?", LONG)
        stream.abort()


@in_worlds(*WORLDS)
async def test_a_read_times_out_and_not_too_early(world: World) -> None:
    """The timeout is exact downwards: never less than was asked for."""
    with Peer() as peer:
        stream, _ = await peer.connect(world)
        for seconds in (0.05, 0.03, 0.001, 0.021, 0):
            started = monotonic()
            with pytest.raises(TimeoutError):
                await stream.read(seconds)
            assert seconds <= monotonic() - started
        stream.abort()


@in_worlds(*WORLDS)
async def test_a_shorter_timeout_after_a_longer_one_holds(world: World) -> None:
    """The timer that an earlier read left behind does not hide a nearer deadline."""
    with Peer() as peer:
        stream, sock = await peer.connect(world)
        sock.sendall(b"x")
        await stream.read(LONG)
        job = world.start(lambda: stream.read(0.01))

        assert isinstance(await job.join(), TimeoutError)
        stream.abort()


@in_worlds(*WORLDS)
async def test_a_longer_timeout_after_a_shorter_one_holds(world: World) -> None:
    """The timer that an earlier read left behind does not end a later read."""
    with Peer() as peer:
        stream, sock = await peer.connect(world)
        sock.sendall(b"x")
        await stream.read(0.02)

        started = monotonic()
        with pytest.raises(TimeoutError):
            await stream.read(0.06)
        assert 0.06 <= monotonic() - started
        stream.abort()


@in_worlds(*WORLDS)
async def test_a_stream_works_on_after_a_timeout(world: World) -> None:
    """A timeout is the caller's affair and leaves the stream as it was."""
    with Peer() as peer:
        stream, sock = await peer.connect(world)
        with pytest.raises(TimeoutError):
            await stream.read(0.001)

        sock.sendall(b"late")
        assert b"late" == await stream.read(LONG)
        stream.abort()


@in_worlds(*WORLDS)
async def test_a_write_that_nobody_reads_times_out(world: World) -> None:
    """When there is no room left, a write waits for its timeout and no longer."""
    with Peer() as peer:
        stream, _ = await peer.connect(world, socket_options=SMALL_BUFFERS)

        with pytest.raises(TimeoutError):
            while True:
                await stream.write(b"x" * 1_000_000, 0.05)
        stream.abort()


@in_worlds(*WORLDS)
async def test_a_write_waits_for_a_slow_reader(world: World) -> None:
    """Everything arrives, in order, however little fits at once."""
    body = os.urandom(3_000_000)
    with Peer() as peer:
        stream, sock = await peer.connect(world, socket_options=SMALL_BUFFERS)
        job = world.start(lambda: stream.write(body, LONG))
        sock.setblocking(False)
        received = bytearray()
        while len(received) < len(body):
            try:
                received += sock.recv(65536)
            except BlockingIOError:
                await world.turn()

        assert await job.join() is None
        assert body == received
        stream.abort()


@in_worlds(*WORLDS)
async def test_a_large_body_arrives_whole(world: World) -> None:
    """A reader slower than its peer holds the peer up and loses nothing."""
    body = os.urandom(5_000_000)
    with Peer() as peer:
        stream, sock = await peer.connect(world)
        sock.setblocking(False)
        rest = memoryview(body)
        received: list[bytes] = []
        while rest or sum(map(len, received)) < len(body):
            for _ in range(30):
                try:
                    rest = rest[sock.send(rest) :]
                except BlockingIOError:
                    break
                await world.turn()
            received.append(await stream.read(LONG))

        assert body == b"".join(received)
        stream.abort()


@in_worlds(*LOOPS)
async def test_an_unread_stream_stops_the_peer(world: World) -> None:
    """Past the high-water mark the transport reads no more; memory is bounded."""
    with Peer() as peer:
        stream, sock = await peer.connect(world, socket_options=SMALL_BUFFERS)
        sock.setblocking(False)
        sent = refusals = 0
        while refusals < 200:
            try:
                sent += sock.send(b"x" * 65536)
                refusals = 0
            except BlockingIOError:
                refusals += 1
            await world.turn()
        got = len(await stream.read(LONG))

        assert 256 * 1024 < got < 1024 * 1024
        stream.abort()


@in_worlds(*WORLDS)
async def test_abort_wakes_the_reader(world: World) -> None:
    """Whoever waits for bytes hears that there will be none."""
    with Peer() as peer:
        stream, _ = await peer.connect(world)
        job = world.start(lambda: stream.read(None))
        await world.settle()
        stream.abort()

        assert isinstance(await job.join(), OSError)


@in_worlds(*WORLDS)
async def test_abort_wakes_the_writer(world: World) -> None:
    """Whoever waits for room hears that there will be none."""
    with Peer() as peer:
        stream, _ = await peer.connect(world, socket_options=SMALL_BUFFERS)
        job = world.start(lambda: stream.write(b"x" * 10_000_000, None))
        await world.settle()
        stream.abort()

        assert isinstance(await job.join(), OSError)


@in_worlds(*WORLDS)
async def test_an_aborted_stream_does_nothing_any_more(world: World) -> None:
    """Abort twice is abort once; reads and writes fail, and it is not quiet."""
    with Peer() as peer:
        stream, sock = await peer.connect(world)
        sock.sendall(b"unread")
        stream.abort()
        stream.abort()

        with pytest.raises(OSError):
            await stream.read(LONG)
        with pytest.raises(OSError):
            await stream.write(b"x", LONG)
        assert not await stream.is_quiet()


@in_worlds(*WORLDS)
async def test_abort_gives_the_file_descriptor_back(world: World) -> None:
    """Nothing stays open after an abort."""
    with Peer() as peer:
        warm, _ = await peer.connect(world)
        warm.abort()
        await world.settle()
        before = open_files()
        stream, sock = await peer.connect(world)
        stream.abort()
        await world.settle()
        sock.close()

        assert before == open_files()


@in_worlds(*WORLDS)
async def test_an_idle_stream_is_quiet(world: World) -> None:
    """Nothing came, nobody left."""
    with Peer() as peer:
        stream, _ = await peer.connect(world)

        assert await stream.is_quiet()
        assert await stream.is_quiet()
        stream.abort()


@in_worlds(*WORLDS)
async def test_a_stream_with_unread_bytes_is_not_quiet(world: World) -> None:
    """Bytes that the kernel holds count, seen by the loop or not."""
    with Peer() as peer:
        stream, sock = await peer.connect(world)
        sock.sendall(b"HTTP/1.1 408 Request Timeout\r\n\r\n")

        assert not await stream.is_quiet()
        stream.abort()


@in_worlds(*WORLDS)
async def test_a_stream_that_the_peer_closed_is_not_quiet(world: World) -> None:
    """The close is seen even if the loop had no turn since."""
    with Peer() as peer:
        stream, sock = await peer.connect(world)
        sock.close()

        assert not await stream.is_quiet()
        stream.abort()


@in_worlds(*WORLDS)
async def test_a_stream_that_the_peer_reset_is_not_quiet(world: World) -> None:
    """A reset is noticed like a close."""
    with Peer() as peer:
        stream, sock = await peer.connect(world)
        reset(sock)

        assert not await stream.is_quiet()
        stream.abort()


async def _noise(world: World, *, by_reset: bool = False, close: bool = False) -> int:
    """Count the calls of one registration after the peer did something."""
    calls = []
    with Peer() as peer:
        stream, sock = await peer.connect(world)
        stream.on_noise(lambda: calls.append(1))
        if by_reset:
            reset(sock)
        elif close:
            sock.close()
        else:
            sock.sendall(b"boo")
            await world.settle()
            sock.sendall(b"boo again")
        await world.settle()
        stream.abort()
        await world.settle()
    return len(calls)


@in_worlds(*LOOPS)
async def test_unread_bytes_are_noise(world: World) -> None:
    """The callback comes once, by itself."""
    assert await _noise(world) == 1


@in_worlds(*LOOPS)
async def test_an_unread_end_is_noise(world: World) -> None:
    """So it does when the peer closes."""
    assert await _noise(world, close=True) == 1


@in_worlds(*LOOPS)
async def test_an_unread_reset_is_noise(world: World) -> None:
    """So it does when the peer resets."""
    assert await _noise(world, by_reset=True) == 1


@in_worlds(*LOOPS)
async def test_bytes_that_somebody_reads_are_no_noise(world: World) -> None:
    """A waiting reader gets them, and a withdrawn callback is never called."""
    calls = []
    with Peer() as peer:
        stream, sock = await peer.connect(world)
        stream.on_noise(lambda: calls.append(1))
        job = world.start(lambda: stream.read(LONG))
        await world.settle()
        sock.sendall(b"for the reader")
        assert b"for the reader" == await job.join()
        stream.on_noise(None)
        sock.sendall(b"for nobody")
        await world.settle()

        assert [] == calls
        stream.abort()


@in_worlds(*LOOPS)
async def test_our_own_abort_is_no_noise(world: World) -> None:
    """Only what the peer does is news."""
    calls = []
    with Peer() as peer:
        stream, _ = await peer.connect(world)
        stream.on_noise(lambda: calls.append(1))
        stream.abort()
        await world.settle()

        assert [] == calls


@in_worlds(*COROUTINE_WORLDS)
async def test_a_cancelled_read_loses_nothing(world: World) -> None:
    """The bytes that come later go to the next reader."""
    with Peer() as peer:
        stream, sock = await peer.connect(world)
        job = world.start(lambda: stream.read(LONG))
        await world.settle()
        job.cancel()
        assert CANCELLED == await job.join()

        sock.sendall(b"later")
        assert b"later" == await stream.read(LONG)
        stream.abort()


@in_worlds(*COROUTINE_WORLDS)
async def test_a_cancelled_write_leaves_no_file_open(world: World) -> None:
    """Cancel while there is no room, abort, and everything is gone."""
    with Peer() as peer:
        warm, sock = await peer.connect(world)
        warm.abort()
        sock.close()
        await world.settle()
        before = open_files()
        stream, sock = await peer.connect(world, socket_options=SMALL_BUFFERS)
        job = world.start(lambda: stream.write(b"x" * 10_000_000, LONG))
        await world.settle()
        job.cancel()
        assert CANCELLED == await job.join()
        stream.abort()
        sock.close()
        await world.settle()

        assert before == open_files()


@in_worlds(*COROUTINE_WORLDS)
async def test_cancelling_a_connect_anywhere_leaves_no_file_open(world: World) -> None:
    """Cancelled after any number of turns, a connect keeps nothing."""
    with Peer(backlog=200) as peer:
        warm, sock = await peer.connect(world)
        warm.abort()
        sock.close()
        await world.settle()
        before = open_files()
        for turns in count():
            job = world.start(
                lambda: world.backend.connect_tcp(peer.address, timeout=LONG)
            )
            for _ in range(turns):
                await world.turn()
            job.cancel()
            outcome: Any = await job.join()
            if outcome != CANCELLED:
                outcome.abort()
            await world.settle()
            assert before == open_files()
            if outcome != CANCELLED:
                break  # so many turns were enough to connect

        assert turns > 1


@in_worlds(*WORLDS)
async def test_nobody_listening_is_an_error(world: World) -> None:
    """A refused connection says so, and keeps nothing open."""
    with Peer() as peer:
        address = peer.address
    before = open_files()

    with pytest.raises(ConnectionRefusedError):
        await world.backend.connect_tcp(address, timeout=LONG)
    await world.settle()
    assert before == open_files()


@in_worlds(*WORLDS)
async def test_a_connect_times_out(world: World) -> None:
    """A listener with a full backlog answers nothing; the timeout ends the wait."""
    with Peer(backlog=0) as peer, socket.socket() as filler:
        filler.connect(peer.address.sockaddr)
        warm_up = world.start(
            lambda: world.backend.connect_tcp(peer.address, timeout=0.01)
        )
        await warm_up.join()
        before = open_files()
        started = monotonic()

        with pytest.raises(TimeoutError):
            await world.backend.connect_tcp(peer.address, timeout=0.05)
        await world.settle()
        assert 0.04 <= monotonic() - started
        assert before == open_files()


@in_worlds(*WORLDS)
async def test_the_local_address_is_used(world: World) -> None:
    """The peer sees the address that was asked for."""
    with Peer() as peer:
        stream, sock = await peer.connect(world, local_address="127.0.0.9")

        assert "127.0.0.9" == sock.getpeername()[0]
        assert "127.0.0.9" == stream.get_extra_info("client_addr")[0]
        stream.abort()


@in_worlds(*WORLDS)
async def test_socket_options_are_set_and_nagle_is_off(world: World) -> None:
    """The caller's options reach the socket; TCP_NODELAY is there without asking."""
    with Peer() as peer:
        stream, _ = await peer.connect(
            world, socket_options=[(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
        )
        sock = stream.get_extra_info("socket")

        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert peer.address.sockaddr == stream.get_extra_info("server_addr")
        assert stream.get_extra_info("ssl_object") is None
        stream.abort()


@in_worlds(*WORLDS)
async def test_an_impossible_local_address_is_an_error(world: World) -> None:
    """Binding fails with the system's error, and nothing stays open."""
    before = open_files()
    with Peer() as peer, pytest.raises(OSError) as caught:
        await world.backend.connect_tcp(
            peer.address, timeout=LONG, local_address="192.0.2.1"
        )

    assert errno.EADDRNOTAVAIL == caught.value.errno
    assert before == open_files()


@in_worlds(*WORLDS)
async def test_unix_sockets_work(world: World) -> None:
    """The same stream over a unix domain socket."""
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/sock"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen()
            stream = await world.backend.connect_unix(path, timeout=LONG)
            sock, _ = listener.accept()
            with sock:
                await stream.write(b"ping", LONG)
                assert b"ping" == sock.recv(100)
            assert b"" == await stream.read(LONG)
            stream.abort()


@in_worlds(*WORLDS)
async def test_a_missing_unix_socket_is_an_error(world: World) -> None:
    """There is nothing to connect to, and the system says so."""
    with pytest.raises(FileNotFoundError):
        await world.backend.connect_unix("/nonexistent/socket", timeout=LONG)


@in_worlds(*WORLDS)
async def test_literals_and_localhost_are_resolved(world: World) -> None:
    """IP literals come back as they are, localhost as a loopback address."""
    resolve = world.backend.resolve

    assert ["127.0.0.1"] == [a.ip for a in await resolve("127.0.0.1", 80, LONG)]
    assert ["::1"] == [a.ip for a in await resolve("::1", 80, LONG)]
    found = await resolve("localhost", 80, LONG)
    assert {a.ip for a in found} <= {"127.0.0.1", "::1"}
    assert {80} == {a.sockaddr[1] for a in found}


@in_worlds(*WORLDS)
async def test_an_unknown_name_is_the_resolvers_error(world: World) -> None:
    """``socket.gaierror`` passes through."""
    with pytest.raises(socket.gaierror):
        await world.backend.resolve("no-such-host.invalid", 80, LONG)
