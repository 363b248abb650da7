"""Limits through the functions: floods, and handshakes from other pages."""

from __future__ import annotations

import collections
import json
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

import authorize
import connect
import message
import push_api
from cloudpush.settings import AuthMode, Settings
from cloudpush.stores.memory import MemoryConnectionStore
from tests.fakes.auth import CLOSED, a_token, bearer
from tests.fakes.lambda_events import (
    CONNECTION_ID,
    FakeLambdaContext,
    authorizer_event,
    connect_event,
    http_event,
    message_event,
)
from tests.fakes.push_service import NOON_MS

if TYPE_CHECKING:
    from tests.functions.conftest import Environment

OURS = "https://app.example.com"
OTHERS = [
    "https://evil.example.com",
    "http://app.example.com",
    "https://app.example.com:8443",
    "https://app.example.com.evil.example",
    "null",
    "",
    f"{OURS},https://evil.example.com",
]


def handshake(client_id: str = "alice", number: int = 0) -> int:
    event = connect_event(
        {"channelId": client_id}, connection_id=f"c{number}", connected_at_ms=NOON_MS
    )
    return connect.handler(event, FakeLambdaContext())["statusCode"]


def say(text: str) -> dict[str, Any]:
    answer = message.handler(message_event(text), FakeLambdaContext())
    return json.loads(answer.get("body", "{}"))


def test_of_10_000_connects_of_one_client_few_are_let_in(environment: Environment) -> None:
    statuses = collections.Counter(handshake(number=number) for number in range(10_000))

    assert set(statuses) == {200, 429}
    assert statuses[200] == 50
    assert handshake("bob") == 200
    assert len(environment.store.resolve(["alice"], now_ms=environment.clock())["alice"]) == 50


def test_connects_that_close_again_are_bounded_by_the_rate(environment: Environment) -> None:
    admitted = 0
    for number in range(10_000):
        if handshake(number=number) == 200:
            admitted += 1
            environment.store.forget(f"c{number}", now_ms=environment.clock())

    assert admitted == 51  # five seconds' worth, and what the environment gives by itself


def test_a_client_holds_no_more_than_its_deployment_says(environment: Environment) -> None:
    environment.store = MemoryConnectionStore(max_connections=2)  # pyright: ignore[reportAttributeAccessIssue] — without its faults
    environment.use(Settings())

    assert [handshake(number=number) for number in range(3)] == [200, 200, 429]


def test_a_client_that_floods_is_told_when_to_go_on(environment: Environment) -> None:
    environment.use(Settings(message_rate=10))
    environment.connect("alice", CONNECTION_ID)

    answers = [say('{"msgType":3,"messageId":"m"}') for _ in range(100)]

    kinds = collections.Counter(each["msgType"] for each in answers)
    assert kinds == {4: 51, -1: 49}
    refusal = answers[-1]
    assert (
        refusal["code"],
        refusal["temporary"],
        refusal["messageId"],
        refusal["retryAfterMs"],
    ) == (
        "too_many_requests",
        True,
        "m",
        100,
    )
    environment.clock.advance(ms=100)
    assert say('{"msgType":3}')["msgType"] == 4


def test_acknowledgements_are_not_counted(environment: Environment) -> None:
    environment.use(Settings(message_rate=1))
    environment.connect("alice", CONNECTION_ID)

    answers = [say('{"msgType":2,"seq":1}') for _ in range(100)]

    assert answers == [{}] * 100
    assert say('{"msgType":3}')["msgType"] == 4


class TestPushes:
    @pytest.fixture(autouse=True)
    def closed(self, environment: Environment) -> None:
        environment.use(msgspec.structs.replace(CLOSED, push_rate=10), AuthMode.JWT)

    def post(self, path: str, body: object, subject: str = "backend") -> dict[str, Any]:
        event = http_event("POST", path, body=json.dumps(body))
        event["headers"].update(bearer(a_token(subject, scope="push", push="*")))
        return push_api.handler(event, FakeLambdaContext())

    def test_a_caller_that_floods_is_429_and_others_are_not(self) -> None:
        message_ = {"target": {"clients": ["alice"]}, "msg": {}}
        routes: list[tuple[str, object]] = [
            ("/message/send", {"to": "alice", "msg": {}}),
            ("/v1/messages", message_),
            ("/v1/messages:batch", {"messages": [message_] * 20}),
        ]

        for _ in range(60):
            self.post(*routes[0])
        refused = [self.post(*route) for route in routes]

        assert [each["statusCode"] for each in refused] == [429] * 3
        assert [each["headers"]["retry-after"] for each in refused] == ["1"] * 3
        error = json.loads(refused[1]["body"])["error"]
        assert (error["code"], error["temporary"]) == ("too_many_requests", True)
        assert self.post(*routes[0], subject="other")["statusCode"] == 200

    def test_a_batch_counts_its_messages(self) -> None:
        message_ = {"target": {"clients": ["alice"]}, "msg": {}}

        statuses = [
            self.post("/v1/messages:batch", {"messages": [message_] * 20})["statusCode"]
            for _ in range(3)
        ]

        assert statuses == [200, 200, 429]


class TestOrigin:
    """Cross-site WebSocket hijacking: a page elsewhere connects with what the browser knows."""

    def connect(self, environment: Environment, origin: str | None) -> int:
        environment.use(Settings(allowed_origins=frozenset({OURS})))
        event = connect_event({"channelId": "alice"})
        if origin is not None:
            event["multiValueHeaders"]["Origin"] = [origin]
        return connect.handler(event, FakeLambdaContext())["statusCode"]

    @pytest.mark.parametrize("origin", [OURS, None])
    def test_our_pages_and_other_clients_are_let_in(
        self, environment: Environment, origin: str | None
    ) -> None:
        assert self.connect(environment, origin) == 200

    @pytest.mark.parametrize("origin", OTHERS)
    def test_other_pages_are_403(self, environment: Environment, origin: str) -> None:
        assert self.connect(environment, origin) == 403
        assert environment.find(CONNECTION_ID) is None

    @pytest.mark.parametrize("origin", OTHERS)
    def test_other_pages_are_403_whatever_they_show(
        self, environment: Environment, origin: str
    ) -> None:
        closed = msgspec.structs.replace(CLOSED, allowed_origins=frozenset({OURS}))
        environment.use(closed, AuthMode.JWT)
        event = authorizer_event({"channelId": "alice", "token": a_token()}, method_arn="arn")
        event["multiValueHeaders"]["Origin"] = [origin]

        answer = authorize.handler(event, FakeLambdaContext())

        assert answer["policyDocument"]["Statement"][0]["Effect"] == "Deny"

    def test_without_a_list_every_page_is_let_in(self, environment: Environment) -> None:
        environment.use(Settings())
        event = connect_event({"channelId": "alice"})
        event["multiValueHeaders"]["Origin"] = [OTHERS[0]]

        assert connect.handler(event, FakeLambdaContext())["statusCode"] == 200
