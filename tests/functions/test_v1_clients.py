"""`/v1/clients` and `/v1/presence:query`, through the function's entry point."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import push_api
from push_routes import answers
from tests.fakes.lambda_events import FakeLambdaContext, http_event
from tests.fakes.push_service import NOON_MS

if TYPE_CHECKING:
    from tests.functions.conftest import Environment

pytestmark = pytest.mark.usefixtures("environment")


def call(method: str, path: str, body: object = None, *, query: str = "") -> tuple[int, Any]:
    text = None if body is None else json.dumps(body)
    answer = push_api.handler(http_event(method, path, query=query, body=text), FakeLambdaContext())
    return answer["statusCode"], json.loads(answer["body"])


def keep(client_id: str, *numbers: int) -> None:
    for number in numbers:
        body = {"target": {"clients": [client_id]}, "msg": {"n": number}, "qos": 1}
        assert call("POST", "/v1/messages", body)[0] == 202


def test_a_client_has_sessions_and_an_inbox(environment: Environment) -> None:
    alice = environment.connect("alice")
    environment.store.touch("alice-1", now_ms=NOON_MS - 7)
    keep("alice", 1)

    status, answer = call("GET", "/v1/clients/alice")

    inbox = answer["inbox"]
    assert (status, answer) == (
        200,
        {
            "clientId": "alice",
            "sessions": [
                {
                    "sessionId": alice.session_id,
                    "connectionId": "alice-1",
                    "connectedAt": alice.connected_at_ms,
                    "lastSeenAt": NOON_MS - 7,
                    "isOpen": True,
                }
            ],
            "lastSeenAt": NOON_MS - 7,
            "inbox": {
                "epoch": inbox["epoch"],
                "lastSeq": 1,
                "settledSeq": 0,
                "depth": 1,
                "bytes": inbox["bytes"],
                "inFlight": 1,
            },
        },
    )


@pytest.mark.parametrize("path", ["/v1/clients/nobody", "/v1/clients/nobody/inbox"])
def test_who_is_not_known_is_not_found(path: str) -> None:
    status, answer = call("GET", path)

    assert (status, answer["error"]["code"]) == (404, "not_found")


def test_an_id_that_no_client_can_have_is_said() -> None:
    status, answer = call("GET", "/v1/clients/no%20one")

    assert (status, answer["error"]["code"]) == (400, "invalid_client_id")


def test_what_waits_is_listed_in_order_without_contents(environment: Environment) -> None:
    del environment
    keep("alice", 1, 2, 3)

    first = call("GET", "/v1/clients/alice/inbox", query="limit=2")[1]
    rest = call("GET", "/v1/clients/alice/inbox", query=f"limit=2&cursor={first['cursor']}")[1]

    assert [each["seq"] for each in first["entries"] + rest["entries"]] == [1, 2, 3]
    assert set(first["entries"][0]) == {
        "seq",
        "messageId",
        "from",
        "acceptedAt",
        "expiresAt",
        "size",
    }
    assert "cursor" not in rest


@pytest.mark.parametrize("place", ["x", "-1", "1" * 16, "9" * 5000])
def test_a_cursor_that_no_inbox_gave_is_said(environment: Environment, place: str) -> None:
    del environment
    keep("alice", 1)
    query = f"cursor={answers.write_cursor('inbox', place)}"

    status, answer = call("GET", "/v1/clients/alice/inbox", query=query)

    assert (status, answer["error"]["message"]) == (400, "cursor is not one of this list")


def test_disconnecting_tells_close_before_it_deletes(environment: Environment) -> None:
    environment.connect("alice", "a1")
    environment.connect("alice", "a2")

    answer = call("DELETE", "/v1/clients/alice", {"reason": "maintenance"})

    assert answer == (200, {"clientId": "alice", "disconnected": 2, "pending": 0})
    close = json.loads(environment.gateway.posts[0].data)
    told = (close["msgType"], close["closeCode"], close["reconnect"], close["resultMsg"])
    assert told == (15, 4001, False, "maintenance")
    assert sorted(environment.gateway.deleted) == ["a1", "a2"]
    assert environment.find("a1") is None


def test_disconnecting_who_is_not_there_changes_nothing() -> None:
    answer = call("DELETE", "/v1/clients/alice")

    assert answer == (200, {"clientId": "alice", "disconnected": 0, "pending": 0})


def test_presence_is_asked_of_many_at_once(environment: Environment) -> None:
    environment.connect("alice", "a1")
    environment.connect("alice", "a2")

    answer = call("POST", "/v1/presence:query", {"clients": ["bob", "alice", "no one", "bob"]})

    assert answer == (
        200,
        {
            "clients": [
                {"clientId": "bob", "online": False, "sessions": 0},
                {"clientId": "alice", "online": True, "sessions": 2},
                {"clientId": "no one", "online": False, "sessions": 0},
            ]
        },
    )
