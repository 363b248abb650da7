"""What somebody sees who watches a gateway that runs: `/_gateway/rows`, the feed, and `tail`."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING, Any

import pytest
from websockets.asyncio.client import connect

from tests.e2e.gateway_process import ANSWER_SECONDS, ROOT, running_gateway
from tests.processes import guarded

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from tests.e2e.gateway_process import GatewayProcess

TEMPLATE = ROOT / "tests/e2e/samples/two-way/template.yaml"
MESSAGE = json.dumps({"action": "ask", "numbers": [1, 2]})

Row = dict[str, Any]


@pytest.fixture
async def gateway() -> AsyncGenerator[GatewayProcess]:
    async with running_gateway(["--template", str(TEMPLATE)]) as gateway:
        yield gateway


async def talk(gateway: GatewayProcess) -> str:
    """Send a message, get its answer, close, and return the answer."""
    async with connect(f"ws://127.0.0.1:{gateway.port}/live") as socket:
        await socket.send(MESSAGE)
        return str(await socket.recv())


async def test_rows_tell_a_conversation_in_order(gateway: GatewayProcess) -> None:
    answer = await talk(gateway)

    rows: list[Row] = []
    async with asyncio.timeout(ANSWER_SECONDS):
        while not any(row["kind"] == "close" for row in rows):
            rows = (await gateway.http.get("/_gateway/rows")).json()["rows"]
    told = [row for row in rows if row["kind"] not in {"why", "log"}]

    assert [row["kind"] for row in told[:5]] == [
        "handshake",
        "message",
        "invocation",
        "reply",
        "close",
    ]
    _, message, invocation, reply, _ = told[:5]
    assert {row["connectionId"] for row in told[:5]} == {message["connectionId"]}
    assert message["requestId"] == invocation["requestId"] == reply["requestId"]
    assert (message["text"], message["route"]) == (MESSAGE, "ask")
    assert json.loads(invocation["event"])["body"] == MESSAGE
    assert (invocation["isDone"], invocation["error"]) == (True, None)
    assert reply["text"] == answer
    whole = (await gateway.http.get(f"/_gateway/rows/{message['id']}")).json()
    assert whole == message


async def test_row_that_is_not_kept_is_refused_with_those_that_are(gateway: GatewayProcess) -> None:
    for name in ("0", "999999", "x", "-1"):
        response = await gateway.http.get(f"/_gateway/rows/{name}")
        assert response.status_code == 404
        assert response.json()["message"] == f"there is no row {name}"


async def test_cleared_rows_are_gone(gateway: GatewayProcess) -> None:
    await talk(gateway)
    await gateway.http.delete("/_gateway/rows")

    rows = (await gateway.http.get("/_gateway/rows")).json()["rows"]

    assert not [row for row in rows if row["kind"] in {"handshake", "message"}]


async def test_tail_follows_what_happens_until_the_gateway_stops(gateway: GatewayProcess) -> None:
    command = [sys.executable, "-m", "local_gateway", "tail", "--url", gateway.url, "--json"]
    process = await asyncio.create_subprocess_exec(
        *guarded(command),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdout is not None

    async def read_until(kind: str) -> Row:
        assert process.stdout is not None
        async with asyncio.timeout(ANSWER_SECONDS):
            while line := await process.stdout.readline():
                row = json.loads(line)
                if row["kind"] == kind:
                    return row
        raise AssertionError(f"no {kind} before the end")

    try:
        answer = await talk(gateway)
        assert (await read_until("message"))["text"] == MESSAGE
        assert (await read_until("invocation"))["isDone"]
        assert (await read_until("close"))["code"] == 1000
        await talk(gateway)
        assert (await read_until("reply"))["text"] == answer
        await gateway.stop()
        async with asyncio.timeout(ANSWER_SECONDS):
            await process.communicate()
        assert process.returncode == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def test_watchers_do_not_hold_up_a_stop(gateway: GatewayProcess) -> None:
    async with gateway.http.stream("GET", "/_gateway/feed") as feed:
        first = await anext(feed.aiter_lines())
        code = await gateway.stop()

    assert first.startswith((":", "data: "))
    assert code == 0


async def test_feed_is_refused_to_pages_of_another_origin(gateway: GatewayProcess) -> None:
    for path in ("/_gateway/feed", "/_gateway/rows"):
        response = await gateway.http.get(path, headers={"origin": "https://example.com"})
        assert response.status_code == 403
