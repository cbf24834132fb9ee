"""Cookies: what servers set and which request takes it along (RFC 6265bis)."""

from .mapping import Cookies

__all__ = ["Cookies"]
