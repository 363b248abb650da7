"""A webhook by HTTP/1.1: one request on a line of its own, to an address that was judged.

Not by a library: none that a function may load connects to an address that its caller chose and
yet verifies the certificate of the name. It is little that is needed: one POST, the status of its
answer, and bounds. Redirects are not followed, because a redirect would go anywhere; the body of
the answer is not read, because nobody wants it.
"""

from __future__ import annotations

import asyncio
import hashlib
import socket
from typing import TYPE_CHECKING, Final

from cloudpush.errors import ReceiverUnavailable
from cloudpush.webhooks import guard
from cloudpush.webhooks.signing import sign

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Sequence

    from cloudpush.settings import ReceiptUrl
    from cloudpush.webhooks.signing import SigningKey

SECONDS: Final = 8.0
"""How long a request may take, from the look-up of the name to the end of the answer's head."""

HEAD_BYTES: Final = 16 * 1024
"""The longest head of an answer."""

_SUCCESS: Final = range(200, 300)
_INTERIM: Final = range(100, 200)


async def look_up(host: str, port: int) -> Sequence[str]:
    """Return the addresses of a host, as the system orders them."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


class HttpReceiver:
    """`ports.Receiver` on a URL."""

    def __init__(
        self,
        url: ReceiptUrl,
        *,
        key: Callable[[], SigningKey],
        ssl_context: ssl.SSLContext | None,
        seconds: float = SECONDS,
        look_up: Callable[[str, int], Awaitable[Sequence[str]]] = look_up,
    ) -> None:
        """Take where to, what to sign with, and how to trust; `ssl_context` only for https."""
        self._url = url
        self._key = key
        self._ssl = ssl_context
        self._seconds = seconds
        self._look_up = look_up

    async def tell(self, body: bytes, *, now_ms: int) -> None:
        """See `ports.Receiver.tell`."""
        key = self._key()
        # The same body has the same id, however often it is sent.
        webhook_id = f"rcpt_{hashlib.sha256(body).hexdigest()[:32]}"
        headers = sign(body, webhook_id=webhook_id, timestamp=now_ms // 1000, key=key)
        status = await self._post(body, headers)
        if status not in _SUCCESS:
            raise ReceiverUnavailable(f"{self._url.host} answered {status}")

    async def _post(self, body: bytes, headers: dict[str, str]) -> int:
        host = self._url.host
        try:
            async with asyncio.timeout(self._seconds):
                reader, writer = await self._connect(await self._addresses())
                try:
                    writer.write(self._head(len(body), headers) + body)
                    return await _read_status(reader)
                finally:
                    writer.transport.abort()
        except TimeoutError:
            raise ReceiverUnavailable(f"{host} did not answer in {self._seconds} s") from None
        except (OSError, EOFError, asyncio.LimitOverrunError, ValueError) as error:
            reason = type(error).__name__
            raise ReceiverUnavailable(f"{host} could not be told: {reason}") from error

    async def _addresses(self) -> Sequence[str]:
        """Return what the host is, judged: nobody looks it up again before it is connected to."""
        host = self._url.host
        found = await self._look_up(host, self._url.port)
        return guard.check_all(host, found, may_be_private=self._url.may_be_private)

    async def _connect(
        self, addresses: Sequence[str]
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to the first address that answers; the certificate is held against the name."""
        failed: OSError | None = None
        for address in addresses:
            try:
                return await asyncio.open_connection(
                    address,
                    self._url.port,
                    ssl=self._ssl,
                    server_hostname=self._url.host if self._ssl else None,
                    limit=HEAD_BYTES,
                )
            except OSError as error:
                failed = error
        raise failed or OSError("no address")

    def _head(self, length: int, headers: dict[str, str]) -> bytes:
        fields = {
            "Host": self._url.authority,
            "User-Agent": "cloudpush",
            "Content-Type": "application/json",
            "Content-Length": str(length),
            "Connection": "close",
            **headers,
        }
        lines = [f"POST {self._url.target} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in fields.items()]
        return "\r\n".join([*lines, "", ""]).encode("ascii")


async def _read_status(reader: asyncio.StreamReader) -> int:
    """Return the status of the answer, past those that only announce it."""
    while True:
        head = await reader.readuntil(b"\r\n\r\n")
        protocol, _, rest = head.partition(b"\r\n")[0].partition(b" ")
        if not protocol.startswith(b"HTTP/1."):
            raise ValueError("no HTTP/1 answer")
        status = int(rest[:3])
        if status not in _INTERIM:
            return status
