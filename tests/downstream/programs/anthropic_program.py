"""Anthropic's SDK: synchronous, asynchronous, streaming, retries, errors."""

import asyncio

import anthropic
import pytest
import way

ASK = {"max_tokens": 10, "messages": [{"role": "user", "content": "Hi"}]}


def settings(http_client):
    given = {} if way.WAY != "bridge" else {"http_client": http_client()}
    return {"base_url": way.URL, "api_key": "sk-none", **given}


def synchronous() -> None:
    with anthropic.Anthropic(**settings(way.client)) as client:
        answer = client.messages.create(model="m", **ASK)
        assert "Hello there" == answer.content[0].text

        with client.messages.stream(model="m", **ASK) as stream:
            assert ["Hello", " there"] == list(stream.text_stream)
            assert "Hello there" == stream.get_final_text()

        with client.messages.create(model="m", stream=True, **ASK) as events:
            assert "message_start" == next(iter(events)).type

        answer = client.messages.create(model=f"flaky/a/{way.WAY}", **ASK)
        assert "Hello there" == answer.content[0].text

        with pytest.raises(anthropic.NotFoundError) as raised:
            client.messages.create(model="missing", **ASK)
        assert 404 == raised.value.status_code

        hasty = client.with_options(timeout=0.2, max_retries=0)
        with pytest.raises(anthropic.APITimeoutError) as raised:
            hasty.messages.create(model="slow", **ASK)
        assert "ReadTimeout" == type(raised.value.__cause__).__name__


async def asynchronous() -> None:
    async with anthropic.AsyncAnthropic(**settings(way.async_client)) as client:
        answers = await asyncio.gather(
            *(client.messages.create(model="m", **ASK) for _ in range(5))
        )
        assert 5 == len(answers)
        async with client.messages.stream(model="m", **ASK) as stream:
            assert ["Hello", " there"] == [text async for text in stream.text_stream]
        async with client.messages.stream(model="m", **ASK) as stream:
            async for text in stream.text_stream:
                assert "Hello" == text
                break


synchronous()
asyncio.run(asynchronous())
way.done()
