from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_gateway.errors import TemplateError
from local_gateway.routing import NO_ROUTE, RouteSelector, compile_expression, evaluate
from tests.fakes.gateway import route, websocket_api

DOCUMENTED = '{"service":"chat","action":"join","data":{"room":"room1234"}}'


@pytest.mark.parametrize(
    ("expression", "selected"),
    [
        ("$request.body.action", "join"),
        ("${request.body.action}", "join"),
        ("${request.body.service}/${request.body.action}", "chat/join"),
        ("$request.body.service/$request.body.action", "chat/join"),
        ("${request.body.action}-${request.body.invalidPath}", "join-"),
        ("action", "action"),
        ("\\$default", "$default"),
        ("request.body.action", "join"),
        ("$request.body.data.room", "room1234"),
        ("$request.body['data']['room']", "room1234"),
        ("", ""),
    ],
)
def test_expression_of_the_documentation(expression: str, selected: str) -> None:
    assert evaluate(compile_expression(expression), DOCUMENTED) == selected


@pytest.mark.parametrize(
    ("value", "selected"),
    [
        ('"text"', "text"),
        ('""', ""),
        ("5", "5"),
        ("-1.5", "-1.5"),
        ("true", "true"),
        ("false", "false"),
        ("null", ""),
        ('["item1","item2"]', "[item1, item2]"),
        ('[1,true,null,["x"]]', "[1, true, , [x]]"),
        ('{"a":1,"b":"c"}', "{a=1, b=c}"),
    ],
)
def test_selected_value_is_stringified(value: str, selected: str) -> None:
    path = compile_expression("$request.body.action")

    assert evaluate(path, f'{{"action":{value}}}') == selected


@pytest.mark.parametrize(
    ("expression", "selected"),
    [
        ("$request.body.items[0].kind", "first"),
        ("$request.body.items[2].kind", ""),
        ("$request.body.items.kind", ""),
        ("$request.body.items[0][0]", ""),
        ("$request.body.kebab-case", "k"),
    ],
)
def test_path_leads_somewhere_or_is_empty(expression: str, selected: str) -> None:
    text = '{"items":[{"kind":"first"},{}],"kebab-case":"k"}'

    assert evaluate(compile_expression(expression), text) == selected


@pytest.mark.parametrize(
    "expression",
    [
        "$context.connectionId",
        "$request.header.x",
        "$request.body",
        "$request.body.*",
        "$request.body..action",
        "$request.body.items[*]",
        "$request.body.items[?(@.a)]",
        "${request.body.action",
        "$",
        "$request.bodyaction",
    ],
)
def test_expression_that_is_not_understood_names_its_place(expression: str) -> None:
    api = websocket_api(route("join", "join"), expression=expression)

    with pytest.raises(TemplateError) as raised:
        RouteSelector(api, api.routes)

    assert raised.value.logical_id == api.logical_id
    assert raised.value.path == "Properties.RouteSelectionExpression"
    assert repr(expression) in str(raised.value)


@pytest.mark.parametrize("depth", [1, 200, 1_000, 1_020, 1_030, 100_000])
def test_nesting_selects_something_or_nothing_but_never_fails(depth: int) -> None:
    path = compile_expression("$request.body.action")
    nested = "[" * depth + "]" * depth

    assert evaluate(path, f'{{"action":{nested}}}') != "join"


@given(st.text())
def test_any_text_is_evaluated(text: str) -> None:
    evaluate(compile_expression("$request.body.action"), text)


def test_route_is_found_by_its_exact_key() -> None:
    api = websocket_api(route("join", "a"), route("$default", "b"))
    select = RouteSelector(api, {key: key for key in api.routes}).select

    selected = [select(f'{{"action":"{key}"}}') for key in ("join", "Join", "join ", "$default")]

    assert selected == ["join"] + ["$default"] * 3


def test_lifecycle_routes_are_never_selected() -> None:
    api = websocket_api(route("$connect", "a"), route("$disconnect", "b"), route("join", "c"))
    select = RouteSelector(api, api.routes).select

    assert select('{"action":"$connect"}') is NO_ROUTE
    assert select('{"action":"$disconnect"}') is NO_ROUTE
