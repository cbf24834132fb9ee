"""Which authorities, which certificate, and from where."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme

from mooring._io.tls import create_ssl_context, shared_ssl_context


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def bundle(authority: trustme.CA, tmp_path: Path) -> str:
    path = tmp_path / "authorities.pem"
    authority.cert_pem.write_to_path(path)
    return str(path)


def test_everything_is_checked_by_default() -> None:
    """Names and chains are checked, and each context is a fresh one."""
    context = create_ssl_context()

    assert context.check_hostname
    assert ssl.CERT_REQUIRED == context.verify_mode
    assert context is not create_ssl_context()


def test_nothing_is_checked_on_request() -> None:
    """verify=False accepts anybody."""
    context = create_ssl_context(verify=False)

    assert not context.check_hostname
    assert ssl.CERT_NONE == context.verify_mode


def test_a_context_is_used_as_it_is() -> None:
    """What the caller made is the caller's responsibility."""
    context = ssl.create_default_context()

    assert context is create_ssl_context(context)
    assert context is shared_ssl_context(context)


def test_a_file_of_authorities_is_loaded(bundle: str) -> None:
    """A path replaces the platform's store."""
    assert 1 == len(create_ssl_context(bundle).get_ca_certs())


def test_a_directory_of_authorities_is_accepted(tmp_path: Path) -> None:
    """OpenSSL looks into it when it needs to."""
    context = create_ssl_context(str(tmp_path))

    assert [] == context.get_ca_certs()
    assert context.check_hostname


def test_a_missing_file_is_named() -> None:
    """The path, and that it came from verify."""
    with pytest.raises(FileNotFoundError, match=r"verify='/nope\.pem'"):
        create_ssl_context("/nope.pem")


def test_a_file_that_is_no_bundle_is_named(tmp_path: Path) -> None:
    """An SSLError with the path in it."""
    path = tmp_path / "readme.txt"
    path.write_text("not a certificate")

    with pytest.raises(ssl.SSLError, match=r"readme\.txt' holds no PEM"):
        create_ssl_context(str(path))


def test_the_environment_names_the_authorities(
    bundle: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SSL_CERT_FILE replaces the platform's store, unless told not to look."""
    monkeypatch.setenv("SSL_CERT_FILE", bundle)
    subjects = [ca["subject"] for ca in create_ssl_context().get_ca_certs()]
    ignored = [
        ca["subject"] for ca in create_ssl_context(trust_env=False).get_ca_certs()
    ]

    assert 1 == len(subjects)
    assert subjects[0] not in ignored


def test_a_missing_file_in_the_environment_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The variable is named, so that nobody searches the code for the path."""
    monkeypatch.setenv("SSL_CERT_FILE", "/nope.pem")

    with pytest.raises(FileNotFoundError, match=r"SSL_CERT_FILE='/nope\.pem' \(env"):
        create_ssl_context()


def test_a_directory_in_the_environment_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SSL_CERT_DIR replaces the platform's store as well."""
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))

    assert [] == create_ssl_context().get_ca_certs()


def test_keys_are_logged_where_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SSLKEYLOGFILE is heeded, unless told not to look."""
    path = str(tmp_path / "keys.log")
    monkeypatch.setenv("SSLKEYLOGFILE", path)

    assert path == create_ssl_context(verify=False).keylog_filename
    assert create_ssl_context(trust_env=False).keylog_filename is None


def test_a_key_log_that_cannot_be_written_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The variable is named."""
    monkeypatch.setenv("SSLKEYLOGFILE", "/nope/keys.log")

    with pytest.raises(OSError, match=r"cannot write SSLKEYLOGFILE='/nope/keys\.log'"):
        create_ssl_context(verify=False)


def test_a_client_certificate_is_loaded(authority: trustme.CA, tmp_path: Path) -> None:
    """One file with both, or a pair of files."""
    issued = authority.issue_cert("client@example.org")
    both, chain, key = (str(tmp_path / name) for name in ("both", "chain", "key"))
    issued.private_key_and_cert_chain_pem.write_to_path(both)
    issued.cert_chain_pems[0].write_to_path(chain)
    issued.private_key_pem.write_to_path(key)

    create_ssl_context(verify=False, cert=both)
    create_ssl_context(verify=False, cert=(chain, key))
    create_ssl_context(verify=False, cert=(chain, key, "no password needed"))


def test_a_missing_client_certificate_is_named() -> None:
    """The file that is missing, and the argument; never the password."""
    with pytest.raises(FileNotFoundError, match=r"cert=.*/nope\.pem") as caught:
        create_ssl_context(verify=False, cert=("/nope.pem", "/nope.key", "hunter2"))

    assert "hunter2" not in str(caught.value)


def test_a_client_certificate_without_key_is_named(bundle: str) -> None:
    """An SSLError that says which file cannot be used."""
    with pytest.raises(ssl.SSLError, match=r"authorities\.pem' cannot be used"):
        create_ssl_context(verify=False, cert=bundle)


def test_nonsense_is_refused() -> None:
    """A number is not a way to verify, one part too many not a certificate."""
    with pytest.raises(TypeError, match="not int"):
        create_ssl_context(1)  # type: ignore[arg-type]  # the point of the test
    with pytest.raises(TypeError, match="tuple of 4"):
        create_ssl_context(verify=False, cert=("a", "b", "c", "d"))  # type: ignore[arg-type]  # ditto


def test_one_configuration_has_one_context(bundle: str) -> None:
    """Shared among all who ask for the same, and nobody else."""
    assert shared_ssl_context() is shared_ssl_context()
    assert shared_ssl_context(bundle) is shared_ssl_context(bundle)
    assert shared_ssl_context() is not shared_ssl_context(bundle)
    assert shared_ssl_context() is not shared_ssl_context(verify=False)
    assert shared_ssl_context() is not shared_ssl_context(alpn=("http/1.1",))


def test_a_changed_file_makes_a_new_context(bundle: str, authority: trustme.CA) -> None:
    """A renewed certificate is noticed without a restart."""
    before = shared_ssl_context(bundle)
    with Path(bundle).open("ab") as file:
        file.write(trustme.CA().cert_pem.bytes())

    assert before is not shared_ssl_context(bundle)
    assert 2 == len(shared_ssl_context(bundle).get_ca_certs())
