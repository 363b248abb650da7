"""The addresses of the endpoint, looked up rarely and used in turn.

Opening a hundred lines must not ask the resolver a hundred times: a Lambda has no cache of
names, and its resolver takes 1,024 packets a second (Amazon VPC User Guide, «DNS quotas»).
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from typing import Final

_KEEP_SECONDS: Final = 30.0
"""As long as an address is used; the names of API Gateway live for 60 s."""


class Addresses:
    """Numeric addresses of one host; asked from one event loop."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._found: list[str] = [host] if _is_numeric(host) else []
        self._expires_at = float("inf") if self._found else 0.0
        self._turn = 0
        self._lookup: asyncio.Future[list[str]] | None = None

    async def get(self) -> list[str]:
        """Return every address, beginning with another one each time.

        Raises:
            OSError: the host has no address.
        """
        loop = asyncio.get_running_loop()
        if loop.time() >= self._expires_at:
            if self._lookup is None:
                self._lookup = asyncio.ensure_future(self._look_up())
                self._lookup.add_done_callback(self._forget_lookup)
            # One that waits may be cancelled; the others still want the answer.
            self._found = await asyncio.shield(self._lookup)
            self._expires_at = loop.time() + _KEEP_SECONDS
        self._turn = (self._turn + 1) % len(self._found)
        return self._found[self._turn :] + self._found[: self._turn]

    def forget(self) -> None:
        """Look the host up again next time: an address did not work."""
        if not _is_numeric(self._host):
            self._expires_at = 0.0

    async def _look_up(self) -> list[str]:
        found = await asyncio.get_running_loop().getaddrinfo(
            self._host, self._port, type=socket.SOCK_STREAM
        )
        return list(dict.fromkeys(str(entry[4][0]) for entry in found))

    def _forget_lookup(self, lookup: asyncio.Future[list[str]]) -> None:
        self._lookup = None
        if not lookup.cancelled():
            lookup.exception()  # whoever waited has seen it; nobody may have


def _is_numeric(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
