"""What a row may use besides the names of the package: small servers, bodies, files.

Everything is made anew for each package, so that no class of one gets into another.
"""

from __future__ import annotations

import asyncio
import io
import json
import pickle
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from types import ModuleType
from typing import Any

__all__ = ["Kit"]

# What two clients never agree on, and rows about it ask for by name.
_OWN_FIELDS = frozenset({"user-agent"})
_USUAL_FIELDS = frozenset({"accept", "accept-encoding", "connection", "host"})


class Kit:
    """The helpers, bound to the package *h*."""

    def __init__(self, h: ModuleType) -> None:
        self.h = h

    def names(self) -> dict[str, Any]:
        """Return what a row sees: public names, helpers and some modules."""
        helpers = {name: getattr(self, name) for name in dir(self) if name[0] != "_"}
        public = {name: getattr(self.h, name) for name in self.h.__all__}
        modules = {"asyncio": asyncio, "io": io, "json": json, "pickle": pickle}
        return {**modules, **public, **helpers}

    # --- clients

    def client(self, handler: Any = None, **settings: Any) -> Any:
        """Return a client that asks *handler* in place of the network."""
        transport = self.h.MockTransport(handler or self.ok)
        return self.h.Client(transport=transport, **settings)

    def aclient(self, handler: Any = None, **settings: Any) -> Any:
        """Return an asynchronous client that asks *handler*."""
        transport = self.h.MockTransport(handler or self.ok)
        return self.h.AsyncClient(transport=transport, **settings)

    def ok(self, request: Any) -> Any:
        """Answer anything with its method and URL."""
        return self.h.Response(200, text=f"{request.method} {request.url}")

    def run(self, coroutine: Any) -> Any:
        """Run *coroutine* in an event loop of its own."""
        return asyncio.run(coroutine)

    # --- what goes out

    def sent(self, method: str, url: Any, **arguments: Any) -> Any:
        """Return the one request that arrives at the transport.

        Arguments in capital letters are for the client: ``HEADERS={"a": "b"}``.
        """
        return self.trail({}, method, url, **arguments)[0]

    def head_of(self, request: Any) -> list[Any]:
        """Return method, URL and the fields that are not in every request."""
        fields = [
            (name.lower(), value)
            for name, value in request.headers.multi_items()
            if name.lower() not in _OWN_FIELDS | _USUAL_FIELDS
        ]
        return [request.method, str(request.url), *sorted(fields)]

    def trail(
        self,
        pages: Mapping[str, tuple[int, Any]],
        method: str,
        url: Any,
        **arguments: Any,
    ) -> list[Any]:
        """Return what each request of an exchange was: head and body.

        *pages* says for a URL which status and fields answer it; others get 200.
        """
        seen: list[Any] = []

        def answer(request: Any) -> Any:
            seen.append([*self.head_of(request), request.content])
            status, fields = pages.get(str(request.url), (200, {}))
            return self.h.Response(status, headers=fields)

        settings = {n.lower(): v for n, v in arguments.items() if n.isupper()}
        options = {n: v for n, v in arguments.items() if not n.isupper()}
        with self.client(answer, **settings) as client:
            client.request(method, url, **options)
        return seen

    def moved(
        self, status: int, source: str, target: str, **arguments: Any
    ) -> list[Any]:
        """Follow one redirect and return what the second request was."""
        method = arguments.pop("method", "GET")
        pages = {source: (status, {"location": target})}
        arguments.setdefault("follow_redirects", True)
        moved: list[Any] = self.trail(pages, method, source, **arguments)[-1]
        return moved

    def body(self, **arguments: Any) -> list[Any]:
        """Return the type and framing fields and the body of a request."""
        request = self.h.Request("POST", "https://a.test/", **arguments)
        fields = [
            f"{name}: {request.headers[name]}"
            for name in ("content-type", "content-length", "transfer-encoding")
            if name in request.headers
        ]
        return [*fields, request.read()]

    def form(self, **arguments: Any) -> list[Any]:
        """Return the same for a multipart form with a boundary everybody knows."""
        fields = {"Content-Type": "multipart/form-data; boundary=BB"}
        return self.body(headers=fields, **arguments)

    def retrying(self, *statuses: int, **arguments: Any) -> list[Any]:
        """Return what arrives when auth asks again after each 401."""
        seen, answer, auth, options = self._retry_world(statuses, arguments)
        with self.client(answer, auth=auth) as client:
            response = client.post("https://a.test/", **options)
        return [response.status_code, len(response.history), seen]

    def aretrying(self, *statuses: int, **arguments: Any) -> list[Any]:
        """Return the same, sent by the asynchronous client."""
        seen, answer, auth, options = self._retry_world(statuses, arguments)
        post = self.aclient(answer, auth=auth).post("https://a.test/", **options)
        response = asyncio.run(post)
        return [response.status_code, len(response.history), seen]

    def _retry_world(self, statuses: Any, options: dict[str, Any]) -> Any:
        h, seen = self.h, []
        left = iter(statuses)

        def answer(request: Any) -> Any:
            seen.append([*self.head_of(request), request.content])
            return h.Response(next(left), headers={"location": "/x"}, text="body")

        class Twice(h.Auth):  # type: ignore[misc, name-defined]
            requires_request_body = options.pop("requires_request_body", False)
            requires_response_body = options.pop("requires_response_body", False)

            def auth_flow(self, request: Any) -> Any:
                if self.requires_request_body:
                    request.headers["X-Body"] = request.content.decode()
                response = yield request
                if response.status_code == 401:
                    request.headers["X-Again"] = "yes"
                    if self.requires_response_body:
                        request.headers["X-Said"] = response.text
                    yield request

        return seen, answer, Twice(), options

    def digest(self, challenge: str, **arguments: Any) -> list[Any]:
        """Return the answers to a Digest challenge, without what is random in them."""
        seen: list[Any] = []

        def answer(request: Any) -> Any:
            seen.append(_steady(request.headers.get("authorization", "")))
            fields = {"www-authenticate": challenge}
            return self.h.Response(401 if len(seen) < 2 else 200, headers=fields)

        auth = self.h.DigestAuth("user", "password")
        with self.client(answer, auth=auth) as client:
            for _ in range(arguments.pop("times", 1)):
                client.get(arguments.pop("url", "https://a.test/x?y=1"), **arguments)
        return seen

    # --- applications

    def wsgi(self, *pieces: bytes, status: str = "200 OK", **options: Any) -> Any:
        """Return a client of a WSGI application that answers with *pieces*."""

        def app(environ: Any, start_response: Any) -> list[bytes]:
            seen = {n: v for n, v in environ.items() if not n.startswith("wsgi.")}
            seen["body"] = environ["wsgi.input"].read().decode()
            seen["scheme"] = environ["wsgi.url_scheme"]
            fields = [("X-Seen", json.dumps(seen)), ("Content-Type", "text/plain")]
            start_response(status, fields)
            return list(pieces)

        return self.h.Client(transport=self.h.WSGITransport(app=app, **options))

    def asgi(self, *messages: Any, **options: Any) -> Any:
        """Return a client of an ASGI application that sends *messages*.

        Without any it sends its scope and the body it was sent.
        """

        async def app(scope: Any, receive: Any, send: Any) -> None:
            body, more = b"", True
            while more:
                message = await receive()
                body, more = body + message["body"], message["more_body"]
            for message in messages or _echo(scope, body):
                if isinstance(message, Exception):
                    raise message
                await send(message)

        transport = self.h.ASGITransport(app=app, **options)
        return self.h.AsyncClient(transport=transport)

    def start(self, status: int = 200, *fields: tuple[bytes, bytes]) -> Any:
        """Return the ASGI message that begins a response."""
        kind = "http.response.start"
        return {"type": kind, "status": status, "headers": list(fields)}

    def more(self, body: bytes, more_body: bool = False) -> Any:
        """Return an ASGI message with a piece of a body."""
        return {"type": "http.response.body", "body": body, "more_body": more_body}

    def events(self, *pieces: bytes, **arguments: Any) -> Any:
        """Return the events of a response whose body arrives in *pieces*."""
        kind = arguments.pop("kind", "text/event-stream")
        response = self.answered(200, {"content-type": kind}, content=iter(pieces))
        return [
            (e.event, e.data, e.id, e.retry)
            for e in self.h.EventSource(response, **arguments)
        ]

    # --- what comes in

    def coded(self, coding: str, data: bytes, **arguments: Any) -> Any:
        """Return a response whose body came in a content coding."""
        fields = {"Content-Encoding": coding}
        return self.h.Response(200, headers=fields, content=data, **arguments)

    def typed(self, content_type: str, data: bytes, **arguments: Any) -> Any:
        """Return a response with a content type."""
        fields = {"Content-Type": content_type}
        return self.h.Response(200, headers=fields, content=data, **arguments)

    def cut(self, data: bytes, step: int, **arguments: Any) -> Any:
        """Return a response whose body arrives *step* bytes at a time."""
        pieces = [data[at : at + step] for at in range(0, len(data), step)]
        return self.h.Response(200, content=iter(pieces), **arguments)

    def answered(self, status: int, fields: Any = None, **arguments: Any) -> Any:
        """Return a response that knows its request."""
        url = arguments.pop("url", "https://a.test/x")
        request = self.h.Request(arguments.pop("method", "GET"), url)
        return self.h.Response(status, headers=fields, request=request, **arguments)

    def cookied(self, url: str, *fields: str | bytes) -> Any:
        """Return a jar that has taken in ``Set-Cookie`` fields from *url*."""
        jar = self.h.Cookies()
        jar.extract_cookies(
            self.h.Response(
                200,
                headers=[("set-cookie", field) for field in fields],
                request=self.h.Request("GET", url),
            )
        )
        return jar

    def cookie_for(self, jar: Any, url: str) -> Any:
        """Return the ``Cookie`` field that *jar* gives a request to *url*."""
        request = self.h.Request("GET", url)
        jar.set_cookie_header(request)
        return request.headers.get("cookie")

    # --- bodies and files

    def gen(self, *pieces: bytes) -> Iterator[bytes]:
        """Yield pieces once."""
        yield from pieces

    async def agen(self, *pieces: bytes) -> AsyncIterator[bytes]:
        """Yield pieces once, asynchronously."""
        for piece in pieces:
            yield piece

    async def alist(self, pieces: Any) -> list[Any]:
        """Collect what an asynchronous iterator gives."""
        return [piece async for piece in pieces]

    def file(self, data: bytes, at: int = 0, name: str = "") -> Any:
        """Return an open file that stands at byte *at*."""
        opened = io.BytesIO(data)
        opened.seek(at)
        if name:
            opened.name = name
        return opened

    def pipe(self, data: bytes) -> Any:
        """Return an open file that cannot seek."""
        return _Pipe(data)

    # --- small tools

    def again(self, value: Any) -> Any:
        """Return *value* after a round trip through pickle."""
        return pickle.loads(pickle.dumps(value))

    def public(self, value: Any, *names: str) -> list[Any]:
        """Return several attributes of *value*."""
        return [getattr(value, name) for name in names]

    def tries(self, *calls: Callable[[], Any]) -> list[Any]:
        """Call each; return results, and the names of errors in their places."""
        results: list[Any] = []
        for call in calls:
            try:
                results.append(call())
            except Exception as exc:
                results.append(type(exc).__name__)
        return results


def _steady(field: str) -> str:
    return re.sub(r'(cnonce|response)="\w*"', r"\1=...", field)


def _echo(scope: Any, body: bytes) -> list[Any]:
    shown = {name: scope[name] for name in sorted(scope) if name != "extensions"}
    text = repr((shown, body)).encode()
    return [
        {"type": "http.response.start", "status": 200, "headers": []},
        {"type": "http.response.body", "body": text},
    ]


class _Pipe(io.RawIOBase):
    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        return self._data.read(size)
