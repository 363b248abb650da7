from __future__ import annotations

import asyncio

import pytest

from local_gateway.sources.asynchronous import AsynchronousInvoker
from tests.fakes.invocations import RecordingFunctions, failed, refused


class RecordingSleep:
    """A sleep that takes no time."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


async def test_a_success_is_final() -> None:
    functions, sleep = RecordingFunctions(), RecordingSleep()
    invoker = AsynchronousInvoker(functions, sleep=sleep)

    request_id = invoker.submit("Sweep", b"{}")
    await invoker.join()

    assert functions.request_ids == [request_id]
    assert sleep.seconds == []


@pytest.mark.parametrize("problem", [failed(), refused()])
async def test_a_failure_is_retried_twice_under_the_same_request_id(
    problem: object, caplog: pytest.LogCaptureFixture
) -> None:
    functions, sleep = RecordingFunctions(Sweep=[problem]), RecordingSleep()
    invoker = AsynchronousInvoker(functions, sleep=sleep)

    request_id = invoker.submit("Sweep", b'{"a":1}', request_id="given")
    await invoker.join()

    assert request_id == "given"
    assert functions.request_ids == ["given"] * 3
    assert functions.events["Sweep"] == [{"a": 1}] * 3
    assert sleep.seconds == [60.0, 120.0]
    assert "event dropped" in caplog.messages[-1]


async def test_a_retry_that_succeeds_is_the_last() -> None:
    functions, sleep = RecordingFunctions(Sweep=[failed(), "done"]), RecordingSleep()
    invoker = AsynchronousInvoker(functions, sleep=sleep)

    invoker.submit("Sweep", b"{}")
    await invoker.join()

    assert sleep.seconds == [60.0]


async def test_stop_gives_up_what_waits() -> None:
    functions = RecordingFunctions()
    functions.hold = asyncio.Event()
    invoker = AsynchronousInvoker(functions)
    invoker.submit("Sweep", b"{}")
    await functions.wait_for("Sweep", 1)

    await invoker.stop()

    assert functions.running == 0
