"""`/v1/statistics`: what the functions counted, through their entry points."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import connect
import deliver
import disconnect
import message
import push_api
import sweep
from cloudpush.errors import (
    ConfigurationWrong,
    SecretUnavailable,
    ServiceError,
    StoreUnavailable,
)
from cloudpush.ports import Outcome
from push_routes import answers
from tests.fakes.lambda_events import (
    CONNECTED_AT_MS,
    CONNECTION_ID,
    FakeLambdaContext,
    connect_event,
    disconnect_event,
    http_event,
    message_event,
    schedule_event,
    sqs_event,
)
from tests.fakes.push_service import NOON_MS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.fakes.telemetry import Lines
    from tests.functions.conftest import Environment

pytestmark = pytest.mark.usefixtures("environment")

MINUTE_MS = 60_000
CONTEXT = FakeLambdaContext()


def call(method: str, path: str, body: object = None, *, query: str = "") -> tuple[int, Any]:
    text = None if body is None else json.dumps(body)
    answer = push_api.handler(http_event(method, path, query=query, body=text), CONTEXT)
    return answer["statusCode"], json.loads(answer["body"])


def read(query: str = f"from={NOON_MS - 3_600_000}&to={NOON_MS + MINUTE_MS}") -> Any:  # noqa: ANN401 — any JSON
    found: dict[str, Any] = {"minutes": []}
    cursor = ""
    while True:
        status, page = call("GET", "/v1/statistics", query=query + cursor)
        assert status == 200, page
        found = {**page, "minutes": found["minutes"] + page["minutes"]}
        if "cursor" not in page:
            return found
        cursor = f"&cursor={page['cursor']}"


def keep(*clients: str, **more: object) -> None:
    body = {"target": {"clients": list(clients)}, "msg": {}, "qos": 1, **more}
    assert call("POST", "/v1/messages", body)[0] == 202


def bucket(histogram: Mapping[str, Any], upper: int | None) -> int:
    return next(each["count"] for each in histogram["buckets"] if each.get("upper") == upper)


def test_a_delivery_is_counted_and_its_latency_measured(environment: Environment) -> None:
    environment.connect("alice", CONNECTION_ID)
    keep("alice", "bob")
    environment.clock.advance(ms=240)
    message.handler(message_event('{"msgType":2,"seq":1}'), CONTEXT)

    found = read()

    assert found["deliveryRate"] == 1.0
    assert found["resendRatio"] == found["duplicateRatio"] == 0.0
    assert found["counts"] == {
        "Appended": 2,
        "Delivered": 1,
        "FirstSends": 1,
        "PostsSent": 1,
        "Publications": 1,
    }
    latency = found["histograms"]["DeliveryLatency"]
    assert (latency["count"], latency["mean"], bucket(latency, 250)) == (1, 240.0, 1)
    assert found["histograms"]["InboxDepth"]["mean"] == 1.0
    assert [each["at"] for each in found["minutes"]] == [NOON_MS // MINUTE_MS * MINUTE_MS]


def test_what_is_sent_again_is_a_resend(environment: Environment) -> None:
    environment.connect("alice")
    keep("alice")
    [drain] = [each.job for each in environment.jobs.sent]
    environment.clock.advance(ms=5_000)
    deliver.handler(sqs_event(drain), CONTEXT)

    assert read()["resendRatio"] == 0.5


def test_what_expires_lowers_the_rate(environment: Environment) -> None:
    keep("alice", ttlSeconds=1)
    environment.clock.advance(ms=20_000)
    sweep.handler(schedule_event(), CONTEXT)
    deliver.handler(sqs_event(*environment.jobs.jobs), CONTEXT)

    found = read()

    assert (found["deliveryRate"], found["counts"]["Expired"]) == (0.0, 1)


@pytest.mark.parametrize("receipts", ["none", "all"])
def test_who_acknowledges_counts_with_receipts_and_without(
    environment: Environment, receipts: str
) -> None:
    environment.connect("alice", CONNECTION_ID)
    keep("alice", "bob", receipts=receipts, ttlSeconds=1)
    for _ in range(2):
        message.handler(message_event('{"msgType":2,"seq":1}'), CONTEXT)
    environment.clock.advance(ms=20_000)
    sweep.handler(schedule_event(), CONTEXT)
    deliver.handler(sqs_event(*environment.jobs.jobs), CONTEXT)

    found = read()

    assert (found["counts"]["Delivered"], found["counts"]["Expired"]) == (1, 1)
    assert found["deliveryRate"] == 0.5


def test_sessions_and_who_is_online(environment: Environment) -> None:
    connect.handler(connect_event({"channelId": "alice"}, connected_at_ms=NOON_MS), CONTEXT)
    environment.connect("bob", seconds_ago=1)
    sweep.handler(schedule_event(), CONTEXT)
    environment.clock.now_ms = CONNECTED_AT_MS  # what the event says, for a session of no time
    ended = disconnect_event()
    ended["requestContext"]["connectedAt"] = CONNECTED_AT_MS - 90_000
    disconnect.handler(ended, CONTEXT)
    environment.clock.now_ms = NOON_MS
    before = read(f"from={CONNECTED_AT_MS - MINUTE_MS}&to={CONNECTED_AT_MS + MINUTE_MS}")

    found = read()

    assert (found["online"], found["counts"]["Connections"]) == (2.0, 1)
    assert [each["online"] for each in found["minutes"]] == [2.0]
    sessions = before["histograms"]["SessionDuration"]
    assert (sessions["mean"], bucket(sessions, 600_000)) == (90_000.0, 1)


def test_refusals_of_the_gateway_are_counted(environment: Environment) -> None:
    environment.connect("alice")
    environment.connect("bob")
    environment.script({"alice-1": [Outcome.GONE], "bob-1": [Outcome.THROTTLED]})
    call("POST", "/v1/messages", {"target": {"clients": ["alice", "bob"]}, "msg": {}})

    counts = read()["counts"]

    assert (counts["PostsGone"], counts["PostsThrottled"], counts["PostsWaiting"]) == (1, 1, 1)


def test_an_invocation_writes_once_however_much_it_counts(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Mapping[str, int]] = []
    add = environment.statistics.add

    def record(counts: Mapping[str, int], *, now_ms: int) -> None:
        written.append(counts)
        add(counts, now_ms=now_ms)

    monkeypatch.setattr(environment.statistics, "add", record)
    clients = [f"client{number}" for number in range(50)]
    for each in clients:
        environment.connect(each)

    keep(*clients)

    assert len(written) == 1
    assert written[0]["FirstSends"] == 50
    assert len(written[0]) < 25


@pytest.mark.parametrize("error", [StoreUnavailable, SecretUnavailable, ConfigurationWrong])
def test_statistics_that_fail_fail_nothing_else(
    environment: Environment,
    lines: Lines,
    monkeypatch: pytest.MonkeyPatch,
    error: type[ServiceError],
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error("told to be down")

    monkeypatch.setattr(environment.statistics, "add", fail)

    keep("alice")

    assert [line["message"] for line in lines.logs] == ["statistics were not kept"]
    assert lines.metrics["Publications"] == 1


def test_a_long_range_comes_an_hour_at_a_time(environment: Environment) -> None:
    for hour in range(3):
        environment.statistics.add({"Publications": hour + 1}, now_ms=NOON_MS + hour * 3_600_000)
    query = f"from={NOON_MS - MINUTE_MS}&to={NOON_MS + 3 * 3_600_000}"

    first = call("GET", "/v1/statistics", query=query)[1]
    found = read(query)

    assert first["to"] - first["from"] <= 3_600_000
    assert [each["counts"] for each in found["minutes"]] == [
        {"Publications": 1},
        {"Publications": 2},
        {"Publications": 3},
    ]


@pytest.mark.parametrize(
    "query",
    [
        "from=x",
        "to=-1",
        "from=2&to=1",
        f"from=0&to={49 * 3_600_000}",
        "cursor=x",
        f"cursor={answers.write_cursor('statistics', '9' * 5000)}",
        "from=²",
    ],
)
def test_a_wrong_range_is_said(query: str) -> None:
    status, answer = call("GET", "/v1/statistics", query=query)

    assert (status, answer["error"]["code"]) == (400, "invalid_message")


def test_the_last_hour_ends_with_this_minute(environment: Environment) -> None:
    hour_ms = 60 * MINUTE_MS
    this_minute_ms = NOON_MS // MINUTE_MS * MINUTE_MS
    for at_ms in (NOON_MS - hour_ms, NOON_MS - hour_ms + MINUTE_MS, NOON_MS):
        environment.statistics.add({"Publications": 1}, now_ms=at_ms)

    status, told = call("GET", "/v1/statistics")

    assert (status, told["counts"]) == (200, {"Publications": 2})
    assert (told["from"], told["to"]) == (this_minute_ms - hour_ms + MINUTE_MS, NOON_MS)
    assert "cursor" not in told
