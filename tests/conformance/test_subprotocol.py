"""What is made of `Sec-WebSocket-Protocol`: SUBPROTOCOL."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fakes.functions import RecordingFunctions
from tests.fakes.gateway import Gateway, RawClient, read_response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.conformance.target import Event, Stage

    StartGateway = Callable[..., Awaitable[Gateway]]

HEADER = "Sec-WebSocket-Protocol"


def returning(value: object, name: str = HEADER) -> Event:
    return {"connect": {"return": {"statusCode": 200, "headers": {name: value}}}}


@pytest.mark.clause("SUBPROTOCOL-1")
@pytest.mark.parametrize("offered", ["chat", "chat, other", "chat1,myprotocol"])
async def test_the_function_gets_what_the_client_offers(main: Stage, offered: str) -> None:
    event = await main.raw_connect_event(f"{HEADER}: {offered}\r\n")

    assert event["headers"][HEADER] == offered
    assert event["multiValueHeaders"][HEADER] == [offered]


@pytest.mark.clause("SUBPROTOCOL-2")
async def test_the_service_chooses_none(main: Stage) -> None:
    async with main.connect(subprotocols=["chat"]) as client:
        assert client.subprotocol is None


@pytest.mark.clause("SUBPROTOCOL-2")
async def test_the_developer_is_told_that_browsers_will_close(gateway: Gateway) -> None:
    async with gateway.connect(subprotocols=["chat"]):
        pass

    assert any("browsers then close" in line for line in gateway.lines)


@pytest.mark.clause("SUBPROTOCOL-3")
async def test_the_client_gets_what_the_function_returns(main: Stage) -> None:
    async with main.connect(told=returning("other"), subprotocols=["chat", "other"]) as client:
        assert client.subprotocol == "other"


@pytest.mark.clause("SUBPROTOCOL-4")
@pytest.mark.parametrize("name", ["sec-websocket-protocol", "SEC-WEBSOCKET-PROTOCOL"])
async def test_the_name_has_no_case(main: Stage, name: str) -> None:
    async with main.connect(told=returning("chat", name), subprotocols=["chat"]) as client:
        assert client.subprotocol == "chat"


@pytest.mark.clause("SUBPROTOCOL-5")
async def test_a_value_that_was_not_offered_is_sent(main: Stage) -> None:
    async with main.opened(returning("mine")) as client:
        assert client.response.headers["sec-websocket-protocol"] == "mine"


@pytest.mark.clause("SUBPROTOCOL-5")
async def test_a_value_that_was_not_offered_may_be_dropped(start_gateway: StartGateway) -> None:
    answer = {"statusCode": 200, "headers": {HEADER: "mine"}}
    gateway = await start_gateway(
        functions=RecordingFunctions(connect=lambda _: answer),
        assume={"unoffered-subprotocol": "dropped"},
    )
    client = await RawClient.begin(gateway, headers=f"{HEADER}: other\r\n")

    response = await read_response(client.reader)
    await client.close()

    assert response.status == 101
    assert "sec-websocket-protocol" not in response.headers
    assert any("did not offer" in line for line in gateway.lines)


@pytest.mark.clause("SUBPROTOCOL-6")
@pytest.mark.parametrize(
    "value", ["a\r\nX-Injected: 1", "", " chat", "ch\u00e4t", 5, ["chat"], None], ids=repr
)
async def test_what_is_no_header_value_is_502(main: Stage, value: object) -> None:
    refused = await main.refusal(**returning(value)["connect"])

    assert refused.status == 502
    assert "x-injected" not in refused.headers
