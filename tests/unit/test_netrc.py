"""Passwords from a netrc file: whose, for whom, and what a bad file does."""

from __future__ import annotations

import netrc
from base64 import b64encode
from pathlib import Path

import pytest

import mooring

FILE = """
# a comment
machine a.test login user password pass
machine upper.TEST
    login "quoted name"
    password "with \\"quotes\\""
machine nologin.test password pass
machine nopassword.test login user
machine empty.test
machine ::1 login user password six
macdef init
  nothing to see

"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "netrc"
    path.write_text(FILE)
    return path


def sent_to(url: str, auth: mooring.Auth) -> str:
    request = mooring.Request("GET", url)
    next(auth.sync_auth_flow(request))
    return request.headers.get("Authorization", "")


def basic(credentials: str) -> str:
    return f"Basic {b64encode(credentials.encode()).decode()}"


@pytest.mark.parametrize(
    ("url", "credentials"),
    [
        ("https://a.test/", "user:pass"),
        ("http://a.test:8080/", "user:pass"),
        ("https://A.TEST/", "user:pass"),
        ("https://upper.test/", 'quoted name:with "quotes"'),
        ("http://[::1]/", "user:six"),
    ],
)
def test_entry_of_the_host_is_sent(path: Path, url: str, credentials: str) -> None:
    """Whatever port and scheme, the host decides."""
    assert basic(credentials) == sent_to(url, mooring.NetRCAuth(str(path)))


@pytest.mark.parametrize(
    "url",
    [
        "https://b.test/",
        "https://sub.a.test/",
        "https://nologin.test/",
        "https://nopassword.test/",
        "https://empty.test/",
        "http://a.test:@b.test/",
        "http://a.test@b.test/",
    ],
)
def test_nothing_is_sent_to_others(path: Path, url: str) -> None:
    """Hosts without a whole entry get nothing, whatever the URL says before the @."""
    assert "" == sent_to(url, mooring.NetRCAuth(str(path)))


def test_default_entry(path: Path) -> None:
    """It is for all other hosts, not for those with an entry that lacks something."""
    path.write_text(FILE + "default login any password one\n")
    auth = mooring.NetRCAuth(str(path))

    assert basic("any:one") == sent_to("https://b.test/", auth)
    assert basic("user:pass") == sent_to("https://a.test/", auth)
    assert "" == sent_to("https://nopassword.test/", auth)


def test_environment_names_the_file(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NETRC says where it is; an argument goes first."""
    other = path.with_name("other")
    other.write_text("machine a.test login other password file")
    monkeypatch.setenv("NETRC", str(path))

    assert basic("user:pass") == sent_to("https://a.test/", mooring.NetRCAuth())
    assert basic("other:file") == sent_to(
        "https://a.test/", mooring.NetRCAuth(str(other))
    )


def test_home_has_the_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without argument and variable it is ~/.netrc, if nobody else can read it."""
    monkeypatch.delenv("NETRC", raising=False)
    monkeypatch.setenv("HOME", str(path.parent))
    home = path.rename(path.with_name(".netrc"))
    home.chmod(0o600)

    assert basic("user:pass") == sent_to("https://a.test/", mooring.NetRCAuth())
    home.chmod(0o644)
    with pytest.raises(netrc.NetrcParseError, match="too permissive"):
        mooring.NetRCAuth()
    home.unlink()
    with pytest.raises(FileNotFoundError, match=r"\.netrc"):
        mooring.NetRCAuth()


@pytest.mark.parametrize(
    "content",
    [
        b"machine a.test login user hunter2",
        b"hunter2",
        b"machine a.test password hunter2 macdef",
        b"machine a.test login user password hunter2 \xff\xfe extra",
        b"machine a.test login user password \x00 hunter2",
        b"login hunter2",
        b"machine a.test password",
        b'machine a.test "password" hunter2',
    ],
)
def test_bad_file(path: Path, content: bytes) -> None:
    """It is named with the line, and none of its words are."""
    path.write_bytes(content)

    with pytest.raises(netrc.NetrcParseError, match="netrc") as caught:
        mooring.NetRCAuth(str(path))
    assert "hunter2" not in str(caught.value).replace(str(path), "")


def test_file_that_is_none(path: Path) -> None:
    """A directory and a file of megabytes are refused by name."""
    with pytest.raises(IsADirectoryError, match=str(path.parent)):
        mooring.NetRCAuth(str(path.parent))
    path.write_bytes(b"a" * 2_000_000)
    with pytest.raises(ValueError, match="more than 1 MiB"):
        mooring.NetRCAuth(str(path))


def test_stays_with_the_origin(path: Path) -> None:
    """A redirect to another host that has an entry does not get one's own sent."""
    path.write_text(
        "machine a.test login a password a\nmachine b.test login b password b"
    )
    seen = {}

    def respond(request: mooring.Request) -> mooring.Response:
        seen[request.url.host] = request.headers.get("Authorization")
        if request.url.host == "a.test":
            return mooring.Response(302, headers={"Location": "https://b.test/"})
        return mooring.Response(200)

    with mooring.Client(
        transport=mooring.MockTransport(respond),
        auth=mooring.NetRCAuth(str(path)),
        follow_redirects=True,
    ) as client:
        client.get("https://a.test/")

    assert {"a.test": basic("a:a"), "b.test": None} == seen


def test_megabyte_in_linear_time(path: Path) -> None:
    """The largest file there may be, of nothing but trouble, is read at once."""
    path.write_bytes(b'machine a login "' + b'\\"' * 500_000)
    assert "" == sent_to("https://a.test/", mooring.NetRCAuth(str(path)))
    path.write_bytes(b"# \n" * 300_000)

    assert "" == sent_to("https://a.test/", mooring.NetRCAuth(str(path)))
