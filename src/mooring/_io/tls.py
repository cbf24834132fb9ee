"""TLS configuration: which authorities to trust, which certificate to show.

Building a context costs up to 20 ms, so clients share one for each configuration,
and the first request over TLS builds it, not the client.
"""

from __future__ import annotations

import os
import ssl
import sys
import threading
from typing import TYPE_CHECKING, TypeAlias

from mooring._io.certificates import ExplainingSSLObject

if TYPE_CHECKING:
    from collections.abc import Sequence

Verify: TypeAlias = ssl.SSLContext | str | bool
Cert: TypeAlias = str | tuple[str, str] | tuple[str, str, str]

# Where Linux distributions keep their bundle, for interpreters whose OpenSSL was
# built to look elsewhere.
_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Arch, Alpine
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  # Fedora, RHEL
    "/etc/pki/tls/certs/ca-bundle.crt",  # older RHEL
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/etc/ssl/cert.pem",  # the BSDs
)
_ENVIRONMENT = ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE")
# More configurations than this in one process are a loop, not a plan.
_MAX_SHARED = 32


def create_ssl_context(
    verify: Verify = True,
    cert: Cert | None = None,
    trust_env: bool = True,
) -> ssl.SSLContext:
    """Build a fresh TLS context for a client.

    Args:
        verify: ``True`` for the platform's trust store, ``False`` to check nothing,
            the path of a PEM file or of a directory of hashed certificates, or a
            context, which is returned itself.
        cert: The client's certificate: the path of a PEM file, or a tuple of
            certificate path, key path and, perhaps, the key's password.
        trust_env: Whether ``SSL_CERT_FILE``, ``SSL_CERT_DIR`` (both only with
            ``verify=True``) and ``SSLKEYLOGFILE`` are heeded.

    Raises:
        OSError: A file cannot be read, or (``ssl.SSLError``) not be understood.
            The text names it and says where the name came from.

    Example:
        >>> context = create_ssl_context(verify=False)
        >>> context.check_hostname
        False
    """
    if isinstance(verify, ssl.SSLContext):
        context = verify
    elif verify is True:
        context = _platform_context(_environment(trust_env))
    elif verify is False:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif isinstance(verify, str | os.PathLike):
        path = os.fspath(verify)
        context = _checking_context()
        _load_authorities(context, path, source=f"verify={path!r}")
    else:
        raise TypeError(
            "verify must be a bool, a path or an ssl.SSLContext, "
            f"not {type(verify).__name__}"
        )
    if context is not verify and trust_env:
        _log_keys(context)
    if type(context) is ssl.SSLContext and context.sslobject_class is ssl.SSLObject:
        context.sslobject_class = ExplainingSSLObject
    if cert is not None:
        _load_certificate(context, cert)
    return context


def shared_ssl_context(
    verify: Verify = True,
    cert: Cert | None = None,
    trust_env: bool = True,
    *,
    alpn: Sequence[str] = (),
) -> ssl.SSLContext:
    """Return the context that this process uses for the given configuration.

    Built on first use; built anew when a file it was read from has changed. Do not
    modify it: it belongs to everyone who asks for the same. *alpn* is part of the
    configuration. A context passed as *verify* is not shared but used as it is,
    with *cert* and *alpn* set on it. Thread-safe; raises as
    :func:`create_ssl_context`.
    """
    if isinstance(verify, ssl.SSLContext):
        return _with_alpn(create_ssl_context(verify, cert, trust_env), alpn)
    key = _key(verify, cert, trust_env, alpn)
    # Held while building: a hundred threads at start make one context, not a hundred.
    with _shared_lock:
        context = _shared.get(key)
        if context is None:
            context = _with_alpn(create_ssl_context(verify, cert, trust_env), alpn)
            if len(_shared) >= _MAX_SHARED:
                del _shared[next(iter(_shared))]
            _shared[key] = context
    return context


_shared: dict[object, ssl.SSLContext] = {}
_shared_lock = threading.Lock()


def _forget_lock_after_fork() -> None:
    global _shared_lock
    _shared_lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_lock_after_fork)


def _key(
    verify: bool | str,
    cert: Cert | None,
    trust_env: bool,
    alpn: Sequence[str],
) -> object:
    environment = _environment(trust_env)
    paths = [verify] if isinstance(verify, str | os.PathLike) else []
    paths += [environment.get("SSL_CERT_FILE", ""), environment.get("SSL_CERT_DIR", "")]
    if cert is not None:
        paths += [cert] if isinstance(cert, str | os.PathLike) else list(cert[:2])
    stamps = tuple(_stamp(path) for path in paths if path)
    return (verify, cert, trust_env, tuple(environment.items()), tuple(alpn), stamps)


def _stamp(path: str) -> object:
    """Tell versions of a file apart, so that a renewed certificate is noticed."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size, found.st_ino)


def _environment(trust_env: bool) -> dict[str, str]:
    if not trust_env:
        return {}
    return {name: os.environ[name] for name in _ENVIRONMENT if os.environ.get(name)}


def _with_alpn(context: ssl.SSLContext, alpn: Sequence[str]) -> ssl.SSLContext:
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


def _checking_context() -> ssl.SSLContext:
    """Make a context that checks everything and trusts nobody yet."""
    # Not create_default_context(): that reads SSLKEYLOGFILE and SSL_CERT_FILE by
    # itself, whatever trust_env says.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if sys.version_info >= (3, 13):
        # What create_default_context() adds since then.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VERIFY_X509_STRICT
    return context


def _platform_context(environment: dict[str, str]) -> ssl.SSLContext:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        path = environment.get(name)
        if path is not None:
            context = _checking_context()
            _load_authorities(context, path, source=f"{name}={path!r} (environment)")
            return context
    if sys.platform != "linux":
        # The store of macOS and Windows is not made of files.
        import truststore

        return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context = _checking_context()
    _load_linux_store(context)
    return context


def _load_linux_store(context: ssl.SSLContext) -> None:
    # The openssl_ fields are what was built in; cafile and capath heed the
    # environment, which is not this function's to read.
    built_in = ssl.get_default_verify_paths()
    cafile = _if_exists(built_in.openssl_cafile)
    capath = _if_exists(built_in.openssl_capath)
    if capath is not None and not _holds_hashed_certificates(capath):
        capath = None
    if cafile is None and capath is None:
        cafile = next(filter(os.path.isfile, _BUNDLES), None)
    # A bare container has no store at all. Then every handshake fails and says so.
    if cafile is not None or capath is not None:
        context.load_verify_locations(cafile=cafile, capath=capath)


def _if_exists(path: str) -> str | None:
    return path if os.path.exists(path) else None


def _holds_hashed_certificates(directory: str) -> bool:
    """Say whether OpenSSL finds anything there: names like ``0a1b2c3d.0``."""
    try:
        with os.scandir(directory) as entries:
            return any(entry.name[-2:] == ".0" for entry in entries)
    except OSError:
        return False


def _load_authorities(context: ssl.SSLContext, path: str, *, source: str) -> None:
    try:
        if os.path.isdir(path):
            context.load_verify_locations(capath=path)
        else:
            context.load_verify_locations(cafile=path)
    except ssl.SSLError as error:
        raise ssl.SSLError(f"{source} holds no PEM certificates: {error}") from error
    except OSError as error:
        raise _unreadable(error, source) from error


def _load_certificate(context: ssl.SSLContext, cert: Cert) -> None:
    parts = (cert,) if isinstance(cert, str | os.PathLike) else tuple(cert)
    if not 1 <= len(parts) <= 3:
        raise TypeError(
            "cert must be a path or a tuple of certificate path, key path and "
            f"perhaps a password, not a tuple of {len(parts)}"
        )
    # The third part is a password and never shown.
    source = "cert=" + (
        repr(parts[0]) if len(parts) == 1 else repr((parts[0], parts[1]))
    )
    for path in parts[:2]:
        if not os.path.exists(path):
            raise FileNotFoundError(f"{source}: there is no file {path!r}")
    try:
        context.load_cert_chain(*parts)
    except ssl.SSLError as error:
        raise ssl.SSLError(
            f"{source} cannot be used as a client certificate: {error}"
        ) from error
    except OSError as error:
        raise _unreadable(error, source) from error


def _log_keys(context: ssl.SSLContext) -> None:
    path = os.environ.get("SSLKEYLOGFILE")
    if not path:
        return
    try:
        context.keylog_filename = path
    except OSError as error:
        raise _unreadable(
            error, f"SSLKEYLOGFILE={path!r} (environment)", verb="write"
        ) from error


def _unreadable(error: OSError, source: str, *, verb: str = "read") -> OSError:
    reason = error.strerror or str(error)
    return type(error)(f"cannot {verb} {source}: {reason}")
