"""OpenAI's SDK: synchronous, asynchronous, streaming, files, retries, errors."""

import asyncio

import openai
import pytest
import way

ASK = [{"role": "user", "content": "Hi"}]
SETTINGS = {"base_url": f"{way.URL}/v1", "api_key": "sk-none"}


def synchronous() -> None:
    client = openai.OpenAI(**SETTINGS, http_client=http_client())
    answer = client.chat.completions.create(model="m", messages=ASK)
    assert "Hello there" == answer.choices[0].message.content

    with client.chat.completions.create(model="m", messages=ASK, stream=True) as chunks:
        text = "".join(chunk.choices[0].delta.content for chunk in chunks)
    assert "Hello there" == text

    # Left half-way.
    with client.chat.completions.create(model="m", messages=ASK, stream=True) as chunks:
        assert "Hello" == next(iter(chunks)).choices[0].delta.content

    answer = client.chat.completions.create(model=f"flaky/{way.WAY}", messages=ASK)
    assert "Hello there" == answer.choices[0].message.content

    assert ["m"] == [model.id for model in client.models.list()]
    raw = client.models.with_raw_response.list()
    assert (200, "HTTP/1.1") == (raw.status_code, raw.http_response.http_version)
    file = client.files.create(file=("one.txt", b"1" * 1000), purpose="batch")
    assert "one.txt" == file.filename
    assert file.bytes > 1000

    with pytest.raises(openai.NotFoundError) as raised:
        client.chat.completions.create(model="missing", messages=ASK)
    assert 404 == raised.value.status_code

    hasty = client.with_options(timeout=0.2, max_retries=0)
    with pytest.raises(openai.APITimeoutError) as raised:
        hasty.chat.completions.create(model="slow", messages=ASK)
    assert "ReadTimeout" == type(raised.value.__cause__).__name__
    client.close()
    assert client.is_closed()


def refused() -> None:
    client = openai.OpenAI(
        base_url=way.nobody(), api_key="sk", max_retries=0, http_client=http_client()
    )
    with client:
        with pytest.raises(openai.APIConnectionError) as raised:
            client.models.list()
        assert "ConnectError" == type(raised.value.__cause__).__name__


async def asynchronous() -> None:
    async with openai.AsyncOpenAI(**SETTINGS, http_client=async_client()) as client:
        create = client.chat.completions.create
        answers = await asyncio.gather(
            *(create(model="m", messages=ASK) for _ in range(5))
        )
        assert 5 == len(answers)
        async with await create(model="m", messages=ASK, stream=True) as chunks:
            texts = [chunk.choices[0].delta.content async for chunk in chunks]
        assert ["Hello", " there"] == texts
        async with await create(model="m", messages=ASK, stream=True) as chunks:
            async for chunk in chunks:
                assert "Hello" == chunk.choices[0].delta.content
                break
        assert ["m"] == [model.id async for model in client.models.list()]
        hasty = client.with_options(timeout=0.2, max_retries=0)
        with pytest.raises(openai.APITimeoutError) as raised:
            await hasty.chat.completions.create(model="slow", messages=ASK)
        assert "ReadTimeout" == type(raised.value.__cause__).__name__


def http_client():
    return way.client() if way.WAY == "bridge" else None


def async_client():
    return way.async_client() if way.WAY == "bridge" else None


synchronous()
refused()
asyncio.run(asynchronous())
way.done()
