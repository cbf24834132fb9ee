"""``httpx._utils``: patterns for mounts, and the proxies of the environment."""

from ..._client.environment import get_environment_proxies
from ..._flow.mounts import URLPattern

__all__ = ["URLPattern", "get_environment_proxies"]
