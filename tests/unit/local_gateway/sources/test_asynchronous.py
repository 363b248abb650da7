from __future__ import annotations

import asyncio

import pytest

from local_gateway import clock
from local_gateway.sources.asynchronous import AsynchronousInvoker
from tests.fakes.invocations import RecordingFunctions, failed, refused

pytestmark = pytest.mark.usefixtures("still")


async def rest(invoker: AsynchronousInvoker) -> None:
    """Wait for the attempts that are being made."""
    if invoker.running:
        await asyncio.wait(invoker.running)


async def test_a_success_is_final() -> None:
    functions = RecordingFunctions()
    invoker = AsynchronousInvoker(functions)

    request_id = invoker.submit("Sweep", b"{}")
    await rest(invoker)
    await clock.advance(3600)

    assert functions.request_ids == [request_id]
    assert not invoker.running


@pytest.mark.parametrize("problem", [failed(), refused()])
async def test_a_failure_is_retried_twice_under_the_same_request_id(
    problem: object, caplog: pytest.LogCaptureFixture
) -> None:
    functions = RecordingFunctions(Sweep=[problem])
    invoker = AsynchronousInvoker(functions)
    began, tried = clock.now_ms(), list[int]()

    async def settle() -> None:
        await rest(invoker)
        tried.extend([clock.now_ms() - began] * (len(functions.request_ids) - len(tried)))

    request_id = invoker.submit("Sweep", b'{"a":1}', request_id="given")
    await settle()
    await clock.advance(3600, settle=settle)

    assert request_id == "given"
    assert functions.request_ids == ["given"] * 3
    assert functions.events["Sweep"] == [{"a": 1}] * 3
    assert tried == [0, 60_000, 180_000]
    assert "event dropped" in caplog.messages[-1]


async def test_a_retry_that_succeeds_is_the_last() -> None:
    functions = RecordingFunctions(Sweep=[failed(), "done"])
    invoker = AsynchronousInvoker(functions)

    invoker.submit("Sweep", b"{}")
    await rest(invoker)
    await clock.advance(3600, settle=lambda: rest(invoker))

    assert len(functions.request_ids) == 2


async def test_stop_gives_up_what_runs() -> None:
    functions = RecordingFunctions()
    functions.hold = asyncio.Event()
    invoker = AsynchronousInvoker(functions)
    invoker.submit("Sweep", b"{}")
    await functions.wait_for("Sweep", 1)

    await invoker.stop()

    assert functions.running == 0


async def test_stop_gives_up_what_waits_for_a_retry() -> None:
    functions = RecordingFunctions(Sweep=[failed()])
    invoker = AsynchronousInvoker(functions)
    invoker.submit("Sweep", b"{}")
    await rest(invoker)

    await invoker.stop()
    await clock.advance(3600)

    assert len(functions.request_ids) == 1
