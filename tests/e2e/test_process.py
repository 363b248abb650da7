"""The emulator as a process: how it starts, how it ends, and what it says when it can't."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from typing import TYPE_CHECKING

import pytest

from tests.e2e.gateway_process import (
    ROOT,
    free_port,
    main_job,
    read_errors,
    running_gateway,
    start_process,
)
from tests.processes import has_ended, wait_gone

if TYPE_CHECKING:
    from pathlib import Path

FUNCTION = """\
Resources:
  Echo:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: ., Handler: app.handler, Runtime: python3.11}
Transform: AWS::Serverless-2016-10-31
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_stop_takes_less_than_three_seconds_and_leaves_nobody(number: int) -> None:
    port = free_port()
    async with (
        running_gateway(main_job("redis", port), port=port) as gateway,
        gateway.client("alice") as client,
    ):
        family = gateway.family()
        code = await gateway.stop(number)
        await client.websocket.wait_closed()

    assert code == 0
    assert len(family) > 3
    assert all(wait_gone(process) for process in family)


async def test_nobody_is_left_when_it_is_killed_hard() -> None:
    port = free_port()
    async with (
        running_gateway(main_job("redis", port), port=port) as gateway,
        gateway.client("alice"),
    ):
        family = gateway.family()
        gateway.process.kill()
        await gateway.process.wait()

    assert len(family) > 3
    assert all(wait_gone(process) for process in family)


async def test_what_tests_start_ends_with_tests_that_are_ended_by_force() -> None:
    program = (
        "import asyncio\n"
        "from tests.e2e.gateway_process import main_job, start_process\n"
        "async def main():\n"
        "    process = await start_process(main_job('redis', 0) + ['--port', '0'])\n"
        "    print(process.pid, flush=True)\n"
        "    await process.wait()\n"
        "asyncio.run(main())\n"
    )
    tests = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert tests.stdout is not None
    pid = int(await tests.stdout.readline())

    tests.kill()
    await tests.wait()

    assert await asyncio.to_thread(has_ended, pid)


async def run(*arguments: str) -> tuple[int, str]:
    """Run the command to its end, and return its exit code and what it complained about."""
    process = await start_process(arguments)
    errors = await read_errors(process)
    return await process.wait(), errors


async def test_a_port_in_use_is_said_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        code, errors = await run(*main_job("dynamodb", port), "--port", str(port))

    assert code == 1
    assert errors == (
        f"local-gateway: port {port} on 127.0.0.1 is in use by another process; stop it, or choose "
        f"another one with --port (make dev PORT={port + 1})\n"
    )


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        (None, "app.py"),
        ("def other(event, context): ...", "handler"),
        ("def handler(event, context)\n    pass", "app.py:1:"),
    ],
    ids=["no file", "no function", "syntax error"],
)
async def test_a_handler_that_cannot_be_loaded_stops_the_start(
    tmp_path: Path, source: str | None, wanted: str
) -> None:
    template = tmp_path / "template.yaml"
    template.write_text(FUNCTION)
    if source is not None:
        (tmp_path / "app.py").write_text(source)

    code, errors = await run("--template", str(template), "--port", "0")

    assert code == 1
    assert errors.startswith("local-gateway: ")
    assert "Echo" in errors
    assert wanted in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Resources: [", "template.yaml"),
        ("Resources: {}\nTransform: AWS::Serverless-2016-10-31", "Resources"),
        (FUNCTION.replace("Echo:", "Echo: &a\n    <<: *b"), "template.yaml"),
        (FUNCTION.replace("{CodeUri: ., ", "{CodeUri: ./nowhere, "), "nowhere"),
    ],
)
async def test_a_broken_template_is_named(tmp_path: Path, text: str, wanted: str) -> None:
    template = tmp_path / "template.yaml"
    template.write_text(text)

    code, errors = await run("--template", str(template), "--port", "0")

    assert code == 2
    assert wanted in errors
    assert "Traceback" not in errors


async def test_a_template_that_is_not_there_is_named() -> None:
    code, errors = await run("--template", "nowhere.yaml")

    assert (code, "nowhere.yaml" in errors) == (2, True)


@pytest.mark.parametrize("pair", ["Nonsense=1", "Store=postgres", "Store"])
async def test_a_wrong_parameter_is_named(pair: str) -> None:
    code, errors = await run("--port", "0", "--parameter-overrides", pair)

    assert (code, pair.partition("=")[0] in errors) == (2, True)
    assert "Traceback" not in errors


async def test_only_loopback_is_listened_on_unless_asked_for() -> None:
    code, errors = await run("--host", "0.0.0.0", "--port", "0")

    assert (code, "--allow-remote" in errors) == (2, True)


async def test_two_emulators_run_side_by_side() -> None:
    ports = free_port(), free_port()
    async with (
        running_gateway(main_job("redis", ports[0]), port=ports[0]) as one,
        running_gateway(main_job("redis", ports[1]), port=ports[1]) as other,
        one.client("alice") as alice,
    ):
        elsewhere = await other.push(to="alice", msg={})
        here = await one.push(to="alice", msg={"k": "v"})
        envelope = await alice.receive()

    assert (elsewhere["data"], here["data"], envelope["msg"]) == (["alice"], [], {"k": "v"})


async def test_nothing_is_written_beside_the_template() -> None:
    before = {path for path in ROOT.iterdir() if path.name != ".pytest_cache"}
    port = free_port()

    async with running_gateway(main_job("redis", port), port=port):
        pass

    assert {path for path in ROOT.iterdir() if path.name != ".pytest_cache"} == before
