from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from local_gateway.lambdas import channel
from local_gateway.lambdas.bootstrap import ANSWER, PACKET_BYTES, RESULT
from local_gateway.lambdas.channel import Channel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Line:
    """A channel, the other end of its socket, and what the channel told."""

    def __init__(self) -> None:
        ours, self.theirs = socket.socketpair()
        self.theirs.setblocking(False)  # noqa: FBT003 — the argument has no name
        self.told: asyncio.Queue[tuple[int, bytes] | tuple[int, bytes, int | None] | str] = (
            asyncio.Queue()
        )
        self.channel = Channel(
            ours,
            on_answer=lambda kind, payload, _: self.told.put_nowait((kind, payload)),
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
    line.theirs.send(ANSWER.pack(RESULT, 2, 0) + b"{}")

    assert await line.told.get() == (RESULT, b"{}")


async def test_an_answer_without_a_payload(line: Line) -> None:
    line.theirs.send(ANSWER.pack(7, 0, 0))

    assert await line.told.get() == (7, b"")


async def test_an_answer_in_many_pieces_then_another_one(line: Line) -> None:
    payload = bytes(range(256)) * 4_000
    loop = asyncio.get_running_loop()

    await loop.sock_sendall(line.theirs, ANSWER.pack(RESULT, len(payload), 0) + payload)
    large = await line.told.get()
    line.theirs.send(ANSWER.pack(RESULT, 1, 0) + b"1")

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


@pytest.mark.parametrize("sent", [b"\1\0\0", ANSWER.pack(RESULT, 1, 0) + b"12"])
async def test_what_is_no_answer_loses_the_line(line: Line, sent: bytes) -> None:
    line.theirs.send(sent)

    assert await line.told.get() == "lost"


async def test_the_end_of_the_line_is_told_once(line: Line) -> None:
    line.theirs.close()

    assert await line.told.get() == "lost"
    assert not line.channel.send(b"x")
    assert line.told.empty()


async def test_the_end_in_the_middle_of_an_answer_is_told(line: Line) -> None:
    line.theirs.send(ANSWER.pack(RESULT, 10, 0) + b"123")

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


class PacketLine(Line):
    """The same on sockets that keep packets apart."""

    def __init__(self) -> None:
        ours, self.theirs = channel.socket_pair()
        self.told = asyncio.Queue()
        self.channel = Channel(
            ours,
            self.theirs.dup(),
            on_answer=lambda kind, payload, took_us: self.told.put_nowait((kind, payload, took_us)),
            on_lost=lambda: self.told.put_nowait("lost"),
        )


@pytest.fixture
async def packets() -> AsyncIterator[PacketLine]:
    line = PacketLine()
    yield line
    line.channel.close()
    line.theirs.close()


needs_packets = pytest.mark.skipif(
    not channel.KEEPS_PACKETS, reason="sockets keep no packets apart on this platform"
)


@needs_packets
async def test_a_frame_sent_ahead_is_taken_back_or_taken(packets: PacketLine) -> None:
    packets.channel.send(b"first")
    sent = [packets.channel.send_ahead(frame) for frame in (b"second", b"third")]
    taken = packets.theirs.recv(100)

    taken_back = [packets.channel.take_back() for _ in range(3)]

    assert (sent, taken, taken_back) == ([True, True], b"first", [b"second", b"third", b""])


@needs_packets
async def test_a_frame_of_more_than_a_packet_is_not_sent_ahead(packets: PacketLine) -> None:
    assert not packets.channel.send_ahead(bytes(PACKET_BYTES + 1))
    assert not packets.channel.take_back()


@needs_packets
async def test_nothing_is_sent_ahead_while_a_frame_is_on_its_way(packets: PacketLine) -> None:
    packets.channel.send(bytes(5_000_000))

    assert not packets.channel.send_ahead(b"second")


@needs_packets
async def test_large_frames_go_both_ways_in_packets(packets: PacketLine) -> None:
    payload = bytes(range(256)) * 2_000
    answer = ANSWER.pack(RESULT, len(payload), 7) + payload
    received = b""

    packets.channel.send(payload)
    while len(received) < len(payload):
        await asyncio.sleep(0)
        with suppress(BlockingIOError):
            received += packets.theirs.recv(PACKET_BYTES, socket.MSG_DONTWAIT)
    for start in range(0, len(answer), PACKET_BYTES):
        packets.theirs.send(answer[start : start + PACKET_BYTES])
        packets.channel.read()

    assert received == payload
    assert await packets.told.get() == (RESULT, payload, 7)
