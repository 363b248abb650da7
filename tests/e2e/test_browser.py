"""The test page of `make dev`, in a real browser."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from playwright.async_api import expect

from tests.e2e.browsing import REBOUND, flaws, visiting
from tests.e2e.the_test_page import opened

if TYPE_CHECKING:
    from playwright.async_api import Browser

    from tests.e2e.gateway_process import GatewayProcess

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_click_connects_and_another_disconnects(
    browser: Browser, service: GatewayProcess
) -> None:
    async with opened(browser, service) as shown:
        await shown.connect()
        await expect(shown.state).to_have_text(f"connected as {shown.client_id}")
        await shown.page.click("#connect")
        await expect(shown.state).to_contain_text("closed (1005")


async def test_enter_connects(browser: Browser, service: GatewayProcess) -> None:
    async with opened(browser, service) as shown:
        await shown.page.fill("#client", shown.client_id)
        await shown.page.press("#client", "Enter")
        hello = json.loads(await shown.until_line("← CONNECTION"))

    assert (hello["msgType"], hello["to"]) == (0, shown.client_id)


async def test_a_push_by_http_appears_as_an_envelope(
    browser: Browser, service: GatewayProcess
) -> None:
    async with opened(browser, service) as shown:
        await shown.connect()
        await shown.page.fill("#to", f"{shown.client_id}, nobody")
        await shown.page.fill("#msg", '{"text": "größer"}')
        await shown.page.click("#http")
        answer = json.loads(await shown.until_line("← HTTP 200"))
        envelope = json.loads(await shown.until_line("← BUSINESS"))

    assert (answer["success"], answer["data"]) == (True, ["nobody"])
    assert (envelope["to"], envelope["msg"]) == (shown.client_id, {"text": "größer"})


async def test_a_push_to_all_appears_as_an_envelope(
    browser: Browser, service: GatewayProcess
) -> None:
    async with opened(browser, service) as shown:
        await shown.connect()
        await shown.page.click("#all")
        envelope = json.loads(await shown.until_line("← BUSINESS"))

    assert envelope["msg"] == {"k": "v"}


async def test_a_push_by_websocket_reaches_another_client(
    browser: Browser, service: GatewayProcess
) -> None:
    bob = f"bob-{uuid.uuid4().hex[:8]}"
    async with opened(browser, service) as shown, service.client(bob) as client:
        await shown.connect()
        await shown.page.fill("#to", bob)
        await shown.page.click("#websocket")
        envelope = await client.receive()
        acknowledgement = json.loads(await shown.until_line("← BUSINESS_ACK"))

    assert (envelope["from"], envelope["msg"]) == (shown.client_id, {"k": "v"})
    assert acknowledgement["messageId"] == "page-1"


async def test_a_heartbeat_is_acknowledged(browser: Browser, service: GatewayProcess) -> None:
    async with opened(browser, service) as shown:
        await shown.connect()
        await shown.page.click("#heartbeat")
        acknowledgement = json.loads(await shown.until_line("← HEARTBEAT_ACK"))

    assert acknowledgement["messageId"] == "page-1"


@pytest.mark.parametrize(
    ("place", "pasted"),
    [("token", "pasted 5f1e-0c7d"), ("token", "pästed-5f1e-0c7d"), ("ticket", "pasted,5f1e-0c7d")],
)
async def test_what_cannot_be_a_token_is_refused_and_not_quoted(
    browser: Browser, service: GatewayProcess, place: str, pasted: str
) -> None:
    async with opened(browser, service) as shown:
        await shown.page.fill("#client", shown.client_id)
        await shown.page.fill(f"#{place}", pasted)
        await shown.page.click("#connect")
        told = await shown.until_line("! failed")
        text = await shown.page.evaluate("document.body.innerText")
        state = await shown.state.text_content()

    assert told == f"Error: the {place} has a character that none can have"
    assert (state, "5f1e" in text) == ("not connected", False)


HOSTILE: dict[str, Any] = {
    "image": "<img src=x onerror=\"document.title='ran'\">",
    "script": "<script>document.title='ran'</script>",
    "closing": "</pre></li></ol><svg onload=\"document.title='ran'\">",
    "<b>key</b>": "\u202e\u0000",
}


async def test_what_a_message_carries_is_shown_and_not_run(
    browser: Browser, service: GatewayProcess
) -> None:
    async with opened(browser, service) as shown:
        await shown.connect()
        await service.push(to=shown.client_id, msg=HOSTILE, **{"from": HOSTILE["image"]})
        envelope = json.loads(await shown.until_line("← BUSINESS"))
        elements = await shown.page.evaluate(
            "[...document.querySelectorAll('#log li *')].map((each) => each.localName)"
        )
        title = await shown.page.evaluate("document.title")

    assert (envelope["msg"], envelope["from"]) == (HOSTILE, HOSTILE["image"])
    assert set(elements) == {"div", "span", "time", "pre"}
    assert title == "cloudpush test page"


async def test_the_policy_of_the_page_forbids_what_the_page_does_not_need(
    browser: Browser, service: GatewayProcess
) -> None:
    async with opened(browser, service, complains=True) as shown:
        blocked = await shown.page.evaluate(
            "new Promise((resolve) => {"
            " document.addEventListener('securitypolicyviolation',"
            "   (event) => resolve(event.effectiveDirective));"
            " document.body.append(Object.assign(new Image(), {src: '/image.png'})); })"
        )

    assert blocked == "img-src"


@pytest.mark.parametrize(
    ("client_id", "text"), [("", "channelId"), ("<img src=x onerror=alert(1)>", "channelId")]
)
async def test_a_refused_client_id_is_told(
    browser: Browser, service: GatewayProcess, client_id: str, text: str
) -> None:
    async with opened(browser, service, complains=True) as shown:
        await shown.page.fill("#client", client_id)
        await shown.page.click("#connect")
        refused = json.loads(await shown.until_line("← HTTP 400"))

    assert refused["success"] is False
    assert text in refused["msg"]
    assert [text for text in shown.visit.complaints if "status of 400" not in text] == []


async def test_a_msg_that_is_no_json_object_is_told_and_not_sent(
    browser: Browser, service: GatewayProcess
) -> None:
    wrong = [("http", "{"), ("all", "null"), ("websocket", "[]"), ("websocket", "")]
    async with opened(browser, service) as shown:
        await shown.connect()
        requested = list(shown.visit.requested)
        for button, text in wrong:
            await shown.page.fill("#msg", text)
            await shown.page.click(f"#{button}")
        kinds = shown.page.locator("#log .kind")
        await expect(kinds).to_have_text(["! msg is not a JSON object"] * 4 + ["← CONNECTION"])

    assert shown.visit.requested == requested


async def test_a_connection_that_the_service_closes_is_told(
    browser: Browser, service: GatewayProcess
) -> None:
    async with opened(browser, service) as shown:
        await shown.connect()
        await shown.page.evaluate("socket.send('x'.repeat(200000))")
        await expect(shown.state).to_contain_text("closed (1009")
        await expect(shown.page.locator("#connect")).to_have_text("Connect")


async def test_the_page_is_accessible_and_nothing_sticks_out_at_any_width(
    browser: Browser, service: GatewayProcess
) -> None:
    sticking_out: dict[int, list[str]] = {}
    async with opened(browser, service) as shown:
        await shown.connect()
        await service.push(to=shown.client_id, msg={"long": "x" * 5000})
        await shown.until_line("← BUSINESS")
        for width in (320, 390, 1280):
            await shown.page.set_viewport_size({"width": width, "height": 800})
            sticking_out[width] = await shown.page.evaluate(
                "[document.documentElement, document.getElementById('log')]"
                ".filter((each) => each.scrollWidth > each.clientWidth)"
                ".map((each) => each.localName)"
            )
        found = await flaws(shown.page)

    assert found == []
    assert sticking_out == {320: [], 390: [], 1280: []}


async def test_a_page_from_elsewhere_cannot_move_the_time_or_invoke(
    browser: Browser, service: GatewayProcess
) -> None:
    requests = {
        "/_gateway/clock": {"advance": 600},
        "/_gateway/faults": {"late-disconnect": 1},
        "/2015-03-31/functions/SweepFunction/invocations": {},
    }
    async with visiting(browser, complains=True) as visit:
        sent = await visit.page.evaluate(
            f"Promise.all(Object.entries({json.dumps(requests)}).map(([path, body]) =>"
            f" fetch('{service.url}' + path, {{method: 'POST', mode: 'no-cors',"
            " body: JSON.stringify(body)}).then((answer) => answer.type)))"
        )
    clock = (await service.http.get("/_gateway/clock")).json()
    faults = (await service.http.get("/_gateway/faults")).json()

    assert sent == ["opaque"] * 3  # the requests were made; their answers are hidden from the page
    assert clock["offsetSeconds"] == 0
    assert {fault["value"] for fault in faults["faults"].values()} == {0}


async def test_its_sockets_are_accepted_as_on_aws_and_the_developer_hears_of_it(
    browser: Browser, service: GatewayProcess
) -> None:
    async with visiting(browser) as visit:
        hello = await visit.page.evaluate(
            "new Promise((resolve, reject) => {"
            f" const socket = new WebSocket('{service.websocket_url}?channelId=hijacked');"
            " socket.onmessage = (event) => resolve(JSON.parse(event.data).msgType);"
            " socket.onerror = reject; })"
        )
    said = (await service.http.get("/_gateway/why")).json()["why"]

    assert hello == 0
    (line,) = [each for each in said if each["id"] == "foreign-origin"]
    assert (line["place"], line["text"][:21]) == ("stage dev", "a web page of null us")


@pytest.mark.parametrize("path", ["/", "/_gateway/connections", "/server/get?channelId=alice"])
async def test_a_rebound_name_shows_a_page_nothing(
    browser: Browser, service: GatewayProcess, path: str
) -> None:
    async with visiting(browser, complains=True) as visit:
        await visit.page.goto(f"http://{REBOUND}:{service.port}{path}")
        text = await visit.page.evaluate("document.body.textContent")

    assert json.loads(text) == {"message": "Forbidden"}
