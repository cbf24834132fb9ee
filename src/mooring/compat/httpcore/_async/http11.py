"""The name of a connection that speaks HTTP/1.1."""

from __future__ import annotations

from mooring.compat.httpcore._async.interfaces import AsyncConnectionInterface

__all__ = ["AsyncHTTP11Connection"]


class AsyncHTTP11Connection(AsyncConnectionInterface):
    """For annotations and ``isinstance``; our pools never show one."""
