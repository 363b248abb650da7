"""The inspector's page in a real browser: what its users come for."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from playwright.async_api import expect
from websockets.asyncio.client import connect

from tests.e2e.browsing import running_chromium, sticking_out, violations, visiting
from tests.e2e.gateway_process import ROOT, running_gateway
from tests.processes import guarded

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from playwright.async_api import Browser, Locator, Page
    from websockets.asyncio.client import ClientConnection

    from tests.e2e.browsing import Colours
    from tests.e2e.gateway_process import GatewayProcess

pytestmark = pytest.mark.asyncio(loop_scope="module")

TEMPLATE = ROOT / "tests/e2e/inspected/template.yaml"
ASK = json.dumps({"action": "ask", "topic": "tides"})
TELL = json.dumps({"action": "tell"})
ONE_WAY = json.dumps({"action": "fail", "topic": "tides", "is_fine": True})
FAIL = json.dumps({"action": "fail", "topic": "tides"})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncGenerator[Browser]:
    async with running_chromium() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(browser: Browser) -> AsyncGenerator[GatewayProcess]:  # noqa: ARG001 — without a browser nothing is started
    async with running_gateway(["--template", str(TEMPLATE)]) as running:
        yield running


@asynccontextmanager
async def inspecting(
    browser: Browser, gateway: GatewayProcess, *, width: int = 1280, colours: Colours = "light"
) -> AsyncGenerator[Page]:
    """Open the inspector on a gateway whose rows are forgotten."""
    await gateway.http.delete("/_gateway/rows")
    async with visiting(browser, width=width, colours=colours) as visit:
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


async def test_a_frame_is_seen_and_the_event_behind_it(
    browser: Browser, gateway: GatewayProcess
) -> None:
    async with inspecting(browser, gateway) as page, talking(gateway) as client:
        await say(client, ASK)
        await row(page, "reply", "found").click()
        detail = page.get_by_role("region", name="Details")
        await detail.get_by_role("button", name="event Answer: ok").click()
        await expect(detail.get_by_label("Event", exact=True)).to_contain_text('"routeKey": "ask"')
        await expect(detail.get_by_label("Answer", exact=True)).to_contain_text('"statusCode": 200')
        await expect(detail).to_contain_text("asked about tides")


async def test_a_failure_is_found_from_the_error_frame(
    browser: Browser, gateway: GatewayProcess
) -> None:
    async with inspecting(browser, gateway) as page, talking(gateway) as client:
        await say(client, FAIL)
        await row(page, "error frame").click()
        detail = page.get_by_role("region", name="Details")
        await detail.get_by_role("button", name="event Answer: Unhandled").click()
        await expect(detail.get_by_label("Answer", exact=True)).to_contain_text("KeyError")


async def test_a_post_is_traced_to_the_message_that_caused_it(
    browser: Browser, gateway: GatewayProcess
) -> None:
    async with inspecting(browser, gateway) as page, talking(gateway) as client:
        await say(client, TELL)
        await row(page, "post", "told").click()
        causes = page.get_by_role("region", name="Details").get_by_role("listitem")
        await expect(causes.filter(has_text="message")).to_contain_text('"tell"')
        await expect(causes.filter(has_text="event")).to_contain_text("Tell")


async def test_only_what_is_looked_for_is_shown(browser: Browser, gateway: GatewayProcess) -> None:
    async with inspecting(browser, gateway) as page, talking(gateway) as client:
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
    browser: Browser, gateway: GatewayProcess
) -> None:
    async with inspecting(browser, gateway) as page, talking(gateway) as client:
        await row(page, "handshake").wait_for()
        await page.get_by_role("button", name="Pause").click()
        await say(client, ASK)
        go_on = page.get_by_role("button", name="Go on")
        await expect(go_on).to_contain_text("waiting")
        await expect(rows(page).filter(has_text="reply")).to_have_count(0)
        await go_on.click()
        await expect(row(page, "reply")).to_be_visible()


async def test_cleared_rows_are_gone_and_the_page_says_what_to_do(
    browser: Browser, gateway: GatewayProcess
) -> None:
    async with inspecting(browser, gateway) as page, talking(gateway) as client:
        await say(client, ASK)
        await row(page, "reply").wait_for()
        await page.get_by_role("button", name="Clear").click()
        await expect(page.get_by_text("Connect a client and send a message")).to_be_visible()


async def test_the_keyboard_alone_is_enough(browser: Browser, gateway: GatewayProcess) -> None:
    async with inspecting(browser, gateway) as page, talking(gateway) as client:
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
    browser: Browser, gateway: GatewayProcess
) -> None:
    async with inspecting(browser, gateway) as page, talking(gateway) as client:
        await say(client, ASK)
        await row(page, "reply").wait_for()
        await page.keyboard.press("?")
        help_ = page.get_by_role("dialog", name="Keyboard shortcuts")
        await expect(help_).to_contain_text("Pause, or go on")
        assert await violations(page) == []
        await page.keyboard.press("p")  # the page behind the help hears nothing
        await page.keyboard.press("Escape")
        await expect(help_).to_be_hidden()
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


async def test_connections_tell_how_much_came_and_went(
    browser: Browser, gateway: GatewayProcess
) -> None:
    async with inspecting(browser, gateway) as page, talking(gateway) as client:
        await say(client, ASK, ASK, TELL)
        open_ones = page.get_by_role("region", name="Connections").get_by_role("listitem")
        await expect(open_ones.filter(has_text="ChatApi").last).to_contain_text("3 in · 3 out")


async def test_a_row_leads_to_why_aws_would_surprise(
    browser: Browser, gateway: GatewayProcess
) -> None:
    async with inspecting(browser, gateway) as page, talking(gateway) as client:
        await client.send(ONE_WAY)
        detail = page.get_by_role("region", name="Details")
        await row(page, "why", "RouteResponse").click()
        await detail.get_by_role("button", name="message").click()
        await detail.get_by_role("button", name="why").click()
        await expect(detail).to_contain_text("REPLY-2")


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
async def test_the_page_is_accessible_and_fits(
    browser: Browser, gateway: GatewayProcess, width: int, colours: Colours
) -> None:
    async with (
        inspecting(browser, gateway, width=width, colours=colours) as page,
        talking(gateway) as client,
    ):
        await say(client, ASK, TELL, FAIL)
        await page.get_by_role("listbox").press("Home")
        await row(page, "error frame").click()

        assert await violations(page) == []
        assert await sticking_out(page) == []


async def choose(page: Page, client_id: str = "") -> None:
    """Choose the only connection, or the newest."""
    connections = page.get_by_role("region", name="Connections").get_by_role("listitem")
    await connections.filter(has_text=client_id or "ChatApi").last.get_by_role("button").click()


async def test_a_frame_is_sent_again(browser: Browser, gateway: GatewayProcess) -> None:
    async with inspecting(browser, gateway) as page, talking(gateway) as client:
        [answer] = await say(client, ASK)
        await row(page, "message", "tides").click()
        await page.get_by_role("button", name="Send again").click()

        assert await client.recv() == answer
        await expect(page.get_by_role("log")).to_have_text("Sent as though by the client.")


async def test_a_frame_is_edited_and_sent(browser: Browser, gateway: GatewayProcess) -> None:
    async with inspecting(browser, gateway) as page, talking(gateway) as client:
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
    browser: Browser, gateway: GatewayProcess
) -> None:
    async with inspecting(browser, gateway) as page, talking(gateway) as client:
        await choose(page)
        await page.get_by_role("textbox", name="Message").fill('{"news": 1}')
        await page.get_by_role("button", name="Post to client").click()
        assert await client.recv() == '{"news": 1}'
        await page.get_by_role("button", name="Disconnect").click()

        await client.wait_closed()
        assert client.close_code == 1000


async def test_a_client_is_opened_with_headers_and_heard(
    browser: Browser, gateway: GatewayProcess
) -> None:
    async with inspecting(browser, gateway) as page:
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


async def test_time_passes_and_faults_happen(browser: Browser, gateway: GatewayProcess) -> None:
    async with inspecting(browser, gateway) as page, talking(gateway) as client:
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
    browser: Browser, gateway: GatewayProcess, tmp_path: Path
) -> None:
    async with inspecting(browser, gateway) as page, talking(gateway) as client:
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


async def test_what_it_would_cost_is_told_with_its_prices(
    browser: Browser, gateway: GatewayProcess
) -> None:
    async with inspecting(browser, gateway) as page, talking(gateway) as client:
        before = (await gateway.http.get("/_gateway/cost")).json()
        await say(client, ASK)
        after = (await gateway.http.get("/_gateway/cost")).json()
        await expect(page.get_by_text("would cost")).to_contain_text("aws.amazon.com/lambda")

    assert after["messages"] - before["messages"] == 2
    assert after["requests"] - before["requests"] >= 1
    assert after["gbSeconds"] > before["gbSeconds"]


async def test_a_page_without_the_token_shows_nothing(
    browser: Browser, gateway: GatewayProcess
) -> None:
    async with visiting(browser, complains=True) as visit:
        await visit.page.goto(f"{gateway.url}/_gateway/")
        await expect(visit.page.get_by_role("alert")).to_contain_text("needs the token")
        await expect(rows(visit.page)).to_have_count(0)


async def test_the_token_does_not_stay_in_the_address(
    browser: Browser, gateway: GatewayProcess
) -> None:
    async with inspecting(browser, gateway) as page:
        assert page.url == f"{gateway.url}/_gateway/"
        await page.reload()
        await expect(page.get_by_role("status")).to_have_text("live")


async def test_the_page_is_read_in_chinese(browser: Browser, gateway: GatewayProcess) -> None:
    async with visiting(browser, language="zh-CN") as visit:
        await visit.page.goto(gateway.inspector_url)
        await expect(visit.page.get_by_role("status")).to_have_text("实时")
        assert await violations(visit.page) == []
        await visit.page.get_by_role("button", name="切换到英文").click()
        await expect(visit.page.get_by_role("heading", name="Connections")).to_be_visible()


HOSTILE = "<img src=x onerror=\"document.title='ran'\"><script>document.title='ran'</script>"
IN_A_QUERY = "<img/src=x/onerror=document.title='ran'>"


async def test_what_clients_say_is_shown_and_not_run(
    browser: Browser, gateway: GatewayProcess
) -> None:
    async with inspecting(browser, gateway) as page, talking(gateway) as client:
        await say(client, json.dumps({"action": "ask", "topic": HOSTILE}))
        await row(page, "reply").click()
        await expect(page.get_by_role("region", name="Details")).to_contain_text("<img src=x")

        assert await page.locator("img, .detail script").count() == 0
        assert await page.title() == "local-gateway"


async def test_what_clients_connect_with_is_shown_and_not_run(
    browser: Browser, gateway: GatewayProcess
) -> None:
    # As it stands: no browser would send it like this, and others do.
    url = f"ws://127.0.0.1:{gateway.port}/live?channelId={IN_A_QUERY}&name={IN_A_QUERY}"
    async with inspecting(browser, gateway) as page, connect(url):
        await row(page, "handshake", IN_A_QUERY).click()
        detail = page.get_by_role("region", name="Details")
        await expect(detail).to_contain_text(f"channelId={IN_A_QUERY}&name={IN_A_QUERY}")

        assert await page.locator("img").count() == 0
        assert await page.title() == "local-gateway"
