"""What one is told of a certificate that was not accepted, in every world."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime

import pytest
import trustme

import mooring
from tests.integration.servers import Origin
from tests.integration.worlds import EVERYWHERE, World, caller, in_worlds

AUTHORITY = trustme.CA(organization_name="Our\nCompany")


def trusting() -> ssl.SSLContext:
    context = mooring.create_ssl_context()
    AUTHORITY.configure_trust(context)
    return context


async def rejection(
    world: World, certificate: trustme.LeafCert, verify: ssl.SSLContext
) -> mooring.CertificateError:
    """Ask a server with *certificate* for something and return why not."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    with Origin(context=context) as origin:
        async with caller(world, verify=verify) as client:
            with pytest.raises(mooring.CertificateError) as caught:
                await client.get(origin.url)
    assert "the certificate of 127.0.0.1:" in str(caught.value)
    assert "\n" not in str(caught.value)
    return caught.value


@in_worlds(*EVERYWHERE)
async def test_expired(world: World) -> None:
    """The day it expired."""
    leaf = AUTHORITY.issue_cert("127.0.0.1", not_after=datetime(2020, 1, 1, tzinfo=UTC))
    error = await rejection(world, leaf, trusting())

    assert str(error).endswith("certificate has expired (on Jan  1 00:00:00 2020 GMT)")
    assert "clock" in error.__notes__[0]


@in_worlds(*EVERYWHERE)
async def test_other_name(world: World) -> None:
    """The names that it is for, up to a number of them."""
    names = [f"host{number}.test" for number in range(2000)]
    leaf = AUTHORITY.issue_cert("10.0.0.1", *names)
    error = await rejection(world, leaf, trusting())

    assert "not valid for '127.0.0.1'" in str(error)
    assert "host0.test" in str(error)
    assert str(error).endswith(" and 1996 more)")
    assert len(str(error)) < 300


@in_worlds(*EVERYWHERE)
async def test_unknown_issuer(world: World) -> None:
    """Who issued it, on one line, and how to trust them."""
    leaf = AUTHORITY.issue_cert("127.0.0.1")
    error = await rejection(world, leaf, mooring.create_ssl_context())

    assert str(error).endswith(r"(issued by 'Our\\nCompany')")
    assert "SSL_CERT_FILE" in error.__notes__[0]


@in_worlds(*EVERYWHERE)
async def test_context_of_another_maker(world: World) -> None:
    """A context with an idea of its own about its objects is left alone."""

    class Own(ssl.SSLObject):
        """Somebody's."""

    context = trusting()
    context.sslobject_class = Own
    leaf = AUTHORITY.issue_cert("elsewhere.test")
    error = await rejection(world, leaf, context)

    assert Own is context.sslobject_class
    assert "not valid for '127.0.0.1'" in str(error)
