"""The emulator's own pages and API, under `/_gateway`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from local_gateway.asgi import Receive, Scope, Send


class OwnPages:
    """`GET /_gateway/health`: 200 when every part is up, 503 when one is not."""

    def __init__(self, parts: Callable[[], Mapping[str, bool]]) -> None:
        """Take what tells, by name, which parts are up."""
        self._parts = parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI `http`)."""
        del receive
        path: str = scope["path"].removeprefix("/_gateway")
        if path != "/health":
            await _answer(send, 404, {"message": "Not Found", "pages": ["/_gateway/health"]})
        elif scope["method"] not in {"GET", "HEAD"}:
            await _answer(send, 405, {"message": "Method Not Allowed"}, allow=b"GET, HEAD")
        else:
            parts = self._parts()
            is_up = all(parts.values())
            body = {"status": "up" if is_up else "down", "parts": dict(parts)}
            await _answer(send, 200 if is_up else 503, body)


async def _answer(
    send: Send, status: int, content: Mapping[str, Any], *, allow: bytes | None = None
) -> None:
    body = orjson.dumps(content)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    if allow is not None:
        headers.append((b"allow", allow))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
