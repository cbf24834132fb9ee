"""Making one connection: resolve, connect, TLS, all under one deadline."""

from __future__ import annotations

import math

from mooring._errors import ConnectError, ConnectTimeout
from mooring._io.base import Address, Backend, Stream
from mooring._io.sockets import literal_address
from mooring._pool.route import Route, label, server_name
from mooring._shell import failures
from mooring._shell._sync.http1 import HTTP1Driver
from mooring._shell.options import DialOptions, DialProgress, dial_info

FIRST_BACKOFF = 0.5


class Dialer:
    """Opens connections for a pool; knows routes and addresses, not tickets."""

    def __init__(self, backend: Backend, options: DialOptions) -> None:
        self._backend = backend
        self._options = options
        pauses = [
            0.0,
            *(FIRST_BACKOFF * 2.0 ** min(n, 60) for n in range(options.retries)),
        ]
        self._pauses = pauses[: options.retries]
        self._pausing = sum(self._pauses)
        self._attempts = options.retries + 1

    def time_for(self, timeout: float) -> float:
        """Seconds that a dial may take whose every attempt may take *timeout*."""
        return timeout * self._attempts + self._pausing

    def dial(
        self, route: Route, timeout: float, progress: DialProgress
    ) -> HTTP1Driver:
        """Connect to *route* within *timeout* seconds (``math.inf``: no limit).

        Retries share that time, see ``time_for``. *progress* is kept up to date
        meanwhile.

        Raises:
            ConnectError, ConnectTimeout: with everything that was tried.
        """
        timeout = max(0.0, (timeout - self._pausing) / self._attempts)
        for pause in self._pauses:
            try:
                return self._dial_once(route, timeout, progress)
            except (ConnectError, ConnectTimeout):
                until = self._backend.now() + pause
                self._backend.waiter().wait(until)
        return self._dial_once(route, timeout, progress)

    def _dial_once(
        self, route: Route, timeout: float, progress: DialProgress
    ) -> HTTP1Driver:
        now = self._backend.now
        started = now()
        deadline = started + timeout
        if self._options.uds is not None:
            stream = self._connect_unix(route, timeout, progress)
        else:
            stream = self._connect_tcp(route, timeout, deadline, progress)
        progress.stream = stream
        connected = now()
        progress.tcp = connected - started - (progress.dns or 0.0)
        if route[0] in ("https", "wss"):
            progress.doing = "TLS handshake"
            stream = self._secure(route, stream, timeout, deadline)
            progress.stream = stream
            progress.tls = now() - connected
        info = dial_info(stream.get_extra_info, progress)
        return HTTP1Driver(stream, label(route), now, info)

    def _connect_unix(
        self, route: Route, timeout: float, progress: DialProgress
    ) -> Stream:
        path = self._options.uds
        assert path is not None
        progress.doing = f"connecting to the socket {path}"
        try:
            return self._backend.connect_unix(
                path,
                timeout=None if timeout == math.inf else timeout,
                socket_options=self._options.socket_options,
            )
        except TimeoutError as error:
            raise failures.connect_timed_out(route, progress.doing, timeout) from error
        except OSError as error:
            raise failures.not_connected(route, [(path, error)]) from error

    def _connect_tcp(
        self, route: Route, timeout: float, deadline: float, progress: DialProgress
    ) -> Stream:
        """Try the addresses in the resolver's order until one answers."""
        failed: list[tuple[str, OSError]] = []
        progress.doing = "resolving the name"
        started = self._backend.now()
        addresses = self._resolve(route, timeout)
        if literal_address(route[1], route[2]) is None:
            progress.dns = self._backend.now() - started
        for address in addresses:
            progress.doing = f"connecting to {address.ip}"
            try:
                return self._backend.connect_tcp(
                    address,
                    timeout=self._left(deadline),
                    local_address=self._options.local_address,
                    socket_options=self._options.socket_options,
                )
            except TimeoutError as error:
                if self._backend.now() < deadline:
                    # The kernel gave up on this address (ETIMEDOUT) before we did.
                    failed.append((address.ip, error))
                    continue
                doing = progress.doing
                raise failures.connect_timed_out(route, doing, timeout) from error
            except OSError as error:
                failed.append((address.ip, error))
        raise failures.not_connected(route, failed)

    def _resolve(self, route: Route, timeout: float) -> list[Address]:
        limit = None if timeout == math.inf else timeout
        try:
            return list(self._backend.resolve(route[1], route[2], limit))
        except TimeoutError as error:
            doing = "resolving the name"
            raise failures.connect_timed_out(route, doing, timeout) from error
        except (OSError, UnicodeError) as error:
            raise failures.not_resolved(route, error) from error

    def _secure(
        self, route: Route, stream: Stream, timeout: float, deadline: float
    ) -> Stream:
        try:
            context = self._options.ssl_context()
        except BaseException as error:
            stream.abort()
            if isinstance(error, OSError):
                raise failures.tls_not_set_up(route, error) from error
            raise
        try:
            return self._backend.start_tls(
                stream,
                context=context,
                server_hostname=server_name(route),
                timeout=self._left(deadline),
            )
        except TimeoutError as error:
            doing = "TLS handshake"
            raise failures.connect_timed_out(route, doing, timeout) from error
        except OSError as error:
            raise failures.tls_failed(route, error) from error
        except BaseException:
            stream.abort()
            raise

    def _left(self, deadline: float) -> float | None:
        """Seconds until *deadline*, as backends take them."""
        if deadline == math.inf:
            return None
        return max(0.0, deadline - self._backend.now())
# Generated by tools/unasync.py from src/mooring/_shell/_async/dial.py; do not edit.
