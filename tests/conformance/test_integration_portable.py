"""Integrations other than a Lambda proxy, against a deployed stage too: INTEGRATION and MAPPING."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.conformance.target import PATIENCE_SECONDS, Event, Stage

if TYPE_CHECKING:
    from collections.abc import Callable

    StageOf = Callable[[str], Stage]


@pytest.fixture
def mapped(stage_of: StageOf) -> Stage:
    """Return the stage whose routes have all kinds of integrations."""
    return stage_of("mapped")


async def reply(stage: Stage, *texts: str, **options: Any) -> str:  # noqa: ANN401 — of `connect`
    """Return the first reply to these messages of one client."""
    async with stage.connect(**options) as client, asyncio.timeout(PATIENCE_SECONDS):
        for text in texts:
            await client.send(text)
        return str(await client.recv())


async def answer(stage: Stage, action: str, **parts: Any) -> Event:  # noqa: ANN401 — of the message
    """Return the reply to a message with these parts, which is JSON."""
    return json.loads(await reply(stage, json.dumps({"action": action, **parts})))


@pytest.mark.clause("INTEGRATION-1")
async def test_a_mock_answers_with_the_status_of_its_template(mapped: Stage) -> None:
    assert await answer(mapped, "status", status=500) == {"other": "status"}


@pytest.mark.clause("INTEGRATION-3")
async def test_a_mock_answers_without_a_body(mapped: Stage) -> None:
    assert await reply(mapped, '{"action":"status","status":404}') == 'missing: ""'


@pytest.mark.clause("INTEGRATION-4")
async def test_a_function_gets_what_the_template_writes(mapped: Stage) -> None:
    assert await answer(mapped, "fail", text="well") == {"raise": "well"}


@pytest.mark.clause("INTEGRATION-5")
async def test_what_a_function_returns_is_the_answer(mapped: Stage) -> None:
    text = '{"action":"plain","statusCode":500,"body":"text"}'

    assert json.loads(await reply(mapped, text)) == json.loads(text)


@pytest.mark.clause("INTEGRATION-6")
async def test_the_error_message_of_a_function_selects_the_response(mapped: Stage) -> None:
    assert await reply(mapped, '{"action":"fail","text":"bad thing"}') == "bad: ValueError"


@pytest.mark.clause("INTEGRATION-8")
async def test_an_http_back_end_gets_what_the_template_writes(mapped: Stage) -> None:
    request = await answer(mapped, "call", text="hello", status="200")

    assert (request["method"], request["path"]) == ("PUT", "/back-end/called")
    assert json.loads(request["body"]) == {"said": "hello"}


@pytest.mark.clause("INTEGRATION-9")
async def test_the_status_of_a_back_end_selects_the_response(mapped: Stage) -> None:
    text = '{"action":"call","text":"hello","status":"403"}'

    assert await reply(mapped, text) == "refused: PUT"


@pytest.mark.clause("INTEGRATION-10")
@pytest.mark.parametrize("status", ["200", "404"])
async def test_a_proxied_back_end_gets_the_message_and_is_the_reply(
    mapped: Stage, status: str
) -> None:
    text = f'{{ "action":"forward", "word":"x", "status":"{status}" }}'

    request = json.loads(await reply(mapped, text))

    assert (request["method"], request["body"]) == ("POST", text)


@pytest.mark.clause("INTEGRATION-12")
async def test_a_back_end_gets_no_header_of_the_handshake(mapped: Stage) -> None:
    text = '{"action":"forward","word":"x","status":"200"}'

    request = json.loads(await reply(mapped, text, additional_headers={"X-Mine": "1"}))

    assert "x-connection" in request["headers"]
    assert "x-mine" not in request["headers"]


@pytest.mark.clause("INTEGRATION-19")
async def test_a_two_way_route_sends_the_back_ends_body_without_a_template(mapped: Stage) -> None:
    text = '{"action":"plain","said":["ä",1]}'

    assert json.loads(await reply(mapped, text)) == json.loads(text)


@pytest.mark.clause("INTEGRATION-20")
async def test_a_one_way_route_sends_nothing(mapped: Stage) -> None:
    silent, marker = '{"action":"silent","status":200}', '{"action":"status","status":200}'

    assert await reply(mapped, silent, marker) == "fine"


@pytest.mark.clause("INTEGRATION-21")
async def test_an_expression_has_to_match_the_whole_status(mapped: Stage) -> None:
    assert await reply(mapped, '{"action":"status","status":404}') == 'missing: ""'


@pytest.mark.clause("INTEGRATION-22")
async def test_the_default_response_is_for_all_else(mapped: Stage) -> None:
    assert await answer(mapped, "status", status=500) == {"other": "status"}


@pytest.mark.clause("INTEGRATION-24")
async def test_an_answer_that_no_response_takes_is_an_error(mapped: Stage) -> None:
    assert (await answer(mapped, "unmatched", status=500))["message"] == "Internal server error"


SAID = {"words": [1, {"word": "two"}], "quoted": 'a "b"', "numbers": [1, 2, 3]}


@pytest.mark.clause("MAPPING-1")
async def test_the_context_is_that_of_the_request(mapped: Stage) -> None:
    written = await answer(mapped, "invoke", said=SAID)

    assert written["route"] == "invoke"
    assert len(base64.urlsafe_b64decode(written["connection"])) == 11


@pytest.mark.clause("MAPPING-2")
async def test_the_body_is_the_message_as_it_stands(mapped: Stage) -> None:
    text = f'{{ "action":"invoke",\r\n"said":{json.dumps(SAID)} }}'

    written = json.loads(await reply(mapped, text))

    assert base64.b64decode(written["body"]).decode() == text


@pytest.mark.clause("MAPPING-3")
async def test_a_path_selects_json_or_a_value(mapped: Stage) -> None:
    written = await answer(mapped, "invoke", said=SAID)

    assert (written["json"], written["size"], written["word"]) == (SAID["words"], 2, "two")


@pytest.mark.clause("MAPPING-8")
async def test_a_template_knows_the_variables_of_the_stage(mapped: Stage) -> None:
    assert (await answer(mapped, "invoke", said=SAID))["color"] == "blue"


@pytest.mark.clause("MAPPING-9")
async def test_a_text_can_be_escaped(mapped: Stage) -> None:
    assert (await answer(mapped, "invoke", said=SAID))["escaped"] == SAID["quoted"]


@pytest.mark.clause("MAPPING-10")
async def test_a_template_has_loops_and_conditions(mapped: Stage) -> None:
    assert (await answer(mapped, "invoke", said=SAID))["each"] == [1, 2, 3]


@pytest.mark.clause("MAPPING-18")
async def test_a_response_template_gets_the_back_ends_answer(mapped: Stage) -> None:
    assert await reply(mapped, '{"action":"fail","text":"bad end"}') == "bad: ValueError"


@pytest.mark.clause("MAPPING-19")
async def test_parameters_become_headers_query_and_path(mapped: Stage) -> None:
    request = await answer(mapped, "forward", word="hello", status="201")

    assert request["path"] == "/back-end/forwarded/hello"
    assert request["query"] == {"status": "201", "color": "blue"}
    assert request["headers"]["x-constant"] == "constant"


@pytest.mark.clause("MAPPING-21")
async def test_an_object_is_mapped_as_its_json(mapped: Stage) -> None:
    request = await answer(mapped, "forward", word="x", status="200", absent={"a": [1]})

    assert json.loads(request["query"]["absent"]) == {"a": [1]}


@pytest.mark.clause("MAPPING-22")
async def test_context_variables_and_constants_are_mapped(mapped: Stage) -> None:
    request = await answer(mapped, "forward", word="x", status="200")

    assert request["query"]["color"] == "blue"
    assert len(base64.urlsafe_b64decode(request["headers"]["x-connection"])) == 11
    assert request["headers"]["x-constant"] == "constant"


@pytest.mark.clause("MAPPING-23")
async def test_what_is_not_there_is_not_mapped(mapped: Stage) -> None:
    request = await answer(mapped, "forward", word="x", status="200")

    assert "absent" not in request["query"]
