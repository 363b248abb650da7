"""The operator's console in a real browser, on the push service of `make dev`."""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from cloudpush.jobs import encode_job
from cloudpush.model import Drain
from tests.e2e.browsing import flaws, violations, visiting
from tests.e2e.gateway_process import ANSWER_SECONDS
from tests.e2e.statistics_of_an_hour import an_hour

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from playwright.async_api import Browser, Page

    from tests.e2e.closing import ClosedGateway
    from tests.e2e.gateway_process import GatewayProcess

# Functions start while a page loads: on a busy machine more than once in a test.
pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180)]

BUSINESS, ACKNOWLEDGE, CLOSE = 1, 2, 15
CLIENTS = 10
"""A push to all has about as many seconds to be paused in, at one post a second."""

COVERED_WHERE_FOCUSED = """
[...document.querySelectorAll('main :is(button, input, select, textarea):enabled')]
  .reverse()
  .filter((each) => {
    each.focus();
    const {left, top, width, height} = each.getBoundingClientRect();
    return !each.contains(document.elementFromPoint(left + width / 2, top + height / 2));
  })
  .map((each) => each.outerHTML)
"""
"""From the last to the first, as Shift and Tab lead: each then comes in at the window's top."""


@asynccontextmanager
async def operating(browser: Browser, service: GatewayProcess) -> AsyncGenerator[Page]:
    async with visiting(browser) as visit:
        await visit.page.goto(f"{service.url}/admin/")
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


async def test_a_push_is_followed_to_its_receipt(browser: Browser, service: GatewayProcess) -> None:
    name = somebody()
    async with operating(browser, service) as page, service.client(name) as client:
        await push(page, name)
        envelope = await client.receive_until(BUSINESS)
        await client.send(msgType=ACKNOWLEDGE, messageId=envelope["messageId"])

        messages = page.get_by_role("region", name="Messages")
        await expect(messages).to_contain_text(f"{name}: delivered")
        await expect(messages.get_by_role("button", pressed=True)).to_contain_text("done")

    assert envelope["msg"] == {"text": "news"}


async def test_a_delayed_push_is_cancelled(browser: Browser, service: GatewayProcess) -> None:
    async with operating(browser, service) as page:
        await push(page, somebody(), delay="3600")
        messages = page.get_by_role("region", name="Messages")
        await expect(messages.get_by_role("button", pressed=True)).to_contain_text("scheduled")
        scheduled = page.get_by_role("region", name="Scheduled")
        await expect(scheduled.get_by_role("listitem")).to_contain_text("to 1 client")
        await scheduled.get_by_role("button", name="Cancel").click()

        await expect(messages.get_by_role("button", pressed=True)).to_contain_text("cancelled")
        await expect(scheduled).to_contain_text("No message waits for its time.")


async def test_a_broadcast_is_followed_paused_and_resumed(
    browser: Browser, service: GatewayProcess
) -> None:
    async with contextlib.AsyncExitStack() as stack:
        page = await stack.enter_async_context(operating(browser, service))
        running = page.get_by_role("region", name="Running")
        await expect(running).to_contain_text("No push to many or to all is on its way.")
        clients = [
            await stack.enter_async_context(service.client(somebody())) for _ in range(CLIENTS)
        ]
        await page.get_by_label("To all who are connected").check()
        await page.get_by_label("Keep until acknowledged").uncheck()
        await page.get_by_role("button", name="Push", exact=True).click()
        await running.get_by_role("button", name="Pause").click()
        await expect(running.get_by_role("listitem")).to_contain_text("paused")
        assert await violations(page) == []
        await running.get_by_role("button", name="Go on").click()
        envelopes = [await client.receive_until(BUSINESS) for client in clients]
        await expect(running.get_by_role("listitem")).to_have_count(0)

    assert [each["msg"] for each in envelopes] == [{"text": "hello"}] * CLIENTS


async def test_a_broadcast_is_cancelled_on_its_way(
    browser: Browser, service: GatewayProcess
) -> None:
    async with contextlib.AsyncExitStack() as stack:
        page = await stack.enter_async_context(operating(browser, service))
        running = page.get_by_role("region", name="Running")
        await expect(running).to_contain_text("No push to many or to all is on its way.")
        for _ in range(CLIENTS):
            await stack.enter_async_context(service.client(somebody()))
        await page.get_by_label("To all who are connected").check()
        await page.get_by_label("Keep until acknowledged").uncheck()
        await page.get_by_role("button", name="Push", exact=True).click()
        await running.get_by_role("button", name="Cancel").click()
        await expect(page.get_by_role("log")).to_have_text("Cancelled.")
        chosen = page.get_by_role("button", pressed=True)
        await expect(chosen).to_contain_text("cancelled")
        await expect(running.get_by_role("listitem")).to_have_count(0)
        message_id = await chosen.locator("code").inner_text()
        message = (await service.http.get(f"/v1/messages/{message_id}")).json()

    assert message["state"] == "cancelled"
    assert message["counts"]["sent"] < CLIENTS


async def test_dead_letters_are_told_shown_and_redriven(
    browser: Browser, service: GatewayProcess
) -> None:
    # What a function gives up takes five attempts and half an hour to lie there.
    await service.send_to_queue("DeadLetterQueue", encode_job(Drain(client_ids=["<i>"])))
    async with operating(browser, service) as page:
        dead = page.get_by_role("region", name="Dead letters")
        await expect(dead.get_by_role("listitem")).to_contain_text("drain")
        await dead.get_by_text("The job", exact=True).click()
        await expect(dead.locator("pre")).to_contain_text('"<i>"')
        await page.get_by_role("button", name="Switch to Chinese").click()
        await expect(page.get_by_role("region", name="死信")).to_contain_text("约 1 个等待")
        assert await violations(page) == []
        await page.get_by_role("button", name="切换到英文").click()
        await dead.get_by_role("button", name="Give them to their functions again").click()
        await expect(page.get_by_role("log")).to_have_text("1 is in its queue again.")
        await expect(dead).to_contain_text("None: no job was given up.")


async def test_the_inspector_leads_from_a_queue_back_to_its_sender(
    browser: Browser, service: GatewayProcess
) -> None:
    async with visiting(browser) as visit:
        page = visit.page
        await page.goto(service.inspector_url)
        await expect(page.get_by_role("status")).to_have_text("live")
        name = somebody()
        async with service.client(name):  # whose CONNECTION comes by the deliver queue
            await page.get_by_role("searchbox").fill(name)
            rows = page.get_by_role("listbox").get_by_role("option")
            await rows.filter(has_text="DeliverFunction").filter(has_text="event").first.click()
            causes = page.get_by_role("region", name="Details").get_by_role("listitem")
            await expect(causes.filter(has_text="handshake")).to_be_visible()
            await expect(causes.filter(has_text="ConnectFunction")).to_be_visible()


async def test_a_client_is_found_and_disconnected_with_a_reason(
    browser: Browser, service: GatewayProcess
) -> None:
    name = somebody()
    async with operating(browser, service) as page, service.client(name) as client:
        await page.get_by_label("Client id", exact=True).fill(name)
        await page.get_by_role("button", name="Search").click()
        await expect(page.get_by_role("region", name="Client")).to_contain_text("1 connection")
        await page.get_by_label("Reason").fill("maintenance")
        await page.get_by_role("button", name="Disconnect").click()
        goodbye = await client.receive_until(CLOSE)
        await expect(page.get_by_role("log")).to_have_text("1 connection is closed.")

    assert goodbye["resultMsg"] == "maintenance"


async def test_deliveries_are_drawn_and_told(browser: Browser, service: GatewayProcess) -> None:
    name, counts = somebody(), dict[str, int]()
    async with service.client(name) as client, asyncio.timeout(ANSWER_SECONDS):
        while not counts.get("Delivered"):
            await service.push(to=[name], msg={}, qos=1)
            envelope = await client.receive_until(BUSINESS)
            await client.send(msgType=ACKNOWLEDGE, messageId=envelope["messageId"])
            (await service.invoke("SweepFunction", {})).raise_for_status()
            counts = (await service.http.get("/v1/statistics")).json()["counts"]

    async with operating(browser, service) as page:
        overview = page.get_by_role("region", name="The last hour")
        await expect(overview.locator(".plot canvas").first).to_be_visible()
        await expect(overview.get_by_role("table", name="Deliveries")).to_be_attached()
        assert await violations(page) == []


async def test_the_figures_behind_the_charts_make_the_page_no_longer(
    browser: Browser, service: GatewayProcess
) -> None:
    async with visiting(browser) as visit:
        page = visit.page
        await page.route("**/v1/statistics", lambda route: route.fulfill(json=an_hour()))
        await page.goto(f"{service.url}/admin/")
        await expect(page.locator(".plot canvas")).to_have_count(4)
        heights = await page.evaluate(
            "[document.documentElement.scrollHeight,"
            " Math.ceil(document.querySelector('main').getBoundingClientRect().bottom)]"
        )

    assert heights[0] <= max(heights[1], 800)


async def test_what_is_not_there_is_told(browser: Browser, service: GatewayProcess) -> None:
    async with visiting(browser, complains=True) as visit:
        page = visit.page
        await page.goto(f"{service.url}/admin/")
        await page.get_by_label("Client id", exact=True).fill("<img src=x onerror=alert(1)>")
        await page.get_by_role("button", name="Search").click()
        await expect(page.get_by_role("log")).to_contain_text("40")
        await expect(page.locator("img")).to_have_count(0)

    # The browser itself notes an answer of 400.
    assert [text for text in visit.complaints if "status of 40" not in text] == []


async def test_what_cannot_be_sent_is_told_and_not_sent(
    browser: Browser, service: GatewayProcess
) -> None:
    async with visiting(browser) as visit:
        page, push_button = visit.page, visit.page.get_by_role("button", name="Push", exact=True)
        await page.goto(f"{service.url}/admin/")
        await page.get_by_label("To (client ids").fill(somebody())
        await page.get_by_label("Content").fill('{"text": ')
        await push_button.click()
        await expect(page.get_by_role("log")).to_contain_text("The content is not JSON: ")
        await page.get_by_label("Content").fill("{}")
        await page.get_by_label("Delay").press_sequentially("e")  # no number: "0e"
        await push_button.click()
        await expect(page.locator("input:invalid")).to_have_count(1)
        await expect(page.get_by_role("log")).to_contain_text("The content is not JSON: ")

    assert [url for url in visit.requested if url.endswith("/v1/messages")] == []


async def test_a_service_that_is_not_there_is_told_until_it_is(
    browser: Browser, service: GatewayProcess
) -> None:
    async with visiting(browser, complains=True) as visit:
        page = visit.page
        await page.route("**/v1/**", lambda route: route.abort())
        await page.goto(f"{service.url}/admin/")
        await expect(page.get_by_role("alert")).to_contain_text("can't be reached")
        assert await violations(page) == []
        await page.unroute("**/v1/**")
        await expect(page.get_by_role("alert")).to_have_count(0)

    assert [text for text in visit.complaints if "ERR_FAILED" not in text] == []


async def test_the_console_is_accessible_and_fits(
    browser: Browser, service: GatewayProcess
) -> None:
    name = somebody()
    async with operating(browser, service) as page, service.client(name):
        await push(page, name)
        await expect(page.get_by_role("region", name="Messages")).to_contain_text(f"{name}: sent")

        assert await flaws(page) == []


async def test_what_was_done_covers_nothing_that_is_used_on_a_narrow_screen(
    browser: Browser, service: GatewayProcess
) -> None:
    # A push to many who are away names all of them, and is not kept, which the browser notes.
    missing = ", ".join(f"{each}-{'x' * 100}" for each in range(50))
    async with visiting(browser, width=390, complains=True) as visit:
        page = visit.page
        await page.goto(f"{service.url}/admin/")
        await page.get_by_label("Keep until acknowledged").uncheck()
        await push(page, missing)
        outcome = page.get_by_role("log")
        await expect(outcome).to_contain_text("missing")
        assert await flaws(page) == []
        await page.set_viewport_size({"width": 390, "height": 800})
        covered = await page.evaluate(COVERED_WHERE_FOCUSED)
        height = await page.evaluate("document.querySelector('.outcome').clientHeight")
        await page.get_by_role("button", name="Put away what was done").click()
        await expect(outcome).to_have_text("")
        rest = await page.evaluate("document.querySelector('.outcome').clientHeight")

    assert [text for text in visit.complaints if "status of 404" not in text] == []
    assert covered == []
    assert height <= 200
    assert rest == 0


async def test_a_closed_deployment_shows_nothing_without_a_token(
    browser: Browser, closed: ClosedGateway
) -> None:
    async with visiting(browser, complains=True) as visit:
        page = visit.page
        await page.goto(f"{closed.gateway.url}/admin/")
        await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        assert await violations(page) == []
        await expect(page.get_by_role("heading", name="Push", exact=True)).to_have_count(0)
        await page.get_by_label("API key or token").fill(closed.token("ann", scope="push"))
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_role("alert")).to_contain_text("the scope read")
        await page.get_by_role("button", name="Sign out").click()
        await page.get_by_label("API key or token").fill(closed.token("ann", scope="read"))
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_role("region", name="The last hour")).to_be_visible()
        await page.get_by_label("To (client ids").fill("bob")
        await page.get_by_role("button", name="Push", exact=True).click()
        await expect(page.get_by_role("log")).to_contain_text("403")
        await expect(page.get_by_role("alert")).to_have_count(0)
