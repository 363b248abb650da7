"""Whole templates with integrations other than a Lambda proxy, as a user tests them."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from local_gateway.testing import HandshakeRefused, serve
from tests.fakes.http_server import Reply, ScriptedServer, answer

if TYPE_CHECKING:
    from local_gateway.testing import BlockingGateway


def template(name: str) -> str:
    return f"tests/golden/templates/{name}/template.yaml"


@pytest.mark.gateway(template("mock-ping"))
def test_mock_ping_is_answered_by_the_gateway_itself(blocking_gateway: BlockingGateway) -> None:
    client = blocking_gateway.connect()

    client.send({"action": "ping"})
    pong = client.receive()
    client.send({"action": "ping", "status": 404})
    not_found = client.receive()

    assert pong == {"pong": True, "connectionId": client.connection_id, "stage": "prod"}
    assert not_found == {"pong": False, "reason": "not found"}


async def test_http_back_end_learns_whose_message_it_gets() -> None:
    async with ScriptedServer() as server:
        server.script("the lobby?stage=prod", Reply([answer(201, body=b'{"said":"hello"}')]))
        parameters = {"Backend": f"127.0.0.1:{server.port}"}
        async with serve(template("http-proxy-parameters"), parameters=parameters) as gateway:
            client = await gateway.connect(query="user=ann")
            await client.send({"action": "say", "room": "the lobby"})
            await client.expect({"said": "hello"})

    connected, message = server.requests
    assert (connected.method, urlsplit(connected.path).path) == ("PUT", "/v2/connections")
    assert parse_qs(urlsplit(connected.path).query) == {"user": ["ann"]}
    assert connected.body == b""
    assert (message.method, message.path) == ("POST", "/v2/rooms/the%20lobby?stage=prod")
    assert connected.headers["connectionid"] == client.connection_id
    assert message.headers["connectionid"] == client.connection_id
    assert message.headers["source"] == "websocket"
    assert json.loads(message.body) == {"action": "say", "room": "the lobby"}


async def test_http_back_end_refuses_a_handshake() -> None:
    async with ScriptedServer() as server:
        server.script("connections?user=eve", answer(403))
        parameters = {"Backend": f"127.0.0.1:{server.port}"}
        async with serve(template("http-proxy-parameters"), parameters=parameters) as gateway:
            with pytest.raises(HandshakeRefused) as refused:
                await gateway.connect(query="user=eve")

    assert refused.value.status == 403


@pytest.mark.gateway(template("aws-connect"))
def test_function_gets_the_documented_template_of_connect(
    blocking_gateway: BlockingGateway,
) -> None:
    client = blocking_gateway.connect(query="user=ann")
    client.send({"text": "hello"})
    client.expect({"saw": {"text": "hello", "route": "$default"}})
    with pytest.raises(HandshakeRefused) as refused:
        blocking_gateway.connect(query="user=mallory")

    event = blocking_gateway.invocations("Store")[0].event
    assert list(event) == ["connectionId", "domain", "stage", "params"]
    assert (event["connectionId"], event["stage"]) == (client.connection_id, "prod")
    assert event["domain"].endswith(".execute-api.us-east-1.amazonaws.com")
    assert event["params"].startswith("{path={}, querystring={user=ann}, header={")
    assert refused.value.status == 403


@pytest.mark.gateway(template("aws-services"))
def test_table_and_queue_are_reached_without_a_function(blocking_gateway: BlockingGateway) -> None:
    body = json.dumps({"text": "a & b"})
    digest = hashlib.md5(body.encode(), usedforsecurity=False).hexdigest()
    client = blocking_gateway.connect(query="user=ann")

    client.send({"action": "who"})
    client.expect({"user": "ann"})
    client.send(body)

    client.expect({"md5": digest})
    client.expect({"consumed": {"text": "a & b"}})
    client.expect_nothing()
