"""The test page of `make dev`, in a real browser."""

from __future__ import annotations

import json
import uuid
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

from tests.e2e.chromium import REBOUND, Browser, Page, running_browser
from tests.e2e.closing import Issuer, closed_main_job
from tests.e2e.gateway_process import GatewayProcess, free_port, main_job, running_gateway
from tests.fakes.auth import bearer

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Browser]:
    async with running_browser(tmp_path_factory.mktemp("chromium")) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(browser: Browser) -> AsyncGenerator[GatewayProcess]:  # noqa: ARG001 — without a browser nothing is started
    port = free_port()
    async with running_gateway(main_job("redis", port), port=port) as running:
        yield running


class Closed(NamedTuple):
    """A gateway that asks for tokens, and who signs them."""

    gateway: GatewayProcess
    issuer: Issuer

    def token(self, client_id: str, **claims: Any) -> str:  # noqa: ANN401 — any claim
        """Return a token, which no log may have."""
        token = self.issuer.issue(client_id, **claims)
        self.gateway.canaries.heed_credential(token)
        return token

    async def ticket(self, client_id: str) -> str:
        """Return a ticket of a client that may push to itself, which no log may have."""
        headers = bearer(self.issuer.issue(client_id, push=client_id))
        answer = await self.gateway.http.post("/v1/tickets", headers=headers)
        ticket: str = answer.json()["ticket"]
        self.gateway.canaries.heed_credential(ticket)
        return ticket


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def closed(
    browser: Browser,  # noqa: ARG001 — without a browser nothing is started
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncGenerator[Closed]:
    port = free_port()
    arguments, issuer = closed_main_job(tmp_path_factory.mktemp("closed"), port)
    async with running_gateway(arguments, port=port) as running:
        yield Closed(running, issuer)


class Shown:
    """The test page as its reader knows it."""

    def __init__(self, page: Page, client_id: str) -> None:
        self.page = page
        self.client_id = client_id

    async def connect(self) -> None:
        """Connect by clicking, and wait for CONNECTION."""
        await self.page.fill("client", self.client_id)
        await self.page.click("connect")
        await self.until_line("← CONNECTION")

    async def until_line(self, kind: str) -> str:
        """Wait for a line of this kind, and return the text of the latest one."""
        find = (
            "[...document.querySelectorAll('#log li')]"
            f".find((line) => line.querySelector('.kind').textContent === {json.dumps(kind)})"
        )
        await self.page.until(find)
        return await self.page.evaluate(f"{find}.querySelector('pre').textContent")

    async def state(self) -> str:
        return await self.page.evaluate("document.getElementById('state').textContent")


@asynccontextmanager
async def opened(
    browser: Browser, gateway: GatewayProcess, *, width: int = 1280
) -> AsyncGenerator[Shown]:
    """Open the page; afterwards it must have asked nobody else, and have nothing to complain of."""
    async with browser.page(width=width) as page:
        await page.open(f"{gateway.url}/")
        yield Shown(page, f"alice-{uuid.uuid4().hex[:8]}")
        hosts = {urlsplit(url).netloc for url in page.requested if not url.startswith("data:")}
        assert hosts == {f"127.0.0.1:{gateway.port}"}
        assert page.complaints == []


async def test_a_click_connects_and_another_disconnects(
    browser: Browser, gateway: GatewayProcess
) -> None:
    async with opened(browser, gateway) as shown:
        await shown.connect()
        connected = await shown.state()
        await shown.page.click("connect")
        await shown.page.until("document.getElementById('state').dataset.state === 'closed'")
        disconnected = await shown.state()

    assert connected == f"connected as {shown.client_id}"
    assert disconnected.startswith("closed (1005")


async def test_enter_connects(browser: Browser, gateway: GatewayProcess) -> None:
    async with opened(browser, gateway) as shown:
        await shown.page.fill("client", shown.client_id)
        await shown.page.press_enter()
        hello = json.loads(await shown.until_line("← CONNECTION"))

    assert (hello["msgType"], hello["to"]) == (0, shown.client_id)


async def test_a_push_by_http_appears_as_an_envelope(
    browser: Browser, gateway: GatewayProcess
) -> None:
    async with opened(browser, gateway) as shown:
        await shown.connect()
        await shown.page.fill("to", f"{shown.client_id}, nobody")
        await shown.page.fill("msg", '{"text": "größer"}')
        await shown.page.click("http")
        answer = json.loads(await shown.until_line("← HTTP 200"))
        envelope = json.loads(await shown.until_line("← BUSINESS"))

    assert (answer["success"], answer["data"]) == (True, ["nobody"])
    assert (envelope["to"], envelope["msg"]) == (shown.client_id, {"text": "größer"})


async def test_a_push_to_all_appears_as_an_envelope(
    browser: Browser, gateway: GatewayProcess
) -> None:
    async with opened(browser, gateway) as shown:
        await shown.connect()
        await shown.page.click("all")
        envelope = json.loads(await shown.until_line("← BUSINESS"))

    assert envelope["msg"] == {"k": "v"}


async def test_a_push_by_websocket_reaches_another_client(
    browser: Browser, gateway: GatewayProcess
) -> None:
    bob = f"bob-{uuid.uuid4().hex[:8]}"
    async with opened(browser, gateway) as shown, gateway.client(bob) as client:
        await shown.connect()
        await shown.page.fill("to", bob)
        await shown.page.click("websocket")
        envelope = await client.receive()
        acknowledgement = json.loads(await shown.until_line("← BUSINESS_ACK"))

    assert (envelope["from"], envelope["msg"]) == (shown.client_id, {"k": "v"})
    assert acknowledgement["messageId"] == "page-1"


async def test_a_heartbeat_is_acknowledged(browser: Browser, gateway: GatewayProcess) -> None:
    async with opened(browser, gateway) as shown:
        await shown.connect()
        await shown.page.click("heartbeat")
        acknowledgement = json.loads(await shown.until_line("← HEARTBEAT_ACK"))

    assert acknowledgement["messageId"] == "page-1"


STORED = "[localStorage.length, sessionStorage.length, document.cookie]"


async def test_a_token_that_is_pasted_connects_and_pushes_and_is_kept_nowhere(
    browser: Browser, closed: Closed
) -> None:
    async with opened(browser, closed.gateway) as shown:
        me = shown.client_id
        token = closed.token(me, scope="push", push=me)
        await shown.page.fill("token", token)
        await shown.connect()
        await shown.page.fill("to", me)
        await shown.page.click("http")
        answer = json.loads(await shown.until_line("← HTTP 200"))
        envelope = json.loads(await shown.until_line("← BUSINESS"))
        stored = await shown.page.evaluate(STORED)
        text = await shown.page.evaluate("document.body.innerText")
        await shown.page.open(f"{closed.gateway.url}/")
        after_a_reload = await shown.page.evaluate("document.getElementById('token').value")

    assert (answer["success"], answer["data"]) == (True, [])
    assert (envelope["to"], envelope["from"], envelope["msg"]) == (me, me, {"k": "v"})
    assert [url for url in shown.page.requested if token in url] == []
    assert (stored, token in text, after_a_reload) == ([0, 0, ""], False, "")


@pytest.mark.parametrize(
    ("place", "pasted"),
    [("token", "pasted 5f1e-0c7d"), ("token", "pästed-5f1e-0c7d"), ("ticket", "pasted,5f1e-0c7d")],
)
async def test_what_cannot_be_a_token_is_refused_and_not_quoted(
    browser: Browser, gateway: GatewayProcess, place: str, pasted: str
) -> None:
    async with opened(browser, gateway) as shown:
        await shown.page.fill("client", shown.client_id)
        await shown.page.fill(place, pasted)
        await shown.page.click("connect")
        told = await shown.until_line("! failed")
        text = await shown.page.evaluate("document.body.innerText")
        state = await shown.state()

    assert told == f"Error: the {place} has a character that none can have"
    assert (state, "5f1e" in text) == ("not connected", False)


async def test_a_ticket_connects_once_and_without_a_token(browser: Browser, closed: Closed) -> None:
    async with opened(browser, closed.gateway) as shown:
        await shown.page.fill("ticket", await closed.ticket(shown.client_id))
        await shown.connect()
        await shown.page.fill("to", shown.client_id)
        await shown.page.click("websocket")
        envelope = json.loads(await shown.until_line("← BUSINESS"))
        left = await shown.page.evaluate("document.getElementById('ticket').value")

    assert (envelope["from"], envelope["msg"]) == (shown.client_id, {"k": "v"})
    assert left == ""


async def test_who_shows_nothing_is_told_so(browser: Browser, closed: Closed) -> None:
    async with browser.page() as page:
        await page.open(f"{closed.gateway.url}/")
        shown = Shown(page, "alice")
        await page.click("connect")
        refused = json.loads(await shown.until_line("← HTTP 401"))
        state = await shown.state()

    assert refused["success"] is False
    assert state == "not connected"
    # The browser itself notes an answer of 401.
    assert [text for text in page.complaints if "401" not in text] == []
    assert [url for url in page.requested if url.startswith("ws:")] == []


async def test_a_handshake_that_is_refused_is_told(browser: Browser, closed: Closed) -> None:
    async with browser.page() as page:
        await page.open(f"{closed.gateway.url}/")
        shown = Shown(page, "alice")
        await page.fill("token", closed.token("bob", scope="read"))
        await page.click("connect")
        await page.until("document.getElementById('state').dataset.state === 'failed'")
        state = await shown.state()

    assert state == "refused, or nobody answered (1006)"


HOSTILE: dict[str, Any] = {
    "image": "<img src=x onerror=\"document.title='ran'\">",
    "script": "<script>document.title='ran'</script>",
    "closing": "</pre></li></ol><svg onload=\"document.title='ran'\">",
    "<b>key</b>": "\u202e\u0000",
}


async def test_what_a_message_carries_is_shown_and_not_run(
    browser: Browser, gateway: GatewayProcess
) -> None:
    async with opened(browser, gateway) as shown:
        await shown.connect()
        await gateway.push(to=shown.client_id, msg=HOSTILE, **{"from": HOSTILE["image"]})
        envelope = json.loads(await shown.until_line("← BUSINESS"))
        elements = await shown.page.evaluate(
            "[...document.querySelectorAll('#log li *')].map((each) => each.localName)"
        )
        title = await shown.page.evaluate("document.title")

    assert (envelope["msg"], envelope["from"]) == (HOSTILE, HOSTILE["image"])
    assert set(elements) == {"div", "span", "time", "pre"}
    assert title == "cloudpush test page"


async def test_the_policy_of_the_page_forbids_what_the_page_does_not_need(
    browser: Browser, gateway: GatewayProcess
) -> None:
    async with browser.page() as page:
        await page.open(f"{gateway.url}/")
        blocked = await page.evaluate(
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
    browser: Browser, gateway: GatewayProcess, client_id: str, text: str
) -> None:
    async with browser.page() as page:
        await page.open(f"{gateway.url}/")
        shown = Shown(page, client_id)
        await page.fill("client", client_id)
        await page.click("connect")
        refused = json.loads(await shown.until_line("← HTTP 400"))

    assert refused["success"] is False
    assert text in refused["msg"]
    # The browser itself notes an answer of 400.
    assert [text for text in page.complaints if "400" not in text] == []


@pytest.mark.parametrize(
    ("button", "text"), [("http", "{"), ("all", "null"), ("websocket", "[]"), ("websocket", "")]
)
async def test_a_msg_that_is_no_json_object_is_told_and_not_sent(
    browser: Browser, gateway: GatewayProcess, button: str, text: str
) -> None:
    async with opened(browser, gateway) as shown:
        await shown.connect()
        sent_before = len(shown.page.requested)
        await shown.page.fill("msg", text)
        await shown.page.click(button)
        await shown.until_line("! msg is not a JSON object")
        sent = shown.page.requested[sent_before:]

    assert sent == []


async def test_a_connection_that_the_service_closes_is_told(
    browser: Browser, gateway: GatewayProcess
) -> None:
    async with opened(browser, gateway) as shown:
        await shown.connect()
        await shown.page.evaluate("socket.send('x'.repeat(200000))")
        await shown.page.until("document.getElementById('state').dataset.state !== 'open'")
        state = await shown.state()
        button = await shown.page.evaluate("document.getElementById('connect').textContent")

    assert state.startswith("closed (1009")
    assert button == "Connect"


@pytest.mark.parametrize("width", [320, 390, 1280])
async def test_nothing_sticks_out_at_any_width(
    browser: Browser, gateway: GatewayProcess, width: int
) -> None:
    async with opened(browser, gateway, width=width) as shown:
        await shown.connect()
        await gateway.push(to=shown.client_id, msg={"long": "x" * 5000})
        await shown.until_line("← BUSINESS")
        sticking_out = await shown.page.evaluate(
            "[document.documentElement, document.getElementById('log')]"
            ".filter((each) => each.scrollWidth > each.clientWidth).map((each) => each.localName)"
        )

    assert sticking_out == []


async def test_a_page_from_elsewhere_cannot_move_the_time_or_invoke(
    browser: Browser, gateway: GatewayProcess
) -> None:
    requests = {
        "/_gateway/clock": {"advance": 600},
        "/_gateway/faults": {"late-disconnect": 1},
        "/2015-03-31/functions/SweepFunction/invocations": {},
    }
    async with browser.page() as page:
        sent = await page.evaluate(
            f"Promise.all(Object.entries({json.dumps(requests)}).map(([path, body]) =>"
            f" fetch('{gateway.url}' + path, {{method: 'POST', mode: 'no-cors',"
            " body: JSON.stringify(body)}).then((answer) => answer.type)))"
        )
    clock = (await gateway.http.get("/_gateway/clock")).json()
    faults = (await gateway.http.get("/_gateway/faults")).json()

    assert sent == ["opaque"] * 3  # the requests were made; their answers are hidden from the page
    assert clock["offsetSeconds"] == 0
    assert {fault["value"] for fault in faults["faults"].values()} == {0}


async def test_its_sockets_are_accepted_as_on_aws_and_the_developer_hears_of_it(
    browser: Browser, gateway: GatewayProcess
) -> None:
    async with browser.page() as page:
        hello = await page.evaluate(
            "new Promise((resolve, reject) => {"
            f" const socket = new WebSocket('{gateway.websocket_url}?channelId=hijacked');"
            " socket.onmessage = (event) => resolve(JSON.parse(event.data).msgType);"
            " socket.onerror = reject; })"
        )
    said = (await gateway.http.get("/_gateway/why")).json()["why"]

    assert hello == 0
    (line,) = [each for each in said if each["id"] == "foreign-origin"]
    assert (line["place"], line["text"][:21]) == ("stage dev", "a web page of null us")


@pytest.mark.parametrize("path", ["/", "/_gateway/connections", "/server/get?channelId=alice"])
async def test_a_rebound_name_shows_a_page_nothing(
    browser: Browser, gateway: GatewayProcess, path: str
) -> None:
    async with browser.page() as page:
        await page.open(f"http://{REBOUND}:{gateway.port}{path}")
        text = await page.evaluate("document.body.textContent")

    assert json.loads(text) == {"message": "Forbidden"}
