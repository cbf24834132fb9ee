"""Fixtures that several unit tests share."""

from tests.unit.client_worlds import world as world
