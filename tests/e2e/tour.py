"""A tour of the main job: everything that it does once, closed, with secrets by reference.

Contents, secrets and tokens are canaries: no log may have them. What the functions call of AWS on
the way is recorded.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import jwt
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from cloudpush import clock
from cloudpush.jobs import encode_job
from cloudpush.model import TARGETS_PER_SHARD, Drain, Notice, Receipt, ReceiptState
from local_gateway.privileges import record
from tests.e2e.gateway_process import (
    ROOT,
    Client,
    free_port,
    main_job,
    running_gateway,
)
from tests.fakes.auth import bearer
from tests.fakes.http_server import ScriptedServer, answer
from tests.fakes.secrets_server import SecretsServer, in_parameter_store, in_secrets_manager
from tests.serving import serving

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from local_gateway.privileges.record import AwsCall
    from tests.e2e.gateway_process import GatewayProcess

CONTENT: Final = "canary-content-4c1b"
MSG: Final = {CONTENT: CONTENT}
SIGNING_SECRET: Final = "canary-signing-secret-9f0d-0123456789"
RECEIPT_SECRET: Final = "canary-receipt-secret-77ab-0123456789"
NO_CLIENT: Final = "no client"
PATIENCE_SECONDS: Final = 60.0
"""How long a request may take: a sweep looks through every shard, and moto is slow."""
EVERYTHING: Final = "push read admin"


@dataclass(frozen=True, slots=True)
class Seen:
    """What a tour leaves behind."""

    parameters: dict[str, str]
    """Of the template."""
    canaries: list[str]
    """What no log may have."""
    calls: frozenset[AwsCall]
    log: str
    """All that the emulator and its functions wrote."""
    metrics: str
    """What `/_gateway/metrics` answered at the end."""
    rows: str
    """What the inspector shows, which is content too: so it was there."""


@dataclass(slots=True)
class Tour:
    """The main job while the tour goes on."""

    gateway: GatewayProcess
    receiver: ScriptedServer
    calls: Path
    """The record of what functions call."""
    tokens: list[str] = field(default_factory=list[str])
    tickets: list[str] = field(default_factory=list[str])

    def issue(self, subject: str, **claims: object) -> str:
        """Return a token for an hour."""
        now = clock.now_ms() // 1000
        known = {"sub": subject, "aud": "cloudpush", "iat": now, "exp": now + 3600}
        token = jwt.encode(known | claims, SIGNING_SECRET, algorithm="HS256")
        self.tokens.append(token)
        return token

    async def call(self, method: str, path: str, body: Any = None) -> Any:  # noqa: ANN401 — any JSON
        """Call the push API as somebody who may do everything; return its answer, a success."""
        token = self.issue("backend", scope=EVERYTHING, push="*")
        response = await self.gateway.http.request(method, path, json=body, headers=bearer(token))
        assert response.is_success, response.text
        return response.json()

    async def push(self, target: dict[str, Any], **more: object) -> str:
        """Send a message under `/v1`, and return its id."""
        body = {"target": target, "msg": MSG, **more}
        message_id: str = (await self.call("POST", "/v1/messages", body))["messageId"]
        return message_id

    @asynccontextmanager
    async def client(self, client_id: str) -> AsyncGenerator[Client]:
        """Connect a client by a token in the subprotocol, which may push to all."""
        offered = [Subprotocol("cloudpush"), Subprotocol(self.issue(client_id, push="*"))]
        url = f"{self.gateway.websocket_url}?channelId={client_id}"
        async with connect(url, subprotocols=offered, ping_interval=None) as websocket:
            client = Client(websocket)
            client.hello = await client.receive_until(0)
            yield client

    async def advance(self, seconds: int) -> None:
        """Let time pass for all but the functions, with what is due in it."""
        response = await self.gateway.http.post("/_gateway/clock", json={"advance": seconds})
        assert response.status_code == 200, response.text

    def has_called(self, function: str, action: str, resource: str) -> bool:
        """Tell whether a function has done this to what ends so."""
        return any(
            (each.function, each.action) == (function, action) and each.resource.endswith(resource)
            for each in record.read(self.calls)
        )

    async def told(self, client_id: str, state: str) -> None:
        """Wait until the receiver has been told of a client's receipt."""
        receipt = f'"clientId":"{client_id}","state":"{state}"'.encode()
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not any(receipt in each.body for each in self.receiver.requests):
                await self.receiver.came.wait()
                self.receiver.came.clear()


@asynccontextmanager
async def touring(store: str, folder: Path, seen: list[Seen]) -> AsyncGenerator[Tour]:
    """Run the main job closed, with receipts; at the end add to `seen` what was seen."""
    secrets = SecretsServer(signing=SIGNING_SECRET, receipts=RECEIPT_SECRET)
    signing, receipts = in_secrets_manager("signing"), in_parameter_store("receipts")
    if store == "redis":
        signing, receipts = in_parameter_store("signing"), in_secrets_manager("receipts")
    port, file = free_port(), folder / "calls.jsonl"
    async with ScriptedServer() as receiver, serving(secrets) as url:
        template = folder / "template.yaml"
        template.write_text(finding_secrets_at(url))
        parameters = {
            "AuthMode": "jwt",
            "AuthSecretArn": signing,
            "ConnectionPolicy": "single",
            "LogLevel": "DEBUG",
            "StaleAfterSeconds": "1",
            "ReceiptUrl": f"http://127.0.0.1:{receiver.port}/receipts",
            "ReceiptNetwork": "private",
            "ReceiptSecret": receipts,
        }
        arguments = [
            *main_job(store, port, **parameters),
            *("--record-calls", str(file), "--show-metrics"),
        ]
        arguments[arguments.index("template.yaml")] = str(template)
        async with running_gateway(arguments, port=port) as gateway:
            gateway.http.timeout = PATIENCE_SECONDS
            tour = Tour(gateway, receiver, file)
            yield tour
            metrics = (await gateway.http.get("/_gateway/metrics")).text
            rows = (await gateway.http.get("/_gateway/rows")).text
    # A token's head is the same in all of them and no secret.
    signed = [part for each in tour.tokens for part in each.split(".")[1:]]
    seen.append(
        Seen(
            parameters={"Store": store, **parameters},
            canaries=[CONTENT, SIGNING_SECRET, RECEIPT_SECRET, *signed, *tour.tickets],
            calls=record.read(file) | secrets.calls,
            log=gateway.log,
            metrics=metrics,
            rows=rows,
        )
    )


def finding_secrets_at(url: str) -> str:
    """Return our template, whose functions find Secrets Manager and Parameter Store there."""
    text = (ROOT / "template.yaml").read_text()
    variables = "".join(
        f"\n        AWS_ENDPOINT_URL_{name}: {url}" for name in ("SECRETS_MANAGER", "SSM")
    )
    for before, after in (
        ("      Variables:", f"      Variables:{variables}"),
        ("CodeUri: functions/", f"CodeUri: {ROOT}/functions/"),
        ("ContentUri: layers/", f"ContentUri: {ROOT}/layers/"),
    ):
        assert before in text
        text = text.replace(before, after)
    return text


async def take(store: str, folder: Path) -> Seen:
    """Take the tour on one store."""
    seen: list[Seen] = []
    async with touring(store, folder, seen) as tour:
        for part in PARTS:
            await part(tour)
    return seen[0]


async def be_let_in(tour: Tour) -> None:
    """A client that comes by a ticket, and is sent away with all that it was issued."""
    issued = await tour.call("POST", "/v1/tickets", {"clientId": "grace", "push": ["bob"]})
    tour.tickets.append(issued["ticket"])
    url = f"{tour.gateway.websocket_url}?channelId=grace&ticket={issued['ticket']}"
    async with connect(url, ping_interval=None) as websocket:
        grace = Client(websocket)
        await grace.receive_until(0)
        await tour.call("DELETE", "/v1/clients/grace", {"notBefore": clock.now_ms()})
        await grace.receive_until(15)


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
            await alice.receive_until(-1)
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
    speak,
    come_back,
    speak_to_many,
    ask,
    come_to_life,
    keep_silent,
    fail,
    broadcast,
)
