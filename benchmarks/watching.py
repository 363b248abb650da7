"""The inspector in a browser, open while something else is measured."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from playwright.sync_api import sync_playwright

from benchmarks.servers import BenchmarkFailed

if TYPE_CHECKING:
    from collections.abc import Generator

    from playwright.sync_api import Page

    from benchmarks.servers import Server

_BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_START_MS: Final = 60_000


class Watcher:
    """An open page."""

    def __init__(self, page: Page) -> None:
        """Take the page, which is live."""
        # Of what it answers nothing is typed.
        self._session: Any = page.context.new_cdp_session(page)

    def heap_mib(self) -> float:
        """Return what the page's objects take, without those that nobody has any more."""
        self._session.send("HeapProfiler.collectGarbage")
        used: int = self._session.send("Runtime.getHeapUsage")["usedSize"]
        return used / 2**20


@contextmanager
def watching(server: Server) -> Generator[Watcher]:
    """Have a gateway's inspector open in headless Chromium, live.

    Raises:
        BenchmarkFailed: There is no browser.
    """
    path = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if path is None:
        raise BenchmarkFailed("no browser is installed: apt install chromium")
    address = next(word for word in server.banner.split() if "/_gateway/#" in word)
    with sync_playwright() as playwright:
        # A container's root may not make the namespaces of the sandbox; the page is our own.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            page.goto(address)
            page.locator(".state.live").wait_for(timeout=_START_MS)
            yield Watcher(page)
        finally:
            browser.close()
