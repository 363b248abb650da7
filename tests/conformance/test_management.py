"""`@connections`: gateway-spec 13."""

from __future__ import annotations

import asyncio
import re
import socket
from datetime import datetime
from typing import TYPE_CHECKING

import orjson
import pytest

from local_gateway.limits import CLIENT_BUFFER_BYTES, MESSAGE_BYTES, TokenBucket
from tests.fakes.functions import Event, RecordingFunctions
from tests.fakes.gateway import RawClient, Response, read_response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.fakes.gateway import Gateway

    StartGateway = Callable[..., Awaitable[Gateway]]

UNKNOWN = "L0SM9cOFvHcCIhw="


@pytest.fixture(params=[True, False], ids=["direct", "asgi"])
async def gateway(start_gateway: StartGateway, request: pytest.FixtureRequest) -> Gateway:
    """Posts can be answered with and without ASGI, and nobody may be able to tell."""
    return await start_gateway(is_direct=request.param)


async def test_post_is_200_and_arrives_as_text(gateway: Gateway) -> None:
    client, connection_id = await gateway.connected()

    response = await gateway.post(connection_id, "grüß dich".encode())

    assert (response.status, response.body) == (200, b"")
    assert await client.recv() == "grüß dich"
    await client.close()


async def test_post_has_the_head_of_the_service(gateway: Gateway) -> None:
    client, connection_id = await gateway.connected()

    response = await gateway.post(connection_id, b"x")
    await client.close()

    assert re.fullmatch(
        r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", response.headers["x-amzn-requestid"]
    )
    assert len(response.headers["x-amz-apigw-id"]) == 16
    assert "x-amzn-errortype" not in response.headers
    assert "server" not in response.headers


async def test_posts_one_after_the_other_keep_their_order(gateway: Gateway) -> None:
    client, connection_id = await gateway.connected()

    for number in range(20):
        await gateway.post(connection_id, str(number).encode())
    received = [await client.recv() for _ in range(20)]
    await client.close()

    assert received == [str(number) for number in range(20)]


@pytest.mark.parametrize("at", ["@connections", "%40connections"])
@pytest.mark.parametrize("pad", ["=", "%3D", "%3d"])
async def test_post_is_found_however_its_path_is_encoded(
    gateway: Gateway, at: str, pad: str
) -> None:
    client, connection_id = await gateway.connected()

    path = f"/dev/{at}/{connection_id.replace('=', pad)}"
    response = await gateway.request("POST", path, b"hello")

    assert response.status == 200
    assert await client.recv() == "hello"
    await client.close()


async def test_post_of_nothing_is_an_empty_message(gateway: Gateway) -> None:
    client, connection_id = await gateway.connected()

    response = await gateway.post(connection_id, b"")

    assert response.status == 200
    assert await client.recv() == ""
    await client.close()


async def test_post_of_128_kb_arrives_in_fragments(gateway: Gateway) -> None:
    client, connection_id = await gateway.connected()

    response = await gateway.post(connection_id, b"x" * MESSAGE_BYTES)
    fragments = [len(fragment) async for fragment in client.recv_streaming()]
    await client.close()

    assert response.status == 200
    assert fragments == [32_768] * 4


async def test_post_over_128_kb_is_413(gateway: Gateway) -> None:
    client, connection_id = await gateway.connected()

    response = await gateway.post(connection_id, b"x" * (MESSAGE_BYTES + 1))
    await gateway.post(connection_id, b"marker")

    assert response.status == 413
    assert response.headers["x-amzn-errortype"] == "PayloadTooLargeException"
    assert await client.recv() == "marker"
    await client.close()


async def test_post_over_128_kb_is_not_kept(gateway: Gateway) -> None:
    client, connection_id = await gateway.connected()
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.server.port)
    head = f"POST /dev/@connections/{connection_id} HTTP/1.1\r\nHost: x\r\n"
    writer.write(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())

    for _ in range(200):
        writer.write(b"10000\r\n" + b"x" * 65_536 + b"\r\n")
        await writer.drain()
    writer.write(b"0\r\n\r\n")
    response = await read_response(reader)
    writer.write(f"{head}Content-Length: 2\r\n\r\nok".encode())
    after = await read_response(reader)
    writer.close()
    await writer.wait_closed()

    assert (response.status, after.status) == (413, 200)
    assert await client.recv() == "ok"
    await client.close()


async def test_post_that_is_not_utf_8_is_sent_with_replacements(gateway: Gateway) -> None:
    client, connection_id = await gateway.connected()

    response = await gateway.post(connection_id, b"a\xffb")

    assert response.status == 200
    assert await client.recv() == "a\ufffdb"
    assert any("not UTF-8" in line for line in gateway.lines)
    await client.close()


def assert_gone(response: Response) -> None:
    assert (response.status, response.body) == (410, b"")
    assert response.headers["x-amzn-errortype"] == "GoneException"


@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
async def test_unknown_connection_is_gone(gateway: Gateway, method: str) -> None:
    assert_gone(await gateway.request(method, f"/dev/@connections/{UNKNOWN}"))


@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
async def test_closed_connection_is_gone(gateway: Gateway, method: str) -> None:
    client, connection_id = await gateway.connected()
    await client.close()
    await gateway.functions.next_event("disconnect")

    assert_gone(await gateway.request(method, f"/dev/@connections/{connection_id}"))


@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
async def test_connection_of_another_stage_is_gone(gateway: Gateway, method: str) -> None:
    client, connection_id = await gateway.connected()

    assert_gone(await gateway.request(method, f"/prod/@connections/{connection_id}"))
    await client.close()


@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
@pytest.mark.parametrize("wrong", ["abc", "7d1bd0a4-4d5c-4b3c-9c44-e2bd5ba9a9a0", "%C3%A4"])
async def test_malformed_connection_id_is_400(gateway: Gateway, method: str, wrong: str) -> None:
    response = await gateway.request(method, f"/dev/@connections/{wrong}")

    said = wrong.replace("%C3%A4", "ä")
    assert response.status == 400
    assert response.headers["x-amzn-errortype"] == "BadRequestException"
    assert orjson.loads(response.body) == {"message": f"Invalid connectionId: {said}"}


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_other_method_is_403(gateway: Gateway, method: str) -> None:
    client, connection_id = await gateway.connected()

    response = await gateway.request(method, f"/dev/@connections/{connection_id}")
    await client.close()

    assert response.status == 403
    assert response.headers["x-amzn-errortype"] == "ForbiddenException"
    assert orjson.loads(response.body) == {"message": "Forbidden"}


@pytest.mark.parametrize("is_direct", [True, False])
async def test_post_during_connect_is_gone(start_gateway: StartGateway, *, is_direct: bool) -> None:
    responses: list[Response] = []

    async def connect(event: Event) -> object:
        responses.append(await gateway.post(event["requestContext"]["connectionId"], b"welcome"))
        return {"statusCode": 200}

    gateway = await start_gateway(
        functions=RecordingFunctions(connect=connect), is_direct=is_direct
    )

    async with gateway.connect():
        (response,) = responses

    assert_gone(response)
    assert any("while its $connect runs" in line for line in gateway.lines)


async def test_post_after_a_refused_connect_is_gone_like_any_other(
    start_gateway: StartGateway,
) -> None:
    functions = RecordingFunctions(connect=lambda _: {"statusCode": 403})
    gateway = await start_gateway(functions=functions)
    client = await RawClient.begin(gateway)
    await read_response(client.reader)
    event = await functions.next_event("connect")

    response = await gateway.post(event["requestContext"]["connectionId"], b"welcome")
    await client.close()

    assert_gone(response)
    assert not any("while its $connect runs" in line for line in gateway.lines)


async def test_post_right_after_the_handshake_arrives(gateway: Gateway) -> None:
    for _ in range(20):
        client, connection_id = await gateway.connected()
        assert (await gateway.post(connection_id, b"hi")).status == 200
        assert await client.recv() == "hi"
        await client.close()


async def test_get_describes_the_connection(gateway: Gateway) -> None:
    async with gateway.connect(user_agent_header="wscat/6"):
        event = await gateway.functions.next_event("connect")
        context = event["requestContext"]
        response = await gateway.get(context["connectionId"])

    described = orjson.loads(response.body)
    assert response.status == 200
    assert response.headers["content-type"] == "application/json"
    assert list(described) == ["connectedAt", "identity", "lastActiveAt"]
    assert described["identity"] == {"sourceIp": "127.0.0.1", "userAgent": "wscat/6"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", described["connectedAt"])
    connected_at = datetime.fromisoformat(described["connectedAt"])
    assert round(connected_at.timestamp() * 1000) == context["connectedAt"]
    assert described["lastActiveAt"] >= described["connectedAt"]


async def test_get_has_a_null_user_agent_if_the_client_sent_none(gateway: Gateway) -> None:
    client = await RawClient.open(gateway)
    event = await gateway.functions.next_event("connect")

    response = await gateway.get(event["requestContext"]["connectionId"])
    await client.close()

    assert orjson.loads(response.body)["identity"] == {
        "sourceIp": "127.0.0.1",
        "userAgent": None,
    }


async def test_delete_is_204_without_a_body(gateway: Gateway) -> None:
    client, connection_id = await gateway.connected()

    response = await gateway.delete(connection_id)
    await client.wait_closed()

    assert (response.status, response.body) == (204, b"")
    assert "content-length" not in response.headers
    assert_gone(await gateway.delete(connection_id))


@pytest.mark.parametrize("is_direct", [True, False])
async def test_post_to_a_client_that_does_not_read_is_429(
    start_gateway: StartGateway, *, is_direct: bool
) -> None:
    gateway = await start_gateway(is_direct=is_direct)
    client = await RawClient.begin(gateway)
    raw_socket: socket.socket = client.writer.get_extra_info("socket")
    raw_socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    client.transport.pause_reading()
    event = await gateway.functions.next_event("connect")
    connection_id = event["requestContext"]["connectionId"]

    statuses: list[int] = []
    while 429 not in statuses:
        statuses.append((await gateway.post(connection_id, b"x" * MESSAGE_BYTES)).status)
        assert len(statuses) < 1_000
    refused = await gateway.post(connection_id, b"x")
    client.transport.abort()

    assert refused.status == 429
    assert refused.headers["x-amzn-errortype"] == "LimitExceededException"
    assert statuses.count(200) > CLIENT_BUFFER_BYTES // MESSAGE_BYTES


async def test_client_that_reads_again_can_be_posted_to_again(gateway: Gateway) -> None:
    client = await RawClient.open(gateway)
    event = await gateway.functions.next_event("connect")
    connection_id = event["requestContext"]["connectionId"]
    client.transport.pause_reading()
    accepted = 0
    while (await gateway.post(connection_id, b"x" * MESSAGE_BYTES)).status == 200:
        accepted += 1

    client.transport.resume_reading()
    frames = [await client.read_frame() for _ in range(accepted * 4)]
    response = await gateway.post(connection_id, b"again")

    assert {len(payload) for _, payload in frames} == {32_768}
    assert response.status == 200
    assert await client.read_frame() == (0x81, b"again")
    await client.close()


@pytest.mark.parametrize("is_direct", [True, False])
async def test_post_beyond_the_account_rate_is_429(
    start_gateway: StartGateway, *, is_direct: bool
) -> None:
    gateway = await start_gateway(account_rate=TokenBucket(0.001, burst=2), is_direct=is_direct)
    client, connection_id = await gateway.connected()

    statuses = [(await gateway.post(connection_id, b"x")).status for _ in range(2)]
    await client.close()

    assert statuses == [200, 429]
