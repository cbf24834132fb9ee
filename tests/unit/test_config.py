"""Timeout, Limits and Proxy: checked when made, compared by value."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from mooring import Limits, Proxy, Timeout
from mooring._config import (
    DEFAULT_LIMITS,
    DEFAULT_MAX_REDIRECTS,
    DEFAULT_TIMEOUT_CONFIG,
    UNSET,
)


def test_defaults() -> None:
    """The defaults are httpx's, value for value."""
    assert Timeout(5.0) == DEFAULT_TIMEOUT_CONFIG
    assert (
        DEFAULT_LIMITS.max_connections,
        DEFAULT_LIMITS.max_keepalive_connections,
        DEFAULT_LIMITS.keepalive_expiry,
    ) == (100, 20, 5.0)
    assert DEFAULT_MAX_REDIRECTS == 20


@pytest.mark.parametrize(
    ("timeout", "four"),
    [
        (Timeout(5), (5, 5, 5, 5)),
        (Timeout(timeout=5.5), (5.5, 5.5, 5.5, 5.5)),
        (Timeout(None), (None, None, None, None)),
        (Timeout(0), (0, 0, 0, 0)),
        (Timeout(5, pool=None), (5, 5, 5, None)),
        (Timeout(None, connect=1, read=2, write=3), (1, 2, 3, None)),
        (Timeout(connect=1, read=2, write=3, pool=4), (1, 2, 3, 4)),
        (Timeout((1, 2, 3, 4)), (1, 2, 3, 4)),
        (Timeout((1, 2)), (1, 2, None, None)),  # type: ignore[arg-type]
        (Timeout(Timeout(1, read=2)), (1, 2, 1, 1)),
    ],
)
def test_timeout_forms(timeout: Timeout, four: tuple[float | None, ...]) -> None:
    """One number, a tuple, names and other timeouts all give four times."""
    assert four == (timeout.connect, timeout.read, timeout.write, timeout.pool)
    assert dict(zip(("connect", "read", "write", "pool"), four, strict=True)) == (
        timeout.as_dict()
    )


@pytest.mark.parametrize("arguments", [{}, {"connect": 1}, {"read": 1, "pool": 1}])
def test_timeout_needs_a_default(arguments: dict[str, Any]) -> None:
    """Without a default all four have to be given."""
    with pytest.raises(ValueError, match="must either include a default, or set all"):
        Timeout(**arguments)


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (-1, ValueError),
        (float("nan"), ValueError),
        ((1, 2, 3, 4, 5), ValueError),
        ((1,), ValueError),
        ((1, 2, 3, -4), ValueError),
        ("5", TypeError),
        (True, TypeError),
        ([1, 2, 3, 4], TypeError),
    ],
)
def test_timeout_refuses(value: Any, error: type[Exception]) -> None:
    """What is no number of seconds is refused where it is written."""
    with pytest.raises(error, match="timeout"):
        Timeout(value)


@pytest.mark.parametrize("value", [Timeout(5), (1, 2, 3, 4)])
def test_timeout_complete_and_single(value: Any) -> None:
    """A complete timeout leaves nothing for a single one to say."""
    with pytest.raises(TypeError, match="not both"):
        Timeout(value, read=1)


def test_timeout_is_a_value() -> None:
    """Timeouts compare, show and pickle by what is in them."""
    assert Timeout(5) == Timeout(5.0)
    assert Timeout(5) != Timeout(5, read=6)
    assert Timeout(5) != 5
    assert repr(Timeout(5.0)) == "Timeout(timeout=5.0)"
    assert (
        repr(Timeout(None, connect=1, read=2, write=3))
        == "Timeout(connect=1, read=2, write=3, pool=None)"
    )
    assert Timeout(5, read=6) == pickle.loads(pickle.dumps(Timeout(5, read=6)))
    with pytest.raises(TypeError, match="unhashable"):
        hash(Timeout(5))


def test_limits_defaults() -> None:
    """A field left out means no limit, as in httpx, and not the client's default."""
    limits = Limits()

    assert limits.max_connections is None
    assert limits.max_keepalive_connections is None
    assert limits.keepalive_expiry == 5.0


def test_limits_replace() -> None:
    """A copy differs in the fields named, None included."""
    limits = DEFAULT_LIMITS.replace(max_connections=None, keepalive_expiry=30)

    assert Limits(max_keepalive_connections=20, keepalive_expiry=30) == limits
    assert DEFAULT_LIMITS.replace() == DEFAULT_LIMITS
    assert DEFAULT_LIMITS.replace(max_connections=7).max_keepalive_connections == 20


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("max_connections", -1, ValueError),
        ("max_connections", True, TypeError),
        ("max_connections", 1.5, TypeError),
        ("max_connections", "1", TypeError),
        ("max_keepalive_connections", -1, ValueError),
        ("max_keepalive_connections", False, TypeError),
        ("keepalive_expiry", -0.1, ValueError),
        ("keepalive_expiry", float("nan"), ValueError),
        ("keepalive_expiry", "5", TypeError),
        ("keepalive_expiry", True, TypeError),
    ],
)
def test_limits_refuse(field: str, value: Any, error: type[Exception]) -> None:
    """A limit that cannot be meant is refused, by its name."""
    arguments: dict[str, Any] = {field: value}
    with pytest.raises(error, match=field):
        Limits(**arguments)
    with pytest.raises(error, match=field):
        DEFAULT_LIMITS.replace(**arguments)


def test_limits_are_a_value() -> None:
    """Limits compare, hash, show and pickle by what is in them."""
    limits = Limits(max_connections=1)

    assert limits == Limits(max_connections=1)
    assert limits != Limits(max_connections=2)
    assert hash(limits) == hash(Limits(max_connections=1))
    assert limits == pickle.loads(pickle.dumps(limits))
    assert (
        repr(limits) == "Limits(max_connections=1, max_keepalive_connections=None,"
        " keepalive_expiry=5.0)"
    )


def test_limits_cannot_be_changed() -> None:
    """A client's limits would not follow, so assigning says what to do."""
    with pytest.raises(AttributeError, match=r"replace\(max_connections="):
        DEFAULT_LIMITS.max_connections = 5


def test_proxy_credentials_leave_the_url() -> None:
    """User and password in the URL become the proxy's credentials."""
    proxy = Proxy("http://us%40er:pass@x:8080", auth=("a", "b"))

    assert str(proxy.url) == "http://x:8080"
    assert proxy.auth == ("us@er", "pass")
    assert proxy.raw_auth == (b"us@er", b"pass")


def test_proxy_auth_argument() -> None:
    """Credentials can be given beside the URL, or not at all."""
    assert Proxy("http://x", auth=("ü", "p")).raw_auth == (b"\xc3\xbc", b"p")
    assert Proxy("http://x").auth is None
    assert Proxy("http://x").raw_auth is None


@pytest.mark.parametrize("scheme", ["http", "https", "socks5", "socks5h"])
def test_proxy_schemes(scheme: str) -> None:
    """These are the proxies we can talk to."""
    assert scheme == Proxy(f"{scheme}://x:1").url.scheme


@pytest.mark.parametrize("url", ["ftp://u:secret@x", "x:80", "socks4://x"])
def test_proxy_refuses_other_schemes(url: str) -> None:
    """Other schemes are refused, without the password in the message."""
    with pytest.raises(ValueError, match="Unknown scheme for proxy URL") as caught:
        Proxy(url)
    assert "secret" not in str(caught.value)


def test_proxy_repr_masks() -> None:
    """Neither the password nor credentials in header fields show."""
    assert repr(Proxy("http://u:p@x")) == "Proxy('http://x', auth=('u', '********'))"
    assert (
        repr(Proxy("http://x", headers={"Proxy-Authorization": "s", "a": "b"}))
        == "Proxy('http://x', headers={'proxy-authorization': '[secure]', 'a': 'b'})"
    )


def test_unset() -> None:
    """The sentinel shows its name and is still itself after pickling."""
    assert repr(UNSET) == "UNSET"
    assert UNSET is pickle.loads(pickle.dumps(UNSET))


@pytest.mark.parametrize("cls", [Timeout, Limits, Proxy])
def test_modules(cls: type) -> None:
    """Classes report the module that people import them from."""
    assert cls.__module__ == "mooring"
