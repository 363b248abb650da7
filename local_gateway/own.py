"""The emulator's own pages and API, under `/_gateway`: JSON in, JSON or plain text out.

An error is `{"message": …}`, and where there is a choice `"allowed": […]` beside it. `App` has
checked the Host and the Origin header before a request comes here.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import re
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import orjson

from local_gateway.browsers import is_by_page
from local_gateway.http_api.request import BodyTooLarge, ClientGone, read_body

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence

    from local_gateway.asgi import Receive, Scope, Send
    from local_gateway.browsers import Headers

    Handler: TypeAlias = Callable[[Any, Sequence[str]], Awaitable[object]]
    """Takes the decoded body, None if there was none, and the parts of the path that stand for
    `{}`; returns what is encoded as the answer, 200; a `Text` as it stands."""

TOKEN_HEADER = b"x-gateway-token"
_PREFIX = "/_gateway"
_MAX_BODY_BYTES = 1_048_576


class Refusal(Exception):
    """A request that is answered with an error."""

    def __init__(
        self, message: str, *, status: int = 400, allowed: Iterable[object] | None = None
    ) -> None:
        """Take what was wrong, and what would have been right."""
        self.message = message
        self.status = status
        self.allowed = None if allowed is None else list(allowed)
        super().__init__(message)

    @property
    def content(self) -> dict[str, object]:
        """Return what is encoded as the answer."""
        content: dict[str, object] = {"message": self.message}
        return content if self.allowed is None else {**content, "allowed": self.allowed}


class Text(NamedTuple):
    """An answer that is not JSON."""

    text: str
    content_type: str


class File(NamedTuple):
    """An answer that is a part of a page."""

    data: bytes
    content_type: str
    headers: Sequence[tuple[bytes, bytes]]


class Elsewhere(NamedTuple):
    """An answer that leads to another place; a browser keeps the fragment of the address."""

    path: str


class Stream(NamedTuple):
    """An answer that goes on until it has ended, or nobody listens any more."""

    pieces: AsyncGenerator[bytes]
    content_type: str


class Resource:
    """One path with its methods."""

    def __init__(self, path: str, *, is_public: bool = False, **methods: Handler) -> None:
        """Take the path behind `/_gateway`, in which `{}` stands for any part, and the methods.

        What is public needs no token: it shows and does nothing.
        """
        self.path = path
        self.is_public = is_public
        self.methods: Mapping[str, Handler] = methods
        self.match = re.compile(re.escape(path).replace(r"\{\}", "([^/]+)")).fullmatch


class OwnPages:
    """Serves resources."""

    def __init__(self, *resources: Resource, token: str = "") -> None:
        """Take what there is, and what web pages have to show for it; empty: nothing."""
        self._resources = resources
        self._token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI `http`)."""
        try:
            status, content = 200, await self._answer(scope, receive)
        except ClientGone:
            return
        except Refusal as refusal:
            status, content = refusal.status, refusal.content
        if isinstance(content, Stream):
            await _send_stream(content, receive, send)
            return
        content_type, more = "application/json", ()
        if isinstance(content, Text):
            body, content_type = content.text.encode(), content.content_type
        elif isinstance(content, File):
            body, content_type, more = content
        elif isinstance(content, Elsewhere):
            status, body, more = 308, b"", ((b"location", content.path.encode()),)
        else:
            body = orjson.dumps(content)
        headers = [
            (b"content-type", content_type.encode()),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
            *more,
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Scope, receive: Receive) -> object:
        path: str = scope["path"].removeprefix(_PREFIX)
        method: str = scope["method"].replace("HEAD", "GET")
        for resource in self._resources:
            match = resource.match(path)
            if match is None:
                continue
            self._let_in(resource, scope["headers"])
            handler = resource.methods.get(method)
            if handler is None:
                problem = f"{method} is not a method of {_PREFIX}{resource.path}"
                raise Refusal(problem, status=405, allowed=resource.methods)
            return await handler(await _read(scope, receive), match.groups())
        pages = [f"{_PREFIX}{resource.path}" for resource in self._resources]
        raise Refusal(f"there is no {scope['path']}", status=404, allowed=pages)

    def _let_in(self, resource: Resource, headers: Headers) -> None:
        """Refuse a web page that doesn't have the token; whoever isn't in a browser needs none."""
        if not self._token or resource.is_public or not is_by_page(headers):
            return
        shown = next((value for name, value in headers if name == TOKEN_HEADER), b"")
        if not hmac.compare_digest(shown, self._token):
            raise Refusal("a web page needs the token that was printed at the start", status=403)


async def _send_stream(stream: Stream, receive: Receive, send: Send) -> None:
    headers = [(b"content-type", stream.content_type.encode()), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    leaving = asyncio.ensure_future(receive())
    try:
        async with contextlib.aclosing(stream.pieces) as pieces:
            async for piece in pieces:
                if leaving.done():
                    return
                await send({"type": "http.response.body", "body": piece, "more_body": True})
    finally:
        leaving.cancel()
    await send({"type": "http.response.body", "body": b""})


async def _read(scope: Scope, receive: Receive) -> object:
    """Return the decoded body, None if there is none."""
    length = next((value for name, value in scope["headers"] if name == b"content-length"), None)
    try:
        body = await read_body(length and length.decode(), receive, _MAX_BODY_BYTES)
    except BodyTooLarge as error:
        raise Refusal(f"a body has at most {_MAX_BODY_BYTES} bytes", status=413) from error
    if not body:
        return None
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refusal(f"the body is not JSON: {error}") from error
