"""``httpx._auth``: the ways to authenticate."""

from ..._client.schemes import DigestAuth, NetRCAuth
from ..._flow.auth import Auth, BasicAuth, FunctionAuth

__all__ = ["Auth", "BasicAuth", "DigestAuth", "FunctionAuth", "NetRCAuth"]
