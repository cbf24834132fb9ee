"""TLS for the servers of the simulation, over any peer."""

from __future__ import annotations

import functools
import ssl

import trustme

from .peers import Peer


@functools.cache
def _authority() -> trustme.CA:
    return trustme.CA()


@functools.cache
def _server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _authority().issue_cert(
        "a.test", "b.test", "mute.test", "after.test"
    ).configure_cert(context)
    return context


@functools.cache
def client_context() -> ssl.SSLContext:
    """Trust the servers of the simulation, and nobody else."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _authority().configure_trust(context)
    return context


class TLSPeer:
    """A server's end of an encrypted connection. Shakes hands when first read."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = _server_context().wrap_bio(
            self._incoming, self._outgoing, server_side=True
        )
        self._ready = False

    async def read(self) -> bytes:
        while True:
            try:
                if not self._ready:
                    self._tls.do_handshake()
                    self._ready = True
                    await self._flush()
                return self._tls.read(65536)
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError:
                return b""
            try:
                await self._flush()
            except OSError:
                return b""
            data = await self._peer.read()
            if not data:
                return b""
            self._incoming.write(data)

    async def write(self, data: bytes) -> None:
        self._tls.write(data)
        await self._flush()

    async def sleep(self, seconds: float) -> None:
        await self._peer.sleep(seconds)

    def finish(self) -> None:
        self._peer.finish()

    def close(self) -> None:
        self._peer.close()

    def reset(self) -> None:
        self._peer.reset()

    async def _flush(self) -> None:
        if self._outgoing.pending:
            await self._peer.write(self._outgoing.read())
