"""Who may call which route of the push API, through its entry point."""

from __future__ import annotations

import importlib
import json
import pkgutil
from typing import TYPE_CHECKING, Any, cast

import pytest

import push_api
import push_routes
from cloudpush.settings import AuthMode
from tests.fakes.auth import CLOSED, OTHER_SECRET, a_token, bearer
from tests.fakes.lambda_events import FakeLambdaContext, http_event

if TYPE_CHECKING:
    from fastapi.routing import APIRoute

    from tests.functions.conftest import Environment

OPEN = {"/health", "/", "/asyncapi.json", "/admin/", "/admin/{name}"}
SELF = {"/server/get", "/v1/tickets"}
"""Open to whoever has the scope, and to the client itself: looked at in the route."""


@pytest.fixture(autouse=True)
def closed(environment: Environment) -> Environment:
    environment.use(CLOSED, AuthMode.JWT)
    return environment


def call(
    method: str, path: str, body: object = None, *, token: str | None = None, query: str = ""
) -> dict[str, Any]:
    text = None if body is None else json.dumps(body)
    event = http_event(method, path, query=query, body=text)
    event["headers"].update(bearer(token) if token else {})
    return push_api.handler(event, FakeLambdaContext())


def send(token: str | None, **body: Any) -> dict[str, Any]:  # noqa: ANN401 — any JSON
    return call("POST", "/message/send", {"msg": {}, **body}, token=token)


def test_every_route_says_what_it_needs_or_is_open_by_name() -> None:
    modules = [
        importlib.import_module(f"push_routes.{each.name}")
        for each in pkgutil.iter_modules(push_routes.__path__)
    ]
    routes = [
        cast("APIRoute", route)
        for module in modules
        if hasattr(module, "router")
        for route in module.router.routes
    ]

    unguarded = {route.path for route in routes if not route.dependencies}

    assert unguarded == OPEN | SELF


ROUTES = [
    ("POST", "/message/send", "push"),
    ("POST", "/v1/messages", "push"),
    ("POST", "/v1/messages:batch", "push"),
    ("GET", "/v1/messages", "read"),
    ("GET", "/v1/messages/{messageId}", "read"),
    ("DELETE", "/v1/messages/{messageId}", "push"),
    ("PATCH", "/v1/messages/{messageId}", "push"),
    ("GET", "/v1/messages/{messageId}/receipts", "read"),
    ("GET", "/v1/clients/{clientId}", "read"),
    ("DELETE", "/v1/clients/{clientId}", "admin"),
    ("GET", "/v1/clients/{clientId}/inbox", "read"),
    ("POST", "/v1/presence:query", "read"),
    ("GET", "/v1/statistics", "read"),
    ("GET", "/v1/dead-letters", "read"),
    ("POST", "/v1/dead-letters/redrive", "admin"),
]


@pytest.mark.parametrize(("method", "path", "scope"), ROUTES)
def test_a_route_is_closed_to_whoever_lacks_its_scope(method: str, path: str, scope: str) -> None:
    others = " ".join({"push", "read", "admin"} - {scope})
    one = path.format(messageId="0", clientId="alice")

    statuses = [
        call(method, one, {}, token=token)["statusCode"]
        for token in (None, a_token(secret=OTHER_SECRET), a_token(scope=others), a_token())
    ]

    assert statuses == [401, 401, 403, 403]
    assert call(method, one, {}, token=a_token(scope=scope))["statusCode"] not in {401, 403}


def test_a_refusal_says_how_to_show_who_one_is() -> None:
    answer = call("GET", "/v1/statistics")

    assert answer["headers"]["www-authenticate"] == "Bearer"
    assert json.loads(answer["body"])["error"]["code"] == "unauthorized"


@pytest.mark.parametrize("header", ["", "Basic YTpi", "Bearer", "Bearer ", "bearer x y"])
def test_another_header_than_bearer_is_401(header: str) -> None:
    event = http_event("GET", "/v1/statistics")
    event["headers"]["authorization"] = header

    assert push_api.handler(event, FakeLambdaContext())["statusCode"] == 401


@pytest.mark.parametrize("body", [{"to": "carol"}, {"to": ["bob", "carol"]}, {"sendToAll": True}])
def test_a_push_beyond_the_tokens_targets_is_403(
    environment: Environment, body: dict[str, Any]
) -> None:
    environment.connect("bob")
    environment.connect("carol")

    answer = send(a_token(scope="push", push="bob"), **body)

    assert answer["statusCode"] == 403
    assert environment.posted_to == []
    assert environment.fan_outs.jobs == []


def test_of_a_batch_those_beyond_are_403_and_others_go() -> None:
    messages = [{"target": {"clients": [each]}, "msg": {}} for each in ("bob", "carol")]

    answer = call(
        "POST",
        "/v1/messages:batch",
        {"messages": messages},
        token=a_token(scope="push", push="bob"),
    )

    assert [each["status"] for each in json.loads(answer["body"])["results"]] == [202, 403]


@pytest.mark.parametrize(
    ("scope", "named", "sender"),
    [
        ("push", None, "alice"),
        ("push", "alice", "alice"),
        ("push", "bob", None),
        ("push admin", "bob", "bob"),
        ("push admin", None, "system"),
    ],
)
def test_nobody_sends_in_anothers_name(
    environment: Environment, scope: str, named: str | None, sender: str | None
) -> None:
    environment.connect("bob")
    body = {"to": "bob"} if named is None else {"to": "bob", "from": named}

    answer = send(a_token(scope=scope, push="*"), **body)

    assert answer["statusCode"] == (403 if sender is None else 200)
    assert [json.loads(each.data)["from"] for each in environment.gateway.posts] == (
        [] if sender is None else [sender]
    )


@pytest.mark.parametrize(
    ("client_id", "scope", "status"), [("alice", "", 200), ("bob", "", 403), ("bob", "read", 200)]
)
def test_where_to_connect_is_told_to_the_client_itself(
    client_id: str, scope: str, status: int
) -> None:
    answer = call("GET", "/server/get", query=f"channelId={client_id}", token=a_token(scope=scope))

    assert answer["statusCode"] == status


def test_nobody_meets_anothers_idempotency_key() -> None:
    answers: list[str] = []
    for subject in ("alice", "bob"):
        event = http_event(
            "POST",
            "/v1/messages",
            body=json.dumps({"target": {"clients": ["carol"]}, "msg": {}, "qos": 1}),
        )
        event["headers"] |= {
            "idempotency-key": "k",
            **bearer(a_token(subject, scope="push", push="*")),
        }
        answers.append(push_api.handler(event, FakeLambdaContext())["body"])

    assert json.loads(answers[0])["messageId"] != json.loads(answers[1])["messageId"]
