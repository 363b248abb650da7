"""The README and the tutorial, typed in as they stand, but for the port."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.e2e.gateway_process import ANSWER_SECONDS, ROOT, free_port, main_job, running_gateway

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

_FENCE: Final = re.compile(r"^```(bash|json)\n(.*?)\n```", re.MULTILINE | re.DOTALL)


class Document:
    """What a document tells its reader to type, and shows as the answer."""

    def __init__(self, name: str, port: int) -> None:
        blocks = _FENCE.findall((ROOT / name).read_text())
        commands = [
            text.replace("127.0.0.1:3000", f"127.0.0.1:{port}").replace(
                ".venv/bin/python", sys.executable
            )
            for language, text in blocks
            if language == "bash"
        ]
        self.clients = [shlex.split(each) for each in commands if "-m websockets" in each]
        self.pushes = [shlex.split(each) for each in commands if each.startswith("curl")]
        self.shown = [json.loads(text) for language, text in blocks if language == "json"]


class Terminal:
    """A terminal with a WebSocket client in it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def type(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())
        await self._process.stdin.drain()

    async def read_envelope(self) -> dict[str, Any]:
        """Return the next envelope on the screen."""
        assert self._process.stdout is not None
        async with asyncio.timeout(ANSWER_SECONDS):
            while (line := await self._process.stdout.readline()) != b"":
                if found := re.search(r"< (\{.*\})", line.decode()):
                    return json.loads(found[1])
        pytest.fail("the client has ended")


@asynccontextmanager
async def terminal(command: list[str]) -> AsyncGenerator[Terminal]:
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    try:
        yield Terminal(process)
    finally:
        process.kill()
        await process.communicate()


async def run(command: list[str]) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    output, _ = await process.communicate()
    return json.loads(output)


async def test_the_first_push_of_the_readme() -> None:
    port = free_port()
    readme = Document("README.md", port)
    shown_answer, shown_envelope = readme.shown
    async with (
        running_gateway(main_job("redis", port), port=port),
        terminal(readme.clients[0]) as alice,
    ):
        await alice.read_envelope()

        answer = await run(readme.pushes[0])

        envelope = await alice.read_envelope()
        assert answer == shown_answer
        assert list(envelope) == list(shown_envelope)
        assert envelope["msg"] == shown_envelope["msg"]


async def test_the_tutorial() -> None:
    port = free_port()
    tutorial = Document("docs/tutorial/first-push.md", port)
    connection, answer_of_push, push_of_bob, heartbeat = tutorial.shown
    to_alice, to_all = tutorial.pushes
    async with (
        running_gateway(main_job("redis", port), port=port),
        terminal(tutorial.clients[0]) as alice,
        terminal(tutorial.clients[1]) as bob,
    ):
        assert list(await alice.read_envelope()) == list(connection)
        await bob.read_envelope()

        assert await run(to_alice) == answer_of_push
        assert (await alice.read_envelope())["from"] == "system"

        assert (await run(to_all))["data"] == []
        assert [(await each.read_envelope())["msg"] for each in (alice, bob)] == [
            {"hello": "all"}
        ] * 2

        await bob.type(json.dumps(push_of_bob))
        pushed = await alice.read_envelope()
        acknowledged = await bob.read_envelope()
        assert (pushed["trigger"], pushed["from"]) == (2, "bob")
        assert (acknowledged["msgType"], acknowledged["messageId"]) == (2, "1")

        await bob.type(json.dumps(heartbeat))
        assert (await bob.read_envelope())["msgType"] == 4
