"""Authentication that needs chance, a lock or a file: Digest and netrc.

What they compute and parse is in ``_flow``. Imported when asked for, because
``secrets`` and ``hashlib`` take their time.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Generator
from dataclasses import replace
from itertools import count
from threading import Lock
from typing import TYPE_CHECKING, TypeAlias

from .._cookies import Cookies
from .._errors import ProtocolError
from .._flow.auth import Auth, BasicAuth
from .._flow.challenges import parse_challenges, parse_parameters
from .._flow.digest import Asked, DigestChallenge, Unusable, answer, choose_challenge
from .._flow.netrc import parse_netrc

if TYPE_CHECKING:
    from .._messages.request import Request
    from .._messages.response import Response

__all__ = ["DigestAuth", "NetRCAuth"]

Origin: TypeAlias = tuple[str, str, int | None]

# Servers whose nonces are remembered, and how much of a netrc file is read.
_MAX_SESSIONS = 100
_MAX_NETRC_BYTES = 1024 * 1024


class DigestAuth(Auth):
    """Prove knowledge of a password without sending it (RFC 7616).

    MD5, SHA, SHA-256, SHA-512, SHA-512-256 and their "-sess" variants, with
    qop ``auth``, ``auth-int`` and none. The first request to a server is answered
    401; later ones use the server's nonce again, so keep the object, or set it on
    the client. It may be shared between clients, threads and tasks::

        auth = mooring.DigestAuth("user", "secret")
        client = mooring.Client(auth=auth)
    """

    def __init__(self, username: str | bytes, password: str | bytes) -> None:
        self._username = _encoded(username)
        self._password = _encoded(password)
        # By server: no nonce is ever used for another one.
        self._sessions: dict[Origin, _Session] = {}
        self._lock = Lock()

    def auth_flow(self, request: Request) -> Generator[Request, Response, None]:
        """Yield *request*, and once more with the answer to a challenge."""
        origin = request.url._pool_key
        session = self._sessions.get(origin)
        if session is not None:
            self._sign(request, session)
        response = yield request

        for attempt in (1, 2):
            if response.status_code != 401:
                break
            challenge = _challenge(request, response)
            if challenge is None:
                return
            # A second refusal means the password, unless the nonce has grown old.
            if attempt == 2 and session and not _outdates(challenge, session.challenge):
                return
            session = _Session(challenge)
            self._remember(origin, session)
            self._sign(request, session)
            if response.cookies:
                Cookies(response.cookies).set_cookie_header(request)
            response = yield request
        if session is not None and response.status_code != 401:
            self._renew(origin, session, response)

    def _sign(self, request: Request, session: _Session) -> None:
        challenge = session.challenge
        with self._lock:
            number = next(session.count)
        target = request.extensions.get("target", request.url.raw_path)
        asked = Asked(
            method=request.method,
            target=target if isinstance(target, bytes) else request.url.raw_path,
            body=getattr(request, "_content", None),
        )
        try:
            field = answer(
                challenge,
                self._username,
                self._password,
                asked=asked,
                count=number,
                cnonce=session.cnonce if challenge.is_session else _chance(),
            )
        except Unusable as exc:
            raise _refusal(exc, request) from None
        request.headers.update([(b"Authorization", field)])

    def _remember(self, origin: Origin, session: _Session) -> None:
        with self._lock:
            self._sessions.pop(origin, None)
            if len(self._sessions) >= _MAX_SESSIONS:
                del self._sessions[next(iter(self._sessions))]
            self._sessions[origin] = session

    def _renew(self, origin: Origin, session: _Session, response: Response) -> None:
        """Go on with the nonce that a server gives out for the next request."""
        for field in response.headers.get_list("Authentication-Info"):
            nonce = parse_parameters(field).get("nextnonce")
            # With "-sess" the first nonce is in the key, so it has to stay.
            if nonce and nonce.isascii() and not session.challenge.is_session:
                self._remember(
                    origin, _Session(replace(session.challenge, nonce=nonce))
                )


class NetRCAuth(Auth):
    """Send the user name and password that a netrc file has for the host.

    The file is read once, here. Nothing is sent to hosts it does not name, nor for
    entries without a name or a password::

        client = mooring.Client(auth=mooring.NetRCAuth())

    Args:
        file: Path; left out, what ``NETRC`` in the environment says, or ``~/.netrc``.

    Raises:
        OSError: The file cannot be read.
        netrc.NetrcParseError: It is not a netrc file, or others may read it.
        ValueError: It has more than a megabyte.
    """

    def __init__(self, file: str | None = None) -> None:
        self._hosts = _read_netrc(file or os.environ.get("NETRC") or None)

    def auth_flow(self, request: Request) -> Generator[Request, Response, None]:
        """Yield *request*, with an ``Authorization`` field if the file has one."""
        hosts, url = self._hosts, request.url
        name = url.host if url.host in hosts else url.raw_host.decode("ascii")
        auth = hosts.get(name, hosts.get("default"))
        if auth is None:
            yield request
        else:
            yield from auth.auth_flow(request)


class _Session:
    """A challenge, and how often it has been answered."""

    __slots__ = ("challenge", "cnonce", "count")

    def __init__(self, challenge: DigestChallenge) -> None:
        self.challenge = challenge
        self.cnonce = _chance()
        self.count = count(1)


def _challenge(request: Request, response: Response) -> DigestChallenge | None:
    values = response.headers._values_of(b"www-authenticate")
    try:
        return choose_challenge(parse_challenges([v.decode("latin-1") for v in values]))
    except Unusable as exc:
        raise _refusal(exc, request) from None


def _outdates(challenge: DigestChallenge, used: DigestChallenge) -> bool:
    return challenge.stale and challenge.nonce != used.nonce


def _refusal(exc: Unusable, request: Request) -> ProtocolError:
    return ProtocolError(f"{exc} ({request.url.host})", request=request)


def _chance() -> str:
    return secrets.token_hex(16)


def _encoded(text: str | bytes) -> bytes:
    return text.encode("utf-8") if isinstance(text, str) else text


def _read_netrc(file: str | None) -> dict[str, BasicAuth | None]:
    path = file or os.path.expanduser("~/.netrc")
    with open(path, "rb") as opened:
        content = opened.read(_MAX_NETRC_BYTES + 1)
        status = os.fstat(opened.fileno())
    if len(content) > _MAX_NETRC_BYTES:
        raise ValueError(f"{path!r} is no netrc file: it has more than 1 MiB")
    if file is None and os.name == "posix":
        _check_privacy(path, status)
    try:
        logins = parse_netrc(_text(content))
    except SyntaxError as exc:
        from netrc import NetrcParseError  # what people catch

        raise NetrcParseError(str(exc.msg), path, exc.lineno) from None
    return {
        host: BasicAuth(*login) if login.user and login.password else None
        for host, login in logins.items()
    }


def _check_privacy(path: str, status: os.stat_result) -> None:
    """Refuse a file in the usual place that others may read or have written."""
    from netrc import NetrcParseError

    if status.st_uid != os.getuid():
        raise NetrcParseError("owned by somebody else", path)
    if status.st_mode & 0o077:
        raise NetrcParseError("access too permissive: chmod 600 mends it", path)


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")
