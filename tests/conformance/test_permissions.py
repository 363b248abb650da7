"""Lambda permissions of API Gateway: PERMISSION."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest
from websockets.exceptions import InvalidStatus

from tests.fakes.authorizers import AUTHORIZER_ARN, METHOD_ARN, authorized_route, result
from tests.fakes.functions import RecordingFunctions
from tests.fakes.gateway import Gateway, route

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    StartGateway = Callable[..., Awaitable[Gateway]]

ROUTES = (
    route("$connect", "connect"),
    route("$disconnect", "disconnect"),
    route("$default", "default"),
    route("open", "ask", two_way=True),
)


async def start(
    start_gateway: StartGateway, *permissions: tuple[str, str], is_strict: bool = True
) -> Gateway:
    return await start_gateway(
        *ROUTES,
        declared={"permissions": frozenset(permissions)},
        access={"is_strict": is_strict},
    )


async def refusal(gateway: Gateway) -> tuple[int, bytes]:
    with pytest.raises(InvalidStatus) as raised:
        await gateway.connect()
    response = raised.value.response
    return response.status_code, bytes(response.body or b"")


@pytest.mark.clause("PERMISSION-1")
@pytest.mark.parametrize(
    "pattern",
    [
        METHOD_ARN,
        "*",
        METHOD_ARN.replace("dev", "*"),
        METHOD_ARN.replace("/dev/$connect", "/*$connect"),
        METHOD_ARN.replace("/dev/$connect", "/*/*"),
        METHOD_ARN.replace("dev", "d?v"),
    ],
)
async def test_a_source_that_matches_lets_the_function_be_invoked(
    start_gateway: StartGateway, pattern: str
) -> None:
    gateway = await start(start_gateway, ("connect", pattern))

    async with gateway.connect():
        assert len(gateway.functions.events("connect")) == 1


@pytest.mark.clause("PERMISSION-1")
async def test_a_missing_one_is_said_at_the_start_and_counts_when_it_is_strict(
    start_gateway: StartGateway,
) -> None:
    gateway = await start(start_gateway, ("connect", "*"), ("default", "*"), is_strict=False)
    lines = list(gateway.lines)

    async with gateway.connect() as client:
        await client.send('{"action":"open"}')
        await gateway.functions.next_event("ask")

    assert [line.partition(":")[0] for line in lines] == [
        "PERMISSION-1 function disconnect",
        "PERMISSION-1 function ask",
    ]
    assert f"{METHOD_ARN.removesuffix('$connect')}open" in lines[1]


@pytest.mark.clause("PERMISSION-2")
@pytest.mark.parametrize(
    ("function", "pattern"),
    [
        ("default", "*"),
        ("connect", METHOD_ARN.replace("dev", "prod")),
        ("connect", METHOD_ARN.replace("/dev/", "/dev/POST/")),
        ("connect", AUTHORIZER_ARN),
    ],
)
async def test_without_one_a_handshake_is_500(
    start_gateway: StartGateway, function: str, pattern: str
) -> None:
    gateway = await start(start_gateway, (function, pattern))

    assert await refusal(gateway) == (500, b'{"message":"Internal server error"}')
    assert gateway.functions.events("connect") == []


@pytest.mark.clause("PERMISSION-3")
async def test_without_one_a_message_gets_an_error_frame(start_gateway: StartGateway) -> None:
    gateway = await start(start_gateway, ("connect", "*"), ("ask", "*"))

    async with gateway.connect() as client:
        await client.send("hello")
        frame = orjson.loads(await client.recv())
        await client.send('{"action":"open"}')
        await gateway.functions.next_event("ask")

    assert frame["message"] == "Internal server error"
    assert gateway.functions.events("default") == []


async def start_authorized(
    start_gateway: StartGateway, *permissions: tuple[str, str], has_credentials: bool = False
) -> Gateway:
    return await start_gateway(
        authorized_route(has_credentials=has_credentials),
        functions=RecordingFunctions(authorize=lambda _: result()),
        declared={"permissions": frozenset({("connect", "*"), *permissions})},
        access={"is_strict": True},
    )


@pytest.mark.clause("PERMISSION-4")
@pytest.mark.parametrize("pattern", [AUTHORIZER_ARN, AUTHORIZER_ARN.replace("abcdef", "*"), "*"])
async def test_an_authorizer_with_a_permission_is_invoked(
    start_gateway: StartGateway, pattern: str
) -> None:
    gateway = await start_authorized(start_gateway, ("authorize", pattern))

    async with gateway.connect():
        assert len(gateway.functions.events("authorize")) == 1


@pytest.mark.clause("PERMISSION-4")
async def test_an_authorizer_without_one_is_500(start_gateway: StartGateway) -> None:
    gateway = await start_authorized(start_gateway, ("authorize", METHOD_ARN))

    assert await refusal(gateway) == (500, b'{"message":"Internal server error"}')
    assert gateway.functions.events("authorize") == []


@pytest.mark.clause("PERMISSION-5")
async def test_an_authorizer_with_a_role_needs_none(start_gateway: StartGateway) -> None:
    gateway = await start_authorized(start_gateway, has_credentials=True)

    async with gateway.connect():
        assert len(gateway.functions.events("authorize")) == 1
