"""Status codes and their phrases."""

from __future__ import annotations

import pytest

from mooring import codes


def test_codes_are_numbers() -> None:
    """A code compares, prints and formats as its number."""
    number: int = codes.NOT_FOUND

    assert number == 404
    assert "404" == str(codes.NOT_FOUND) == f"{codes.NOT_FOUND}"
    assert codes.NOT_FOUND is codes(404)


def test_lower_case_names() -> None:
    """The names of requests work as plain numbers."""
    assert int is type(codes.not_found)
    assert codes.not_found == 404


@pytest.mark.parametrize(
    ("value", "phrase"), [(200, "OK"), (418, "I'm a teapot"), (299, ""), (1000, "")]
)
def test_reason_phrase(value: int, phrase: str) -> None:
    """Unregistered codes have no phrase."""
    assert phrase == codes.get_reason_phrase(value)


@pytest.mark.parametrize(
    ("value", "classes"),
    [
        (99, ()),
        (100, ("informational",)),
        (204, ("success",)),
        (304, ("redirect",)),
        (499, ("client_error", "error")),
        (599, ("server_error", "error")),
        (600, ()),
    ],
)
def test_classes(value: int, classes: tuple[str, ...]) -> None:
    """The first digit decides the class."""
    kinds = (
        "informational",
        "success",
        "redirect",
        "client_error",
        "server_error",
        "error",
    )

    assert classes == tuple(k for k in kinds if getattr(codes, f"is_{k}")(value))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("REQUEST_ENTITY_TOO_LARGE", "CONTENT_TOO_LARGE"),
        ("REQUEST_URI_TOO_LONG", "URI_TOO_LONG"),
        ("REQUESTED_RANGE_NOT_SATISFIABLE", "RANGE_NOT_SATISFIABLE"),
        ("UNPROCESSABLE_ENTITY", "UNPROCESSABLE_CONTENT"),
    ],
)
def test_names_before_rfc_9110(old: str, new: str) -> None:
    """Old names still work, and say what to write instead."""
    with pytest.warns(DeprecationWarning, match=f"Use '{new}' instead"):
        value = getattr(codes, old)

    assert codes[new] is value


def test_module() -> None:
    """The class reports the module that people import it from."""
    assert codes.__module__ == "mooring"
