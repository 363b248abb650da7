"""Addresses and the answers of the service itself: ENDPOINT."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import orjson
import pytest

from local_gateway.addressing import Addressing, Management, Nowhere, Socket
from tests.fakes.gateway import Gateway, RawClient, read_response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from local_gateway.api import Application
    from tests.conformance.target import Stage

    StartGateway = Callable[..., Awaitable[Gateway]]
    LoadTemplate = Callable[[str], Application]

FORBIDDEN = {"message": "Forbidden"}


def names_of(head: bytes) -> list[str]:
    """Return the names in the head of an answer, in its order."""
    lines = head.decode().split("\r\n")[1:-2]
    return [line.partition(":")[0].lower() for line in lines]


@pytest.mark.clause("ENDPOINT-1")
async def test_a_client_connects_to_the_stage(main: Stage) -> None:
    async with main.connect() as client:
        assert client.response is not None
        assert client.response.status_code == 101


@pytest.mark.clause("ENDPOINT-2")
async def test_a_slash_behind_the_stage_is_accepted(main: Stage) -> None:
    async with main.connect("/") as client:
        assert client.response is not None
        assert client.response.status_code == 101


@pytest.mark.clause("ENDPOINT-2")
async def test_a_query_may_follow_the_slash(main: Stage) -> None:
    event = await main.connect_event("/?a=1")

    assert event["queryStringParameters"] == {"a": "1"}


DOMAIN = """
Resources:
  Chat:
    Type: AWS::ApiGatewayV2::Api
    Properties:
      Name: chat
      ProtocolType: WEBSOCKET
      RouteSelectionExpression: $request.body.action
  Connect:
    Type: AWS::ApiGatewayV2::Route
    Properties: { ApiId: !Ref Chat, RouteKey: $connect }
  Stage:
    Type: AWS::ApiGatewayV2::Stage
    Properties: { ApiId: !Ref Chat, StageName: dev, AutoDeploy: true }
  Domain:
    Type: AWS::ApiGatewayV2::DomainName
    Properties: { DomainName: ws.example.com }
  Mapping:
    Type: AWS::ApiGatewayV2::ApiMapping
    Properties: { ApiId: !Ref Chat, Stage: !Ref Stage, DomainName: !Ref Domain, ApiMappingKey: KEY }
"""


@pytest.mark.clause("ENDPOINT-6")
@pytest.mark.parametrize(
    ("key", "path", "is_there"),
    [
        ("orders", "/orders", True),
        ("orders", "/orders/", True),
        ("orders", "/dev", False),
        ("orders", "/", False),
        ("''", "/", True),
        ("''", "/dev", False),
    ],
)
def test_a_mapping_stands_in_place_of_the_stage(
    load_template: LoadTemplate, key: str, path: str, *, is_there: bool
) -> None:
    application = load_template(DOMAIN.replace("KEY", key))

    found = Addressing(application).resolve_at("ws.example.com", path)

    api = application.websocket_apis["Chat"]
    assert found == (Socket(api, api.stages["dev"]) if is_there else Nowhere())


@pytest.mark.clause("MANAGE-20")
@pytest.mark.parametrize(
    ("key", "path", "is_there"),
    [
        ("orders", "/orders/@connections/L0SM9cOFvHcCIhw=", True),
        ("orders", "/orders/dev/@connections/L0SM9cOFvHcCIhw=", False),
        ("''", "/@connections/L0SM9cOFvHcCIhw=", True),
        ("''", "/dev/@connections/L0SM9cOFvHcCIhw=", False),
    ],
)
def test_a_mapping_stands_in_place_of_the_stage_of_the_management_api(
    load_template: LoadTemplate, key: str, path: str, *, is_there: bool
) -> None:
    application = load_template(DOMAIN.replace("KEY", key))

    found = Addressing(application).resolve_at("ws.example.com", path)

    api = application.websocket_apis["Chat"]
    managed = Management(api, api.stages["dev"], "L0SM9cOFvHcCIhw=")
    assert found == (managed if is_there else Nowhere())


@pytest.mark.clause("ENDPOINT-7")
@pytest.mark.parametrize("path", ["/nowhere", "/", "/main/nowhere"])
async def test_a_handshake_for_no_stage_is_forbidden(main: Stage, path: str) -> None:
    client = await main.raw(path=path)

    response = await read_response(client.reader)
    await client.close()

    assert (response.status, orjson.loads(response.body)) == (403, FORBIDDEN)
    assert response.headers["x-amzn-errortype"] == "ForbiddenException"


@pytest.mark.clause("ENDPOINT-8")
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_a_request_for_no_stage_is_forbidden(main: Stage, method: str) -> None:
    response = await main.manage(method, "L0SM9cOFvHcCIhw%3D", stage="nowhere")

    assert (response.status, orjson.loads(response.body)) == (403, FORBIDDEN)
    assert response.headers["x-amzn-errortype"] == "ForbiddenException"


@pytest.mark.clause("ENDPOINT-9")
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_plain_request_for_a_stage_needs_an_upgrade(main: Stage, method: str) -> None:
    head, body = await main.request(method, "/main")

    assert head.startswith(b"HTTP/1.1 426 Upgrade Required\r\n")
    assert orjson.loads(body) == {"message": "Upgrade Required"}


HEAD = [
    "date",
    "content-type",
    "content-length",
    "connection",
    "x-amzn-requestid",
    "x-amzn-errortype",
    "x-amz-apigw-id",
]


@pytest.mark.clause("ENDPOINT-10")
async def test_an_error_has_the_head_of_the_service(main: Stage) -> None:
    head, body = await main.request("GET", "/nowhere")

    assert names_of(head) == HEAD
    assert re.search(rb"(?i)\r\ncontent-type: application/json\r\ncontent-length: 23\r\n", head)
    assert re.search(
        rb"(?i)\r\nx-amzn-requestid: [0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\r\n", head
    )
    assert re.search(rb"(?i)\r\nx-amz-apigw-id: [a-z0-9_-]{15}=\r\n", head)
    assert body == b'{"message":"Forbidden"}'


@pytest.mark.clause("ENDPOINT-10")
async def test_a_refused_handshake_has_the_head_of_the_service(main: Stage) -> None:
    client = await main.raw(path="/nowhere")

    head = await client.reader.readuntil(b"\r\n\r\n")
    await client.close()

    assert names_of(head) == HEAD


@pytest.mark.clause("ENDPOINT-11")
async def test_a_101_is_what_the_rfc_asks_for(main: Stage) -> None:
    client = await main.raw()

    response = await read_response(client.reader)
    await client.close()

    assert response.status == 101
    assert response.headers["upgrade"].lower() == "websocket"
    assert response.headers["connection"].lower() == "upgrade"
    assert response.headers["sec-websocket-accept"] == "D2R5mL6mLlOkZBmXCEtXmKvd6f4="


@pytest.mark.clause("ENDPOINT-12")
async def test_no_extension_is_negotiated(main: Stage) -> None:
    async with main.connect(compression="deflate") as client:
        assert client.response is not None
        assert "Sec-WebSocket-Extensions" not in client.response.headers


@pytest.mark.clause("ENDPOINT-13")
@pytest.mark.parametrize(
    ("asked", "written", "status"),
    [
        ("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 8", 400),
        ("Sec-WebSocket-Version: 13", "X-Version: 13", 400),
        ("Sec-WebSocket-Key: BvlrrFKoKAPDYOlwBcGKWw==", "X-Key: none", 400),
        ("Sec-WebSocket-Key: BvlrrFKoKAPDYOlwBcGKWw==", "Sec-WebSocket-Key: short", 400),
        ("GET /dev", "POST /dev", 405),
    ],
)
async def test_what_is_no_handshake_invokes_nothing(
    gateway: Gateway, asked: str, written: str, status: int
) -> None:
    client = await RawClient.begin(gateway, replacing=(asked, written))

    response = await read_response(client.reader)
    await client.close()

    assert response.status == status
    assert gateway.functions.events("connect") == []


@pytest.mark.clause("ENDPOINT-14")
@pytest.mark.parametrize(("length", "status"), [(4_096, 101), (4_097, 414)])
async def test_a_url_has_at_most_4096_characters(main: Stage, length: int, status: int) -> None:
    path = "/main?q="
    client = await main.raw(path=path + "x" * (length - len(path)))

    response = await read_response(client.reader)
    await client.close()

    assert response.status == status
