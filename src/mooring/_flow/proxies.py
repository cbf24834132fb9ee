"""Which proxy the environment wants for which URLs; nothing is looked up here."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from .._config import Proxy
from .._errors import InvalidURL
from .mounts import URLPattern

__all__ = ["EnvironmentProxy", "Setting", "environment_mounts", "proxy_settings"]

_SCHEMES = ("http", "https", "all")


class Setting(NamedTuple):
    """A value of the environment, and the name it has there."""

    value: str
    variable: str


class EnvironmentProxy(Proxy):
    """A proxy, and the variable that named it.

    Raises:
        InvalidURL: The value is not a URL.
        ValueError: It is one of another kind.
    """

    __slots__ = ("variable",)

    variable: str

    def __init__(self, setting: Setting) -> None:
        self.variable = setting.variable
        try:
            super().__init__(setting.value)
        except (InvalidURL, ValueError) as exc:
            # A password that makes the URL invalid would be quoted.
            why = "not a URL of a proxy" if "@" in setting.value else str(exc)
            raise type(exc)(f"{setting.variable} in the environment: {why}") from None


def proxy_settings(environ: Mapping[str, str]) -> dict[str, Setting]:
    """Return what *environ* says for ``http``, ``https``, ``all`` and ``no``.

    Lower-case variables go first, an empty one unsets the other. In a CGI program
    HTTP_PROXY is what a visitor sent as the header "Proxy" and does not count
    (CVE-2016-5386).
    """
    # Names first: every value that is looked at costs, and this is for each client.
    variables = [name for name in environ if name[-6:].lower() == "_proxy"]
    if not variables:
        return {}
    found: dict[str, Setting] = {}
    for variable in variables:
        if value := environ[variable]:
            found[variable[:-6].lower()] = Setting(value, variable)
    if "REQUEST_METHOD" in environ:
        found.pop("http", None)
    for variable in variables:
        if variable[-6:] == "_proxy":
            name = variable[:-6].lower()
            if value := environ[variable]:
                found[name] = Setting(value, variable)
            else:
                found.pop(name, None)
    return {name: found[name] for name in (*_SCHEMES, "no") if name in found}


def environment_mounts(settings: Mapping[str, Setting]) -> dict[str, Setting | None]:
    """Return the proxy for each URL pattern; ``None`` where there is to be none."""
    mounts: dict[str, Setting | None] = {}
    for scheme in _SCHEMES:
        setting = settings.get(scheme)
        if setting is not None:
            url, variable = setting
            url = url if "://" in url else f"http://{url}"
            mounts[f"{scheme}://"] = Setting(url, variable)
    excepted = settings["no"].value.split(",") if "no" in settings else []
    for item in excepted:
        host = item.strip()
        if host == "*":
            return {}
        pattern = _pattern(host)
        if pattern is not None:
            mounts[pattern] = None
    return mounts


def _pattern(host: str) -> str | None:
    """Return the URL pattern for an entry of NO_PROXY, ``None`` for nonsense."""
    address, slash, prefix = host.partition("/")
    if not host:
        return None
    if "://" in host:
        pattern = host
    elif _is_address(IPv4Address, address) or host.startswith("["):
        pattern = f"all://{host}"
    elif _is_address(IPv6Address, address):
        pattern = f"all://[{address}]{slash}{prefix}"
    elif slash:
        return None
    elif host.lower() == "localhost" or host.startswith("*."):
        pattern = f"all://{host}"
    else:
        pattern = f"all://*{host}"
    try:
        URLPattern(pattern)
    except InvalidURL:
        return None  # as curl does: the rest still counts
    return pattern


def _is_address(kind: type[IPv4Address] | type[IPv6Address], text: str) -> bool:
    try:
        kind(text)
    except ValueError:
        return False
    return True
