"""What AWS would meter of a session."""

from __future__ import annotations

from typing import Any, cast

import pytest

from local_gateway.inspector.journal import Journal
from local_gateway.inspector.metering import PRICES, Meter
from local_gateway.lambdas.invocation import Invocation
from local_gateway.lambdas.result import InvocationRefused, InvokeResult


class Served:
    """An application with one function of 512 MB."""

    class _Function:
        memory_mb = 512

    functions = {"F": _Function()}  # noqa: RUF012 — read only


def invoke(journal: Journal, *, function: str = "F", duration_ms: float | None) -> Invocation:
    invocation = Invocation("l", "t", b"{}", b"", lambda _result: None)
    journal.invoked(0, function, invocation)
    if duration_ms is not None:
        invocation.settle(InvokeResult(b"1", None, "l", duration_ms=duration_ms))
    return invocation


async def ask(meter: Meter) -> dict[str, Any]:
    answer = await meter.resource().methods["GET"](None, ())
    return cast("dict[str, Any]", answer)


@pytest.mark.parametrize(("duration_ms", "billed_ms"), [(0.2, 1), (1.0, 1), (100.5, 101)])
async def test_an_event_is_billed_by_milliseconds_begun(duration_ms: float, billed_ms: int) -> None:
    journal = Journal()
    meter = Meter(journal, lambda: cast("Any", Served))
    invoke(journal, duration_ms=duration_ms)

    assert (await ask(meter))["gbSeconds"] == pytest.approx(0.5 * billed_ms / 1000)


async def test_events_that_are_forgotten_stay_billed() -> None:
    journal = Journal(rows=2)
    meter = Meter(journal, lambda: cast("Any", Served))
    for _ in range(5):
        invoke(journal, duration_ms=10)
    journal.clear()
    invoke(journal, duration_ms=10)

    cost = await ask(meter)

    assert (cost["requests"], cost["gbSeconds"]) == (6, pytest.approx(6 * 0.5 * 0.010))


async def test_what_has_not_run_costs_no_time() -> None:
    journal = Journal()
    meter = Meter(journal, lambda: cast("Any", Served))
    invoke(journal, duration_ms=None)
    invoke(journal, function="Gone", duration_ms=10)
    invoke(journal, duration_ms=None).settle(InvocationRefused("no"))

    assert (await ask(meter))["gbSeconds"] == 0


async def test_dollars_are_the_sum_of_what_was_metered() -> None:
    journal = Journal()
    meter = Meter(journal, lambda: cast("Any", Served))
    journal.posted("c", 200, b"x")
    invoke(journal, duration_ms=1000)

    dollars = (await ask(meter))["dollars"]

    assert dollars["messages"] == PRICES["perMillionMessages"] / 1_000_000
    assert dollars["duration"] == 0.5 * PRICES["perGbSecond"]
    assert dollars["total"] == sum(dollars.values()) - dollars["total"]
