"""What is fuzzed: each target takes bytes, and lets nothing out but what its callers handle."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hmac
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn

from cloudpush import protocol, tokens
from cloudpush.errors import CloudpushError, Unauthorized
from cloudpush.signing_keys import key_of
from cloudpush.tokens import TokenRules
from local_gateway import template
from local_gateway.api import Identity
from local_gateway.errors import TemplateError
from local_gateway.routing import RouteSelector
from local_gateway.server import HttpProtocol, State
from local_gateway.upgrade import Upgrade
from tests.fakes.auth import SECRET
from tests.fakes.gateway import route, websocket_api
from tests.fakes.push_service import NOON_MS

if TYPE_CHECKING:
    from jwt import PyJWK

    from local_gateway.server import Receive, Scope, Send

MEMORY = Path("/dev/shm")
FOLDER = Path(tempfile.mkdtemp(prefix="cloudpush-fuzz-", dir=MEMORY if MEMORY.is_dir() else None))
"""Where templates are written: a disk takes several times as long as reading one."""
LOOP = asyncio.new_event_loop()
ROUTES = {"$default": "default", "join": "join"}
HEADER = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"=").decode()
RULES = TokenRules()


class _Keys:
    """`ports.SigningKeys` of one secret."""

    def __init__(self) -> None:
        self._keys = [key_of(SECRET.encode())]

    def find(self, key_id: str | None) -> list[PyJWK]:
        del key_id
        return self._keys


KEYS = _Keys()


def fuzz_envelope(data: bytes) -> None:
    """Read a client's text, and write an answer to it."""
    try:
        text = data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        text = data.decode("utf-8", "replace")
    with contextlib.suppress(CloudpushError):
        inbound = protocol.decode(text)
        protocol.position_of(inbound.epoch, inbound.seq)
    protocol.message_id_of(text)


def fuzz_token(data: bytes) -> None:
    """Verify a token; what begins with a brace is taken for its claims, and signed."""
    token = _signed(data) if data[:1] == b"{" else data.decode("latin-1")
    with contextlib.suppress(Unauthorized):
        tokens.verify(token, keys=KEYS, rules=RULES, now_ms=NOON_MS)


def _signed(claims: bytes) -> str:
    head = f"{HEADER}.{_base64url(claims)}"
    signature = hmac.digest(SECRET.encode(), head.encode(), "sha256")
    return f"{head}.{_base64url(signature)}"


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def fuzz_route(data: bytes) -> None:
    """Take the first line for an expression, the rest for a message."""
    expression, _, message = data.decode("utf-8", "replace").partition("\n")
    api = websocket_api(route("$default", "default"), expression=expression)
    with contextlib.suppress(TemplateError):
        RouteSelector(api, ROUTES).select(message)


def fuzz_template(data: bytes) -> None:
    """Load a template; one that begins with a brace is JSON."""
    file = FOLDER / ("template.json" if data[:1] == b"{" else "template.yaml")
    file.write_bytes(data)
    with contextlib.suppress(TemplateError):
        template.load(file, parameters={}, identity=Identity())


def fuzz_http(data: bytes) -> None:
    """Give the server core what a client sends, in two pieces, of which the first byte tells."""
    LOOP.run_until_complete(_serve(data[1:], data[0] if data else 0))


async def _serve(data: bytes, at: int) -> None:
    transport = _Transport()
    config = uvicorn.Config(
        _answer, interface="asgi3", http=HttpProtocol, ws=Upgrade, lifespan="off", log_config=None
    )
    config.load()
    state = State(None)
    transport.protocol = HttpProtocol(config=config, server_state=state, app_state={})
    transport.protocol.connection_made(transport)
    for piece in (data[:at], data[at:]):
        if piece and not transport.is_closing():
            transport.protocol.data_received(piece)
            await asyncio.sleep(0)
    transport.protocol.connection_lost(None)
    results = await asyncio.gather(*state.tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result


async def _answer(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close"})
        return
    await receive()
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]}
    )
    await send({"type": "http.response.body", "body": b""})


class _Transport(asyncio.Transport):
    """A socket that takes everything."""

    protocol: Any = None
    _is_closing = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 — asyncio's
        return ("127.0.0.1", 1) if name in {"peername", "sockname"} else default

    def is_closing(self) -> bool:
        return self._is_closing

    def close(self) -> None:
        self._is_closing = True

    abort = close

    def write(self, data: object) -> None:
        del data

    def write_eof(self) -> None: ...

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def get_write_buffer_size(self) -> int:
        return 0

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol
