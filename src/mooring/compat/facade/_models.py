"""``httpx._models``: messages and what they are made of."""

from ..._cookies import Cookies
from ..._headers import Headers
from ..._messages.request import Request
from ..._messages.response import Response

__all__ = ["Cookies", "Headers", "Request", "Response"]
