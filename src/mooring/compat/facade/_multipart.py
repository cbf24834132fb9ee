"""``httpx._multipart``: forms with files in them."""

from ..._body.multipart import MultipartStream

__all__ = ["MultipartStream"]
