"""What all simulated tests get: collections that are cheap enough for every case."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="module")
def _cheap_collections() -> Iterator[None]:
    """Each case ends with a collection, which should not look at all of pytest."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
