"""URLs beside the URL standard: where we agree with it, and where not and why."""

from __future__ import annotations

import pytest

import mooring

from .url_cases import AGREED, BASE, DIFFERENT, JOINED


def text_of(url: str) -> str:
    """Return what we make of *url*, nothing for an error."""
    try:
        return str(mooring.URL(url))
    except mooring.InvalidURL:
        return ""


@pytest.mark.parametrize(("url", "expected"), AGREED)
def test_agreed(url: str, expected: str) -> None:
    """We make of it what browsers make of it."""
    assert expected == text_of(url)


@pytest.mark.parametrize(
    ("url", "standard", "expected"),
    [case for cases in DIFFERENT.values() for case in cases],
)
def test_different(url: str, standard: str, expected: str) -> None:
    """We differ from the standard, for the reason that the case is listed under."""
    assert expected == text_of(url)
    assert standard != expected


@pytest.mark.parametrize(("link", "expected"), JOINED)
def test_joined(link: str, expected: str) -> None:
    """Links lead where RFC 3986 says, and dots cannot lead out of the root."""
    assert expected == str(mooring.URL(BASE).join(link))


@pytest.mark.parametrize("url", [url for url, expected in AGREED if expected])
def test_normal_form_is_stable(url: str) -> None:
    """What we make of a URL we leave as it is."""
    assert text_of(url) == text_of(text_of(url))
