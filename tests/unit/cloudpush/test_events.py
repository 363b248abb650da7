from __future__ import annotations

import msgspec
import pytest

from cloudpush import events
from cloudpush.events import Farewell, Frame, Handshake
from tests.fakes.lambda_events import (
    CONNECTED_AT_MS,
    CONNECTION_ID,
    connect_event,
    disconnect_event,
    http_event,
    message_event,
    sqs_event,
)


@pytest.mark.parametrize(
    ("query", "client_id"),
    [
        (None, None),
        ({"token": "x"}, None),
        ({"channelId": ""}, ""),
        ({"channelId": "alice", "batch": "2"}, "alice"),
        ({"channelId": "a b/é"}, "a b/é"),
    ],
)
def test_a_handshake(query: dict[str, str] | None, client_id: str | None) -> None:
    handshake = events.read_handshake(connect_event(query))

    assert handshake == Handshake(
        connection_id=CONNECTION_ID,
        connected_at_ms=CONNECTED_AT_MS,
        client_id=client_id,
        token=(query or {}).get("token"),
        request_id="QyUg1HJgCYcFvbw=",
    )


def test_a_handshake_says_where_the_client_stands_as_it_came() -> None:
    query = {"channelId": "alice", "epoch": "e", "seq": "one", "batch": "1"}

    handshake = events.read_handshake(connect_event(query))

    assert (handshake.epoch, handshake.seq, handshake.takes_batches) == ("e", "one", True)


@pytest.mark.parametrize("text", ["", "hello", '{\r\n\t"msgType": 3\r\n}', "\ud800", None])
def test_a_frame_keeps_its_text_as_it_came(text: str | None) -> None:
    frame = events.read_frame(message_event(text))

    assert frame == Frame(connection_id=CONNECTION_ID, text=text, request_id="R1knPH17NjMFftw=")


def test_a_farewell() -> None:
    farewell = events.read_farewell(disconnect_event())

    assert farewell == Farewell(
        connection_id=CONNECTION_ID,
        connected_at_ms=1705751697419,
        request_id="R1koeHsUtjMFbRw=",
    )


def test_the_older_shape_with_nulls_is_tolerated() -> None:
    event = connect_event({"channelId": "alice"})
    event["requestContext"] |= {"messageId": None, "disconnectReason": None, "authorizer": None}
    event |= {"body": None, "stageVariables": None, "pathParameters": None}

    assert events.read_handshake(event).client_id == "alice"


def test_an_event_without_what_we_use_is_an_error() -> None:
    with pytest.raises(msgspec.ValidationError, match="connectionId"):
        events.read_frame({"requestContext": {"requestId": "x", "connectedAt": 1}})


def test_the_records_of_a_batch() -> None:
    records = events.read_records(sqs_event("hello", ""))

    assert [(each.message_id, each.body) for each in records] == [("0", "hello"), ("1", "")]
    assert [each.attributes.receive_count for each in records] == ["1", "1"]
    assert all(each.receipt_handle.startswith("AQEB") for each in records)


def test_the_request_id_of_an_http_request() -> None:
    assert events.read_http_request_id(http_event("GET", "/")) == "JKJaXmPLvHcESHA="
