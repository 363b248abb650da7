"""The WebSocket front: it answers handshakes, and keeps what all connections share.

An accepted handshake becomes a `Connection`, which drives itself; here are the calls
that run, and the timers that end what takes too long.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from functools import partial
from typing import TYPE_CHECKING

from local_gateway import clock, ids, limits
from local_gateway import why as reasons
from local_gateway.answer import TOO_MANY_REQUESTS, refuse
from local_gateway.assumptions import DEFAULTS
from local_gateway.authorization.access import Access
from local_gateway.authorization.errors import AuthorizationError
from local_gateway.authorization.gate import Admission
from local_gateway.calls import ConnectCall
from local_gateway.connection import Connection
from local_gateway.deadlines import Alarm, Deadlines, Wheel
from local_gateway.deployment import Deployment
from local_gateway.event import Caller, Handshake, Request, write_identity
from local_gateway.handshake import Accepted, Refused, decide, explain_subprotocol, read_offer
from local_gateway.inspector.journal import Journal
from local_gateway.integration import IntegrationError, NotInvocable
from local_gateway.integrations.backend import Backends
from local_gateway.routing import CONNECT
from local_gateway.throttling import Throttles
from local_gateway.upgrade import UPGRADE
from local_gateway.why import Why
from local_gateway.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from local_gateway import api as model
    from local_gateway.assumptions import Assumptions
    from local_gateway.calls import TimedCall
    from local_gateway.integration import Call, FunctionRunner, ProxyResponse, Target
    from local_gateway.integrations.http_client import HttpClient
    from local_gateway.limits import TokenBucket
    from local_gateway.registry import Registry
    from local_gateway.server import Receive, Scope, Send
    from local_gateway.upgrade import PendingUpgrade

_log = logging.getLogger(__name__)

SLOT_SECONDS = 1.0
"""How much later than its time a connection may be closed, if that is not much of the timeout."""
_SLOTS_PER_TIMEOUT = 8
_CLOSE_SECONDS = 2.0
_SWITCHING_PROTOCOLS = 101


def _nowhere() -> str:
    return ""


class WebSocketFront:
    """Accepts and refuses handshakes for the WebSocket APIs of an application."""

    def __init__(  # noqa: PLR0913 — the options of the command line
        self,
        application: model.Application,
        functions: FunctionRunner,
        registry: Registry,
        *,
        idle_timeout_seconds: float = limits.IDLE_TIMEOUT_SECONDS,
        max_duration_seconds: float = limits.MAX_DURATION_SECONDS,
        slot_seconds: float = SLOT_SECONDS,
        connect_rate: TokenBucket | None = None,
        account_rate: TokenBucket | None = None,
        services_url: Callable[[], str] = _nowhere,
        gateway_url: Callable[[], str] = _nowhere,
        access: Access | None = None,
        assumptions: Assumptions = DEFAULTS,
        why: Why | None = None,
        journal: Journal | None = None,
    ) -> None:
        """Compile the APIs.

        Args:
            application: Its WebSocket APIs are served.
            functions: What runs the integrations.
            registry: Where pushes find the open connections.
            idle_timeout_seconds: Without traffic a connection is closed after this.
            max_duration_seconds: However busy, a connection is closed after this.
            slot_seconds: How much later than its time a connection may be closed; 0 is exact.
            connect_rate: Handshakes beyond it are refused with 429; None is unlimited.
            account_rate: Handshakes and messages beyond it are throttled; None is unlimited. The
                management API shares the quota, so it gets the same bucket.
            access: Who may connect; the management API gets the same. None asks for nothing that
                the template doesn't ask for.
            services_url: Returns where the embedded SQS and DynamoDB are, once they have started.
            gateway_url: Returns where the emulator listens, once it does.
            assumptions: What is open, decided.
            why: Is told wherever AWS would surprise.
            journal: Is told of each handshake and frame.

        Raises:
            TemplateError: A route selection expression is not understood.
        """
        self.functions = functions
        self.registry = registry
        self.idle_timeout_seconds = idle_timeout_seconds
        self.max_duration_seconds = max_duration_seconds
        self.account_rate = account_rate
        self.assumptions = assumptions
        self.why = why or Why()
        self.journal = Journal() if journal is None else journal
        self.replaces_error_replies = assumptions.error_reply == "internal-server-error"
        self._connect_rate = connect_rate
        shortest = min(idle_timeout_seconds, max_duration_seconds)
        self.wheel = Wheel["Connection"](min(slot_seconds, shortest / _SLOTS_PER_TIMEOUT))
        self._watch = Alarm(self.wheel, Connection.check_time)
        self._timeouts: dict[int, tuple[Deadlines[TimedCall], Alarm[TimedCall]]] = {}
        self.reply: Callable[[Wire, bytes], None] = Wire.write_text
        """How an answer goes out."""
        self.say_goodbye: Callable[[Target, Call], None] = self.begin
        """How a `$disconnect` begins."""
        self._running: set[Call] = set()
        self._all_ended = asyncio.Event()
        self._http_client: HttpClient | None = None
        self._access = Access(application, says=self.why) if access is None else access
        self._backends = Backends(
            functions,
            self._get_http_client,
            services_url,
            application.identity.region,
            gateway_url,
        )
        self._throttles = Throttles()
        self._deployments = self.compile(application)

    def compile(self, application: model.Application) -> dict[tuple[str, str], Deployment]:
        """Return the stages of an application, by API and name, without serving them.

        Raises:
            TemplateError: A route selection expression is not understood.
        """
        apis = (*application.websocket_apis.values(), *application.http_apis.values())
        own_hosts = frozenset(api.domain_name(application.identity) for api in apis)
        backends = self._backends._replace(own_hosts=own_hosts)
        return {
            (api.logical_id, stage.name): Deployment(
                api,
                stage,
                application.identity,
                access=self._access,
                backends=backends,
                throttles=self._throttles,
                timeouts=self._timeouts_after,
                assumptions=self.assumptions,
            )
            for api in application.websocket_apis.values()
            for stage in api.stages.values()
        }

    def reload(self, compiled: dict[tuple[str, str], Deployment]) -> None:
        """Serve these stages from now on.

        Open connections stay where their stage is still there; the others are closed with 1001.
        """
        before, self._deployments = self._deployments, dict(compiled)
        for key, deployment in before.items():
            if key in compiled:
                deployment.adopt(compiled[key])
                self._deployments[key] = deployment
        gone = {(each.api_id, each.stage) for key, each in before.items() if key not in compiled}
        for connection in self.registry.connections() if gone else ():
            if (connection.api_id, connection.stage_name) in gone:
                connection.go_away()

    async def __call__(
        self,
        api: model.WebSocketApi,
        stage: model.Stage,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        """Answer one handshake; an accepted connection outlives the call (ASGI `websocket`)."""
        deployment = self.deployment(api, stage)
        upgrade: PendingUpgrade = scope["extensions"][UPGRADE]
        await receive()
        now_ms = clock.now_ms()
        handshake = Handshake(
            upgrade.raw_headers,
            scope["query_string"],
            scope["client"][0],
            scope["raw_path"],
            ids.new_trace_id(now_ms),
        )
        request = Request(deployment.ids.new_request_id(now_ms), now_ms)
        # The id is there before anything is asked, and stays the same (CONNECT-19).
        connection_id = deployment.ids.new_connection_id(now_ms)
        identity = write_identity(handshake.source_ip, handshake.header("user-agent"))
        caller = Caller(connection_id, now_ms, identity)
        self.registry.reserve(connection_id)
        try:
            verdict, caller = await self._decide(deployment, handshake, caller, request)
            arrived = partial(self.journal.arrived, connection_id, api.logical_id, stage.name)
            if isinstance(verdict, Refused):
                arrived(handshake, verdict.answer.status, None, now_ms)
                await refuse(send, verdict.answer, request.request_id)
                return
            subprotocol = self._check_subprotocol(stage.name, handshake, verdict.subprotocol)
            arrived(handshake, _SWITCHING_PROTOCOLS, subprotocol, now_ms)
            # A client may have left while `$connect` ran. The function has taken the connection as
            # established, so it is, and lost at once: `$disconnect` is invoked.
            upgrade.accept(Connection(self, deployment, caller), subprotocol)
        finally:
            self.registry.release(connection_id)

    def deployment(self, api: model.WebSocketApi, stage: model.Stage) -> Deployment:
        """Return a stage as it is served."""
        return self._deployments[api.logical_id, stage.name]

    async def close(self) -> None:
        """Let what still runs end within 2 s; call it when the server stopped."""
        self._watch.stop()
        self._all_ended.clear()
        if self._running:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._all_ended.wait(), _CLOSE_SECONDS)
        for _, alarm in self._timeouts.values():
            alarm.stop()
        if self._http_client is not None:
            await self._http_client.close()

    async def _decide(
        self, deployment: Deployment, handshake: Handshake, caller: Caller, request: Request
    ) -> tuple[Accepted | Refused, Caller]:
        """Return what becomes of a handshake, and what later events say of its connection."""
        if not self._may_connect(deployment):
            return Refused(TOO_MANY_REQUESTS), caller
        admission = Admission(caller, caller)
        if deployment.gate is not None:
            try:
                admission = await deployment.gate.admit(handshake, caller, request)
            except AuthorizationError as error:
                return Refused(error.answer), caller
        target = deployment.connect
        if target is None:
            return Accepted(), admission.afterwards
        call = ConnectCall(self, deployment, handshake, admission.on_connect, request)
        self.begin(target, call)
        try:
            says_why = self.assumptions.refused_body == "message"
            response = await self._wait(call, target.timeout_ms)
            return decide(response, says_why=says_why), admission.afterwards
        except IntegrationError as error:
            self.why.say(
                reasons.CONNECT_FAILED,
                f"route {CONNECT}",
                status=error.answer.status,
                problem=error,
            )
            return Refused(error.answer), caller

    def _check_subprotocol(
        self, stage: str, handshake: Handshake, subprotocol: str | None
    ) -> str | None:
        offered = read_offer(handshake.headers)
        explain_subprotocol(self.why, f"stage {stage}", offered, subprotocol)
        is_dropped = self.assumptions.unoffered_subprotocol == "dropped"
        return None if is_dropped and subprotocol not in offered else subprotocol

    def _may_connect(self, deployment: Deployment) -> bool:
        now = clock.monotonic()
        buckets = (self.account_rate, self._connect_rate, deployment.connect_bucket)
        return all(bucket is None or bucket.take(now) for bucket in buckets)

    async def _wait(self, call: ConnectCall, timeout_ms: int) -> ProxyResponse:
        """Return the answer if it is in time; a function that is late goes on running."""
        deadlines, alarm = self._timeouts_after(timeout_ms)
        deadlines.add(call, clock.monotonic())
        alarm.arm()
        try:
            return await call.outcome
        finally:
            deadlines.discard(call)

    # For the connections

    def begin(self, target: Target, call: Call) -> None:
        """Begin a call, which says by `end` that it is settled."""
        self._running.add(call)
        try:
            target.begin(call)
        except Exception as error:  # noqa: BLE001 — one message must not take the rest down
            # A defect of ours, which must not take the connection down with it.
            _log.exception("a call could not be begun")
            call.fail(NotInvocable(str(error)))

    def end(self, call: Call) -> None:
        """Note that a call is settled."""
        self._running.discard(call)
        if not self._running:
            self._all_ended.set()

    def watch(self, connection: Connection, due: float) -> float:
        """Have the connection's time checked from `due` on; return the slot of the wheel."""
        slot = self.wheel.add(connection, due)
        self._watch.arm()
        return slot

    def _timeouts_after(self, timeout_ms: int) -> tuple[Deadlines[TimedCall], Alarm[TimedCall]]:
        """Return the deadlines of the calls with this timeout, and what watches them."""
        pair = self._timeouts.get(timeout_ms)
        if pair is None:
            deadlines = Deadlines["TimedCall"](timeout_ms / 1000)
            alarm = Alarm(deadlines, _time_out)
            pair = self._timeouts[timeout_ms] = (deadlines, alarm)
        return pair

    def _get_http_client(self) -> HttpClient:
        """Return what HTTP integrations share; only a template that has some imports it."""
        if self._http_client is None:
            from local_gateway.integrations.http_client import HttpClient  # noqa: PLC0415 — aiohttp

            self._http_client = HttpClient()
        return self._http_client


def _time_out(late: TimedCall) -> None:
    late.time_out()
