"""How soon the pages show something: `make first-paint`, on loopback, nothing in the cache."""

from __future__ import annotations

import asyncio
import os
import statistics
from typing import TYPE_CHECKING

from tests.e2e.browsing import running_chromium, visiting
from tests.e2e.gateway_process import free_port, main_job, running_gateway

if TYPE_CHECKING:
    from playwright.async_api import Browser

ROUNDS = 7
FIRST_PAINT = """
new Promise((resolve) => {
  const look = () => {
    const [paint] = performance.getEntriesByName("first-contentful-paint");
    if (paint) resolve(paint.startTime);
    else requestAnimationFrame(look);
  };
  look();
})
"""


async def measure(browser: Browser, url: str) -> float:
    """Return the milliseconds from the navigation to the first text or picture (W3C, Paint Timing).

    Each round has a cache of its own, and nothing in it.
    """
    found: list[float] = []
    for _ in range(ROUNDS):
        async with visiting(browser) as visit:
            await visit.page.goto(url)
            found.append(await visit.page.evaluate(FIRST_PAINT))
    return statistics.median(found)


async def main() -> None:
    """Measure both, and say how busy the machine is."""
    port = free_port()
    async with (
        running_chromium() as browser,
        running_gateway(main_job("redis", port), port=port) as gateway,
    ):
        pages = {"inspector": gateway.inspector_url, "console": f"{gateway.url}/admin/"}
        for name, url in pages.items():
            await measure(browser, url)  # starts the functions that serve it
            ms = await measure(browser, url)
            load = os.getloadavg()[0]
            print(  # noqa: T201 — this is a command
                f"{name}: {ms:.0f} ms, median of {ROUNDS}, load average {load:.1f}", flush=True
            )


if __name__ == "__main__":
    asyncio.run(main())
