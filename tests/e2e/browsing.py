"""Pages in a real browser, driven by Playwright, and what must hold of each of them."""

from __future__ import annotations

import itertools
import os
import shutil
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import async_playwright, expect

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from playwright.async_api import Browser, Page

Colours = Literal["light", "dark"]
COLOURS: Final[tuple[Colours, ...]] = ("light", "dark")

REBOUND: Final = "rebound.example"
"""A name that leads the browser to this machine, as its owner could make it."""

ONLY_VIOLATIONS: Final = {"resultTypes": ["violations"]}

STEP_MS = 15_000
expect.set_options(timeout=STEP_MS)

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_chromium() -> str:
    """Return the browser's path; without one the test is skipped, and in CI it fails."""
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        lacking = "no browser is installed: apt install chromium"
        if os.environ.get("CI") == "true":  # noqa: TID251 — a machine's own word, no setting of ours
            pytest.fail(lacking)
        pytest.skip(lacking)
    return found


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
        self.requested: list[str] = []
        """The URL of each request, WebSockets among them."""
        self.complaints: list[str] = []
        """Uncaught errors, warnings and errors of the console, and dialogs."""
        page.on("request", lambda request: self.requested.append(request.url))
        page.on("websocket", lambda socket: self.requested.append(socket.url))
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
        assert len({urlsplit(url).netloc for url in visit.requested} - {""}) == 1
    finally:
        await context.close()


async def flaws(page: Page) -> list[str]:
    """Return what is wrong with a page, wide and narrow, in light and in dark."""
    found: list[str] = []
    for width, colours in itertools.product((390, 1280), COLOURS):
        await page.set_viewport_size({"width": width, "height": 800})
        await page.emulate_media(color_scheme=colours)
        faults = [*await violations(page), *await sticking_out(page)]
        found += [f"{width} px, {colours}: {each}" for each in faults]
    return found


async def violations(page: Page) -> list[str]:
    """Return what axe-core finds: against WCAG 2.2, level AA, and its own best practices."""
    axe: Any = Axe()  # it has no types
    # What is right is counted, not told: that takes as long as finding it.
    found: dict[str, Any] = (await axe.run(page, options=ONLY_VIOLATIONS)).response
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
