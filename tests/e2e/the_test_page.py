"""The test page as its reader knows it."""

from __future__ import annotations

import re
import uuid
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from playwright.async_api import expect

from tests.e2e.browsing import visiting

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from playwright.async_api import Browser

    from tests.e2e.browsing import Visit
    from tests.e2e.gateway_process import GatewayProcess


class Shown:
    """The page, and who one is there."""

    def __init__(self, visit: Visit) -> None:
        self.visit = visit
        self.page = visit.page
        self.client_id = f"alice-{uuid.uuid4().hex[:8]}"
        self.state = visit.page.locator("#state")

    async def connect(self) -> None:
        """Connect by clicking, and wait for CONNECTION."""
        await self.page.fill("#client", self.client_id)
        await self.page.click("#connect")
        await self.until_line("← CONNECTION")

    async def until_line(self, kind: str) -> str:
        """Wait for a line of this kind, and return the text of the latest one."""
        name = self.page.locator(".kind").filter(has_text=re.compile(f"^{re.escape(kind)}$"))
        line = self.page.locator("#log li").filter(has=name).first
        await expect(line).to_be_visible()
        return await line.locator("pre").text_content() or ""


@asynccontextmanager
async def opened(
    browser: Browser, gateway: GatewayProcess, *, complains: bool = False
) -> AsyncGenerator[Shown]:
    """Open the page; the browser itself complains of an answer that is an error."""
    async with visiting(browser, complains=complains) as visit:
        await visit.page.goto(f"{gateway.url}/")
        yield Shown(visit)
