"""`push_api`: through its entry point with Lambda's events, and as the ASGI application."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import push_api
from cloudpush.fanout import DOUBLINGS
from cloudpush.model import FanOut, Publication, Trigger
from cloudpush.ports import Outcome
from cloudpush.settings import Settings
from tests.fakes.lambda_events import FakeLambdaContext, http_event
from tests.fakes.push_service import NOON_MS

if TYPE_CHECKING:
    from tests.fakes.telemetry import Lines
    from tests.functions.conftest import Environment

pytestmark = pytest.mark.usefixtures("environment")


def call(method: str, path: str, *, query: str = "", body: object = None) -> dict[str, Any]:
    """Call the function; a body that is no text is sent as JSON."""
    text = body if isinstance(body, str) or body is None else json.dumps(body)
    return push_api.handler(http_event(method, path, query=query, body=text), FakeLambdaContext())


def send(body: object) -> tuple[int, dict[str, Any]]:
    answer = call("POST", "/message/send", body=body)
    assert answer["headers"]["content-type"] == "application/json"
    return answer["statusCode"], json.loads(answer["body"])


def success(data: object) -> dict[str, Any]:
    return {"success": True, "code": "0", "msg": "success", "data": data}


def failure(text: str) -> dict[str, Any]:
    return {"success": False, "code": "-1", "msg": text, "data": None}


class TestSend:
    def test_delivers_the_envelope_and_names_who_is_missing(
        self, environment: Environment, lines: Lines
    ) -> None:
        alice = environment.connect("alice")

        answer = send({"to": ["alice", "nobody"], "msg": {"k": "v"}})

        assert answer == (200, success(["nobody"]))
        [post] = environment.gateway.posts
        envelope = json.loads(post.data)
        assert len(envelope.pop("messageId")) == 32
        assert envelope == {
            "msgType": 1,
            "to": "alice",
            "sessionId": alice.session_id,
            "trigger": 1,
            "from": "system",
            "requestId": "JKJaXmPLvHcESHA=",
            "activeTime": NOON_MS,
            "msg": {"k": "v"},
        }
        assert lines.metrics == {"Publications": 1, "PostsSent": 1}

    def test_takes_a_single_id_a_sender_and_the_callers_request_id(
        self, environment: Environment
    ) -> None:
        environment.connect("alice")

        answer = send(
            {"to": "alice", "msg": {}, "from": "billing é", "requestId": "r-1", "delay": 0}
        )

        assert answer == (200, success([]))
        envelope = json.loads(environment.gateway.posts[0].data)
        assert (envelope["from"], envelope["requestId"]) == ("billing é", "r-1")

    def test_ignores_unknown_fields_and_takes_null_for_absent(
        self, environment: Environment
    ) -> None:
        environment.connect("alice")

        answer = send(
            {
                "to": "alice",
                "msg": {},
                "sendToAll": None,
                "from": None,
                "delay": None,
                "requestId": None,
                "priority": {"x": [1]},
            }
        )

        assert answer == (200, success([]))
        assert json.loads(environment.gateway.posts[0].data)["from"] == "system"

    def test_is_a_success_even_if_all_are_missing(self) -> None:
        answer = send({"to": ["nobody", "no one", ""], "msg": {}})

        assert answer == (200, success(["nobody", "no one", ""]))

    def test_takes_a_thousand_targets(self) -> None:
        names = [f"client{number}" for number in range(1000)]

        answer = send({"to": names, "msg": {}})

        assert answer == (200, success(names))

    @pytest.mark.parametrize("to", ["", [], None])
    def test_to_all_goes_to_the_fan_out_queue(
        self, environment: Environment, lines: Lines, to: object
    ) -> None:
        environment.connect("alice")

        answer = send({"sendToAll": True, "to": to, "msg": {"k": "v"}})

        assert answer == (200, success([]))
        [job] = environment.fan_outs.jobs
        assert isinstance(job, FanOut)
        assert job.doublings == DOUBLINGS
        record = environment.messages.get(job.message_id, now_ms=environment.clock())
        assert record is not None
        assert record.message.publication == Publication(
            message_id=job.message_id,
            trigger=Trigger.HTTP,
            sender="system",
            msg={"k": "v"},
            request_id="JKJaXmPLvHcESHA=",
            accepted_at_ms=NOON_MS,
        )
        assert lines.metrics == {"Publications": 1}

    @pytest.mark.parametrize(
        ("body", "status", "text"),
        [
            (None, 400, "not strict JSON"),
            ("", 400, "not strict JSON"),
            ("hello", 400, "not strict JSON"),
            ("[]", 400, "Expected `object`, got `array`"),
            ("[" * 100_000, 400, ""),
            ('{"to":"a","msg":' + '{"a":' * 100_000, 400, ""),
            ('{"to":"a","msg":' + '{"a":' * 128 + "{}" + "}" * 129, 400, "nested more than 128"),
            ('{"to":"a","msg":{"n":NaN}}', 400, "not strict JSON"),
            ('{"to":"a","msg":{"n":' + "9" * 5000 + "}}", 400, "out of range"),
            ('{"to":"a","msg":{"s":"\\ud800"}}', 400, "not strict JSON"),
            ('{"to":"a","msg":{"s":"\ud800"}}', 400, "not Unicode"),
            ({"to": "a"}, 400, "`msg`"),
            ({"to": "a", "msg": None}, 400, "$.msg"),
            ({"to": "a", "msg": []}, 400, "$.msg"),
            ({"to": "a", "msg": "text"}, 400, "$.msg"),
            ({"to": 5, "msg": {}}, 400, "$.to"),
            ({"to": ["a", 5], "msg": {}}, 400, "$.to[1]"),
            ({"to": {}, "msg": {}}, 400, "$.to"),
            ({"msg": {}}, 400, "no target"),
            ({"to": [], "msg": {}}, 400, "no target"),
            ({"to": "", "msg": {}, "sendToAll": False}, 400, "no target"),
            ({"to": ["a"] * 1001, "msg": {}}, 400, "1001 targets; 1000 are allowed"),
            ({"to": "a", "msg": {}, "sendToAll": True}, 400, "not both"),
            ({"to": "a", "msg": {}, "sendToAll": "yes"}, 400, "$.sendToAll"),
            ({"to": "a", "msg": {}, "delay": 0.5}, 400, "delay must be 0, or 1 to 2592000"),
            ({"to": "a", "msg": {}, "delay": 2_592_001}, 400, "delay must be 0, or 1 to 2592000"),
            ({"to": "a", "msg": {}, "delay": -1}, 400, "delay must not be negative"),
            ({"to": "a", "msg": {}, "delay": True}, 400, "$.delay"),
            ({"to": "a", "msg": {}, "from": "x" * 129}, 400, "from has more than 128"),
            ({"to": "a", "msg": {}, "requestId": "x" * 129}, 400, "requestId has more than 128"),
            ({"to": "a", "msg": {"s": "x" * 122_880}}, 413, "122880 are allowed"),
            ({"sendToAll": True, "msg": {"s": "x" * 122_880}}, 413, "122880 are allowed"),
        ],
        ids=lambda value: repr(value)[:32],
    )
    def test_an_error_has_the_routes_own_shape(
        self, environment: Environment, lines: Lines, body: object, status: int, text: str
    ) -> None:
        answer = send(body)

        assert answer == (status, failure(answer[1]["msg"]))
        assert text in answer[1]["msg"]
        assert (environment.jobs.sent, environment.fan_outs.sent) == ([], [])
        assert lines.text == ""

    @pytest.mark.parametrize(
        ("fault", "status", "text"),
        [
            ("store", 503, "the service failed; try again"),
            ("refused", 500, "the service failed"),
            ("queue", 503, "the service failed; try again"),
        ],
    )
    def test_a_fault_of_ours_is_logged_and_not_shown(
        self, environment: Environment, lines: Lines, fault: str, status: int, text: str
    ) -> None:
        environment.connect("alice")
        environment.script({"alice-1": [Outcome.REFUSED if fault == "refused" else Outcome.SENT]})
        environment.store.down = {"resolve"} if fault == "store" else set()
        environment.fan_outs.is_down = fault == "queue"
        target = {"sendToAll": True} if fault == "queue" else {"to": "alice"}

        answer = send({**target, "msg": {"secret": "hunter2"}})

        assert answer == (status, failure(text))
        [line] = lines.logs
        assert line["request_id"] == "JKJaXmPLvHcESHA="
        assert "hunter2" not in lines.text

    def test_the_unknown_has_the_same_shape(
        self, environment: Environment, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object, **__: object) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(environment.store, "resolve", fail)

        answer = send({"to": "alice", "msg": {}})

        assert answer == (500, failure("the service failed"))


class TestServer:
    def test_hands_out_an_address_that_can_be_connected_to(self) -> None:
        answer = call("GET", "/server/get", query="channelId=a.b%40c%3A1")

        assert answer["statusCode"] == 200
        assert json.loads(answer["body"]) == success(
            {"address": "wss://ws.example.com/dev?channelId=a.b@c:1"}
        )

    @pytest.mark.parametrize("query", ["", "channelId=", "channelId=a%20b", "other=x"])
    def test_refuses_without_or_with_an_ill_formed_client_id(self, query: str) -> None:
        answer = call("GET", "/server/get", query=query)

        assert answer["statusCode"] == 400
        assert json.loads(answer["body"])["code"] == "-1"

    def test_a_deployment_without_an_address_is_our_fault(
        self, environment: Environment, lines: Lines
    ) -> None:
        environment.use(Settings())

        answer = call("GET", "/server/get", query="channelId=alice")

        assert answer["statusCode"] == 500
        assert json.loads(answer["body"]) == failure("the service failed")
        assert "WEBSOCKET_URL is not set" in lines.text


class TestHealth:
    def test_is_up_where_the_store_answers(self) -> None:
        answer = call("GET", "/health")

        assert answer["statusCode"] == 200
        assert json.loads(answer["body"]) == {"status": "up", "store": "dynamodb"}

    def test_is_down_where_it_does_not(self, environment: Environment, lines: Lines) -> None:
        environment.store.down = {"ping"}

        answer = call("GET", "/health")

        assert answer["statusCode"] == 503
        assert json.loads(answer["body"]) == {"status": "down", "store": "dynamodb"}
        assert [line["message"] for line in lines.logs] == ["store_unavailable"]


class TestPages:
    def test_the_test_page_is_there_where_it_is_wanted(self, environment: Environment) -> None:
        environment.use(Settings(has_test_page=True))

        answer = call("GET", "/")

        assert answer["statusCode"] == 200
        assert answer["headers"]["content-type"] == "text/html; charset=utf-8"
        assert "default-src 'none'" in answer["headers"]["content-security-policy"]
        assert "cloudpush test page" in answer["body"]

    @pytest.mark.parametrize(
        ("path", "content_type"),
        [
            ("/admin/", "text/html; charset=utf-8"),
            ("/admin/page.js", "text/javascript; charset=utf-8"),
            ("/admin/page.css", "text/css; charset=utf-8"),
        ],
    )
    def test_the_console_comes_with_its_guards(self, path: str, content_type: str) -> None:
        answer = call("GET", path)

        headers = answer["headers"]
        assert (answer["statusCode"], headers["content-type"]) == (200, content_type)
        assert "script-src 'self';" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"

    @pytest.mark.parametrize("name", ["SOURCES", "other.js", "..%2Fpush_api.py"])
    def test_the_console_has_no_other_file(self, name: str) -> None:
        assert call("GET", f"/admin/{name}")["statusCode"] == 404

    def test_the_test_page_asks_no_other_host(self, environment: Environment) -> None:
        environment.use(Settings(has_test_page=True))

        page = call("GET", "/")["body"]

        assert "http://" not in page
        assert "https://" not in page

    def test_and_is_not_where_it_is_not(self) -> None:
        answer = call("GET", "/")

        assert answer["statusCode"] == 404
        assert json.loads(answer["body"]) == failure("Not Found")

    def test_docs_are_there(self) -> None:
        answer = call("GET", "/docs")

        assert answer["statusCode"] == 200

    def test_openapi_describes_the_routes_and_their_bodies(self) -> None:
        described = json.loads(call("GET", "/openapi.json")["body"])

        assert {
            f"{method.upper()} {path}"
            for path, methods in described["paths"].items()
            for method in methods
        } == {
            "POST /message/send",
            "GET /server/get",
            "GET /health",
            "POST /v1/messages",
            "POST /v1/messages:batch",
            "GET /v1/messages/{messageId}",
            "DELETE /v1/messages/{messageId}",
            "PATCH /v1/messages/{messageId}",
            "GET /v1/messages/{messageId}/receipts",
            "GET /v1/messages",
            "GET /v1/dead-letters",
            "POST /v1/dead-letters/redrive",
            "GET /v1/clients/{clientId}",
            "DELETE /v1/clients/{clientId}",
            "GET /v1/clients/{clientId}/inbox",
            "POST /v1/presence:query",
            "POST /v1/tickets",
            "GET /v1/statistics",
        }
        send_route = described["paths"]["/message/send"]["post"]
        fields = described["components"]["schemas"]["SendRequest"]["properties"]
        assert set(fields) == {"msg", "to", "sendToAll", "from", "delay", "requestId", "qos"}
        assert set(send_route["responses"]) == {
            "200",
            "400",
            "401",
            "403",
            "413",
            "429",
            "500",
            "503",
        }

    @pytest.mark.parametrize(
        ("method", "path", "status", "text"),
        [
            ("GET", "/nowhere", 404, "Not Found"),
            ("GET", "/message/send", 405, "Method Not Allowed"),
            ("DELETE", "/server/get", 405, "Method Not Allowed"),
        ],
    )
    def test_what_the_router_refuses_has_the_routes_own_shape(
        self, method: str, path: str, status: int, text: str
    ) -> None:
        answer = call(method, path)

        assert answer["statusCode"] == status
        assert json.loads(answer["body"]) == failure(text)


class TestHost:
    @pytest.mark.parametrize(
        "host", ["[::1]:3000", "127.0.0.1:3000", "host:", "a:b:c", ":80", "", "[", "é", "x y"]
    )
    def test_whatever_the_host_header_says_the_answer_is_the_same(self, host: str) -> None:
        event = http_event("GET", "/health")
        event["headers"]["host"] = host

        answer = push_api.handler(event, FakeLambdaContext())

        assert answer["statusCode"] == 200

    def test_a_request_without_one_is_answered(self) -> None:
        event = http_event("GET", "/health")
        del event["headers"]["host"]

        answer = push_api.handler(event, FakeLambdaContext())

        assert answer["statusCode"] == 200

    @pytest.mark.parametrize(
        ("host", "location"),
        [
            ("[::1]:3000", "https://[::1]:3000/docs"),
            ("a:b:c", "https://dl7ptocha9.execute-api.us-east-1.amazonaws.com/docs"),
        ],
    )
    def test_a_redirect_leads_to_the_host_or_where_it_is_none_to_the_api(
        self, host: str, location: str
    ) -> None:
        event = http_event("GET", "/docs/")
        event["headers"]["host"] = host

        answer = push_api.handler(event, FakeLambdaContext())

        assert (answer["statusCode"], answer["headers"]["location"]) == (307, location)


class TestAsgi:
    async def test_serves_without_lambda_and_gives_each_request_an_id(
        self, environment: Environment
    ) -> None:
        environment.connect("alice")
        transport = httpx.ASGITransport(push_api.app)

        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            response = await client.post("/message/send", json={"to": "alice", "msg": {"é": "😀"}})

        assert (response.status_code, response.json()) == (200, success([]))
        envelope = json.loads(environment.gateway.posts[0].data)
        assert len(envelope["requestId"]) == 32
        assert envelope["msg"] == {"é": "😀"}

    async def test_a_body_that_is_not_utf8_is_the_callers_fault(self) -> None:
        transport = httpx.ASGITransport(push_api.app)

        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            response = await client.post("/message/send", content=b'{"msg":{"a":"\xff"}}')

        assert (response.status_code, response.json()["code"]) == (400, "-1")


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
_bodies = st.fixed_dictionaries(
    {},
    optional={
        "to": st.text() | st.lists(st.text()) | _values,
        "msg": st.dictionaries(st.text(), _values, max_size=3) | _values,
        "sendToAll": _values,
        "from": _values,
        "delay": _values,
        "requestId": _values,
    },
).map(json.dumps)


@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(_bodies | st.text(st.characters(exclude_categories=())))
def test_any_body_is_answered_in_the_routes_own_shape(body: str) -> None:
    status, reply = send(body)

    assert (status, reply["code"]) in {(200, "0"), (400, "-1"), (413, "-1")}
    assert set(reply) == {"success", "code", "msg", "data"}
