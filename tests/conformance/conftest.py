"""A real server on a free port, on the event loop that the emulator runs on."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest
import uvloop

from tests.fakes.gateway import Gateway
from tests.unit.local_gateway.lambdas.conftest import (  # noqa: F401 — fixtures
    start_host,
    write_function,
)

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import AsyncIterator, Awaitable, Callable

    StartGateway = Callable[..., Awaitable[Gateway]]


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], AbstractEventLoop]]:
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
async def start_gateway() -> AsyncIterator[StartGateway]:
    async with AsyncExitStack() as stack:

        async def start(*routes: Any, **options: Any) -> Gateway:  # noqa: ANN401 — of Gateway
            return await stack.enter_async_context(Gateway(*routes, **options))

        yield start


@pytest.fixture
async def gateway(start_gateway: StartGateway) -> Gateway:
    return await start_gateway()
