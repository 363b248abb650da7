"""10,000 texts and bodies that nobody should send, while two others talk undisturbed."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest

from tests.e2e.gateway_process import free_port, main_job, running_gateway
from tests.fakes.hostile import hostile_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.e2e.gateway_process import Client, GatewayProcess

TEXTS = BODIES = 5_000
SENDERS = 10


async def send_texts(client: Client, texts: Sequence[str]) -> None:
    """Send each, and see that each has an envelope for an answer."""
    for text in texts:
        await client.websocket.send(text)
        answer = await client.receive()
        assert answer["msgType"] in {-1, 2, 4, 14}, (text, answer)


async def post_bodies(gateway: GatewayProcess, bodies: Sequence[str]) -> None:
    """Post each, and see that none is a fault of the service."""
    for body in bodies:
        response = await gateway.http.post("/message/send", content=body.encode("utf-8"))
        answer = response.json()
        assert response.status_code in {200, 400, 413}, (body, response.text)
        assert answer.keys() == {"success", "code", "msg", "data"}
        assert answer["success"] is (response.status_code == 200)


async def converse(one: Client, other: Client, other_id: str, finished: asyncio.Event) -> int:
    """Push from one to the other until the rest is done; nothing may get lost on the way."""
    number = 0
    while not finished.is_set():
        await one.send(msgType=1, to=other_id, msg={"n": number})
        acknowledgement, envelope = await asyncio.gather(one.receive(), other.receive())
        assert (acknowledgement["msgType"], acknowledgement["missing"]) == (2, [])
        assert envelope["msg"] == {"n": number}
        number += 1
    return number


@pytest.mark.timeout(240)
async def test_ten_thousand_hostile_texts_and_bodies_disturb_nobody() -> None:
    port = free_port()
    arguments = main_job("redis", port, StaleAfterSeconds="3600", MessageRate="0")
    async with (
        running_gateway(arguments, port=port) as gateway,
        AsyncExitStack() as stack,
    ):
        alice = await stack.enter_async_context(gateway.client("alice"))
        bob = await stack.enter_async_context(gateway.client("bob"))
        hostile = [
            await stack.enter_async_context(gateway.client(f"hostile-{number}"))
            for number in range(SENDERS)
        ]
        finished = asyncio.Event()
        conversation = asyncio.create_task(converse(alice, bob, "bob", finished))
        async with asyncio.TaskGroup() as group:
            for index, client in enumerate(hostile):
                texts = [hostile_text(n) for n in range(index, TEXTS, SENDERS)]
                group.create_task(send_texts(client, texts))
                bodies = [hostile_text(n) for n in range(index, BODIES, SENDERS)]
                group.create_task(post_bodies(gateway, bodies))
        finished.set()
        exchanged = await conversation
        alive = [await client.heartbeat() for client in hostile]

    assert exchanged > 10
    assert [answer["msgType"] for answer in alive] == [4] * SENDERS
    assert "Traceback" not in gateway.log
    assert json.dumps("ERROR") not in gateway.log
