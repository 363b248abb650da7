from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import psutil
import pytest

from local_gateway.lambdas.result import InvocationRefused
from tests.processes import wait_gone
from tests.unit.local_gateway.lambdas.conftest import GATED

if TYPE_CHECKING:
    from tests.unit.local_gateway.lambdas.conftest import Gate, MakeGate, StartHost, WriteFunction

PID = """
    import os
    def handler(event, context):
        return os.getpid()
"""


async def test_a_handler_gets_the_event_and_its_value_comes_back(
    start_host: StartHost, write_function: WriteFunction
) -> None:
    host = await start_host(write_function())

    result = await host.invoke("F", {"name": "Zoë", "list": [1, 2.5, None, True]})

    assert result.payload == b'{"name": "Zo\xc3\xab", "list": [1, 2.5, null, true]}'
    assert result.function_error is None
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", result.request_id)
    assert result.log_tail == b""
    assert result.duration_ms > 0


async def test_an_empty_payload_is_an_empty_object(
    start_host: StartHost, write_function: WriteFunction
) -> None:
    host = await start_host(write_function())

    result = await host.functions.invoke("F", b"")

    assert result.payload == b"{}"


async def test_six_megabytes_go_in_and_out(
    start_host: StartHost, write_function: WriteFunction
) -> None:
    host = await start_host(write_function())
    payload = b'"' + b"x" * 6_291_400 + b'"'

    result = await host.functions.invoke("F", payload)

    assert result.payload == payload


async def test_the_context_is_lambdas(start_host: StartHost, write_function: WriteFunction) -> None:
    source = """
        def handler(event, context):
            left = context.get_remaining_time_in_millis()
            return {
                "id": context.aws_request_id,
                "name": context.function_name,
                "version": context.function_version,
                "arn": context.invoked_function_arn,
                "memory": context.memory_limit_in_mb,
                "group": context.log_group_name,
                "custom": context.client_context.custom,
                "in time": 6_000 < left <= 7_000,
            }
    """
    host = await start_host(write_function(source, timeout_seconds=7, memory_mb=256))

    answer = await host.ask("F", {}, request_id="id-1", client_context='{"custom": {"k": "v"}}')

    assert answer == {
        "id": "id-1",
        "name": "f",
        "version": "$LATEST",
        "arn": "arn:aws:lambda:us-east-1:123456789012:function:F",
        "memory": "256",
        "group": "/aws/lambda/f",
        "custom": {"k": "v"},
        "in time": True,
    }


async def test_each_event_has_a_trace_that_is_not_sampled(
    start_host: StartHost, write_function: WriteFunction
) -> None:
    source = """
        import os
        def handler(event, context):
            return os.environ["_X_AMZN_TRACE_ID"]
    """
    host = await start_host(write_function(source))

    first, second = await host.ask(), await host.ask()

    assert first != second
    assert re.fullmatch(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0", first)


async def test_a_warm_environment_is_used_again(
    start_host: StartHost, write_function: WriteFunction
) -> None:
    host = await start_host(write_function(PID))

    results = [await host.invoke() for _ in range(5)]

    assert len({result.payload for result in results}) == 1
    assert [result.is_cold for result in results] == [True, False, False, False, False]


async def test_events_that_block_get_a_process_each(
    start_host: StartHost, write_function: WriteFunction, gate: Gate
) -> None:
    host = await start_host(write_function(GATED, timeout_seconds=30))
    invocations = [asyncio.create_task(host.ask("F", {"gate": gate.paths})) for _ in range(4)]

    await gate.entered(4)
    gate.let_through(4)
    answers = await asyncio.gather(*invocations)

    assert len({answer["pid"] for answer in answers}) == 4


async def test_the_environment_used_last_is_used_next(
    start_host: StartHost, write_function: WriteFunction, make_gate: MakeGate
) -> None:
    host = await start_host(write_function(GATED, timeout_seconds=30))
    first, second, third = make_gate(), make_gate(), make_gate()
    one = asyncio.create_task(host.ask("F", {"gate": first.paths}))
    await first.entered()
    two = asyncio.create_task(host.ask("F", {"gate": second.paths}))
    await second.entered()
    first.let_through()
    await one
    second.let_through()
    pid = (await two)["pid"]

    third.let_through(2)
    answers = [await host.ask("F", {"gate": third.paths}) for _ in range(2)]

    assert [answer["pid"] for answer in answers] == [pid, pid]


@pytest.mark.parametrize(
    ("limits", "reserved"), [({"max_concurrency": 1}, None), ({"max_concurrency": 9}, 1)]
)
async def test_what_exceeds_the_limit_waits_in_order(
    start_host: StartHost,
    write_function: WriteFunction,
    gate: Gate,
    limits: dict[str, int],
    reserved: int | None,
) -> None:
    function = write_function(GATED, timeout_seconds=30, reserved_concurrency=reserved)
    host = await start_host(function, **limits)
    done: list[int] = []

    async def invoke(name: int) -> None:
        answer = await host.ask("F", {"gate": gate.paths, "name": name})
        done.append(answer["name"])

    async with asyncio.TaskGroup() as group:
        for name in range(5):
            group.create_task(invoke(name))
        for _ in range(5):
            await gate.entered()
            gate.let_through()

    assert done == [0, 1, 2, 3, 4]
    assert len(host.functions.process_ids) == 1


async def test_a_caller_that_gives_up_in_the_queue_is_skipped(
    start_host: StartHost, write_function: WriteFunction, gate: Gate
) -> None:
    host = await start_host(write_function(GATED, timeout_seconds=30), max_concurrency=1)
    running, given_up, waiting = (
        asyncio.create_task(host.ask("F", {"gate": gate.paths, "name": name})) for name in range(3)
    )
    await gate.entered()

    given_up.cancel()
    gate.let_through(2)
    answers = await asyncio.gather(running, waiting)

    assert [answer["name"] for answer in answers] == [0, 2]
    assert given_up.cancelled()


async def test_a_caller_that_gives_up_leaves_its_event_to_run_to_its_end(
    start_host: StartHost, write_function: WriteFunction, gate: Gate
) -> None:
    host = await start_host(write_function(GATED, timeout_seconds=30), max_concurrency=1)
    given_up = asyncio.create_task(host.ask("F", {"gate": gate.paths, "name": "given up"}))
    await gate.entered()
    pids = host.functions.process_ids

    given_up.cancel()
    gate.let_through(2)
    answer = await host.ask("F", {"gate": gate.paths, "name": "next"})

    assert answer == {"pid": pids[0], "name": "next"}
    assert host.functions.process_ids == pids


async def test_prewarming_makes_the_first_event_find_a_process(
    start_host: StartHost, write_function: WriteFunction
) -> None:
    host = await start_host(write_function(PID, name="A"), write_function(PID, name="B"))

    problems = await host.functions.prewarm()
    pids = set(host.functions.process_ids)
    answers = {await host.ask("A"), await host.ask("B")}

    assert problems == {}
    assert answers == pids


async def test_prewarming_tells_what_does_not_load(
    start_host: StartHost, write_function: WriteFunction
) -> None:
    host = await start_host(
        write_function(name="Good"),
        write_function(name="Missing", handler="app.nothing"),
        write_function("import nothing_there", name="Broken"),
        write_function("raise RuntimeError('no')", name="Raising"),
        write_function("import os; os._exit(7)", name="Exiting"),
    )

    problems = await host.functions.prewarm()

    assert problems == {
        "Missing": "Runtime.HandlerNotFound: Handler 'nothing' missing on module 'app'",
        "Broken": "Runtime.ImportModuleError: Unable to import module 'app': "
        "No module named 'nothing_there'",
        "Raising": "RuntimeError: no",
        "Exiting": "Runtime.ExitError: RequestId:  Error: Runtime exited with error: exit status 7",
    }
    assert [line for line in host.lines if line.startswith("Broken")][0:2] == [
        "Broken  init      Traceback (most recent call last):",
        f'Broken  init        File "{_code(host.lines)}", line 1, in <module>',
    ]


def _code(lines: list[str]) -> str:
    (found,) = {match[1] for line in lines if (match := re.search(r'"(.*Broken/app.py)"', line))}
    return found


async def test_recycling_replaces_an_idle_environment(
    start_host: StartHost, write_function: WriteFunction
) -> None:
    function = write_function("def handler(event, context): return 'old'")
    host = await start_host(function)
    await host.ask()
    (old,) = map(psutil.Process, host.functions.process_ids)
    (function.code / "app.py").write_text("def handler(event, context): return 'newer'")

    host.functions.recycle("F")
    answer = await host.ask()

    assert answer == "newer"
    assert wait_gone(old)


async def test_recycling_lets_a_busy_environment_finish_first(
    start_host: StartHost, write_function: WriteFunction, gate: Gate
) -> None:
    host = await start_host(write_function(GATED, timeout_seconds=30), max_concurrency=1)
    running = asyncio.create_task(host.ask("F", {"gate": gate.paths}))
    await gate.entered()

    host.functions.recycle("F")
    waiting = asyncio.create_task(host.ask("F", {"gate": gate.paths}))
    gate.let_through(2)
    first, second = await asyncio.gather(running, waiting)

    assert first["pid"] != second["pid"]


async def test_recycling_while_it_starts_fails_nobody(
    start_host: StartHost, write_function: WriteFunction
) -> None:
    host = await start_host(write_function())
    waiting = asyncio.create_task(host.ask("F", "event"))
    prewarming = asyncio.create_task(host.functions.prewarm())
    await asyncio.sleep(0)
    assert len(host.functions.process_ids) == 1

    host.functions.recycle("F")
    answers = await asyncio.gather(waiting, prewarming)

    assert answers == ["event", {}]


async def test_an_unknown_function_is_refused(start_host: StartHost) -> None:
    host = await start_host()

    with pytest.raises(InvocationRefused, match="the template has no function Nobody"):
        await host.invoke("Nobody")


async def test_a_runtime_that_is_not_emulated_is_refused(
    start_host: StartHost, write_function: WriteFunction
) -> None:
    host = await start_host(write_function(runtime="java21"))

    with pytest.raises(InvocationRefused, match=r"F needs runtime java21; supported: python"):
        await host.invoke()


async def test_a_code_folder_that_is_not_there_is_refused(
    start_host: StartHost, write_function: WriteFunction
) -> None:
    function = write_function()
    (function.code / "app.py").unlink()
    function.code.rmdir()
    host = await start_host(function)

    with pytest.raises(InvocationRefused, match=r"its process can't be started: .*No such file"):
        await host.invoke()
    assert await host.functions.prewarm() == {
        "F": f"no process could be started in {function.code}"
    }


async def test_a_reserved_concurrency_of_zero_refuses_everything(
    start_host: StartHost, write_function: WriteFunction
) -> None:
    host = await start_host(write_function(reserved_concurrency=0))

    assert await host.functions.prewarm() == {}
    with pytest.raises(InvocationRefused, match="ReservedConcurrentExecutions is 0"):
        await host.invoke()


async def test_stopping_refuses_who_waits_and_leaves_no_process(
    start_host: StartHost, write_function: WriteFunction, gate: Gate
) -> None:
    host = await start_host(write_function(GATED, timeout_seconds=30), max_concurrency=1)
    running, waiting = (asyncio.create_task(host.ask("F", {"gate": gate.paths})) for _ in range(2))
    await gate.entered()
    (process,) = map(psutil.Process, host.functions.process_ids)

    await host.functions.stop()

    for task in (running, waiting):
        with pytest.raises(InvocationRefused, match="the emulator is stopping"):
            await task
    with pytest.raises(InvocationRefused, match="the emulator is not running"):
        await host.invoke()
    assert not process.is_running()


async def test_stopping_while_environments_start_ends_the_prewarming(
    start_host: StartHost, write_function: WriteFunction
) -> None:
    host = await start_host(*(write_function(name=name) for name in "ABCD"))
    prewarming = asyncio.create_task(host.functions.prewarm())
    await asyncio.sleep(0)

    await host.functions.stop()

    assert await prewarming == {}
    assert host.functions.process_ids == []


async def test_a_python_of_another_version_is_told_once(
    start_host: StartHost, write_function: WriteFunction
) -> None:
    host = await start_host(write_function(runtime="python3.99"))

    assert "functions for Python 3.99: they run on 3." in host.lines[0]
    assert len(host.lines) == 1
