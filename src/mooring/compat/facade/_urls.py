"""``httpx._urls``: URLs and their parts."""

from ..._url import URL, Origin, QueryParams

__all__ = ["URL", "Origin", "QueryParams"]
