"""Functions written for one test, run in real processes."""

from __future__ import annotations

import asyncio
import os
from contextlib import AsyncExitStack
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from local_gateway.api import Application, Function, Identity
from local_gateway.lambdas.functions import Functions
from local_gateway.why import Why
from tests.fakes.applications import an_application

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
    from pathlib import Path

    from local_gateway.lambdas.result import InvokeResult

    StartHost = Callable[..., Awaitable["Host"]]
    WriteFunction = Callable[..., Function]
    MakeGate = Callable[[], "Gate"]

IDENTITY = Identity()
ECHO = "def handler(event, context): return event"


def application(*functions: Function) -> Application:
    return an_application(
        identity=IDENTITY,
        functions={function.logical_id: function for function in functions},
    )


class Host:
    """The functions under test, and the lines that they logged."""

    def __init__(self, *functions: Function, **options: Any) -> None:  # noqa: ANN401 — of Functions
        self.lines: list[str] = []
        options = {"environment": {}, **options}
        why = Why(lambda line: self.lines.append(f"why: {line}"))
        self.functions = Functions(
            application(*functions), write_log=self.lines.append, why=why, **options
        )

    async def invoke(
        self,
        function: str = "F",
        event: object = None,
        **named: str,
    ) -> InvokeResult:
        return await self.functions.invoke(function, orjson.dumps(event), **named)

    async def ask(self, function: str = "F", event: object = None, **named: str) -> Any:  # noqa: ANN401 — any JSON
        """Return what the function returned, decoded."""
        result = await self.invoke(function, event, **named)
        assert result.function_error is None, result
        return orjson.loads(result.payload)

    async def wait_for_processes(self, is_so: Callable[[set[int]], bool]) -> None:
        """Wait until the ids of the processes are as wanted."""
        # Nobody is told of a process that ends while it has nothing to do.
        while not is_so(set(self.functions.process_ids)):  # noqa: ASYNC110 — see above
            await asyncio.sleep(0)


class Gate:
    """What a handler stops at until the test lets it through; see `GATED`."""

    def __init__(self, folder: Path) -> None:
        self.paths = (str(folder / "entered"), str(folder / "gate"))
        for path in self.paths:
            os.mkfifo(path)
        # Both directions, so that neither opening blocks nor end of file comes.
        self._entered, self._gate = (
            os.open(path, os.O_RDWR | os.O_NONBLOCK) for path in self.paths
        )

    async def entered(self, count: int = 1) -> None:
        """Wait until handlers came to the gate, `count` of them."""
        loop = asyncio.get_running_loop()
        for _ in range(count):
            came: asyncio.Future[None] = loop.create_future()
            loop.add_reader(self._entered, _set, came)
            try:
                await came
            finally:
                loop.remove_reader(self._entered)
            os.read(self._entered, 1)

    def let_through(self, count: int = 1) -> None:
        os.write(self._gate, b"x" * count)

    def close(self) -> None:
        os.close(self._entered)
        os.close(self._gate)


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


GATED = """
    import os
    def handler(event, context):
        entered, gate = event["gate"]
        with open(entered, "wb", buffering=0) as file:
            file.write(b"x")
        with open(gate, "rb", buffering=0) as file:
            file.read(1)
        return {"pid": os.getpid(), "name": event.get("name")}
"""


@pytest.fixture
def write_function(tmp_path: Path) -> WriteFunction:
    def write(
        source: str = ECHO,
        *,
        name: str = "F",
        files: Mapping[str, str] | None = None,
        **properties: Any,  # noqa: ANN401 — of Function
    ) -> Function:
        code = tmp_path / "code" / name
        for path, text in {"app.py": source, **(files or {})}.items():
            (code / path).parent.mkdir(parents=True, exist_ok=True)
            (code / path).write_text(dedent(text), encoding="utf-8")
        properties = {"handler": "app.handler", "runtime": "python3.13", "code": code, **properties}
        arn = f"arn:aws:lambda:us-east-1:123456789012:function:{name}"
        return Function(logical_id=name, name=name.lower(), arn=arn, **properties)

    return write


@pytest.fixture
async def start_host() -> AsyncIterator[StartHost]:
    async with AsyncExitStack() as stack:

        async def start(*functions: Function, redirect: str = "", **options: Any) -> Host:  # noqa: ANN401 — of Functions
            host = Host(*functions, **options)
            stack.push_async_callback(host.functions.stop)
            await host.functions.start(redirect=redirect)
            return host

        yield start


@pytest.fixture
def make_gate(tmp_path: Path) -> Iterator[MakeGate]:
    gates: list[Gate] = []

    def make() -> Gate:
        folder = tmp_path / f"gate-{len(gates)}"
        folder.mkdir()
        gates.append(Gate(folder))
        return gates[-1]

    yield make
    for gate in gates:
        gate.close()


@pytest.fixture
def gate(make_gate: MakeGate) -> Gate:
    return make_gate()
