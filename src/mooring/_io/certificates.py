"""Why a certificate was refused, with the facts that are in it.

Python's error says that a name does not match, and not which names would. The
certificate itself is to be had during the failing handshake only.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any

__all__ = ["ExplainingSSLObject", "hint_for", "why_refused"]

# What a server says about itself is shown this far.
_MAX_NAMES = 5
_MAX_TEXT = 100

# X509_V_ERR_... of OpenSSL, as ``verify_code`` has them.
_NOT_YET_VALID, _EXPIRED = 9, 10
_NAME_MISMATCH = (62, 64)
_UNKNOWN_ISSUER = (2, 18, 19, 20, 21)

_ATTRIBUTE = "peer_certificate"


class ExplainingSSLObject(ssl.SSLObject):
    """Notes in the error of a failed handshake which certificate it is about.

    Both event loops and ``TLSEngine`` make one of these for a context whose
    ``sslobject_class`` it is.
    """

    def do_handshake(self) -> None:
        """Go on with the handshake."""
        try:
            super().do_handshake()
        except ssl.SSLCertVerificationError as error:
            setattr(error, _ATTRIBUTE, self._presented())
            raise

    def _presented(self) -> Mapping[str, Any]:
        """The peer's certificate, checked or not; empty where there is no way to it."""
        try:
            # Public since 3.13, but as DER, which nothing in Python reads.
            chain = self._sslobj.get_unverified_chain()  # type: ignore[attr-defined]
            found: Mapping[str, Any] = chain[0].get_info()
        except Exception:  # another Python or OpenSSL; the error does without
            return {}
        return found


def why_refused(error: ssl.SSLCertVerificationError) -> str:
    """Return OpenSSL's words and what of the certificate they are about."""
    words = error.verify_message.rstrip(".") or "no reason given"
    certificate: Mapping[str, Any] = getattr(error, _ATTRIBUTE, {})
    detail = _detail(error.verify_code, certificate)
    return f"{words} ({detail})" if detail else words


def hint_for(error: ssl.SSLCertVerificationError) -> str:
    """Return what may help; ``""`` if only the server's people can."""
    if error.verify_code in _UNKNOWN_ISSUER:
        return (
            "if the server is to be trusted, verify='authority.pem' or SSL_CERT_FILE"
            " names the authority that issued its certificate"
        )
    if error.verify_code in (_EXPIRED, _NOT_YET_VALID):
        return "if the date is right, then the clock of this machine may be wrong"
    return ""


def _detail(code: int, certificate: Mapping[str, Any]) -> str:
    if code == _EXPIRED and "notAfter" in certificate:
        return f"on {_shown(certificate['notAfter'])}"
    if code == _NOT_YET_VALID and "notBefore" in certificate:
        return f"before {_shown(certificate['notBefore'])}"
    if code in _NAME_MISMATCH and certificate:
        return _names(certificate)
    if code in _UNKNOWN_ISSUER and "issuer" in certificate:
        return f"issued by {_person(certificate['issuer'])}"
    return ""


def _names(certificate: Mapping[str, Any]) -> str:
    names = [str(name) for kind, name in certificate.get("subjectAltName", ())]
    if not names:
        return "it names no host"
    shown = ", ".join(map(_shown, names[:_MAX_NAMES]))
    rest = len(names) - _MAX_NAMES
    return f"it is for {shown}" + (f" and {rest} more" if rest > 0 else "")


def _person(name: tuple[tuple[tuple[str, str], ...], ...]) -> str:
    """The most telling part of a distinguished name."""
    parts = {key: value for group in name for key, value in group}
    for key in ("commonName", "organizationName", "organizationalUnitName"):
        if key in parts:
            return repr(_shown(parts[key]))
    return "nobody it names"


def _shown(text: str) -> str:
    """*text* of a stranger, in one line and not too long."""
    plain = text.encode("unicode_escape").decode("ascii")
    return plain if len(plain) <= _MAX_TEXT else plain[:_MAX_TEXT] + "..."
