"""A client of HTTP that costs little."""

from __future__ import annotations

import asyncio

from benchmarks.load.clients import ANSWER_SECONDS


class Http(asyncio.Protocol):
    """A keep-alive HTTP/1.1 client with one request on its way."""

    def __init__(self, address: tuple[str, int]) -> None:
        """Take host and port."""
        self._address = address
        self._received = b""
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None

    async def ask(self, method: str, path: str, body: bytes = b"") -> bytes:
        """Ask, and return the body of the answer, which must be of success."""
        loop = asyncio.get_running_loop()
        if self._transport is None:
            self._transport, _ = await loop.create_connection(lambda: self, *self._address)
        self._received, self._answer = b"", loop.create_future()
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: {self._address[0]}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self._transport.write(head.encode() + body)
        status, answer = await asyncio.wait_for(self._answer, ANSWER_SECONDS)
        if status // 100 != 2:
            text = answer.decode()[-300:]
            raise ConnectionError(f"{method} {path} was answered {status}: {text}")
        return answer

    def data_received(self, data: bytes) -> None:
        """Read an answer, which tells its length."""
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        length = head.lower().partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0]
        is_whole = bool(end) and len(body) >= int(length)
        if is_whole and self._answer is not None and not self._answer.done():
            self._answer.set_result((int(head.split(b" ", 2)[1]), body))

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who waits; the next request opens a new connection."""
        self._transport = None
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionError("no answer to a request"))
