"""Starlette's and FastAPI's TestClient: lifespan, WebSocket, files, cookies, errors."""

from contextlib import asynccontextmanager

import httpx2
import pytest
import way
from fastapi import FastAPI, Request, Response, WebSocket
from fastapi.responses import RedirectResponse, StreamingResponse
from fastapi.testclient import TestClient
from starlette.testclient import WebSocketDisconnect

log = []


@asynccontextmanager
async def lifespan(app):
    log.append("up")
    yield {"who": "state"}
    log.append("down")


app = FastAPI(lifespan=lifespan)


@app.get("/hello")
async def hello(request: Request, name: str = "you"):
    return {"hello": name, "state": request.state.who}


@app.post("/form")
async def form(request: Request):
    return {
        "length": len(await request.body()),
        "type": request.headers.get("content-type", "?"),
    }


@app.get("/cookie")
async def cookie(request: Request, response: Response):
    response.set_cookie("visits", str(int(request.cookies.get("visits", 0)) + 1))
    return request.cookies


@app.get("/away")
async def away():
    return RedirectResponse("/hello?name=again")


@app.get("/pieces")
async def pieces():
    return StreamingResponse(iter([b"a", b"b"]))


@app.get("/broken")
async def broken():
    raise KeyError("broken")


@app.websocket("/socket")
async def socket(websocket: WebSocket):
    await websocket.accept()
    await websocket.send_text("got " + await websocket.receive_text())
    await websocket.close(4000)


@app.websocket("/refused")
async def refused(websocket: WebSocket):
    await websocket.close(4001)


def run(backend: str) -> None:
    log.clear()
    with TestClient(app, backend=backend) as client:
        assert ["up"] == log
        assert isinstance(client, httpx2.Client)
        response = client.get("/hello", params={"name": "me"})
        assert {"hello": "me", "state": "state"} == response.json()
        assert "again" == client.get("/away").json()["hello"]
        assert 307 == client.get("/away", follow_redirects=False).status_code
        assert {} == client.get("/cookie").json()
        assert {"visits": "1"} == client.get("/cookie").json()
        told = client.post("/form", files={"file": ("a.txt", b"12345")}).json()
        assert told["type"].startswith("multipart/form-data; boundary=")
        told = client.post("/form", content=iter([b"12", b"345"])).json()
        assert {"length": 5, "type": "?"} == told
        assert b"ab" == client.get("/pieces").content
        with client.stream("GET", "/pieces") as streamed:
            assert b"ab" == streamed.read()
        with client.websocket_connect("/socket") as websocket:
            websocket.send_text("it")
            assert "got it" == websocket.receive_text()
            with pytest.raises(WebSocketDisconnect) as raised:
                websocket.receive_text()
            assert 4000 == raised.value.code
        with pytest.raises(WebSocketDisconnect) as raised:
            client.websocket_connect("/refused").__enter__()
        assert 4001 == raised.value.code
        with pytest.raises(KeyError):
            client.get("/broken")
    assert ["up", "down"] == log
    with TestClient(app, raise_server_exceptions=False) as client:
        assert 500 == client.get("/broken").status_code


run("asyncio")
run("trio")
way.done()
