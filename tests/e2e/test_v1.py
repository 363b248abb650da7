"""The routes under `/v1`, through real sockets and processes, on both stores."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.gateway_process import ANSWER_SECONDS

if TYPE_CHECKING:
    from tests.e2e.gateway_process import GatewayProcess

pytestmark = pytest.mark.asyncio(loop_scope="module")


def name(who: str) -> str:
    """Return a client id that no other test uses."""
    return f"{who}-{uuid.uuid4().hex[:8]}"


async def send(gateway: GatewayProcess, client_id: str, **more: object) -> str:
    """Send a message to a client, and return its id."""
    body = {"target": {"clients": [client_id]}, "msg": {"n": 1}, **more}
    response = await gateway.http.post("/v1/messages", json=body)
    assert response.status_code == 202, response.text
    return response.json()["messageId"]


async def look_up(gateway: GatewayProcess, message_id: str) -> dict[str, Any]:
    response = await gateway.http.get(f"/v1/messages/{message_id}")
    assert response.status_code == 200, response.text
    return response.json()


async def test_a_message_is_followed_from_its_sender_to_its_receipt(
    gateway: GatewayProcess,
) -> None:
    alice = name("alice")
    message_id = await send(gateway, alice, qos=1)
    waiting = (await gateway.http.get(f"/v1/clients/{alice}/inbox")).json()
    async with gateway.client(alice) as client:
        envelope = await client.receive_until(1)
        await client.send(msgType=2, seq=envelope["seq"])
        await client.send(msgType=13)
        await client.receive_until(14)
        online = (await gateway.http.post("/v1/presence:query", json={"clients": [alice]})).json()
        while (told := await look_up(gateway, message_id))["state"] != "done":
            pass
    receipts = (await gateway.http.get(f"/v1/messages/{message_id}/receipts")).json()

    assert [each["messageId"] for each in waiting["entries"]] == [message_id]
    assert envelope["messageId"] == message_id
    assert online == {"clients": [{"clientId": alice, "online": True, "sessions": 1}]}
    assert told["counts"]["delivered"] == 1
    assert [each["state"] for each in told["timeline"]] == [
        "accepted",
        "queued",
        "sent",
        "delivered",
    ]
    assert [(each["clientId"], each["state"]) for each in receipts["receipts"]] == [
        (alice, "delivered")
    ]


async def test_a_delayed_message_comes_on_the_second(gateway: GatewayProcess) -> None:
    alice = name("alice")
    async with gateway.client(alice) as client:
        loop = asyncio.get_running_loop()
        began = loop.time()
        message_id = await send(gateway, alice, delaySeconds=2)
        scheduled = await look_up(gateway, message_id)
        listed = (await gateway.http.get("/v1/messages?state=scheduled")).json()["messages"]
        envelope = await client.receive_until(1)
        seconds = loop.time() - began

    assert scheduled["state"] == "scheduled"
    assert scheduled in listed
    assert envelope["messageId"] == message_id
    assert seconds >= 2


async def test_a_cancelled_message_never_comes(gateway: GatewayProcess) -> None:
    alice = name("alice")
    async with gateway.client(alice) as client:
        cancelled = await send(gateway, alice, qos=1, delaySeconds=1)
        answer = await gateway.http.delete(f"/v1/messages/{cancelled}")
        marker = await send(gateway, alice, qos=1, delaySeconds=2)
        envelope = await client.receive_until(1)
        too_late = await gateway.http.delete(f"/v1/messages/{marker}")

    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    assert envelope["messageId"] == marker
    assert (too_late.status_code, too_late.json()["error"]["code"]) == (409, "conflict")


async def test_a_repeated_request_gets_the_first_answer(gateway: GatewayProcess) -> None:
    alice = name("alice")
    body = {"target": {"clients": [alice]}, "msg": {}, "qos": 1}
    headers = {"Idempotency-Key": alice}
    first = await gateway.http.post("/v1/messages", json=body, headers=headers)
    again = await gateway.http.post("/v1/messages", json=body, headers=headers)
    other = await gateway.http.post("/v1/messages", json={**body, "qos": 0}, headers=headers)
    inbox = (await gateway.http.get(f"/v1/clients/{alice}/inbox")).json()

    assert (first.status_code, again.status_code, other.status_code) == (202, 202, 409)
    assert first.content == again.content
    assert again.headers["idempotent-replayed"] == "true"
    assert inbox["inbox"]["depth"] == 1


async def test_who_is_disconnected_is_told_first(gateway: GatewayProcess) -> None:
    alice = name("alice")
    async with gateway.client(alice) as client:
        await client.heartbeat()
        before = (await gateway.http.get(f"/v1/clients/{alice}")).json()
        answer = await gateway.http.request(
            "DELETE", f"/v1/clients/{alice}", json={"reason": "maintenance"}
        )
        told = await client.receive_until(15)
        await client.websocket.wait_closed()

    assert len(before["sessions"]) == 1
    assert answer.json() == {"clientId": alice, "disconnected": 1, "pending": 0}
    assert (told["closeCode"], told["resultMsg"]) == (4001, "maintenance")


async def test_a_batch_answers_item_by_item(gateway: GatewayProcess) -> None:
    alice = name("alice")
    good: dict[str, Any] = {"target": {"clients": [alice]}, "msg": {"n": 7}, "qos": 1}
    async with gateway.client(alice) as client:
        response = await gateway.http.post(
            "/v1/messages:batch", json={"messages": [good, {"msg": {"n": 8}}]}
        )
        envelope = await client.receive_until(1)

    results = response.json()["results"]
    assert [each["status"] for each in results] == [202, 400]
    assert envelope["messageId"] == results[0]["message"]["messageId"]


async def test_what_functions_count_is_there_for_prometheus(gateway: GatewayProcess) -> None:
    await send(gateway, name("alice"))

    response = await gateway.http.get("/_gateway/metrics")

    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert 'cloudpush_Publications_sum{service="cloudpush"}' in response.text
    assert "local_gateway_metrics_invalid_total 0" in response.text


async def test_what_functions_count_is_told_by_the_minute(gateway: GatewayProcess) -> None:
    alice = name("alice")
    told: dict[str, Any] = {"histograms": {}}
    async with gateway.client(alice) as client, asyncio.timeout(ANSWER_SECONDS):
        # An acknowledgement may come before it is written that the message was sent. Then nobody
        # can tell how long it took.
        while "DeliveryLatency" not in told["histograms"]:
            await send(gateway, alice, qos=1)
            envelope = await client.receive_until(1)
            await client.send(msgType=2, seq=envelope["seq"])
            await client.send(msgType=13)
            await client.receive_until(14)
            (await gateway.invoke("SweepFunction", {})).raise_for_status()
            told = (await gateway.http.get("/v1/statistics")).json()

    assert told["counts"]["Delivered"] >= 1
    assert told["counts"]["Connections"] >= 1
    assert told["histograms"]["DeliveryLatency"]["count"] >= 1
    assert "online" in told


async def test_nothing_is_dead_while_all_goes_well(gateway: GatewayProcess) -> None:
    before = (await gateway.http.get("/v1/dead-letters")).json()
    redriven = (await gateway.http.post("/v1/dead-letters/redrive")).json()

    assert before == {
        "queues": [
            {"name": queue, "waiting": 0, "hidden": 0, "records": []}
            for queue in ("jobs", "receipts")
        ]
    }
    assert redriven == {"redriven": 0, "left": 0}
