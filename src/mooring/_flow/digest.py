"""Digest authentication computed (RFC 7616, and RFC 2069 where there is no qop).

What a server sends is text of one character per byte, so that whatever it is goes
back as it came.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import quote

from .challenges import Challenge

__all__ = ["DigestChallenge", "Unusable", "answer", "choose_challenge"]

_HASHES = {
    "MD5": "md5",
    "SHA": "sha1",
    "SHA-256": "sha256",
    "SHA-512": "sha512",
    "SHA-512-256": "sha512_256",
}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]").search
_UNQUOTED = ("algorithm", "qop", "nc", "userhash", "username*")


class Unusable(Exception):
    """A server wants Digest authentication, but not in a way we could do it."""


@dataclass(frozen=True, slots=True)
class DigestChallenge:
    """What a server said, once."""

    realm: str
    nonce: str
    algorithm: str = "MD5"
    opaque: str | None = None
    qop: str | None = None
    stale: bool = False
    userhash: bool = False

    @property
    def is_session(self) -> bool:
        """Whether the first nonces go into the key of all later requests."""
        return self.algorithm.upper().endswith("-SESS")

    def digest(self, *parts: bytes) -> bytes:
        """Hash *parts*, joined by colons, with the algorithm asked for."""
        return self._hash(b":".join(parts))

    @property
    def _hash(self) -> Callable[[bytes], bytes]:
        name = _HASHES.get(self.algorithm.upper().removesuffix("-SESS"), "")
        return lambda data: hashlib.new(name, data).hexdigest().encode()


class Asked(NamedTuple):
    """The request an answer is for. *body* is ``None`` where it is not at hand."""

    method: str
    target: bytes
    body: bytes | None


def choose_challenge(challenges: list[Challenge]) -> DigestChallenge | None:
    """Return the first that we can answer; ``None`` if nobody asked for Digest.

    Servers send what they like best first (RFC 7616 section 3.7).

    Raises:
        Unusable: Digest is asked for, but in no way that we know.
    """
    problem: Unusable | None = None
    for challenge in challenges:
        if challenge.scheme == "digest":
            try:
                return _read(challenge.parameters)
            except Unusable as exc:
                problem = problem or exc
    if problem is not None:
        raise problem
    return None


def _read(parameters: dict[str, str]) -> DigestChallenge:
    try:
        realm, nonce = parameters["realm"], parameters["nonce"]
    except KeyError as exc:
        raise Unusable(
            f"Malformed Digest WWW-Authenticate header: no {exc.args[0]}"
        ) from None
    if any(map(_CONTROL, parameters.values())):
        raise Unusable("Malformed Digest WWW-Authenticate header: a control character")
    challenge = DigestChallenge(
        realm=realm,
        nonce=nonce,
        algorithm=parameters.get("algorithm", "MD5"),
        opaque=parameters.get("opaque"),
        qop=_qop(parameters.get("qop")),
        stale=parameters.get("stale", "").lower() == "true",
        userhash=parameters.get("userhash", "").lower() == "true",
    )
    try:
        challenge.digest(b"")
    except ValueError:
        # Unknown to us, or to a build of Python that holds MD5 to be broken.
        raise Unusable(
            f"Unsupported digest auth algorithm {challenge.algorithm[:100]!r}"
        ) from None
    return challenge


def _qop(offered: str | None) -> str | None:
    if offered is None:
        return None
    options = [option.strip().lower() for option in offered.split(",")]
    for option in ("auth", "auth-int"):
        if option in options:
            return option
    raise Unusable(f"Unexpected qop value {offered[:100]!r} in digest auth")


def answer(
    challenge: DigestChallenge,
    username: bytes,
    password: bytes,
    *,
    asked: Asked,
    count: int,
    cnonce: str,
) -> bytes:
    """Return the ``Authorization`` field that answers *challenge*.

    Args:
        count: How many requests the nonce has been used for, this one included.
        cnonce: Chosen by chance; the same for all requests of a "-sess" algorithm.

    Raises:
        Unusable: The body is to be protected and not in memory.
    """
    realm, nonce = challenge.realm.encode("latin-1"), challenge.nonce.encode("latin-1")
    cnonce_bytes, nc = cnonce.encode("ascii"), b"%08x" % count
    key = challenge.digest(username, realm, password)
    if challenge.is_session:
        key = challenge.digest(key, nonce, cnonce_bytes)
    request = [asked.method.encode("ascii"), asked.target]
    if challenge.qop == "auth-int":
        if asked.body is None:
            raise Unusable("Digest qop=auth-int needs a request body that is in memory")
        request.append(challenge.digest(asked.body))
    middle = [nonce]
    if challenge.qop is not None:
        middle += [nc, cnonce_bytes, challenge.qop.encode("ascii")]
    response = challenge.digest(key, *middle, challenge.digest(*request))

    fields = {
        **_user_fields(challenge, username, realm),
        "realm": challenge.realm,
        "nonce": challenge.nonce,
        "uri": asked.target.decode("latin-1"),
        "response": response.decode("ascii"),
        "algorithm": challenge.algorithm,
    }
    if challenge.opaque is not None:
        fields["opaque"] = challenge.opaque
    if challenge.qop is not None:
        fields |= {"qop": challenge.qop, "nc": nc.decode("ascii"), "cnonce": cnonce}
    elif challenge.is_session:
        fields["cnonce"] = cnonce  # without it nobody could make the key
    if challenge.userhash:
        fields["userhash"] = "true"
    return b"Digest " + ", ".join(map(_field, fields.items())).encode("latin-1")


def _user_fields(
    challenge: DigestChallenge, username: bytes, realm: bytes
) -> dict[str, str]:
    if challenge.userhash:
        return {"username": challenge.digest(username, realm).decode("ascii")}
    text = username.decode("latin-1")
    if text.isascii() and not _CONTROL(text):
        return {"username": text}
    # RFC 7616 section 3.4: in the notation of RFC 8187.
    return {"username*": f"UTF-8''{quote(username, safe='')}"}


def _field(item: tuple[str, str]) -> str:
    name, value = item
    if name in _UNQUOTED:
        return f"{name}={value}"
    return f'{name}="{_quoted(value)}"'


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')
