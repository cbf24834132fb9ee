"""sentry-sdk: a span and a breadcrumb for each request, the trace sent along."""

import asyncio

import httpx2
import sentry_sdk
import way
from sentry_sdk.integrations.httpx import HttpxIntegration
from sentry_sdk.transport import Transport

items = []


class Keep(Transport):
    """Keeps what would be sent."""

    def capture_envelope(self, envelope) -> None:
        items.extend(envelope.items)


# Under the alias httpx and httpx2 are one: one of the two integrations is enough.
sentry_sdk.init(
    dsn="http://key@127.0.0.1:1/1",
    traces_sample_rate=1.0,
    transport=Keep(),
    disabled_integrations=[HttpxIntegration()],
)


def synchronous() -> None:
    with sentry_sdk.start_transaction(name="t"), httpx2.Client() as client:
        told = client.get(f"{way.URL}/json?a=b").json()
        assert "sentry-trace" in told["headers"]
        client.get(f"{way.URL}/redirect", follow_redirects=True)
    assert [("GET", "/json", "200"), ("GET", "/redirect", "200")] == spans()

    sentry_sdk.capture_message("m")
    crumbs = kept("event")["breadcrumbs"]["values"]
    assert ["GET", "GET"] == [crumb["data"]["http.method"] for crumb in crumbs]


async def asynchronous() -> None:
    with sentry_sdk.start_transaction(name="t"):
        async with httpx2.AsyncClient() as client:
            await client.post(f"{way.URL}/json", json={})
    assert [("POST", "/json", "200")] == spans()


def spans() -> list[tuple[str, str, str]]:
    return [
        (*span["description"].replace(way.URL, "").split(), status(span))
        for span in kept("transaction")["spans"]
        if span["op"] == "http.client"
    ]


def status(span) -> str:
    return str(span["data"]["http.response.status_code"])


def kept(kind: str):
    (found,) = [item.payload.json for item in items if item.type == kind]
    items.clear()
    return found


synchronous()
asyncio.run(asynchronous())
way.done()
