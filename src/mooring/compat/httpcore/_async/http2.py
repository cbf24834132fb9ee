"""The name of a connection that speaks HTTP/2."""

from __future__ import annotations

from mooring.compat.httpcore._async.interfaces import AsyncConnectionInterface

__all__ = ["AsyncHTTP2Connection"]


class AsyncHTTP2Connection(AsyncConnectionInterface):
    """For annotations and ``isinstance``; our pools never show one."""
