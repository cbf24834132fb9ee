"""OpenTelemetry for httpx2: one span per request, the context sent along."""

import asyncio

import httpx2
import pytest
import way
from opentelemetry.instrumentation.httpx import (
    HTTPX2ClientInstrumentor,
)
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))


def spans() -> list[tuple[str, object]]:
    finished = exporter.get_finished_spans()
    exporter.clear()
    return [(span.name, span.attributes.get("http.status_code")) for span in finished]


def all_clients() -> None:
    instrumentor = HTTPX2ClientInstrumentor()
    instrumentor.instrument(tracer_provider=provider)
    with httpx2.Client() as client:
        told = client.get(f"{way.URL}/json").json()
    assert "traceparent" in told["headers"]
    assert [("GET", 200)] == spans()
    asyncio.run(asynchronous())
    instrumentor.uninstrument()
    assert "traceparent" not in httpx2.get(f"{way.URL}/json").json()["headers"]
    assert [] == spans()


async def asynchronous() -> None:
    async with httpx2.AsyncClient() as client:
        await client.post(f"{way.URL}/json", json=[])
        assert [("POST", 200)] == spans()
        with pytest.raises(httpx2.ConnectError):
            await client.get(way.nobody())
        assert [("GET", None)] == spans()


def one_client() -> None:
    with httpx2.Client() as client:
        HTTPX2ClientInstrumentor.instrument_client(client, tracer_provider=provider)
        client.get(f"{way.URL}/json")
        assert [("GET", 200)] == spans()
        HTTPX2ClientInstrumentor.uninstrument_client(client)
        client.get(f"{way.URL}/json")
        assert [] == spans()


all_clients()
one_client()
way.done()
