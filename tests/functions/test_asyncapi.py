"""`GET /asyncapi.json`: the WebSocket side, described."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import jsonschema
import pytest

import push_api
from cloudpush import events, protocol
from cloudpush.errors import NoTarget
from cloudpush.model import Entry
from tests.fakes.lambda_events import FakeLambdaContext, connect_event, http_event
from tests.fakes.push_service import NOON_MS, a_connection, a_publication

if TYPE_CHECKING:
    from collections.abc import Iterator

PLACE = protocol.Resumption(epoch="e", last_seq=9, after=7, is_resumed=False, lost=(3, 7))
KEPT = protocol.encode_entry(
    a_connection(),
    Entry(
        seq=1,
        publication=a_publication(),
        expires_at_ms=NOON_MS,
        is_tracked=True,
        size=1,
    ),
    epoch="e",
    after=0,
)

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
        ("ServiceConnection", protocol.encode_connection(a_connection(), PLACE, now_ms=NOON_MS)),
        ("ServiceResumeAck", protocol.encode_resume_ack(a_connection(), PLACE, now_ms=NOON_MS)),
        (
            "ServiceBusinessAck",
            protocol.encode_business_ack(
                a_connection(), message_id="m", missing=["a"], now_ms=NOON_MS
            ),
        ),
        ("ServiceBusiness", KEPT),
        ("ServiceBatch", protocol.join_into_frames([KEPT, KEPT], takes_batches=True)[0]),
        ("ClientBusiness", b'{"msgType":1,"to":["a"],"msg":{},"qos":1}'),
        ("ClientBusinessAck", b'{"msgType":2,"seq":7,"epoch":"e"}'),
        ("ClientResume", b'{"msgType":13,"seq":7,"epoch":"e"}'),
    ],
)
def test_what_is_written_is_as_described(
    document: dict[str, Any], name: str, envelope: bytes
) -> None:
    jsonschema.validate(json.loads(envelope), payload(document, name))


def test_a_batch_is_of_messages_and_of_nothing_else(document: dict[str, Any]) -> None:
    close = protocol.encode_close(a_connection(), protocol.CloseCode.STALE, now_ms=NOON_MS)
    batch = b"[" + KEPT + b"," + close + b"]"

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(json.loads(batch), payload(document, "ServiceBatch"))


def test_it_names_all_that_a_handshake_may_have(document: dict[str, Any]) -> None:
    binding = document["channels"]["connection"]["bindings"]["ws"]
    query = dict.fromkeys(binding["query"]["properties"], "1")
    event = connect_event(query)
    event["multiValueHeaders"] |= {
        name: ["cloudpush, T"] for name in binding["headers"]["properties"]
    }

    read = events.read_handshake(event)

    assert (read.client_id, read.epoch, read.seq, read.token, read.ticket) == ("1",) * 5
    assert read.takes_batches
    assert read.subprotocols == ("cloudpush", "T")


def test_another_type_is_not_what_is_described(document: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"msgType": 3}, payload(document, "ClientBusiness"))
