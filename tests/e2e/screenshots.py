"""The pictures of the pages in the documentation, taken while they are used: `make screenshots`."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from playwright.async_api import expect
from websockets.asyncio.client import connect

from tests.e2e.browsing import running_chromium, visiting
from tests.e2e.gateway_process import ROOT, free_port, main_job, running_gateway
from tests.e2e.inspecting import TEMPLATE
from tests.e2e.statistics_of_an_hour import an_hour

if TYPE_CHECKING:
    from playwright.async_api import Browser

PICTURES = ROOT / "docs/images"
TALK = (
    {"action": "ask", "topic": "tides"},
    {"action": "tell"},
    {"action": "ask", "topic": "winds"},
    {"action": "fail", "topic": "tides"},
    {"action": "shrug"},
)
BUSINESS, ACKNOWLEDGE = 1, 2


async def picture_inspector(browser: Browser) -> None:
    """A conversation, with the post selected that one of its messages caused."""
    async with (
        running_gateway(["--template", str(TEMPLATE)]) as gateway,
        visiting(browser) as visit,
        connect(f"ws://127.0.0.1:{gateway.port}/live?name=ann") as ann,
        connect(f"ws://127.0.0.1:{gateway.port}/live?name=ben") as ben,
    ):
        page = visit.page
        await page.goto(gateway.inspector_url)
        for client, message in zip((ann, ann, ben, ann, ben), TALK, strict=True):
            await client.send(json.dumps(message))
            await client.recv()
        # A traceback in the log has paths of the machine that the picture is taken on.
        await page.get_by_role("button", name="Logs", exact=True).click()
        await page.get_by_role("listbox").get_by_role("option").filter(has_text="post").last.click()
        await expect(page.get_by_role("region", name="Details")).to_contain_text("Caused by")
        await expect(page.get_by_text("would cost")).to_be_visible()
        await page.screenshot(path=PICTURES / "inspector.png")


async def picture_console(browser: Browser) -> None:
    """A push that has its receipts."""
    port = free_port()
    async with (
        running_gateway(main_job("redis", port), port=port) as gateway,
        visiting(browser, height=900) as visit,
        gateway.client("ann") as ann,
        gateway.client("ben"),
    ):
        page = visit.page
        later = {"target": {"clients": ["carl"]}, "msg": {"text": "later"}, "delaySeconds": 3600}
        (await gateway.http.post("/v1/messages", json=later)).raise_for_status()
        await page.route("**/v1/statistics", lambda route: route.fulfill(json=an_hour()))
        await page.goto(f"{gateway.url}/admin/")
        await page.get_by_label("To (client ids").fill("ann, ben, carl")
        await page.get_by_role("button", name="Push", exact=True).click()
        envelope = await ann.receive_until(BUSINESS)
        await ann.send(msgType=ACKNOWLEDGE, messageId=envelope["messageId"])
        await expect(page.get_by_text("ann: delivered")).to_be_visible()
        await expect(page.locator(".plot canvas").first).to_be_visible()
        await page.get_by_label("Client id", exact=True).fill("ben")
        await page.get_by_role("button", name="Search").click()
        await expect(page.get_by_text("1 connection", exact=True)).to_be_visible()
        await expect(page.get_by_role("region", name="Scheduled")).to_contain_text("to 1 client")
        await expect(page.get_by_role("region", name="Dead letters")).to_contain_text("None")
        await page.screenshot(path=PICTURES / "console.png", full_page=True)


async def main() -> None:
    """Take both."""
    PICTURES.mkdir(exist_ok=True)
    async with running_chromium() as browser:
        await picture_inspector(browser)
        await picture_console(browser)


if __name__ == "__main__":
    asyncio.run(main())
