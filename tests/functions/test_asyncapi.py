"""`GET /asyncapi.json`: the WebSocket side, described."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import jsonschema
import pytest

import push_api
from cloudpush import protocol
from cloudpush.errors import NoTarget
from tests.fakes.lambda_events import FakeLambdaContext, http_event
from tests.fakes.push_service import NOON_MS, a_connection

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.usefixtures("environment")


@pytest.fixture
def document() -> dict[str, Any]:
    answer = push_api.handler(http_event("GET", "/asyncapi.json"), FakeLambdaContext())
    assert answer["statusCode"] == 200
    return json.loads(answer["body"])


def references_in(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        mapping = cast("dict[str, object]", value)
        if isinstance(mapping.get("$ref"), str):
            yield cast("str", mapping["$ref"])
        value = list(mapping.values())
    if isinstance(value, list):
        for each in cast("list[object]", value):
            yield from references_in(each)


def payload(document: dict[str, Any], name: str) -> dict[str, Any]:
    message = document["components"]["messages"][name]
    return {**message["payload"], "components": document["components"]}


def test_it_names_where_clients_connect(document: dict[str, Any]) -> None:
    assert document["servers"]["stage"] == {
        "host": "ws.example.com",
        "pathname": "/dev",
        "protocol": "wss",
    }


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    for reference in references_in(document):
        found: Any = document
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]
        assert found


@pytest.mark.parametrize(
    ("name", "envelope"),
    [
        ("ServiceConnection", protocol.encode_connection(a_connection(), now_ms=NOON_MS)),
        ("ServiceHeartbeatAck", protocol.encode_heartbeat_ack(a_connection(), now_ms=NOON_MS)),
        ("ServiceError", protocol.encode_error(NoTarget("x"), text="x", now_ms=NOON_MS)),
        (
            "ServiceClose",
            protocol.encode_close(a_connection(), protocol.CloseCode.STALE, now_ms=NOON_MS),
        ),
        ("ClientBusiness", b'{"msgType":1,"to":["a"],"msg":{},"qos":1}'),
    ],
)
def test_what_is_written_is_as_described(
    document: dict[str, Any], name: str, envelope: bytes
) -> None:
    jsonschema.validate(json.loads(envelope), payload(document, name))


def test_another_type_is_not_what_is_described(document: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"msgType": 3}, payload(document, "ClientBusiness"))
