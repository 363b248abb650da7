"""The ASGI application: every request goes to the part that its path belongs to.

Host and Origin are checked here, before anything is run: the emulator answers to loopback names
alone unless it was told otherwise, so that no web page reaches it by DNS rebinding, and to the
hosts of deployed APIs, whose addresses only AWS can change; and what only developers and functions
call (`@connections`, the Invoke API, the emulator's own pages) refuses requests that a page of
another origin makes. The WebSocket and HTTP APIs leave the Origin to the functions, as AWS does,
unless `--allow-origin` says which ones there are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from local_gateway import answer, clock, limits
from local_gateway import why as reasons
from local_gateway.addressing import (
    Address,
    Addressing,
    Http,
    Invoke,
    Management,
    Nowhere,
    OwnPage,
    Socket,
)
from local_gateway.assumptions import DEFAULTS
from local_gateway.browsers import foreign_origin, host_of, is_cross_site, is_for_this_machine
from local_gateway.ids import GatewayIds
from local_gateway.why import Why

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from local_gateway.answer import Answer
    from local_gateway.api import Application, HttpApi, Stage, WebSocketApi
    from local_gateway.asgi import Receive, Scope, Send
    from local_gateway.assumptions import Assumptions

_SHOWN_PATH: Final = 200
"""How many characters of a path that leads nowhere are shown."""


class SocketFront(Protocol):
    """Serves the WebSocket clients of a stage."""

    async def __call__(
        self, api: WebSocketApi, stage: Stage, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Serve one connection from handshake to close."""
        ...


class ManagementFront(Protocol):
    """Serves `@connections` of a stage."""

    async def __call__(
        self,
        api: WebSocketApi,
        stage: Stage,
        raw_connection_id: str,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        """Serve one request."""
        ...


class HttpFront(Protocol):
    """Serves an HTTP API."""

    async def __call__(self, api: HttpApi, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        ...


class Front(Protocol):
    """A part that is an ASGI application of its own."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        ...


class App:
    """The emulator's ASGI application."""

    def __init__(  # noqa: PLR0913 — one argument per part
        self,
        application: Application,
        *,
        sockets: SocketFront,
        management: ManagementFront,
        http: HttpFront,
        invoke: Front,
        own: Front,
        assumptions: Assumptions = DEFAULTS,
        allow_remote: bool = False,
        allowed_origins: AbstractSet[str] = frozenset(),
        why: Why | None = None,
    ) -> None:
        """Take the parts, and how they are guarded.

        Args:
            application: Its addresses are known.
            sockets: The part for WebSocket clients.
            management: The part for `@connections`.
            http: The part for HTTP APIs.
            invoke: The part for the Invoke API.
            own: The part for the emulator's own pages.
            assumptions: What is open, decided.
            allow_remote: Whether any Host is served.
            allowed_origins: Whose web pages may use the WebSocket and HTTP APIs, beside those of
                this machine; empty stands for all, as on AWS.
            why: Is told of the pages that AWS would let in too.
        """
        self._ids = GatewayIds("")
        self._to_plain_request = (
            answer.UPGRADE_REQUIRED if assumptions.plain_request == "426" else answer.FORBIDDEN
        )
        self.reload(application)
        self._sockets = sockets
        self._management = management
        self._http = http
        self._invoke = invoke
        self._own = own
        self._allow_remote = allow_remote
        self._allowed_origins = allowed_origins
        self._why = why or Why()

    def reload(self, application: Application) -> None:
        """Know the addresses of a changed template from now on."""
        self._addressing = Addressing(application)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request or a connection to its part."""
        is_websocket = scope["type"] == "websocket"
        raw_path: str = scope["raw_path"].decode("latin-1").partition("?")[0]
        address = self._addressing.resolve_at(host_of(scope["headers"]), raw_path)
        if address is None:
            if not self._allow_remote and not is_for_this_machine(scope["headers"]):
                await self._refuse(send, answer.FORBIDDEN, is_websocket=is_websocket)
                return
            address = self._addressing.resolve(raw_path)
        if is_websocket:
            await self._serve_websocket(address, scope, receive, send)
        else:
            await self._serve_http(address, scope, receive, send)

    async def _serve_websocket(
        self, address: Address, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if not isinstance(address, Socket):
            path = scope["raw_path"].decode("latin-1").partition("?")[0][:_SHOWN_PATH]
            known = ", ".join(self._addressing.stages)
            self._why.say(reasons.NO_STAGE, "a handshake", path=path, known=known)
            await self._refuse(send, answer.FORBIDDEN, is_websocket=True)
        elif len(scope["raw_path"]) + len(scope["query_string"]) >= limits.URL_LENGTH:
            await self._refuse(send, answer.URI_TOO_LONG, is_websocket=True)
        elif self._is_refused_origin(scope, f"stage {address.stage.name}"):
            await self._refuse(send, answer.FORBIDDEN, is_websocket=True)
        else:
            await self._sockets(address.api, address.stage, scope, receive, send)

    async def _serve_http(
        self, address: Address, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if isinstance(address, Management | Invoke | OwnPage) and is_cross_site(scope["headers"]):
            await self._refuse(send, answer.FORBIDDEN)
            return
        match address:
            case Management():
                await self._management(
                    address.api, address.stage, address.connection_id, scope, receive, send
                )
            case Http():
                if self._is_refused_origin(scope, f"HTTP API {address.api.logical_id}"):
                    await self._refuse(send, answer.FORBIDDEN)
                else:
                    await self._http(address.api, scope, receive, send)
            case Invoke():
                await self._invoke(scope, receive, send)
            case OwnPage():
                await self._own(scope, receive, send)
            case Socket():
                await self._refuse(send, self._to_plain_request)
            case Nowhere():
                await self._refuse(send, answer.FORBIDDEN)

    def _is_refused_origin(self, scope: Scope, place: str) -> bool:
        """Tell whether a page's request for an API is refused; say so if AWS wouldn't look."""
        origin = foreign_origin(scope["headers"])
        if origin is None:
            return False
        if not self._allowed_origins:
            self._why.say(reasons.FOREIGN_ORIGIN, place, origin=origin)
            return False
        return origin not in self._allowed_origins

    async def _refuse(self, send: Send, refusal: Answer, *, is_websocket: bool = False) -> None:
        """Answer a request, or a handshake, that no part gets to see."""
        respond = answer.refuse if is_websocket else answer.respond
        await respond(send, refusal, self._ids.new_request_id(clock.now_ms()))
