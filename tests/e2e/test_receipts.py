"""Receipts told to their sender, by a real receiver that checks what it gets."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import itertools
import json
from collections import Counter
from typing import TYPE_CHECKING, Any, cast

import boto3
import pytest
import pytest_asyncio

from tests.e2e.gateway_process import ROOT, free_port, main_job, running_gateway
from tests.fakes.http_server import ScriptedServer, answer

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from tests.e2e.gateway_process import GatewayProcess
    from tests.fakes.http_server import Request

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET = "cloudpush-development-secret"
ANSWER_SECONDS = 40


class Receiver(ScriptedServer):
    """A sender's receiver; every request that it answers 2xx is one that it has."""

    def fail(self, times: int) -> None:
        """Answer the next requests with 500."""
        self.script("receipts", *[answer(500)] * times)

    async def until(self, count: int) -> list[Request]:
        """Return the requests since it was last reset, once there are so many."""
        async with asyncio.timeout(ANSWER_SECONDS):
            while len(self.requests) < count:
                await self.came.wait()
                self.came.clear()
        return self.requests


def told_to(receiver: Receiver) -> dict[str, str]:
    """Return the parameters that `make dev RECEIPT_URL=…` passes."""
    return {
        "ReceiptUrl": f"http://127.0.0.1:{receiver.port}/receipts",
        "ReceiptNetwork": "private",
        "ReceiptSecret": f"plain:{SECRET}",
    }


def receipts_in(request: Request) -> list[dict[str, Any]]:
    """Return what a request tells, if its signature holds."""
    headers = request.headers
    assert headers["webhook-key-id"] == "plain"
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + request.body
    digest = hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"
    return json.loads(request.body)["receipts"]


@pytest_asyncio.fixture(loop_scope="module")
async def receiver(receiving: Receiver) -> Receiver:
    receiving.requests.clear()
    receiving.replies.clear()
    return receiving


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def receiving() -> AsyncGenerator[Receiver]:
    async with Receiver() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(
    receiving: Receiver, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[GatewayProcess]:
    """Run the service with three attempts instead of sixteen, and without the sweep's many runs."""
    text = (ROOT / "template.yaml").read_text()
    for before, after in (
        ("maxReceiveCount: 16", "maxReceiveCount: 3"),
        ("rate(1 minute)", "rate(1 day)"),
        ("CodeUri: functions/", f"CodeUri: {ROOT}/functions/"),
        ("ContentUri: layers/", f"ContentUri: {ROOT}/layers/"),
    ):
        assert before in text
        text = text.replace(before, after)
    template = tmp_path_factory.mktemp("impatient") / "template.yaml"
    template.write_text(text)
    port = free_port()
    arguments = main_job("redis", port, **told_to(receiving))
    arguments[arguments.index("template.yaml")] = str(template)
    async with running_gateway(arguments, port=port) as running:
        yield running


async def advance(gateway: GatewayProcess, seconds: int) -> None:
    """Let time pass, with all that is due in it."""
    response = await gateway.http.post(
        "/_gateway/clock", json={"advance": seconds}, timeout=4 * ANSWER_SECONDS
    )
    assert response.status_code == 200, response.text


async def send(gateway: GatewayProcess, *clients: str, **options: object) -> str:
    """Send a message of QoS 1; return its id."""
    body = {"target": {"clients": clients}, "msg": {"k": "v"}, "qos": 1, **options}
    response = await gateway.http.post("/v1/messages", json=body)
    assert response.status_code == 202, response.text
    return response.json()["messageId"]


async def deliver(gateway: GatewayProcess, client_id: str, **options: object) -> str:
    """Send a message to a client that acknowledges it; return its id.

    Messages of one connection are handled side by side, also beside its end. So the client stays
    until its word was taken: a client that is gone has none.
    """
    async with gateway.client(client_id) as client:
        message_id = await send(gateway, client_id, **options)
        envelope = await client.receive_until(1)
        await client.send(msgType=2, seq=envelope["seq"])
        async with asyncio.timeout(ANSWER_SECONDS):
            while await waiting(gateway, client_id):
                await client.heartbeat()
    return message_id


async def waiting(gateway: GatewayProcess, client_id: str) -> int:
    """Return how many messages wait for a client."""
    response = await gateway.http.get(f"/v1/clients/{client_id}")
    assert response.status_code == 200, response.text
    return response.json()["inbox"]["depth"]


async def test_a_receiver_that_fails_twice_is_told_the_third_time(
    gateway: GatewayProcess, receiver: Receiver
) -> None:
    receiver.fail(2)

    message_id = await deliver(gateway, "alice")
    await receiver.until(1)
    await advance(gateway, 20)
    requests = await receiver.until(3)

    told = [receipts_in(each) for each in requests]
    assert (
        told
        == [
            [
                {
                    "id": f"{message_id}/alice",
                    "messageId": message_id,
                    "clientId": "alice",
                    "state": "delivered",
                    "at": told[0][0]["at"],
                    # An acknowledgement may come before it is written that the message was sent.
                    **{key: at for key, at in told[0][0].items() if key == "sentAt"},
                }
            ]
        ]
        * 3
    )
    assert len({each.headers["webhook-id"] for each in requests}) == 1


async def test_whom_nobody_can_be_is_told_and_what_has_no_receipts_is_not(
    gateway: GatewayProcess, receiver: Receiver
) -> None:
    await deliver(gateway, "dora", receipts="none")
    nobody = await send(gateway, "bob", "not an id")
    heard = await deliver(gateway, "carol")

    told: dict[str, str] = {}
    for count in itertools.count(1):
        requests = await receiver.until(count)
        told |= {each["id"]: each["state"] for each in receipts_in(requests[-1])}
        if f"{heard}/carol" in told:
            break

    assert told == {f"{nobody}/not an id": "missing", f"{heard}/carol": "delivered"}


async def test_a_receiver_that_stays_down_blocks_nothing_and_nothing_is_lost(
    gateway: GatewayProcess, receiver: Receiver
) -> None:
    receiver.fail(1000)
    ids = [f"{await deliver(gateway, name)}/{name}" for name in ("eve", "frank", "grace")]
    await receiver.until(1)

    await advance(gateway, 60)

    attempts = Counter(each["id"] for request in receiver.requests for each in receipts_in(request))
    assert attempts == dict.fromkeys(ids, 3)
    assert sorted(await dead_letters(gateway)) == sorted(ids)


async def dead_letters(gateway: GatewayProcess) -> list[str]:
    """Return the ids of the receipts in the dead-letter queue."""
    [child] = [each for each in gateway.family() if "moto_server" in " ".join(each.cmdline())]
    [listening] = [each for each in child.net_connections() if each.status == "LISTEN"]
    sqs: Any = cast("Any", boto3).client(
        "sqs",
        endpoint_url=f"http://127.0.0.1:{listening.laddr.port}",
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )
    [url] = [each for each in sqs.list_queues()["QueueUrls"] if "ReceiptDeadLetterQueue" in each]
    found: list[str] = []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for each in messages:
            receipts = json.loads(each["Body"])["receipts"]
            found += [f"{each['message_id']}/{each['client_id']}" for each in receipts]
    return found
