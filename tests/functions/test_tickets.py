"""Tickets and API keys through the functions: who gets one, what it opens, and how often."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import authorize
import connect
import push_api
from cloudpush import api_keys, rights
from cloudpush.rights import Principal, Scope
from cloudpush.settings import AuthMode
from tests.fakes.auth import CLOSED, a_token, bearer
from tests.fakes.lambda_events import (
    CONNECTION_ID,
    FakeLambdaContext,
    authorizer_event,
    connect_event,
    http_event,
)
from tests.fakes.push_service import NOON_MS

if TYPE_CHECKING:
    from tests.fakes.telemetry import Lines
    from tests.functions.conftest import Environment

MINUTE_MS = 60_000


@pytest.fixture(autouse=True)
def closed(environment: Environment) -> Environment:
    environment.use(CLOSED, AuthMode.JWT)
    return environment


def request(
    method: str, path: str, body: object = None, *, token: str | None = None
) -> tuple[int, dict[str, Any]]:
    event = http_event(method, path, body=None if body is None else json.dumps(body))
    event["headers"].update(bearer(token) if token else {})
    answer = push_api.handler(event, FakeLambdaContext())
    return answer["statusCode"], json.loads(answer["body"])


def ask(body: object = None, **claims: Any) -> tuple[int, dict[str, Any]]:  # noqa: ANN401 — any claim
    return request("POST", "/v1/tickets", body, token=a_token(**claims))


def show(client_id: str, ticket: str, **more: str) -> dict[str, Any]:
    query = {"channelId": client_id, "ticket": ticket, **more}
    return authorize.handler(authorizer_event(query, method_arn="arn"), FakeLambdaContext())


def effect_of(answer: dict[str, Any]) -> str:
    return answer["policyDocument"]["Statement"][0]["Effect"]


def make_key(environment: Environment, *scopes: Scope, push: str = "*") -> str:
    principal = Principal(name="backend", targets=(push,), scopes=frozenset(scopes))
    made = api_keys.make(principal, now_ms=NOON_MS)
    environment.access.add_key(made.key)
    return made.text


def test_a_ticket_lets_its_client_in_with_its_rights() -> None:
    status, issued = ask(push=["bob", "room-7.*"])

    answer = show("alice", issued["ticket"])

    assert status == 201
    assert issued == {
        "ticket": issued["ticket"],
        "clientId": "alice",
        "push": ["bob", "room-7.*"],
        "expiresAt": NOON_MS + MINUTE_MS,
    }
    assert (effect_of(answer), answer["principalId"]) == ("Allow", "alice")
    assert answer["context"] == {"push": "bob room-7.*", "issuedAt": str(NOON_MS)}


def test_a_replayed_ticket_is_401() -> None:
    _, issued = ask()
    show("alice", issued["ticket"])

    with pytest.raises(Exception, match=r"\AUnauthorized\Z"):
        show("alice", issued["ticket"])


@pytest.mark.parametrize(("late_ms", "is_let_in"), [(MINUTE_MS - 1, True), (MINUTE_MS, False)])
def test_a_ticket_is_good_for_a_minute(
    environment: Environment, late_ms: int, *, is_let_in: bool
) -> None:
    _, issued = ask()
    environment.clock.advance(ms=late_ms)

    if is_let_in:
        assert effect_of(show("alice", issued["ticket"])) == "Allow"
    else:
        with pytest.raises(Exception, match=r"\AUnauthorized\Z"):
            show("alice", issued["ticket"])


def test_a_stolen_ticket_for_another_client_id_is_403_and_used_up() -> None:
    _, issued = ask()

    assert effect_of(show("mallory", issued["ticket"])) == "Deny"
    with pytest.raises(Exception, match=r"\AUnauthorized\Z"):
        show("alice", issued["ticket"])


@pytest.mark.parametrize("ticket", ["", "x", "x" * 43, "x" * 44, "ä" * 43])
def test_a_text_that_is_no_ticket_is_401(ticket: str) -> None:
    with pytest.raises(Exception, match=r"\AUnauthorized\Z"):
        show("alice", ticket)


def test_a_ticket_beside_a_token_is_401_and_not_used_up() -> None:
    _, issued = ask()

    with pytest.raises(Exception, match=r"\AUnauthorized\Z"):
        show("alice", issued["ticket"], token=a_token())
    assert effect_of(show("alice", issued["ticket"])) == "Allow"


@pytest.mark.parametrize(
    ("claims", "body", "status"),
    [
        ({}, None, 201),
        ({}, {"clientId": "alice"}, 201),
        ({}, {"clientId": "bob"}, 403),
        ({"scope": "push read"}, {"clientId": "bob"}, 403),
        ({"scope": "admin"}, {"clientId": "bob"}, 201),
        ({"push": "bob"}, {"push": ["bob"]}, 201),
        ({"push": "bob"}, {"push": ["bob", "carol"]}, 403),
        ({"push": "room-7.*"}, {"push": ["room-7.a", "room-7.b*"]}, 201),
        ({"push": "room-7.*"}, {"push": ["room-*"]}, 403),
        ({"push": "room-7.*"}, {"push": ["*"]}, 403),
        ({"push": "bob"}, {"push": ["bob*"]}, 403),
        ({"push": "*"}, {"push": ["*"]}, 201),
        ({"push": "*"}, {"push": []}, 201),
        ({"push": "*"}, {"push": ["a*b"]}, 400),
        ({}, {"clientId": "a b"}, 400),
        ({}, {"clientID": "alice"}, 400),
    ],
)
def test_a_ticket_hands_on_no_right_that_its_issuer_lacks(
    claims: dict[str, Any], body: object, status: int
) -> None:
    assert ask(body, **claims)[0] == status


def test_for_another_client_no_right_is_handed_on_unasked() -> None:
    _, issued = ask({"clientId": "bob"}, scope="admin", push="*")

    assert issued["push"] == []


def test_without_a_token_there_is_no_ticket() -> None:
    assert request("POST", "/v1/tickets")[0] == 401


def test_nothing_of_a_ticket_is_stored_or_logged_as_it_is_shown(
    environment: Environment, lines: Lines
) -> None:
    _, issued = ask()

    show("alice", issued["ticket"])

    assert issued["ticket"] not in lines.text
    assert issued["ticket"] not in repr(vars(environment.access))


class TestApiKeys:
    def test_a_key_calls_what_its_scopes_allow(self, environment: Environment) -> None:
        key = make_key(environment, Scope.READ)

        statuses = [
            request("GET", "/v1/statistics", token=key)[0],
            request("DELETE", "/v1/clients/alice", token=key)[0],
            request("GET", "/v1/statistics", token=key[:-1] + "!")[0],
        ]

        assert statuses == [200, 403, 401]

    def test_a_key_pushes_to_its_targets_in_its_own_name(self, environment: Environment) -> None:
        environment.connect("bob")
        key = make_key(environment, Scope.PUSH, push="bob")

        statuses = [
            request("POST", "/message/send", {"to": to, "msg": {}}, token=key)[0]
            for to in ("bob", "carol")
        ]

        assert statuses == [200, 403]
        assert [json.loads(each.data)["from"] for each in environment.gateway.posts] == ["backend"]

    def test_a_key_is_no_token_to_connect_with(self, environment: Environment) -> None:
        key = make_key(environment, *Scope)

        with pytest.raises(Exception, match=r"\AUnauthorized\Z"):
            show("backend", key)
        event = authorizer_event({"channelId": "backend", "token": key}, method_arn="arn")
        with pytest.raises(Exception, match=r"\AUnauthorized\Z"):
            authorize.handler(event, FakeLambdaContext())

    def test_a_key_gets_tickets_for_any_client(self, environment: Environment) -> None:
        key = make_key(environment, Scope.ADMIN, push="bob")

        status, issued = request(
            "POST", "/v1/tickets", {"clientId": "alice", "push": ["bob"]}, token=key
        )

        assert status == 201
        assert show("alice", issued["ticket"])["context"]["push"] == "bob"


class TestRevocation:
    def revoke(self, not_before_ms: int) -> tuple[int, dict[str, Any]]:
        admin = a_token("root", scope="admin")
        return request("DELETE", "/v1/clients/alice", {"notBefore": not_before_ms}, token=admin)

    def handshake(self, issued_at_ms: int) -> int:
        context = {"principalId": "alice", "push": "", "issuedAt": str(issued_at_ms)}
        event = connect_event({"channelId": "alice"}, authorizer=context)
        return connect.handler(event, FakeLambdaContext())["statusCode"]

    def test_older_tokens_connect_no_more(self, environment: Environment) -> None:
        environment.connect("alice", "a1")

        status, answer = self.revoke(NOON_MS + 1)

        assert (status, answer["notBefore"], answer["disconnected"]) == (200, NOON_MS + 1, 1)
        assert self.handshake(NOON_MS) == 403
        assert environment.find(CONNECTION_ID) is None
        assert self.handshake(NOON_MS + 1) == 200

    def test_what_an_authorizer_let_in_without_a_time_is_older_than_any(self) -> None:
        self.revoke(1)
        context = {"principalId": "alice", "push": ""}

        event = connect_event({"channelId": "alice"}, authorizer=context)

        assert connect.handler(event, FakeLambdaContext()) == {"statusCode": 403}

    def test_older_tokens_get_no_ticket_and_push_no_more(self) -> None:
        self.revoke(NOON_MS + 1)

        assert ask()[0] == 401
        assert ask(iat=NOON_MS // 1000 + 1)[0] == 201

    def test_a_ticket_from_before_it_is_worth_nothing(self) -> None:
        _, issued = ask()
        self.revoke(NOON_MS + 1)

        principal = rights.read_context(
            {"principalId": "alice", **show("alice", issued["ticket"])["context"]}
        )

        assert principal.issued_at_ms == NOON_MS
        assert self.handshake(NOON_MS) == 403

    def test_what_is_known_of_a_client_is_ten_seconds_old_at_most(
        self, environment: Environment
    ) -> None:
        before = ask()[0]
        self.revoke(NOON_MS + 1)
        environment.clock.advance(ms=10_000)

        assert (before, ask()[0]) == (201, 401)

    def test_another_client_is_not_touched(self) -> None:
        self.revoke(NOON_MS + 1)

        assert ask(subject="bob")[0] == 201

    def test_a_time_too_far_ahead_is_400(self) -> None:
        thirty_days_ms = 30 * 24 * 60 * MINUTE_MS

        assert self.revoke(NOON_MS + thirty_days_ms)[0] == 200
        assert self.revoke(NOON_MS + thirty_days_ms + 1)[0] == 400
