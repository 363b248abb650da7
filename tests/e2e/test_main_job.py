"""The main job, through real sockets and processes, on both stores."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.e2e.gateway_process import Client

if TYPE_CHECKING:
    from tests.e2e.gateway_process import GatewayProcess

pytestmark = pytest.mark.asyncio(loop_scope="module")


def name(who: str) -> str:
    """Return a client id that no other test uses."""
    return f"{who}-{uuid.uuid4().hex[:8]}"


async def test_connection_is_the_first_thing_that_a_client_gets(gateway: GatewayProcess) -> None:
    alice = name("alice")

    async with gateway.client(alice) as client:
        hello = client.hello

    assert hello == {
        "msgType": 0,
        "to": alice,
        "sessionId": hello["sessionId"],
        "activeTime": hello["activeTime"],
        "resultMsg": hello["resultMsg"],
        "epoch": hello["epoch"],
        "seq": 0,
        "after": 0,
        "resumed": False,
    }


@pytest.mark.parametrize(
    "query", ["", "?channelId=", "?channelId=a%20b", f"?channelId={'x' * 129}"]
)
async def test_a_client_without_a_proper_id_is_refused_with_400(
    gateway: GatewayProcess, query: str
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await connect(f"{gateway.websocket_url}{query}")

    assert refused.value.response.status_code == 400


async def test_a_push_by_http_reaches_its_target_and_names_who_is_missing(
    gateway: GatewayProcess,
) -> None:
    alice, nobody = name("alice"), name("nobody")
    async with gateway.client(alice) as client:
        answer = await gateway.push(to=[alice, nobody], msg={"k": "v"})
        envelope = await client.receive()

    assert answer == {"success": True, "code": "0", "msg": answer["msg"], "data": [nobody]}
    assert envelope == {
        "msgType": 1,
        "trigger": 1,
        "to": alice,
        "from": "system",
        "msg": {"k": "v"},
        "messageId": envelope["messageId"],
        "requestId": envelope["requestId"],
        "sessionId": client.hello["sessionId"],
        "activeTime": envelope["activeTime"],
    }


async def test_a_push_by_websocket_reaches_its_target_and_is_acknowledged(
    gateway: GatewayProcess,
) -> None:
    alice, bob, nobody = name("alice"), name("bob"), name("nobody")
    async with gateway.client(alice) as to, gateway.client(bob) as sender:
        await sender.send(msgType=1, to=[alice, nobody], msg={"hi": 1}, messageId="mine")
        acknowledgement = await sender.receive()
        envelope = await to.receive()

    assert (acknowledgement["msgType"], acknowledgement["messageId"]) == (2, "mine")
    assert acknowledgement["missing"] == [nobody]
    assert (envelope["trigger"], envelope["from"], envelope["msg"]) == (2, bob, {"hi": 1})
    assert envelope["messageId"] != "mine"


async def test_a_push_is_traced_to_the_event_that_caused_it(gateway: GatewayProcess) -> None:
    alice, text = name("alice"), uuid.uuid4().hex
    async with gateway.client(alice) as client:
        await client.send(msgType=1, to=alice, msg={"text": text})
        await client.receive_until(1)
        rows = (await gateway.http.get("/_gateway/rows")).json()["rows"]

    [post] = [row for row in rows if row["kind"] == "post" and text in row["text"]]
    [event] = [row for row in rows if row.get("trace") == post["trace"] and row is not post]
    assert (event["kind"], event["function"]) == ("invocation", "MessageFunction")


async def test_send_to_all_reaches_everybody(gateway: GatewayProcess) -> None:
    async with gateway.client(name("alice")) as alice, gateway.client(name("bob")) as bob:
        await gateway.push(sendToAll=True, msg={"all": True})
        envelopes = await asyncio.gather(alice.receive(), bob.receive())
    await gateway.until_done(envelopes[0]["messageId"])

    assert [envelope["msg"] for envelope in envelopes] == [{"all": True}] * 2


async def test_a_thousand_targets_are_one_push(gateway: GatewayProcess) -> None:
    connected = [name("one-of-many") for _ in range(150)]
    missing = [name("nobody") for _ in range(850)]
    clients = [gateway.client(each) for each in connected]
    opened = [await client.__aenter__() for client in clients]
    try:
        answer = await gateway.push(to=[*connected, *missing], msg={"n": 1})
        envelopes = await asyncio.gather(*(client.receive() for client in opened))
    finally:
        for client in clients:
            await client.__aexit__(None, None, None)

    assert answer["data"] == missing
    assert [envelope["to"] for envelope in envelopes] == connected


async def test_a_heartbeat_is_acknowledged(gateway: GatewayProcess) -> None:
    async with gateway.client(name("alice")) as client:
        answer = await client.heartbeat()

    assert answer["msgType"] == 4


async def test_a_reconnect_under_the_same_id_never_loses_the_newer_connection(
    gateway: GatewayProcess,
) -> None:
    alice = name("alice")
    async with gateway.client(alice) as older, gateway.client(alice) as newer:
        older.websocket.transport.abort()
        await older.websocket.wait_closed()
        for number in range(5):
            answer = await gateway.push(to=alice, msg={"n": number})
            assert answer["data"] == []
        numbers = [await next_number(newer) for _ in range(5)]

    assert numbers == list(range(5))


async def next_number(client: Client) -> int:
    """Return the next `n` of a message, and drop what another test pushed to all."""
    while "n" not in (msg := (await client.receive_until(1))["msg"]):
        pass
    return msg["n"]


async def test_server_get_hands_out_an_address_that_can_be_connected_to(
    gateway: GatewayProcess,
) -> None:
    response = await gateway.http.get("/server/get", params={"channelId": name("alice")})
    async with connect(response.json()["data"]["address"]) as websocket:
        hello = await Client(websocket).receive()

    assert hello["msgType"] == 0


async def test_everything_is_up(gateway: GatewayProcess) -> None:
    answers = [await gateway.http.get(path) for path in ("/health", "/_gateway/health")]

    assert [answer.status_code for answer in answers] == [200, 200]


async def test_the_test_page_and_the_api_page_are_served(gateway: GatewayProcess) -> None:
    page, docs = await gateway.http.get("/"), await gateway.http.get("/docs")

    assert [page.headers["content-type"].split(";")[0], docs.status_code] == ["text/html", 200]
    assert "channelId" in page.text
