"""One running emulator per store, shared by the tests of a module."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest_asyncio

from tests.e2e.gateway_process import GatewayProcess, free_port, main_job, running_gateway

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    import pytest


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["redis", "dynamodb"])
async def gateway(request: pytest.FixtureRequest) -> AsyncGenerator[GatewayProcess]:
    """Run the main job on each store."""
    port = free_port()
    async with running_gateway(main_job(request.param, port), port=port) as running:
        yield running
