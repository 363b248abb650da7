"""From a message to its route: ROUTE."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.conformance.target import Stage, ask
from tests.fakes.functions import Event, RecordingFunctions
from tests.fakes.gateway import Gateway, route

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    StartGateway = Callable[..., Awaitable[Gateway]]
    StageOf = Callable[[str], Stage]


async def selected(stage: Stage, text: str) -> str:
    """Return the key of the route that a message takes, and see that it arrives unchanged."""
    event = await stage.message_event(text)
    assert event["body"] == text
    return event["requestContext"]["routeKey"]


@pytest.mark.clause("ROUTE-1")
async def test_a_dollar_sign_starts_a_variable(main: Stage) -> None:
    assert await selected(main, '{"action":"ask"}') == "ask"


@pytest.mark.clause("ROUTE-2")
async def test_a_variable_may_have_braces(stage_of: StageOf) -> None:
    assert await selected(stage_of("braced"), '{"action":"join"}') == "join"


@pytest.mark.clause("ROUTE-3")
@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('{"data":{"items":[{},{"kind":"join"}]}}', "join"),
        ('{"data":{"items":[{"kind":"join"}]}}', "$default"),
        ('{"data":{"items":{"1":{"kind":"join"}}}}', "$default"),
        ('{"data.items[1].kind":"join"}', "$default"),
    ],
)
async def test_a_path_goes_through_objects_and_arrays(
    stage_of: StageOf, text: str, key: str
) -> None:
    assert await selected(stage_of("nested"), text) == key


@pytest.mark.clause("ROUTE-4")
async def test_variables_and_constants_are_joined(stage_of: StageOf) -> None:
    assert await selected(stage_of("joined"), '{"action":"join","service":"chat"}') == "chat/join"


@pytest.mark.clause("ROUTE-5")
@pytest.mark.parametrize("rest", ["", ',"absent":null', ',"absent":""'])
async def test_a_path_that_leads_nowhere_is_empty(stage_of: StageOf, rest: str) -> None:
    assert await selected(stage_of("halved"), f'{{"action":"join"{rest}}}') == "join-"


@pytest.mark.clause("ROUTE-6")
async def test_a_constant_selects_its_route(stage_of: StageOf) -> None:
    assert await selected(stage_of("static"), '{"action":"other"}') == "join"


@pytest.mark.clause("ROUTE-7")
async def test_an_escaped_dollar_sign_is_one(stage_of: StageOf) -> None:
    assert await selected(stage_of("escaped"), '{"action":"join"}') == "$default"


@pytest.mark.clause("ROUTE-8")
async def test_the_consoles_text_is_a_variable(stage_of: StageOf) -> None:
    assert await selected(stage_of("console"), '{"action":"join"}') == "join"


@pytest.mark.clause("ROUTE-9")
@pytest.mark.parametrize("action", ["Ask", "as", "asks", " ask", "", "other"])
async def test_a_key_matches_whole_and_by_case(main: Stage, action: str) -> None:
    assert await selected(main, json.dumps({"action": action})) == "$default"


@pytest.mark.clause("ROUTE-10")
@pytest.mark.parametrize(
    "text",
    ["hello", '{"action":"ask"', "{'action':'ask'}", '{"action":NaN}', '{"action":"ask"} {}'],
)
async def test_what_is_not_json_goes_to_default(main: Stage, text: str) -> None:
    assert await selected(main, text) == "$default"


@pytest.mark.clause("ROUTE-10")
async def test_json_nested_beyond_reason_goes_to_default(main: Stage) -> None:
    assert await selected(main, "[" * 30_000) == "$default"


@pytest.mark.clause("ROUTE-11")
@pytest.mark.parametrize("text", ["5", '"ask"', "[]", '["ask"]', "null", "true", "", " ", "{}"])
async def test_what_is_no_object_goes_to_default(main: Stage, text: str) -> None:
    assert await selected(main, text) == "$default"


@pytest.mark.clause("ROUTE-12")
@pytest.mark.parametrize(
    ("value", "key"), [("5", "5"), ("true", "true"), ("false", "$default"), ("50", "$default")]
)
async def test_a_number_and_a_truth_value_are_texts(main: Stage, value: str, key: str) -> None:
    assert await selected(main, f'{{"action":{value}}}') == key


@pytest.mark.clause("ROUTE-13")
async def test_an_array_is_its_items_in_brackets(start_gateway: StartGateway) -> None:
    def handle(event: Event) -> object:
        return {"statusCode": 200, "body": event["requestContext"]["routeKey"]}

    gateway = await start_gateway(
        route("[a, b]", "ask", two_way=True), functions=RecordingFunctions(ask=handle)
    )

    async with gateway.connect() as client:
        await client.send('{"action":["a","b"]}')
        assert await client.recv() == "[a, b]"


@pytest.mark.clause("ROUTE-14")
@pytest.mark.parametrize("action", ["$connect", "$disconnect", "$default"])
async def test_no_message_runs_what_is_the_services(main: Stage, action: str) -> None:
    event = await main.message_event(json.dumps({"action": action}))

    context = event["requestContext"]
    assert (context["routeKey"], context["eventType"]) == ("$default", "MESSAGE")


@pytest.mark.clause("ROUTE-15")
@pytest.mark.parametrize("action", ["$request.body.other", "${request.body.other}"])
async def test_what_a_message_says_is_not_evaluated(main: Stage, action: str) -> None:
    assert await selected(main, json.dumps({"action": action, "other": "ask"})) == "$default"


@pytest.mark.clause("ROUTE-18")
async def test_a_route_without_an_integration_does_nothing(main: Stage) -> None:
    async with main.connect() as client:
        await client.send('{"action":"idle"}')
        after = await ask(client)

    assert after["requestContext"]["routeKey"] == "ask"
