"""`message`, through its entry point."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

import message
from cloudpush.ports import Outcome
from tests.fakes.lambda_events import CONNECTION_ID, FakeLambdaContext, message_event
from tests.fakes.push_service import NOON_MS

if TYPE_CHECKING:
    from tests.fakes.telemetry import Lines
    from tests.functions.conftest import Environment


def send(text: str | None) -> dict[str, Any]:
    return message.handler(message_event(text), FakeLambdaContext())


def read(answer: dict[str, Any]) -> dict[str, Any]:
    assert answer["statusCode"] == 200
    return json.loads(answer["body"])


def test_a_heartbeat_is_answered_by_the_route_response(environment: Environment) -> None:
    bob = environment.connect("bob", CONNECTION_ID)

    answer = send('{"msgType":3,"messageId":"m-1"}')

    assert read(answer) == {
        "msgType": 4,
        "to": "bob",
        "sessionId": bob.session_id,
        "messageId": "m-1",
        "activeTime": NOON_MS,
    }
    assert environment.gateway.posts == []


def test_a_push_reaches_its_target_and_is_acknowledged(
    environment: Environment, lines: Lines
) -> None:
    environment.connect("bob", CONNECTION_ID)
    alice = environment.connect("alice")

    answer = send('{"msgType":1,"to":["alice","nobody"],"msg":{"k":"é"},"messageId":"m-1"}')

    [post] = environment.gateway.posts
    envelope = json.loads(post.data)
    assert len(envelope.pop("messageId")) == 32
    assert envelope == {
        "msgType": 1,
        "to": "alice",
        "sessionId": alice.session_id,
        "trigger": 2,
        "from": "bob",
        "activeTime": NOON_MS,
        "msg": {"k": "é"},
    }
    assert read(answer)["missing"] == ["nobody"]
    assert lines.metrics == {"Publications": 1, "PostsSent": 1}


def test_what_has_no_answer_has_no_body(environment: Environment) -> None:
    environment.connect("bob", CONNECTION_ID)

    answer = send('{"msgType":2,"messageId":"m-1"}')

    assert answer == {"statusCode": 200}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (None, "invalid_message"),
        ("", "invalid_message"),
        ("hello", "invalid_message"),
        ("[]", "invalid_message"),
        ("[" * 100_000, "invalid_message"),
        ('{"msgType":NaN}', "invalid_message"),
        ('{"msgType":3,"x":"\ud800"}', "invalid_message"),
        ('{"msgType":' + "9" * 5000 + "}", "invalid_message"),
        ('{"msgType":1,"to":"a","msg":"text"}', "invalid_message"),
        ('{"msgType":1,"msg":{}}', "no_target"),
        ('{"msgType":5}', "unsupported"),
        ('{"msgType":1,"msg":{},"to":[' + '"a",' * 1000 + '"a"]}', "too_many_targets"),
        ("x" * 131_072, "payload_too_large"),
    ],
    ids=lambda text: repr(text)[:24],
)
def test_an_error_reaches_the_client_and_the_connection_stays(
    environment: Environment, lines: Lines, text: str | None, code: str
) -> None:
    environment.connect("bob", CONNECTION_ID)

    answer = read(send(text))

    assert answer["msgType"] == -1
    assert (answer["code"], answer["temporary"]) == (code, False)
    assert answer["resultMsg"]
    assert environment.find(CONNECTION_ID) is not None
    assert lines.text == ""  # a client's fault is nothing for our log


def test_a_connection_that_was_forgotten_is_told_so(environment: Environment) -> None:
    answer = read(send('{"msgType":3,"messageId":"m-1"}'))

    assert (answer["code"], answer["messageId"]) == ("not_connected", "m-1")
    assert environment.find(CONNECTION_ID) is None


def test_a_fault_of_ours_shows_its_code_and_keeps_its_text_for_the_log(
    environment: Environment, lines: Lines
) -> None:
    environment.connect("bob", CONNECTION_ID)
    environment.store.down = {"resolve"}

    answer = read(send('{"msgType":1,"to":"alice","msg":{"secret":"hunter2"},"messageId":"m-1"}'))

    assert answer == {
        "msgType": -1,
        "messageId": "m-1",
        "activeTime": NOON_MS,
        "code": "store_unavailable",
        "temporary": True,
        "retryAfterMs": 1000,
        "resultMsg": "the service failed; try again",
    }
    [line] = lines.logs
    assert line["message"] == "store_unavailable"
    assert line["connection_id"] == CONNECTION_ID
    assert "told to be down" in line["exception"]
    assert "hunter2" not in lines.text


def test_a_post_that_is_given_up_is_logged_and_counted(
    environment: Environment, lines: Lines
) -> None:
    environment.connect("bob", CONNECTION_ID)
    environment.connect("alice")
    environment.script({"alice-1": [Outcome.TOO_LARGE]})

    send('{"msgType":1,"to":"alice","msg":{"secret":"hunter2"}}')

    [line] = lines.logs
    assert (line["message"], line["outcome"]) == ("a post was given up", "too_large")
    assert lines.metrics == {"Publications": 1, "PostsDropped": 1}
    assert "hunter2" not in lines.text


def test_the_unknown_propagates_as_lambdas_own_error(environment: Environment) -> None:
    event = message_event('{"msgType":3}')
    del event["requestContext"]["connectionId"]

    with pytest.raises(msgspec.ValidationError):
        message.handler(event, FakeLambdaContext())

    assert environment.store.calls == []
