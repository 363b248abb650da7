"""The inspector's page in a real browser: what its users come to see."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from playwright.async_api import expect
from websockets.asyncio.client import connect

from tests.e2e.browsing import flaws, sticking_out, violations, visiting
from tests.e2e.inspecting import ASK, FAIL, TELL, inspecting, row, rows, say, talking

if TYPE_CHECKING:
    from playwright.async_api import Browser

    from tests.e2e.gateway_process import GatewayProcess

pytestmark = pytest.mark.asyncio(loop_scope="session")

ONE_WAY = json.dumps({"action": "fail", "topic": "tides", "is_fine": True})


async def test_a_frame_is_seen_and_the_event_behind_it(
    browser: Browser, inspected: GatewayProcess
) -> None:
    async with inspecting(browser, inspected) as page, talking(inspected) as client:
        await say(client, ASK)
        await row(page, "reply", "found").click()
        detail = page.get_by_role("region", name="Details")
        await detail.get_by_role("button", name="event Answer: ok").click()
        await expect(detail.get_by_label("Event", exact=True)).to_contain_text('"routeKey": "ask"')
        await expect(detail.get_by_label("Answer", exact=True)).to_contain_text('"statusCode": 200')
        await expect(detail).to_contain_text("asked about tides")


async def test_a_failure_is_found_from_the_error_frame(
    browser: Browser, inspected: GatewayProcess
) -> None:
    async with inspecting(browser, inspected) as page, talking(inspected) as client:
        await say(client, FAIL)
        await row(page, "error frame").click()
        detail = page.get_by_role("region", name="Details")
        await detail.get_by_role("button", name="event Answer: Unhandled").click()
        await expect(detail.get_by_label("Answer", exact=True)).to_contain_text("KeyError")


async def test_a_post_is_traced_to_the_message_that_caused_it(
    browser: Browser, inspected: GatewayProcess
) -> None:
    async with inspecting(browser, inspected) as page, talking(inspected) as client:
        await say(client, TELL)
        await row(page, "post", "told").click()
        causes = page.get_by_role("region", name="Details").get_by_role("listitem")
        await expect(causes.filter(has_text="message")).to_contain_text('"tell"')
        await expect(causes.filter(has_text="event")).to_contain_text("Tell")


async def test_only_what_is_looked_for_is_shown(
    browser: Browser, inspected: GatewayProcess
) -> None:
    async with inspecting(browser, inspected) as page, talking(inspected) as client:
        await say(client, ASK, TELL)
        await row(page, "reply").wait_for()
        await page.get_by_role("searchbox").fill("told")
        await expect(rows(page)).to_have_count(1)
        await page.get_by_role("searchbox").fill("nothing has this")
        await page.get_by_role("button", name="Show all").click()
        await expect(row(page, "reply")).to_be_visible()
        await page.get_by_role("button", name="Functions").click()
        await expect(rows(page).filter(has_text="event")).to_have_count(0)


async def test_a_paused_timeline_stays_until_it_goes_on(
    browser: Browser, inspected: GatewayProcess
) -> None:
    async with inspecting(browser, inspected) as page, talking(inspected) as client:
        await row(page, "handshake").wait_for()
        await page.get_by_role("button", name="Pause").click()
        await say(client, ASK)
        go_on = page.get_by_role("button", name="Go on")
        await expect(go_on).to_contain_text("waiting")
        await expect(rows(page).filter(has_text="reply")).to_have_count(0)
        await go_on.click()
        await expect(row(page, "reply")).to_be_visible()


async def test_cleared_rows_are_gone_and_the_page_says_what_to_do(
    browser: Browser, inspected: GatewayProcess
) -> None:
    async with inspecting(browser, inspected) as page, talking(inspected) as client:
        await say(client, ASK)
        await row(page, "reply").wait_for()
        await page.get_by_role("button", name="Clear").click()
        await expect(page.get_by_text("Connect a client and send a message")).to_be_visible()


async def test_connections_tell_how_much_came_and_went(
    browser: Browser, inspected: GatewayProcess
) -> None:
    async with inspecting(browser, inspected) as page, talking(inspected) as client:
        await say(client, ASK, ASK, TELL)
        open_ones = page.get_by_role("region", name="Connections").get_by_role("listitem")
        await expect(open_ones.filter(has_text="ChatApi").last).to_contain_text("3 in · 3 out")


async def test_a_row_leads_to_why_aws_would_surprise(
    browser: Browser, inspected: GatewayProcess
) -> None:
    async with inspecting(browser, inspected) as page, talking(inspected) as client:
        await client.send(ONE_WAY)
        detail = page.get_by_role("region", name="Details")
        await row(page, "why", "RouteResponse").click()
        await detail.get_by_role("button", name="message").click()
        await detail.get_by_role("button", name="why").click()
        await expect(detail).to_contain_text("REPLY-2")


async def test_the_page_is_accessible_and_fits(browser: Browser, inspected: GatewayProcess) -> None:
    async with inspecting(browser, inspected) as page, talking(inspected) as client:
        await say(client, ASK, TELL, FAIL)
        await page.get_by_role("listbox").press("Home")
        await row(page, "error frame").click()

        assert await flaws(page) == []


async def test_what_it_would_cost_is_told_with_its_prices(
    browser: Browser, inspected: GatewayProcess
) -> None:
    async with inspecting(browser, inspected) as page, talking(inspected) as client:
        before = (await inspected.http.get("/_gateway/cost")).json()
        await say(client, ASK)
        after = (await inspected.http.get("/_gateway/cost")).json()
        await expect(page.get_by_text("would cost")).to_contain_text("aws.amazon.com/lambda")

    assert after["messages"] - before["messages"] == 2
    assert after["requests"] - before["requests"] >= 1
    assert after["gbSeconds"] > before["gbSeconds"]


async def test_a_page_without_the_token_shows_nothing(
    browser: Browser, inspected: GatewayProcess
) -> None:
    async with visiting(browser, complains=True) as visit:
        await visit.page.goto(f"{inspected.url}/_gateway/")
        await expect(visit.page.get_by_role("alert")).to_contain_text("needs the token")
        await expect(rows(visit.page)).to_have_count(0)
        assert await violations(visit.page) == []


async def test_the_token_does_not_stay_in_the_address(
    browser: Browser, inspected: GatewayProcess
) -> None:
    async with inspecting(browser, inspected) as page:
        assert page.url == f"{inspected.url}/_gateway/"
        await page.reload()
        await expect(page.get_by_role("status")).to_have_text("live")


async def test_the_page_is_read_in_chinese(browser: Browser, inspected: GatewayProcess) -> None:
    async with visiting(browser, language="zh-CN") as visit:
        await visit.page.goto(inspected.inspector_url)
        await expect(visit.page.get_by_role("status")).to_have_text("实时")
        assert await violations(visit.page) == []
        await visit.page.get_by_role("button", name="切换到英文").click()
        await expect(visit.page.get_by_role("heading", name="Connections")).to_be_visible()


HOSTILE = "<img src=x onerror=\"document.title='ran'\"><script>document.title='ran'</script>"
IN_A_QUERY = "<img/src=x/onerror=document.title='ran'>"
BACKWARDS = "\u202e"
"""What is behind it is written from right to left."""
TIMES = 150
"""About as often as an authorizer may say it, whose answer has 8 KB at most."""


async def test_what_clients_say_is_shown_and_not_run(
    browser: Browser, inspected: GatewayProcess
) -> None:
    async with inspecting(browser, inspected) as page, talking(inspected) as client:
        await say(client, json.dumps({"action": "ask", "topic": HOSTILE}))
        await row(page, "reply").click()
        await expect(page.get_by_role("region", name="Details")).to_contain_text("<img src=x")

        assert await page.locator("img, .detail script").count() == 0
        assert await page.title() == "local-gateway"


async def test_what_clients_connect_with_is_shown_and_not_run(
    browser: Browser, inspected: GatewayProcess
) -> None:
    # As it stands: no browser would send it like this, and others do.
    query = f"channelId={IN_A_QUERY}&name={IN_A_QUERY}{quote(BACKWARDS)}&times={TIMES}"
    named = ((IN_A_QUERY + BACKWARDS) * TIMES)[:200].replace(BACKWARDS, r"\u202e")
    url = f"ws://127.0.0.1:{inspected.port}/live?{query}"
    async with inspecting(browser, inspected) as page, connect(url):
        await row(page, "handshake", IN_A_QUERY).click()
        detail = page.get_by_role("region", name="Details")
        await expect(detail).to_contain_text(query)
        connections = page.get_by_role("region", name="Connections")
        principal = connections.get_by_title(IN_A_QUERY)
        await expect(principal).to_have_text(f"{named}…")
        await row(page, "event", "AUTHORIZE").click()
        answer = detail.get_by_label("Answer", exact=True)
        await expect(answer).to_contain_text(rf"{IN_A_QUERY}\u202e{IN_A_QUERY}")

        assert await page.locator("img").count() == 0
        assert await page.title() == "local-gateway"
        assert await sticking_out(page) == []
