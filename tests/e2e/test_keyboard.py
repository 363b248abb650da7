"""The pages by keyboard alone: where the focus is can be seen, and it is never lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from tests.e2e.browsing import violations, visiting
from tests.e2e.inspecting import ASK, inspecting, row, rows, say, talking

if TYPE_CHECKING:
    from playwright.async_api import Browser, Locator, Page

    from tests.e2e.gateway_process import GatewayProcess

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180)]

TABS = 80
HAS_FOCUS = "(element) => element === document.activeElement"
IS_SEEN = (
    "document.activeElement === document.body"
    " || getComputedStyle(document.activeElement).outlineStyle !== 'none'"
)


async def tab_to(page: Page, target: Locator, *, key: str = "Tab") -> None:
    """Press a key until this has the focus, which is seen wherever it is on the way."""
    for _ in range(TABS):
        await page.keyboard.press(key)
        assert await page.evaluate(IS_SEEN), await page.evaluate("document.activeElement.outerHTML")
        if await target.evaluate(HAS_FOCUS):
            return
    raise AssertionError(f"{target} is not reached")


async def test_a_conversation_is_had_and_repeated(
    browser: Browser, inspected: GatewayProcess
) -> None:
    async with inspecting(browser, inspected) as page:
        outcome, listbox = page.get_by_role("log"), page.get_by_role("listbox")
        await tab_to(page, page.get_by_text("Open a client"))
        await page.keyboard.press("Enter")
        await tab_to(page, page.get_by_label("Query"))
        await page.keyboard.type("name=ben")
        await page.keyboard.press("Enter")
        await expect(outcome).to_have_text("Connected.")
        connections = page.get_by_role("region", name="Connections")
        await tab_to(page, connections.get_by_role("button", name="ben").last, key="Shift+Tab")
        await page.keyboard.press("Enter")
        await tab_to(page, page.get_by_role("textbox", name="Message"))
        await page.keyboard.type(ASK)
        await page.keyboard.press("Control+Enter")
        await row(page, "reply", "tides").wait_for()
        await tab_to(page, page.get_by_role("searchbox"))
        await page.keyboard.type("tides")
        await tab_to(page, listbox)
        await page.keyboard.press("Home")
        await expect(listbox.get_by_role("option", selected=True)).to_contain_text("message")
        await tab_to(page, page.get_by_role("button", name="Send again"))
        await page.keyboard.press("Enter")
        await expect(rows(page).filter(has_text="reply")).to_have_count(2)
        await page.keyboard.press("Escape")
        await expect(page.get_by_text("Select a row")).to_be_visible()
        await expect(listbox).to_be_focused()
        await tab_to(page, page.get_by_role("button", name="Disconnect"), key="Shift+Tab")
        await page.keyboard.press("Enter")
        await expect(outcome).to_have_text("Disconnected.")


async def test_a_push_for_later_is_sent_and_cancelled(
    browser: Browser, service: GatewayProcess
) -> None:
    async with visiting(browser) as visit:
        page = visit.page
        await page.goto(f"{service.url}/admin/")
        await tab_to(page, page.get_by_label("To (client ids"))
        await page.keyboard.type("carl")
        await tab_to(page, page.get_by_label("Delay"))
        await page.keyboard.press("Control+A")
        await page.keyboard.type("3600")
        await page.keyboard.press("Enter")
        scheduled = page.get_by_role("region", name="Scheduled")
        cancel = scheduled.get_by_role("button", name="Cancel")
        await cancel.wait_for()
        await tab_to(page, cancel)
        await page.keyboard.press("Enter")
        await expect(scheduled).to_contain_text("No message waits for its time.")
        await expect(scheduled).to_be_focused()


async def test_rows_are_selected_by_keyboard(browser: Browser, inspected: GatewayProcess) -> None:
    async with inspecting(browser, inspected) as page, talking(inspected) as client:
        await say(client, ASK)
        await row(page, "reply").wait_for()
        await page.get_by_role("listbox").focus()
        await page.keyboard.press("Home")
        chosen = page.get_by_role("listbox").get_by_role("option", selected=True)
        await expect(chosen).to_have_attribute("aria-posinset", "1")
        await page.keyboard.press("ArrowDown")
        await expect(chosen).to_have_attribute("aria-posinset", "2")
        await page.keyboard.press("Escape")
        await expect(page.get_by_text("Select a row")).to_be_visible()


async def test_single_keys_do_what_the_help_says_but_in_a_field(
    browser: Browser, inspected: GatewayProcess
) -> None:
    async with inspecting(browser, inspected) as page, talking(inspected) as client:
        await say(client, ASK)
        await row(page, "reply").wait_for()
        await page.get_by_role("listbox").focus()
        await page.keyboard.press("?")
        help_ = page.get_by_role("dialog", name="Keyboard shortcuts")
        await expect(help_).to_contain_text("Pause, or go on")
        assert await violations(page) == []
        await page.keyboard.press("p")  # the page behind the help hears nothing
        await page.keyboard.press("Escape")
        await expect(help_).to_be_hidden()
        await expect(page.get_by_role("listbox")).to_be_focused()
        await expect(page.get_by_role("button", name="Pause", exact=True)).to_be_visible()
        await page.keyboard.press("p")
        await expect(page.get_by_role("button", name="Go on")).to_be_visible()
        await page.keyboard.press("p")
        await page.keyboard.press("/")
        await expect(page.get_by_role("searchbox")).to_be_focused()
        await page.keyboard.type("pc?/")
        await expect(page.get_by_role("searchbox")).to_have_value("pc?/")
        await expect(page.get_by_role("button", name="Pause", exact=True)).to_be_visible()
        await page.get_by_role("searchbox").fill("")
        await page.get_by_role("heading", name="Connections").click()
        await page.keyboard.press("c")
        await expect(page.get_by_text("Connect a client and send a message")).to_be_visible()
        await page.get_by_role("button", name="Keyboard shortcuts").click()
        await help_.get_by_label("Shortcuts are on").uncheck()
        await help_.get_by_role("button", name="Close").click()
        await page.keyboard.press("p")
        await expect(page.get_by_role("button", name="Pause", exact=True)).to_be_visible()
