"""A request as the front end read it, before anything was made of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local_gateway.asgi import Receive


class BodyTooLarge(Exception):
    """A body is larger than may be; what came of it was dropped, the rest wasn't read."""


class ClientGone(Exception):
    """The client went before its body had come."""


@dataclass(frozen=True)
class Request:
    """One HTTP request, its body included."""

    method: str
    raw_path: str
    """Still percent-encoded, without the query."""
    query_string: str
    headers: tuple[tuple[str, str], ...]
    """Names in lower case, in the order in which they came."""
    body: bytes
    source_ip: str
    protocol: str = "HTTP/1.1"
    scheme: str = "http"
    port: int = 80

    @cached_property
    def joined_headers(self) -> dict[str, str]:
        """Return one value per name, repeated ones joined with commas."""
        joined: dict[str, str] = {}
        for name, value in self.headers:
            joined[name] = f"{joined[name]},{value}" if name in joined else value
        return joined


async def read_body(content_length: str | None, receive: Receive, max_bytes: int) -> bytes:
    """Return a whole body, keeping at most `max_bytes` of it.

    Raises:
        BodyTooLarge: It is larger, by what the client says or by what it sends. Answer, and let
            the server core drop the rest: to close would reset the connection, answer and all.
        ClientGone: It ended before its end.
    """
    if content_length is not None and content_length.isdecimal():
        _check_size(int(content_length), max_bytes)
    chunks: list[bytes] = []
    size = 0
    while True:
        part = await receive()
        if part["type"] == "http.disconnect":
            raise ClientGone
        chunk: bytes = part.get("body", b"")
        size += len(chunk)
        _check_size(size, max_bytes)
        chunks.append(chunk)
        if not part.get("more_body", False):
            return b"".join(chunks)


def _check_size(size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise BodyTooLarge
