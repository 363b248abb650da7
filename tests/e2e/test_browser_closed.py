"""The test page of a deployment that asks for tokens, in a real browser."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from tests.e2e.the_test_page import opened

if TYPE_CHECKING:
    from playwright.async_api import Browser

    from tests.e2e.closing import ClosedGateway

pytestmark = pytest.mark.asyncio(loop_scope="session")

STORED = "[localStorage.length, sessionStorage.length, document.cookie]"


async def test_a_token_that_is_pasted_connects_and_pushes_and_is_kept_nowhere(
    browser: Browser, closed: ClosedGateway
) -> None:
    async with opened(browser, closed.gateway) as shown:
        me = shown.client_id
        token = closed.token(me, scope="push", push=me)
        await shown.page.fill("#token", token)
        await shown.connect()
        await shown.page.fill("#to", me)
        await shown.page.click("#http")
        answer = json.loads(await shown.until_line("← HTTP 200"))
        envelope = json.loads(await shown.until_line("← BUSINESS"))
        stored = await shown.page.evaluate(STORED)
        text = await shown.page.evaluate("document.body.innerText")
        await shown.page.goto(f"{closed.gateway.url}/")
        after_a_reload = await shown.page.evaluate("document.getElementById('token').value")

    assert (answer["success"], answer["data"]) == (True, [])
    assert (envelope["to"], envelope["from"], envelope["msg"]) == (me, me, {"k": "v"})
    assert [url for url in shown.visit.requested if token in url] == []
    assert (stored, token in text, after_a_reload) == ([0, 0, ""], False, "")


async def test_a_ticket_connects_once_and_without_a_token(
    browser: Browser, closed: ClosedGateway
) -> None:
    async with opened(browser, closed.gateway) as shown:
        await shown.page.fill("#ticket", await closed.ticket(shown.client_id))
        await shown.connect()
        await shown.page.fill("#to", shown.client_id)
        await shown.page.click("#websocket")
        envelope = json.loads(await shown.until_line("← BUSINESS"))
        left = await shown.page.evaluate("document.getElementById('ticket').value")

    assert (envelope["from"], envelope["msg"]) == (shown.client_id, {"k": "v"})
    assert left == ""


async def test_who_shows_nothing_is_told_so(browser: Browser, closed: ClosedGateway) -> None:
    async with opened(browser, closed.gateway, complains=True) as shown:
        await shown.page.click("#connect")
        refused = json.loads(await shown.until_line("← HTTP 401"))
        await expect(shown.state).to_have_text("not connected")

    assert refused["success"] is False
    assert [text for text in shown.visit.complaints if "status of 401" not in text] == []
    assert [url for url in shown.visit.requested if url.startswith("ws:")] == []


async def test_a_handshake_that_is_refused_is_told(browser: Browser, closed: ClosedGateway) -> None:
    async with opened(browser, closed.gateway, complains=True) as shown:
        await shown.page.fill("#token", closed.token("bob", scope="read"))
        await shown.page.click("#connect")
        await expect(shown.state).to_have_text("refused, or nobody answered (1006)")
