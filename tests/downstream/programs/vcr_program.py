"""vcrpy: recorded once, then played back without a server."""

import asyncio
import socket

import httpx2
import vcr
import way

URL = f"{way.URL}/count/vcr-{way.WAY}"


def talk() -> list[object]:
    with httpx2.Client(follow_redirects=True) as client:
        answers = [
            client.get(URL),
            client.post(f"{way.URL}/x", content=iter([b"piece"])),
        ]
        answers += [client.get(f"{way.URL}/gzip"), client.get(f"{way.URL}/redirect")]
        with client.stream("GET", f"{way.URL}/events") as response:
            events = [line for line in response.iter_lines() if line]
        return [[answer.text for answer in answers], events, answers[0].reason_phrase]


async def talk_async() -> list[object]:
    async with httpx2.AsyncClient() as client:
        answers = await asyncio.gather(client.get(URL), client.get(f"{way.URL}/gzip"))
        return [answer.text for answer in answers]


def no_network(*_: object) -> None:
    raise AssertionError("the network was used")


with vcr.use_cassette("talk.yaml") as cassette:
    first = talk()
    first_async = asyncio.run(talk_async())
    assert 8 == len(cassette), len(cassette)

connect, socket.socket.connect = socket.socket.connect, no_network
with vcr.use_cassette("talk.yaml", record_mode="none") as cassette:
    assert first == talk()
    assert first_async == asyncio.run(talk_async())
    assert cassette.all_played
socket.socket.connect = connect
way.done()
