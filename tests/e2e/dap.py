"""Clients of debuggers: of the Debug Adapter Protocol, as editors are, and Node.js's inspector."""

from __future__ import annotations

import asyncio
import itertools
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx
from websockets.asyncio.client import ClientConnection, connect

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from pathlib import Path

ANSWER_SECONDS = 30.0

Json = dict[str, Any]


class Debugger:
    """An attached client; requests are answered in any order, events come between."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._numbers = itertools.count(1)
        self._seen: list[Json] = []

    async def attach(self, file: Path, line: int) -> None:
        """Attach, and set a breakpoint."""
        await self.call("initialize", adapterID="debugpy", linesStartAt1=True)
        attaching = self.send("attach", justMyCode=True)
        await self._await(lambda message: message.get("event") == "initialized")
        answer = await self.call(
            "setBreakpoints", source={"path": str(file)}, breakpoints=[{"line": line}]
        )
        assert [each["verified"] for each in answer["breakpoints"]] == [True]
        await self.call("configurationDone")
        await self._answer(attaching)

    async def stopped(self) -> tuple[int, str]:
        """Wait until a thread stops; return its id and where it is."""
        event = await self._await(lambda message: message.get("event") == "stopped")
        thread = event["body"]["threadId"]
        frames = (await self.call("stackTrace", threadId=thread))["stackFrames"]
        return thread, f"{frames[0]['name']}:{frames[0]['line']}"

    async def variables(self, thread: int) -> dict[str, str]:
        """Return what the local variables are, as the debugger shows them."""
        frames = (await self.call("stackTrace", threadId=thread))["stackFrames"]
        scopes = (await self.call("scopes", frameId=frames[0]["id"]))["scopes"]
        reference = scopes[0]["variablesReference"]
        shown = (await self.call("variables", variablesReference=reference))["variables"]
        return {each["name"]: each["value"] for each in shown}

    async def call(self, command: str, **arguments: Any) -> Json:  # noqa: ANN401 — any JSON
        """Send a request and return the body of its answer."""
        return await self._answer(self.send(command, **arguments))

    def send(self, command: str, **arguments: Any) -> int:  # noqa: ANN401 — the same
        """Send a request, and return its number."""
        number = next(self._numbers)
        request = {"seq": number, "type": "request", "command": command, "arguments": arguments}
        data = json.dumps(request).encode()
        self._writer.write(b"Content-Length: %d\r\n\r\n%s" % (len(data), data))
        return number

    async def _answer(self, number: int) -> Json:
        answer = await self._await(lambda message: message.get("request_seq") == number)
        assert answer["success"], answer
        return answer.get("body") or {}

    async def _await(self, is_wanted: Callable[[Json], bool]) -> Json:
        async with asyncio.timeout(ANSWER_SECONDS):
            while True:
                for message in self._seen:
                    if is_wanted(message):
                        self._seen.remove(message)
                        return message
                self._seen.append(await self._read())

    async def _read(self) -> Json:
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = int(head.split(b":")[1])
        return json.loads(await self._reader.readexactly(length))


@asynccontextmanager
async def debugger(port: int) -> AsyncGenerator[Debugger]:
    """Connect to debugpy."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Debugger(reader, writer)
    finally:
        writer.close()


class Inspector:
    """A client of the Chrome DevTools Protocol."""

    def __init__(self, websocket: ClientConnection) -> None:
        self._websocket = websocket
        self._numbers = itertools.count(1)
        self._events: list[Json] = []

    async def call(self, method: str, **parameters: Any) -> Json:  # noqa: ANN401 — any JSON
        """Call a method and return its result."""
        number = next(self._numbers)
        await self._websocket.send(
            json.dumps({"id": number, "method": method, "params": parameters})
        )
        while (message := await self._read()).get("id") != number:
            self._events.append(message)
        return message["result"]

    async def event(self, method: str) -> Json:
        """Return the parameters of the next event of this kind."""
        for message in self._events:
            if message["method"] == method:
                return message["params"]
        while (message := await self._read()).get("method") != method:
            pass
        return message["params"]

    async def _read(self) -> Json:
        async with asyncio.timeout(ANSWER_SECONDS):
            return json.loads(await self._websocket.recv())


@asynccontextmanager
async def inspector(port: int) -> AsyncGenerator[Inspector]:
    """Connect to `node --inspect`."""
    async with httpx.AsyncClient() as http:
        [target] = (await http.get(f"http://127.0.0.1:{port}/json/list")).json()
    async with connect(target["webSocketDebuggerUrl"], max_size=None) as websocket:
        yield Inspector(websocket)
