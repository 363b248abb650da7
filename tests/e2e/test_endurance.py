"""Many at once, some of them killed: everything is answered, and nothing is left behind."""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import os
import signal
import socket
import struct
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from websockets.asyncio.client import connect

from local_gateway import clock
from local_gateway.configuration import Options
from local_gateway.emulator import Emulator
from local_gateway.inspector.journal import ROWS as JOURNAL_ROWS
from local_gateway.why import Why
from tests.e2e.gateway_process import ANSWER_SECONDS, GatewayProcess, running_gateway

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from websockets.asyncio.client import ClientConnection

    Held = Mapping[str, int]

TEMPLATE = Path(__file__).parents[1] / "golden" / "templates" / "endurance" / "template.yaml"
CONCURRENCY = 8
CYCLES = 1_000
AT_ONCE = 50
LOOKS = 500

RESET = struct.pack("ii", 1, 0)
"""SO_LINGER of 0 s: closing resets the connection, as a client does whose machine dies."""


@pytest.fixture
async def gateway(request: pytest.FixtureRequest) -> AsyncIterator[GatewayProcess]:
    concurrency: int = getattr(request, "param", CONCURRENCY)
    options = ["--max-concurrency", str(concurrency), "--connect-rate", "0"]
    async with running_gateway(["--template", str(TEMPLATE), *options]) as running:
        yield running


async def receive(client: ClientConnection) -> dict[str, float]:
    async with asyncio.timeout(4 * ANSWER_SECONDS):
        return json.loads(await client.recv())


async def ask(client: ClientConnection, **message: object) -> dict[str, float]:
    await client.send(json.dumps({"action": "work", **message}))
    return await receive(client)


@pytest.mark.timeout(120)
async def test_messages_of_many_connections_are_all_answered(gateway: GatewayProcess) -> None:
    async def converse(first: int) -> list[dict[str, float]]:
        numbers = range(first, first + 20)
        async with connect(gateway.websocket_url) as client:
            for number in numbers:
                text = json.dumps({"action": "work", "number": number, "seconds": 0.1})
                await client.send(text)
            return [await receive(client) for _ in numbers]

    conversations = await asyncio.gather(*(converse(20 * client) for client in range(50)))

    answers = list(itertools.chain.from_iterable(conversations))
    assert sorted(answer["number"] for answer in answers) == list(range(1_000))
    steps = [(answer["began"], 1) for answer in answers]
    steps += [(answer["ended"], -1) for answer in answers]
    assert max(itertools.accumulate(step for _, step in sorted(steps))) == CONCURRENCY
    assert len({answer["pid"] for answer in answers}) == CONCURRENCY


async def test_killed_environment_costs_its_own_message_alone(gateway: GatewayProcess) -> None:
    announced: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        announced.set_result(int(await reader.read()))
        writer.close()

    server = await asyncio.start_server(hear, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with (
        server,
        connect(gateway.websocket_url) as client,
        connect(gateway.websocket_url) as other,
    ):
        others = asyncio.create_task(ask(other, number=1, seconds=1))
        victim = {"action": "work", "number": 2, "seconds": 15, "announce": port}
        await client.send(json.dumps(victim))
        os.kill(await announced, signal.SIGKILL)
        error = await receive(client)
        marker = await ask(client, number=3)
        answer = await others

    assert error == {
        "message": "Internal server error",
        "connectionId": error["connectionId"],
        "requestId": error["requestId"],
    }
    assert (marker["number"], answer["number"]) == (3, 1)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("gateway", [1], indirect=True, ids=["as many processes as ever"])
async def test_connections_that_are_killed_leave_nothing_behind(gateway: GatewayProcess) -> None:
    process = psutil.Process(gateway.process.pid)

    def held() -> Held:
        return {
            "descriptors": process.num_fds(),
            "threads": process.num_threads(),
            "processes": len(process.children(recursive=True)),
        }

    await cycle(gateway.port, JOURNAL_ROWS // 2)  # what is made once is there, and the journal full
    async with connect(gateway.websocket_url) as client:
        await ask(client, number=0)
        before, resident = held(), process.memory_info().rss
        await cycle(gateway.port, CYCLES)
        after = await until_no_more(held, before)
        grown = process.memory_info().rss - resident

    report(before, after)
    report({"bytes": resident}, {"bytes": resident + grown})
    assert grown < CYCLES * 512


@pytest.mark.timeout(120)
async def test_connections_that_are_killed_leave_no_task_and_no_timer() -> None:
    options = Options(template=TEMPLATE, port=0, max_concurrency=1, connect_rate=0)
    emulator = Emulator(options, write_log=lambda _: None, why=Why())

    def held() -> Held:
        gc.collect()
        objects = gc.get_objects()
        handles = [each for each in objects if type(each) is asyncio.TimerHandle]
        timers = [each for each in objects if type(each) is clock.Timer]
        return {
            "descriptors": psutil.Process().num_fds(),
            "tasks": len(asyncio.all_tasks()),
            "timers": sum(not each.cancelled() for each in handles),
            "emulated timers": sum(each.callback is not None for each in timers),
            "connections": len(emulator.running.registry.connections()),
            "processes": len(psutil.Process().children(recursive=True)),
        }

    await emulator.start()
    try:
        await cycle(emulator.port, AT_ONCE)
        async with connect(f"ws://127.0.0.1:{emulator.port}/dev", ping_interval=None) as client:
            await ask(client, number=0)
            before = held()
            await cycle(emulator.port, CYCLES)
            report(before, await until_no_more(held, before))
    finally:
        await emulator.stop()


async def cycle(port: int, count: int) -> None:
    """Let so many clients connect, and die."""
    for _ in range(count // AT_ONCE):
        await asyncio.gather(*(come_and_go(port) for _ in range(AT_ONCE)))


async def come_and_go(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        f"GET /dev HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Key: BvlrrFKoKAPDYOlwBcGKWw==\r\n"
        "Sec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    status = await reader.readuntil(b"\r\n\r\n")
    assert status.startswith(b"HTTP/1.1 101 ")
    peer: socket.socket = writer.get_extra_info("socket")
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()


async def until_no_more(held: Callable[[], Held], before: Held) -> Held:
    """Wait until no more is held than before; whoever holds it tells nobody.

    Without a timeout, which would be held too.
    """
    now = held()
    for _ in range(LOOKS):
        if all(now[name] <= before[name] for name in before):
            return now
        await asyncio.sleep(0.01)
        now = held()
    raise AssertionError(f"held before: {before}, now: {now}")


def report(before: Held, after: Held) -> None:
    """Write the figures, which `-rP` shows."""
    for name in before:
        sys.stdout.write(f"{name}: {before[name]}, after {CYCLES} cycles {after[name]}\n")
