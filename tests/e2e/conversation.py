"""Conversations with a sample as transcripts: what was said, then the events of its functions.

Whatever differs from run to run has a name in its place, so that a transcript is a golden file:

    ann connects to /Prod
    ann < {"message": "Forbidden", "connectionId": "<id 1>", "requestId": "<id 2>"}

    OnConnectFunction {…}
"""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from tests.e2e.gateway_process import ANSWER_SECONDS, running_gateway

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from tests.fakes.http_server import Request

_NAMES: Final = (
    (r"\d\d/[A-Z][a-z]{2}/\d{4}(:\d\d){3} \+0000", "<time>"),
    (r'"(connectedAt|requestTimeEpoch|integrationLatency)": \d+', r'"\1": "<ms>"'),
    (r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}", "Root=<trace>"),
    (r"[A-Za-z0-9+/]{22}==", "<key>"),
    (r"127\.0\.0\.1:\d+", "127.0.0.1:<port>"),
)
_ID: Final = re.compile(r"\b[A-Za-z0-9_-]{15}=")
_PHASES: Final = ("REQUEST", "CONNECT", "MESSAGE", "DISCONNECT")


class Speaker:
    """One client, whose every frame is noted."""

    def __init__(self, name: str, connection: ClientConnection, conversation: Conversation) -> None:
        """Take a connection that is open."""
        self._name = name
        self._connection = connection
        self._conversation = conversation

    async def say(self, message: object) -> None:
        """Send a text as it is, anything else as JSON."""
        text = message if isinstance(message, str) else json.dumps(message)
        self._conversation.said.append(text)
        self._conversation.note(f"{self._name} > {text}")
        await self._connection.send(text)

    async def hear(self, count: int = 1) -> None:
        """Take this many messages."""
        async with asyncio.timeout(ANSWER_SECONDS):
            for _ in range(count):
                self._conversation.note(f"{self._name} < {await self._connection.recv()}")

    async def leave(self) -> None:
        """Close the connection."""
        self._conversation.note(f"{self._name} leaves")
        await self._connection.close()

    async def is_closed(self) -> None:
        """Wait for the gateway's close."""
        async with asyncio.timeout(ANSWER_SECONDS):
            await self._connection.wait_closed()
        code, reason = self._connection.close_code, self._connection.close_reason
        self._conversation.note(f"{self._name} is closed: {code} {reason}")


class Conversation:
    """Everything that was said, in the order in which the test said and heard it."""

    def __init__(self, url: str) -> None:
        """Take the gateway's `ws://HOST`."""
        self._url = url
        self._lines: list[str] = []
        self.said: list[str] = []
        """The clients' messages in order; no two are the same."""
        self.log = ""
        """What the emulator wrote, once it has stopped."""

    def note(self, line: str) -> None:
        """Add a line to the transcript."""
        self._lines.append(line)

    async def connect(self, name: str, path: str) -> Speaker:
        """Connect a client."""
        self.note(f"{name} connects to {path}")
        connection = await connect(
            self._url + path,
            ping_interval=None,
            compression=None,
            proxy=None,
            user_agent_header="sample",
        )
        return Speaker(name, connection, self)

    async def be_refused(self, name: str, path: str) -> None:
        """Connect a client whom the gateway refuses."""
        try:
            await self.connect(name, path)
        except InvalidStatus as refused:
            body = (refused.response.body or b"").decode()
            self.note(f"{name} is refused: {refused.response.status_code} {body}".rstrip())
        else:
            raise AssertionError(f"{name} was let in")

    def note_requests(self, requests: list[Request]) -> None:
        """Add what a back-end got, without what its HTTP library adds."""
        for request in requests:
            headers = {
                name: value
                for name, value in sorted(request.headers.items())
                if name in {"connectionid", "origin", "content-type"}
            }
            self.note(f"back-end: {request.method} {request.path} {json.dumps(headers)}")
            if request.body:
                self.note(f"back-end: {request.body.decode()}")

    def transcript(self) -> str:
        """Return what was said and the events that the functions printed."""
        events = [
            f"{function} {json.dumps(event, indent=2, ensure_ascii=False)}"
            for function, event in sorted(self._events(), key=self._place)
        ]
        return _name("\n\n".join(["\n".join(self._lines), *events]) + "\n")

    def _events(self) -> list[tuple[str, dict[str, Any]]]:
        return [
            (line.split()[0], json.loads(line[line.index("{") :]))
            for line in self.log.splitlines()
            if '"requestContext"' in line
        ]

    def _place(self, printed: tuple[str, dict[str, Any]]) -> tuple[int, int, int]:
        """Where an event belongs: functions that run side by side print in any order."""
        _, event = printed
        context = event["requestContext"]
        phase = _PHASES.index(event.get("type", context["eventType"]))
        message = self.said.index(event["body"]) if "body" in event else 0
        return context["connectedAt"], phase, message


@asynccontextmanager
async def conversing(template: Path, *options: str) -> AsyncGenerator[Conversation]:
    """Serve a sample by a process of its own and yield a conversation, which has its log after."""
    async with running_gateway(["--template", str(template), *options]) as gateway:
        conversation = Conversation(f"ws://127.0.0.1:{gateway.port}")
        yield conversation
    conversation.log = gateway.log


def _name(text: str) -> str:
    for pattern, name in _NAMES:
        text = re.sub(pattern, name, text)
    names: dict[str, str] = {}
    return _ID.sub(lambda found: names.setdefault(found[0], f"<id {len(names) + 1}>"), text)
