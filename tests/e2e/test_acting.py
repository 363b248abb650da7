"""What can be done to connections through the emulator's own API, and what is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from websockets.asyncio.client import connect

from tests.e2e.gateway_process import ROOT, running_gateway

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from tests.e2e.gateway_process import GatewayProcess

pytestmark = pytest.mark.asyncio(loop_scope="module")

TEMPLATE = ROOT / "tests/e2e/inspected/template.yaml"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway() -> AsyncGenerator[GatewayProcess]:
    async with running_gateway(["--template", str(TEMPLATE)]) as running:
        yield running


CONNECTION = "/_gateway/connections/AAAA="


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", f"{CONNECTION}/messages", {"text": "x"}, 404),
        ("POST", f"{CONNECTION}/posts", {"text": "x"}, 404),
        ("DELETE", CONNECTION, None, 404),
        ("POST", f"{CONNECTION}/messages", {"text": 1}, 400),
        ("POST", f"{CONNECTION}/messages", ["x"], 400),
        ("POST", f"{CONNECTION}/messages", {"text": "x" * 131_073}, 413),
        ("POST", "/_gateway/clients", {}, 400),
        ("POST", "/_gateway/clients", {"stage": "live", "headers": {"a": 1}}, 400),
        ("POST", "/_gateway/clients", {"stage": "live", "other": 1}, 400),
        ("POST", "/_gateway/clients", {"stage": "nowhere"}, 404),
        ("POST", "/_gateway/clients", {"stage": "live", "subprotocols": ["not a token"]}, 400),
    ],
)
async def test_what_is_wrong_is_refused(
    gateway: GatewayProcess,
    method: str,
    path: str,
    body: Any,  # noqa: ANN401 — any JSON
    status: int,
) -> None:
    answer = await gateway.http.request(method, path, json=body)

    assert answer.status_code == status, answer.text
    assert answer.json()["message"]


async def test_a_refused_client_is_told_the_status(gateway: GatewayProcess) -> None:
    await gateway.http.post("/_gateway/faults", json={"function-error": 1})
    answer = await gateway.http.post("/_gateway/clients", json={"stage": "live"})
    await gateway.http.delete("/_gateway/faults")

    assert answer.status_code == 200
    assert answer.json()["status"] == 500


async def test_a_message_for_a_client_takes_the_way_of_its_own(gateway: GatewayProcess) -> None:
    async with connect(f"ws://127.0.0.1:{gateway.port}/live") as client:
        [open_one] = (await gateway.http.get("/_gateway/connections")).json()["connections"]
        path = f"/_gateway/connections/{open_one['connectionId']}/messages"
        await gateway.http.post(path, json={"text": '{"action": "ask", "topic": "ö"}'})
        answer = json.loads(await client.recv())

    assert answer == {"about": "ö", "found": 3}
