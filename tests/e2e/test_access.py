"""API keys, tickets and revocation, from the command line to a real handshake."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, cast

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from cloudpush import cli, clock, wiring
from tests.contract.connection_stores import valkey_port as running_valkey
from tests.e2e.closing import closed_main_job
from tests.e2e.gateway_process import free_port, running_gateway
from tests.e2e.test_closed import status_of
from tests.fakes.auth import bearer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cloudpush.stores.redis import RedisConnectionStore
    from tests.e2e.closing import Issuer
    from tests.e2e.gateway_process import GatewayProcess

RACERS = 50

pytestmark = pytest.mark.valkey


@pytest.fixture
def redis_url() -> Iterator[str]:
    with running_valkey() as port:
        yield f"redis://127.0.0.1:{port}/0"


class CommandLine:
    """`cloudpush` beside the deployment whose store it shares."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def run(self, *arguments: str) -> str:
        assert cli.main(arguments) == 0
        return self._capsys.readouterr().out.strip()


@pytest.fixture
def command_line(
    redis_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[CommandLine]:
    monkeypatch.setenv("STORE", "redis")
    monkeypatch.setenv("REDIS_URL", redis_url)
    wiring.install(None)
    yield CommandLine(capsys)
    cast("RedisConnectionStore", wiring.current().store).close()
    wiring.install(None)


async def test_keys_tickets_and_revocation(
    redis_url: str, command_line: CommandLine, tmp_path: Path
) -> None:
    key, revoked = (
        command_line.run("keys", "create", "backend", "--scope", "push", "admin", "--push", "*")
        for _ in range(2)
    )
    command_line.run("keys", "revoke", revoked.split("_")[1])
    listed = command_line.run("keys", "list")
    port = free_port()
    arguments, issuer = closed_main_job(tmp_path, port, RedisUrl=redis_url)

    async with running_gateway(arguments, port=port) as gateway:
        statuses = [
            (
                await gateway.http.post("/v1/tickets", json={"clientId": "a"}, headers=bearer(each))
            ).status_code
            for each in (key, revoked, issuer.issue("a"), issuer.issue("b"))
        ]
        tickets = [await race_for_a_ticket(gateway, key) for _ in range(3)]
        await revoke(gateway, key, issuer)

    assert statuses == [201, 401, 201, 403]
    assert listed.split()[0] == key.split("_")[1]
    assert "backend  admin push  push to *" in listed
    assert "\n" not in listed
    secrets = [key.split("_", 2)[2], *tickets]
    assert [each for each in secrets if each in gateway.log] == []


async def race_for_a_ticket(gateway: GatewayProcess, key: str) -> str:
    """Have many connect with one ticket at the same time; exactly one gets in."""
    answer = await gateway.http.post(
        "/v1/tickets", json={"clientId": "alice", "push": ["alice"]}, headers=bearer(key)
    )
    ticket: str = answer.json()["ticket"]
    url = f"{gateway.websocket_url}?channelId=alice&ticket={ticket}"

    async def attempt() -> Any:  # noqa: ANN401 — a connection, or a status
        try:
            return await connect(url)
        except InvalidStatus as refused:
            return refused.response.status_code

    outcomes = await asyncio.gather(*(attempt() for _ in range(RACERS)))
    connections = [each for each in outcomes if not isinstance(each, int)]

    assert [each for each in outcomes if isinstance(each, int)] == [401] * (RACERS - 1)
    [connection] = connections
    assert json.loads(await connection.recv())["to"] == "alice"
    await connection.close()
    return ticket


async def revoke(gateway: GatewayProcess, key: str, issuer: Issuer) -> None:
    """Revoke what bob was issued; he is disconnected, and comes back with a newer token alone."""
    now = clock.now_ms() // 1000
    old, new = issuer.issue("bob"), issuer.issue("bob", iat=now + 2, exp=now + 60)
    async with gateway.client("bob", token=old) as bob:
        answer = await gateway.http.request(
            "DELETE", "/v1/clients/bob", json={"notBefore": (now + 2) * 1000}, headers=bearer(key)
        )
        told = await bob.receive()

    assert answer.json()["disconnected"] == 1
    assert (told["msgType"], told["closeCode"]) == (15, 4001)
    assert await status_of(f"{gateway.websocket_url}?channelId=bob&token={old}") == 403
    async with gateway.client("bob", token=new) as bob:
        assert bob.hello["to"] == "bob"
