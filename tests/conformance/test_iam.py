"""Signed handshakes: IAM."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from websockets.exceptions import InvalidStatus

from tests.fakes.authorizers import (
    LOCAL,
    METHOD_ARN,
    NOTIFY,
    declare_notify,
    presign,
    sign,
    statement,
)
from tests.fakes.gateway import Gateway, RawClient, read_response, route

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from tests.fakes.functions import Event

    StartGateway = Callable[..., Awaitable[Gateway]]

ROUTES = (
    route("$connect", "connect", authorization="AWS_IAM"),
    route("$disconnect", "disconnect"),
    route("$default", "default"),
)


async def start(start_gateway: StartGateway, *, is_strict: bool = True) -> Gateway:
    return await start_gateway(*ROUTES, access={"is_strict": is_strict})


async def status_of(gateway: Gateway, path: str, headers: Mapping[str, str]) -> int:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items() if name != "Host")
    client = await RawClient.begin(gateway, path=path, headers=lines)
    response = await read_response(client.reader)
    await client.close()
    return response.status


@pytest.mark.clause("IAM-1")
@pytest.mark.parametrize("path", ["/dev", "/dev/", "/dev?token=a%20b&x=1"])
async def test_signed_headers_are_accepted(start_gateway: StartGateway, path: str) -> None:
    gateway = await start(start_gateway)

    status = await status_of(gateway, path, sign("GET", f"https://gateway{path}"))

    assert status == 101


@pytest.mark.clause("IAM-2")
async def test_a_presigned_query_string_is_accepted(start_gateway: StartGateway) -> None:
    gateway = await start(start_gateway)
    url = presign("https://gateway/dev?token=a%20b")

    status = await status_of(gateway, url.removeprefix("https://gateway"), {})

    assert status == 101


@pytest.mark.clause("IAM-3")
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer x"},
        sign("POST", "https://gateway/dev"),
        sign("GET", "https://gateway/prod"),
        sign("GET", "https://gateway/dev", service="lambda"),
    ],
)
async def test_other_handshakes_are_refused(
    start_gateway: StartGateway, headers: dict[str, str]
) -> None:
    gateway = await start(start_gateway)

    status = await status_of(gateway, "/dev", headers)

    assert status == 403
    assert gateway.functions.events("connect") == []


@pytest.mark.clause("IAM-3")
async def test_other_handshakes_are_let_pass_unless_it_is_strict(
    start_gateway: StartGateway,
) -> None:
    gateway = await start(start_gateway, is_strict=False)

    async with gateway.connect() as client:
        assert client.response is not None
        assert client.response.status_code == 101

    (line,) = gateway.lines
    assert line.startswith("SIGNATURE-2 stage dev: a request that is not signed is let pass")


@pytest.mark.clause("IAM-3")
async def test_a_refusal_names_the_error(start_gateway: StartGateway) -> None:
    gateway = await start(start_gateway)

    with pytest.raises(InvalidStatus) as raised:
        await gateway.connect()

    headers = raised.value.response.headers
    assert headers["x-amzn-ErrorType"] == "MissingAuthenticationTokenException"


@pytest.mark.clause("IAM-5")
async def test_all_events_say_who_signed(start_gateway: StartGateway) -> None:
    gateway = await start(start_gateway)
    headers = sign("GET", f"http://127.0.0.1:{gateway.server.port}/dev")
    del headers["Host"]

    async with gateway.connect(additional_headers=headers, user_agent_header="curl") as client:
        await client.send("hello")
        message = await gateway.functions.next_event("default")
    events: list[Event] = [
        message,
        *gateway.functions.events("connect"),
        await gateway.functions.next_event("disconnect"),
    ]

    assert [list(event["requestContext"]["identity"].items()) for event in events] == [
        [
            ("userArn", "arn:aws:iam::123456789012:user/local"),
            ("userAgent", "curl"),
            ("accountId", "123456789012"),
            ("caller", LOCAL.access_key),
            ("sourceIp", "127.0.0.1"),
            ("accessKey", LOCAL.access_key),
            ("user", LOCAL.access_key),
        ]
    ] * 3


@pytest.mark.clause("IAM-6")
@pytest.mark.parametrize(
    ("resource", "expected"), [(METHOD_ARN, 101), (METHOD_ARN.replace("dev", "prod"), 403)]
)
async def test_the_role_of_a_function_has_to_allow_it(
    start_gateway: StartGateway, resource: str, expected: int
) -> None:
    policy = {"Statement": [statement(resource=resource)]}
    gateway = await start_gateway(
        *ROUTES, access={"is_strict": True}, declared=declare_notify(policy)
    )
    headers = sign("GET", "https://gateway/dev", credentials=NOTIFY)

    status = await status_of(gateway, "/dev", headers)

    assert status == expected
