"""Whole templates with integrations other than a Lambda proxy, as a user runs them."""

from __future__ import annotations

import asyncio
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.e2e.gateway_process import ANSWER_SECONDS, running_gateway
from tests.fakes.http_server import Reply, ScriptedServer, answer

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

TEMPLATES = Path(__file__).parents[1] / "golden" / "templates"


def arguments(name: str, *more: str) -> list[str]:
    return ["--template", str(TEMPLATES / name / "template.yaml"), *more]


async def ask(client: ClientConnection, **message: object) -> object:
    async with asyncio.timeout(ANSWER_SECONDS):
        await client.send(json.dumps(message))
        return json.loads(await client.recv())


async def test_mock_ping_is_answered_by_the_gateway_itself() -> None:
    async with (
        running_gateway(arguments("mock-ping")) as gateway,
        connect(f"ws://127.0.0.1:{gateway.port}/prod") as client,
    ):
        pong = await ask(client, action="ping")
        not_found = await ask(client, action="ping", status=404)

    assert isinstance(pong, dict)
    assert pong == {"pong": True, "connectionId": pong["connectionId"], "stage": "prod"}
    assert not_found == {"pong": False, "reason": "not found"}


async def test_http_back_end_learns_whose_message_it_gets() -> None:
    async with ScriptedServer() as server:
        hello = Reply([answer(201, body=b'{"said":"hello"}')])
        server.script("the lobby?stage=prod", hello)
        overrides = ("--parameter-overrides", f"Backend=127.0.0.1:{server.port}")
        async with (
            running_gateway(arguments("http-proxy-parameters", *overrides)) as gateway,
            connect(f"ws://127.0.0.1:{gateway.port}/prod?user=ann") as client,
        ):
            said = await ask(client, action="say", room="the lobby")

    connected, message = server.requests
    assert said == {"said": "hello"}
    assert (connected.method, urlsplit(connected.path).path) == ("PUT", "/v2/connections")
    assert parse_qs(urlsplit(connected.path).query) == {"user": ["ann"]}
    assert connected.body == b""
    assert (message.method, message.path) == ("POST", "/v2/rooms/the%20lobby?stage=prod")
    assert message.headers["connectionid"] == connected.headers["connectionid"]
    assert message.headers["source"] == "websocket"
    assert json.loads(message.body) == {"action": "say", "room": "the lobby"}


async def test_http_back_end_refuses_a_handshake() -> None:
    async with ScriptedServer() as server:
        server.script("connections?user=eve", answer(403))
        overrides = ("--parameter-overrides", f"Backend=127.0.0.1:{server.port}")
        async with running_gateway(arguments("http-proxy-parameters", *overrides)) as gateway:
            with pytest.raises(InvalidStatus) as refused:
                await connect(f"ws://127.0.0.1:{gateway.port}/prod?user=eve")

    assert refused.value.response.status_code == 403


async def test_function_gets_the_documented_template_of_connect() -> None:
    async with running_gateway(arguments("aws-connect")) as gateway:
        url = f"ws://127.0.0.1:{gateway.port}/prod"
        async with connect(f"{url}?user=ann") as client:
            answered = await ask(client, text="hello")
        with pytest.raises(InvalidStatus) as refused:
            await connect(f"{url}?user=mallory")

    line = next(line for line in gateway.log.splitlines() if '"connectionId"' in line)
    event = json.loads(line[line.index("{") :])
    assert answered == {"saw": {"text": "hello", "route": "$default"}}
    assert list(event) == ["connectionId", "domain", "stage", "params"]
    assert event["stage"] == "prod"
    assert event["domain"].endswith(".execute-api.us-east-1.amazonaws.com")
    assert event["params"].startswith("{path={}, querystring={user=ann}, header={")
    assert refused.value.response.status_code == 403


async def test_table_and_queue_are_reached_without_a_function() -> None:
    body = json.dumps({"text": "a & b"})
    digest = hashlib.md5(body.encode(), usedforsecurity=False).hexdigest()

    async with (
        running_gateway(arguments("aws-services")) as gateway,
        connect(f"ws://127.0.0.1:{gateway.port}/prod?user=ann") as client,
        asyncio.timeout(ANSWER_SECONDS),
    ):
        who = await ask(client, action="who")
        await client.send(body)
        # The function that reads the queue may be faster than the reply.
        received = [json.loads(await client.recv()) for _ in range(2)]

    assert who == {"user": "ann"}
    assert sorted(received, key=list) == [{"consumed": {"text": "a & b"}}, {"md5": digest}]
