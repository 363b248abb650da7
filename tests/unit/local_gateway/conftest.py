"""A real server on a free port, on the event loop that the emulator runs on."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest

from local_gateway import clock
from tests.fakes.gateway import Gateway

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    StartGateway = Callable[..., Awaitable[Gateway]]


@pytest.fixture
async def start_gateway() -> AsyncIterator[StartGateway]:
    async with AsyncExitStack() as stack:

        async def start(*routes: Any, **options: Any) -> Gateway:  # noqa: ANN401 — of Gateway
            return await stack.enter_async_context(Gateway(*routes, **options))

        yield start


@pytest.fixture
async def gateway(start_gateway: StartGateway) -> Gateway:
    return await start_gateway()


@pytest.fixture
def running() -> Iterator[None]:
    """Let a test move the emulated time, which is put back after it."""
    state = clock.state()
    yield
    clock.follow(state)


@pytest.fixture
def still(running: None) -> None:
    """Let the emulated time move only when the test says so."""
    del running
    clock.freeze()
