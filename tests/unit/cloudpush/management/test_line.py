from __future__ import annotations

import asyncio

from cloudpush.management.answer import Answer
from cloudpush.management.endpoint import parse_endpoint
from cloudpush.management.line import Exchange, Line
from cloudpush.management.pool import LinePool

REQUEST = b"POST / HTTP/1.1\r\n\r\n"


class RecordingTransport(asyncio.Transport):
    """A transport without a socket."""

    def __init__(self, *, unsent: int = 0) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.is_aborted = False
        self._unsent = unsent

    def write(self, data: object) -> None:
        assert isinstance(data, bytes)
        self.written.append(data)

    def get_write_buffer_size(self) -> int:
        return self._unsent

    def abort(self) -> None:
        self.is_aborted = True


class RecordingOwner:
    """Of lines and of exchanges: remembers what it is told."""

    def __init__(self) -> None:
        self.events: list[object] = []

    def opened(self, line: Line) -> None:
        del line
        self.events.append("opened")

    def answered(self, line: Line, answer: Answer) -> None:
        line.exchange = None
        self.events.append(answer)

    def lost(self, line: Line) -> None:
        self.events.append(line.fault)

    def finish(self, exchange: Exchange, answer: Answer | str) -> None:
        del exchange
        self.events.append(answer)


def feed(line: Line, data: bytes) -> None:
    line.get_buffer(-1)[: len(data)] = data
    line.buffer_updated(len(data))


def open_line(owner: RecordingOwner, transport: RecordingTransport) -> Line:
    line = Line(owner)
    line.connection_made(transport)
    return line


def exchange(owner: RecordingOwner) -> Exchange:
    return Exchange(owner, 0, "POST", "PJqB0fHsqRcCHlw=", b"hello")


def test_line_carries_one_exchange_after_another() -> None:
    owner, transport = RecordingOwner(), RecordingTransport()
    line = open_line(owner, transport)

    for _ in range(2):
        line.start(exchange(owner), REQUEST)
        feed(line, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    assert transport.written == [REQUEST, REQUEST]
    assert owner.events == ["opened", Answer(200, is_last=False), Answer(200, is_last=False)]
    assert line.has_answered


def test_end_of_the_stream_closes_a_line_to_new_exchanges() -> None:
    owner = RecordingOwner()
    line = open_line(owner, RecordingTransport())

    line.eof_received()
    was_open_until_lost = line.is_open
    line.connection_lost(None)

    assert not was_open_until_lost
    assert owner.events == ["opened", "the server closed the line"]


def test_lost_line_says_why() -> None:
    owner = RecordingOwner()
    line = open_line(owner, RecordingTransport())

    line.connection_lost(ConnectionResetError("by the peer"))

    assert owner.events == ["opened", "ConnectionResetError: by the peer"]


def test_garbled_answer_aborts_the_line() -> None:
    owner, transport = RecordingOwner(), RecordingTransport()
    line = open_line(owner, transport)
    line.start(exchange(owner), REQUEST)

    feed(line, b"SSH-2.0\r\n\r\n")
    line.connection_lost(None)

    assert transport.is_aborted
    assert owner.events == ["opened", "garbled answer: not a status line: b'SSH-2.0'"]


async def test_answer_that_overtakes_its_request_ends_the_line() -> None:
    owner, transport = RecordingOwner(), RecordingTransport(unsent=1)
    pool = LinePool(
        parse_endpoint("http://127.0.0.1/dev"),
        size=1,
        ssl_context=None,
        write=lambda _: REQUEST,
        now_ms=lambda: 0,
    )
    line = Line(pool)
    line.connection_made(transport)
    line.start(exchange(owner), REQUEST)

    feed(line, b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")

    assert transport.is_aborted
    assert owner.events == [Answer(413, is_last=False)]
    line.connection_lost(None)
    await pool.aclose()
