"""Every world there is to torture in."""

from __future__ import annotations

from .aio import AsyncioWorld
from .crowd import CrowdWorld
from .memory import MemoryWorld
from .threads import ThreadWorld
from .tri import TrioWorld
from .world import World

WORLDS: dict[str, type[World]] = {
    kind.name: kind
    for kind in (MemoryWorld, AsyncioWorld, TrioWorld, ThreadWorld, CrowdWorld)
}
