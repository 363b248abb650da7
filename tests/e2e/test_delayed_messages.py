"""Messages for later: they survive that the gateway and the store end, and come once."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

import pytest

from cloudpush import clock
from cloudpush.model import Place, shard_of
from tests.chaos.backings import ValkeyBacking
from tests.e2e.gateway_process import free_port, main_job, running_gateway

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from tests.e2e.gateway_process import Client, GatewayProcess

pytestmark = pytest.mark.valkey

MARKER = {"n": "marker"}
DAY_MS = 24 * 60 * 60 * 1000


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[ValkeyBacking]:
    """Run a Valkey that is not the gateway's own, and keeps what was written to it."""
    backing = ValkeyBacking(tmp_path)
    yield backing
    backing.stop()


def service(valkey: ValkeyBacking) -> AbstractAsyncContextManager[GatewayProcess]:
    port = free_port()
    url = valkey.variables(valkey.server.port)["REDIS_URL"]
    return running_gateway(main_job("redis", port, RedisUrl=url), port=port)


async def send(gateway: GatewayProcess, to: str, **options: Any) -> str:  # noqa: ANN401 — any option
    body = {"target": {"clients": [to]}, "msg": {"n": 1}, "qos": 1, **options}
    answer = await gateway.http.post("/v1/messages", json=body)
    assert answer.status_code == 202, answer.text
    return answer.json()["messageId"]


async def look(gateway: GatewayProcess, message_id: str) -> dict[str, Any]:
    return (await gateway.http.get(f"/v1/messages/{message_id}")).json()


async def read_until_marker(
    gateway: GatewayProcess, client: Client, to: str
) -> dict[int, dict[str, Any]]:
    """Send a last message; return by `seq` what the client got up to it, and acknowledge it."""
    await send(gateway, to, msg=MARKER)
    found: dict[int, dict[str, Any]] = {}
    while MARKER not in found.values():
        envelope = await client.receive_until(1)
        found[envelope["seq"]] = envelope["msg"]
    await client.send(msgType=2, seq=max(found))
    return found


def look_now(valkey: ValkeyBacking, message_id: str) -> None:
    """Let the next sweep look at a message of which a job is lost, and not only after minutes."""
    now_ms = clock.now_ms()
    place = Place(shard=shard_of(message_id))
    [page] = valkey.messages.read_due([place], due_before_ms=now_ms + DAY_MS)
    for due in page.due:
        if due.message_id == message_id:
            valkey.messages.postpone(due, look_at_ms=now_ms)


async def test_a_delayed_message_comes_once_although_the_store_was_killed(
    valkey: ValkeyBacking,
) -> None:
    async with service(valkey) as gateway, gateway.client("alice") as client:
        message_id = await send(gateway, "alice", delaySeconds=3)
        valkey.restart()
        scheduled = await look(gateway, message_id)
        first = await client.receive_until(1)
        await gateway.invoke("SweepFunction", {})
        found = await read_until_marker(gateway, client, "alice")
        await gateway.until_done(message_id)
        record = await look(gateway, message_id)

    assert (scheduled["state"], first["messageId"]) == ("scheduled", message_id)
    assert {1: {"n": 1}} | found == {1: {"n": 1}, 2: MARKER}
    assert record["timeline"][1]["firstAt"] >= record["dueAt"]


async def test_a_delayed_message_comes_once_although_all_was_killed(valkey: ValkeyBacking) -> None:
    async with service(valkey) as gateway:
        message_id = await send(gateway, "alice", delaySeconds=5)
        tomorrow = await send(gateway, "alice", delaySeconds=DAY_MS // 1000)
        await gateway.stop(signal.SIGKILL)
    valkey.restart()
    look_now(valkey, message_id)

    async with service(valkey) as gateway, gateway.client("alice") as client:
        await gateway.invoke("SweepFunction", {})
        first = await client.receive_until(1)
        await gateway.invoke("SweepFunction", {})
        found = await read_until_marker(gateway, client, "alice")
        await gateway.until_done(message_id)
        record = await look(gateway, message_id)
        too_late = await gateway.http.delete(f"/v1/messages/{message_id}")
        in_time = await gateway.http.delete(f"/v1/messages/{tomorrow}")

    assert first["messageId"] == message_id
    assert {1: {"n": 1}} | found == {1: {"n": 1}, 2: MARKER}
    assert record["timeline"][1]["firstAt"] >= record["dueAt"]
    assert (too_late.status_code, in_time.status_code) == (409, 200)
    assert in_time.json()["state"] == "cancelled"
