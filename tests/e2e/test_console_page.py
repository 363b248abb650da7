"""The operator's console in a real browser, on the push service of `make dev`."""

from __future__ import annotations

import asyncio
import json
import uuid
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.e2e.browsing import running_chromium, sticking_out, violations, visiting
from tests.e2e.closing import closed_main_job
from tests.e2e.gateway_process import ANSWER_SECONDS, free_port, main_job, running_gateway

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from playwright.async_api import Browser, Page

    from tests.e2e.browsing import Colours
    from tests.e2e.gateway_process import GatewayProcess

pytestmark = pytest.mark.asyncio(loop_scope="module")

BUSINESS, ACKNOWLEDGE, CLOSE = 1, 2, 15


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncGenerator[Browser]:
    async with running_chromium() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(browser: Browser) -> AsyncGenerator[GatewayProcess]:  # noqa: ARG001 — without a browser nothing is started
    port = free_port()
    async with running_gateway(main_job("redis", port), port=port) as running:
        yield running


@asynccontextmanager
async def operating(
    browser: Browser, gateway: GatewayProcess, *, width: int = 1280, colours: Colours = "light"
) -> AsyncGenerator[Page]:
    async with visiting(browser, width=width, colours=colours) as visit:
        await visit.page.goto(f"{gateway.url}/admin/")
        await expect(visit.page.get_by_role("heading", name="Push", exact=True)).to_be_visible()
        yield visit.page


def somebody() -> str:
    return f"ann-{uuid.uuid4().hex[:8]}"


async def push(page: Page, client_id: str, *, delay: str = "0", text: str = "news") -> None:
    await page.get_by_label("To (client ids").fill(client_id)
    await page.get_by_label("Content").fill(json.dumps({"text": text}))
    await page.get_by_label("Delay").fill(delay)
    await page.get_by_role("button", name="Push", exact=True).click()
    await expect(page.get_by_role("log")).to_contain_text("Accepted as")


async def test_a_push_is_followed_to_its_receipt(browser: Browser, gateway: GatewayProcess) -> None:
    name = somebody()
    async with operating(browser, gateway) as page, gateway.client(name) as client:
        await push(page, name)
        envelope = await client.receive_until(BUSINESS)
        await client.send(msgType=ACKNOWLEDGE, messageId=envelope["messageId"])

        messages = page.get_by_role("region", name="Messages")
        await expect(messages).to_contain_text(f"{name}: delivered")
        await expect(messages.get_by_role("button", pressed=True)).to_contain_text("done")

    assert envelope["msg"] == {"text": "news"}


async def test_a_delayed_push_is_cancelled(browser: Browser, gateway: GatewayProcess) -> None:
    async with operating(browser, gateway) as page:
        await push(page, somebody(), delay="3600")
        messages = page.get_by_role("region", name="Messages")
        await expect(messages.get_by_role("button", pressed=True)).to_contain_text("scheduled")
        await messages.get_by_role("button", name="Cancel").click()

        await expect(messages.get_by_role("button", pressed=True)).to_contain_text("cancelled")


async def test_a_broadcast_is_followed(browser: Browser, gateway: GatewayProcess) -> None:
    async with operating(browser, gateway) as page, gateway.client(somebody()) as client:
        await page.get_by_label("To all who are connected").check()
        await page.get_by_role("button", name="Push", exact=True).click()
        await client.receive_until(BUSINESS)

        messages = page.get_by_role("region", name="Messages")
        await expect(messages.get_by_role("definition").first).not_to_have_text("0")


async def test_a_client_is_found_and_disconnected_with_a_reason(
    browser: Browser, gateway: GatewayProcess
) -> None:
    name = somebody()
    async with operating(browser, gateway) as page, gateway.client(name) as client:
        await page.get_by_label("Client id", exact=True).fill(name)
        await page.get_by_role("button", name="Search").click()
        await expect(page.get_by_role("region", name="Client")).to_contain_text("1 connections")
        await page.get_by_label("Reason").fill("maintenance")
        await page.get_by_role("button", name="Disconnect").click()
        goodbye = await client.receive_until(CLOSE)
        await expect(page.get_by_role("log")).to_have_text("1 connections are closed.")

    assert goodbye["resultMsg"] == "maintenance"


async def test_deliveries_are_drawn_and_told(browser: Browser, gateway: GatewayProcess) -> None:
    name, counts = somebody(), dict[str, int]()
    async with gateway.client(name) as client, asyncio.timeout(ANSWER_SECONDS):
        while not counts.get("Delivered"):
            await gateway.push(to=[name], msg={}, qos=1)
            envelope = await client.receive_until(BUSINESS)
            await client.send(msgType=ACKNOWLEDGE, messageId=envelope["messageId"])
            (await gateway.invoke("SweepFunction", {})).raise_for_status()
            counts = (await gateway.http.get("/v1/statistics")).json()["counts"]

    async with operating(browser, gateway) as page:
        overview = page.get_by_role("region", name="The last hour")
        await expect(overview.locator(".plot canvas").first).to_be_visible()
        await expect(overview.get_by_role("table", name="Deliveries")).to_be_attached()
        assert await violations(page) == []


async def test_what_is_not_there_is_told(browser: Browser, gateway: GatewayProcess) -> None:
    async with visiting(browser, complains=True) as visit:
        page = visit.page
        await page.goto(f"{gateway.url}/admin/")
        await page.get_by_label("Client id", exact=True).fill("<img src=x onerror=alert(1)>")
        await page.get_by_role("button", name="Search").click()
        await expect(page.get_by_role("log")).to_contain_text("40")
        await expect(page.locator("img")).to_have_count(0)

    # The browser itself notes an answer of 400.
    assert [text for text in visit.complaints if "status of 40" not in text] == []


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
async def test_the_console_is_accessible_and_fits(
    browser: Browser, gateway: GatewayProcess, width: int, colours: Colours
) -> None:
    name = somebody()
    async with (
        operating(browser, gateway, width=width, colours=colours) as page,
        gateway.client(name),
    ):
        await push(page, name)
        await expect(page.get_by_role("region", name="Messages")).to_contain_text(f"{name}: sent")

        assert await violations(page) == []
        assert await sticking_out(page) == []


async def test_a_closed_deployment_shows_nothing_without_a_token(
    browser: Browser, tmp_path: Path
) -> None:
    port = free_port()
    arguments, issuer = closed_main_job(tmp_path, port)

    async with (
        running_gateway(arguments, port=port) as gateway,
        visiting(browser, complains=True) as visit,
    ):
        page = visit.page
        await page.goto(f"{gateway.url}/admin/")
        await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        await expect(page.get_by_role("heading", name="Push", exact=True)).to_have_count(0)
        await page.get_by_label("API key or token").fill(issuer.issue("ann", scope="read"))
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_role("region", name="The last hour")).to_be_visible()
        await page.get_by_label("To (client ids").fill("bob")
        await page.get_by_role("button", name="Push", exact=True).click()
        await expect(page.get_by_role("log")).to_contain_text("403")
