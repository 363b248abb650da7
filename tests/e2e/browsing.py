"""Pages in a real browser, driven by Playwright, and what must hold of each of them."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import async_playwright, expect

from tests.e2e.chromium import REBOUND, find_chromium

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from playwright.async_api import Browser, Page

Colours = Literal["light", "dark"]

STEP_MS = 15_000
expect.set_options(timeout=STEP_MS)


@asynccontextmanager
async def running_chromium() -> AsyncGenerator[Browser]:
    """Start the browser of this machine; without one the test is skipped, and in CI it fails."""
    path = find_chromium()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=path,
            # A container's root may not make the namespaces of the sandbox; the pages are our own.
            args=["--no-sandbox", f"--host-resolver-rules=MAP {REBOUND} 127.0.0.1"],
        )
        try:
            yield browser
        finally:
            await browser.close()


class Visit:
    """A page, and what it has asked for and complained of."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.hosts: set[str] = set()
        self.complaints: list[str] = []
        page.on("request", lambda request: self.hosts.add(urlsplit(request.url).netloc))
        page.on("websocket", lambda socket: self.hosts.add(urlsplit(socket.url).netloc))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        page.on(
            "console",
            lambda message: (
                self.complaints.append(message.text)
                if message.type in {"error", "warning"}
                else None
            ),
        )


@asynccontextmanager
async def visiting(
    browser: Browser,
    *,
    width: int = 1280,
    height: int = 800,
    colours: Colours = "light",
    language: str = "en-US",
    complains: bool = False,
) -> AsyncGenerator[Visit]:
    """Open an empty page without cookies or cache; in the end it has complained, or not.

    What it has asked for must have come from the one place that it was opened from.
    """
    context = await browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=colours, locale=language
    )
    context.set_default_timeout(STEP_MS)
    context.set_default_navigation_timeout(4 * STEP_MS)  # functions that serve a page start first
    visit = Visit(await context.new_page())
    try:
        yield visit
        assert bool(visit.complaints) == complains, visit.complaints
        assert len(visit.hosts - {""}) == 1
    finally:
        await context.close()


async def violations(page: Page) -> list[str]:
    """Return what axe-core finds: against WCAG 2.2, level AA, and its own best practices."""
    axe: Any = Axe()  # it has no types
    found: dict[str, Any] = (await axe.run(page)).response
    return [
        f"{each['id']}: {node['html']}" for each in found["violations"] for node in each["nodes"]
    ]


async def sticking_out(page: Page) -> list[str]:
    """Return the elements that are wider than the window."""
    return await page.evaluate(
        "[...document.querySelectorAll('body *')].filter((each) =>"
        " each.getBoundingClientRect().right > document.documentElement.clientWidth + 1"
        " && !each.closest('.list, pre, .hidden')).map((each) => each.outerHTML.slice(0, 80))"
    )
