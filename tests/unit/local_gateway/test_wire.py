"""A wire on a transport that remembers, without a socket."""

from __future__ import annotations

import asyncio
import struct
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from local_gateway.limits import CLIENT_BUFFER_BYTES, FRAME_BYTES
from local_gateway.wire import FRAME_TOO_LONG, Wire
from tests.fakes.gateway import frame
from tests.fakes.transport import RecordingTransport

if TYPE_CHECKING:
    from collections.abc import Sequence

TEXT, CONTINUATION, BINARY, CLOSE, PING = 1, 0, 2, 8, 9


class RecordingListener:
    """Keeps what it is told, in order."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []
        self.frame_bytes = FRAME_BYTES
        self.counts_pings = True

    def on_open(self, wire: Wire) -> None:
        self.wire = wire

    def on_text(self, text: str) -> None:
        self.told.append(("text", text))

    def on_binary(self) -> None:
        self.told.append(("binary",))

    def on_close(self, code: int, reason: str) -> None:
        self.told.append(("close", code, reason))

    def on_failure(self, code: int, reason: str) -> None:
        self.told.append(("failure", code, reason))

    def on_lost(self) -> None:
        self.told.append(("lost",))

    def on_shutdown(self) -> None:
        self.told.append(("shutdown",))


class Ends:
    """A wire with both of its ends."""

    def __init__(self) -> None:
        self.transport = RecordingTransport()
        self.listener = RecordingListener()
        self.forgotten: list[Wire] = []
        self.wire = Wire(self.transport, self.listener, self.forgotten.append)


@pytest.fixture
async def ends() -> Ends:
    return Ends()  # within a running loop, since a close arms a timer


def masked(opcode: Opcode, payload: bytes, *, is_final: bool = True) -> bytes:
    return Frame(opcode, payload, is_final).serialize(mask=True)


def chunks(data: bytes, cuts: Sequence[int]) -> list[bytes]:
    edges = [0, *sorted({cut % (len(data) + 1) for cut in cuts}), len(data)]
    return [data[start:end] for start, end in pairwise(edges) if start != end]


messages = st.lists(st.one_of(st.text(max_size=20), st.text(min_size=120, max_size=140)))


@given(messages, st.lists(st.integers(0, 5_000), max_size=20), st.booleans())
def test_messages_are_the_same_however_the_bytes_arrive(
    texts: list[str],
    cuts: list[int],
    is_one_by_one: bool,  # noqa: FBT001 — hypothesis passes what it draws by position
) -> None:
    ends = Ends()
    frames = [masked(Opcode.TEXT, text.encode()) for text in texts]
    pieces = frames if is_one_by_one else chunks(b"".join(frames), cuts)

    for piece in pieces:
        ends.wire.data_received(piece)

    assert ends.listener.told == [("text", text) for text in texts]


pieces_of_traffic = st.one_of(
    st.binary(max_size=12),
    st.builds(
        frame,
        st.sampled_from([TEXT, CONTINUATION, BINARY, CLOSE, PING, 3]),
        st.binary(max_size=130),
        is_final=st.booleans(),
        has_mask=st.sampled_from([True, True, True, False]),
    ),
)


@given(st.lists(pieces_of_traffic, max_size=6), st.lists(st.integers(0, 999), max_size=9))
def test_any_bytes_come_to_the_same_however_they_arrive(
    traffic: list[bytes], cuts: list[int]
) -> None:
    data = b"".join(traffic)

    async def tell(pieces: list[bytes]) -> list[tuple[object, ...]]:
        ends = Ends()
        for piece in pieces:
            ends.wire.data_received(piece)
        ends.wire.connection_lost(None)
        return ends.listener.told

    whole = asyncio.run(tell([data]))
    cut = asyncio.run(tell(chunks(data, cuts)))
    by_piece = asyncio.run(tell([piece for piece in traffic if piece]))

    assert whole == cut == by_piece
    assert whole[-1] == ("lost",)


def test_short_frame_after_a_long_form_length_is_still_read() -> None:
    ends = Ends()
    long_form = struct.pack("!BBH", 0x81, 0x80 | 126, 2) + bytes(4) + b"ab"

    ends.wire.data_received(long_form)
    ends.wire.data_received(frame(TEXT, b"cd"))

    assert ends.listener.told == [("text", "ab"), ("text", "cd")]


async def test_frame_within_a_frame_is_no_message(ends: Ends) -> None:
    inner = frame(TEXT, b"smuggled")
    ends.wire.data_received(frame(TEXT, inner)[:6])

    ends.wire.data_received(inner)
    ends.wire.connection_lost(None)

    # 0x81, with which the inner frame begins, is no UTF-8.
    assert ends.listener.told == [("failure", 1007, ""), ("lost",)]


def test_short_text_between_fragments_is_a_protocol_error_not_a_message() -> None:
    async def run() -> list[tuple[object, ...]]:
        ends = Ends()
        ends.wire.data_received(frame(TEXT, b"a", is_final=False))
        ends.wire.data_received(frame(TEXT, b"b"))
        ends.wire.connection_lost(None)
        return ends.listener.told

    (failure, lost) = asyncio.run(run())

    assert failure[:2] == ("failure", 1002)
    assert lost == ("lost",)


@pytest.mark.parametrize(
    ("size", "head"),
    [
        (0, b"\x81\x00"),
        (125, b"\x81\x7d"),
        (126, b"\x81\x7e\x00\x7e"),
        (FRAME_BYTES, b"\x81\x7e\x80\x00"),
    ],
)
def test_text_is_written_with_its_shortest_head(size: int, head: bytes) -> None:
    ends = Ends()

    ends.wire.write_text(b"x" * size)

    assert bytes(ends.transport.written) == head + b"x" * size


@pytest.mark.parametrize(
    ("size", "sizes"),
    [
        (FRAME_BYTES + 1, [(0x01, FRAME_BYTES), (0x80, 1)]),
        (FRAME_BYTES * 2, [(0x01, FRAME_BYTES), (0x80, FRAME_BYTES)]),
        (
            FRAME_BYTES * 4,
            [(0x01, FRAME_BYTES), (0x00, FRAME_BYTES), (0x00, FRAME_BYTES), (0x80, FRAME_BYTES)],
        ),
    ],
)
def test_long_text_is_written_in_fragments(size: int, sizes: list[tuple[int, int]]) -> None:
    ends = Ends()
    text = bytes(index % 128 for index in range(size))

    ends.wire.write_text(text)

    found: list[tuple[int, int]] = []
    written, payload = bytes(ends.transport.written), b""
    while written:
        first, second = written[:2]
        start = 4 if second == 126 else 2
        length = struct.unpack("!H", written[2:4])[0] if second == 126 else second
        found.append((first, length))
        payload += written[start : start + length]
        written = written[start + length :]
    assert found == sizes
    assert payload == text


async def test_nothing_is_written_after_a_close(ends: Ends) -> None:
    ends.wire.close(1000, "done")
    closed = bytes(ends.transport.written)

    ends.wire.write_text(b"late")
    ends.wire.close(1001, "again")
    ends.wire.connection_lost(None)

    assert closed == b"\x88\x06" + struct.pack("!H", 1000) + b"done"
    assert bytes(ends.transport.written) == closed


async def test_client_that_answers_a_close_ends_the_transport(ends: Ends) -> None:
    ends.wire.close(1000, "")
    ends.wire.data_received(frame(TEXT, b"ignored") + frame(BINARY, b"ignored"))
    assert not ends.transport.is_closed

    ends.wire.data_received(frame(CLOSE, struct.pack("!H", 1000)))

    assert ends.transport.is_closed
    ends.wire.connection_lost(None)
    assert ends.listener.told == [("lost",)]


async def test_client_that_ignores_a_close_is_cut(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut = asyncio.Event()
    monkeypatch.setattr("local_gateway.wire.CLOSE_TIMEOUT_SECONDS", 0.01)
    monkeypatch.setattr(ends.transport, "abort", cut.set)

    ends.wire.close(1000, "")

    await cut.wait()
    ends.wire.connection_lost(None)


async def test_too_long_frame_ends_only_our_direction(ends: Ends) -> None:
    ends.wire.data_received(frame(TEXT, b"x" * (FRAME_BYTES + 1))[:100])

    reason = FRAME_TOO_LONG.encode()
    payload = struct.pack("!H", 1009) + reason
    assert bytes(ends.transport.written) == bytes([0x88, len(payload)]) + payload
    assert (ends.transport.has_ended, ends.transport.is_closed) == (True, False)
    assert ends.transport.is_reading_now
    ends.wire.data_received(frame(TEXT, b"thrown away"))
    ends.wire.connection_lost(None)
    assert ends.listener.told == [("failure", 1009, FRAME_TOO_LONG), ("lost",)]


class ClosingListener(RecordingListener):
    """Closes the wire at a binary message, as the session does."""

    def on_binary(self) -> None:
        super().on_binary()
        self.wire.close(1003, "")


@pytest.mark.parametrize("behind", [frame(CLOSE, b"\x03\xe8"), frame(3, b""), frame(TEXT, b"\xff")])
async def test_close_of_ours_comes_before_what_was_read_behind_its_cause(behind: bytes) -> None:
    transport, listener = RecordingTransport(), ClosingListener()
    wire = Wire(transport, listener, lambda _: None)

    wire.data_received(frame(BINARY, b"x") + behind)
    wire.connection_lost(None)

    assert bytes(transport.written) == b"\x88\x02" + struct.pack("!H", 1003)
    assert (listener.told[0], listener.told[-1]) == (("binary",), ("lost",))


async def test_first_error_is_the_one_that_counts(ends: Ends) -> None:
    ends.wire.data_received(frame(TEXT, b"\xff") + frame(3, b""))
    ends.wire.connection_lost(None)

    assert bytes(ends.transport.written) == b"\x88\x02" + struct.pack("!H", 1007)
    assert ends.listener.told == [("failure", 1007, ""), ("lost",)]


async def test_pong_comes_before_the_close_for_what_was_read_behind_its_ping(ends: Ends) -> None:
    ends.wire.data_received(frame(PING, b"p") + frame(TEXT, b"x" * (FRAME_BYTES + 1))[:50])
    ends.wire.connection_lost(None)

    close = struct.pack("!H", 1009) + FRAME_TOO_LONG.encode()
    assert bytes(ends.transport.written) == b"\x8a\x01p" + bytes([0x88, len(close)]) + close


def test_full_buffer_stops_reading_until_it_is_empty_again() -> None:
    ends = Ends()
    assert ends.transport.high == CLIENT_BUFFER_BYTES

    ends.wire.pause_writing()
    assert (ends.wire.is_full, ends.transport.is_reading_now) == (True, False)
    ends.wire.resume_writing()

    assert (ends.wire.is_full, ends.transport.is_reading_now) == (False, True)


def test_reading_goes_on_only_when_nobody_holds_it() -> None:
    ends = Ends()
    ends.wire.hold()
    ends.wire.pause_writing()

    ends.wire.release()
    after_release = ends.transport.is_reading_now
    ends.wire.hold()
    ends.wire.resume_writing()
    after_resume = ends.transport.is_reading_now
    ends.wire.release()

    assert (after_release, after_resume) == (False, False)
    assert ends.transport.is_reading_now


def test_lost_wire_is_forgotten_and_says_so_last() -> None:
    ends = Ends()

    ends.wire.connection_lost(ConnectionResetError())
    ends.wire.release()
    ends.wire.write_text(b"nobody")

    assert ends.forgotten == [ends.wire]
    assert ends.listener.told == [("lost",)]
    assert not ends.transport.written


def test_pong_is_sent_and_nobody_is_told() -> None:
    ends = Ends()

    ends.wire.data_received(frame(PING, b"ping"))

    assert bytes(ends.transport.written) == b"\x8a\x04ping"
    assert ends.listener.told == []


async def test_connection_of_short_texts_needs_no_parser(ends: Ends) -> None:
    ends.wire.data_received(frame(TEXT, b"hello"))
    ends.wire.data_received(frame(CLOSE, b"\x03\xe8bye"))
    ends.wire.connection_lost(None)

    assert ends.wire._frames is None  # pyright: ignore[reportPrivateUsage] — what it costs to have
    assert ends.listener.told == [("text", "hello"), ("close", 1000, "bye"), ("lost",)]
    assert ends.transport.written == b"\x88\x05\x03\xe8bye"


@pytest.mark.parametrize("payload", [b"\x03", b"\x03\xed", b"\x03\xe8\xff"])
async def test_close_frame_that_is_not_well_formed_is_the_parsers(
    ends: Ends, payload: bytes
) -> None:
    ends.wire.data_received(frame(CLOSE, payload))

    (told,) = ends.listener.told
    assert told[:2] == ("failure", 1007 if payload.endswith(b"\xff") else 1002)


async def test_nothing_is_heard_behind_a_close(ends: Ends) -> None:
    ends.wire.data_received(frame(CLOSE, b""))
    ends.wire.data_received(frame(3, b"") + frame(TEXT, b"late"))

    assert ends.listener.told == [("close", 1005, "")]
    assert ends.transport.written == b"\x88\x00"
