from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING

import orjson
import psutil
import pytest

from tests.processes import wait_gone
from tests.unit.local_gateway.lambdas.conftest import GATED

if TYPE_CHECKING:
    from local_gateway.lambdas.result import InvokeResult
    from tests.unit.local_gateway.lambdas.conftest import Gate, Host, StartHost, WriteFunction

HANGS_ONCE = """
    import os, threading
    def handler(event, context):
        print("begins", flush=True)
        if event == "hang":
            threading.Event().wait()
        return os.getpid()
"""


def fault(result: InvokeResult) -> dict[str, str]:
    assert result.function_error == "Unhandled"
    return orjson.loads(result.payload)


async def test_an_event_that_takes_too_long_ends_its_process(
    start_host: StartHost, write_function: WriteFunction
) -> None:
    host = await start_host(write_function(HANGS_ONCE, timeout_seconds=1))
    pid = await host.ask()
    process = psutil.Process(pid)

    result = await host.invoke("F", "hang", request_id="id-1")

    assert fault(result) == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": "RequestId: id-1 Error: Task timed out after 1.00 seconds",
    }
    assert result.log_tail == b"begins\nid-1 Task timed out after 1.00 seconds\n"
    assert 1_000 <= result.duration_ms < 1_900
    assert wait_gone(process)
    assert await host.ask() != pid


async def test_only_the_event_that_is_late_times_out(
    start_host: StartHost, write_function: WriteFunction
) -> None:
    host = await start_host(write_function(HANGS_ONCE, timeout_seconds=1), max_concurrency=2)
    late = asyncio.create_task(host.invoke("F", "hang"))

    results = [await host.invoke() for _ in range(10)]
    late_result = await late

    assert fault(late_result)["errorType"] == "Sandbox.Timedout"
    assert {result.function_error for result in results} == {None}


@pytest.mark.parametrize(
    ("statement", "text"),
    [
        ("sys.exit(3)", "Runtime exited with error: exit status 3"),
        ("sys.exit()", "Runtime exited without providing a reason"),
        ("sys.exit('why')", "Runtime exited with error: exit status 1"),
        ("os._exit(4)", "Runtime exited with error: exit status 4"),
        ("os.kill(os.getpid(), 9)", "Runtime exited with error: signal: killed"),
        ("os.abort()", "Runtime exited with error: signal: aborted"),
        ("raise KeyboardInterrupt", "Runtime exited with error: signal: interrupt"),
        ("return '\\ud800'", "Runtime exited with error: exit status 1"),
    ],
)
async def test_a_process_that_ends_is_an_exit_error(
    start_host: StartHost, write_function: WriteFunction, statement: str, text: str
) -> None:
    source = f"""
        import os, sys
        def handler(event, context):
            if event == "end":
                {statement}
            return "alive"
    """
    host = await start_host(write_function(source))

    result = await host.invoke("F", "end", request_id="id-1")

    assert fault(result) == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: id-1 Error: {text}",
    }
    assert result.log_tail.endswith(f"{text}\nRuntime.ExitError\n".encode())
    assert await host.ask() == "alive"


async def test_a_process_that_is_killed_while_idle_is_replaced(
    start_host: StartHost, write_function: WriteFunction
) -> None:
    source = "import os\ndef handler(event, context): return os.getpid()"
    host = await start_host(write_function(source))
    pid = await host.ask()

    os.kill(pid, signal.SIGKILL)
    await host.wait_for_processes(lambda pids: pid not in pids)

    assert await host.ask() != pid


async def test_every_init_error_is_an_answer_and_the_next_event_tries_again(
    start_host: StartHost, write_function: WriteFunction
) -> None:
    function = write_function("raise ValueError('not yet')")
    host = await start_host(function)

    results = await asyncio.gather(*(host.invoke() for _ in range(3)))
    (function.code / "app.py").write_text("def handler(event, context): return 'now'")
    answer = await host.ask()

    for result in results:
        assert fault(result) == {
            "errorType": "ValueError",
            "errorMessage": "not yet",
            "requestId": "",
            "stackTrace": fault(result)["stackTrace"],
        }
        assert f'  File "{function.code}/app.py", line 1' in fault(result)["stackTrace"][-1]
        assert b"ValueError: not yet" in result.log_tail
    assert answer == "now"


async def test_with_others_alive_an_init_error_fails_one_event(
    start_host: StartHost, write_function: WriteFunction, gate: Gate
) -> None:
    source = """
    import os
    if os.path.exists("broken"):
        raise ValueError("broken")
    """
    function = write_function(source + GATED, timeout_seconds=30)
    host = await start_host(function, max_concurrency=2)
    running = asyncio.create_task(host.invoke("F", {"gate": gate.paths}))
    await gate.entered()
    (function.code / "broken").touch()

    waiting = [asyncio.create_task(host.invoke("F", {"gate": gate.paths})) for _ in range(2)]
    failed = await waiting[0]
    (function.code / "broken").unlink()
    gate.let_through(2)
    results = await asyncio.gather(running, waiting[1])

    assert fault(failed)["errorType"] == "ValueError"
    assert [result.function_error for result in results] == [None, None]


async def test_an_init_error_fails_nobody_who_came_while_it_was_under_way(
    start_host: StartHost, write_function: WriteFunction, gate: Gate
) -> None:
    entered, passed = gate.paths
    source = f"""
        import os
        is_broken = os.path.exists("broken")
        open({entered!r}, "wb", buffering=0).write(b"x")
        open({passed!r}, "rb", buffering=0).read(1)
        if is_broken:
            raise ValueError("broken")
        def handler(event, context):
            return "mended"
    """
    function = write_function(source)
    (function.code / "broken").touch()
    host = await start_host(function, max_concurrency=1)
    first = asyncio.create_task(host.invoke())
    await gate.entered()
    (function.code / "broken").unlink()

    second = asyncio.create_task(host.ask())
    await asyncio.sleep(0)  # it waits now
    gate.let_through(2)
    failed, answer = await asyncio.gather(first, second)

    assert fault(failed)["errorMessage"] == "broken"
    assert answer == "mended"


async def test_a_process_that_ends_while_it_loads_is_an_exit_error(
    start_host: StartHost, write_function: WriteFunction
) -> None:
    host = await start_host(write_function("print('loading'); raise SystemExit(5)"))

    result = await host.invoke("F", request_id="id-1")

    assert fault(result) == {
        "errorType": "Runtime.ExitError",
        "errorMessage": "RequestId: id-1 Error: Runtime exited with error: exit status 5",
    }
    assert result.log_tail.startswith(b"loading\n")


async def test_a_handler_that_loads_for_too_long_times_out(
    start_host: StartHost, write_function: WriteFunction, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local_gateway.lambdas.hosting.INIT_SECONDS", 0.2)
    host = await start_host(
        write_function("import threading; threading.Event().wait()", timeout_seconds=1)
    )

    result = await host.invoke("F", request_id="id-1")

    assert fault(result) == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": "RequestId: id-1 Error: Task timed out after 1.00 seconds",
    }


async def test_a_response_above_six_megabytes_is_an_error_and_no_crash(
    start_host: StartHost, write_function: WriteFunction
) -> None:
    source = """
        import os
        def handler(event, context):
            return "x" * event if event else os.getpid()
    """
    host = await start_host(write_function(source))
    pid = await host.ask()

    fits = await host.invoke("F", 6_291_554)
    too_large = await host.invoke("F", 6_291_555)

    assert len(fits.payload) == 6_291_556
    assert fault(too_large) == {
        "errorType": "Function.ResponseSizeTooLarge",
        "errorMessage": "Response payload size exceeded maximum allowed payload size "
        "(6291556 bytes).",
    }
    assert await host.ask() == pid


async def test_a_handler_that_forks_and_answers_twice_is_ended(
    start_host: StartHost, write_function: WriteFunction
) -> None:
    source = """
        import os
        def handler(event, context):
            if event == "fork":
                os.fork()
            return os.getppid()
    """
    host = await start_host(write_function(source))

    await host.invoke("F", "fork")
    result = await _first_success(host)

    assert orjson.loads(result.payload) == os.getpid()


async def _first_success(host: Host) -> InvokeResult:
    """Invoke until it succeeds: the second answer comes when it comes."""
    while True:
        result = await host.invoke()
        if result.function_error is None and orjson.loads(result.payload) == os.getpid():
            return result


async def test_what_a_handler_started_dies_with_its_process(
    start_host: StartHost, write_function: WriteFunction
) -> None:
    source = """
        import os, subprocess
        def handler(event, context):
            if event == "start":
                return subprocess.Popen(["sleep", "3600"]).pid
            os._exit(1)
    """
    host = await start_host(write_function(source))
    grandchild = psutil.Process(await host.ask("F", "start"))

    await host.invoke("F", "exit")

    assert wait_gone(grandchild)


@pytest.mark.parametrize(
    ("mode", "problem"), [(0o755, "Exec format error"), (0o644, "Permission denied")]
)
async def test_a_bootstrap_that_cannot_be_executed_is_said_with_the_reason(
    start_host: StartHost, write_function: WriteFunction, mode: int, problem: str
) -> None:
    function = write_function(files={"bootstrap": "no program\n"}, runtime="provided.al2023")
    bootstrap = function.code / "bootstrap"
    bootstrap.chmod(mode)
    host = await start_host(function)

    result = await host.invoke()

    assert orjson.loads(result.payload)["errorMessage"].endswith("exit status 126")
    assert f"{bootstrap}: {problem}" in "\n".join(host.lines)
