"""Authlib: an OAuth 2 token is fetched, and sent with what follows."""

import asyncio

import way
from authlib.integrations.httpx_client import AsyncOAuth2Client, OAuth2Client

SETTINGS = {"client_id": "me", "client_secret": "mine", "scope": "all"}


def synchronous() -> None:
    with OAuth2Client(**SETTINGS, **way.transport("Transport")) as client:
        token = client.fetch_token(f"{way.URL}/token")
        assert "grant_type=client_credentials&scope=all" == token["asked"]
        told = client.get(f"{way.URL}/me").json()
        assert "Bearer secret" == told["headers"]["authorization"]
        told = client.post(f"{way.URL}/me", json={"a": 1}).json()
        assert '{"a":1}' == told["body"]


async def asynchronous() -> None:
    client = AsyncOAuth2Client(**SETTINGS, **way.transport("AsyncTransport"))
    async with client:
        await client.fetch_token(f"{way.URL}/token")
        response = await client.get(f"{way.URL}/me")
        assert "Bearer secret" == response.json()["headers"]["authorization"]
        async with client.stream("GET", f"{way.URL}/events") as stream:
            assert 3 == len(
                [line async for line in stream.aiter_lines() if "data" in line]
            )


synchronous()
asyncio.run(asynchronous())
way.done()
