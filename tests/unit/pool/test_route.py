"""The key of the pool, and how error texts show it."""

from __future__ import annotations

import pytest

from mooring._pool.route import Route, label, server_name


@pytest.mark.parametrize(
    ("expected", "route"),
    [
        ("example.org:443", ("https", "example.org", 443)),
        ("[::1]:8000", ("http", "::1", 8000)),
        ("10.0.0.1:443", ("https", "10.0.0.1", 443, "example.org")),
    ],
)
def test_a_route_is_shown_as_host_and_port(expected: str, route: Route) -> None:
    """An IPv6 address stands in brackets, as in a URL."""
    assert expected == label(route)


def test_tls_asks_for_the_host_unless_told_otherwise() -> None:
    """The name that the request set wins."""
    assert server_name(("https", "10.0.0.1", 443)) == "10.0.0.1"
    assert server_name(("https", "10.0.0.1", 443, "example.org")) == "example.org"
