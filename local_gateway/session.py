"""The WebSocket front: it answers handshakes, and keeps what all connections share.

An accepted handshake becomes a `Connection`, which drives itself; here are the tasks that its
messages run in, and the timers that end it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from local_gateway import clock, limits
from local_gateway.answer import TOO_MANY_REQUESTS, refuse
from local_gateway.api import LambdaProxy
from local_gateway.connection import Connection
from local_gateway.event import Caller, Events, Handshake, Request, write_identity
from local_gateway.handshake import Accepted, Refused, decide, explain_subprotocol
from local_gateway.ids import GatewayIds
from local_gateway.integration import (
    IntegrationError,
    IntegrationTimeout,
    call,
)
from local_gateway.routing import CONNECT, DISCONNECT, RouteSelector
from local_gateway.upgrade import UPGRADE

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from local_gateway import api as model
    from local_gateway.connection import Call
    from local_gateway.integration import Functions, ProxyResponse
    from local_gateway.limits import TokenBucket
    from local_gateway.registry import Registry
    from local_gateway.server import Receive, Scope, Send
    from local_gateway.upgrade import PendingUpgrade

T = TypeVar("T")
_SLOTS_PER_TIMEOUT = 8
_MAX_SLOT_SECONDS = 1.0
_CLOSE_SECONDS = 2.0


def _say_nothing(line: str) -> None:
    del line


class Deployment:
    """One stage of one API, compiled."""

    __slots__ = ("api_id", "connect", "disconnect", "events", "heads", "ids", "select", "stage")

    def __init__(
        self, api: model.WebSocketApi, stage: model.Stage, identity: model.Identity
    ) -> None:
        """Compile; raises TemplateError if the route selection expression isn't understood."""
        self.api_id = api.api_id
        self.stage = stage.name
        self.ids = GatewayIds(api.api_id)
        self.events = Events(api, stage, identity)
        self.select = RouteSelector(api).select
        self.heads = {key: self.events.message_head(key) for key in api.routes}
        self.connect = _integration_of(api.routes.get(CONNECT))
        self.disconnect = _integration_of(api.routes.get(DISCONNECT))


def _integration_of(route: model.Route | None) -> model.LambdaProxy | None:
    integration = None if route is None else route.integration
    return integration if isinstance(integration, LambdaProxy) else None


class WebSocketFront:
    """Accepts and refuses handshakes for the WebSocket APIs of an application."""

    def __init__(  # noqa: PLR0913 — the options of the command line
        self,
        application: model.Application,
        functions: Functions,
        registry: Registry,
        *,
        idle_timeout_seconds: float = limits.IDLE_TIMEOUT_SECONDS,
        max_duration_seconds: float = limits.MAX_DURATION_SECONDS,
        connect_rate: TokenBucket | None = None,
        account_rate: TokenBucket | None = None,
        why: Callable[[str], None] = _say_nothing,
    ) -> None:
        """Compile the APIs.

        Args:
            application: Its WebSocket APIs are served.
            functions: What runs the integrations.
            registry: Where pushes find the open connections.
            idle_timeout_seconds: Without traffic a connection is closed after this.
            max_duration_seconds: However busy, a connection is closed after this.
            connect_rate: Handshakes beyond it are refused with 429; None is unlimited.
            account_rate: Handshakes and messages beyond it are throttled; None is unlimited. The
                management API shares the quota, so it gets the same bucket.
            why: Takes a line for the developer wherever AWS would surprise.

        Raises:
            TemplateError: A route selection expression is not understood.
        """
        self.functions = functions
        self.registry = registry
        self.idle_timeout_seconds = idle_timeout_seconds
        self.max_duration_seconds = max_duration_seconds
        self.account_rate = account_rate
        self.why = why
        self._connect_rate = connect_rate
        self._deployments = {
            (api.logical_id, stage.name): Deployment(api, stage, application.identity)
            for api in application.websocket_apis.values()
            for stage in api.stages.values()
        }
        shortest = min(idle_timeout_seconds, max_duration_seconds)
        slot_seconds = min(_MAX_SLOT_SECONDS, shortest / _SLOTS_PER_TIMEOUT)
        self.wheel = clock.Wheel["Connection"](slot_seconds)
        self._watch = clock.Alarm(self.wheel, Connection.check_time)
        self._timeouts: dict[int, tuple[clock.Deadlines[Call], clock.Alarm[Call]]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._said: set[str] = set()

    async def __call__(
        self,
        api: model.WebSocketApi,
        stage: model.Stage,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        """Answer one handshake; an accepted connection outlives the call (ASGI `websocket`)."""
        deployment = self._deployments[api.logical_id, stage.name]
        upgrade: PendingUpgrade = scope["extensions"][UPGRADE]
        handshake = Handshake(upgrade.raw_headers, scope["query_string"], scope["client"][0])
        await receive()
        now_ms = clock.now_ms()
        request = Request(deployment.ids.new_request_id(now_ms), now_ms)
        # The id is there before anything is asked, and stays the same (gateway-spec 2).
        connection_id = deployment.ids.new_connection_id(now_ms)
        identity = write_identity(handshake.source_ip, _user_agent(handshake))
        caller = Caller(connection_id, now_ms, identity)
        self.registry.reserve(connection_id)
        try:
            verdict = await self._decide(deployment, handshake, caller, request)
            if isinstance(verdict, Refused):
                await refuse(send, verdict.answer, request.request_id)
                return
            self._explain(explain_subprotocol(handshake.headers, verdict.subprotocol))
            # A client may have left while `$connect` ran. The function has taken the connection as
            # established, so it is, and lost at once: `$disconnect` is invoked.
            upgrade.accept(Connection(self, deployment, caller), verdict.subprotocol)
        finally:
            self.registry.release(connection_id)

    async def close(self) -> None:
        """Let what still runs end within 2 s, then cancel it; call it when the server stopped."""
        self._watch.stop()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_CLOSE_SECONDS)
        for _, alarm in self._timeouts.values():
            alarm.stop()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _decide(
        self, deployment: Deployment, handshake: Handshake, caller: Caller, request: Request
    ) -> Accepted | Refused:
        if not self._may_connect():
            return Refused(TOO_MANY_REQUESTS)
        integration = deployment.connect
        if integration is None:
            return Accepted()
        event = deployment.events.connect(handshake, caller, request)
        try:
            response = await self._call_within(integration, event)
            return decide(response)
        except IntegrationError as error:
            self._explain(f"{CONNECT} answers {error.answer.status}: {error}")
            return Refused(error.answer)

    def _may_connect(self) -> bool:
        now = clock.monotonic()
        if self.account_rate is not None and not self.account_rate.take(now):
            return False
        return self._connect_rate is None or self._connect_rate.take(now)

    async def _call_within(self, integration: model.LambdaProxy, event: bytes) -> ProxyResponse:
        """Call an integration within its timeout; a function that is late goes on running."""
        task = self.run(call(self.functions, integration.function, event))
        await asyncio.wait({task}, timeout=integration.timeout_ms / 1000)
        if not task.done():
            raise IntegrationTimeout(f"no answer in {integration.timeout_ms} ms")
        return task.result()

    # For the connections

    def start(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Start a task that raises nothing, and keep it until it is done."""
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Start a task whose result may or may not be waited for, and keep it until it is done."""
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        return task

    def watch(self, connection: Connection, due: float) -> int:
        """Have the connection's time checked from `due` on; return the slot of the wheel."""
        slot = self.wheel.add(connection, due)
        self._watch.arm()
        return slot

    def timeouts(self, timeout_ms: int) -> tuple[clock.Deadlines[Call], clock.Alarm[Call]]:
        """Return the deadlines of the integrations with this timeout, and what watches them."""
        pair = self._timeouts.get(timeout_ms)
        if pair is None:
            deadlines = clock.Deadlines["Call"](timeout_ms / 1000)
            pair = self._timeouts[timeout_ms] = (deadlines, clock.Alarm(deadlines, _time_out))
        return pair

    def explain_once(self, line: str) -> None:
        """Say a line to the developer, unless it was said before."""
        if line not in self._said:
            self._said.add(line)
            self.why(line)

    def _explain(self, line: str | None) -> None:
        if line is not None:
            self.why(line)

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # a call that was late has nobody else to look at it


def _user_agent(handshake: Handshake) -> str | None:
    for name, value in handshake.headers:
        if name.lower() == b"user-agent":
            return value.decode("latin-1")
    return None


def _time_out(late: Call) -> None:
    connection, request_id = late
    connection.tell(IntegrationTimeout.message, request_id)
