from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

import pytest

from local_gateway.lambdas.bootstrap import ANSWER, RESULT
from local_gateway.lambdas.channel import Channel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Line:
    """A channel, the other end of its socket, and what the channel told."""

    def __init__(self) -> None:
        ours, self.theirs = socket.socketpair()
        self.theirs.setblocking(False)  # noqa: FBT003 — the argument has no name
        self.told: asyncio.Queue[tuple[int, bytes] | str] = asyncio.Queue()
        self.channel = Channel(
            ours,
            on_answer=lambda kind, payload: self.told.put_nowait((kind, payload)),
            on_lost=lambda: self.told.put_nowait("lost"),
        )

    async def receive(self, count: int) -> bytes:
        loop = asyncio.get_running_loop()
        data = b""
        while len(data) < count:
            data += await loop.sock_recv(self.theirs, count - len(data))
        return data


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    line = Line()
    yield line
    line.channel.close()
    line.theirs.close()


async def test_an_answer_in_one_piece(line: Line) -> None:
    line.theirs.send(ANSWER.pack(RESULT, 2) + b"{}")

    assert await line.told.get() == (RESULT, b"{}")


async def test_an_answer_without_a_payload(line: Line) -> None:
    line.theirs.send(ANSWER.pack(7, 0))

    assert await line.told.get() == (7, b"")


async def test_an_answer_in_many_pieces_then_another_one(line: Line) -> None:
    payload = bytes(range(256)) * 4_000
    loop = asyncio.get_running_loop()

    await loop.sock_sendall(line.theirs, ANSWER.pack(RESULT, len(payload)) + payload)
    large = await line.told.get()
    line.theirs.send(ANSWER.pack(RESULT, 1) + b"1")

    assert large == (RESULT, payload)
    assert await line.told.get() == (RESULT, b"1")


async def test_a_frame_that_does_not_fit_goes_out_in_time(line: Line) -> None:
    frame = bytes(range(256)) * 4_000

    assert line.channel.send(frame)

    assert await line.receive(len(frame)) == frame


async def test_a_frame_waits_for_room(line: Line) -> None:
    first, second = b"1" * 1_000_000, b"2" * 10
    line.channel.send(first)
    await line.receive(len(first))

    line.channel.send(second)

    assert await line.receive(len(second)) == second


@pytest.mark.parametrize("sent", [b"\1\0\0", ANSWER.pack(RESULT, 1) + b"12"])
async def test_what_is_no_answer_loses_the_line(line: Line, sent: bytes) -> None:
    line.theirs.send(sent)

    assert await line.told.get() == "lost"


async def test_the_end_of_the_line_is_told_once(line: Line) -> None:
    line.theirs.close()

    assert await line.told.get() == "lost"
    assert not line.channel.send(b"x")
    assert line.told.empty()


async def test_the_end_in_the_middle_of_an_answer_is_told(line: Line) -> None:
    line.theirs.send(ANSWER.pack(RESULT, 10) + b"123")

    line.theirs.close()

    assert await line.told.get() == "lost"


async def test_the_end_in_the_middle_of_a_frame_is_told(line: Line) -> None:
    line.channel.send(b"x" * 1_000_000)

    line.theirs.close()

    assert await line.told.get() == "lost"


async def test_closing_twice_is_closing(line: Line) -> None:
    line.channel.close()
    line.channel.close()

    assert not line.channel.send(b"x")
