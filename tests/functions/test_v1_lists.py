"""The lists of `/v1`: messages, and dead letters, through the function's entry point, on fakes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import fan_out
import push_api
from cloudpush.model import Eviction, Expansion, FanOut, Notice, Receipt, ReceiptState
from cloudpush.settings import AuthMode
from tests.fakes.auth import CLOSED, a_token, bearer
from tests.fakes.lambda_events import FakeLambdaContext, http_event, sqs_event
from tests.fakes.push_service import NOON_MS, a_connection

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.functions.conftest import Environment

pytestmark = pytest.mark.usefixtures("environment")

NOTICE = Notice(
    receipts=[
        Receipt(message_id="m2", client_id="alice", state=ReceiptState.DELIVERED, at_ms=NOON_MS)
    ]
)
FAN_OUT = FanOut(message_id="m1", doublings=3)
EVICTION = Eviction(connection=a_connection(), close_code=4001)


def call(
    method: str,
    path: str,
    body: object = None,
    *,
    query: str = "",
    headers: Mapping[str, str] | None = None,
) -> tuple[int, Any]:
    text = None if body is None else json.dumps(body)
    event = http_event(method, path, query=query, body=text)
    event["headers"].update(headers or {})
    answer = push_api.handler(event, FakeLambdaContext())
    return answer["statusCode"], json.loads(answer["body"])


def send(**body: object) -> str:
    status, answer = call("POST", "/v1/messages", {"msg": {}, **body})
    assert status == 202, answer
    return answer["messageId"]


def listed(query: str = "") -> list[str]:
    status, answer = call("GET", "/v1/messages", query=query)
    assert status == 200, answer
    return [each["messageId"] for each in answer["messages"]]


def test_messages_are_listed_newest_first_and_by_how_far_they_are(
    environment: Environment,
) -> None:
    sent: list[str] = []
    for more in (
        {"target": {"clients": ["alice"]}, "qos": 1},
        {"target": {"clients": ["alice"]}, "delaySeconds": 60},
        {"target": {"all": True}},
        {"target": {"clients": ["alice"]}},  # of QoS 0, to some, at once: leaves no record
    ):
        sent.append(send(**more))
        environment.clock.advance(ms=1)
    kept, scheduled, broadcast, _ = sent

    assert listed() == [broadcast, scheduled, kept]
    assert listed("state=scheduled") == [scheduled]
    assert listed("state=running") == [broadcast]
    assert listed("state=finished") == [kept]


def test_a_list_says_of_a_message_what_a_look_at_it_says() -> None:
    to_some = send(target={"clients": ["alice", "bob"]}, qos=1, **{"from": "ann"})

    status, answer = call("GET", "/v1/messages")

    assert status == 200
    assert answer == {"messages": [call("GET", f"/v1/messages/{to_some}")[1]]}
    assert answer["messages"][0]["from"] == "ann"
    assert answer["messages"][0]["targets"] == 2


def test_a_broadcast_tells_its_progress_when_it_has_begun(environment: Environment) -> None:
    environment.connect("alice")
    broadcast = send(target={"all": True})
    before = call("GET", f"/v1/messages/{broadcast}")[1]

    for job in environment.fan_outs.jobs:
        fan_out.handler(sqs_event(job), FakeLambdaContext())

    after = call("GET", f"/v1/messages/{broadcast}")[1]
    assert ("progress" in before, "targets" in before) == (False, False)
    assert (after["progress"], after["state"]) == (1.0, "done")
    assert listed("state=running") == []


def test_messages_are_listed_page_by_page(environment: Environment) -> None:
    sent: list[str] = []
    for _ in range(3):
        sent.append(send(target={"clients": ["alice"]}, qos=1))
        environment.clock.advance(ms=1)

    first = call("GET", "/v1/messages", query="limit=2")[1]

    assert [each["messageId"] for each in first["messages"]] == [sent[2], sent[1]]
    assert listed(f"limit=2&cursor={first['cursor']}") == [sent[0]]


def test_a_message_that_is_over_is_not_listed(environment: Environment) -> None:
    send(target={"clients": ["alice"]}, qos=1, ttlSeconds=1)

    environment.clock.advance(ms=25 * 60 * 60 * 1000)

    assert listed() == []


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("state=done", "state must be one of scheduled, running, finished"),
        ("limit=101", "limit must be 1 to 100"),
        ("cursor=bWVzc2FnZXMgbm9uZQ", "cursor is not one of this list"),  # "messages none"
    ],
)
def test_what_no_list_has_is_refused(query: str, text: str) -> None:
    status, answer = call("GET", "/v1/messages", query=query)

    assert (status, answer["error"]["message"]) == (400, text)


def test_dead_letters_are_counted_and_shown(environment: Environment) -> None:
    environment.dead_letters["jobs"].bury(FAN_OUT, "no job")
    environment.dead_letters["receipts"].bury(NOTICE)

    status, answer = call("GET", "/v1/dead-letters")

    def record(number: int, content: str, **more: str) -> dict[str, Any]:
        return {"recordId": f"record-{number}", "sentAt": NOON_MS, "content": content, **more}

    jobs, receipts = environment.dead_letters.values()
    assert status == 200
    assert answer["queues"] == [
        {
            "name": "jobs",
            "waiting": 2,
            "hidden": 0,
            "records": [
                record(0, jobs.waiting[0].body, kind="fan-out", messageId="m1"),
                record(1, "no job"),
            ],
        },
        {
            "name": "receipts",
            "waiting": 1,
            "hidden": 0,
            "records": [record(0, receipts.waiting[0].body, kind="notice", messageId="m2")],
        },
    ]


def test_what_a_dead_letter_holds_is_for_admins_alone(environment: Environment) -> None:
    environment.dead_letters["jobs"].bury(FAN_OUT)
    environment.use(CLOSED, AuthMode.JWT)

    reader = call("GET", "/v1/dead-letters", headers=bearer(a_token(scope="read")))[1]
    admin = call("GET", "/v1/dead-letters", headers=bearer(a_token(scope="read admin")))[1]
    refused, _ = call("POST", "/v1/dead-letters/redrive", headers=bearer(a_token(scope="read")))

    assert "content" not in reader["queues"][0]["records"][0]
    assert "content" in admin["queues"][0]["records"][0]
    assert refused == 403


def test_dead_letters_go_back_to_the_queues_that_they_came_from(environment: Environment) -> None:
    expansion = Expansion(message_id="m3")
    jobs = environment.dead_letters["jobs"]
    jobs.bury(FAN_OUT, EVICTION, expansion, "no job")

    status, answer = call("POST", "/v1/dead-letters/redrive")

    assert (status, answer) == (200, {"redriven": 3, "left": 1})
    assert environment.fan_outs.jobs == [FAN_OUT, expansion]
    assert environment.jobs.jobs == [EVICTION]
    assert [each.body for each in jobs.hidden] == ["no job"]


def test_receipts_stay_where_nobody_is_told_of_them(environment: Environment) -> None:
    environment.dead_letters["receipts"].bury(NOTICE)

    assert call("POST", "/v1/dead-letters/redrive")[1] == {"redriven": 0, "left": 1}
    assert environment.notices.jobs == []


def test_one_redrive_is_bounded(environment: Environment) -> None:
    environment.dead_letters["jobs"].bury(*[FAN_OUT] * 105)

    assert call("POST", "/v1/dead-letters/redrive")[1] == {"redriven": 100, "left": 0}
    assert call("POST", "/v1/dead-letters/redrive")[1] == {"redriven": 5, "left": 0}


def test_a_letter_whose_queue_takes_nothing_stays(environment: Environment) -> None:
    environment.dead_letters["jobs"].bury(EVICTION)
    environment.jobs.is_down = True

    status, answer = call("POST", "/v1/dead-letters/redrive")

    assert (status, answer["error"]["temporary"]) == (503, True)
    assert len(environment.dead_letters["jobs"].hidden) == 1
