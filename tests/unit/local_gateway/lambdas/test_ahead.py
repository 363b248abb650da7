"""Events that are sent ahead to a busy environment: faster, and nothing else that one notices."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from local_gateway.lambdas import channel
from local_gateway.lambdas.environment import Environment
from tests.unit.local_gateway.lambdas.conftest import Gate

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from local_gateway.lambdas.invocation import Invocation
    from local_gateway.lambdas.result import InvokeResult
    from tests.unit.local_gateway.lambdas.conftest import Host, StartHost, WriteFunction

pytestmark = pytest.mark.skipif(
    not channel.KEEPS_PACKETS, reason="sockets keep no packets apart here, so nothing is sent ahead"
)

HANDLER = """
    import os, subprocess, sys, time
    def handler(event, context):
        if "gate" in event:
            entered, gate = event["gate"]
            with open(entered, "wb", buffering=0) as file:
                file.write(b"x")
            with open(gate, "rb", buffering=0) as file:
                file.read(1)
        if "exit" in event:
            os._exit(event["exit"])
        if "record" in event:
            with open(event["record"], "a") as file:
                file.write(event["name"] + "\\n")
        for line in range(event.get("lines", 0)):
            print(event["name"], line, file=(sys.stdout, sys.stderr)[line % 2])
        return {"pid": os.getpid(), "name": event["name"]}
"""


@pytest.fixture
def ahead(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The events that have been sent ahead."""
    sent: list[str] = []
    run_next = Environment.run_next

    def record(environment: Environment, invocation: Invocation) -> bool:
        has_taken = run_next(environment, invocation)
        if has_taken:
            sent.append(invocation.payload.decode())
        return has_taken

    monkeypatch.setattr(Environment, "run_next", record)
    return sent


@pytest.fixture
def second_gate(tmp_path: Path) -> Generator[Gate]:
    folder = tmp_path / "second"
    folder.mkdir()
    gate = Gate(folder)
    yield gate
    gate.close()


def gated(gate: Gate) -> dict[str, Any]:
    return {"name": "gated", "gate": gate.paths}


async def warm_up(host: Host, times: int = 3) -> None:
    """Let the pool learn that the function is fast, with one environment."""
    for _ in range(times):
        await host.ask(event={"name": "warm-up"})


async def test_many_events_at_once_are_each_handled_once_in_one_process(
    start_host: StartHost, write_function: WriteFunction, tmp_path: Path, ahead: list[str]
) -> None:
    host = await start_host(write_function(HANDLER))
    await warm_up(host)
    record = str(tmp_path / "record")
    names = [str(number) for number in range(300)]

    answers = await asyncio.gather(
        *(host.ask(event={"name": name, "record": record}) for name in names)
    )

    assert [answer["name"] for answer in answers] == names
    assert Counter((tmp_path / "record").read_text().split()) == Counter(names)
    assert len(ahead) > 100


async def test_event_behind_one_that_blocks_is_handled_elsewhere(
    start_host: StartHost, write_function: WriteFunction, gate: Gate, ahead: list[str]
) -> None:
    host = await start_host(write_function(HANDLER))
    await warm_up(host)

    blocked = asyncio.create_task(host.ask(event={"name": "blocked", "gate": gate.paths}))
    behind = [asyncio.create_task(host.ask(event={"name": f"behind-{i}"})) for i in range(5)]
    answers = await asyncio.gather(*behind)
    is_blocked = not blocked.done()
    gate.let_through()
    first = await blocked

    assert is_blocked
    assert [answer["name"] for answer in answers] == [f"behind-{i}" for i in range(5)]
    assert first["pid"] not in {answer["pid"] for answer in answers}
    assert any("behind" in payload for payload in ahead)


async def test_event_behind_one_that_takes_the_process_down_is_handled_elsewhere(
    start_host: StartHost, write_function: WriteFunction, ahead: list[str]
) -> None:
    host = await start_host(write_function(HANDLER))
    await warm_up(host)

    results = await asyncio.gather(
        host.invoke(event={"name": "first", "exit": 7}),
        *(host.invoke(event={"name": f"behind-{i}"}) for i in range(5)),
    )

    assert [result.function_error for result in results] == ["Unhandled"] + [None] * 5
    assert b"exit status 7" in results[0].payload
    assert any("behind" in payload for payload in ahead)


async def test_event_behind_one_that_times_out_is_handled_elsewhere(
    start_host: StartHost, write_function: WriteFunction, gate: Gate, ahead: list[str]
) -> None:
    host = await start_host(write_function(HANDLER, timeout_seconds=1), max_concurrency=1)
    await warm_up(host)

    results = await asyncio.gather(
        host.invoke(event={"name": "first", "gate": gate.paths}),
        *(host.invoke(event={"name": f"behind-{i}"}) for i in range(5)),
    )

    assert [result.function_error for result in results] == ["Unhandled"] + [None] * 5
    assert b"Sandbox.Timedout" in results[0].payload
    assert any("behind" in payload for payload in ahead)


async def test_event_sent_ahead_runs_the_new_code_after_a_recycle(
    start_host: StartHost, write_function: WriteFunction, gate: Gate, ahead: list[str]
) -> None:
    host = await start_host(write_function(HANDLER))
    await warm_up(host)

    first = asyncio.create_task(host.ask(event={"name": "first", "gate": gate.paths}))
    behind = asyncio.create_task(host.ask(event={"name": "behind"}))
    await gate.entered()
    host.functions.recycle("F")
    gate.let_through()

    assert (await first)["pid"] != (await behind)["pid"]
    assert any("behind" in payload for payload in ahead)


async def test_events_sent_ahead_are_refused_when_the_emulator_stops(
    start_host: StartHost, write_function: WriteFunction, gate: Gate, ahead: list[str]
) -> None:
    host = await start_host(write_function(HANDLER), max_concurrency=1)
    await warm_up(host)

    events = [{"name": "first", "gate": gate.paths}, {"name": "behind"}]
    tasks = [asyncio.create_task(host.ask(event=event)) for event in events]
    await gate.entered()
    await host.functions.stop()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)

    assert [str(outcome) for outcome in outcomes] == ["the emulator is stopping"] * 2
    assert any("behind" in payload for payload in ahead)


async def test_tiny_events_go_on_filling_the_process_that_got_the_others(
    start_host: StartHost,
    write_function: WriteFunction,
    gate: Gate,
    second_gate: Gate,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("local_gateway.lambdas.pool.TAKE_BACK_SECONDS", 1_000.0)
    monkeypatch.setattr("local_gateway.lambdas.pace.MOST_AHEAD", 2)
    host = await start_host(write_function(HANDLER))
    both = [asyncio.create_task(host.ask(event=gated(gate))) for _ in range(2)]
    await gate.entered(2)
    gate.let_through(2)
    await asyncio.gather(*both)
    await warm_up(host, times=100)

    first = [asyncio.create_task(host.ask(event=event)) for event in (gated(gate), gated(gate))]
    full = asyncio.create_task(host.ask(event={"name": "full"}))
    await gate.entered()
    other = asyncio.create_task(host.ask(event=gated(second_gate)))
    await second_gate.entered()
    gate.let_through()
    await gate.entered()
    last = asyncio.create_task(host.ask(event={"name": "last"}))
    gate.let_through()
    answers = await asyncio.gather(*first, full, last)
    second_gate.let_through()

    assert len({answer["pid"] for answer in answers}) == 1
    assert (await other)["pid"] != answers[0]["pid"]


async def test_each_event_keeps_its_own_output(
    start_host: StartHost, write_function: WriteFunction, ahead: list[str]
) -> None:
    host = await start_host(write_function(HANDLER))
    await warm_up(host)
    host.lines.clear()

    async def invoke(number: int) -> InvokeResult:
        return await host.invoke(event={"name": f"e{number}", "lines": number % 4})

    results = await asyncio.gather(*map(invoke, range(200)))

    for number, result in enumerate(results):
        assert result.log_tail.decode() == "".join(
            f"e{number} {line}\n" for line in range(number % 4)
        )
    heads = {result.request_id[:8]: f"e{number}" for number, result in enumerate(results)}
    told = [re.fullmatch(r"F (\w{8})  (e\d+) \d", line) for line in host.lines]
    assert len(told) == sum(number % 4 for number in range(200))
    assert all(match and heads[match[1]] == match[2] for match in told)
    assert len(ahead) > 50


async def test_events_are_never_mixed_up_while_they_are_taken_back(
    start_host: StartHost, write_function: WriteFunction, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As if every function turned out to be slow at once: both sides read the socket all the time.
    monkeypatch.setattr("local_gateway.lambdas.pool.TAKE_BACK_SECONDS", 0.0)
    host = await start_host(write_function(HANDLER))
    await warm_up(host)
    names = [str(number) for number in range(2_000)]

    answers = await asyncio.gather(*(host.ask(event={"name": name}) for name in names))

    assert [answer["name"] for answer in answers] == names


async def test_large_event_waits_for_its_turn(
    start_host: StartHost, write_function: WriteFunction, ahead: list[str]
) -> None:
    host = await start_host(write_function(HANDLER))
    await warm_up(host)
    large: dict[str, Any] = {"name": "large", "text": "x" * 200_000}

    answers = await asyncio.gather(
        *(host.ask(event=large if number % 2 else {"name": "small"}) for number in range(20))
    )

    assert [answer["name"] for answer in answers] == ["small", "large"] * 10
    assert not any("large" in payload for payload in ahead)


async def test_process_that_ended_unnoticed_loses_no_event(
    start_host: StartHost, write_function: WriteFunction
) -> None:
    host = await start_host(write_function(HANDLER))
    await warm_up(host)
    [pid] = host.functions.process_ids

    # Killed, and used before the loop hears of its end.
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)  # noqa: ASYNC222 — the loop must not run
    answers = await asyncio.gather(*(host.ask(event={"name": str(i)}) for i in range(3)))

    assert [answer["name"] for answer in answers] == ["0", "1", "2"]
    assert pid not in {answer["pid"] for answer in answers}
