"""A tour of the main job: everything that it does once, closed, with secrets by reference."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Final

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from cloudpush import clock
from cloudpush.jobs import encode_job
from cloudpush.model import TARGETS_PER_SHARD, Drain, Notice, Receipt, ReceiptState
from tests.e2e.gateway_process import Client
from tests.e2e.touring import CONTENT, MSG, PATIENCE_SECONDS, TRACED, touring
from tests.fakes.auth import a_token
from tests.fakes.http_server import answer
from tests.fakes.key_server import ISSUER, ProviderKey

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.touring import Seen, Tour

NO_CLIENT: Final = "no client"


async def take(store: str, folder: Path) -> Seen:
    """Take the tour on one store."""
    seen: list[Seen] = []
    async with touring(store, folder, seen) as tour:
        for part in PARTS:
            await part(tour)
            await tour.look()
    return seen[0]


async def take_by_public_keys(folder: Path) -> Seen:
    """Take of it what shows tokens, where those are an identity provider's."""
    seen: list[Seen] = []
    async with touring("dynamodb", folder, seen, provider=ProviderKey(algorithm="RS256")) as tour:
        await be_let_in(tour)
        await be_refused(tour)
    return seen[0]


async def be_let_in(tour: Tour) -> None:
    """A client that comes by a ticket, and is sent away with all that it was issued."""
    issued = await tour.call("POST", "/v1/tickets", {"clientId": "grace", "push": ["bob"]})
    tour.credentials.append(issued["ticket"])
    url = f"{tour.gateway.websocket_url}?channelId=grace&ticket={issued['ticket']}"
    async with connect(url, additional_headers=TRACED, ping_interval=None) as websocket:
        grace = Client(websocket)
        await grace.receive_until(0)
        await tour.call("DELETE", "/v1/clients/grace", {"notBefore": clock.now_ms()})
        await grace.receive_until(15)
    await shut_out(tour, url, 401)


async def be_refused(tour: Tour) -> None:
    """Credentials that are none, and requests that are wrong, with what nobody should be told."""
    alice = tour.issue("alice")
    forged = [ProviderKey("new", "RS256").sign("bob"), a_token("bob", iss=ISSUER), CONTENT]
    for token, status in ((alice, 403), *((each, 401) for each in forged)):
        await shut_out(tour, f"{tour.gateway.websocket_url}?channelId=bob&token={token}", status)
    for credential in (*forged, tour.make_key("backend", is_revoked=True)):
        assert (await tour.ask(credential, "GET", "/v1/statistics", "")).status_code == 401
    for token, body, status in (
        (alice, json.dumps({"target": {"all": True}, "msg": MSG}), 403),
        (tour.issue("backend", scope="push"), CONTENT, 400),
        (
            tour.issue("backend", scope="push"),
            json.dumps({"target": {"clients": MSG}, "msg": MSG}),
            400,
        ),
        (tour.issue("backend", scope="push"), json.dumps({"msg": CONTENT}), 400),
    ):
        assert (await tour.ask(token, "POST", "/v1/messages", body)).status_code == status


async def shut_out(tour: Tour, url: str, status: int) -> None:
    """Try to connect, and keep what the gateway says."""
    with pytest.raises(InvalidStatus) as refused:
        await connect(url, additional_headers=TRACED)
    response = refused.value.response
    tour.refusals.append(f"{response.headers} {response.body!r}")
    assert response.status_code == status


async def come_by_key(tour: Tour) -> None:
    """A backend that has an API key."""
    key = tour.make_key("billing")
    async with tour.client("heidi") as heidi:
        body = json.dumps({"to": "heidi", "msg": MSG})
        assert (await tour.ask(key, "POST", "/message/send", body)).status_code == 200
        assert (await heidi.receive_until(1))["from"] == "billing"


async def speak(tour: Tour) -> None:
    """Everything that a client may say, and some that it may not."""
    async with tour.client("alice") as alice, tour.client("bob") as bob:
        assert await alice.heartbeat()
        await alice.send(msgType=1, to=["bob", "nobody"], msg=MSG, messageId="m1")
        await bob.receive_until(1)
        await alice.send(msgType=1, to=["bob", NO_CLIENT], msg=MSG, qos=1)
        kept = await bob.receive_until(1)
        await bob.send(msgType=2, seq=kept["seq"])
        await tour.told("bob", "delivered")
        await alice.send(msgType=13, epoch=alice.hello["epoch"], seq=0)
        await alice.receive_until(14)
        for wrong in (CONTENT, f'{{"{CONTENT}":', json.dumps({"msgType": 1, "msg": CONTENT})):
            await alice.websocket.send(wrong)
            await tour.refused(alice)
        async with tour.client("bob"):
            await bob.receive_until(15)


async def come_back(tour: Tour) -> None:
    """A client that was away, and does not acknowledge what waited for it."""
    await tour.push({"clients": ["frank"]}, qos=1)
    async with tour.client("frank") as frank:
        first = await frank.receive_until(1)
        again = await frank.receive_until(1)
        assert first["seq"] == again["seq"] == 1


async def speak_to_many(tour: Tour) -> None:
    """More targets than are served at once, most of which no client can be."""
    nobody = [f"{NO_CLIENT} {number}" for number in range(TARGETS_PER_SHARD)]
    async with tour.client("carol") as carol:
        await carol.send(msgType=1, to=["carol", *nobody], msg=MSG, qos=1)
        await carol.receive_until(1)
        await tour.told(nobody[-1], "missing")


async def ask(tour: Tour) -> None:
    """Every route of the push API."""
    async with tour.client("alice") as alice:
        await tour.call("POST", "/message/send", {"to": ["alice", "nobody"], "msg": MSG})
        await alice.receive_until(1)
        await tour.call("GET", "/server/get?channelId=alice")
        one = await tour.push({"clients": ["alice", NO_CLIENT]}, qos=1)
        kept = await alice.receive_until(1)
        await alice.send(msgType=2, seq=kept["seq"])
        await tour.told("alice", "delivered")
        item = {"target": {"clients": ["alice", "away"]}, "msg": MSG}
        await tour.call("POST", "/v1/messages:batch", {"messages": [item, {"msg": MSG}]})
        await alice.receive_until(1)
        later = await tour.push({"clients": ["alice"]}, delaySeconds=3600)
        await tour.call("GET", f"/v1/messages/{one}")
        await tour.call("GET", f"/v1/messages/{one}/receipts")
        await tour.call("DELETE", f"/v1/messages/{later}")
        await tour.call("GET", "/v1/clients/alice")
        await tour.call("GET", "/v1/clients/alice/inbox")
        await tour.call("POST", "/v1/presence:query", {"clients": ["alice", "away"]})
        await tour.call("GET", "/v1/statistics")
        await tour.call("GET", "/health")
        await tour.call("DELETE", "/v1/clients/alice", {"reason": "maintenance"})
        await alice.receive_until(15)


async def broadcast(tour: Tour) -> None:
    """To all: now, kept, and too early by the functions' clock, which the emulator can't move."""
    async with tour.client("dave") as dave:
        await tour.push({"all": True})
        await dave.receive_until(1)
        await tour.push({"all": True}, qos=1)
        kept = await dave.receive_until(1)
        await dave.send(msgType=2, seq=kept["seq"])
        await tour.push({"all": True}, delaySeconds=60)
        async with asyncio.timeout(2 * PATIENCE_SECONDS):
            while not tour.has_called("FanOutFunction", "sqs:SendMessage", "FanOutQueue"):
                await tour.advance(50)


async def keep_silent(tour: Tour) -> None:
    """A client that takes nothing until it is too late, and is then swept."""
    async with tour.client("erin") as erin:
        await tour.push({"clients": ["erin"]}, qos=1, ttlSeconds=1)
        await tour.told("erin", "expired")
        closing = asyncio.create_task(erin.receive_until(15))
        while not closing.done():
            swept = await tour.gateway.invoke("SweepFunction", {})
            assert swept.status_code == 200
        await closing


async def fail(tour: Tour) -> None:
    """A receiver that fails, and records that are no jobs."""
    tour.receiver.script("receipts", answer(500))
    told = len(tour.receiver.requests)
    await tour.push({"clients": [NO_CLIENT]}, qos=1)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(tour.receiver.requests) < told + 2:
            await tour.receiver.came.wait()
            tour.receiver.came.clear()
    attributes = {"ApproximateReceiveCount": "1", "SentTimestamp": "0"}
    record = {"messageId": "0", "receiptHandle": "0", "body": CONTENT, "attributes": attributes}
    for function in ("DeliverFunction", "FanOutFunction", "NotifyFunction"):
        await tour.gateway.invoke(function, {"Records": [record]})


async def come_to_life(tour: Tour) -> None:
    """Jobs that lie in the dead-letter queues, and are done after all."""
    receipt = Receipt(message_id="0", client_id="buried", state=ReceiptState.EXPIRED, at_ms=1)
    for queue, job in (
        ("DeadLetterQueue", Drain(client_ids=["buried"])),
        ("ReceiptDeadLetterQueue", Notice(receipts=[receipt])),
    ):
        await tour.gateway.send_to_queue(queue, encode_job(job))

    told = await tour.call("GET", "/v1/dead-letters")
    done = await tour.call("POST", "/v1/dead-letters/redrive")

    assert [each["waiting"] for each in told["queues"]] == [1, 1]
    assert done == {"redriven": 2, "left": 0}
    await tour.told("buried", "expired")


PARTS: Final = (
    be_let_in,
    be_refused,
    come_by_key,
    speak,
    come_back,
    speak_to_many,
    ask,
    come_to_life,
    keep_silent,
    fail,
    broadcast,
)
