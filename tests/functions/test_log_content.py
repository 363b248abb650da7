"""No `msg`, no token and no text of a client gets into a log, whatever happens to it on the way.

What is watched is everything that a function writes: our JSON lines and metrics on standard output,
and every library's logger, down to its debugging.
"""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

import connect
import deliver
import fan_out
import message
import push_api
import sweep
from cloudpush.model import Delivery
from cloudpush.ports import Outcome
from tests.fakes.lambda_events import (
    CONNECTION_ID,
    FakeLambdaContext,
    connect_event,
    http_event,
    message_event,
    schedule_event,
    sqs_event,
)
from tests.fakes.push_service import a_publication

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fakes.telemetry import Lines
    from tests.functions.conftest import Environment

    Push: TypeAlias = Callable[[Environment], object]

CANARY = "canary-7d1f"
MSG = {CANARY: CANARY}


@pytest.fixture
def written(
    caplog: pytest.LogCaptureFixture, environment: Environment, lines: Lines
) -> Callable[[], str]:
    """Return what reads all that has been written; alice is connected, and so is bob, who sends."""
    caplog.set_level(1)
    environment.connect("alice")
    environment.connect("bob", CONNECTION_ID)
    return lambda: lines.text + caplog.text


def send_frame(text: str) -> Push:
    return lambda _: message.handler(message_event(text), FakeLambdaContext())


def send_request(body: str) -> Push:
    event = http_event("POST", "/message/send", body=body)
    return lambda _: push_api.handler(event, FakeLambdaContext())


def perform_delivery(environment: Environment) -> object:
    alice = environment.find("alice-1")
    assert alice is not None
    job = Delivery(publication=a_publication(MSG), connections=[alice], attempt=8)
    return deliver.handler(sqs_event(job), FakeLambdaContext())


def perform_fan_out(environment: Environment) -> object:
    job = environment.accept_for_all(MSG)
    return fan_out.handler(sqs_event(job), FakeLambdaContext())


BY_FRAME = send_frame(json.dumps({"msgType": 1, "to": ["alice", "nobody"], "msg": MSG}))
BY_REQUEST = send_request(json.dumps({"to": ["alice", "nobody"], "msg": MSG}))
TO_ALL = send_request(json.dumps({"sendToAll": True, "msg": MSG}))

pushes = pytest.mark.parametrize(
    "push",
    [BY_FRAME, BY_REQUEST, perform_delivery, perform_fan_out],
    ids=["message", "push_api", "deliver", "fan_out"],
)


@pushes
@pytest.mark.parametrize("outcome", list(Outcome))
def test_a_message_is_in_no_line_whatever_becomes_of_its_posts(
    environment: Environment, written: Callable[[], str], push: Push, outcome: Outcome
) -> None:
    environment.script({"alice-1": [outcome] * 100})

    push(environment)

    assert any(CANARY.encode() in post.data for post in environment.gateway.posts)
    assert written()
    assert CANARY not in written()


@pushes
@pytest.mark.parametrize(
    "fault", [{"resolve", "read_shards", "get", "confirm", "forget"}, {"confirm", "forget"}]
)
def test_nor_when_the_store_and_the_queues_fail(
    environment: Environment, written: Callable[[], str], push: Push, fault: set[str]
) -> None:
    environment.script({"alice-1": [Outcome.THROTTLED] * 100})
    environment.store.down = fault
    environment.jobs.is_down = True

    push(environment)

    assert written()
    assert CANARY not in written()


def test_nor_when_a_push_to_all_finds_no_queue(
    environment: Environment, written: Callable[[], str]
) -> None:
    environment.fan_outs.is_down = True

    TO_ALL(environment)

    assert "queue_unavailable" in written()
    assert CANARY not in written()


@pushes
def test_nor_when_something_fails_that_nobody_thought_of(
    environment: Environment,
    written: Callable[[], str],
    monkeypatch: pytest.MonkeyPatch,
    push: Push,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(environment.gateway, "post_to_connections", fail)

    with contextlib.suppress(ZeroDivisionError):  # `message` lets it pass, for Lambda to tell
        push(environment)

    assert CANARY not in written()


@pytest.mark.parametrize(
    "push",
    [
        send_frame(CANARY),
        send_frame(f'{{"{CANARY}":'),
        send_frame(json.dumps({"msgType": CANARY, "msg": MSG})),
        send_frame(json.dumps({"msgType": 1, "to": "alice", "msg": CANARY})),
        send_frame(json.dumps({"msgType": 1, "to": "alice", "msg": [MSG], CANARY: 1})),
        send_frame(json.dumps({"msgType": 1, "to": "alice", "msg": {"long": CANARY * 20_000}})),
        send_request(CANARY),
        send_request(json.dumps({"to": "alice", "msg": CANARY})),
        send_request(json.dumps({"to": {CANARY: 1}, "msg": MSG})),
        send_request(json.dumps({"to": "alice", "msg": {"long": CANARY * 20_000}})),
        send_request(json.dumps({"to": "alice", "msg": {"half": f"{CANARY}\ud800"}})),
        send_request(f'{{"to":"alice","msg":{{"{CANARY}":"\ud800"}}}}'),
    ],
)
def test_nor_when_a_client_makes_a_mistake(
    environment: Environment, written: Callable[[], str], push: Push
) -> None:
    push(environment)

    assert environment.gateway.posts == []
    assert CANARY not in written()


def jobs_that_are_none() -> list[str]:
    whole: dict[str, Any] = {
        "type": "delivery",
        "publication": {"message_id": "m", "trigger": "http", "sender": "s", "msg": MSG},
        "connections": [],
    }
    return [
        CANARY,
        json.dumps({**whole, "connections": CANARY}),
        json.dumps({**whole, "publication": {**whole["publication"], "msg": [CANARY]}}),
        json.dumps({**whole, "publication": CANARY}),
        json.dumps(whole)[:-1],
    ]


@pytest.mark.parametrize("handler", [deliver.handler, fan_out.handler])
@pytest.mark.parametrize("body", jobs_that_are_none())
def test_nor_when_a_record_is_no_job(
    written: Callable[[], str], handler: Callable[..., object], body: str
) -> None:
    handler(sqs_event(body), FakeLambdaContext())

    assert "a job failed" in written()
    assert CANARY not in written()


def test_nor_does_a_token_when_a_client_connects(
    environment: Environment, written: Callable[[], str]
) -> None:
    environment.store.down = {"admit"}

    connect.handler(connect_event({"channelId": "carol", "token": CANARY}), FakeLambdaContext())

    assert "store_unavailable" in written()
    assert CANARY not in written()


def test_nor_when_a_silent_client_is_swept(
    environment: Environment, written: Callable[[], str]
) -> None:
    environment.clock.advance(ms=61_000)
    BY_FRAME(environment)

    sweep.handler(schedule_event(), FakeLambdaContext())

    assert "ConnectionsSwept" in written()
    assert CANARY not in written()


def connect_as(client_id: str) -> Push:
    event = connect_event({"channelId": client_id})
    return lambda _: connect.handler(event, FakeLambdaContext())


INJECTED = '\r\n{"level":"ERROR","message":"forged"}\r\n\x1b[2J\x9b2J\u2028forged'


@pytest.mark.parametrize(
    "push",
    [
        send_frame(json.dumps({"msgType": 1, "to": INJECTED, "msg": {}, "messageId": INJECTED})),
        send_frame(json.dumps({"msgType": INJECTED})),
        send_frame(INJECTED),
        send_request(json.dumps({"to": INJECTED, "msg": {}, "from": INJECTED})),
        send_request(json.dumps({"to": "alice", "msg": {}, "requestId": INJECTED})),
        connect_as(INJECTED),
    ],
)
def test_what_a_client_sends_makes_no_line_of_its_own(
    environment: Environment, lines: Lines, push: Push
) -> None:
    environment.store.down = {"resolve"}

    push(environment)

    written = [json.loads(line) for line in lines.text.split("\n") if line]
    assert [line for line in written if line.get("message") == "forged"] == []
    assert not any(character in lines.text for character in "\r\x1b\x9b\u2028")
