"""HTTPS as people configure it; what goes wrong with it is in ``test_bad_input``."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme

import mooring
from tests.integration.io_worlds import authority, client_context, server_context
from tests.integration.servers import Origin
from tests.integration.worlds import ALL, EVERYWHERE, World, at_once, caller, in_worlds


def trust_file(folder: Path) -> str:
    """Write the authority's certificate to a file; return its name."""
    path = folder / "ca.pem"
    authority().cert_pem.write_to_path(path)
    return str(path)


def asking_context() -> ssl.SSLContext:
    """Return a server's context that wants to know who the client is."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert("127.0.0.1").configure_cert(context)
    authority().configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


@in_worlds(*EVERYWHERE)
async def test_requests_share_the_encrypted_connection(world: World) -> None:
    """One handshake serves many requests."""
    with Origin(context=server_context()) as origin:
        async with caller(world, verify=client_context()) as client:
            for _ in range(5):
                assert 200 == (await client.get(origin.url)).status_code
            assert (1, 4) == (client.stats.dials, client.stats.leases_reused)


@in_worlds(*EVERYWHERE)
async def test_many_at_once_keep_to_the_limit(world: World) -> None:
    """40 requests on 4 encrypted connections."""
    limits = mooring.Limits(max_connections=4)
    with Origin(context=server_context()) as origin:
        async with caller(world, verify=client_context(), limits=limits) as client:

            async def ask() -> int:
                return (await client.get(origin.url)).status_code

            assert [200] * 40 == await at_once(world, [ask] * 40)
            assert client.stats.most_connections <= 4
        assert origin.most_open <= 4


@in_worlds(*ALL)
async def test_no_check_at_all(world: World) -> None:
    """``verify=False`` takes any certificate."""
    with Origin(context=server_context()) as origin:
        async with caller(world, verify=False) as client:
            assert 200 == (await client.get(origin.url)).status_code


@in_worlds(*ALL)
async def test_a_file_of_authorities(world: World, tmp_path: Path) -> None:
    """``verify="file.pem"`` trusts what is in the file."""
    with Origin(context=server_context()) as origin:
        async with caller(world, verify=trust_file(tmp_path)) as client:
            assert 200 == (await client.get(origin.url)).status_code


@in_worlds(*ALL)
async def test_a_file_named_by_the_environment(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``SSL_CERT_FILE`` takes the place of the platform's authorities."""
    monkeypatch.setenv("SSL_CERT_FILE", trust_file(tmp_path))
    with Origin(context=server_context()) as origin:
        async with caller(world, verify=True) as client:
            assert 200 == (await client.get(origin.url)).status_code


def test_an_environment_that_is_not_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``trust_env=False`` has ``SSL_CERT_FILE`` ignored."""
    monkeypatch.setenv("SSL_CERT_FILE", trust_file(tmp_path))
    with (
        Origin(context=server_context()) as origin,
        mooring.Client(trust_env=False) as client,
        pytest.raises(mooring.CertificateError),
    ):
        client.get(origin.url)


@in_worlds(*ALL)
async def test_a_client_that_shows_who_it_is(world: World) -> None:
    """A certificate of the client's own, in the context."""
    context = ssl.create_default_context()
    authority().configure_trust(context)
    authority().issue_cert("someone@example.org").configure_cert(context)
    with Origin(context=asking_context()) as origin:
        async with caller(world, verify=context) as client:
            assert 200 == (await client.get(origin.url)).status_code


@in_worlds(*ALL)
async def test_another_name_is_asked_for_and_checked(world: World) -> None:
    """``sni_hostname`` is what the server hears and what its certificate must say."""
    names: list[str | None] = []
    issuer = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issuer.issue_cert("inner.test").configure_cert(context)
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    trusting = ssl.create_default_context()
    issuer.configure_trust(trusting)
    with Origin(context=context) as origin:
        async with caller(world, verify=trusting) as client:
            named = {"sni_hostname": "inner.test"}
            response = await client.get(origin.url, extensions=named)
            with pytest.raises(mooring.CertificateError):
                await client.get(origin.url)

    assert 200 == response.status_code
    assert "inner.test" == names[0]
