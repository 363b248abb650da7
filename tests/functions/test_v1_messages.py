"""`/v1/messages`, through the function's entry point, on fakes and a clock that stands still."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import fan_out
import message
import push_api
import sweep
from cloudpush.errors import StoreUnavailable
from cloudpush.model import Expansion
from cloudpush.ports import Outcome
from push_routes import answers
from tests.fakes.lambda_events import (
    CONNECTION_ID,
    FakeLambdaContext,
    http_event,
    message_event,
    schedule_event,
    sqs_event,
)
from tests.fakes.push_service import NOON_MS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.functions.conftest import Environment

pytestmark = pytest.mark.usefixtures("environment")

UNKNOWN = "0" * 32
DAY_MS = 24 * 60 * 60 * 1000


def request(
    method: str,
    path: str,
    body: object = None,
    *,
    query: str = "",
    headers: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return the function's whole answer."""
    text = body if isinstance(body, str) or body is None else json.dumps(body)
    event = http_event(method, path, query=query, body=text)
    event["headers"].update(headers or {})
    return push_api.handler(event, FakeLambdaContext())


def call(method: str, path: str, body: object = None, *, query: str = "") -> tuple[int, Any]:
    answer = request(method, path, body, query=query)
    assert answer["headers"]["content-type"] == "application/json"
    return answer["statusCode"], json.loads(answer["body"])


def send(**body: object) -> str:
    """Send a message, and return its id."""
    status, answer = call("POST", "/v1/messages", {"msg": {"k": "v"}, **body})
    assert status == 202, answer
    return answer["messageId"]


def to(*clients: str) -> dict[str, Any]:
    return {"target": {"clients": list(clients)}}


def state_of(message_id: str) -> tuple[str, dict[str, int]]:
    answer = call("GET", f"/v1/messages/{message_id}")[1]
    return answer["state"], {name: count for name, count in answer["counts"].items() if count}


def error(code: str, text: str, *, temporary: bool = False, **more: object) -> dict[str, Any]:
    return {
        "error": {"code": code, "message": text, "temporary": temporary, **more},
        "requestId": "JKJaXmPLvHcESHA=",
    }


def perform_due(environment: Environment) -> None:
    """Let the fan-out function do all its jobs, as if their delays were over."""
    jobs = environment.fan_outs.jobs
    environment.fan_outs.sent.clear()
    for job in jobs:
        fan_out.handler(sqs_event(job), FakeLambdaContext())


class TestSend:
    def test_at_once_reaches_who_is_there_and_names_who_is_not(
        self, environment: Environment
    ) -> None:
        environment.connect("alice")

        status, answer = call(
            "POST", "/v1/messages", {**to("alice", "bob", "alice"), "msg": {"n": 1}, "from": "me"}
        )

        assert (status, answer) == (
            202,
            {"messageId": answer["messageId"], "accepted": 2, "missing": ["bob"]},
        )
        [post] = environment.gateway.posts
        envelope = json.loads(post.data)
        assert (envelope["messageId"], envelope["from"]) == (answer["messageId"], "me")

    def test_kept_names_who_is_away(self, environment: Environment) -> None:
        environment.connect("alice")

        status, answer = call(
            "POST", "/v1/messages", {**to("alice", "bob", "no one"), "msg": {}, "qos": 1}
        )

        assert (status, answer) == (
            202,
            {
                "messageId": answer["messageId"],
                "accepted": 3,
                "missing": ["no one"],
                "offline": ["bob"],
            },
        )

    def test_to_all_counts_nobody_yet(self, environment: Environment) -> None:
        status, answer = call("POST", "/v1/messages", {"target": {"all": True}, "msg": {}})

        assert (status, answer) == (202, {"messageId": answer["messageId"], "missing": []})
        assert len(environment.fan_outs.jobs) == 1

    @pytest.mark.parametrize(
        ("body", "status", "code", "text"),
        [
            ("{", 400, "invalid_message", "not strict JSON, or nested too deeply"),
            ({"msg": {}}, 400, "invalid_message", "missing required field `target`"),
            ({**to("a")}, 400, "invalid_message", "missing required field `msg`"),
            ({**to("a"), "msg": {}, "ttl": 1}, 400, "invalid_message", "unknown field `ttl`"),
            ({"target": {}, "msg": {}}, 400, "invalid_message", "exactly one of clients"),
            ({"target": {"clients": ["a"], "all": True}, "msg": {}}, 400, "invalid_message", "one"),
            ({"target": {"clients": []}, "msg": {}}, 400, "invalid_message", "length >= 1"),
            ({"target": {"clients": ["a"] * 1001}, "msg": {}}, 400, "invalid_message", "<= 1000"),
            ({"target": {"channel": "c"}, "msg": {}}, 400, "unsupported", "not built yet"),
            ({**to("a"), "msg": {}, "qos": 2}, 400, "invalid_message", "$.qos"),
            ({**to("a"), "msg": {}, "ttlSeconds": 0}, 400, "invalid_message", "$.ttlSeconds"),
            ({**to("a"), "msg": {}, "ttlSeconds": 604_801}, 400, "invalid_message", "ttlSeconds"),
            ({**to("a"), "msg": {}, "delaySeconds": 0}, 400, "invalid_message", "delaySeconds"),
            (
                {**to("a"), "msg": {}, "delaySeconds": 2_592_001},
                400,
                "invalid_message",
                "delaySeconds",
            ),
            (
                {**to("a"), "msg": {}, "delaySeconds": 1, "deliverAt": NOON_MS + 1000},
                400,
                "invalid_message",
                "not both",
            ),
            (
                {**to("a"), "msg": {}, "deliverAt": NOON_MS + 999},
                400,
                "invalid_message",
                "at least a second",
            ),
            (
                {**to("a"), "msg": {}, "deliverAt": NOON_MS + 30 * DAY_MS + 1},
                400,
                "invalid_message",
                "within 2592000 seconds",
            ),
            ({**to("a"), "msg": {"s": "x" * 122_880}}, 413, "payload_too_large", "122880"),
        ],
    )
    def test_what_is_wrong_is_said(
        self, environment: Environment, body: object, status: int, code: str, text: str
    ) -> None:
        answer = call("POST", "/v1/messages", body)

        message = answer[1]["error"]["message"]
        assert answer == (status, error(code, message))
        assert text in message
        assert environment.gateway.posts == []

    def test_a_fault_of_ours_says_when_to_try_again(self, environment: Environment) -> None:
        environment.store.down = {"resolve"}

        answer = call("POST", "/v1/messages", {**to("alice"), "msg": {}})

        assert answer == (
            503,
            error(
                "store_unavailable",
                "the service failed; try again",
                temporary=True,
                retryAfterMs=1000,
            ),
        )

    @pytest.mark.parametrize(
        ("method", "path", "status", "code"),
        [
            ("GET", "/v1/nowhere", 404, "not_found"),
            ("PUT", "/v1/messages", 405, "method_not_allowed"),
        ],
    )
    def test_what_the_router_refuses_has_the_same_shape(
        self, method: str, path: str, status: int, code: str
    ) -> None:
        answer = call(method, path)

        assert answer == (status, error(code, answer[1]["error"]["message"]))


class TestBatch:
    def test_each_message_stands_alone(self, environment: Environment) -> None:
        environment.connect("alice")
        messages: list[dict[str, Any]] = [
            {**to("alice"), "msg": {"n": 1}},
            {**to("alice"), "msg": 2},
            {"target": {"channel": "c"}, "msg": {}},
            {**to("bob"), "msg": {"n": 3}, "qos": 1},
        ]

        status, answer = call("POST", "/v1/messages:batch", {"messages": messages})

        results = answer["results"]
        assert (status, [each["status"] for each in results]) == (200, [202, 400, 400, 202])
        assert results[2]["error"]["code"] == "unsupported"
        assert results[0]["message"]["missing"] == []
        assert len({results[0]["message"]["messageId"], results[3]["message"]["messageId"]}) == 2
        [job] = environment.fan_outs.jobs
        assert job == Expansion(message_id=results[3]["message"]["messageId"])

    def test_is_handed_over_at_once_whatever_its_messages_are(
        self, environment: Environment
    ) -> None:
        messages: list[dict[str, Any]] = [
            {**to("bob"), "msg": {}, "qos": 1},
            {**to("bob"), "msg": {}, "delaySeconds": 5},
            {"target": {"all": True}, "msg": {}},
            *[{**to(f"c{number}"), "msg": {}, "qos": 1} for number in range(97)],
        ]

        call("POST", "/v1/messages:batch", {"messages": messages})

        assert environment.fan_outs.batches == [100]
        assert [each.delay_seconds for each in environment.fan_outs.sent[:3]] == [0, 5, 0]

    def test_what_the_queue_did_not_take_fails_alone(self, environment: Environment) -> None:
        environment.fan_outs.refused = {1}
        names = ("alice", "bob", "carol")
        messages: list[dict[str, Any]] = [{**to(name), "msg": {}, "qos": 1} for name in names]

        _, answer = call("POST", "/v1/messages:batch", {"messages": messages})

        alice, bob, carol = answer["results"]
        assert [each["status"] for each in (alice, bob, carol)] == [202, 503, 202]
        assert bob["error"]["code"] == "queue_unavailable"
        assert environment.fan_outs.jobs == [
            Expansion(message_id=each["message"]["messageId"]) for each in (alice, carol)
        ]

    @pytest.mark.parametrize("number", [0, 101])
    def test_has_one_to_a_hundred(self, number: int) -> None:
        messages: list[dict[str, Any]] = [{**to("alice"), "msg": {}}] * number

        status, answer = call("POST", "/v1/messages:batch", {"messages": messages})

        assert (status, answer["error"]["code"]) == (400, "invalid_message")


class TestLookUp:
    def test_tells_counts_and_times(self, environment: Environment) -> None:
        environment.connect("alice", CONNECTION_ID)
        message_id = send(**to("alice", "bob", "no one"), qos=1)
        environment.clock.advance(ms=250)
        message.handler(message_event(json.dumps({"msgType": 2, "seq": 1})), FakeLambdaContext())

        status, answer = call("GET", f"/v1/messages/{message_id}")

        def moment(state: str, at_ms: int = NOON_MS) -> dict[str, Any]:
            return {"state": state, "firstAt": at_ms, "lastAt": at_ms}

        assert (status, answer) == (
            200,
            {
                "messageId": message_id,
                "state": "sending",
                "counts": {
                    "accepted": 3,
                    "tracked": 3,
                    "queued": 2,
                    "sent": 1,
                    "delivered": 1,
                    "expired": 0,
                    "rejected": 0,
                    "missing": 1,
                },
                "timeline": [
                    moment("accepted"),
                    moment("queued"),
                    moment("sent"),
                    moment("missing"),
                    moment("delivered", NOON_MS + 250),
                ],
                "acceptedAt": NOON_MS,
                "dueAt": NOON_MS,
                "expiresAt": NOON_MS + DAY_MS,
                "qos": 1,
                "receipts": "all",
                "from": "system",
                "targets": 3,
            },
        )

    def test_lists_receipts_page_by_page(self, environment: Environment) -> None:
        environment.connect("bob")
        message_id = send(**to("alice", "bob", "carol"), qos=1)
        path = f"/v1/messages/{message_id}/receipts"

        first = call("GET", path, query="limit=2")[1]
        rest = call("GET", path, query=f"limit=2&cursor={first['cursor']}")[1]
        sent = call("GET", path, query="state=sent")[1]

        alice, bob, carol = (
            {"clientId": "alice", "state": "queued", "at": NOON_MS},
            {"clientId": "bob", "state": "sent", "at": NOON_MS, "sentAt": NOON_MS},
            {"clientId": "carol", "state": "queued", "at": NOON_MS},
        )
        assert first == {"receipts": [alice, bob], "cursor": first["cursor"]}
        assert rest == {"receipts": [carol]}
        assert sent == {"receipts": [bob]}

    @pytest.mark.parametrize(
        "query",
        [
            "limit=0",
            "limit=501",
            "limit=x",
            "limit=²",
            "state=lost",
            "cursor=bob",
            "cursor=",
            f"cursor={answers.write_cursor('receipts', 'x' * 129)}",
        ],
    )
    def test_a_wrong_query_is_said(self, query: str) -> None:
        message_id = send(**to("alice"), qos=1)

        status, answer = call("GET", f"/v1/messages/{message_id}/receipts", query=query)

        assert (status, answer["error"]["code"]) == (400, "invalid_message")

    @pytest.mark.parametrize(
        ("method", "path", "body"),
        [
            ("GET", f"/v1/messages/{UNKNOWN}", None),
            ("GET", f"/v1/messages/{UNKNOWN}/receipts", None),
            ("DELETE", f"/v1/messages/{UNKNOWN}", None),
            ("PATCH", f"/v1/messages/{UNKNOWN}", {"state": "paused"}),
            ("GET", f"/v1/messages/{'x' * 3000}", None),
        ],
    )
    def test_what_is_not_there_is_not_found(self, method: str, path: str, body: object) -> None:
        status, answer = call(method, path, body)

        assert (status, answer["error"]["code"]) == (404, "not_found")


class TestDelay:
    def test_is_sent_on_the_second_and_once(self, environment: Environment) -> None:
        environment.connect("alice")
        message_id = send(**to("alice"), delaySeconds=5)
        [job] = environment.fan_outs.sent
        environment.clock.advance(ms=4_999)
        perform_due(environment)
        early = (state_of(message_id)[0], len(environment.gateway.posts))
        environment.clock.advance(ms=1)
        for again in environment.fan_outs.jobs * 2:
            fan_out.handler(sqs_event(again), FakeLambdaContext())

        assert job.delay_seconds == 5
        assert early == ("scheduled", 0)
        assert (state_of(message_id)[0], len(environment.gateway.posts)) == ("done", 1)

    @pytest.mark.parametrize("qos", [0, 1])
    def test_weeks_ahead_it_is_the_sweep_that_hands_it_over(
        self, environment: Environment, qos: int
    ) -> None:
        due_at_ms = NOON_MS + 30 * DAY_MS
        message_id = send(**to("alice"), qos=qos, deliverAt=due_at_ms)
        at_first = list(environment.fan_outs.sent)
        environment.clock.advance(ms=30 * DAY_MS - 91_000)
        sweep.handler(schedule_event(), FakeLambdaContext())
        too_early = list(environment.fan_outs.sent)
        environment.clock.advance(ms=60_000)
        sweep.handler(schedule_event(), FakeLambdaContext())
        sweep.handler(schedule_event(), FakeLambdaContext())
        handed_over = list(environment.fan_outs.sent)
        environment.connect("alice")
        environment.clock.advance(ms=31_000)
        perform_due(environment)

        assert (at_first, too_early) == ([], [])
        assert [each.delay_seconds for each in handed_over] == [31]
        assert [json.loads(each.data)["messageId"] for each in environment.gateway.posts] == [
            message_id
        ]

    def test_a_job_that_was_lost_is_found_by_the_sweep(self, environment: Environment) -> None:
        message_id = send(**to("alice"), qos=1, delaySeconds=60)
        environment.fan_outs.sent.clear()
        environment.clock.advance(ms=60_000 + 121_000)
        environment.connect("alice")
        sweep.handler(schedule_event(), FakeLambdaContext())
        perform_due(environment)

        assert state_of(message_id) == (
            "sending",
            {"accepted": 1, "tracked": 1, "queued": 1, "sent": 1},
        )

    def test_a_cancelled_one_is_never_sent(self, environment: Environment) -> None:
        environment.connect("alice")
        message_id = send(**to("alice"), delaySeconds=5)
        path = f"/v1/messages/{message_id}"
        first, again = call("DELETE", path), call("DELETE", path)
        environment.clock.advance(ms=5_000)
        perform_due(environment)

        assert first == again == call("GET", path)
        assert (first[0], first[1]["state"]) == (200, "cancelled")
        assert environment.gateway.posts == []

    def test_after_it_was_due_it_is_too_late_to_cancel(self, environment: Environment) -> None:
        message_id = send(**to("alice"), qos=1, delaySeconds=5)
        environment.clock.advance(ms=5_000)
        perform_due(environment)

        status, answer = call("DELETE", f"/v1/messages/{message_id}")

        assert (status, answer["error"]["code"]) == (409, "conflict")

    def test_the_compatible_route_delays_too(self, environment: Environment) -> None:
        environment.connect("alice")
        answer = call("POST", "/message/send", {"to": "alice", "msg": {}, "delay": 1.5})
        environment.clock.advance(ms=1_499)
        perform_due(environment)
        early = len(environment.gateway.posts)
        environment.clock.advance(ms=1)
        perform_due(environment)

        assert answer == (200, {"success": True, "code": "0", "msg": "success", "data": []})
        assert (early, len(environment.gateway.posts)) == (0, 1)


class TestPause:
    def test_a_paused_one_goes_no_further_until_it_is_told_to(
        self, environment: Environment
    ) -> None:
        names = [f"client{number}" for number in range(150)]
        message_id = send(**to(*names), qos=1)
        path = f"/v1/messages/{message_id}"
        paused = call("PATCH", path, {"state": "paused"})
        perform_due(environment)
        meanwhile = state_of(message_id)
        sending = call("PATCH", path, {"state": "sending"})
        perform_due(environment)

        assert (paused[0], paused[1]["state"]) == (200, "paused")
        assert meanwhile == ("paused", {"accepted": 150, "tracked": 150})
        assert (sending[0], sending[1]["state"]) == (200, "sending")
        assert state_of(message_id)[1]["queued"] == 150

    def test_one_that_every_target_has_is_a_conflict(self) -> None:
        message_id = send(**to("alice"), qos=1)

        status, answer = call("PATCH", f"/v1/messages/{message_id}", {"state": "paused"})

        assert (status, answer["error"]["code"]) == (409, "conflict")
        assert "every target has it" in answer["error"]["message"]
        assert state_of(message_id)[0] == "sending"

    @pytest.mark.parametrize("is_to_all", [True, False])
    def test_one_whose_lifetime_is_over_comes_to_its_end(
        self, environment: Environment, *, is_to_all: bool
    ) -> None:
        names = [f"client{number}" for number in range(150)]
        for name in names:
            environment.inboxes.open(name, epoch="e", now_ms=environment.clock())
        target = {"target": {"all": True}} if is_to_all else to(*names)
        message_id = send(**target, qos=1, ttlSeconds=60)
        call("PATCH", f"/v1/messages/{message_id}", {"state": "paused"})
        environment.fan_outs.sent.clear()
        environment.clock.advance(ms=59_000)
        for _ in range(2):
            sweep.handler(schedule_event(), FakeLambdaContext())
            environment.clock.advance(ms=120_000)
        perform_due(environment)

        assert state_of(message_id) == (
            "done",
            {"accepted": 150, "tracked": 150, "queued": 150, "expired": 150},
        )

    @pytest.mark.parametrize("state", ["paused", "sending"])
    def test_one_that_is_not_running_is_a_conflict(self, state: str) -> None:
        message_id = send(**to("alice"), delaySeconds=60)

        status, answer = call("PATCH", f"/v1/messages/{message_id}", {"state": state})

        assert (status, answer["error"]["code"]) == (409, "conflict")


class TestIdempotency:
    HEADERS = {"idempotency-key": "key-1"}  # noqa: RUF012 — never changed

    def test_a_repeat_gets_the_first_answer_byte_for_byte(self, environment: Environment) -> None:
        environment.connect("alice")
        body: dict[str, Any] = {**to("alice"), "msg": {}}

        first = request("POST", "/v1/messages", body, headers=self.HEADERS)
        environment.clock.advance(ms=DAY_MS - 1)
        again = request("POST", "/v1/messages", body, headers=self.HEADERS)

        assert first["statusCode"] == again["statusCode"] == 202
        assert first["body"] == again["body"]
        assert again["headers"]["idempotent-replayed"] == "true"
        assert "idempotent-replayed" not in first["headers"]
        assert len(environment.gateway.posts) == 1

    def test_after_a_day_the_key_is_new(self, environment: Environment) -> None:
        body: dict[str, Any] = {**to("alice"), "msg": {}}
        first = request("POST", "/v1/messages", body, headers=self.HEADERS)
        environment.clock.advance(ms=DAY_MS)
        again = request("POST", "/v1/messages", body, headers=self.HEADERS)

        assert json.loads(first["body"])["messageId"] != json.loads(again["body"])["messageId"]

    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("/v1/messages", {**to("alice"), "msg": {"other": 1}}),
            ("/v1/messages:batch", {"messages": [{**to("alice"), "msg": {"n": 1}}]}),
        ],
    )
    def test_for_another_request_it_is_a_conflict(self, path: str, body: object) -> None:
        first: dict[str, Any] = {**to("alice"), "msg": {}}
        request("POST", "/v1/messages", first, headers=self.HEADERS)

        answer = request("POST", path, body, headers=self.HEADERS)

        assert answer["statusCode"] == 409
        assert json.loads(answer["body"])["error"]["code"] == "idempotency_key_reused"

    def test_what_failed_is_done_again_at_once_under_the_same_id(
        self, environment: Environment
    ) -> None:
        body: dict[str, Any] = {**to("alice"), "msg": {}, "qos": 1}
        environment.store.down = {"resolve"}
        failed = request("POST", "/v1/messages", body, headers=self.HEADERS)
        environment.store.down = set()
        again = request("POST", "/v1/messages", body, headers=self.HEADERS)

        entries = call("GET", "/v1/clients/alice/inbox")[1]["entries"]
        assert (failed["statusCode"], again["statusCode"]) == (503, 202)
        assert [each["messageId"] for each in entries] == [json.loads(again["body"])["messageId"]]

    def test_what_failed_and_cannot_say_so_is_answered_as_it_failed(
        self, environment: Environment, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object, **__: object) -> None:
            raise StoreUnavailable("told to be down")

        monkeypatch.setattr(environment.repeats, "complete", fail)
        monkeypatch.setattr(environment.repeats, "abandon", fail)

        answer = request(
            "POST", "/v1/messages", {**to("alice"), "msg": {}, "qos": 1}, headers=self.HEADERS
        )

        assert answer["statusCode"] == 503
        assert json.loads(answer["body"])["error"]["code"] == "store_unavailable"

    def test_what_died_on_the_way_is_done_again_under_the_same_id(
        self, environment: Environment, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Killed(BaseException):
            pass

        def die(*_: object, **__: object) -> None:
            raise Killed

        body: dict[str, Any] = {**to("alice"), "msg": {}, "qos": 1}
        with monkeypatch.context() as patch:
            patch.setattr(environment.messages, "finish", die)
            request("POST", "/v1/messages", body, headers=self.HEADERS)
        soon = request("POST", "/v1/messages", body, headers=self.HEADERS)
        environment.clock.advance(ms=60_000)
        healed = request("POST", "/v1/messages", body, headers=self.HEADERS)

        entries = call("GET", "/v1/clients/alice/inbox")[1]["entries"]
        assert (soon["statusCode"], healed["statusCode"]) == (409, 202)
        assert json.loads(soon["body"])["error"] == {
            "code": "request_under_way",
            "message": "the first request with this Idempotency-Key has no answer yet",
            "temporary": True,
            "retryAfterMs": 2000,
        }
        assert [each["messageId"] for each in entries] == [json.loads(healed["body"])["messageId"]]

    def test_a_repeated_batch_names_the_same_messages(self) -> None:
        body: dict[str, Any] = {"messages": [{**to("alice"), "msg": {}}] * 2}

        first = request("POST", "/v1/messages:batch", body, headers=self.HEADERS)
        again = request("POST", "/v1/messages:batch", body, headers=self.HEADERS)

        assert first["body"] == again["body"]

    def test_a_batch_of_which_a_message_failed_is_done_again_under_the_same_ids(
        self, environment: Environment
    ) -> None:
        names = ("alice", "bob")
        messages: list[dict[str, Any]] = [{**to(name), "msg": {}, "qos": 1} for name in names]
        body = {"messages": messages}
        environment.fan_outs.refused = {1}
        first = request("POST", "/v1/messages:batch", body, headers=self.HEADERS)
        environment.fan_outs.refused = set()
        again = request("POST", "/v1/messages:batch", body, headers=self.HEADERS)
        third = request("POST", "/v1/messages:batch", body, headers=self.HEADERS)
        perform_due(environment)

        entries = [call("GET", f"/v1/clients/{name}/inbox")[1]["entries"] for name in names]
        results = [json.loads(each["body"])["results"] for each in (first, again)]
        assert [[each["status"] for each in result] for result in results] == [
            [202, 503],
            [202, 202],
        ]
        assert results[0][0] == results[1][0]
        assert third["body"] == again["body"]
        assert [[each["messageId"] for each in found] for found in entries] == [
            [each["message"]["messageId"]] for each in results[1]
        ]

    def test_a_refusal_is_an_answer_too(self, environment: Environment) -> None:
        body: dict[str, Any] = {**to("alice"), "msg": {}, "deliverAt": NOON_MS}
        first = request("POST", "/v1/messages", body, headers=self.HEADERS)
        environment.clock.advance(ms=1)
        again = request("POST", "/v1/messages", body, headers=self.HEADERS)

        assert (first["statusCode"], again["statusCode"]) == (400, 400)
        assert first["body"] == again["body"]

    @pytest.mark.parametrize("key", ["", "a b", "x" * 256, "é"])
    def test_a_key_is_visible_characters(self, key: str) -> None:
        body: dict[str, Any] = {**to("alice"), "msg": {}}

        answer = request("POST", "/v1/messages", body, headers={"idempotency-key": key})

        assert answer["statusCode"] == 400


def test_a_refused_gateway_is_no_answer_that_is_kept(environment: Environment) -> None:
    environment.connect("alice")
    environment.script({"alice-1": [Outcome.REFUSED]})
    headers = {"idempotency-key": "key-2"}

    answer = request("POST", "/v1/messages", {**to("alice"), "msg": {}}, headers=headers)

    assert answer["statusCode"] == 500
