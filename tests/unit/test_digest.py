"""Digest: the numbers of the RFCs, the conversation, and what servers get wrong."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mooring
from mooring._flow.challenges import parse_challenges, parse_parameters
from mooring._flow.digest import Asked, DigestChallenge, Unusable, answer

URL = "https://a.test/dir/index.html"
CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
EXAMPLE_1 = DigestChallenge(
    realm="http-auth@example.org",
    nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
    opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS",
    qop="auth",
)
EXAMPLE_2 = DigestChallenge(
    realm="api@example.org",
    nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK",
    opaque="HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS",
    algorithm="SHA-512-256",
    qop="auth",
    userhash=True,
)
OLD = DigestChallenge("testrealm@host.com", "dcd98b7102dd2f0e8b11d0f600bfb0c093")


def fields_of(authorization: str | bytes) -> dict[str, str]:
    if isinstance(authorization, bytes):
        authorization = authorization.decode("latin-1")
    assert authorization.startswith("Digest ")
    return parse_parameters(authorization.removeprefix("Digest "))


def answered(
    challenge: DigestChallenge,
    username: str = "Mufasa",
    password: str = "Circle of Life",
    *,
    target: bytes = b"/dir/index.html",
    body: bytes | None = b"",
    cnonce: str = CNONCE,
) -> dict[str, str]:
    asked = Asked("GET", target, body)
    field = answer(
        challenge,
        username.encode(),
        password.encode(),
        asked=asked,
        count=1,
        cnonce=cnonce,
    )
    return fields_of(field)


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_rfc_7616_section_3_9_1(algorithm: str, expected: str) -> None:
    """The first example, both ways it is answered there."""
    fields = answered(replace(EXAMPLE_1, algorithm=algorithm))

    assert {
        "username": "Mufasa",
        "realm": "http-auth@example.org",
        "uri": "/dir/index.html",
        "algorithm": algorithm,
        "nonce": EXAMPLE_1.nonce,
        "nc": "00000001",
        "cnonce": CNONCE,
        "qop": "auth",
        "response": expected,
        "opaque": EXAMPLE_1.opaque,
    } == fields


def test_rfc_7616_section_3_9_2() -> None:
    """The second example, as erratum 4897 corrects it: a hashed UTF-8 user name."""
    fields = answered(
        EXAMPLE_2,
        "J\xe4s\xf8n Doe",
        "Secret, or not?",
        target=b"/doe.json",
        cnonce="NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v",
    )

    assert "true" == fields["userhash"]
    assert (
        "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b"
        == fields["username"]
    )
    assert (
        "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5"
        == fields["response"]
    )


def test_rfc_2617_section_3_5() -> None:
    """The example everybody quotes."""
    challenge = replace(OLD, qop="auth", opaque="5ccc069c403ebaf9f0171e9517f40e41")
    fields = answered(challenge, "Mufasa", "Circle Of Life", cnonce="0a4f113b")

    assert "6629fae49393a05397450978507c4ef1" == fields["response"]


def test_rfc_2069_section_2_4() -> None:
    """Without qop there is no nonce of ours; the number is that of the erratum."""
    fields = answered(OLD, "Mufasa", "CircleOfLife")

    assert "1949323746fe6a43ef61f9606e7febea" == fields["response"]
    assert not {"qop", "nc", "cnonce"} & set(fields)


def test_body_is_protected_if_asked_for() -> None:
    """qop=auth-int has the hash of the body in the answer (RFC 7616 section 3.4.3)."""
    challenge = replace(EXAMPLE_1, qop="auth-int")
    key = hashlib.md5(b"Mufasa:http-auth@example.org:Circle of Life").hexdigest()
    body = hashlib.md5(b"hello").hexdigest()
    request = hashlib.md5(f"GET:/dir/index.html:{body}".encode()).hexdigest()
    whole = f"{key}:{challenge.nonce}:00000001:{CNONCE}:auth-int:{request}"

    fields = answered(challenge, body=b"hello")
    assert hashlib.md5(whole.encode()).hexdigest() == fields["response"]
    assert "auth-int" == fields["qop"]
    with pytest.raises(Unusable, match="auth-int"):
        answered(challenge, body=None)


@pytest.mark.parametrize(
    ("username", "name", "value"),
    [
        ('a"b\\c', "username", 'a"b\\c'),
        ("J\xe4s\xf8n Doe", "username*", "UTF-8''J%C3%A4s%C3%B8n%20Doe"),
        ("a\r\nb", "username*", "UTF-8''a%0D%0Ab"),
    ],
)
def test_user_names_that_need_care(username: str, name: str, value: str) -> None:
    """Quotes are escaped, everything else is spelled as RFC 8187 has it."""
    assert value == answered(EXAMPLE_1, username)[name]


class Server:
    """Wants Digest; checks it with a calculation of its own."""

    def __init__(self, **parameters: str) -> None:
        self.parameters = {"realm": "r", "qop": "auth", **parameters}
        self.nonces = 0
        self.lifetime = 1000
        self.used: list[tuple[str, str]] = []
        self.statuses: list[int] = []
        self.extra: dict[str, str] = {}
        self.lock = threading.Lock()

    @property
    def nonce(self) -> str:
        return f"n{self.nonces}"

    def __call__(self, request: mooring.Request) -> mooring.Response:
        with self.lock:
            response = self.respond(request)
        self.statuses.append(response.status_code)
        return response

    def respond(self, request: mooring.Request) -> mooring.Response:
        authorization = request.headers.get("Authorization", "")
        stale = ""
        if authorization:
            fields = fields_of(authorization)
            assert fields["response"] == self.expected(request, fields)
            pair = fields["nonce"], fields.get("nc", "")
            if fields["nonce"] == self.nonce and self.lifetime > 0:
                assert pair not in self.used or not pair[1]
                self.used.append(pair)
                self.lifetime -= 1
                return mooring.Response(200, headers=self.extra)
            stale = ", stale=TRUE"
        self.nonces += 1
        parameters = {**self.parameters, "nonce": self.nonce}
        text = ", ".join(f'{name}="{value}"' for name, value in parameters.items())
        return mooring.Response(
            401, headers={"WWW-Authenticate": f"Digest {text}{stale}"}
        )

    def expected(self, request: mooring.Request, fields: dict[str, str]) -> str:
        algorithm = fields["algorithm"]
        name = algorithm.removesuffix("-sess").lower().replace("-", "")

        def h(text: str) -> str:
            names = {"sha": "sha1", "sha512256": "sha512_256"}
            return hashlib.new(names.get(name, name), text.encode()).hexdigest()

        key = h(f"user:{fields['realm']}:pass")
        if algorithm.endswith("-sess"):
            key = h(f"{key}:{fields['nonce']}:{fields['cnonce']}")
        target = request.url.raw_path.decode()
        assert target == fields["uri"]
        hashed = h(f"{request.method}:{target}")
        if "qop" not in fields:
            return h(f"{key}:{fields['nonce']}:{hashed}")
        middle = [fields[name] for name in ("nonce", "nc", "cnonce", "qop")]
        return h(":".join([key, *middle, hashed]))


def client_of(
    server: Callable[[mooring.Request], mooring.Response],
    auth: mooring.Auth | None = None,
) -> mooring.Client:
    return mooring.Client(
        transport=mooring.MockTransport(server),
        auth=auth or mooring.DigestAuth("user", "pass"),
    )


@pytest.mark.parametrize(
    "algorithm",
    [
        name + suffix
        for name in ("MD5", "SHA", "SHA-256", "SHA-512", "SHA-512-256")
        for suffix in ("", "-sess")
    ],
)
def test_conversation(algorithm: str) -> None:
    """One 401, then the nonce is used again, with a count that goes up."""
    server = Server(algorithm=algorithm)
    with client_of(server) as client:
        for query in ("1", "2", "3"):
            client.get(URL, params={"q": query})

    assert [401, 200, 200, 200] == server.statuses
    assert ["00000001", "00000002", "00000003"] == [nc for _, nc in server.used]


def test_conversation_async() -> None:
    """The asynchronous client does the same."""
    server = Server()

    async def main() -> None:
        async with mooring.AsyncClient(
            transport=mooring.MockTransport(server),
            auth=mooring.DigestAuth(b"user", b"pass"),
        ) as client:
            await client.get(URL)
            await client.post(URL, content=b"x")

    asyncio.run(main())
    assert [401, 200, 200] == server.statuses


def test_without_qop() -> None:
    """A server that knows RFC 2069 only is served."""
    server = Server()
    del server.parameters["qop"]
    with client_of(server) as client:
        assert 200 == client.get(URL).status_code
        assert 200 == client.get(URL).status_code

    assert [401, 200, 200] == server.statuses


def test_session_key_without_qop() -> None:
    """The server is told the nonce of ours that it needs for the key."""
    challenge = DigestChallenge("r", "n", algorithm="MD5-sess")

    assert CNONCE == answered(challenge)["cnonce"]


def test_old_nonce_is_replaced() -> None:
    """A nonce that has grown old costs one round trip and no failure."""
    server = Server()
    server.lifetime = 1
    with client_of(server) as client:
        client.get(URL)
        server.nonces += 1
        server.lifetime = 1
        assert 401 == server.respond(mooring.Request("GET", URL)).status_code
        response = client.get(URL)

    assert 200 == response.status_code
    assert [401, 200, 401, 200] == server.statuses


def test_nonce_that_ages_at_once() -> None:
    """stale=true for the first answer is answered again; then it is enough."""
    server = Server()
    server.lifetime = 0
    with client_of(server) as client:
        response = client.get(URL)

    assert 401 == response.status_code
    assert [401, 401, 401] == server.statuses


def test_wrong_password_is_tried_once() -> None:
    """A second 401 goes to the caller."""
    seen = []

    def refuse(request: mooring.Request) -> mooring.Response:
        seen.append(request.headers.get("Authorization"))
        return mooring.Response(
            401, headers={"WWW-Authenticate": 'Digest realm="r", nonce="n"'}
        )

    with client_of(refuse) as client:
        assert 401 == client.get(URL).status_code

    assert 2 == len(seen)
    assert seen[0] is None


def test_next_nonce_is_used() -> None:
    """What Authentication-Info says comes next, comes next."""
    server = Server()
    with client_of(server) as client:
        server.extra = {"Authentication-Info": 'nextnonce="n2"'}
        client.get(URL)
        server.nonces, server.extra = 2, {}
        client.get(URL)

    assert [401, 200, 200] == server.statuses
    assert [("n1", "00000001"), ("n2", "00000001")] == server.used


def test_nonces_stay_with_their_server() -> None:
    """Another host, scheme or port is asked without credentials first."""
    seen: dict[str, list[bool]] = {}
    server = Server()

    def note(request: mooring.Request) -> mooring.Response:
        key = str(request.url.copy_with(path="/"))
        seen.setdefault(key, []).append("Authorization" in request.headers)
        return server.respond(request)

    with client_of(note) as client:
        for url in ("https://a.test/", "https://b.test/", "http://a.test/"):
            client.get(url)

    assert {(False, True)} == {tuple(asked) for asked in seen.values()}


def test_threads_never_count_twice() -> None:
    """Each use of a nonce has a number of its own, whatever threads there are."""
    server = Server()
    with client_of(server) as client:
        client.get(URL)
        threads = [
            threading.Thread(target=lambda: [client.get(URL) for _ in range(25)])
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert 201 == len(set(server.used)) == len(server.used)
    assert [401, *[200] * 201] == server.statuses


def test_client_nonces_are_chance() -> None:
    """A thousand of them differ, and each has 128 bits."""
    seen = set()
    server = Server()
    auth = mooring.DigestAuth("user", "pass")

    def note(request: mooring.Request) -> mooring.Response:
        if "Authorization" in request.headers:
            seen.add(fields_of(request.headers["Authorization"])["cnonce"])
        return server.respond(request)

    server.lifetime = 2000
    with client_of(note, auth) as client:
        for _ in range(1000):
            client.get(URL)

    assert 1000 == len(seen)
    assert {32} == {len(cnonce) for cnonce in seen}


def challenge_with(*fields: str) -> tuple[int, str]:
    """Answer a challenge of *fields* and return the outcome."""
    sent: list[str] = []

    def respond(request: mooring.Request) -> mooring.Response:
        if "Authorization" in request.headers:
            sent.append(request.headers["Authorization"])
            return mooring.Response(200)
        return mooring.Response(
            401, headers=[("WWW-Authenticate", field) for field in fields]
        )

    with client_of(respond) as client:
        return client.get(URL).status_code, "".join(sent)


@pytest.mark.parametrize(
    "fields",
    [
        ('Digest realm="r", nonce="n", algorithm=MD5',),
        ('DIGEST realm=r,nonce=n,algorithm="MD5"',),
        ('Basic realm="x", Digest realm="r", nonce="n"',),
        ('Basic realm="x", nonce="y"', 'Digest realm="r", nonce="n"'),
        ('Negotiate abc==, Digest realm="r", nonce="n", Bearer',),
        ('Digest realm="r", nonce="n", algorithm=TEA', 'Digest realm="r", nonce="n"'),
        ('Digest realm="r"', 'Digest realm="r", nonce="n"'),
        (', ,Digest  realm = "r" ,, nonce = "n",',),
        ('Digest realm="r", nonce="n", qop="auth-int, auth"',),
        ('Digest realm="r", nonce="n", qop="token, AUTH"',),
    ],
)
def test_challenge_is_found(fields: tuple[str, ...]) -> None:
    """In one field or many, quoted or not, after schemes and algorithms unknown."""
    status_code, sent = challenge_with(*fields)
    answer_fields = fields_of(sent)

    assert 200 == status_code
    assert ("r", "n", "MD5") == (
        answer_fields["realm"],
        answer_fields["nonce"],
        answer_fields["algorithm"],
    )


@pytest.mark.parametrize(
    "fields",
    [
        (),
        ("",),
        ('Basic realm="Digest realm=x, nonce=y"',),
        ("Digestive biscuits=2",),
        ('"Digest realm=r"',),
    ],
)
def test_no_digest_no_answer(fields: tuple[str, ...]) -> None:
    """A 401 that asks for something else is the caller's."""
    assert (401, "") == challenge_with(*fields)


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ('Digest realm="r"', "Malformed Digest WWW-Authenticate header"),
        ('Digest nonce="n"', "Malformed Digest WWW-Authenticate header"),
        ("Digest", "Malformed Digest WWW-Authenticate header"),
        ('Digest realm="r", nonce="a\tb"', "control character"),
        (
            'Digest realm="r", nonce="n", algorithm=TEA',
            "Unsupported digest auth algorithm 'TEA'",
        ),
        ('Digest realm="r", nonce="n", qop="x"', "Unexpected qop value 'x'"),
    ],
)
def test_challenges_beyond_us(field: str, text: str) -> None:
    """Never answered by something weaker; the error names the host and the request."""
    with pytest.raises(mooring.ProtocolError, match=text) as caught:
        challenge_with(field, 'Basic realm="r"')

    assert "a.test" in str(caught.value)
    assert URL == str(caught.value.request.url)


def test_quotes_come_back_escaped() -> None:
    """What the server escaped is hashed unescaped and sent escaped."""
    _, sent = challenge_with(r'Digest realm="a \"b\" \\c", nonce="n", opaque=""')

    assert r'realm="a \"b\" \\c"' in sent
    assert 'opaque=""' in sent


def test_cookies_of_the_challenge_are_sent() -> None:
    """A session that the 401 opens goes along with the answer."""
    seen = []

    def respond(request: mooring.Request) -> mooring.Response:
        seen.append(request.headers.get("Cookie"))
        return mooring.Response(
            200 if "Authorization" in request.headers else 401,
            headers={
                "WWW-Authenticate": 'Digest realm="r", nonce="n"',
                "Set-Cookie": "session=1",
            },
        )

    with client_of(respond) as client:
        client.get(URL)

    assert [None, "session=1"] == seen


def test_body_that_cannot_be_hashed() -> None:
    """qop=auth-int for a body from an iterator says what is missing."""

    request = mooring.Request("POST", URL, content=iter([b"x"]))
    flow = mooring.DigestAuth("user", "pass").sync_auth_flow(request)
    next(flow)
    field = 'Digest realm="r", nonce="n", qop="auth-int"'

    with pytest.raises(mooring.ProtocolError, match="request body"):
        flow.send(mooring.Response(401, headers={"WWW-Authenticate": field}))


@given(st.lists(st.text(st.characters(max_codepoint=0xFF), max_size=40), max_size=3))
def test_any_field_is_survived(fields: list[str]) -> None:
    """Whatever a server sends is read without an error."""
    for challenge in parse_challenges(fields):
        assert challenge.scheme


@pytest.mark.parametrize(
    "pattern",
    ['"', ",", "a ", "a=", "a=b,", 'a="', '\\"', 'a="\\', "a   ", "=", "a b=c "],
)
def test_hostile_fields_take_linear_time(pattern: str) -> None:
    """Half a megabyte is read before the test times out; squared, it is not."""
    field = "Digest " + pattern * (500_000 // len(pattern))

    parse_challenges([field, "Digest " + 'a="' + field])
