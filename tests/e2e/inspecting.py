"""The inspector's page, open on a small chat, and who talks in it."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from playwright.async_api import expect
from websockets.asyncio.client import connect

from tests.e2e.browsing import visiting
from tests.e2e.gateway_process import ROOT

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from playwright.async_api import Browser, Locator, Page
    from websockets.asyncio.client import ClientConnection

    from tests.e2e.gateway_process import GatewayProcess

TEMPLATE = ROOT / "tests/e2e/inspected/template.yaml"
ASK = json.dumps({"action": "ask", "topic": "tides"})
TELL = json.dumps({"action": "tell"})
FAIL = json.dumps({"action": "fail", "topic": "tides"})


@asynccontextmanager
async def inspecting(browser: Browser, gateway: GatewayProcess) -> AsyncGenerator[Page]:
    """Open the inspector on a gateway whose rows are forgotten."""
    await gateway.http.delete("/_gateway/rows")
    async with visiting(browser) as visit:
        await visit.page.goto(gateway.inspector_url)
        await expect(visit.page.get_by_role("status")).to_have_text("live")
        yield visit.page


def talking(gateway: GatewayProcess) -> connect:
    return connect(f"ws://127.0.0.1:{gateway.port}/live?name=ann")


async def say(client: ClientConnection, *texts: str) -> list[str]:
    """Send messages that are answered, and return the answers."""
    answers: list[str] = []
    for text in texts:
        await client.send(text)
        answers.append(str(await client.recv()))
    return answers


def rows(page: Page) -> Locator:
    """Return the rows of the timeline."""
    return page.get_by_role("listbox").get_by_role("option")


def row(page: Page, *words: str) -> Locator:
    """Return the last row of the timeline that has these words."""
    found = rows(page)
    for word in words:
        found = found.filter(has_text=word)
    return found.last


async def choose(page: Page, client_id: str = "") -> None:
    """Choose the only connection, or the newest."""
    connections = page.get_by_role("region", name="Connections").get_by_role("listitem")
    await connections.filter(has_text=client_id or "ChatApi").last.get_by_role("button").click()
