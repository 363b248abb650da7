"""`@connections`: MANAGE."""

from __future__ import annotations

import asyncio
import re
import socket
from datetime import datetime
from typing import TYPE_CHECKING

import orjson
import pytest

from local_gateway.limits import CLIENT_BUFFER_BYTES, MESSAGE_BYTES, TokenBucket
from tests.conformance.target import Stage, ask, message
from tests.fakes.functions import RecordingFunctions
from tests.fakes.gateway import Gateway, RawClient, Response, read_response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    StartGateway = Callable[..., Awaitable[Gateway]]
    StageOf = Callable[[str], Stage]

UNKNOWN = "L0SM9cOFvHcCIhw="
METHODS = pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])


@pytest.fixture(params=[True, False], ids=["direct", "asgi"])
async def gateway(start_gateway: StartGateway, request: pytest.FixtureRequest) -> Gateway:
    """Posts can be answered with and without ASGI, and nobody may be able to tell."""
    return await start_gateway(is_direct=request.param)


def assert_gone(response: Response) -> None:
    assert (response.status, response.body) == (410, b"")
    assert response.headers["x-amzn-errortype"] == "GoneException"


@pytest.mark.clause("MANAGE-1")
async def test_the_management_api_is_below_the_stage(main: Stage) -> None:
    client, connection_id = await main.connected()

    response = await main.manage("GET", connection_id)
    await client.close()

    assert response.status == 200


@pytest.mark.clause("MANAGE-2")
@pytest.mark.parametrize("at", ["@connections", "%40connections"])
@pytest.mark.parametrize("pad", ["=", "%3D", "%3d"])
async def test_a_path_may_be_encoded(main: Stage, at: str, pad: str) -> None:
    client, connection_id = await main.connected()

    response = await main.manage("POST", connection_id.replace("=", pad), b"hello", at=at)

    assert response.status == 200
    assert await client.recv() == "hello"
    await client.close()


@pytest.mark.clause("MANAGE-3")
@pytest.mark.parametrize(
    "kind", ["application/json", "text/plain; charset=latin-1", "application/octet-stream"]
)
async def test_a_post_is_200_and_arrives_as_text(main: Stage, kind: str) -> None:
    client, connection_id = await main.connected()

    response = await main.manage(
        "POST", connection_id, "grüß dich".encode(), headers={"Content-Type": kind}
    )

    assert (response.status, response.body) == (200, b"")
    assert await client.recv() == "grüß dich"
    await client.close()


@pytest.mark.clause("MANAGE-3")
async def test_a_post_is_the_same_with_and_without_asgi(gateway: Gateway) -> None:
    client, connection_id = await gateway.connected()

    response = await gateway.post(connection_id, "grüß dich".encode())

    assert (response.status, response.body) == (200, b"")
    assert await client.recv() == "grüß dich"
    await client.close()


@pytest.mark.clause("MANAGE-4")
async def test_get_describes_the_connection(main: Stage) -> None:
    async with main.connect() as client:
        context = (await ask(client))["requestContext"]
        response = await main.manage("GET", context["connectionId"])

    described = orjson.loads(response.body)
    assert response.status == 200
    assert response.headers["content-type"] == "application/json"
    assert list(described) == ["connectedAt", "identity", "lastActiveAt"]
    assert described["identity"] == context["identity"]
    for name in ("connectedAt", "lastActiveAt"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", described[name])
    assert milliseconds(described["connectedAt"]) == context["connectedAt"]


@pytest.mark.clause("MANAGE-5")
async def test_get_has_a_null_user_agent_if_the_client_sent_none(main: Stage) -> None:
    async with main.connect(user_agent_header=None) as client:
        context = (await ask(client))["requestContext"]
        response = await main.manage("GET", context["connectionId"])

    assert orjson.loads(response.body)["identity"] == {
        "sourceIp": context["identity"]["sourceIp"],
        "userAgent": None,
    }


@pytest.mark.clause("MANAGE-6")
@pytest.mark.parametrize("what", ["text", "post"])
async def test_last_active_is_when_anything_came_or_went(main: Stage, what: str) -> None:
    async with main.connect() as client:
        context = (await ask(client))["requestContext"]
        before = orjson.loads((await main.manage("GET", context["connectionId"])).body)
        if what == "text":
            # It takes its answer longer than the resolution of the time.
            await client.send(message("ask", seconds=0.01))
        else:
            await client.send(message("tell", seconds=0.01, post=["news"]))
        await client.recv()
        after = orjson.loads((await main.manage("GET", context["connectionId"])).body)

    assert context["connectedAt"] <= milliseconds(before["lastActiveAt"])
    assert before["lastActiveAt"] < after["lastActiveAt"]


def milliseconds(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


@pytest.mark.clause("MANAGE-7")
async def test_a_deletion_is_204_without_a_body(main: Stage) -> None:
    client, connection_id = await main.connected()

    response = await main.manage("DELETE", connection_id)
    await client.wait_closed()

    assert (response.status, response.body) == (204, b"")
    assert "content-length" not in response.headers


@pytest.mark.clause("MANAGE-8")
async def test_a_success_has_ids_and_no_error_type(main: Stage) -> None:
    client, connection_id = await main.connected()

    response = await main.manage("POST", connection_id, b"x")
    await client.close()

    assert re.fullmatch(
        r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", response.headers["x-amzn-requestid"]
    )
    assert len(response.headers["x-amz-apigw-id"]) == 16
    assert "x-amzn-errortype" not in response.headers
    assert "server" not in response.headers


@pytest.mark.clause("MANAGE-9")
@METHODS
async def test_an_unknown_connection_is_gone(main: Stage, method: str) -> None:
    assert_gone(await main.manage(method, UNKNOWN))


@pytest.mark.clause("MANAGE-9")
@METHODS
async def test_a_closed_connection_is_gone(main: Stage, method: str) -> None:
    async with main.observing() as observer:
        async with main.connect(told={"observer": observer.connection_id}):
            connection_id = (await observer.event())["requestContext"]["connectionId"]
        await observer.event()

        assert_gone(await main.manage(method, connection_id))


@pytest.mark.clause("MANAGE-9")
async def test_a_refused_connection_is_gone_like_any_other(start_gateway: StartGateway) -> None:
    functions = RecordingFunctions(connect=lambda _: {"statusCode": 403})
    gateway = await start_gateway(functions=functions)
    client = await RawClient.begin(gateway)
    await read_response(client.reader)
    event = await functions.next_event("connect")

    response = await gateway.post(event["requestContext"]["connectionId"], b"welcome")
    await client.close()

    assert_gone(response)
    assert not any("while its $connect runs" in line for line in gateway.lines)


@pytest.mark.clause("MANAGE-10")
@METHODS
async def test_a_connection_of_another_stage_is_unknown(
    main: Stage, stage_of: StageOf, method: str
) -> None:
    client, connection_id = await main.connected()

    assert_gone(await stage_of("open").manage(method, connection_id))
    await client.close()


@pytest.mark.clause("MANAGE-10")
@METHODS
async def test_a_connection_of_another_stage_of_the_api_is_unknown(
    gateway: Gateway, method: str
) -> None:
    client, connection_id = await gateway.connected()

    assert_gone(await gateway.request(method, f"/prod/@connections/{connection_id}"))
    await client.close()


@pytest.mark.clause("MANAGE-11")
@METHODS
@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("abc", "abc"),
        ("7d1bd0a4-4d5c-4b3c-9c44-e2bd5ba9a9a0", "7d1bd0a4-4d5c-4b3c-9c44-e2bd5ba9a9a0"),
        ("L0SM9cOFvHcCIhw", "L0SM9cOFvHcCIhw"),
        ("L0SM9cOFvHcCIh+%3D", "L0SM9cOFvHcCIh+="),
        ("%C3%A4%22", 'ä"'),
    ],
)
async def test_a_malformed_id_is_400(main: Stage, method: str, written: str, said: str) -> None:
    response = await main.manage(method, written)

    assert response.status == 400
    assert response.headers["x-amzn-errortype"] == "BadRequestException"
    assert orjson.loads(response.body) == {"message": f"Invalid connectionId: {said}"}


@pytest.mark.clause("MANAGE-12")
async def test_more_than_128_kb_are_413(main: Stage) -> None:
    client, connection_id = await main.connected()

    largest = await main.manage("POST", connection_id, b"x" * MESSAGE_BYTES)
    refused = await main.manage("POST", connection_id, b"y" * (MESSAGE_BYTES + 1))
    await main.manage("POST", connection_id, b"marker")

    assert (largest.status, refused.status) == (200, 413)
    assert refused.headers["x-amzn-errortype"] == "PayloadTooLargeException"
    assert await client.recv() == "x" * MESSAGE_BYTES
    assert await client.recv() == "marker"
    await client.close()


@pytest.mark.clause("MANAGE-12")
async def test_more_than_128_kb_are_not_kept(gateway: Gateway) -> None:
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


@pytest.mark.clause("MANAGE-13")
async def test_a_client_that_does_not_read_is_429(gateway: Gateway) -> None:
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


@pytest.mark.clause("MANAGE-13")
async def test_a_client_that_reads_again_can_be_posted_to_again(gateway: Gateway) -> None:
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


@pytest.mark.clause("MANAGE-14")
@pytest.mark.parametrize("is_direct", [True, False])
async def test_a_post_beyond_the_account_rate_is_429(
    start_gateway: StartGateway, *, is_direct: bool
) -> None:
    gateway = await start_gateway(account_rate=TokenBucket(0.001, burst=2), is_direct=is_direct)
    client, connection_id = await gateway.connected()

    first = await gateway.post(connection_id, b"x")
    second = await gateway.post(connection_id, b"x")
    await client.close()

    assert (first.status, second.status) == (200, 429)
    assert second.headers["x-amzn-errortype"] == "LimitExceededException"


@pytest.mark.clause("MANAGE-15")
@pytest.mark.parametrize("method", ["PUT", "PATCH", "OPTIONS"])
async def test_another_method_is_403(main: Stage, method: str) -> None:
    client, connection_id = await main.connected()

    response = await main.manage(method, connection_id)
    await client.close()

    assert response.status == 403
    assert response.headers["x-amzn-errortype"] == "ForbiddenException"
    assert orjson.loads(response.body) == {"message": "Forbidden"}


@pytest.mark.clause("MANAGE-16")
async def test_a_post_of_nothing_is_an_empty_frame(main: Stage) -> None:
    client, connection_id = await main.connected()

    response = await main.manage("POST", connection_id)

    assert response.status == 200
    assert await client.recv() == ""
    await client.close()


@pytest.mark.clause("MANAGE-16")
@pytest.mark.parametrize("is_direct", [True, False])
async def test_a_post_of_nothing_may_be_400(
    start_gateway: StartGateway, *, is_direct: bool
) -> None:
    gateway = await start_gateway(assume={"empty-post": "400"}, is_direct=is_direct)
    client, connection_id = await gateway.connected()

    response = await gateway.post(connection_id, b"")
    await gateway.post(connection_id, b"marker")

    assert response.status == 400
    assert response.headers["x-amzn-errortype"] == "BadRequestException"
    assert await client.recv() == "marker"
    await client.close()


@pytest.mark.clause("MANAGE-17")
async def test_bytes_that_are_not_utf_8_are_replaced(main: Stage) -> None:
    client, connection_id = await main.connected()

    response = await main.manage("POST", connection_id, b"a\xffb")

    assert response.status == 200
    assert await client.recv() == "a\ufffdb"
    await client.close()


@pytest.mark.clause("MANAGE-17")
async def test_the_developer_is_told_of_bytes_that_are_not_utf_8(gateway: Gateway) -> None:
    client, connection_id = await gateway.connected()

    await gateway.post(connection_id, b"a\xffb")
    await client.close()

    assert any("not UTF-8" in line for line in gateway.lines)


@pytest.mark.clause("MANAGE-17")
async def test_bytes_that_are_not_utf_8_may_be_400(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(assume={"non-utf8-post": "400"})
    client, connection_id = await gateway.connected()

    response = await gateway.post(connection_id, b"a\xffb")
    await gateway.post(connection_id, b"marker")

    assert response.status == 400
    assert await client.recv() == "marker"
    await client.close()


@pytest.mark.clause("MANAGE-18")
async def test_a_post_right_after_the_101_arrives(main: Stage) -> None:
    for _ in range(10):
        async with (
            main.observing() as observer,
            main.connect(told={"observer": observer.connection_id}) as client,
        ):
            context = (await observer.event())["requestContext"]

            response = await main.manage("POST", context["connectionId"], b"hi")

            assert response.status == 200
            assert await client.recv() == "hi"


@pytest.mark.clause("MANAGE-19")
async def test_a_200_says_that_the_socket_took_it(main: Stage) -> None:
    async with (
        main.observing() as observer,
        main.opened({"observer": observer.connection_id}) as client,
    ):
        context = (await observer.event())["requestContext"]
        client.transport.pause_reading()

        statuses = [
            (await main.manage("POST", context["connectionId"], b"unread")).status
            for _ in range(10)
        ]

    assert statuses == [200] * 10
