"""URLs: parsing, quoting, and the values made of them."""

from .model import URL, Origin
from .query import QueryParams

__all__ = ["URL", "Origin", "QueryParams"]
