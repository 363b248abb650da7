"""The inspector's page in a real browser: what its users do there."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from tests.e2e.inspecting import ASK, choose, inspecting, row, say, talking
from tests.processes import guarded

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.async_api import Browser

    from tests.e2e.gateway_process import GatewayProcess

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_frame_is_sent_again(browser: Browser, inspected: GatewayProcess) -> None:
    async with inspecting(browser, inspected) as page, talking(inspected) as client:
        [answer] = await say(client, ASK)
        await row(page, "message", "tides").click()
        await page.get_by_role("button", name="Send again").click()

        assert await client.recv() == answer
        await expect(page.get_by_role("log")).to_have_text("Sent as though by the client.")


async def test_a_frame_is_edited_and_sent(browser: Browser, inspected: GatewayProcess) -> None:
    async with inspecting(browser, inspected) as page, talking(inspected) as client:
        await say(client, ASK)
        await row(page, "message", "tides").click()
        await page.get_by_role("button", name="Edit and send").click()
        draft = page.get_by_role("textbox", name="Message")
        await expect(draft).to_be_focused()
        await expect(draft).to_have_value(ASK)
        await draft.fill(ASK.replace("tides", "winds"))
        await page.keyboard.press("Control+Enter")

        assert json.loads(await client.recv())["about"] == "winds"


async def test_a_client_is_posted_to_and_disconnected(
    browser: Browser, inspected: GatewayProcess
) -> None:
    async with inspecting(browser, inspected) as page, talking(inspected) as client:
        await choose(page)
        await page.get_by_role("textbox", name="Message").fill('{"news": 1}')
        await page.get_by_role("button", name="Post to client").click()
        assert await client.recv() == '{"news": 1}'
        await page.get_by_role("button", name="Disconnect").click()

        await client.wait_closed()
        assert client.close_code == 1000


async def test_a_client_is_opened_with_headers_and_heard(
    browser: Browser, inspected: GatewayProcess
) -> None:
    async with inspecting(browser, inspected) as page:
        await page.get_by_text("Open a client").click()
        await page.get_by_label("Query").fill("name=ben")
        await page.get_by_label("Headers").fill("X-Who: ben")
        await page.get_by_role("button", name="Connect", exact=True).click()
        await row(page, "handshake", "name=ben").click()
        await expect(page.get_by_role("region", name="Details")).to_contain_text("X-Who: ben")
        await choose(page)
        await page.get_by_role("button", name="ask", exact=True).click()
        await page.get_by_role("textbox", name="Message").fill(ASK)
        await page.get_by_role("button", name="Send as client").click()
        await expect(row(page, "reply", "found")).to_be_visible()
        await page.get_by_role("button", name="Disconnect").click()
        await expect(row(page, "close")).to_be_visible()


async def test_time_passes_and_faults_happen(browser: Browser, inspected: GatewayProcess) -> None:
    async with inspecting(browser, inspected) as page, talking(inspected) as client:
        await page.get_by_text("Time and faults").click()
        await page.get_by_label("function-error").fill("1")
        await page.get_by_label("function-error").press("Enter")
        await expect(page.get_by_role("log")).to_have_text("Set.")
        [answer] = await say(client, ASK)
        await page.get_by_role("button", name="End all faults").click()
        await expect(page.get_by_role("log")).to_have_text("No fault happens any more.")
        await page.get_by_label("Seconds").fill("600")
        await page.get_by_role("button", name="Let time pass").click()
        await client.wait_closed()

        assert json.loads(answer)["message"] == "Internal server error"
        assert client.close_code == 1001


async def test_a_message_is_copied_as_a_test_that_passes(
    browser: Browser, inspected: GatewayProcess, tmp_path: Path
) -> None:
    async with inspecting(browser, inspected) as page, talking(inspected) as client:
        await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        await say(client, ASK)
        await row(page, "reply").wait_for()
        await row(page, "message", "tides").click()
        await page.get_by_role("button", name="Copy as pytest").click()
        await page.get_by_role("button", name="Copied").wait_for()
        copied = await page.evaluate("navigator.clipboard.readText()")

    assert 'await client.expect({"about": "tides", "found": 3})' in copied
    (tmp_path / "test_copied.py").write_text(copied)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    pytest_run = await asyncio.create_subprocess_exec(
        *guarded(command), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await pytest_run.communicate()
    assert pytest_run.returncode == 0, output.decode()
