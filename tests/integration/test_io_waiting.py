"""Waiters, timers and dials in every world, and the threads behind the sync ones."""

from __future__ import annotations

import socket
import threading
from typing import Any

import pytest

from mooring._io.sync import SyncBackend
from tests.integration.io_worlds import (
    CANCELLED,
    COROUTINE_WORLDS,
    LONG,
    WORLDS,
    Peer,
    World,
    in_worlds,
)


@in_worlds(*WORLDS)
async def test_a_wake_before_the_wait_is_remembered(world: World) -> None:
    """Woken twice before anyone waits, the wait returns at once, and only once."""
    waiter = world.backend.waiter()
    waiter.wake()
    waiter.wake()
    await waiter.wait(None)

    started = world.backend.now()
    await waiter.wait(started + 0.01)
    assert started + 0.01 <= world.backend.now()


@in_worlds(*WORLDS)
async def test_a_wake_ends_the_wait(world: World) -> None:
    """Somebody else wakes whoever waits, long before the deadline."""
    waiter = world.backend.waiter()
    job = world.start(lambda: waiter.wait(world.backend.now() + LONG))
    await world.settle()
    waiter.wake()

    assert await job.join() is None


@in_worlds(*WORLDS)
async def test_a_wait_ends_at_its_deadline_and_not_before(world: World) -> None:
    """Also if the deadline has passed already."""
    for seconds in (0.02, 0.0, -1.0):
        deadline = world.backend.now() + seconds
        await world.backend.waiter().wait(deadline)
        assert deadline <= world.backend.now()


@in_worlds(*COROUTINE_WORLDS)
async def test_a_cancelled_wait_can_be_repeated(world: World) -> None:
    """A wake that finds nobody any more is kept for the next wait."""
    waiter = world.backend.waiter()
    for deadline in (None, world.backend.now() + LONG):
        job = world.start(lambda deadline=deadline: waiter.wait(deadline))  # type: ignore[misc]  # bound now
        await world.settle()
        job.cancel()
        assert CANCELLED == await job.join()

    waiter.wake()
    await waiter.wait(None)


@in_worlds(*COROUTINE_WORLDS)
async def test_a_dial_outlives_whoever_asked_for_it(world: World) -> None:
    """It belongs to the loop; cancelling the request does not reach it."""
    waiter = world.backend.waiter()
    gate = world.backend.waiter()
    done = []

    async def dial(connection: str) -> None:
        await gate.wait(None)
        done.append(connection)
        waiter.wake()

    async def request() -> None:
        world.backend.start_dial(dial, "C1", waiter)
        await world.backend.waiter().wait(None)

    job = world.start(request)
    await world.settle()
    job.cancel()
    await job.join()
    gate.wake()
    await waiter.wait(None)

    assert ["C1"] == done


@in_worlds(*COROUTINE_WORLDS)
async def test_a_dial_does_not_begin_inside_the_call(world: World) -> None:
    """The pool's decision is carried out first; called off, a dial is nothing."""
    begun = []

    async def dial(connection: str) -> None:
        begun.append(connection)

    kept = world.backend.waiter()
    world.backend.start_dial(dial, "kept", kept)
    world.backend.start_dial(dial, "called off", kept).cancel()
    assert [] == begun

    await world.settle()
    assert ["kept"] == begun


@in_worlds(*COROUTINE_WORLDS)
async def test_a_dial_can_be_called_off_while_it_waits(world: World) -> None:
    """Cancelling reaches into whatever the dial waits for."""
    waiter = world.backend.waiter()

    async def dial(connection: object) -> None:
        try:
            await world.backend.waiter().wait(None)
        finally:
            waiter.wake()

    handle = world.backend.start_dial(dial, None, waiter)
    await world.settle()
    handle.cancel()
    handle.cancel()

    await waiter.wait(None)


@in_worlds(*WORLDS)
async def test_a_timer_calls_back_in_time(world: World) -> None:
    """Not before, and one that was called off not at all."""
    waiter = world.backend.waiter()
    called = []
    when = world.backend.now() + 0.02

    def on_time() -> None:
        called.append(world.backend.now())
        waiter.wake()

    world.backend.call_at(when - 0.01, lambda: called.append(0.0)).cancel()
    handle = world.backend.call_at(when, on_time)
    await waiter.wait(None)
    handle.cancel()

    assert 1 == len(called)
    # A loop's timer may be early by the clock's resolution.
    assert when - 0.002 <= called[0]


@in_worlds(*WORLDS)
async def test_the_nearest_timer_comes_first(world: World) -> None:
    """Whatever the order in which they were set."""
    waiter = world.backend.waiter()
    called: list[str] = []
    now = world.backend.now()
    far = world.backend.call_at(now + LONG, lambda: called.append("far"))

    def last() -> None:
        called.append("last")
        waiter.wake()

    world.backend.call_at(now + 0.03, last)
    world.backend.call_at(now + 0.01, lambda: called.append("first"))
    await waiter.wait(None)
    far.cancel()

    assert ["first", "last"] == called


def test_a_waiting_thread_runs_the_dial_it_is_handed() -> None:
    """In threads a dial is the waiter's own work."""
    backend = SyncBackend()
    waiter = backend.waiter()
    ran: list[tuple[str, threading.Thread]] = []

    def dial(connection: str) -> None:
        ran.append((connection, threading.current_thread()))

    thread = threading.Thread(target=waiter.wait, args=(None,))
    thread.start()
    backend.start_dial(dial, "C1", waiter)
    thread.join()

    assert [("C1", thread)] == ran


def test_a_dial_called_off_before_it_began_never_runs() -> None:
    """The waiter wakes up and finds nothing to do."""
    backend = SyncBackend()
    waiter = backend.waiter()
    ran: list[Any] = []
    backend.start_dial(ran.append, "C1", waiter).cancel()

    waiter.wait(None)
    assert [] == ran


def test_a_dial_called_off_while_connecting_fails() -> None:
    """The thread that dials is freed, not left to its timeout."""
    backend = SyncBackend()
    waiter = backend.waiter()
    errors: list[BaseException] = []
    shaking = threading.Event()

    import ssl

    with Peer() as peer:

        def dial(connection: object) -> None:
            stream = backend.connect_tcp(peer.address, timeout=LONG)
            shaking.set()
            try:
                backend.start_tls(
                    stream,
                    context=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
                    server_hostname="localhost",
                    timeout=None,
                )
            except OSError as error:
                errors.append(error)

        handle = backend.start_dial(dial, None, waiter)
        thread = threading.Thread(target=waiter.wait, args=(None,))
        thread.start()
        shaking.wait()
        handle.cancel()
        thread.join()

    assert 1 == len(errors)


@pytest.mark.parametrize("attempt", range(50))
def test_a_connect_that_hangs_can_be_called_off(attempt: int) -> None:
    """A full backlog answers nobody. The two threads race, so it is tried often."""
    backend = SyncBackend()
    waiter = backend.waiter()
    errors: list[BaseException] = []
    began = threading.Event()

    with Peer(backlog=0) as peer, socket.socket() as filler:
        filler.connect(peer.address.sockaddr)

        def dial(connection: object) -> None:
            began.set()
            try:
                backend.connect_tcp(peer.address, timeout=None)
            except OSError as error:
                errors.append(error)

        handle = backend.start_dial(dial, None, waiter)
        thread = threading.Thread(target=waiter.wait, args=(None,))
        thread.start()
        began.wait()
        handle.cancel()
        thread.join()

    assert 1 == len(errors)


def test_the_timer_thread_ends_and_comes_back() -> None:
    """A program without timers has no timer thread; the next timer has one again."""
    backend = SyncBackend()
    names: list[threading.Thread] = []
    for _ in range(2):
        fired = threading.Event()

        def on_time(fired: threading.Event = fired) -> None:
            names.append(threading.current_thread())
            fired.set()

        backend.call_at(backend.now(), on_time)
        fired.wait()
        names[-1].join()

    assert ["mooring-timer"] * 2 == [thread.name for thread in names]
    assert names[0] is not names[1]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_timer_that_fails_does_not_stop_the_others() -> None:
    """The failure is reported as any thread's, and the next timer still fires."""
    backend = SyncBackend()
    fired = threading.Event()

    def fail() -> None:
        raise ValueError("a bug in a callback")

    backend.call_at(backend.now(), fail)
    backend.call_at(backend.now() + 0.001, fired.set)

    assert fired.wait(LONG)
