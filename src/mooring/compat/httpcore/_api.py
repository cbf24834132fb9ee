"""One request without a pool to keep."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ._sync.connection_pool import ConnectionPool

if TYPE_CHECKING:
    from ._models import URL, Response
    from ._types import Content, Extensions, HeaderTypes

__all__ = ["request", "stream"]


def request(
    method: bytes | str,
    url: URL | bytes | str,
    *,
    headers: HeaderTypes = None,
    content: Content = None,
    extensions: Extensions | None = None,
) -> Response:
    """Send a request and read its response."""
    with ConnectionPool() as pool:
        return pool.request(
            method, url, headers=headers, content=content, extensions=extensions
        )


@contextmanager
def stream(
    method: bytes | str,
    url: URL | bytes | str,
    *,
    headers: HeaderTypes = None,
    content: Content = None,
    extensions: Extensions | None = None,
) -> Iterator[Response]:
    """Send a request; the body of its response is the caller's to read."""
    with (
        ConnectionPool() as pool,
        pool.stream(
            method, url, headers=headers, content=content, extensions=extensions
        ) as response,
    ):
        yield response
