"""Python handlers in threads of this process: the same answers, and nothing shared that isn't on
Lambda, as far as one process can.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
from typing import TYPE_CHECKING

import orjson
import pytest

from tests.unit.local_gateway.lambdas.conftest import GATED
from tests.unit.local_gateway.lambdas.test_same_as_awslambdaric import (
    EVENTS,
    INITS,
    REQUEST_ID,
    SOURCE,
    STATEMENTS,
    VALUES,
)

if TYPE_CHECKING:
    from local_gateway.api import Function
    from tests.unit.local_gateway.lambdas.conftest import Gate, StartHost, WriteFunction

OWN_MARSHALLER = "a marshaller of its own"
"""It belongs to a class of an installed package, which all functions of one process share."""


async def answers(
    start_host: StartHost, function: Function, event: bytes = b"{}"
) -> list[tuple[bytes, str | None]]:
    """Return what a thread answers, and what a process does."""
    found: list[tuple[bytes, str | None]] = []
    for mode in ("inline", "environments"):
        host = await start_host(function, host_mode=mode)
        result = await host.functions.invoke("F", event, request_id=REQUEST_ID)
        await host.functions.stop()
        found.append((result.payload, result.function_error))
    return found


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
async def test_a_value_is_answered_as_by_a_process(
    value: str, start_host: StartHost, write_function: WriteFunction
) -> None:
    function = write_function(SOURCE.replace("{statement}", f"return {value}"), timeout_seconds=30)

    inline, process = await answers(start_host, function, b'{"a": "b"}')

    assert inline == process


@pytest.mark.parametrize("statement", STATEMENTS.values(), ids=STATEMENTS)
async def test_an_error_is_answered_as_by_a_process(
    statement: str, start_host: StartHost, write_function: WriteFunction
) -> None:
    function = write_function(SOURCE.replace("{statement}", statement), timeout_seconds=30)

    inline, process = await answers(start_host, function)

    assert inline == process
    assert inline[1] == "Unhandled"


@pytest.mark.parametrize("name", [name for name in INITS if name != OWN_MARSHALLER])
async def test_an_init_error_is_answered_as_by_a_process(
    name: str, start_host: StartHost, write_function: WriteFunction
) -> None:
    handler, source = INITS[name]
    files = {"inner/deep.py": "def handler(event, context): return 'deep'"}
    function = write_function(source, handler=handler, files=files)

    inline, process = await answers(start_host, function)

    assert inline == process


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
async def test_an_event_is_read_as_by_a_process(
    event: bytes, start_host: StartHost, write_function: WriteFunction
) -> None:
    inline, process = await answers(start_host, write_function(), event)

    assert inline == process


async def test_the_log_is_that_of_a_process(
    start_host: StartHost, write_function: WriteFunction
) -> None:
    function = write_function(
        """
        import logging, os, sys
        logging.getLogger().setLevel("INFO")
        print("loading")
        def handler(event, context):
            print("to stdout")
            print("to stderr", file=sys.stderr)
            sys.stdout.buffer.write(b"as bytes\\n")
            print("without an end", end="")
            return os.environ["NAME"]
    """,
        environment={"NAME": "n"},
    )
    logs: list[list[str]] = []

    for mode in ("inline", "environments"):
        host = await start_host(function, host_mode=mode)
        await host.functions.invoke("F", b"{}", request_id=REQUEST_ID)
        await host.functions.stop()
        logs.append([line for line in host.lines if not line.startswith("why")])

    assert logs[0] == logs[1]


async def test_functions_with_modules_of_the_same_name_do_not_meet(
    start_host: StartHost, write_function: WriteFunction
) -> None:
    source = "import helper, package.inner\ndef handler(e, c): return [helper.X, package.inner.Y]"
    host = await start_host(
        *(
            write_function(
                source,
                name=name,
                files={
                    "helper.py": f"X = {name!r}",
                    "package/__init__.py": "",
                    "package/inner.py": "from . import other\nfrom package.other import Y",
                    "package/other.py": f"Y = {name.lower()!r}",
                },
            )
            for name in ("A", "B")
        ),
        host_mode="inline",
    )

    assert [await host.ask("A"), await host.ask("B")] == [["A", "a"], ["B", "b"]]


async def test_a_late_import_finds_the_functions_own_module(
    start_host: StartHost, write_function: WriteFunction
) -> None:
    source = """
        import importlib
        def handler(event, context):
            import late
            return [late.X, importlib.import_module("later").X]
    """
    files = {"late.py": "X = 1", "later.py": "X = 2"}
    host = await start_host(write_function(source, files=files), host_mode="inline")

    assert await host.ask() == [1, 2]


async def test_what_the_standard_library_asks_of_a_module_is_there(
    start_host: StartHost, write_function: WriteFunction
) -> None:
    source = """
        from __future__ import annotations
        import dataclasses, typing
        @dataclasses.dataclass
        class Point:
            x: int
            kind: typing.ClassVar[str] = "point"
        def handler(event, context):
            return [dataclasses.asdict(Point(1)), list(typing.get_type_hints(Point))]
    """
    host = await start_host(write_function(source), host_mode="inline")

    assert await host.ask() == [{"x": 1}, ["x", "kind"]]


async def test_environments_share_no_global(
    start_host: StartHost, write_function: WriteFunction, gate: Gate
) -> None:
    source = """
        count = 0
        def handler(event, context):
            global count
            count += 1
            entered, gate = event["gate"]
            with open(entered, "wb", buffering=0) as file:
                file.write(b"x")
            with open(gate, "rb", buffering=0) as file:
                file.read(1)
            return count
    """
    host = await start_host(write_function(source, timeout_seconds=30), host_mode="inline")

    waiting = [asyncio.create_task(host.ask(event={"gate": gate.paths})) for _ in range(2)]
    await gate.entered(2)
    gate.let_through(2)

    assert await asyncio.gather(*waiting) == [1, 1]


async def test_each_function_has_its_own_variables_also_in_threads_that_it_starts(
    start_host: StartHost, write_function: WriteFunction
) -> None:
    source = """
        import os, threading
        from concurrent.futures import ThreadPoolExecutor
        os.environ["SET"] = os.environ["NAME"]
        def handler(event, context):
            with ThreadPoolExecutor(1) as pool:
                inner = pool.submit(os.getenv, "NAME").result()
            return [os.environ["NAME"], inner, os.environ["SET"], "HOME" in os.environ]
    """
    host = await start_host(
        *(write_function(source, name=name, environment={"NAME": name}) for name in ("A", "B")),
        host_mode="inline",
    )

    assert await host.ask("A") == ["A", "A", "A", False]
    assert await host.ask("B") == ["B", "B", "B", False]
    assert "SET" not in os.environ  # noqa: TID251 — it is what must not change


async def test_loggers_are_the_environments_own_and_named_as_it_knows_them(
    start_host: StartHost, write_function: WriteFunction
) -> None:
    source = """
        import logging, os
        logger = logging.getLogger(__name__)
        logger.setLevel(os.environ["LEVEL"])
        def handler(event, context):
            logger.info("told")
            return [logger.name, logging.getLogger("app") is logger, logger.level]
    """
    host = await start_host(
        write_function(source, name="A", environment={"LEVEL": "INFO"}),
        write_function(source, name="B", environment={"LEVEL": "ERROR"}),
        host_mode="inline",
    )

    assert await host.ask("A") == ["app", True, logging.INFO]
    assert await host.ask("B") == ["app", True, logging.ERROR]
    assert [line[0] for line in host.lines if "told" in line] == ["A"]


async def test_an_event_that_takes_too_long_is_given_up_and_the_next_one_is_served(
    start_host: StartHost, write_function: WriteFunction, gate: Gate
) -> None:
    function = write_function(GATED, timeout_seconds=1)
    host = await start_host(function, host_mode="inline", max_concurrency=1)
    event = {"gate": gate.paths}

    late = await host.invoke(event=event)
    following = asyncio.create_task(host.invoke(event=event))
    await gate.entered(2)
    gate.let_through(2)

    assert orjson.loads(late.payload)["errorType"] == "Sandbox.Timedout"
    assert late.log_tail.endswith(b"Task timed out after 1.00 seconds\n")
    assert (await following).function_error is None


async def test_recycling_takes_up_what_has_changed(
    start_host: StartHost, write_function: WriteFunction
) -> None:
    function = write_function("def handler(event, context): return 'old'")
    host = await start_host(function, host_mode="inline")
    before = await host.ask()
    write_function("def handler(event, context): return 'newer'")

    host.functions.recycle("F")

    assert [before, await host.ask()] == ["old", "newer"]


async def test_recycling_lets_a_busy_environment_finish(
    start_host: StartHost, write_function: WriteFunction, gate: Gate
) -> None:
    host = await start_host(write_function(GATED, timeout_seconds=30), host_mode="inline")
    running = asyncio.create_task(host.ask(event={"gate": gate.paths, "name": "first"}))
    await gate.entered()

    host.functions.recycle("F")
    gate.let_through()

    assert (await running)["name"] == "first"


async def test_events_that_wait_are_served_in_order(
    start_host: StartHost, write_function: WriteFunction
) -> None:
    function = write_function("seen = []\ndef handler(e, c): seen.append(e); return list(seen)")
    host = await start_host(function, host_mode="inline", max_concurrency=1)

    results = await asyncio.gather(*(host.ask(event=number) for number in range(20)))

    assert results[-1] == list(range(20))


async def test_stopping_puts_back_what_the_process_has_one_of(
    start_host: StartHost, write_function: WriteFunction
) -> None:
    def shared() -> list[object]:
        return [
            os.environ,  # noqa: TID251 — the same
            sys.stdout,
            sys.stderr,
            __builtins__["__import__"],
            logging.getLogger,
            threading.Thread.start,
            list(logging.root.handlers),
        ]

    before = shared()
    host = await start_host(write_function(), host_mode="inline")
    await host.ask()
    during = shared()
    await host.functions.stop()

    assert shared() == before
    assert all(one is not other for one, other in zip(before, during, strict=True))
