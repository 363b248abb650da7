"""What tests share: an emulator per store and module, and for all tests of pages one browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest_asyncio

from tests.e2e.browsing import running_chromium
from tests.e2e.closing import ClosedGateway, closed_main_job
from tests.e2e.gateway_process import GatewayProcess, free_port, main_job, running_gateway
from tests.e2e.inspecting import TEMPLATE

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    import pytest
    from playwright.async_api import Browser


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["redis", "dynamodb"])
async def gateway(request: pytest.FixtureRequest) -> AsyncGenerator[GatewayProcess]:
    """Run the main job on each store."""
    port = free_port()
    async with running_gateway(main_job(request.param, port), port=port) as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncGenerator[Browser]:
    """Run the browser of this machine; each visit has cookies, a cache and a page of its own."""
    async with running_chromium() as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def inspected(browser: Browser) -> AsyncGenerator[GatewayProcess]:  # noqa: ARG001 — without a browser nothing is started
    """Run a small chat, for the inspector."""
    async with running_gateway(["--template", str(TEMPLATE)]) as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def service(browser: Browser) -> AsyncGenerator[GatewayProcess]:  # noqa: ARG001 — the same
    """Run the main job, so slowly that a push to all is under way when somebody looks."""
    port = free_port()
    arguments = main_job("redis", port, BroadcastRate="1", ConnectRate="0")
    async with running_gateway(arguments, port=port) as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def closed(
    browser: Browser,  # noqa: ARG001 — the same
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncGenerator[ClosedGateway]:
    """Run the main job for those who have a token."""
    port = free_port()
    arguments, issuer = closed_main_job(tmp_path_factory.mktemp("closed"), port)
    async with running_gateway(arguments, port=port) as running:
        yield ClosedGateway(running, issuer)
