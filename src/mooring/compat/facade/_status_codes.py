"""``httpx._status_codes``: the table of statuses."""

from ..._status import codes

__all__ = ["codes"]
