from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path

import pytest

from local_gateway import debugging
from local_gateway.api import (
    CustomIntegration,
    Function,
    HttpApi,
    HttpRoute,
    LambdaProxy,
    Route,
    Stage,
    WebSocketApi,
)
from local_gateway.errors import StartError, TemplateError
from tests.fakes.applications import an_application

DAY_MS = 86_400_000


def function(name: str, runtime: str) -> Function:
    return Function(
        logical_id=name,
        name=name,
        arn=f"arn:aws:lambda:us-east-1:123456789012:function:{name}",
        handler="app.handler",
        runtime=runtime,
        code=Path("/src"),
    )


def call(name: str, **stages: str) -> LambdaProxy:
    return LambdaProxy(logical_id="Call", function=name, functions=stages)


ROUTES = {
    "two": Route(logical_id="A", route_key="two", integration=call("Second")),
    "staged": Route(logical_id="B", route_key="staged", integration=call("First", dev="Second")),
    "one": Route(logical_id="C", route_key="one", integration=call("First")),
    "none": Route(logical_id="D", route_key="none", integration=None),
    "aws": Route(
        logical_id="E",
        route_key="aws",
        integration=CustomIntegration(logical_id="Aws", kind="AWS", function="Second"),
    ),
}
APPLICATION = an_application(
    functions={
        "First": function("First", "python3.13"),
        "Second": function("Second", "python3.13"),
        "Web": function("Web", "nodejs22.x"),
        "Own": function("Own", "provided.al2023"),
    },
    websocket_apis={
        "Chat": WebSocketApi(
            logical_id="Chat",
            api_id="abcdefghij",
            name="chat",
            route_selection_expression="$request.body.action",
            routes=ROUTES,
            stages={"dev": Stage(name="dev")},
        )
    },
    http_apis={
        "Http": HttpApi(
            logical_id="Http",
            api_id="klmnopqrst",
            name="http",
            routes=(HttpRoute(method="GET", path="/", integration=call("Second")),),
            stage=Stage(name="$default"),
        )
    },
)


def test_the_integrations_that_call_a_debugged_function_wait_for_a_day() -> None:
    patient = debugging.without_timeouts(APPLICATION, {"Second"})

    routes = patient.websocket_apis["Chat"].routes.values()
    waits = {each.route_key: each.integration and each.integration.timeout_ms for each in routes}
    assert waits == {
        "two": DAY_MS,
        "staged": DAY_MS,
        "one": 29_000,
        "none": None,
        "aws": DAY_MS,
    }
    assert patient.http_apis["Http"].routes[0].integration.timeout_ms == DAY_MS


def test_without_a_debugged_function_nothing_is_touched() -> None:
    assert debugging.without_timeouts(APPLICATION, ()) is APPLICATION


def test_each_function_gets_the_usual_port_of_its_language_or_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(debugging, "PYTHON_PORT", debugging.NODE_PORT + 1)
    asked = {"First": None, "Second": None, "Web": None}

    ports = debugging.choose_ports(asked, APPLICATION, "environments")

    assert ports == {
        "First": debugging.NODE_PORT + 1,
        "Second": debugging.NODE_PORT + 2,
        "Web": debugging.NODE_PORT,
    }


def test_a_missing_debugpy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def find_nothing(name: str) -> None:
        del name

    monkeypatch.setattr(importlib.util, "find_spec", find_nothing)

    with pytest.raises(StartError, match="pip install debugpy"):
        debugging.choose_ports({"First": 0}, APPLICATION, "environments")


def test_a_runtime_that_nothing_attaches_to_is_refused() -> None:
    with pytest.raises(TemplateError) as refused:
        debugging.choose_ports({"Own": 0}, APPLICATION, "environments")

    assert str(refused.value) == (
        "template.yaml: Own.Properties.Runtime: --debug Own: no debugger attaches to the runtime "
        "provided.al2023. Supported: python3.x, nodejs18.x and later."
    )


def test_a_debugged_function_has_a_day_for_each_event() -> None:
    patient = debugging.without_timeout(APPLICATION.functions["First"])

    assert patient == replace(APPLICATION.functions["First"], timeout_seconds=DAY_MS // 1000)
