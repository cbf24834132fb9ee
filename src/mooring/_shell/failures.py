"""Low-level errors in, public exceptions with a readable sentence out.

The only place where ``OSError``, ``ssl.SSLError`` and ``TimeoutError`` become
exceptions of the public tree. Every text says what, where and how long.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

from mooring._errors import (
    CertificateError,
    ConnectError,
    ConnectTimeout,
    DNSError,
    PoolTimeout,
    TLSError,
    TransportError,
)
from mooring._pool.route import Route, label
from mooring._pool.wording import seconds

if TYPE_CHECKING:
    from mooring._pool.report import Diagnosis

E = TypeVar("E", bound=TransportError)


def with_note(error: E, note: str) -> E:
    """Attach a hint that tracebacks show and ``str(error)`` does not."""
    error.add_note(note)
    return error


def forget_frames(error: BaseException) -> None:
    """Take the tracebacks off *error* and what led to it, so that it can be kept.

    A frame in a traceback keeps all its callers' frames, and every local in them.
    """
    seen: set[int] = set()
    errors: list[BaseException | None] = [error]
    while errors:
        one = errors.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        one.__traceback__ = None
        errors += [one.__cause__, one.__context__]
        if isinstance(one, BaseExceptionGroup):
            errors += one.exceptions


def copied(failure: TransportError) -> TransportError:
    """Return a new exception saying the same.

    One failed dial can fail many requests; each raises an object of its own, or
    their tracebacks would grow into each other.
    """
    copy = type(failure)(str(failure))
    for note in getattr(failure, "__notes__", ()):
        copy.add_note(note)
    copy.__cause__ = failure.__cause__
    for name in ("code", "exit_code"):
        if name in vars(failure):  # finer than what its class says
            setattr(copy, name, vars(failure)[name])
    return copy


def reason_of(error: OSError) -> str:
    """Say in words what the operating system reported; never empty."""
    words = {
        errno.ECONNREFUSED: "refused",
        errno.ECONNRESET: "reset by the server",
        errno.EPIPE: "closed by the server",
        errno.ENETUNREACH: "network unreachable",
        errno.EHOSTUNREACH: "host unreachable",
        errno.EMFILE: "too many open files in this process",
    }
    number = error.errno
    if number in words:
        return words[number]
    if error.strerror:
        return error.strerror
    if number is not None:
        return os.strerror(number)
    return str(error) or type(error).__name__


def not_resolved(route: Route, error: OSError | UnicodeError) -> DNSError:
    words = reason_of(error) if isinstance(error, OSError) else str(error)
    failure = DNSError(f"cannot resolve {route[1]!r}: {words}")
    failure.__cause__ = error
    return with_note(failure, "check the spelling of the host, and the resolver")


def not_connected(
    route: Route, failures: Sequence[tuple[str, OSError]]
) -> ConnectError:
    """Every address was tried and failed."""
    tried = ", ".join(f"{where} {reason_of(error)}" for where, error in failures)
    failure = ConnectError(f"could not connect to {label(route)}: {tried}")
    errors = [error for _, error in failures]
    failure.__cause__ = (
        errors[0] if len(errors) == 1 else ExceptionGroup("addresses tried", errors)
    )
    if all(error.errno == errno.ECONNREFUSED for error in errors):
        return with_note(failure, "is the server running on that port?")
    return failure


def connect_timed_out(route: Route, doing: str, after: float) -> ConnectTimeout:
    return ConnectTimeout(
        f"no connection to {label(route)} within {seconds(after)} ({doing})"
    )


def tls_failed(route: Route, error: OSError) -> ConnectError:
    """The TCP connection stood, the handshake did not come to an end."""
    import ssl

    where = label(route)
    failure: ConnectError
    if isinstance(error, ssl.SSLCertVerificationError):
        from mooring._io.certificates import hint_for, why_refused

        failure = CertificateError(
            f"the certificate of {where} was not accepted: {why_refused(error)}"
        )
        if hint := hint_for(error):
            failure.add_note(hint)
    elif isinstance(error, ssl.SSLError):
        if error.reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST"):
            failure = TLSError(f"{where} answered in plain text, not TLS")
            failure.add_note("use http:// if the server speaks plain HTTP there")
        else:
            words = (error.reason or str(error) or "no reason given").replace("_", " ")
            failure = TLSError(f"TLS handshake with {where} failed: {words.lower()}")
    else:
        failure = TLSError(f"TLS handshake with {where} failed: {reason_of(error)}")
    failure.__cause__ = error
    return failure


def tls_not_set_up(route: Route, error: OSError) -> TLSError:
    """Our own configuration failed, before the server heard of it."""
    failure = TLSError(f"cannot set up TLS for {label(route)}: {error}")
    failure.__cause__ = error
    return failure


def pool_timed_out(diagnosis: Diagnosis) -> PoolTimeout:
    """Nothing came free in time: say what stood in the way."""
    failure = PoolTimeout(diagnosis.message)
    failure.diagnosis = diagnosis
    for note in diagnosis.notes:
        failure.add_note(note)
    return failure


def pool_interrupted(route: Route) -> ConnectError:
    failure = ConnectError(
        f"the pool was interrupted while a request to {label(route)} waited in it"
    )
    return with_note(
        failure,
        "KeyboardInterrupt or MemoryError struck between two steps of the pool, which "
        "closed all its connections and began anew; send the request again",
    )


def pool_reentered() -> RuntimeError:
    """A signal handler or finalizer met the pool half way through a step."""
    return RuntimeError(
        "the client was called by a signal handler or finalizer that interrupted its "
        "own connection pool; let the handler set a flag, and send the request later"
    )


def pool_closed(route: Route) -> ConnectError:
    return ConnectError(
        f"the client was closed while a request to {label(route)} was on its way"
    )
