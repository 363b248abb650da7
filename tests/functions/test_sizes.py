"""What is too large or too deep, at every door: size is seen before the parser, depth by it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pytest

import deliver
import fan_out
import message
import notify
import push_api
from cloudpush.jobs import RECORD_BYTES
from cloudpush.protocol import ENVELOPE_LIMIT
from push_routes import describing
from push_routes.answers import REQUEST_BYTES
from push_routes.messages import BATCH_BYTES
from tests.fakes.lambda_events import (
    CONNECTION_ID,
    FakeLambdaContext,
    http_event,
    message_event,
    sqs_event,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fakes.telemetry import Lines
    from tests.functions.conftest import Environment

pytestmark = pytest.mark.usefixtures("environment")

DOCUMENT: Final = describing.describe(push_api.app, is_closed=False)
ROUTES_WITH_A_BODY: Final = [
    f"{method.upper()} {path.format(messageId='0' * 32, clientId='alice')}"
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
    if "requestBody" in operation
]
BATCH: Final = "POST /v1/messages:batch"
GATEWAY_LIMIT: Final = 128 * 1024
DEEP: Final = "[" * (ENVELOPE_LIMIT - 1024)


def request(route: str, body: str) -> tuple[int, str]:
    """Return the status of a request, and the text of its error."""
    method, path = route.split()
    answer = push_api.handler(http_event(method, path, body=body), FakeLambdaContext())
    reply = json.loads(answer["body"])
    return answer["statusCode"], reply["error"]["message"] if "error" in reply else reply["msg"]


def say(text: str) -> dict[str, Any]:
    return json.loads(message.handler(message_event(text), FakeLambdaContext())["body"])


class TestRequests:
    @pytest.mark.parametrize("route", ROUTES_WITH_A_BODY)
    @pytest.mark.parametrize("character", ["[", "x", "\ud7ff"])
    def test_of_a_body_over_the_limit_nothing_is_read(self, route: str, character: str) -> None:
        limit = BATCH_BYTES if route == BATCH else REQUEST_BYTES
        body = character * (limit // len(character.encode()) + 1)

        answer = request(route, body)

        assert answer == (413, f"{len(body.encode())} bytes; {limit} are allowed")

    @pytest.mark.parametrize("route", ROUTES_WITH_A_BODY)
    def test_a_body_of_the_limit_is_read_and_is_wrong(self, route: str) -> None:
        limit = BATCH_BYTES if route == BATCH else REQUEST_BYTES

        assert request(route, "x" * limit) == (400, "not strict JSON, or nested too deeply")

    @pytest.mark.parametrize("route", ROUTES_WITH_A_BODY)
    @pytest.mark.parametrize("head", ["", '{"msg":', '{"to":"a","msg":{"a":', '{"messages":['])
    def test_a_body_that_is_nested_without_end_is_wrong(self, route: str, head: str) -> None:
        assert request(route, head + DEEP)[0] == 400

    def test_of_a_batch_what_is_too_large_fails_alone(self) -> None:
        good = '{"target":{"clients":["a"]},"msg":{}}'
        large = json.dumps({"x" * REQUEST_BYTES: 0})

        answer = push_api.handler(
            http_event(*BATCH.split(), body=f'{{"messages":[{good},{large},{good}]}}'),
            FakeLambdaContext(),
        )

        results = json.loads(answer["body"])["results"]
        assert [each["status"] for each in results] == [202, 413, 202]


class TestFrames:
    @pytest.mark.parametrize("is_known", [True, False])
    @pytest.mark.parametrize("character", ["[", "x", "\ud7ff"])
    def test_of_a_text_over_the_limit_nothing_is_read(
        self, environment: Environment, character: str, *, is_known: bool
    ) -> None:
        environment.connect("alice", CONNECTION_ID if is_known else "another")
        head = '{"messageId":"m","msgType":3,"x":"'
        text = head + character * ((GATEWAY_LIMIT - len(head)) // len(character.encode()))

        answer = say(text + '"}')

        assert answer["code"] == ("payload_too_large" if is_known else "not_connected")
        assert "messageId" not in answer

    @pytest.mark.parametrize(
        "head",
        [
            "",
            '{"msgType":1,"to":"bob","msg":',
            '{"msgType":1,"to":"bob","msg":{"a":',
            '{"msgType":13,"epoch":',
            '{"msgType":3,"unknown":',
            '{"msgType":',
        ],
    )
    def test_a_text_that_is_nested_without_end_is_wrong(
        self, environment: Environment, head: str
    ) -> None:
        environment.connect("alice", CONNECTION_ID)

        answer = say(head + DEEP)

        assert answer["code"] == "invalid_message"
        assert say('{"msgType":3}')["msgType"] == 4


class TestRecords:
    @pytest.mark.parametrize(
        "handler",
        [deliver.handler, fan_out.handler, notify.handler],
        ids=["deliver", "all", "tell"],
    )
    @pytest.mark.parametrize(
        ("body", "text"),
        [
            ("[" * (RECORD_BYTES + 1), f"not a job: {RECORD_BYTES + 1} bytes"),
            ("x" * (RECORD_BYTES + 1), f"not a job: {RECORD_BYTES + 1} bytes"),
            ("[" * RECORD_BYTES, "not a job: "),
            ('{"type":"delivery","publication":{"msg":{"a":' + DEEP, "not a job: "),
        ],
        ids=["large", "large and broken", "deep", "deep content"],
    )
    def test_a_record_that_is_too_large_or_too_deep_fails_alone(
        self, lines: Lines, handler: Callable[..., Any], body: str, text: str
    ) -> None:
        event = sqs_event(body)

        answer = handler(event, FakeLambdaContext())

        assert answer == {
            "batchItemFailures": [{"itemIdentifier": event["Records"][0]["messageId"]}]
        }
        assert text in lines.text
        assert body[:100] not in lines.text
