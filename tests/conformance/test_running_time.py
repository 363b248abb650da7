"""A clock that isn't virtual. The emulators of a process share one, so these tests stand alone."""

from __future__ import annotations

import pytest

from local_gateway.errors import StartError
from local_gateway.testing import serve
from tests.fakes.rooms import ROOM


@pytest.mark.clause("TIME-9")
async def test_a_clock_that_is_not_virtual_runs_between_advances() -> None:
    async with serve(ROOM, virtual_clock=False, idle_timeout_seconds=0.2) as room:
        client = await room.connect()
        closed = await client.expect_close()

    assert closed == (1001, "Going away")


@pytest.mark.clause("TIME-9")
async def test_a_clock_is_virtual_for_all_gateways_of_a_process_or_for_none() -> None:
    async with serve(ROOM, virtual_clock=False):
        with pytest.raises(StartError, match="share one clock"):
            async with serve(ROOM, virtual_clock=True):
                pass
