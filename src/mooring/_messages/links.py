"""The ``Link`` field (RFC 8288), read leniently."""

from __future__ import annotations

import re

__all__ = ["parsed_links"]

_BETWEEN_LINKS = re.compile(r", *<")


def parsed_links(value: str) -> list[dict[str, str]]:
    """The links of a field, each a dict with ``url`` and the parameters.

    Example::

        >>> parsed_links('<https://example.org/2>; rel="next"')
        [{'url': 'https://example.org/2', 'rel': 'next'}]
    """
    links = []
    value = value.strip(" '\"")
    for item in _BETWEEN_LINKS.split(value) if value else ():
        url, _, parameters = item.partition(";")
        link = {"url": url.strip("<> '\"")}
        for parameter in parameters.split(";"):
            name, equals, text = parameter.partition("=")
            if not equals:
                break
            link[name.strip(" '\"")] = text.strip(" '\"")
        links.append(link)
    return links
