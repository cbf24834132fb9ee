"""What the environment wants of a client; asked once, when it is made."""

from __future__ import annotations

import os
import sys

from .._flow.proxies import (
    EnvironmentProxy,
    Setting,
    environment_mounts,
    proxy_settings,
)

__all__ = ["environment_proxies", "get_environment_proxies"]


def get_environment_proxies() -> dict[str, str | None]:
    """Return the URL of the proxy for each URL pattern, ``None`` for directly."""
    mounts = environment_mounts(_settings())
    return {
        pattern: None if setting is None else setting.value
        for pattern, setting in mounts.items()
    }


def environment_proxies() -> dict[str, EnvironmentProxy | None]:
    """Return the proxy for each URL pattern; ``None`` for those to reach directly.

    Raises:
        InvalidURL: A variable is not a URL.
        ValueError: It is the URL of something that is no proxy.
    """
    mounts = environment_mounts(_settings())
    return {
        pattern: None if setting is None else EnvironmentProxy(setting)
        for pattern, setting in mounts.items()
    }


def _settings() -> dict[str, Setting]:
    found = proxy_settings(os.environ)
    if found or sys.platform not in ("darwin", "win32"):
        return found
    # These two have a place for it in their settings. Late, for its weight.
    from urllib.request import getproxies

    return {
        name: Setting(value, f"the {name} proxy of the system")
        for name, value in getproxies().items()
        if name in ("http", "https", "all", "no")
    }
